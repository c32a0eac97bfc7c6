//! The call engine: a tree of call paths for each thread, kept while the program runs.
//!
//! A call goes to the child of the running path that has its key: the callable's address with the
//! call site above it ([`key`]). The child that ran last is compared first, then its siblings, then
//! the table is asked, and at last a new path is made. The clock is read last on the way in and
//! first on the way out, so that as little of our own work as possible is in the times; what
//! remains is measured at the start and taken off by the collector.

use crate::arena;
use crate::callables::{self, ADDRESS_MASK, holds};
use crate::object::Object;
use crate::state::{entry, header, node, state, ticks};
use crate::table::{What, mix};
use crate::threads;
use core::ptr;
use pitstop_wire::{Callable, Cold, Node, SITE_BITS, SITE_SHIFT, SpanRecord, Thread};

/// How many siblings are looked at before the table is asked.
const NEAR: u32 = 6;

/// How many ancestors are searched for a recursion when a path is made.
const RECURSION_WINDOW: u32 = 24;

/// A recursive callable with more paths than this has no call sites in new ones: a function that
/// calls itself at two places has a path for every subset of its calls otherwise.
const MOST_RECURSIVE_PATHS: u32 = 512;

/// What is called.
#[derive(Clone, Copy)]
pub(crate) enum Callee {
    Code(*mut Object),
    Native(*mut Object),
}

/// The call site that stands for an instruction at a byte offset; 0 if it is too far to name.
#[inline(always)]
pub(crate) fn site(offset: u32) -> u32 {
    let unit = (offset >> 1) + 1;
    if unit < 1 << SITE_BITS { unit } else { 0 }
}

/// The key of a path under `parent`.
#[inline(always)]
unsafe fn key(parent: *const Node, address: u64, site: u32) -> u64 {
    // SAFETY: the caller has a path.
    let site = site & unsafe { (*parent).site_mask };
    (address >> 3) & ADDRESS_MASK | u64::from(site) << SITE_SHIFT
}

/// The hash of a path by its key.
#[inline]
pub(crate) fn key_hash(parent: u32, key: u64) -> u64 {
    mix(key, u64::from(parent) << 1)
}

/// The hash of a path by its callable; `site` as it stands in the key.
#[inline]
pub(crate) fn callable_hash(parent: u32, callable: u32, site: u64) -> u64 {
    mix(site | u64::from(callable), u64::from(parent) << 1 | 1)
}

/// The path below the running one for a call; null if the call is not recorded.
#[inline(always)]
unsafe fn child(thread: *mut Thread, address: u64, site: u32, callee: Callee) -> *mut Node {
    // SAFETY: the thread is the running one, with the GIL held; its paths are in the mapping.
    unsafe {
        let parent = node((*thread).current);
        let key = key(parent, address, site);
        let hot = (*parent).hot;
        let child = node(hot);
        if (*child).key == key {
            (*thread).current = hot;
            child
        } else {
            find(thread, key, address, site, callee)
        }
    }
}

/// A function begins. The thread is the one of [`threads::current`].
///
/// # Safety
/// The GIL is held, the thread is the running one.
#[inline(always)]
pub(crate) unsafe fn enter(thread: *mut Thread, address: u64, site: u32, callee: Callee) {
    // SAFETY: as the caller promises.
    unsafe {
        let path = child(thread, address, site, callee);
        if !path.is_null() {
            (*path).calls += 1;
            (*path).began = ticks();
        }
    }
}

/// A generator or coroutine goes on, or an exception is thrown into it.
///
/// # Safety
/// As for [`enter`]; the code is that of the running frame.
#[inline(never)]
pub(crate) unsafe fn resume(thread: *mut Thread, code: *mut Object, frame: u64) {
    // SAFETY: as the caller promises.
    unsafe {
        let site = core::mem::take(&mut (*thread).site);
        let path = child(thread, code as u64, site, Callee::Code(code));
        let since = (*state()).waits.resume(frame);
        if path.is_null() {
            return;
        }
        let now = ticks();
        let cold = cold(path, (*thread).current);
        if !cold.is_null() {
            (*cold).resumptions += 1;
            (*cold).waited += since.map_or(0, |(since, _)| now.saturating_sub(since));
        }
        (*path).began = ticks();
    }
}

/// A function ends. `now` was read before anything else.
///
/// # Safety
/// The GIL is held, the thread is the running one.
#[inline(always)]
pub(crate) unsafe fn leave(thread: *mut Thread, address: u64, now: u64) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        let path = node((*thread).current);
        // The keys of roots have no address, so they never match.
        if ((*path).key ^ (address >> 3)) << (u64::BITS - SITE_SHIFT) != 0 {
            return leave_other(thread, address, now);
        }
        close(thread, path, now);
        true
    }
}

#[inline(always)]
unsafe fn close(thread: *mut Thread, path: *mut Node, now: u64) {
    // SAFETY: the path is the running one of the thread.
    unsafe {
        let spent = now.wrapping_sub((*path).began);
        (*path).own = (*path).own.wrapping_add(spent);
        let parent = node((*path).parent);
        (*parent).own = (*parent).own.wrapping_sub(spent);
        if (*state()).keeps_spans {
            keep_span(thread, path, spent);
        }
        (*thread).current = (*path).parent;
        (*thread).last_ticks = now;
        (*thread).site = 0;
        if (*path).parent == (*thread).root {
            // Perhaps the end of the thread: it has had its last name.
            crate::names::renew(thread);
        }
    }
}

/// A function ends with an exception.
///
/// # Safety
/// As for [`leave`].
#[inline(never)]
pub(crate) unsafe fn leave_raising(thread: *mut Thread, address: u64, now: u64) {
    // SAFETY: as the caller promises.
    unsafe {
        let unit = (*thread).current;
        if leave(thread, address, now) {
            // What was closed last is what raised, which after a mismatch may not be `unit`.
            let path = node(unit);
            if (*path).key & ADDRESS_MASK == (address >> 3) & ADDRESS_MASK {
                let cold = cold(path, unit);
                if !cold.is_null() {
                    (*cold).raised += 1;
                }
            }
        }
    }
}

/// A function ends that is not the one running: an event was missed. Closes everything above it;
/// if it runs nowhere, it began before recording did, and nothing is closed.
#[cold]
unsafe fn leave_other(thread: *mut Thread, address: u64, now: u64) -> bool {
    // SAFETY: as for `leave`.
    unsafe {
        if (*thread).current == (*thread).void {
            (*thread).untracked -= 1;
            if (*thread).untracked == 0 {
                (*thread).current = (*node((*thread).void)).parent;
            }
            return false;
        }
        let mut unit = (*thread).current;
        while unit != (*thread).root {
            if (*node(unit)).key & ADDRESS_MASK == (address >> 3) & ADDRESS_MASK {
                (*header()).lost.unmatched += 1;
                while (*thread).current != (*node(unit)).parent {
                    close(thread, node((*thread).current), now);
                }
                return true;
            }
            unit = (*node(unit)).parent;
        }
        (*header()).lost.unmatched += u64::from((*thread).current != (*thread).root);
        false
    }
}

/// The path is not the one that ran last: looks further, or makes it.
#[cold]
#[inline(never)]
unsafe fn find(
    mut thread: *mut Thread,
    mut wanted: u64,
    address: u64,
    site: u32,
    callee: Callee,
) -> *mut Node {
    // SAFETY: as for `child`.
    unsafe {
        if (*thread).current == (*thread).root {
            thread = threads::begin(thread);
            if thread.is_null() {
                return ptr::null_mut();
            }
            crate::greenlets::follow(thread);
        } else if (*thread).current == (*thread).void {
            (*thread).untracked += 1;
            (*header()).lost.calls += 1;
            return ptr::null_mut();
        }
        let parent = (*thread).current;
        let unit = {
            let near = find_near(parent, wanted);
            if near != 0 {
                near
            } else {
                let fits = |unit| (*node(unit)).key == wanted && (*node(unit)).parent == parent;
                let table = &(*state()).table;
                table.find(key_hash(parent, wanted), What::PathByKey, fits)
            }
        };
        let unit = if unit != 0 {
            unit
        } else {
            crate::greenlets::follow(thread);
            find_by_callable(parent, &mut wanted, address, site, callee)
        };
        if unit == 0 {
            // No room: this call and all it makes are counted as lost, their time is the caller's.
            (*header()).lost.calls += 1;
            (*node((*thread).void)).parent = parent;
            (*thread).current = (*thread).void;
            (*thread).untracked = 1;
            return ptr::null_mut();
        }
        // A root keeps no hot child: what begins there is looked at closely each time.
        if parent != (*thread).root {
            (*node(parent)).hot = unit;
        }
        (*thread).current = unit;
        node(unit)
    }
}

unsafe fn find_near(parent: u32, wanted: u64) -> u32 {
    // SAFETY: lists of siblings end with 0.
    unsafe {
        let mut unit = (*node(parent)).child;
        for _ in 0..NEAR {
            if unit == 0 || (*node(unit)).key == wanted {
                return unit;
            }
            unit = (*node(unit)).sibling;
        }
        0
    }
}

/// Under another address it may be a path that is known: the same function, made again.
unsafe fn find_by_callable(
    parent: u32,
    wanted: &mut u64,
    address: u64,
    site: u32,
    callee: Callee,
) -> u32 {
    // SAFETY: as for `find`.
    unsafe {
        let callable = match callee {
            Callee::Code(code) => callables::of_code(code),
            Callee::Native(object) => callables::of_native(object, address),
        };
        if callable == 0 {
            return 0;
        }
        if (*node(parent)).site_mask != 0
            && (*entry::<Callable>(callable)).nodes >= MOST_RECURSIVE_PATHS
            && recurs(parent, callable)
        {
            (*node(parent)).site_mask = 0;
            *wanted = key(node(parent), address, site);
        }
        let (wanted, table) = (*wanted, &raw mut (*state()).table);
        let place = wanted & !ADDRESS_MASK;
        let hash = callable_hash(parent, callable, place);
        let known = (*table).find(hash, What::PathByCallable, |unit| {
            let path = node(unit);
            (*path).callable == callable
                && (*path).parent == parent
                && (*path).key & !ADDRESS_MASK == place
        });
        let unit = if known != 0 {
            known
        } else {
            let made = make(parent, callable);
            if made == 0 {
                return 0;
            }
            (*node(made)).key = wanted;
            if !(*table).add(hash, What::PathByCallable, made, holds) {
                (*header()).lost.unmatched += 1;
            }
            made
        };
        (*node(unit)).key = wanted;
        (*table).add(key_hash(parent, wanted), What::PathByKey, unit, holds);
        unit
    }
}

unsafe fn recurs(parent: u32, callable: u32) -> bool {
    // SAFETY: parents lead to the root, whose parent is 0.
    unsafe {
        let mut unit = parent;
        for _ in 0..RECURSION_WINDOW {
            if unit == 0 {
                return false;
            }
            if (*node(unit)).callable == callable {
                return true;
            }
            unit = (*node(unit)).parent;
        }
        false
    }
}

unsafe fn make(parent: u32, callable: u32) -> u32 {
    // SAFETY: the units are those of a path and a callable.
    unsafe {
        let unit = arena::take(1);
        if unit == 0 {
            return 0;
        }
        let owner = entry::<Callable>(callable);
        *node(unit) = Node {
            parent,
            site_mask: u32::MAX,
            sibling: (*node(parent)).child,
            callable,
            same: (*owner).newest,
            ..Node::default()
        };
        (*owner).newest = unit;
        (*owner).nodes += 1;
        (*node(parent)).child = unit;
        (*header()).node_count += 1;
        unit
    }
}

/// The rare numbers of a path; null if there is no room for them.
unsafe fn cold(path: *mut Node, unit: u32) -> *mut Cold {
    // SAFETY: the path lies at the unit.
    unsafe {
        if (*path).cold == 0 {
            let made = arena::take(1);
            if made == 0 {
                return ptr::null_mut();
            }
            *entry::<Cold>(made) = Cold {
                node: u64::from(unit),
                ..Cold::default()
            };
            (*path).cold = made;
        }
        entry((*path).cold)
    }
}

/// Writes a call in time into the ring, over the oldest one.
#[cold]
#[inline(never)]
unsafe fn keep_span(thread: *mut Thread, path: *const Node, spent: u64) {
    // SAFETY: the ring has `span_capacity` places, a power of two.
    unsafe {
        let header = header();
        let number = (*header).span_count;
        (*header).span_count = number + 1;
        if (*header).span_capacity == 0 {
            return;
        }
        let place = (number & (u64::from((*header).span_capacity) - 1)) as usize;
        let unit = |address: usize| ((address - (*state()).base as usize) / 64) as u32;
        *entry::<SpanRecord>((*header).spans).add(place) = SpanRecord {
            began: (*path).began,
            ticks: spent,
            node: unit(path as usize),
            thread: unit(thread as usize),
            number: number + 1,
        };
    }
}

/// Counts from zero again in a forked process, in all threads, and lets what runs begin with the
/// process. Paths stay.
///
/// # Safety
/// The GIL is held, and `kept` is the one thread that goes on.
pub(crate) unsafe fn start_over(kept: *mut Thread) {
    // SAFETY: threads and paths are linked as they were made.
    unsafe {
        // Not the present: an event is under way whose time was read before we came here.
        let now = (*state()).forked_ticks;
        let mut callable = (*header()).callables;
        while callable != 0 {
            let mut unit = (*entry::<Callable>(callable)).newest;
            while unit != 0 {
                let path = node(unit);
                ((*path).calls, (*path).own) = (0, 0);
                if (*path).cold != 0 {
                    let cold = entry::<Cold>((*path).cold);
                    ((*cold).resumptions, (*cold).raised, (*cold).waited) = (0, 0, 0);
                }
                unit = (*path).same;
            }
            callable = (*entry::<Callable>(callable)).next;
        }
        let mut unit = (*header()).threads;
        while unit != 0 {
            let thread = entry::<Thread>(unit);
            (*node((*thread).root)).own = 0;
            if thread != kept {
                (*thread).is_over = 1;
                (*thread).pointer = 0;
                (*thread).current = (*thread).root;
            }
            unit = (*thread).next;
        }
        if !kept.is_null() {
            ((*kept).first_ticks, (*kept).last_ticks) = (now, now);
            let mut unit = (*kept).current;
            while unit != 0 {
                (*node(unit)).began = now;
                unit = (*node(unit)).parent;
            }
        }
    }
}
