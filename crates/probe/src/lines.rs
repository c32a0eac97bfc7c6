//! The line engine: how often each line of chosen functions runs, and how long.
//!
//! Each activation of such a function has a [`LineFrame`] on its thread's stack, which knows the
//! line that runs and since when. A line's time ends when the next one begins, or the function
//! returns, yields or is left by an exception. Time of other timed functions that a line calls is
//! taken off its own time; the time with them is added up for the outermost activation only, so
//! that a recursive function's lines do not add up to more than the wall time.
//!
//! The clock is read once a line. What that costs lies in the lines' times; it is measured at the
//! start, and the collector takes it off.

use crate::arena;
use crate::callables;
use crate::monitor::{self, Arguments};
use crate::object::{Object, small_int};
use crate::state::{api, entry, header, state, ticks};
use crate::threads;
use core::mem::size_of;
use core::ptr;
use pitstop_wire::{Callable, LineFrame, LineRecord, Thread, TimedCode, UNIT_BYTES};

/// [`Callable::timed`] of one that was looked at and is not to be timed.
const NOT_CHOSEN: u32 = u32::MAX;

/// Longer functions are not timed line by line: 40 MB of records.
const MOST_LINES: u32 = 1 << 20;

/// The record of a line, by its place among the records.
#[inline(always)]
unsafe fn record(lines: u32, place: u32) -> *mut LineRecord {
    // SAFETY: the caller has a place below the count.
    unsafe { entry::<LineRecord>(lines).add(place as usize) }
}

/// The line that runs has run until `now`.
#[inline(always)]
unsafe fn account(frame: *mut LineFrame, now: u64) {
    // SAFETY: the frame is one of the running thread, and `last` one of its records.
    unsafe {
        if (*frame).last != 0 {
            let line = record((*frame).lines, (*frame).last - 1);
            let spent = now.wrapping_sub((*frame).since);
            (*line).own = (*line)
                .own
                .wrapping_add(spent.wrapping_sub((*frame).called));
            if (*frame).is_outermost != 0 {
                (*line).inclusive += spent;
            }
            (*frame).called = 0;
        }
    }
}

/// A line begins.
#[inline(always)]
pub(crate) unsafe fn begin_line(frame: *mut LineFrame, number: u32, now: u64) {
    // SAFETY: as for `account`.
    unsafe {
        account(frame, now);
        let place = number.wrapping_sub((*frame).first_line);
        if place < (*frame).line_count {
            (*record((*frame).lines, place)).hits += 1;
            (*frame).last = place + 1;
        } else {
            (*frame).last = 0;
            (*header()).lost.lines += 1;
        }
        (*frame).since = now;
    }
}

/// The running activation of the thread if it is one of that code, else null.
#[inline(always)]
pub(crate) unsafe fn running(thread: *mut Thread, code: *mut Object) -> *mut LineFrame {
    // SAFETY: the thread is the running one.
    unsafe {
        let unit = (*thread).line_frame;
        if unit == 0 {
            return ptr::null_mut();
        }
        let frame = entry::<LineFrame>(unit);
        if (*frame).code == code as u64 {
            frame
        } else {
            ptr::null_mut()
        }
    }
}

/// Puts an activation on the thread's stack; null if there is no room.
unsafe fn push(thread: *mut Thread, code: *mut Object, timed: u32, now: u64) -> *mut LineFrame {
    // SAFETY: the thread is the running one, and `timed` a timed code object.
    unsafe {
        if (*thread).line_frame == 0 {
            let bottom = arena::take(1);
            if bottom == 0 {
                return ptr::null_mut();
            }
            crate::greenlets::follow(thread);
            *entry::<LineFrame>(bottom) = LineFrame::default();
            (*thread).line_frame = bottom;
        }
        let below = (*thread).line_frame;
        let mut unit = (*entry::<LineFrame>(below)).above;
        if unit == 0 {
            unit = arena::take(1);
            if unit == 0 {
                (*header()).lost.lines += 1;
                return ptr::null_mut();
            }
            *entry::<LineFrame>(unit) = LineFrame {
                below,
                ..LineFrame::default()
            };
            (*entry::<LineFrame>(below)).above = unit;
        }
        let is_outermost = !runs_below(below, code);
        let (frame, of) = (entry::<LineFrame>(unit), entry::<TimedCode>(timed));
        (*frame).code = code as u64;
        ((*frame).since, (*frame).began, (*frame).called) = (now, now, 0);
        ((*frame).timed, (*frame).last) = (timed, 0);
        ((*frame).lines, (*frame).line_count) = ((*of).lines, (*of).line_count);
        (*frame).first_line = (*of).first_line;
        (*frame).is_outermost = u32::from(is_outermost);
        (*thread).line_frame = unit;
        frame
    }
}

/// True if the code runs at this place of the stack or further out. One that recurses finds
/// itself at once below, because only the outermost is asked to look further.
unsafe fn runs_below(mut unit: u32, code: *mut Object) -> bool {
    // SAFETY: the stack ends with a frame whose code is 0.
    unsafe {
        loop {
            let frame = entry::<LineFrame>(unit);
            if (*frame).code == code as u64 {
                return true;
            }
            if (*frame).code == 0 {
                return false;
            }
            unit = (*frame).below;
        }
    }
}

/// Takes the running activation off the stack. Its time counts as called to whoever is below.
#[inline(always)]
pub(crate) unsafe fn pop(thread: *mut Thread, frame: *mut LineFrame, now: u64) {
    // SAFETY: the frame is the innermost of the thread and not the one at the bottom.
    unsafe {
        account(frame, now);
        (*thread).line_frame = (*frame).below;
        let caller = entry::<LineFrame>((*frame).below);
        (*caller).called += now.wrapping_sub((*frame).began);
        if (*caller).last != 0 {
            (*record((*caller).lines, (*caller).last - 1)).timed_calls += 1;
        }
    }
}

/// The timed code object that a code object is; 0 if it is not one. Asks the bootstrap once.
#[inline(always)]
pub(crate) unsafe fn timed(code: *mut Object) -> u32 {
    // SAFETY: the GIL is held and the object is a code object.
    unsafe {
        let state = state();
        if (*state).timed_code == code as u64 {
            return (*state).timed_unit;
        }
        let callable = callables::by_address(code as u64);
        if callable == 0 {
            return ask(code);
        }
        let found = match (*entry::<Callable>(callable)).timed {
            0 => return ask(code),
            NOT_CHOSEN => 0,
            timed => timed,
        };
        ((*state).timed_code, (*state).timed_unit) = (code as u64, found);
        found
    }
}

#[cold]
#[inline(never)]
unsafe fn ask(code: *mut Object) -> u32 {
    // SAFETY: the GIL is held; the interpreter reports no events while a callback runs.
    unsafe {
        let api = api();
        let callable = callables::of_code(code);
        if callable == 0 {
            return 0;
        }
        let end: *mut Object = ptr::null_mut();
        let decide = (*state()).decide;
        if !decide.is_null() {
            let answer = (api.call_objects)(decide, code, end);
            if answer.is_null() {
                (api.error_clear)();
            } else {
                (api.decrease)(answer);
            }
        }
        // It may have called `add`.
        let entry = entry::<Callable>(callable);
        if (*entry).timed == 0 {
            (*entry).timed = NOT_CHOSEN;
        }
        if (*entry).timed == NOT_CHOSEN {
            0
        } else {
            (*entry).timed
        }
    }
}

/// `line_add(code, last_line)`: times the lines of a code object from now on.
///
/// # Safety
/// Called by the bootstrap, with the GIL held.
pub(crate) unsafe extern "C" fn add(_: *mut Object, arguments: Arguments, _: isize) -> *mut Object {
    // SAFETY: the arguments are a code object and an int.
    unsafe {
        let code = *arguments;
        let last_line = (api().long_value)(*arguments.add(1)) as u32;
        // A forked process writes into its own file.
        let thread = threads::current();
        if !thread.is_null() {
            crate::greenlets::follow(thread);
            let callable = callables::of_code(code);
            if callable != 0 {
                begin_timing(callable, last_line);
            }
        }
        crate::module::none()
    }
}

unsafe fn begin_timing(callable: u32, last_line: u32) {
    // SAFETY: the unit is one of a callable.
    unsafe {
        let owner = entry::<Callable>(callable);
        if !matches!((*owner).timed, 0 | NOT_CHOSEN) {
            return;
        }
        let first_line = (*owner).first_line;
        let count = (last_line.max(first_line) - first_line).saturating_add(1);
        let bytes = count as usize * size_of::<LineRecord>();
        let unit = arena::take(1);
        let lines = if count <= MOST_LINES {
            arena::take(bytes.div_ceil(UNIT_BYTES) as u32)
        } else {
            0
        };
        if unit == 0 || lines == 0 {
            (*header()).lost.lines += 1;
            return;
        }
        *entry::<TimedCode>(unit) = TimedCode {
            callable,
            next: (*header()).timed,
            first_line,
            line_count: count,
            lines,
            ..TimedCode::default()
        };
        (*owner).timed = unit;
        (*state()).timed_code = 0;
        (*header()).timed = unit;
        (*header()).timed_count += 1;
        crate::state::renew_anchor();
    }
}

/// A timed function begins.
#[inline(always)]
pub(crate) unsafe fn enter(thread: *mut Thread, code: *mut Object, timed: u32, now: u64) {
    // SAFETY: the thread is the running one.
    unsafe {
        (*entry::<TimedCode>(timed)).calls += 1;
        push(thread, code, timed, now);
    }
}

/// A timed generator or coroutine goes on.
pub(crate) unsafe fn go_on(thread: *mut Thread, code: *mut Object, timed: u32, frame: u64) {
    // SAFETY: the thread is the running one.
    unsafe {
        let now = ticks();
        let suspended = (*state()).waits.resume(frame);
        let activation = push(thread, code, timed, now);
        if let (Some((since, last)), false) = (suspended, activation.is_null()) {
            (*activation).last = last as u32;
            if last != 0 {
                let line = record((*activation).lines, last as u32 - 1);
                (*line).waited += now.saturating_sub(since);
            }
        }
    }
}

pub(crate) unsafe fn pause(thread: *mut Thread, activation: *mut LineFrame, frame: u64, now: u64) {
    // SAFETY: the activation is the running one of the thread.
    unsafe {
        let last = u64::from((*activation).last);
        pop(thread, activation, now);
        if !(*state()).waits.suspend(frame, now, last) {
            (*header()).lost.waits += 1;
        }
    }
}

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
    /// A function begins: if it is not to be timed, this place is never reported again.
    start(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            let code = *arguments;
            let timed = timed(code);
            if timed == 0 {
                return disable();
            }
            enter(thread, code, timed, now);
        }
    }

    /// A line begins.
    line(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            let code = *arguments;
            let mut frame = running(thread, code);
            if frame.is_null() {
                frame = late(thread, code, now);
            }
            if !frame.is_null() {
                begin_line(frame, small_int(state(), *arguments.add(1)), now);
            }
        }
    }

    /// A function returns, or ends with an exception.
    leave(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            let frame = running(thread, *arguments);
            if !frame.is_null() {
                pop(thread, frame, now);
            }
        }
    }

    /// A generator yields, or a coroutine waits.
    suspend(arguments) {
        let now = ticks();
        let thread = threads::current();
        if !thread.is_null() {
            let frame = running(thread, *arguments);
            if !frame.is_null() {
                pause(thread, frame, monitor::running_frame(), now);
            }
        }
    }

    /// A generator or coroutine is resumed, or an exception is thrown into it.
    resume(arguments) {
        let thread = threads::current();
        if !thread.is_null() {
            let code = *arguments;
            let callable = callables::by_address(code as u64);
            let timed = if callable == 0 { 0 } else { (*entry::<Callable>(callable)).timed };
            if timed != 0 && timed != NOT_CHOSEN {
                go_on(thread, code, timed, monitor::running_frame());
            }
        }
    }
}

/// A line of a function that is not on the stack: it began before it was chosen.
#[cold]
#[inline(never)]
unsafe fn late(thread: *mut Thread, code: *mut Object, now: u64) -> *mut LineFrame {
    // SAFETY: the thread is the running one.
    unsafe {
        let timed = timed(code);
        if timed == 0 {
            return ptr::null_mut();
        }
        push(thread, code, timed, now)
    }
}

unsafe fn disable() -> *mut Object {
    // SAFETY: the GIL is held; the interpreter takes the reference.
    unsafe {
        let disable = (*state()).disable;
        if disable.is_null() {
            return (*state()).none;
        }
        (api().increase)(disable);
        disable
    }
}

/// `line_setup(decide, disable)`: what is asked about code objects, and `DISABLE` or `None`.
///
/// # Safety
/// Called by the bootstrap, with the GIL held.
pub(crate) unsafe extern "C" fn setup(
    _: *mut Object,
    arguments: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: the bootstrap gives two objects, which are kept for ever.
    unsafe {
        let (decide, disable) = (*arguments, *arguments.add(1));
        let none = (*state()).none;
        for (object, place) in [
            (decide, &raw mut (*state()).decide),
            (disable, &raw mut (*state()).disable),
        ] {
            if object != none {
                (api().increase)(object);
                *place = object;
            }
        }
        crate::module::none()
    }
}

/// A greenlet goes on whose thread ran others meanwhile: that is waiting of the line that switched,
/// and no time of any line.
///
/// # Safety
/// The GIL is held, the thread is the running one.
pub(crate) unsafe fn go_on_after(thread: *mut Thread, pause: u64) {
    // SAFETY: frames are linked to the one at the bottom.
    unsafe {
        let innermost = entry::<LineFrame>((*thread).line_frame);
        if (*thread).line_frame != 0 && (*innermost).last != 0 {
            (*record((*innermost).lines, (*innermost).last - 1)).waited += pause;
        }
        let mut unit = (*thread).line_frame;
        while unit != 0 {
            let frame = entry::<LineFrame>(unit);
            (*frame).since += pause;
            (*frame).began += pause;
            unit = (*frame).below;
        }
    }
}

/// Counts from zero again in a forked process, in all threads. What runs began with the process.
///
/// # Safety
/// The GIL is held, there is one thread.
pub(crate) unsafe fn start_over() {
    // SAFETY: timed code objects and threads are linked as they were made.
    unsafe {
        let mut unit = (*header()).timed;
        while unit != 0 {
            let timed = entry::<TimedCode>(unit);
            (*timed).calls = 0;
            for place in 0..(*timed).line_count {
                *record((*timed).lines, place) = LineRecord::default();
            }
            unit = (*timed).next;
        }
        let now = (*state()).forked_ticks;
        let mut unit = (*header()).threads;
        while unit != 0 {
            let thread = entry::<Thread>(unit);
            let mut frame = (*thread).line_frame;
            while frame != 0 {
                let activation = entry::<LineFrame>(frame);
                ((*activation).since, (*activation).began) = (now, now);
                (*activation).called = 0;
                frame = (*activation).below;
            }
            unit = (*thread).next;
        }
    }
}
