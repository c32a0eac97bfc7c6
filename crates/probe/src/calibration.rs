//! What the bootstrap asks while it finds out what recording costs, and tells when it knows.

use crate::callables;
use crate::module::{fail, none, number};
use crate::monitor::Arguments;
use crate::object::Object;
use crate::state::{api, entry, header, node};
use crate::threads;
use pitstop_wire::{Calibration, Thread};

/// The path of a code object that was called from where the thread is now, or further out; 0 if
/// there is none.
unsafe fn path_of(code: *mut Object) -> u32 {
    // SAFETY: the GIL is held; parents lead to the root, whose parent is 0.
    unsafe {
        let thread: *mut Thread = threads::current();
        let mut caller = if thread.is_null() {
            0
        } else {
            (*thread).current
        };
        while caller != 0 {
            let mut unit = (*node(caller)).child;
            while unit != 0 {
                let callable = entry::<pitstop_wire::Callable>((*node(unit)).callable);
                if (*callable).address == code as u64 {
                    return unit;
                }
                unit = (*node(unit)).sibling;
            }
            caller = (*node(caller)).parent;
        }
        0
    }
}

/// `own(code)`: the own time of a function that the bootstrap called, in ticks.
///
/// # Safety
/// Called by the bootstrap, with the GIL held and these arguments.
pub(crate) unsafe extern "C" fn own(_: *mut Object, arguments: Arguments, _: isize) -> *mut Object {
    // SAFETY: the GIL is held and the argument is a code object.
    unsafe {
        let unit = path_of(*arguments);
        (api().long_new)(if unit == 0 {
            0
        } else {
            (*node(unit)).own as i64
        })
    }
}

/// `own_called(code)`: the own time of what that function called last, in ticks.
///
/// # Safety
/// Called by the bootstrap, with the GIL held and these arguments.
pub(crate) unsafe extern "C" fn own_called(
    _: *mut Object,
    arguments: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: as for `own`.
    unsafe {
        let unit = path_of(*arguments);
        let hot = if unit == 0 { 0 } else { (*node(unit)).hot };
        (api().long_new)(if hot == 0 { 0 } else { (*node(hot)).own as i64 })
    }
}

/// `line_own(code, place)`: the own time of a line of a timed function, in ticks.
///
/// # Safety
/// Called by the bootstrap, with the GIL held and these arguments.
pub(crate) unsafe extern "C" fn line_own(
    _: *mut Object,
    arguments: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: the GIL is held; the arguments are a code object and an int.
    unsafe {
        let callable = callables::by_address(*arguments as u64);
        let place = number(*arguments.add(1)) as u32;
        let timed = if callable == 0 {
            0
        } else {
            (*entry::<pitstop_wire::Callable>(callable)).timed
        };
        let mut own = 0;
        if timed != 0 && timed != u32::MAX {
            let timed = entry::<pitstop_wire::TimedCode>(timed);
            if place < (*timed).line_count {
                let records = entry::<pitstop_wire::LineRecord>((*timed).lines);
                own = (*records.add(place as usize)).own;
            }
        }
        (api().long_new)(own as i64)
    }
}

/// `set_calibration(...)`: what recording costs, eight numbers in 1/1024 of a tick.
///
/// # Safety
/// Called by the bootstrap, with the GIL held and these arguments.
pub(crate) unsafe extern "C" fn set_calibration(
    _: *mut Object,
    arguments: Arguments,
    count: isize,
) -> *mut Object {
    // SAFETY: the bootstrap gives eight ints.
    unsafe {
        if count != 8 {
            return fail(c"eight numbers are needed");
        }
        let at = |index: usize| number(*arguments.add(index));
        (*header()).calibration = Calibration {
            python_inside: at(0),
            python_outside: at(1),
            native_inside: at(2),
            native_outside: at(3),
            resumed_inside: at(4),
            resumed_outside: at(5),
            line: at(6),
            timed_outside: at(7),
        };
        none()
    }
}
