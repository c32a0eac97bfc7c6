//! Who ran and when: processes, threads, and the curves of memory and CPU time.

use crate::id::{Id, ProcessId, StringId, ThreadId};
use crate::meta::ExitStatus;

/// A process of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// The process id, in the namespace of the profiler.
    pub pid: u32,
    /// The process that started it, if that was part of the run.
    pub parent: Option<ProcessId>,
    /// Its command line, arguments joined by single spaces.
    pub command: StringId,
    /// The interpreter: `3.13.0`, or empty for a process that is not Python.
    pub python: StringId,
    /// When it was first seen, in nanoseconds since the start of the recording.
    pub start_ns: u64,
    /// When it ended; `None` while it lives or if the recording ended first.
    pub end_ns: Option<u64>,
    /// How it ended, where that is known.
    pub exit: Option<ExitStatus>,
}

/// A thread of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The process it belongs to.
    pub process: ProcessId,
    /// The operating system's thread id, in the namespace of the profiler.
    pub tid: u32,
    /// `threading.Thread.name` where known, else the operating system's name for it.
    pub name: StringId,
    /// True for the thread that started the process.
    pub is_main: bool,
    /// When it was first seen, in nanoseconds since the start of the recording.
    pub start_ns: u64,
    /// When it was last seen.
    pub end_ns: u64,
}

/// One point of the curves of the whole process tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurvePoint {
    /// When, in nanoseconds since the start of the recording.
    pub time_ns: u64,
    /// Resident memory (RSS) of all processes, in bytes.
    pub rss_bytes: u64,
    /// CPU time used since the start by all processes, ended ones included, in nanoseconds.
    pub cpu_ns: u64,
}

/// Processes and threads of the run, and its curves. Entries are added and then updated in place.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Processes in the order they were seen; the first is the root of the run.
    pub processes: Vec<Process>,
    /// Threads in the order they were seen.
    pub threads: Vec<Thread>,
    /// Memory and CPU time of the tree, in time order.
    pub curve: Vec<CurvePoint>,
}

impl Timeline {
    /// Adds a process.
    pub fn add_process(&mut self, process: Process) -> ProcessId {
        self.processes.push(process);
        ProcessId::from_index(self.processes.len() - 1)
    }

    /// Adds a thread.
    pub fn add_thread(&mut self, thread: Thread) -> ThreadId {
        self.threads.push(thread);
        ThreadId::from_index(self.threads.len() - 1)
    }

    /// The process behind a handle. Panics on a handle of another profile.
    pub fn process(&self, id: ProcessId) -> &Process {
        &self.processes[id.index()]
    }

    /// The thread behind a handle. Panics on a handle of another profile.
    pub fn thread(&self, id: ThreadId) -> &Thread {
        &self.threads[id.index()]
    }

    /// The highest resident memory of the tree in bytes, and when; `None` without a curve.
    pub fn peak_rss(&self) -> Option<CurvePoint> {
        self.curve
            .iter()
            .copied()
            .max_by_key(|point| point.rss_bytes)
    }
}
