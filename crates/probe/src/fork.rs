//! A recorded process forks: its child gets a file of its own.
//!
//! The child inherits our mapping, and with it its parent's file, which the parent goes on writing
//! to. So what is in use is copied before the fork, and the child gets that copy. At its first
//! event (most children execute another program and have none) a new file is made, filled with
//! the copy, and mapped at the address of the old one: every index and pointer goes on to be
//! right, and so does the path that runs. Only the numbers start from zero.

use crate::arena;
use crate::calls;
use crate::state::{Phase, header, state};
use crate::system;
use core::ptr;
use pitstop_wire::{FIRST_UNIT, Header, UNIT_BYTES, flag};

/// In the parent, before it forks.
///
/// # Safety
/// Called by the C library; the forking thread holds the GIL if it runs Python at all.
pub(crate) unsafe extern "C" fn before() {
    // SAFETY: the GIL is held; who forks without it gets a copy that may be torn, and a child
    // that can run no Python.
    unsafe {
        let state = state();
        if !(*state).base.is_null() && (*state).phase != Phase::Closed && !(*state).is_forked {
            let bytes = (*header()).used_units as usize * UNIT_BYTES;
            if let Ok(copy) = system::map_memory(bytes) {
                ptr::copy_nonoverlapping((*state).base, copy as *mut u8, bytes);
                ((*state).copy, (*state).copy_bytes) = (copy, bytes);
            }
        }
    }
}

/// In the parent, after it forked.
///
/// # Safety
/// As for [`before`].
pub(crate) unsafe extern "C" fn in_parent() {
    // SAFETY: the copy was for the child.
    unsafe {
        if !(*state()).is_forked {
            forget_copy();
        }
    }
}

/// In the child.
///
/// # Safety
/// As for [`before`]; there is one thread.
pub(crate) unsafe extern "C" fn in_child() {
    // SAFETY: there is one thread.
    unsafe {
        let state = state();
        if (*state).copy == 0 {
            if !(*state).is_forked {
                give_up();
            }
            return;
        }
        (*state).is_forked = true;
        (*state).forked_ticks = crate::state::ticks();
        crate::threads::forget();
    }
}

unsafe fn forget_copy() {
    // SAFETY: nobody uses the copy any more.
    unsafe {
        let state = state();
        let (copy, bytes) = ((*state).copy, (*state).copy_bytes);
        ((*state).copy, (*state).copy_bytes) = (0, 0);
        if copy != 0 {
            system::unmap(copy, bytes);
        }
    }
}

/// Gives a forked process its own file, if it has none yet. To be called before anything is
/// written.
///
/// # Safety
/// The GIL is held.
#[cold]
#[inline(never)]
pub(crate) unsafe fn settle() {
    // SAFETY: the GIL is held; the copy holds what the old file did.
    unsafe {
        let state = state();
        let (copy, bytes) = ((*state).copy, (*state).copy_bytes);
        (*state).is_forked = false;
        let old = *(copy as *const Header);
        let first = FIRST_UNIT as usize * UNIT_BYTES;
        let more = bytes - first;
        let units = (more / UNIT_BYTES) as u32;
        if arena::create(old.most_units).is_err() || (units > 0 && arena::take(units) == 0) {
            forget_copy();
            return give_up();
        }
        ptr::copy_nonoverlapping(
            (copy as *const u8).add(first),
            (*state).base.add(first),
            more,
        );
        forget_copy();
        adopt(&old);
        threads_of_child(&old);
    }
}

/// Takes over what is still true in the child.
unsafe fn adopt(old: &Header) {
    // SAFETY: the new file is mapped.
    unsafe {
        let new = header();
        (*new).flags = old.flags | flag::FORKED;
        ((*new).threads, (*new).thread_count) = (old.threads, old.thread_count);
        ((*new).callables, (*new).callable_count) = (old.callables, old.callable_count);
        (*new).node_count = old.node_count;
        ((*new).timed, (*new).timed_count) = (old.timed, old.timed_count);
        (*new).evidence = old.evidence;
        ((*new).spans, (*new).span_capacity) = (old.spans, old.span_capacity);
        (*new).command = old.command;
        (*new).calibration = old.calibration;
        ((*new).anchor_ticks, (*new).anchor_ns) = (old.anchor_ticks, old.anchor_ns);
    }
}

unsafe fn threads_of_child(old: &Header) {
    // SAFETY: the new file holds the same threads.
    unsafe {
        let state = state();
        let pointer = crate::arch::thread_pointer();
        let mut unit = old.threads;
        let mut kept: *mut pitstop_wire::Thread = ptr::null_mut();
        while unit != 0 {
            let thread = crate::state::entry::<pitstop_wire::Thread>(unit);
            if (*thread).pointer == pointer && (*thread).is_over == 0 && kept.is_null() {
                kept = thread;
                (*thread).tid = system::thread();
                (*thread).is_main = 1;
            } else {
                (*thread).is_main = 0;
            }
            unit = (*thread).next;
        }
        calls::start_over(kept);
        crate::lines::start_over();
        crate::evidence::start_over();
        if (*state).main_thread != kept {
            (*state).main_thread = ptr::null_mut();
        }
        crate::threads::forget();
        crate::state::renew_anchor();
    }
}

/// No file for this child: it is not recorded, and must not write into its parent's.
unsafe fn give_up() {
    // SAFETY: there is one thread.
    unsafe {
        crate::threads::forget();
        (*state()).phase = Phase::Closed;
    }
}
