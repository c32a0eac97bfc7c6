//! Evidence for findings: what functions are called with, which statements go to databases, what
//! keeps an event loop waiting.
//!
//! ```text
//! watch      calls of chosen Python functions: sys.monitoring (3.12 and later), PEP 523 before
//! swap       calls of chosen built-in functions: the pointer in their PyMethodDef
//! keys       what arguments are told by, without asking them
//! arguments  how often the same ones came   \
//! queries    statements                      | what is made of these calls
//! blocking   event loops                    /
//! handed     statements that another thread runs
//! user       whose code led here             sql  statements without their literals
//! ```
//!
//! What is not watched costs nothing: on 3.12 and later the interpreter is asked for events of the
//! watched code objects only, and a swapped built-in function costs its own callers a few
//! nanoseconds. Up to 3.11 watching a Python function costs every call of one.

mod arguments;
mod blocking;
mod handed;
mod keys;
mod queries;
mod sql;
pub(crate) mod swap;
mod user;
pub(crate) mod watch;

use crate::monitor::Arguments;
use crate::object::{Object, is};
use crate::state::{Phase, api, header, state};
use crate::system;
use crate::threads;
use core::ffi::c_void;
use core::ptr;
use pitstop_wire::Thread;

/// What a watched call is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Role {
    /// Its arguments are compared.
    Arguments = 1,
    /// It runs a statement.
    Execute = 2,
    /// It runs a statement with many sets of parameters.
    ExecuteMany = 3,
    /// It fetches a row, or none.
    FetchOne = 4,
    /// It fetches a list of rows.
    FetchMany = 5,
    /// It gives the next row, or the end.
    Next = 6,
    /// It ends a transaction.
    Commit = 7,
    /// It may block.
    Block = 8,
    /// It runs a callback of an event loop.
    Callback = 9,
    /// It has another thread run a statement.
    HandOver = 10,
}

impl Role {
    fn from_number(number: u32) -> Option<Self> {
        [
            Self::Arguments,
            Self::Execute,
            Self::ExecuteMany,
            Self::FetchOne,
            Self::FetchMany,
            Self::Next,
            Self::Commit,
            Self::Block,
            Self::Callback,
            Self::HandOver,
        ]
        .into_iter()
        .find(|&role| role as u32 == number)
    }
}

/// How deep watched calls may lie in each other in one thread.
const MOST_DEPTH: usize = 1 << 16;

/// What a thread is in the middle of, in private memory.
pub(crate) struct Local {
    /// Watched calls that are running.
    depth: usize,
    /// Inside of a statement already: what a driver calls itself is not counted.
    in_query: bool,
    /// Inside of a call that may block.
    in_blocking: bool,
    /// Inside of a callback of an event loop.
    in_callback: bool,
    /// What the running callback has spent in blocking calls, in ticks.
    blocked: u64,
    /// How many statements were run.
    queries: u64,
    /// The last statement.
    last_query: u32,
    /// The last write since the last commit, and how many writes there were.
    last_write: u32,
    writes: u64,
    calls: [watch::Call; MOST_DEPTH],
}

/// How many names of functions can be looked for.
pub(crate) const MOST_NAMES: usize = 256;

/// What is watched.
pub(crate) struct Evidence {
    /// `co_name` of functions that may be watched: interned, kept for ever.
    names: [*mut Object; MOST_NAMES],
    name_count: usize,
    /// The bootstrap's function that says whether a code object is to be watched.
    decide: *mut Object,
    /// The bootstrap's function that describes a callback.
    describe: *mut Object,
    /// What ends an event for good.
    disable: *mut Object,
    /// The name of the function that runs callbacks, and the file that it is in.
    runs_callbacks: *mut Object,
    /// `asyncio._get_running_loop`, where an event loop of another kind is in use.
    running_loop: *mut Object,
    slow_us: u64,
    /// Directories of code that is not the user's: bytes, separated by NUL.
    libraries: *mut Object,
    blocking: bool,
    queries: bool,
}

static mut EVIDENCE: Evidence = Evidence {
    names: [ptr::null_mut(); MOST_NAMES],
    name_count: 0,
    decide: ptr::null_mut(),
    describe: ptr::null_mut(),
    disable: ptr::null_mut(),
    runs_callbacks: ptr::null_mut(),
    running_loop: ptr::null_mut(),
    slow_us: 0,
    libraries: ptr::null_mut(),
    blocking: false,
    queries: false,
};

/// What is watched. Whoever goes through the pointer must hold the GIL.
#[inline(always)]
pub(crate) fn evidence() -> *mut Evidence {
    &raw mut EVIDENCE
}

/// What the running thread is in the middle of; null while nothing is recorded.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
pub(crate) unsafe fn local() -> *mut Local {
    // SAFETY: the GIL is held.
    unsafe {
        let thread = threads::current();
        if thread.is_null() {
            return ptr::null_mut();
        }
        let known = (*thread).local as *mut Local;
        if known.is_null() {
            make_local(thread)
        } else {
            known
        }
    }
}

#[cold]
unsafe fn make_local(thread: *mut Thread) -> *mut Local {
    // Fresh memory is zero, and zero is a thread that is in the middle of nothing.
    match system::map_memory(size_of::<Local>()) {
        Ok(memory) => {
            // SAFETY: the thread is a record.
            unsafe { (*thread).local = memory as u64 };
            memory as *mut Local
        }
        Err(_) => ptr::null_mut(),
    }
}

/// Counts something that found no room.
///
/// # Safety
/// The GIL is held and the file is mapped.
#[cold]
pub(crate) unsafe fn lose() {
    // SAFETY: as the caller promises.
    unsafe { (*header()).evidence.lost += 1 };
}

/// `evidence_setup(kind, object)`: what the bootstrap has to give, one thing at a time; it is kept
/// for ever.
///
/// # Safety
/// Called by the bootstrap, with the GIL held.
pub(crate) unsafe extern "C" fn setup(
    _: *mut Object,
    arguments: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: the bootstrap gives an int and an object.
    unsafe {
        let object = *arguments.add(1);
        let evidence = evidence();
        (api().increase)(object);
        match (api().long_value)(*arguments) {
            0 => (*evidence).decide = object,
            1 => (*evidence).disable = object,
            2 => (*evidence).describe = object,
            3 => (*evidence).runs_callbacks = object,
            4 => (*evidence).running_loop = object,
            5 => (*evidence).libraries = object,
            6 => add_name(object),
            7 => follow_greenlets(),
            _ => {}
        }
        crate::module::none()
    }
}

/// The program has imported `greenlet`.
unsafe fn follow_greenlets() {
    // SAFETY: the GIL is held.
    let thread = unsafe { threads::current() };
    if !thread.is_null() {
        // SAFETY: it is the record of the running thread.
        unsafe { crate::greenlets::follow(thread) };
    }
}

unsafe fn add_name(name: *mut Object) {
    // SAFETY: the GIL is held.
    unsafe {
        let evidence = evidence();
        let count = (*evidence).name_count;
        let known = (0..count).any(|index| (*evidence).names[index] == name);
        if !known && count < MOST_NAMES {
            (*evidence).names[count] = name;
            (*evidence).name_count = count + 1;
        }
    }
}

/// `evidence_begin()`: everything is set up, from now on it is recorded.
///
/// # Safety
/// Called by the bootstrap, with the GIL held.
pub(crate) unsafe extern "C" fn begin(_: *mut Object, _: Arguments, _: isize) -> *mut Object {
    use pitstop_wire::{flag, option};
    // SAFETY: the GIL is held and the file is mapped.
    unsafe {
        let (state, evidence) = (state(), evidence());
        let options = (*state).settings.options;
        (*evidence).blocking = options & option::BLOCKING != 0;
        (*evidence).queries = options & option::QUERIES != 0;
        (*evidence).slow_us = u64::from((*state).settings.slow_us);
        threads::forget();
        (*state).phase = Phase::Recording;
        (*header()).flags |= flag::BEGAN;
        crate::state::renew_anchor();
        crate::module::none()
    }
}

/// How many ticks make a callback slow. Ticks are told in time by the two moments that both clocks
/// were read at, once they are far enough apart.
///
/// # Safety
/// The GIL is held and the file is mapped.
#[cold]
unsafe fn tell_slow_ticks() -> u64 {
    // SAFETY: as the caller promises.
    unsafe {
        crate::state::renew_anchor();
        let header = header();
        let ns = (*header).later_ns.saturating_sub((*header).anchor_ns);
        let ticks = (*header).later_ticks.saturating_sub((*header).anchor_ticks);
        // Without floats, and without overflow: a microsecond's ticks in 1/1024.
        let parts = if ns > 1_000_000 {
            ticks.saturating_mul(1024) / (ns / 1000).max(1)
        } else {
            1_000_000
        };
        (*evidence()).slow_us.saturating_mul(parts) / 1024
    }
}

/// Counts from zero again in a forked process. What was met before stays known.
///
/// # Safety
/// The GIL is held, there is one thread.
pub(crate) unsafe fn start_over() {
    // SAFETY: as the caller promises.
    unsafe {
        let kept = (*header()).evidence;
        (*header()).evidence = pitstop_wire::Evidence {
            watched: kept.watched,
            queries: kept.queries,
            blocking: kept.blocking,
            slow: kept.slow,
            ..pitstop_wire::Evidence::default()
        };
        arguments::start_over();
        queries::start_over();
        blocking::start_over();
    }
}

/// The object that the bootstrap's answer is, or null; an exception is forgotten.
unsafe fn ask(function: *mut Object, argument: *mut Object) -> *mut Object {
    // SAFETY: the GIL is held and both are objects.
    unsafe {
        let api = api();
        if function.is_null() || is(function, (*api.none).kind) {
            return ptr::null_mut();
        }
        let end: *mut Object = ptr::null_mut();
        let answer = (api.call_objects)(function, argument, end);
        if answer.is_null() {
            (api.error_clear)();
        }
        answer
    }
}

/// A private mapping, all zero, made at its first use.
struct Memory<T> {
    place: *mut T,
}

impl<T> Memory<T> {
    const fn new() -> Self {
        Self {
            place: ptr::null_mut(),
        }
    }

    /// Null if there is no memory.
    fn get(&mut self) -> *mut T {
        if self.place.is_null()
            && let Ok(memory) = system::map_memory(size_of::<T>())
        {
            self.place = memory as *mut c_void as *mut T;
        }
        self.place
    }
}
