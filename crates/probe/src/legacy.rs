//! The profile hook, CPython 3.8 to 3.11.
use crate::monitor::Arguments;
use crate::object::Object;
pub(crate) unsafe extern "C" fn install(_: *mut Object, _: Arguments, _: isize) -> *mut Object {
    unsafe { crate::module::none() }
}
pub(crate) unsafe extern "C" fn start_thread(
    _: *mut Object,
    _: Arguments,
    _: isize,
) -> *mut Object {
    unsafe { crate::module::none() }
}
pub(crate) unsafe extern "C" fn in_thread(_: *mut Object, _: Arguments, _: isize) -> *mut Object {
    unsafe { crate::module::none() }
}
pub(crate) unsafe extern "C" fn set_profile(_: *mut Object, _: Arguments, _: isize) -> *mut Object {
    unsafe { crate::module::none() }
}
pub(crate) unsafe extern "C" fn get_profile(_: *mut Object, _: Arguments, _: isize) -> *mut Object {
    unsafe { crate::module::none() }
}
