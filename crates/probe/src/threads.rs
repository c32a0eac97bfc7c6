//! Whose events these are: one record, and one tree of paths, for each thread.

use crate::arch;
use crate::arena;
use crate::monitor::Arguments;
use crate::object::Object;
use crate::state::{Phase, api, entry, header, node, state, ticks};
use crate::system;
use core::ptr;
use pitstop_wire::{LineFrame, Node, Thread, UNIT_BYTES, flag};

/// How many threads are found without looking through all of them.
pub(crate) const SEEN: usize = 64;

/// The same for greenlets, of which there are many more.
pub(crate) const SEEN_GREENLETS: usize = 1024;

/// The record of the running thread; null if nothing is to be recorded now.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
pub(crate) unsafe fn current() -> *mut Thread {
    let state = state();
    // SAFETY: the GIL is held.
    unsafe {
        if arch::thread_pointer() == (*state).pointer {
            (*state).thread
        } else {
            switch()
        }
    }
}

/// Another thread has the GIL: finds its record, or makes one.
#[cold]
unsafe fn switch() -> *mut Thread {
    // SAFETY: the GIL is held.
    unsafe {
        let state = state();
        if !matches!((*state).phase, Phase::Recording | Phase::Calibrating) {
            return ptr::null_mut();
        }
        if (*state).is_forked {
            crate::fork::settle();
            if (*state).phase == Phase::Closed {
                return ptr::null_mut();
            }
        }
        let pointer = arch::thread_pointer();
        let place = &raw mut (*state).seen[(pointer >> 12) as usize % SEEN];
        let mut unit = *place;
        if unit == 0 || (*entry::<Thread>(unit)).pointer != pointer {
            unit = (*header()).threads;
            while unit != 0 && (*entry::<Thread>(unit)).pointer != pointer {
                unit = (*entry::<Thread>(unit)).next;
            }
            *place = unit;
        }
        let thread = if unit == 0 { add_named() } else { entry(unit) };
        let thread = select(thread);
        if !thread.is_null() {
            crate::greenlets::follow(thread);
        }
        thread
    }
}

/// Makes this the thread whose events come next.
unsafe fn select(thread: *mut Thread) -> *mut Thread {
    // SAFETY: the GIL is held; the thread is a record or null.
    unsafe {
        let state = state();
        (*state).pointer = arch::thread_pointer();
        let over = thread.is_null() || (*thread).is_over != 0;
        (*state).thread = if over { ptr::null_mut() } else { thread };
        (*state).thread
    }
}

/// Forgets which thread ran last.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn forget() {
    // SAFETY: the GIL is held.
    unsafe {
        (*state()).pointer = 0;
        (*state()).thread = ptr::null_mut();
        (*state()).seen = [0; SEEN];
        (*state()).seen_greenlets = [0; SEEN_GREENLETS];
    }
}

/// A record for the running thread, with the name that it has now.
unsafe fn add_named() -> *mut Thread {
    // SAFETY: the GIL is held and the file is mapped.
    unsafe {
        let thread = add();
        if !thread.is_null() && (*thread).is_main == 0 && (*state()).records_calls {
            crate::names::renew(thread);
        }
        thread
    }
}

/// A record for the running thread; null if there is no room.
unsafe fn add() -> *mut Thread {
    // SAFETY: the GIL is held and the file is mapped.
    unsafe {
        let unit = arena::take(2);
        let root = arena::take(1);
        let void = arena::take(1);
        if unit == 0 || root == 0 || void == 0 {
            (*header()).lost.calls += 1;
            return ptr::null_mut();
        }
        *node(root) = Node {
            site_mask: u32::MAX,
            ..Node::default()
        };
        *node(void) = Node::default();
        let tid = system::thread();
        let now = ticks();
        *entry::<Thread>(unit) = Thread {
            current: root,
            root,
            void,
            last_ticks: now,
            first_ticks: now,
            pointer: arch::thread_pointer(),
            tid,
            next: (*header()).threads,
            is_main: u32::from(tid == system::process()),
            ..Thread::default()
        };
        (*header()).threads = unit;
        (*header()).thread_count += 1;
        entry(unit)
    }
}

/// A call begins in a thread that runs nothing recorded. Is it still the same thread? Thread
/// pointers are used again. Null if this thread is not recorded any more.
///
/// # Safety
/// The GIL is held, the thread is the running one.
pub(crate) unsafe fn begin(thread: *mut Thread) -> *mut Thread {
    // SAFETY: as the caller promises.
    unsafe {
        let has_run = (*node((*thread).root)).child != 0;
        let is_main = thread == (*state()).main_thread;
        if (*state()).phase == Phase::Recording && is_main && has_run {
            // `__main__` has returned; what runs here now is the interpreter's end.
            (*thread).is_over = 1;
            crate::state::renew_anchor();
            return select(thread);
        }
        if (*thread).tid == system::thread() {
            return thread;
        }
        (*thread).pointer = 0;
        (*thread).is_over = 1;
        select(add_named())
    }
}

/// Before recording has begun: is this the first frame of the program's own code? Then begins it.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn is_first_of_main(name_is_module: impl FnOnce() -> bool) -> bool {
    // SAFETY: the GIL is held.
    unsafe {
        let state = state();
        if (*state).phase != Phase::Waiting {
            return false;
        }
        let globals: *mut Object = (api().globals)();
        if globals != (*state).main_dict || globals.is_null() || !name_is_module() {
            return false;
        }
        if (*state).is_forked {
            crate::fork::settle();
        }
        (*state).phase = Phase::Recording;
        (*header()).flags |= flag::BEGAN;
        crate::state::renew_anchor();
        (*state).main_thread = switch();
        !(*state).main_thread.is_null()
    }
}

/// `switch_greenlet(event, (origin, target))`: what `greenlet.settrace` calls when another greenlet
/// begins or goes on in this thread. Each greenlet has a tree of its own, like a thread.
///
/// # Safety
/// Called by the package `greenlet`, with the GIL held.
pub(crate) unsafe extern "C" fn switch_greenlet(
    _: *mut Object,
    arguments: Arguments,
    count: isize,
) -> *mut Object {
    // SAFETY: `greenlet` gives a str and a pair of greenlets.
    unsafe {
        let api = api();
        let thread = current();
        let is_pair = count == 2
            && crate::object::is(*arguments.add(1), api.tuple_type)
            && (api.tuple_size)(*arguments.add(1)) == 2;
        if !thread.is_null() && is_pair {
            let pair = *arguments.add(1);
            let origin = (api.tuple_item)(pair, 0) as u64;
            let target = (api.tuple_item)(pair, 1) as u64;
            // What we recorded so far in this thread was the origin's.
            if (*thread).greenlet == 0 {
                (*thread).greenlet = origin;
            }
            if (*thread).greenlet != target {
                replace(thread, target);
            }
        }
        crate::module::none()
    }
}

/// Lets another greenlet's record take the place of a thread's running one.
unsafe fn replace(old: *mut Thread, greenlet: u64) {
    // SAFETY: the record is that of the running thread.
    unsafe {
        let now = ticks();
        let place = (greenlet >> 4) as usize % SEEN_GREENLETS;
        let mut unit = (*state()).seen_greenlets[place];
        if unit == 0 || !is_of(entry(unit), (*old).tid, greenlet) {
            unit = find_greenlet(old, greenlet);
        }
        let new = if unit == 0 { add() } else { entry(unit) };
        if new.is_null() {
            return;
        }
        (*old).pointer = 0;
        ((*old).last_ticks, (*old).paused) = (now, now);
        (*new).greenlet = greenlet;
        (*new).pointer = arch::thread_pointer();
        (*new).is_main = (*old).is_main;
        (*new).follows_greenlets = (*old).follows_greenlets;
        // A hook of the program is one of the thread, whichever greenlet runs.
        (*new).hook = core::mem::take(&mut (*old).hook);
        go_on(new, now);
        let unit = ((new as usize - (*state()).base as usize) / UNIT_BYTES) as u32;
        (*state()).seen_greenlets[place] = unit;
        (*state()).seen[((*new).pointer >> 12) as usize % SEEN] = unit;
        select(new);
    }
}

/// True if the record is that of the greenlet, in the thread of that id.
unsafe fn is_of(thread: *const Thread, tid: u32, greenlet: u64) -> bool {
    // SAFETY: the caller has a record.
    let (of, id, is_over) = unsafe { ((*thread).greenlet, (*thread).tid, (*thread).is_over) };
    of == greenlet && id == tid && is_over == 0
}

/// The record of a greenlet of this thread, or one that can become it; 0 if there is neither.
unsafe fn find_greenlet(old: *mut Thread, greenlet: u64) -> u32 {
    // SAFETY: threads are linked to the first one.
    unsafe {
        let tid = (*old).tid;
        let mut unit = (*header()).threads;
        let mut free = 0;
        while unit != 0 {
            let one = entry::<Thread>(unit);
            if is_of(one, tid, greenlet) {
                return unit;
            }
            // One that runs nothing has ended or not begun: its address may be another's.
            let is_ours = (*one).tid == tid && (*one).is_over == 0 && (*one).greenlet != 0;
            if is_ours && one != old && (*one).current == (*one).root && !runs_lines(one) {
                free = unit;
            }
            unit = (*one).next;
        }
        free
    }
}

/// True if a timed function runs in it.
unsafe fn runs_lines(thread: *const Thread) -> bool {
    // SAFETY: the innermost frame is one of the thread, or there is none; the header, at 0, has no
    // code in that place that counts.
    unsafe {
        let unit = (*thread).line_frame;
        unit != 0 && (*entry::<LineFrame>(unit)).code != 0
    }
}

/// What a greenlet runs has waited while others ran: that is no time of its own.
unsafe fn go_on(thread: *mut Thread, now: u64) {
    // SAFETY: parents lead to the root.
    unsafe {
        if (*thread).paused == 0 {
            return;
        }
        let pause = now.saturating_sub((*thread).paused);
        let mut unit = (*thread).current;
        while unit != (*thread).root && unit != 0 {
            (*node(unit)).began += pause;
            unit = (*node(unit)).parent;
        }
        crate::lines::go_on_after(thread, pause);
        (*thread).paused = 0;
    }
}
