//! Statements that the program gives to databases: how often, from where, how long, how many rows.
//!
//! A statement is known without its literals, at the place in the user's code that led to it. What
//! a driver calls inside of such a call is part of it.

use super::arguments::Parameters;
use super::keys::Key;
use super::watch::Call;
use super::{Local, Memory, Role, handed, lose, sql, user};
use crate::arena;
use crate::object::{Object, Type, Writer, is};
use crate::state::{api, entry, header, ticks};
use crate::table::mix;
use pitstop_wire::{Query, UNIT_BYTES, Watched, query};

/// How many statements, each at its place, are told apart.
const MOST_QUERIES: u64 = 8192;
/// How many runs of statements are remembered, to find the same one again: 2 MiB.
const SEEN: usize = 1 << 18;
/// How many groups of cursors are known at a time.
const CURSORS: usize = 256;
/// So many cursors whose addresses have the same hash are told apart, the last ones that were used:
/// one that is read while others come and go stays known.
const WAYS: usize = 8;
/// How many statements are known by their text.
const TEXTS: usize = 1024;
/// Runs of a statement belong together with at most so many other ones in between.
const NEAR: u64 = 8;
/// How much of a statement is read, and how much of it is kept.
const READ_BYTES: usize = 16 * 1024;
const KEPT_BYTES: usize = 2048;

/// A statement that is running, or rows that are being fetched.
#[derive(Clone, Copy, Default)]
pub(super) struct Running {
    role: u32,
    query: u32,
    cursor: u64,
    is_outermost: bool,
}

/// What is looked up often, in private memory.
struct Known {
    /// Cursors and what they ran last.
    cursors: [[(u64, u32); WAYS]; CURSORS],
    /// Statements by the hash of their text: hash, and that of the text without literals.
    texts: [(u64, u64); TEXTS],
    /// Statements with their parameters.
    seen: [u64; SEEN],
    seen_count: usize,
    read: [u8; READ_BYTES],
    folded: [u8; KEPT_BYTES],
}

static mut KNOWN: Memory<Known> = Memory::new();

unsafe fn known() -> *mut Known {
    let known = &raw mut KNOWN;
    // SAFETY: the GIL is held.
    unsafe { (*known).get() }
}

/// The function of a driver that was called.
#[derive(Clone, Copy)]
pub(super) struct Driver {
    /// The [`pitstop_wire::Callable`].
    pub(super) callable: u32,
    /// Its frame runs already.
    pub(super) is_running: bool,
}

/// Begins a call that has to do with a statement. `statement` and `parameters` may be null.
pub(super) unsafe fn begin(
    local: *mut Local,
    role: Role,
    cursor: *mut Object,
    statement: *mut Object,
    parameters: *mut Object,
    driver: Driver,
) -> Running {
    // SAFETY: the GIL is held and the objects are alive.
    unsafe {
        let mut running = Running {
            role: role as u32,
            query: 0,
            cursor: cursor as u64,
            is_outermost: !(*local).in_query,
        };
        if !running.is_outermost {
            return running;
        }
        (*local).in_query = true;
        match role {
            Role::Execute | Role::ExecuteMany => {
                running.query = run(local, role, statement, parameters, driver);
                remember_cursor(cursor, running.query);
            }
            Role::FetchOne | Role::FetchMany | Role::Next => running.query = query_of(cursor),
            _ => {}
        }
        running
    }
}

/// Ends it. `result` is null after an exception.
pub(super) unsafe fn end(local: *mut Local, running: Running, result: *mut Object, spent: u64) {
    // SAFETY: the GIL is held.
    unsafe {
        if !running.is_outermost {
            return;
        }
        (*local).in_query = false;
        let Some(role) = Role::from_number(running.role) else {
            return;
        };
        if role == Role::Commit {
            return commit(local, result, spent);
        }
        if running.query == 0 {
            return;
        }
        let known = entry::<Query>(running.query);
        (*known).ticks += spent;
        match role {
            Role::FetchMany if !result.is_null() && is(result, api().list_type) => {
                (*known).rows += (api().list_size)(result).max(0) as u64;
            }
            Role::FetchOne | Role::Next => {
                (*known).rows += u64::from(!result.is_null() && result != api().none);
            }
            Role::Execute | Role::ExecuteMany => {
                (*known).longest = (*known).longest.max(spent);
                (*known).raised += u64::from(result.is_null());
                // `Connection.execute` makes a cursor.
                if !result.is_null() && result as u64 != running.cursor {
                    remember_cursor(result, running.query);
                }
            }
            _ => {}
        }
    }
}

unsafe fn commit(local: *mut Local, result: *mut Object, spent: u64) {
    // SAFETY: the GIL is held.
    unsafe {
        let totals = &raw mut (*header()).evidence;
        if !result.is_null() && (*local).writes > 0 {
            (*totals).commits += 1;
            if (*local).writes == 1 && (*local).last_write != 0 {
                (*entry::<Query>((*local).last_write)).lone_commits += 1;
            }
        }
        (*totals).commit_ticks += spent;
        (*local).writes = 0;
    }
}

fn group_of(cursor: u64) -> usize {
    mix(cursor, 21) as usize % CURSORS
}

unsafe fn remember_cursor(cursor: *mut Object, query: u32) {
    // SAFETY: the GIL is held.
    let known = unsafe { known() };
    if !known.is_null() && !cursor.is_null() {
        let cursor = cursor as u64;
        // SAFETY: the GIL is held, so nobody else has it.
        let group = unsafe { &mut (*known).cursors[group_of(cursor)] };
        let is_it = |entry: &(u64, u32)| entry.0 == cursor;
        let place = group.iter().position(is_it).unwrap_or(WAYS - 1);
        group[place] = (cursor, query);
        group[..=place].rotate_right(1);
    }
}

unsafe fn query_of(cursor: *mut Object) -> u32 {
    // SAFETY: the GIL is held.
    let known = unsafe { known() };
    if known.is_null() {
        return 0;
    }
    let cursor = cursor as u64;
    // SAFETY: the GIL is held, so nobody else has it.
    let group = unsafe { &mut (*known).cursors[group_of(cursor)] };
    match group.iter().position(|entry| entry.0 == cursor) {
        Some(place) => {
            group[..=place].rotate_right(1);
            group[0].1
        }
        None => 0,
    }
}

/// Reads a statement: how many bytes of it are in the buffer.
unsafe fn read(known: *mut Known, statement: *mut Object) -> usize {
    // SAFETY: objects of these types have these layouts.
    unsafe {
        let api = api();
        let mut writer = Writer::new(&mut (*known).read);
        if statement.is_null() {
            writer.bytes(b"(unknown)");
        } else if is(statement, api.unicode_type) {
            writer.string(statement, READ_BYTES);
        } else if is(statement, api.bytes_type) {
            let size = (api.bytes_size)(statement).max(0) as usize;
            let data = (api.bytes_data)(statement).cast::<u8>();
            writer.bytes(core::slice::from_raw_parts(data, size.min(READ_BYTES)));
        } else {
            // An object of the driver's that makes the text itself.
            writer.bytes(b"(");
            writer.c_string((*(*statement).kind.cast::<Type>()).name);
            writer.bytes(b")");
        }
        writer.length()
    }
}

/// The hash of a statement without its literals, and how much of the buffer that text fills; 0
/// where the text was known.
unsafe fn fold(known: *mut Known, statement: *mut Object) -> (u64, u64, usize) {
    // SAFETY: the GIL is held.
    unsafe {
        let mut told = Key::new();
        told.object(statement);
        let place = told.hash as usize % TEXTS;
        let (text, folded) = (*known).texts[place];
        let is_text = !statement.is_null()
            && (is(statement, api().unicode_type) || is(statement, api().bytes_type));
        if text == told.hash && is_text {
            return (told.hash, folded, 0);
        }
        let length = fold_anew(known, statement);
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for &byte in &(&(*known).folded)[..length] {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        (*known).texts[place] = (told.hash, hash);
        (told.hash, hash, length)
    }
}

unsafe fn fold_anew(known: *mut Known, statement: *mut Object) -> usize {
    // SAFETY: the GIL is held; the two buffers are different ones.
    unsafe {
        let length = read(known, statement);
        let read = core::slice::from_raw_parts((&raw const (*known).read).cast::<u8>(), length);
        sql::without_literals(read, &mut (*known).folded)
    }
}

/// A statement is run: finds its entry and counts.
unsafe fn run(
    local: *mut Local,
    role: Role,
    statement: *mut Object,
    parameters: *mut Object,
    driver: Driver,
) -> u32 {
    // SAFETY: the GIL is held.
    unsafe {
        let known = known();
        if known.is_null() {
            lose();
            return 0;
        }
        let (text, folded, length) = fold(known, statement);
        let (mut site, mut caller) = user::sites(driver.is_running);
        if !user::is_users(site)
            && let Some(origin) = handed::origin(statement, parameters)
        {
            (site, caller) = origin;
        }
        let place = mix(
            u64::from(site.0),
            user::place(site) << 8 | u64::from(role as u32),
        );
        let hash = mix(folded, place);
        let mut unit = find(hash);
        if unit == 0 {
            let length = if length == 0 {
                fold_anew(known, statement)
            } else {
                length
            };
            unit = make(known, hash, length, role, driver);
            if unit == 0 {
                return 0;
            }
            let entry = entry::<Query>(unit);
            ((*entry).callable, (*entry).site) = site;
        }
        let query = entry::<Query>(unit);
        ((*query).caller, (*query).caller_site) = caller;
        (*query).count += 1;
        count_burst(local, unit, query);
        if role == Role::Execute {
            let mut told = Key::new();
            told.number(text);
            told.object(parameters);
            (*query).repeated += u64::from(is_seen(known, told.hash | 1));
        }
        if (*query).flags & query::WRITES != 0 {
            (*local).last_write = unit;
            (*local).writes += if role == Role::ExecuteMany { 2 } else { 1 };
        }
        unit
    }
}

unsafe fn count_burst(local: *mut Local, unit: u32, query: *mut Query) {
    // SAFETY: the entry is one of the file.
    unsafe {
        (*local).queries += 1;
        let number = (*local).queries;
        let is_near = (*query).last != 0 && number.wrapping_sub((*query).last) <= NEAR;
        if is_near {
            (*query).burst += 1;
        } else {
            (*query).burst = 1;
            (*query).parent = if (*local).last_query == unit {
                0
            } else {
                (*local).last_query
            };
        }
        (*query).last = number;
        if (*query).burst > (*query).longest_burst {
            (*query).longest_burst = (*query).burst;
            (*query).longest_parent = (*query).parent;
        }
        (*local).last_query = unit;
    }
}

unsafe fn find(hash: u64) -> u32 {
    // SAFETY: entries are linked as they were made.
    unsafe {
        let mut unit = (*header()).evidence.queries;
        while unit != 0 && (*entry::<Query>(unit)).hash != hash {
            unit = (*entry::<Query>(unit)).next;
        }
        unit
    }
}

unsafe fn make(known: *mut Known, hash: u64, length: usize, role: Role, driver: Driver) -> u32 {
    // SAFETY: units that were given out are ours.
    unsafe {
        let newest = (*header()).evidence.queries;
        let count = if newest == 0 {
            0
        } else {
            (*entry::<Query>(newest)).more[0]
        };
        let unit = if count < MOST_QUERIES {
            arena::take((size_of::<Query>() / UNIT_BYTES) as u32)
        } else {
            0
        };
        if unit == 0 {
            lose();
            return 0;
        }
        let text = &(&(*known).folded)[..length];
        let mut flags = if role == Role::ExecuteMany {
            query::MANY
        } else {
            0
        };
        match &sql::verb(text) {
            b"SELECT\0\0" | b"WITH\0\0\0\0" | b"VALUES\0\0" => flags |= query::READS,
            b"INSERT\0\0" | b"UPDATE\0\0" | b"DELETE\0\0" | b"REPLACE\0" | b"MERGE\0\0\0" => {
                flags |= query::WRITES;
            }
            _ => {}
        }
        let mut made = Query {
            hash,
            text: arena::keep(text),
            driver: driver.callable,
            next: newest,
            flags,
            ..Query::default()
        };
        made.more[0] = count + 1;
        *entry::<Query>(unit) = made;
        (*header()).evidence.queries = unit;
        crate::state::renew_anchor();
        unit
    }
}

/// True if it was there before.
unsafe fn is_seen(known: *mut Known, hash: u64) -> bool {
    // SAFETY: the GIL is held.
    unsafe {
        let seen = &raw mut (*known).seen;
        let mut place = mix(hash, 22) as usize % SEEN;
        while (*seen)[place] != 0 {
            if (*seen)[place] == hash {
                return true;
            }
            place = (place + 1) % SEEN;
        }
        if (*known).seen_count * 2 >= SEEN {
            (*header()).evidence.uncompared += 1;
            return false;
        }
        (*seen)[place] = hash;
        (*known).seen_count += 1;
        false
    }
}

/// A function of a driver that is written in Python. Its parameters are itself, the statement and
/// what goes with it, as far as there are so many. 0 if there is no room.
pub(super) unsafe fn add_function(callable: u32, role: u32, plan: &[u8]) -> u32 {
    // SAFETY: units that were given out are ours. The entry is in no list: only we know it.
    unsafe {
        let unit = arena::take((size_of::<Watched>() / UNIT_BYTES) as u32);
        if unit == 0 {
            lose();
            return 0;
        }
        let mut made = Watched {
            callable,
            plan: arena::keep(plan),
            ..Watched::default()
        };
        made.reserved[0] = u64::from(role);
        *entry::<Watched>(unit) = made;
        unit
    }
}

/// Such a function begins.
pub(super) unsafe fn enter(
    local: *mut Local,
    call: &mut Call,
    watched: *mut Watched,
    parameters: &Parameters,
) {
    // SAFETY: the GIL is held, the frame is about to run.
    unsafe {
        let get = |index: usize| {
            if index < parameters.count {
                parameters.get(index).0
            } else {
                core::ptr::null_mut()
            }
        };
        let role = Role::from_number(call.role).unwrap_or(Role::Block);
        // Up to 3.11 it is told of before its frame is the one that runs.
        let driver = Driver {
            callable: (*watched).callable,
            is_running: (*crate::state::state()).minor >= 12,
        };
        call.query = begin(local, role, get(0), get(1), get(2), driver);
        call.began = ticks();
    }
}

/// It ends.
pub(super) unsafe fn exit(local: *mut Local, call: &Call, result: *mut Object, now: u64) {
    // SAFETY: the GIL is held.
    unsafe { end(local, call.query, result, now.wrapping_sub(call.began)) };
}

/// Counts from zero again in a forked process.
pub(super) unsafe fn start_over() {
    // SAFETY: entries are linked as they were made.
    unsafe {
        let mut unit = (*header()).evidence.queries;
        while unit != 0 {
            let known = entry::<Query>(unit);
            (
                (*known).count,
                (*known).ticks,
                (*known).longest,
                (*known).rows,
            ) = (0, 0, 0, 0);
            ((*known).raised, (*known).repeated, (*known).lone_commits) = (0, 0, 0);
            ((*known).last, (*known).burst, (*known).longest_burst) = (0, 0, 0);
            unit = (*known).next;
        }
    }
}
