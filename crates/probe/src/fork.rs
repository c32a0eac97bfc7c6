//! A recorded process forks: its child gets a file of its own.
//!
//! The child has our mapping, and with it its parent's file. Before anything else runs in it, the
//! file is replaced by a copy: a new one is made, what was in use is copied, and it is mapped at
//! the same address. So every index and pointer goes on to be right, and the path that runs goes
//! on too; only the numbers start from zero.

use crate::arena;
use crate::calls;
use crate::state::{Phase, header, state};
use crate::system;
use core::ptr;
use pitstop_wire::{FIRST_UNIT, Header, UNIT_BYTES, flag};

/// In the child, before any of its own code.
///
/// # Safety
/// Called by the C library after a fork, in the child's only thread.
pub(crate) unsafe extern "C" fn in_child() {
    // SAFETY: there is one thread, so nobody else uses the state.
    unsafe {
        let state = state();
        if (*state).base.is_null() || (*state).phase == Phase::Closed {
            return;
        }
        let old = *header();
        let bytes = old.used_units as usize * UNIT_BYTES;
        let first = FIRST_UNIT as usize * UNIT_BYTES;
        let copy = system::map_memory(bytes);
        let Ok(copy) = copy else {
            return give_up();
        };
        ptr::copy_nonoverlapping((*state).base, copy as *mut u8, bytes);
        if arena::create(old.most_units).is_err() {
            return give_up();
        }
        let more = bytes - first;
        let taken = more.div_ceil(UNIT_BYTES) as u32;
        if taken > 0 && arena::take(taken) == 0 {
            return give_up();
        }
        ptr::copy_nonoverlapping(
            (copy as *const u8).add(first),
            (*state).base.add(first),
            more,
        );
        system::unmap(copy, bytes);
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
        let mut kept = ptr::null_mut();
        while unit != 0 {
            let thread = crate::state::entry::<pitstop_wire::Thread>(unit);
            if (*thread).pointer == pointer && (*thread).is_over == 0 {
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
