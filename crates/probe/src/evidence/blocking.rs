//! What keeps an event loop waiting: calls that block, and callbacks that take long.

use super::{Local, ask, evidence, lose, tell_slow_ticks, user};
use crate::arena;
use crate::callables;
use crate::monitor::running_frame;
use crate::object::{Object, Writer, field, is};
use crate::state::{api, entry, header, state};
use core::ptr;
use pitstop_wire::{Blocking, Slow};

/// How many places and callbacks are told apart.
const MOST: u64 = 4096;

/// True if the thread runs an event loop's callback now.
#[inline(always)]
pub(super) unsafe fn is_in_loop(local: *const Local) -> bool {
    // SAFETY: the GIL is held.
    unsafe { (*local).in_callback || is_in_other_loop() }
}

/// An event loop that does not run its callbacks as asyncio's own does says only that it runs.
#[inline(always)]
unsafe fn is_in_other_loop() -> bool {
    // SAFETY: the GIL is held.
    unsafe {
        let running_loop = (*evidence()).running_loop;
        if running_loop.is_null() {
            return false;
        }
        let end: *mut Object = ptr::null_mut();
        let answer = (api().call_objects)(running_loop, end);
        if answer.is_null() {
            (api().error_clear)();
            return false;
        }
        (api().decrease)(answer);
        answer != api().none
    }
}

/// True if the frame that runs is `Handle._run` of asyncio.
pub(super) unsafe fn is_loop_calling() -> bool {
    // SAFETY: the GIL is held, a frame runs.
    unsafe {
        let frame = running_frame();
        if frame == 0 {
            return false;
        }
        let code: u64 = field(frame as *const Object, (*state()).offsets.frame_code);
        code & !3 == (*evidence()).runs_callbacks as u64
    }
}

/// A call that blocked an event loop.
pub(super) unsafe fn blocked(local: *mut Local, native: u32, spent: u64) {
    // SAFETY: the GIL is held, entries are linked as they were made.
    unsafe {
        (*local).blocked += spent;
        let ((callable, site), _) = user::sites();
        let (mut unit, mut met) = ((*header()).evidence.blocking, 0);
        while unit != 0 {
            let known = entry::<Blocking>(unit);
            if ((*known).native, (*known).callable, (*known).site) == (native, callable, site) {
                break;
            }
            (unit, met) = ((*known).next, met + 1);
        }
        if unit == 0 {
            unit = if met < MOST { arena::take(1) } else { 0 };
            if unit == 0 {
                return lose();
            }
            *entry::<Blocking>(unit) = Blocking {
                native,
                callable,
                site,
                next: (*header()).evidence.blocking,
                ..Blocking::default()
            };
            (*header()).evidence.blocking = unit;
            crate::state::renew_anchor();
        }
        let known = entry::<Blocking>(unit);
        (*known).count += 1;
        (*known).ticks += spent;
        (*known).longest = (*known).longest.max(spent);
    }
}

/// A callback has ended. `callback` is what the loop was to call.
#[inline]
pub(super) unsafe fn callback_ended(local: *mut Local, callback: *mut Object, spent: u64) {
    // SAFETY: the GIL is held.
    unsafe {
        let totals = &raw mut (*header()).evidence;
        (*totals).callbacks += 1;
        (*totals).callback_ticks += spent;
        // A counter has at least half a tick a nanosecond; only then is the limit worth telling.
        if spent >= (*evidence()).slow_us.saturating_mul(500) && spent >= tell_slow_ticks() {
            slow(callback, spent, (*local).blocked);
        }
    }
}

/// Remembers a slow callback under its name.
#[cold]
unsafe fn slow(callback: *mut Object, spent: u64, blocked: u64) {
    // SAFETY: the GIL is held; an exception that may be set is kept aside by the caller.
    unsafe {
        let api = api();
        // With an exception set nothing may be called.
        let is_calm = (api.error_occurred)().is_null();
        let answer = if is_calm {
            ask((*evidence()).describe, callback)
        } else {
            ptr::null_mut()
        };
        let (mut callable, mut buffer) = (0, [0; 300]);
        let mut writer = Writer::new(&mut buffer);
        if !answer.is_null() && is(answer, api.tuple_type) {
            let code = (api.tuple_item)(answer, 0);
            if is(code, api.code_type) {
                callable = callables::of_code(code);
            }
            writer.string((api.tuple_item)(answer, 1), 250);
        }
        if !answer.is_null() {
            (api.decrease)(answer);
        }
        let length = writer.length();
        let label = &buffer[..length];
        let (mut unit, mut met) = ((*header()).evidence.slow, 0);
        while unit != 0 {
            let known = entry::<Slow>(unit);
            if (*known).callable == callable && arena::text((*known).label) == label {
                break;
            }
            (unit, met) = ((*known).next, met + 1);
        }
        if unit == 0 {
            unit = if met < MOST { arena::take(1) } else { 0 };
            if unit == 0 {
                return lose();
            }
            *entry::<Slow>(unit) = Slow {
                label: arena::keep(label),
                callable,
                next: (*header()).evidence.slow,
                ..Slow::default()
            };
            (*header()).evidence.slow = unit;
        }
        let known = entry::<Slow>(unit);
        (*known).count += 1;
        (*known).ticks += spent;
        (*known).longest = (*known).longest.max(spent);
        (*known).blocked += blocked.min(spent);
        crate::state::renew_anchor();
    }
}

/// Counts from zero again in a forked process.
pub(super) unsafe fn start_over() {
    // SAFETY: entries are linked as they were made.
    unsafe {
        let mut unit = (*header()).evidence.blocking;
        while unit != 0 {
            let known = entry::<Blocking>(unit);
            ((*known).count, (*known).ticks, (*known).longest) = (0, 0, 0);
            unit = (*known).next;
        }
        let mut unit = (*header()).evidence.slow;
        while unit != 0 {
            let known = entry::<Slow>(unit);
            ((*known).count, (*known).ticks) = (0, 0);
            ((*known).longest, (*known).blocked) = (0, 0);
            unit = (*known).next;
        }
    }
}
