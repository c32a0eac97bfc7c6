//! The names that a program gives its threads.
//!
//! A thread of `threading.Thread` begins with the method `Thread._bootstrap`, whose first local
//! variable is the thread's object, and ends when that returns. Both times the object's name is
//! read where it lies: so it is known of a thread that is never ended, and of one that was given
//! its name late. At the end of the program the bootstrap tells the names that main threads and
//! those still running have by then ([`tell`]).

use crate::arena;
use crate::monitor::{self, Arguments};
use crate::object::{Object, Writer, field, is};
use crate::state::{Phase, api, entry, header, state};
use pitstop_wire::{Offsets, Thread};

/// Longer names are cut.
const MOST_BYTES: usize = 256;
/// The method that a thread begins with, and the end of the name of its file: `Lib/threading.py`.
const METHOD: &[u8] = b"_bootstrap";
const FILE: &[u8] = b"/threading.py";
/// From 3.14 on the lowest bits of a reference on the stack are a tag (`pycore_stackref.h`).
const TAG: usize = 3;

/// Reads the name of the running thread, if its outermost frame is the one that runs now.
///
/// # Safety
/// The GIL is held, no exception is set, and the record is that of the running thread.
#[cold]
#[inline(never)]
pub(crate) unsafe fn renew(thread: *mut Thread) {
    // SAFETY: as the caller promises.
    let object = unsafe { object_of_thread() };
    if object.is_null() {
        return;
    }
    let mut buffer = [0; MOST_BYTES];
    // SAFETY: as the caller promises; the object is one.
    let length = unsafe { name_of(object, &mut buffer) };
    // SAFETY: as the caller promises.
    unsafe { set(thread, &buffer[..length]) };
}

/// The object of `threading.Thread` in the frame that runs now; null if it is another frame.
unsafe fn object_of_thread() -> *mut Object {
    let none = core::ptr::null_mut();
    // SAFETY: the GIL is held, so nobody writes it.
    let offsets: &Offsets = unsafe { &(*state()).offsets };
    // SAFETY: the GIL is held.
    let frame = unsafe { monitor::running_frame() } as *const Object;
    if frame.is_null() {
        return none;
    }
    // SAFETY: the offsets of frames were verified at the start.
    let code = (unsafe { field::<usize>(frame, offsets.frame_code) } & !TAG) as *const Object;
    // SAFETY: what a frame executes is an object, and the GIL is held.
    if code.is_null() || !unsafe { is(code, api().code_type) } {
        return none;
    }
    // SAFETY: the offsets of code objects were verified too.
    let name = unsafe { field::<*const Object>(code, offsets.code_name) };
    if !ends_with(name, METHOD) {
        return none;
    }
    // SAFETY: likewise.
    let file = unsafe { field::<*const Object>(code, offsets.code_file) };
    if !ends_with(file, FILE) {
        return none;
    }
    // SAFETY: the method has an argument, so the frame has a first local variable.
    (unsafe { field::<usize>(frame, offsets.frame_locals) } & !TAG) as *mut Object
}

/// True if a str ends like that. Of a longer one the beginning is not looked at.
fn ends_with(text: *const Object, end: &[u8]) -> bool {
    let mut buffer = [0; 4096];
    let mut writer = Writer::new(&mut buffer);
    // SAFETY: names of code objects are strs; the GIL is held by all callers.
    unsafe { writer.string(text, 4096) };
    let length = writer.length();
    buffer[..length].ends_with(end)
}

/// Writes the name of an object of `threading.Thread`, without asking its class.
unsafe fn name_of(object: *mut Object, buffer: &mut [u8]) -> usize {
    // SAFETY: the GIL is held.
    let (api, attribute) = unsafe { (api(), (*state()).name_attribute) };
    let (Some(of_class), Some(of_instance)) = (api.of_class, api.of_instance) else {
        return 0;
    };
    if attribute.is_null() {
        return 0;
    }
    // SAFETY: the object is one, and has a class.
    let class = unsafe { (*object).kind };
    // SAFETY: the attribute's name is an interned str; nothing is called.
    if !unsafe { of_class(class, attribute) }.is_null() {
        // Perhaps a property: Python must not run here.
        return 0;
    }
    // SAFETY: likewise; what is found in an instance is given as it is.
    let name = unsafe { of_instance(object, attribute) };
    if name.is_null() {
        // SAFETY: the GIL is held.
        unsafe { (api.error_clear)() };
        return 0;
    }
    let mut writer = Writer::new(buffer);
    // SAFETY: the name is an object, and we own a reference to it.
    if unsafe { is(name, api.unicode_type) } {
        // SAFETY: it is a str.
        unsafe { writer.string(name, MOST_BYTES) };
    }
    let length = writer.length();
    // SAFETY: the reference is ours; the instance has another one.
    unsafe { (api.decrease)(name) };
    length
}

/// Writes a name down, unless it is known.
unsafe fn set(thread: *mut Thread, name: &[u8]) {
    // SAFETY: the caller has a record, the GIL is held and the file is mapped.
    let known = unsafe { arena::text((*thread).name) };
    if !name.is_empty() && known != name {
        // SAFETY: likewise.
        unsafe { (*thread).name = arena::keep(name) };
    }
}

/// `name_thread(tid, name)`: what the program calls one of its threads.
///
/// # Safety
/// Called by the bootstrap, with the GIL held, an int and bytes.
pub(crate) unsafe extern "C" fn tell(
    _: *mut Object,
    arguments: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: the bootstrap gives an int.
    let tid = unsafe { crate::module::number(*arguments) } as u32;
    // SAFETY: and bytes.
    let name = unsafe { crate::module::bytes(*arguments.add(1)) };
    // SAFETY: the GIL is held; while something is recorded the file is mapped.
    let mut unit = unsafe {
        if (*state()).phase == Phase::Recording && !(*state()).is_forked {
            (*header()).threads
        } else {
            0
        }
    };
    while unit != 0 {
        // SAFETY: threads are linked to the first one.
        let thread = unsafe { entry::<Thread>(unit) };
        // SAFETY: likewise. A thread's id may have been another's before: the newest comes first.
        if unsafe { (*thread).tid } == tid {
            // SAFETY: likewise.
            unsafe { set(thread, &name[..name.len().min(MOST_BYTES)]) };
            // SAFETY: likewise. Greenlets of a thread have records of their own.
            if unsafe { (*thread).greenlet } == 0 {
                break;
            }
        }
        // SAFETY: likewise.
        unit = unsafe { (*thread).next };
    }
    // SAFETY: the GIL is held.
    unsafe { crate::module::none() }
}
