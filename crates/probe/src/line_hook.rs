//! Events of the trace hook, CPython 3.8 to 3.11: lines of chosen functions.
//!
//! There is one hook a thread, and a program may want it for itself: a debugger, a coverage tool,
//! `sys.settrace`. What it gives to `sys.settrace` is kept by [`set_trace`] and called by ours as
//! the interpreter would call it (`trace_trampoline` of `Python/sysmodule.c`), so both work at once.
//! Where native code takes the hook with `PyEval_SetTrace` nothing tells us; that is found out when
//! the program calls `sys.settrace` again, when a thread ends and when the process does, and counted.

use crate::legacy::{self, Frame};
use crate::lines::{begin_line, enter, go_on, pause, pop, running, timed};
use crate::monitor::Arguments;
use crate::object::Object;
use crate::state::{api, header, state, ticks};
use crate::threads;
use core::ffi::c_int;
use core::ptr;
use pitstop_wire::Thread;

/// Numbers of events: `Include/cpython/pystate.h`.
const CALL: c_int = 0;
const LINE: c_int = 2;
const RETURN: c_int = 3;

/// The hook.
unsafe extern "C" fn hook(
    _module: *mut Object,
    frame: *mut Object,
    what: c_int,
    value: *mut Object,
) -> c_int {
    // SAFETY: called by the interpreter with the GIL held.
    let now = unsafe { ticks() };
    // SAFETY: likewise.
    let thread = unsafe { threads::current() };
    if thread.is_null() {
        return 0;
    }
    // SAFETY: it is the record of the running thread.
    if unsafe { (*thread).hook } == 0 {
        // SAFETY: the interpreter gives a frame, and what the event has.
        unsafe { record(thread, frame, what, value, now) };
        return 0;
    }
    // SAFETY: likewise.
    unsafe { record_and_tell(thread, frame, what, value, now) }
}

/// An event that the program wants to hear of too.
#[cold]
#[inline(never)]
unsafe fn record_and_tell(
    thread: *mut Thread,
    frame: *mut Object,
    what: c_int,
    value: *mut Object,
    now: u64,
) -> c_int {
    if what == CALL {
        // SAFETY: as for `hook`.
        let result = unsafe { tell(thread, frame, what, value) };
        // If it raises, the call does not take place, and its end is not told.
        if result == 0 {
            // SAFETY: likewise. What the program's function took is no time of the call.
            unsafe { record(thread, frame, what, value, ticks()) };
        }
        return result;
    }
    if what == RETURN {
        // SAFETY: likewise.
        unsafe { note_silent_lines(thread, frame) };
    }
    // SAFETY: likewise.
    unsafe { record(thread, frame, what, value, now) };
    // SAFETY: likewise.
    unsafe { tell(thread, frame, what, value) }
}

#[inline(always)]
unsafe fn record(
    thread: *mut Thread,
    object: *mut Object,
    what: c_int,
    value: *mut Object,
    now: u64,
) {
    // SAFETY: as for `hook`.
    unsafe {
        let frame = Frame::of(object);
        let code = frame.code();
        match what {
            CALL => {
                let timed = timed(code);
                if timed != 0 && frame.suspends_and_is_resumed() {
                    go_on(thread, code, timed, frame.address());
                } else if timed != 0 {
                    enter(thread, code, timed, now);
                }
            }
            LINE => {
                let activation = running(thread, code);
                if !activation.is_null() {
                    begin_line(activation, (api().frame_line)(object) as u32, now);
                }
            }
            RETURN => {
                let activation = running(thread, code);
                if !activation.is_null() {
                    if !value.is_null() && frame.has_yielded() {
                        pause(thread, activation, frame.address(), now);
                    } else {
                        pop(thread, activation, now);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Counts it if the program's function has switched off the lines of a timed frame
/// (`f_trace_lines`): they were told to nobody.
unsafe fn note_silent_lines(thread: *mut Thread, frame: *mut Object) {
    // SAFETY: the interpreter gives a frame.
    let code = unsafe { Frame::of(frame).code() };
    // SAFETY: the thread is the running one.
    if unsafe { running(thread, code) }.is_null() {
        return;
    }
    // SAFETY: the GIL is held.
    let api = unsafe { api() };
    let Some(attribute) = api.attribute else {
        return;
    };
    // SAFETY: a return by an exception has that kept aside by the interpreter.
    let lines = unsafe { attribute(frame, c"f_trace_lines".as_ptr()) };
    if lines.is_null() {
        // SAFETY: the GIL is held.
        unsafe { (api.error_clear)() };
        return;
    }
    // SAFETY: it is a bool.
    if unsafe { (api.long_value)(lines) } == 0 {
        // SAFETY: the file is mapped.
        unsafe { (*header()).lost.hooks += 1 };
    }
    // SAFETY: it is ours to let go.
    unsafe { (api.decrease)(lines) };
}

/// Calls the program's function, or the one that it left in the frame, as the interpreter does.
unsafe fn tell(thread: *mut Thread, frame: *mut Object, what: c_int, value: *mut Object) -> c_int {
    // SAFETY: the GIL is held.
    let api = unsafe { api() };
    let (Some(attribute), Some(set)) = (api.attribute, api.attribute_set) else {
        return 0;
    };
    let name = c"f_trace".as_ptr();
    let function = if what == CALL {
        // SAFETY: the thread is the running one.
        let function = unsafe { (*thread).hook } as *mut Object;
        // SAFETY: the thread's record keeps it alive.
        unsafe { (api.increase)(function) };
        function
    } else {
        // SAFETY: it is a frame.
        unsafe { attribute(frame, name) }
    };
    if function.is_null() {
        return -1;
    }
    if function == api.none {
        // SAFETY: it is ours to let go.
        unsafe { (api.decrease)(function) };
        return 0;
    }
    // SAFETY: all are objects, and `what` is an event's number.
    let result = unsafe { call(function, frame, what, value) };
    // SAFETY: it is ours to let go.
    unsafe { (api.decrease)(function) };
    if result.is_null() {
        // SAFETY: the thread is the running one.
        unsafe { legacy::replace(thread, ptr::null_mut()) };
        // SAFETY: an exception is set, and stays.
        unsafe { clear_keeping_exception(frame) };
        return -1;
    }
    // SAFETY: both are objects.
    let stored = if result == api.none {
        0
    } else {
        // SAFETY: it is a frame.
        unsafe { set(frame, name, result) }
    };
    // SAFETY: it is ours to let go.
    unsafe { (api.decrease)(result) };
    stored
}

/// `call_trampoline` of `Python/sysmodule.c`: local variables are put where Python sees them, and
/// back if it changed them.
unsafe fn call(
    function: *mut Object,
    frame: *mut Object,
    what: c_int,
    value: *mut Object,
) -> *mut Object {
    // SAFETY: the GIL is held.
    let api = unsafe { api() };
    let Some(name) = legacy::EVENT_NAMES.get(what as usize) else {
        return ptr::null_mut();
    };
    if let Some(show) = api.locals_show {
        // SAFETY: it is a frame.
        if unsafe { show(frame) } < 0 {
            return ptr::null_mut();
        }
    }
    // SAFETY: it is C text.
    let name = unsafe { (api.string_new)(name.as_ptr()) };
    if name.is_null() {
        return name;
    }
    let value = if value.is_null() { api.none } else { value };
    let end: *mut Object = ptr::null_mut();
    // SAFETY: all are objects.
    let result = unsafe { (api.call_objects)(function, frame, name, value, end) };
    if let Some(take) = api.locals_take {
        // SAFETY: it is a frame; an exception that is set is kept by the function.
        unsafe { take(frame, 1) };
    }
    // SAFETY: the GIL is held. 3.11 leaves the line in the traceback to what follows.
    let is_to_add = result.is_null() && unsafe { (*state()).minor } <= 10;
    if let (true, Some(here)) = (is_to_add, api.traceback_here) {
        // SAFETY: it is a frame, and an exception is set.
        unsafe { here(frame) };
    }
    // SAFETY: it is ours to let go.
    unsafe { (api.decrease)(name) };
    result
}

/// Takes the program's function out of a frame, with an exception set.
unsafe fn clear_keeping_exception(frame: *mut Object) {
    // SAFETY: the GIL is held.
    let api = unsafe { api() };
    let (Some(fetch), Some(restore), Some(set)) =
        (api.error_fetch, api.error_restore, api.attribute_set)
    else {
        return;
    };
    let mut parts: [*mut Object; 3] = [ptr::null_mut(); 3];
    let [kind, value, trace] = &mut parts;
    // SAFETY: three places for the exception.
    unsafe { fetch(kind, value, trace) };
    // SAFETY: it is a frame; None takes the function out.
    if unsafe { set(frame, c"f_trace".as_ptr(), api.none) } < 0 {
        // SAFETY: the GIL is held.
        unsafe { (api.error_clear)() };
    }
    let [kind, value, trace] = parts;
    // SAFETY: what was fetched is given back.
    unsafe { restore(kind, value, trace) };
}

/// `line_hook()`: installs the hook in the running thread.
///
/// # Safety
/// Called by the bootstrap, with the GIL held.
pub(crate) unsafe extern "C" fn install(
    module: *mut Object,
    _: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: as above.
    unsafe { set(module) };
    // SAFETY: as above.
    unsafe { crate::module::none() }
}

/// Installs the hook in the running thread.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn set(module: *mut Object) {
    // SAFETY: as the caller promises.
    unsafe { (api().set_trace)(Some(hook), module) };
}

/// `set_trace(function)`: stands in for `sys.settrace`.
///
/// # Safety
/// Called by the interpreter, with the GIL held.
pub(crate) unsafe extern "C" fn set_trace(
    module: *mut Object,
    arguments: Arguments,
    count: isize,
) -> *mut Object {
    // SAFETY: as above.
    let api = unsafe { api() };
    if count != 1 {
        let text = c"sys.settrace() takes exactly one argument";
        // SAFETY: the type lives for ever, as the text does.
        unsafe { (api.error_set)(*api.type_error, text.as_ptr()) };
        return ptr::null_mut();
    }
    // SAFETY: there is one argument.
    let function = unsafe { *arguments };
    // SAFETY: the GIL is held.
    let get = unsafe { (*state()).get_hook };
    if !get.is_null() {
        // SAFETY: the GIL is held, and no exception is set.
        if !unsafe { legacy::is_in_place(get, module) } {
            // SAFETY: the GIL is held.
            unsafe { set(module) };
        }
    }
    // SAFETY: the GIL is held.
    let thread = unsafe { threads::current() };
    if !thread.is_null() {
        let is_none = function == api.none;
        let function = if is_none { ptr::null_mut() } else { function };
        // SAFETY: the thread is the running one.
        unsafe { legacy::replace(thread, function) };
    }
    // SAFETY: the GIL is held.
    unsafe { crate::module::none() }
}
