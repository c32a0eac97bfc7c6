//! Noticing that a program imports `greenlet`, and asking it to tell of every switch.
//!
//! Stacks that take turns in one thread would be mixed up without that. `greenlet` tells the
//! switches of each thread to the function that was set in that thread, so every thread that is
//! recorded has to ask for itself. It does so where something new happens in it ([`follow`]): its
//! first call, a path that was not there before, or that it has the GIL again after another thread.
//! The module is awaited from the moment on that its own code begins to run; where calls are not
//! recorded we do not see that, and await it from the start.
//!
//! Asking is one call of a function that is not Python, and keeps a reference: it may be made
//! inside of a hook.

use crate::object::Object;
use crate::state::{api, header, state};
use core::ptr;
use pitstop_wire::Thread;

/// The end of the name of the file whose code announces the module.
const FILE: &[u8] = b"/greenlet/__init__.py";

/// What is known of the package.
pub(crate) struct Greenlets {
    /// It is being imported, or may be without our seeing it.
    pub(crate) is_awaited: bool,
    /// `greenlet.settrace` and our function of the name `switch`; null before they were found.
    set_trace: *mut Object,
    switch: *mut Object,
}

impl Greenlets {
    pub(crate) const fn new() -> Self {
        Self {
            is_awaited: false,
            set_trace: ptr::null_mut(),
            switch: ptr::null_mut(),
        }
    }
}

/// What is known of the package. Whoever goes through the pointer must hold the GIL.
fn greenlets() -> *mut Greenlets {
    // SAFETY: the state is a static; nothing of it is read here.
    unsafe { &raw mut (*state()).greenlets }
}

/// Code of this file is met for the first time.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn notice(file: &[u8]) {
    if file.ends_with(FILE) {
        // SAFETY: the GIL is held.
        unsafe { (*greenlets()).is_awaited = true };
    }
}

/// Asks for the switches of the running thread, whose record this is, if the program uses
/// `greenlet` and this thread has not asked yet.
///
/// # Safety
/// The GIL is held, the thread is the running one.
#[inline]
pub(crate) unsafe fn follow(thread: *mut Thread) {
    // SAFETY: the GIL is held.
    let is_awaited = unsafe { (*greenlets()).is_awaited };
    // SAFETY: the caller has a record.
    if is_awaited && unsafe { (*thread).follows_greenlets } == 0 {
        // SAFETY: as the caller promises.
        unsafe { ask(thread) };
    }
}

#[cold]
#[inline(never)]
unsafe fn ask(thread: *mut Thread) {
    // SAFETY: the GIL is held.
    let api = unsafe { api() };
    // SAFETY: likewise. With an exception set nothing may be called; there will be another time.
    let is_calm = unsafe { (api.error_occurred)() }.is_null();
    // SAFETY: likewise, and no exception is set.
    if !is_calm || !unsafe { is_found() } {
        return;
    }
    // SAFETY: the caller has a record.
    unsafe { (*thread).follows_greenlets = 1 };
    let greenlets = greenlets();
    // SAFETY: the GIL is held.
    let (set_trace, switch) = unsafe { ((*greenlets).set_trace, (*greenlets).switch) };
    let end: *mut Object = ptr::null_mut();
    // SAFETY: both are objects that we keep.
    let before = unsafe { (api.call_objects)(set_trace, switch, end) };
    if before.is_null() {
        // SAFETY: the GIL is held.
        unsafe { (api.error_clear)() };
        // SAFETY: the GIL is held and the file is mapped.
        unsafe { (*header()).lost.hooks += 1 };
    } else {
        // SAFETY: it is ours to let go.
        unsafe { (api.decrease)(before) };
    }
}

/// True once the module is there; looks for it until then.
unsafe fn is_found() -> bool {
    let greenlets = greenlets();
    // SAFETY: the GIL is held.
    if !unsafe { (*greenlets).set_trace }.is_null() {
        return true;
    }
    // SAFETY: the GIL is held.
    let api = unsafe { api() };
    let (Some(modules), Some(item), Some(attribute)) = (api.modules, api.dict_item, api.attribute)
    else {
        return false;
    };
    // SAFETY: the GIL is held; the result is borrowed.
    let modules = unsafe { modules() };
    // SAFETY: the modules are a dict; the result is borrowed.
    let module = unsafe { item(modules, c"greenlet".as_ptr()) };
    if module.is_null() {
        return false;
    }
    // SAFETY: it is an object.
    let set_trace = unsafe { attribute(module, c"settrace".as_ptr()) };
    // SAFETY: our own module is kept for ever.
    let switch = unsafe { attribute((*state()).module, c"switch".as_ptr()) };
    if set_trace.is_null() || switch.is_null() {
        // It is half imported; there will be another time.
        // SAFETY: the GIL is held.
        unsafe { (api.error_clear)() };
        return false;
    }
    // SAFETY: the GIL is held; both references are kept for ever.
    unsafe { ((*greenlets).set_trace, (*greenlets).switch) = (set_trace, switch) };
    true
}

/// `greenlets_are_followed(get_trace)`: given `greenlet.gettrace`, counts it if the program has
/// taken our function away in this thread.
///
/// # Safety
/// Called by the bootstrap, with the GIL held and that argument.
pub(crate) unsafe extern "C" fn are_followed(
    _: *mut Object,
    arguments: crate::monitor::Arguments,
    _: isize,
) -> *mut Object {
    let greenlets = greenlets();
    // SAFETY: the GIL is held.
    let switch = unsafe { (*greenlets).switch };
    // SAFETY: likewise.
    let api = unsafe { api() };
    // SAFETY: as the caller promises.
    let get = unsafe { *arguments };
    let end: *mut Object = ptr::null_mut();
    // SAFETY: it is a callable.
    let now = unsafe { (api.call_objects)(get, end) };
    if now.is_null() {
        return now;
    }
    if !switch.is_null() && now != switch {
        // SAFETY: the GIL is held and the file is mapped.
        unsafe { (*header()).lost.hooks += 1 };
    }
    // SAFETY: it is ours to let go.
    unsafe { (api.decrease)(now) };
    // SAFETY: the GIL is held.
    unsafe { crate::module::none() }
}
