//! The stacks of one process at one moment, as plain text and numbers.
//!
//! A dump is not a profile: nothing is counted and nothing is interned. It carries what a reader
//! of a stuck program needs, ready to print.

use crate::state::{Descriptor, ThreadState};
use crate::verdict::Verdict;

/// What all threads of one process were doing at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// The process id, in the namespace of the profiler.
    pub pid: u32,
    /// The command line, arguments joined by single spaces.
    pub command: String,
    /// The interpreter's version: `3.13.0`.
    pub python: String,
    /// Its threads, the main thread first.
    pub threads: Vec<DumpThread>,
}

/// One thread of a [`Dump`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpThread {
    /// The operating system's thread id, in the namespace of the profiler.
    pub tid: u32,
    /// `threading.Thread.name` where known, else the operating system's name for it.
    pub name: String,
    /// What it was doing.
    pub state: ThreadState,
    /// What it was waiting for, where it was.
    pub wait: Option<DumpWait>,
    /// How far the stack can be trusted.
    pub verdict: Verdict,
    /// Its Python frames from innermost to outermost; empty for a thread without any.
    pub frames: Vec<DumpFrame>,
}

/// What a blocked thread of a [`Dump`] waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpWait {
    /// The system call's name; empty when unknown.
    pub syscall: String,
    /// The file descriptor, or -1 where the call has none.
    pub fd: i32,
    /// What the descriptor is open on.
    pub descriptor: Descriptor,
    /// The descriptor's name: a path, `tcp 127.0.0.1:5432`; may be empty.
    pub name: String,
}

/// One frame of a [`DumpThread`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DumpFrame {
    /// The function's qualified name.
    pub function: String,
    /// The file's name to show.
    pub file: String,
    /// The line being executed (1-based; 0 when unknown).
    pub line: u32,
    /// The text of that line, where it could be read.
    pub source: Option<String>,
    /// Local variables by name with their shortened `repr`, if they were asked for.
    pub locals: Vec<(String, String)>,
}
