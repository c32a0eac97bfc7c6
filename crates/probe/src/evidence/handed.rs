//! Statements that are handed to another thread, as aiosqlite does: whose they are is known where
//! they are handed over, and not where they run.
//!
//! Both threads hold the same two objects, the statement and its parameters, and they live until it
//! has run; so their addresses tell which statement it is.

use super::user::{self, Site};
use super::{Memory, lose};
use crate::object::{Object, is};
use crate::state::api;
use crate::table::mix;

/// Groups of places, told by a hash, and how many statements of one group are remembered, the last
/// ones: 8192 statements may be on their way at a time.
const GROUPS: usize = 1024;
const WAYS: usize = 8;

#[derive(Clone, Copy)]
struct Handed {
    statement: u64,
    parameters: u64,
    site: Site,
    caller: Site,
}

static mut HANDED: Memory<[[Handed; WAYS]; GROUPS]> = Memory::new();

/// Where a pair of objects may be remembered; `None` without memory. All zero at first.
unsafe fn group(statement: u64, parameters: u64) -> Option<&'static mut [Handed; WAYS]> {
    let handed = &raw mut HANDED;
    // SAFETY: the GIL is held.
    let groups = unsafe { (*handed).get() };
    // SAFETY: the GIL is held, and whoever has a group lets it go before asking for another.
    let groups = unsafe { groups.as_mut() }?;
    groups.get_mut(mix(statement, parameters) as usize % GROUPS)
}

/// A function is to run elsewhere with these arguments, a tuple that begins with a statement.
///
/// # Safety
/// The GIL is held, a frame runs, and the object is one or null.
pub(super) unsafe fn hand_over(arguments: *mut Object, is_running: bool) {
    // SAFETY: the GIL is held.
    let api = unsafe { api() };
    // SAFETY: it is an object.
    if arguments.is_null() || !unsafe { is(arguments, api.tuple_type) } {
        return;
    }
    // SAFETY: it is a tuple.
    let count = unsafe { (api.tuple_size)(arguments) };
    if count < 1 {
        return;
    }
    // SAFETY: there is a first one.
    let statement = unsafe { (api.tuple_item)(arguments, 0) };
    // SAFETY: it is an object.
    if !unsafe { is(statement, api.unicode_type) } {
        return;
    }
    let parameters = if count > 1 {
        // SAFETY: there is a second one.
        unsafe { (api.tuple_item)(arguments, 1) }
    } else {
        core::ptr::null_mut()
    };
    // SAFETY: the GIL is held, a frame runs.
    let (site, caller) = unsafe { user::sites(is_running) };
    let (statement, parameters) = (statement as u64, parameters as u64);
    // SAFETY: the GIL is held.
    let Some(group) = (unsafe { group(statement, parameters) }) else {
        // SAFETY: the file is mapped.
        return unsafe { lose() };
    };
    let is_it = |one: &Handed| (one.statement, one.parameters) == (statement, parameters);
    let place = group.iter().position(is_it).unwrap_or(WAYS - 1);
    group[place] = Handed {
        statement,
        parameters,
        site,
        caller,
    };
    group[..=place].rotate_right(1);
}

/// Where a statement that runs now was handed over, and who called that.
///
/// # Safety
/// The GIL is held.
pub(super) unsafe fn origin(
    statement: *mut Object,
    parameters: *mut Object,
) -> Option<(Site, Site)> {
    let (statement, parameters) = (statement as u64, parameters as u64);
    // SAFETY: the GIL is held.
    let group = unsafe { group(statement, parameters) }?;
    let is_it = |one: &&Handed| (one.statement, one.parameters) == (statement, parameters);
    let handed = group.iter().find(is_it).filter(|_| statement != 0)?;
    Some((handed.site, handed.caller))
}
