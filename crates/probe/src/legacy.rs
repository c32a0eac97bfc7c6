//! Events of the profile hook, CPython 3.8 to 3.11.
//!
//! There is one hook a thread. It is installed in the main thread by the bootstrap and in every
//! other one by [`start_thread`], which stands in for `_thread.start_new_thread`. What a program
//! itself gives to `sys.setprofile` is called by us ([`set_profile`]), so both work at once. The
//! trace hook is the subject of [`crate::line_hook`].
//! Call sites are read from the caller's frame, so they are known for every call.

use crate::calls::{self, Callee};
use crate::monitor::Arguments;
use crate::object::{BuiltIn, Object, field};
use crate::state::{api, entry, header, node, state, ticks};
use crate::threads;
use core::ffi::{CStr, c_int};
use core::ptr;
use pitstop_wire::{Callable, Kind, Offsets, SITE_BITS, Thread};

/// Numbers of events: `Include/cpython/pystate.h`.
mod event {
    pub(super) const CALL: i32 = 0;
    pub(super) const RETURN: i32 = 3;
    pub(super) const C_CALL: i32 = 4;
    pub(super) const C_EXCEPTION: i32 = 5;
    pub(super) const C_RETURN: i32 = 6;
}

/// What `sys.setprofile` and `sys.settrace` call them, by number.
pub(crate) const EVENT_NAMES: [&CStr; 8] = [
    c"call",
    c"exception",
    c"line",
    c"return",
    c"c_call",
    c"c_exception",
    c"c_return",
    c"opcode",
];

/// `CO_GENERATOR`, `CO_COROUTINE` and `CO_ASYNC_GENERATOR` of `Include/code.h`.
const SUSPENDS: u32 = 0x20 | 0x80 | 0x200;
/// `YIELD_VALUE` of `Include/opcode.h`, the same from 3.8 to 3.11.
const YIELD_VALUE: u8 = 86;
/// `RETURN_VALUE`, likewise.
const RETURN_VALUE: u8 = 83;
/// `YIELD_FROM`, up to 3.10.
const YIELD_FROM: u8 = 72;
/// `PyFrameObject.f_frame` of 3.11 (`Include/internal/pycore_frame.h`).
const FRAME_INSIDE: u32 = 24;

/// A frame, wherever this version keeps it.
#[derive(Clone, Copy)]
pub(crate) struct Frame(*const Object);

impl Frame {
    /// The frame behind a frame object.
    ///
    /// # Safety
    /// The GIL is held and the object is a frame.
    pub(crate) unsafe fn of(object: *const Object) -> Self {
        // SAFETY: the object is a frame; from 3.11 on the frame itself lies elsewhere.
        unsafe {
            if (*state()).minor >= 11 {
                Self(field(object, FRAME_INSIDE))
            } else {
                Self(object)
            }
        }
    }

    /// What identifies it while it lives.
    pub(crate) fn address(self) -> u64 {
        self.0 as u64
    }

    /// Its code object.
    ///
    /// # Safety
    /// As for [`Frame::of`].
    pub(crate) unsafe fn code(self) -> *mut Object {
        // SAFETY: the offsets of this version were verified at the start.
        unsafe { field(self.0, (*state()).offsets.frame_code) }
    }

    unsafe fn caller(self) -> Option<Self> {
        // SAFETY: likewise.
        let caller: *const Object = unsafe { field(self.0, (*state()).offsets.frame_previous) };
        (!caller.is_null()).then_some(Self(caller))
    }

    /// The instruction that ran last, in units of two bytes; negative before the first.
    unsafe fn unit(self) -> i64 {
        // SAFETY: likewise.
        unsafe {
            let offsets: &Offsets = &(*state()).offsets;
            match (*state()).minor {
                // Bytes.
                ..=9 => i64::from(field::<i32>(self.0, offsets.frame_instruction)) >> 1,
                // Units already.
                10 => i64::from(field::<i32>(self.0, offsets.frame_instruction)),
                // An address.
                _ => {
                    let instruction: i64 = field(self.0, offsets.frame_instruction);
                    (instruction - (self.code() as i64 + i64::from(offsets.code_bytes))) >> 1
                }
            }
        }
    }

    /// The call site in the form of a key.
    unsafe fn site(self) -> u32 {
        // SAFETY: as for `unit`.
        let unit = unsafe { self.unit() };
        if (0..(1 << SITE_BITS) - 1).contains(&unit) {
            unit as u32 + 1
        } else {
            0
        }
    }

    /// The operation and argument of the instruction that ran last.
    unsafe fn instruction(self) -> [u8; 2] {
        // SAFETY: as for `unit`.
        unsafe { self.instruction_at(self.unit()) }
    }

    unsafe fn instruction_at(self, unit: i64) -> [u8; 2] {
        // SAFETY: as for `unit`; the instruction lies within the code.
        unsafe {
            if unit < 0 {
                return [0; 2];
            }
            let offsets: &Offsets = &(*state()).offsets;
            let code: *const u8 = self.code().cast_const().cast();
            let bytes = if (*state()).minor >= 11 {
                code.add(offsets.code_bytes as usize)
            } else {
                let bytes: *const u8 = field(self.code(), offsets.code_bytes);
                bytes.add(offsets.bytes_data as usize)
            };
            bytes.add(unit as usize * 2).cast::<[u8; 2]>().read()
        }
    }

    /// True if a generator or coroutine has run before.
    unsafe fn is_resumed(self) -> bool {
        // SAFETY: as for `unit`.
        unsafe {
            if (*state()).minor >= 11 {
                // RESUME tells by its argument: 0 is the beginning of the function. A generator
                // that an exception is thrown into stands at its yield instead.
                let [operation, argument] = self.instruction();
                operation == YIELD_VALUE || argument & 3 != 0
            } else {
                self.unit() >= 0
            }
        }
    }

    /// True if the frame has just been suspended. Up to 3.10 one that delegates (`yield from`,
    /// `await`) stands before its instruction, to run it again (`Python/ceval.c`). A frame that
    /// returns stands at its RETURN_VALUE, behind which no such instruction comes by itself.
    unsafe fn yields(self) -> bool {
        // SAFETY: as for `unit`; behind an instruction that does not return there is another.
        unsafe {
            let unit = self.unit();
            match self.instruction_at(unit) {
                [YIELD_VALUE, _] => true,
                [RETURN_VALUE, _] => false,
                _ if (*state()).minor <= 10 => self.instruction_at(unit + 1)[0] == YIELD_FROM,
                _ => false,
            }
        }
    }
}

impl Frame {
    /// True for a generator or coroutine that has run before.
    ///
    /// # Safety
    /// As for [`Frame::of`], at the beginning of the frame.
    pub(crate) unsafe fn suspends_and_is_resumed(self) -> bool {
        // SAFETY: as the caller promises.
        unsafe { suspends(self.code()) && self.is_resumed() }
    }

    /// True for a generator or coroutine that has just been suspended.
    ///
    /// # Safety
    /// As for [`Frame::of`], at the end of the frame.
    pub(crate) unsafe fn has_yielded(self) -> bool {
        // SAFETY: as the caller promises.
        unsafe { suspends(self.code()) && self.yields() }
    }
}

unsafe fn suspends(code: *const Object) -> bool {
    // SAFETY: the offset was verified at the start.
    unsafe { field::<u32>(code, (*state()).code_flags) & SUSPENDS != 0 }
}

/// The hook.
unsafe extern "C" fn hook(
    _module: *mut Object,
    frame: *mut Object,
    what: c_int,
    argument: *mut Object,
) -> c_int {
    // SAFETY: called by the interpreter with the GIL held, a frame, and what the event has.
    unsafe {
        let now = ticks();
        let mut thread = threads::current();
        if thread.is_null() && what == event::CALL {
            let code = Frame::of(frame).code();
            if threads::is_first_of_main(|| crate::module::is_module_code(code)) {
                thread = threads::current();
            }
        }
        if thread.is_null() {
            return 0;
        }
        let program = (*thread).hook;
        // Going in, the clock is read last; going out it was read first.
        if program != 0 && matches!(what, event::RETURN | event::C_RETURN | event::C_EXCEPTION) {
            let result = call_program(thread, frame, what, argument);
            record(thread, frame, what, argument, now);
            return result;
        }
        if program != 0 && call_program(thread, frame, what, argument) != 0 {
            record(thread, frame, what, argument, now);
            return -1;
        }
        record(thread, frame, what, argument, now);
        0
    }
}

#[inline(always)]
unsafe fn record(
    thread: *mut Thread,
    frame: *mut Object,
    what: c_int,
    argument: *mut Object,
    now: u64,
) {
    // SAFETY: as for `hook`.
    unsafe {
        match what {
            event::CALL => call(thread, Frame::of(frame)),
            event::RETURN => leave(thread, Frame::of(frame), argument, now),
            event::C_CALL if (*state()).records_native => {
                let site = Frame::of(frame).site();
                let address = native(argument);
                calls::enter(thread, address, site, Callee::Native(argument));
            }
            event::C_RETURN if (*state()).records_native => {
                calls::leave(thread, native(argument), now);
            }
            event::C_EXCEPTION if (*state()).records_native => {
                calls::leave_raising(thread, native(argument), now);
            }
            _ => {}
        }
    }
}

/// These events come for built-in functions only.
#[inline(always)]
unsafe fn native(function: *mut Object) -> u64 {
    // SAFETY: the interpreter gives a built-in function.
    unsafe { (*function.cast::<BuiltIn>()).definition as u64 }
}

#[inline(always)]
unsafe fn call(thread: *mut Thread, frame: Frame) {
    // SAFETY: as for `hook`.
    unsafe {
        let code = frame.code();
        let parent = (*node((*thread).current)).callable;
        let is_python = parent != 0 && (*entry::<Callable>(parent)).kind == Kind::Python as u32;
        let site = match frame.caller() {
            Some(caller) if is_python => caller.site(),
            _ => 0,
        };
        if frame.suspends_and_is_resumed() {
            (*thread).site = site;
            calls::resume(thread, code, frame.address());
        } else {
            calls::enter(thread, code as u64, site, Callee::Code(code));
        }
    }
}

#[inline(always)]
unsafe fn leave(thread: *mut Thread, frame: Frame, value: *const Object, now: u64) {
    // SAFETY: as for `hook`.
    unsafe {
        let code = frame.code();
        if value.is_null() {
            calls::leave_raising(thread, code as u64, now);
            return;
        }
        calls::leave(thread, code as u64, now);
        if frame.has_yielded() && !(*state()).waits.suspend(frame.address(), now, 0) {
            (*header()).lost.waits += 1;
        }
    }
}

/// Calls what the program gave to `sys.setprofile`, as `call_trampoline` of `Python/sysmodule.c`
/// does: the interpreter calls no hook meanwhile, and a function that raises is taken out.
unsafe fn call_program(
    thread: *mut Thread,
    frame: *mut Object,
    what: c_int,
    argument: *mut Object,
) -> c_int {
    // SAFETY: the GIL is held; the function is kept alive by the thread's record.
    unsafe {
        let api = api();
        let function = (*thread).hook as *mut Object;
        let Some(name) = EVENT_NAMES.get(what as usize) else {
            return 0;
        };
        let name = (api.string_new)(name.as_ptr());
        if name.is_null() {
            return -1;
        }
        let argument = if argument.is_null() {
            api.none
        } else {
            argument
        };
        (api.increase)(function);
        let end: *mut Object = ptr::null_mut();
        let result = (api.call_objects)(function, frame, name, argument, end);
        (api.decrease)(function);
        (api.decrease)(name);
        if result.is_null() {
            replace(thread, ptr::null_mut());
            return -1;
        }
        (api.decrease)(result);
        0
    }
}

/// Sets the program's own function in a thread.
///
/// # Safety
/// The GIL is held, the thread is the running one, and the function an object or null.
pub(crate) unsafe fn replace(thread: *mut Thread, function: *mut Object) {
    // SAFETY: the GIL is held; the old function is ours to let go.
    unsafe {
        let api = api();
        let old = core::mem::replace(&mut (*thread).hook, function as u64) as *mut Object;
        if !function.is_null() {
            (api.increase)(function);
        }
        if !old.is_null() {
            (api.decrease)(old);
        }
    }
}

/// `hook()`: installs the hook in the running thread.
///
/// # Safety
/// Called by the interpreter, with the GIL held.
pub(crate) unsafe extern "C" fn install(
    module: *mut Object,
    _: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: as above.
    unsafe {
        (api().set_profile)(Some(hook), module);
        crate::module::none()
    }
}

/// `hook_is_ours(function)`: given `sys.getprofile` or `sys.gettrace`, counts it if another tool has
/// taken our place.
///
/// # Safety
/// As for [`install`], with that argument.
pub(crate) unsafe extern "C" fn is_ours(
    module: *mut Object,
    arguments: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: there is one argument.
    let get = unsafe { *arguments };
    // SAFETY: the GIL is held.
    unsafe { is_in_place(get, module) };
    // SAFETY: likewise.
    unsafe { crate::module::none() }
}

/// False if another tool has taken our hook's place in the running thread, which is counted. `get`
/// tells what hook there is.
///
/// # Safety
/// The GIL is held, no exception is set, and both are objects.
pub(crate) unsafe fn is_in_place(get: *mut Object, module: *mut Object) -> bool {
    // SAFETY: the GIL is held.
    let api = unsafe { api() };
    let end: *mut Object = ptr::null_mut();
    // SAFETY: it is a callable.
    let now = unsafe { (api.call_objects)(get, end) };
    if now.is_null() {
        // SAFETY: the GIL is held.
        unsafe { (api.error_clear)() };
        return true;
    }
    // SAFETY: it is ours to let go; only its address counts.
    unsafe { (api.decrease)(now) };
    // SAFETY: the GIL is held.
    if now != module && !unsafe { (*state()).base }.is_null() {
        // SAFETY: the file is mapped.
        unsafe { (*header()).lost.hooks += 1 };
        return false;
    }
    true
}

/// `start_thread(function, arguments[, keywords])`: stands in for `_thread.start_new_thread`, and
/// starts a thread that begins with [`in_thread`].
///
/// # Safety
/// As for [`install`], after [`set_threads`].
pub(crate) unsafe extern "C" fn start_thread(
    _: *mut Object,
    arguments: Arguments,
    count: isize,
) -> *mut Object {
    // SAFETY: as above; `count` says how many there are.
    unsafe {
        let api = api();
        let original = (*state()).start_original;
        let begin = (*state()).start_begin;
        let end: *mut Object = ptr::null_mut();
        let given = |index: isize| {
            if index < count {
                *arguments.offset(index)
            } else {
                end
            }
        };
        let is_tuple = count >= 2 && crate::object::is(given(1), api.tuple_type);
        let is_usual = is_tuple && count <= 3 && (api.is_callable)(given(0)) != 0;
        if !is_usual {
            // What is wrong with it, the original says best.
            return (api.call_objects)(original, given(0), given(1), given(2), given(3), end);
        }
        let keywords = if count == 3 { given(2) } else { api.none };
        let inner = (api.tuple_pack)(3, given(0), given(1), keywords);
        if inner.is_null() {
            return end;
        }
        let result = (api.call_objects)(original, begin, inner, end);
        (api.decrease)(inner);
        result
    }
}

/// `set_threads(original, in_thread, get)`: what [`start_thread`] works with, and what tells which
/// hook a thread has.
///
/// # Safety
/// As for [`install`].
pub(crate) unsafe extern "C" fn set_threads(
    _: *mut Object,
    arguments: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: the bootstrap gives three callables; they are kept for ever.
    unsafe {
        let (original, begin) = (*arguments, *arguments.add(1));
        let get = *arguments.add(2);
        (api().increase)(original);
        (api().increase)(begin);
        (api().increase)(get);
        (*state()).get_hook = get;
        ((*state()).start_original, (*state()).start_begin) = (original, begin);
        crate::module::none()
    }
}

/// `in_thread(function, arguments, keywords)`: the first thing in a new thread.
///
/// # Safety
/// As for [`install`].
pub(crate) unsafe extern "C" fn in_thread(
    module: *mut Object,
    arguments: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: `start_thread` gives a callable, a tuple, and a dict or None.
    unsafe {
        let api = api();
        if (*state()).records_calls {
            (api.set_profile)(Some(hook), module);
        } else {
            crate::line_hook::set(module);
        }
        let keywords = *arguments.add(2);
        let keywords = if keywords == api.none {
            ptr::null_mut()
        } else {
            keywords
        };
        let result = (api.call)(*arguments, *arguments.add(1), keywords);
        // With an exception set nothing may be called; threads of `threading` end without one.
        if !result.is_null() {
            is_in_place((*state()).get_hook, module);
        }
        result
    }
}

/// `set_profile(function)`: stands in for `sys.setprofile`.
///
/// # Safety
/// As for [`install`].
pub(crate) unsafe extern "C" fn set_profile(
    _: *mut Object,
    arguments: Arguments,
    count: isize,
) -> *mut Object {
    // SAFETY: as above.
    unsafe {
        let api = api();
        if count != 1 {
            (api.error_set)(
                *api.type_error,
                c"sys.setprofile() takes exactly one argument".as_ptr(),
            );
            return ptr::null_mut();
        }
        let thread = threads::current();
        if !thread.is_null() {
            let function = *arguments;
            let function = if function == api.none {
                ptr::null_mut()
            } else {
                function
            };
            replace(thread, function);
        }
        crate::module::none()
    }
}

/// `get_profile()`: stands in for `sys.getprofile`, and where lines are timed for `sys.gettrace`.
///
/// # Safety
/// As for [`install`].
pub(crate) unsafe extern "C" fn get_profile(_: *mut Object, _: Arguments, _: isize) -> *mut Object {
    // SAFETY: as above.
    unsafe {
        let thread = threads::current();
        if thread.is_null() || (*thread).hook == 0 {
            return crate::module::none();
        }
        let function = (*thread).hook as *mut Object;
        (api().increase)(function);
        function
    }
}
