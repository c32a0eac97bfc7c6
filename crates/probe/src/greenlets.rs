//! Noticing that a program imports `greenlet`, and asking it to tell of every switch.
//!
//! Stacks that take turns in one thread would be mixed up without that. The module is noticed by
//! its code when that first runs. From then on, whenever something new is called, the interpreter
//! is asked to call us back outside of any hook, until the module is there. (Not again and again
//! by itself: 3.11 would serve a request that renews itself for ever.) `greenlet` tells each thread's switches to that thread's
//! own function, and the interpreter calls us back in the main thread: greenlets of other threads
//! are not told apart.

use crate::object::Object;
use crate::state::{api, state};
use core::ffi::{c_int, c_void};
use core::ptr;

/// The end of the name of the file whose code announces the module.
const FILE: &[u8] = b"/greenlet/__init__.py";

/// Something new is called, perhaps code of that file.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn notice(file: &[u8]) {
    // SAFETY: as the caller promises.
    unsafe {
        let state = state();
        if !(*state).awaits_greenlet && !file.ends_with(FILE) {
            return;
        }
        (*state).awaits_greenlet = true;
        if let Some(add) = api().pending_add {
            // Where there is no room for it, it is asked for once more with the next one.
            add(look, ptr::null_mut());
        }
    }
}

/// Called by the interpreter in the main thread, between two instructions.
unsafe extern "C" fn look(_: *mut c_void) -> c_int {
    // SAFETY: the GIL is held, and no exception is set.
    unsafe {
        let api = api();
        if !(*state()).awaits_greenlet {
            return 0;
        }
        let (Some(modules), Some(item), Some(attribute)) =
            (api.modules, api.dict_item, api.attribute)
        else {
            return 0;
        };
        let module = item(modules(), c"greenlet".as_ptr());
        let set_trace = if module.is_null() {
            ptr::null_mut()
        } else {
            attribute(module, c"settrace".as_ptr())
        };
        if set_trace.is_null() {
            (api.error_clear)();
            return 0;
        }
        (*state()).awaits_greenlet = false;
        let switch = attribute((*state()).module, c"switch".as_ptr());
        if !switch.is_null() {
            let end: *mut Object = ptr::null_mut();
            let before = (api.call_objects)(set_trace, switch, end);
            if !before.is_null() {
                (api.decrease)(before);
            }
            (api.decrease)(switch);
        }
        (api.error_clear)();
        (api.decrease)(set_trace);
    }
    0
}
