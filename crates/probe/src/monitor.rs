//! Events of `sys.monitoring`, CPython 3.12 and later.
//!
//! The callbacks are built-in functions, called with borrowed arguments and no tuple: the code
//! object, the offset of the instruction, and what the event adds (`Doc/library/sys.monitoring`).
//! They return `None`, which has no count of references from 3.12 on.

use crate::callables;
use crate::calls::{self, Callee};
use crate::object::{BuiltIn, Descriptor, Object, field, is, small_int};
use crate::state::{State, api, state, ticks};
use crate::threads;
use pitstop_wire::Offsets;

/// The arguments of a callback.
pub(crate) type Arguments = *const *mut Object;

macro_rules! callbacks {
    ($($(#[$doc:meta])* $name:ident($arguments:ident) $body:block)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by the interpreter, with the GIL held and the arguments of the event.
        pub(crate) unsafe extern "C" fn $name(
            _module: *mut Object,
            $arguments: Arguments,
            _count: isize,
        ) -> *mut Object {
            // SAFETY: the interpreter gives as many arguments as the event has.
            unsafe { $body }
            // SAFETY: the GIL is held.
            unsafe { (*state()).none }
        }
    )*};
}

callbacks! {
    /// A function begins.
    start(arguments) {
        let code = *arguments;
        let mut thread = threads::current();
        if thread.is_null() {
            thread = begin_main(code);
        }
        if !thread.is_null() {
            let site = core::mem::take(&mut (*thread).site);
            calls::enter(thread, code as u64, site, Callee::Code(code));
        }
    }

    /// A generator or coroutine is resumed, or an exception is thrown into it.
    resume(arguments) {
        let thread = threads::current();
        if !thread.is_null() {
            calls::resume(thread, *arguments, running_frame());
        }
    }

    /// A function returns.
    leave(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            calls::leave(thread, *arguments as u64, now);
        }
    }

    /// A generator yields, or a coroutine waits.
    suspend(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            calls::leave(thread, *arguments as u64, now);
            if !(*state()).waits.suspend(running_frame(), now, 0) {
                (*crate::state::header()).lost.waits += 1;
            }
        }
    }

    /// A function ends with an exception.
    unwind(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            calls::leave_raising(thread, *arguments as u64, now);
        }
    }

    /// Something is called from Python code.
    call(arguments) {
        let thread = threads::current();
        if !thread.is_null() {
            let state: *const State = state();
            let callable = *arguments.add(2);
            let site = calls::site(small_int(state, *arguments.add(1)));
            let api = api();
            let kind = (*callable).kind;
            if kind == api.function_type {
                (*thread).site = site;
            } else {
                let address = native(callable);
                if address != 0 {
                    (*thread).site = 0;
                    calls::enter(thread, address, site, Callee::Native(callable));
                } else {
                    // It is Python underneath: its code begins next, called from here.
                    (*thread).site = site;
                }
            }
        }
    }

    /// A call of something that is no Python function has returned.
    native_return(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            let address = native(*arguments.add(2));
            if address != 0 {
                calls::leave(thread, address, now);
            }
        }
    }

    /// It ended with an exception.
    native_raise(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            let address = native(*arguments.add(2));
            if address != 0 {
                calls::leave_raising(thread, address, now);
            }
        }
    }
}

/// What a native callable is told by; 0 for one that is Python.
#[inline(always)]
unsafe fn native(callable: *mut Object) -> u64 {
    // SAFETY: objects of these types have these structs.
    unsafe {
        let api = api();
        if is(callable, api.builtin_type) {
            (*callable.cast::<BuiltIn>()).definition as u64
        } else if is(callable, api.method_descriptor_type) {
            (*callable.cast::<Descriptor>()).definition as u64
        } else if is(callable, api.function_type) || is(callable, api.method_type) {
            0
        } else {
            callables::native_address(callable)
        }
    }
}

/// The frame that runs now, known by its address.
///
/// # Safety
/// The GIL is held.
#[inline]
pub(crate) unsafe fn running_frame() -> u64 {
    // SAFETY: the offsets of this version were given by the collector; a running thread has a
    // thread state with a frame.
    unsafe {
        let offsets: &Offsets = &(*state()).offsets;
        let Some(thread_state) = api().thread_state else {
            return 0;
        };
        let thread_state: *const Object = thread_state().cast();
        if thread_state.is_null() {
            return 0;
        }
        let frame: u64 = field(thread_state, offsets.thread_frame);
        if offsets.cframe_frame == Offsets::NONE || frame == 0 {
            frame
        } else {
            field(frame as *const Object, offsets.cframe_frame)
        }
    }
}

#[cold]
unsafe fn begin_main(code: *mut Object) -> *mut pitstop_wire::Thread {
    // SAFETY: the GIL is held and `code` is a code object.
    unsafe {
        if threads::is_first_of_main(|| crate::module::is_module_code(code)) {
            threads::current()
        } else {
            core::ptr::null_mut()
        }
    }
}
