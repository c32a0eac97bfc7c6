//! What lies in the file, as the probe writes it: one struct an entry, indices instead of pointers.

use crate::evidence::Evidence;
use core::mem::{align_of, size_of};

/// The first eight bytes: `PITTRACE`.
pub const MAGIC: u64 = u64::from_le_bytes(*b"PITTRACE");

/// The number of this layout. Probe and collector are built together; another number is refused.
pub const FORMAT: u32 = 1;

/// The granularity of the file: a cache line, which is what one [`Node`] fills.
pub const UNIT_BYTES: usize = 64;

/// The first unit behind the header's page.
pub const FIRST_UNIT: u32 = 64;

/// Where the call site stands in the key of a node: above 45 bits of an address without its
/// lowest three, which is enough for the 48 bits of a user's address on x86_64 and aarch64.
pub const SITE_SHIFT: u32 = 45;

/// How many bits a call site has, in instruction units of 2 bytes plus one; 0 is "unknown". A
/// call that lies further in its function than 1 MiB of bytecode has an unknown site.
pub const SITE_BITS: u32 = 19;

/// What a file says about itself, bits of [`Header::flags`].
pub mod flag {
    /// Ticks are those of the processor's time stamp counter; else they are nanoseconds.
    pub const PROCESSOR_TICKS: u32 = 1;
    /// Calls of functions without Python code were recorded too.
    pub const C_CALLS: u32 = 2;
    /// Recording has begun: the program's own code was reached.
    pub const BEGAN: u32 = 4;
    /// This process began as the fork of one that was recorded.
    pub const FORKED: u32 = 8;
    /// Calls were recorded.
    pub const CALLS: u32 = 16;
    /// Lines of chosen functions were timed.
    pub const LINES: u32 = 32;
    /// Arguments, queries or blocking calls were watched.
    pub const EVIDENCE: u32 = 64;
}

/// The first page.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Header {
    /// [`MAGIC`], written last: a file without it was never begun.
    pub magic: u64,
    /// [`FORMAT`].
    pub format: u32,
    /// [`UNIT_BYTES`].
    pub unit_bytes: u32,
    /// The process.
    pub pid: u32,
    /// Its parent at that time.
    pub parent: u32,
    /// `PY_VERSION_HEX` of the interpreter.
    pub python: u32,
    /// Bits of [`flag`].
    pub flags: u32,
    /// When the file was made: nanoseconds of the monotonic clock.
    pub created_ns: u64,
    /// Units in use.
    pub used_units: u64,
    /// Units that the file system has promised. Beyond them nothing is touched: a write to a
    /// page that cannot be had would kill the program.
    pub sure_units: u64,
    /// Units that the mapping has.
    pub most_units: u64,
    /// A moment on both clocks: ticks.
    pub anchor_ticks: u64,
    /// The same moment in nanoseconds of the monotonic clock.
    pub anchor_ns: u64,
    /// A later moment, renewed whenever something new was met.
    pub later_ticks: u64,
    /// The same moment in nanoseconds.
    pub later_ns: u64,
    /// The newest [`Thread`].
    pub threads: u32,
    /// How many there are.
    pub thread_count: u32,
    /// The newest [`Callable`].
    pub callables: u32,
    /// How many there are.
    pub callable_count: u32,
    /// How many [`Node`]s there are.
    pub node_count: u64,
    /// The newest [`TimedCode`].
    pub timed: u32,
    /// How many there are.
    pub timed_count: u32,
    /// The first unit of the ring of [`SpanRecord`]s.
    pub spans: u32,
    /// How many fit into it, a power of two.
    pub span_capacity: u32,
    /// How many were ever written to it.
    pub span_count: u64,
    /// The command line of the process, arguments separated by NUL.
    pub command: Text,
    /// What recording an event costs.
    pub calibration: Calibration,
    /// What could not be recorded.
    pub lost: Lost,
    /// Arguments, queries and blocking calls.
    pub evidence: Evidence,
}

/// What recording costs, in 1/1024 of a tick, measured on empty functions at the start.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calibration {
    /// A Python call: what falls into the callee's own time.
    pub python_inside: i64,
    /// And into its caller's.
    pub python_outside: i64,
    /// A call of a function without Python code: what falls into the callee's own time.
    pub native_inside: i64,
    /// And into its caller's.
    pub native_outside: i64,
    /// A resumption of a generator: what falls into its own time.
    pub resumed_inside: i64,
    /// And into that of whoever resumed it.
    pub resumed_outside: i64,
    /// A line of a timed function.
    pub line: i64,
    /// A call of a timed function: what falls into the line that made it.
    pub timed_outside: i64,
}

/// What could not be recorded, counted.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Calls for which there was no room any more.
    pub calls: u64,
    /// Returns of a function that was not the one running; the calls above it were closed.
    pub unmatched: u64,
    /// Suspensions of generators whose waiting time was not kept.
    pub waits: u64,
    /// Texts that could not be read or kept.
    pub texts: u64,
    /// Times that our hook was found to have been taken away by another tool, or lines to have been
    /// switched off in a timed frame.
    pub hooks: u64,
    /// Lines of timed functions for which there was no room.
    pub lines: u64,
}

/// Text in UTF-8, or bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The first unit.
    pub unit: u32,
    /// How many bytes.
    pub length: u32,
}

/// A thread that was seen running Python.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Thread {
    /// The [`Node`] that runs now; the root when nothing does.
    pub current: u32,
    /// The root of its tree: a [`Node`] without a callable.
    pub root: u32,
    /// When a call last ended, in ticks.
    pub last_ticks: u64,
    /// The thread pointer that identifies it while it lives; 0 once it is over.
    pub pointer: u64,
    /// The operating system's thread id.
    pub tid: u32,
    /// The next older thread.
    pub next: u32,
    /// Calls that are running and found no room.
    pub untracked: u32,
    /// Call site of the Python call that is about to begin, in units plus one; 0 if unknown.
    pub site: u32,
    /// When it was first seen, in ticks.
    pub first_ticks: u64,
    /// 1 for the thread that started the process.
    pub is_main: u32,
    /// 1 once its recording is over.
    pub is_over: u32,
    /// Its name, where the program gave it one.
    pub name: Text,
    /// A [`Node`] that stands in for calls that found no room.
    pub void: u32,
    /// The innermost [`LineFrame`]; 0 before the first one.
    pub line_frame: u32,
    /// What the program gave to `sys.setprofile` in this thread, or where lines are timed to
    /// `sys.settrace`: an address in it, or 0.
    pub hook: u64,
    /// The greenlet whose tree this is, where greenlets are used: an address, or 0.
    pub greenlet: u64,
    /// Since when it does not run, in ticks, while another greenlet does; else 0.
    pub paused: u64,
    /// 1 once `greenlet` was asked to tell of this thread's switches.
    pub follows_greenlets: u64,
    /// Padding.
    pub more: [u64; 2],
    /// What the probe keeps of it in private memory: an address in the program, or 0.
    pub local: u64,
}

/// Which kind of callable it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A code object.
    Python = 1,
    /// A built-in function or method: what `cProfile` shows too.
    BuiltIn = 2,
    /// Another callable without Python code: a type, a slot wrapper, a `partial`, a ufunc.
    /// `cProfile` counts its time to the caller.
    OtherNative = 3,
}

impl Kind {
    /// The kind behind its number.
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Python, Self::BuiltIn, Self::OtherNative]
            .into_iter()
            .find(|&kind| kind as u32 == number)
    }
}

/// Something that was called.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Callable {
    /// A [`Kind`].
    pub kind: u32,
    /// The next older callable.
    pub next: u32,
    /// Which one of those that look the same and live at the same time; from 0.
    pub ordinal: u32,
    /// The line of its `def`.
    pub first_line: u32,
    /// `co_filename`; empty for a native one.
    pub file: Text,
    /// `co_name`, or the short name of a native one.
    pub name: Text,
    /// `co_qualname` from 3.11 on, or the label of a native one.
    pub qualname: Text,
    /// The line table of a code object.
    pub lines: Text,
    /// Where it lies in the program's memory; 0 once it was freed.
    pub address: u64,
    /// Nodes made for it.
    pub nodes: u32,
    /// The newest [`Node`] made for it.
    pub newest: u32,
    /// `co_flags` of a code object.
    pub code_flags: u32,
    /// The next callable with the same hash in the probe's table.
    pub chained: u32,
    /// The hash of what it looks like.
    pub hash: u64,
    /// Its [`TimedCode`] if its lines are timed.
    pub timed: u32,
    /// Its [`crate::Watched`] if its arguments are watched, or what else the probe makes of it.
    pub watched: u32,
    /// Whose code it is, as far as the probe knows: 0 unknown, 1 the user's, 2 a library's.
    pub owner: u32,
    /// Padding.
    pub reserved: [u32; 9],
}

/// A call path: a callable that was called by the parent's path.
///
/// A path is active at most once in its thread, because recursion makes a longer path; so the
/// time at which it began can stand here, and no other stack is needed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Node {
    /// The callable's address and the call site, see [`SITE_SHIFT`]; the address is 0 once the
    /// callable was freed.
    pub key: u64,
    /// The path that called.
    pub parent: u32,
    /// The child that ran last.
    pub hot: u32,
    /// Activations that began here.
    pub calls: u64,
    /// When the running activation began, in ticks.
    pub began: u64,
    /// Own time in ticks, wrapping: while a child runs its time is not yet taken off.
    pub own: u64,
    /// What is ANDed to the call site of a child: 0 where recursion made too many paths.
    pub site_mask: u32,
    /// The next older path of the same callable.
    pub same: u32,
    /// The newest child.
    pub child: u32,
    /// The next older child of the parent.
    pub sibling: u32,
    /// The [`Callable`].
    pub callable: u32,
    /// A [`Cold`] entry, where there is anything to say in it.
    pub cold: u32,
}

/// What few paths have.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Cold {
    /// The [`Node`].
    pub node: u64,
    /// Resumptions of a generator or coroutine.
    pub resumptions: u64,
    /// Activations that ended with an exception.
    pub raised: u64,
    /// Ticks between suspensions and the resumptions here.
    pub waited: u64,
    /// Padding.
    pub reserved: [u64; 4],
}

/// A call in time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanRecord {
    /// When it began, in ticks.
    pub began: u64,
    /// How long it took, in ticks; the highest value stands for all that is longer.
    pub ticks: u64,
    /// The path.
    pub node: u32,
    /// The thread.
    pub thread: u32,
    /// Its number in the order of writing, plus one.
    pub number: u64,
}

/// A code object whose lines are timed, followed by its [`LineRecord`]s.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TimedCode {
    /// The [`Callable`].
    pub callable: u32,
    /// The next older one.
    pub next: u32,
    /// The line of the first record.
    pub first_line: u32,
    /// How many records.
    pub line_count: u32,
    /// Activations that began.
    pub calls: u64,
    /// The first unit of the records.
    pub lines: u32,
    /// Padding.
    pub reserved: [u32; 9],
}

/// A running activation of a code object whose lines are timed. Those of a thread are linked both
/// ways; one that has ended stays linked above and is used again.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct LineFrame {
    /// The code object's address; 0 for the one at the bottom, which is nobody's.
    pub code: u64,
    /// When the line began that runs now, or went on, in ticks.
    pub since: u64,
    /// When the activation began or was resumed, in ticks.
    pub began: u64,
    /// Ticks of timed functions that the running line has called.
    pub called: u64,
    /// The next one outwards.
    pub below: u32,
    /// The next one inwards, in use or not.
    pub above: u32,
    /// The [`TimedCode`].
    pub timed: u32,
    /// The record of the running line plus one; 0 before the first line.
    pub last: u32,
    /// The first unit of the records, as in the [`TimedCode`].
    pub lines: u32,
    /// The line of the first record.
    pub first_line: u32,
    /// How many records.
    pub line_count: u32,
    /// 1 if no activation of the same code is running further out.
    pub is_outermost: u32,
}

/// A timed line.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct LineRecord {
    /// How often it began.
    pub hits: u64,
    /// Ticks without timed functions that it called.
    pub own: u64,
    /// Ticks with all that it called, of the outermost activation only.
    pub inclusive: u64,
    /// Ticks between a suspension on it and the resumption.
    pub waited: u64,
    /// Calls of timed functions that it made: their cost to us lies in its time.
    pub timed_calls: u64,
}

const _: () = {
    assert!(size_of::<Header>() <= FIRST_UNIT as usize * UNIT_BYTES);
    assert!(size_of::<Thread>() == 2 * UNIT_BYTES);
    assert!(size_of::<Callable>() == 2 * UNIT_BYTES);
    assert!(size_of::<Node>() == UNIT_BYTES);
    assert!(size_of::<Cold>() == UNIT_BYTES);
    assert!(size_of::<SpanRecord>() == UNIT_BYTES / 2);
    assert!(size_of::<TimedCode>() == UNIT_BYTES);
    assert!(size_of::<LineFrame>() == UNIT_BYTES);
    assert!(size_of::<LineRecord>() == 40);
    assert!(align_of::<Header>() == 8 && align_of::<Node>() == 8);
    assert!(SITE_SHIFT + SITE_BITS == u64::BITS);
};
