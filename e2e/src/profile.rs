//! A profile as a script reads it: the document `pitstop/profile@1` that `export` writes.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The parts of the document that tests look at.
#[derive(Clone, Debug, Deserialize)]
pub struct Profile {
    /// The format and its version.
    pub schema: String,
    /// What ran and how.
    pub meta: Meta,
    /// What measuring cost and what it lost.
    pub quality: Quality,
    /// The sum of all rows.
    pub total: Total,
    /// The sum of the rows of each state.
    pub split: BTreeMap<String, Total>,
    /// The processes.
    pub processes: Vec<Process>,
    /// The threads of all processes.
    pub threads: Vec<Thread>,
    /// The functions.
    pub functions: Vec<Function>,
    frames: Vec<Frame>,
    waits: Vec<Wait>,
    rows: Vec<Row>,
}

/// What ran and how.
#[derive(Clone, Debug, Deserialize)]
pub struct Meta {
    /// How long the recording lasted.
    pub duration_ns: u64,
    /// CPU time of the whole tree.
    pub cpu_ns: u64,
    /// The time before the first Python frame.
    pub startup_ns: u64,
    /// True if the recording ended before the program.
    pub interrupted: bool,
    /// Sentences for the reader.
    pub notes: Vec<String>,
}

/// How far samples can be trusted, and what they cost.
#[derive(Clone, Debug, Deserialize)]
pub struct Quality {
    /// All samples.
    pub samples: u64,
    /// Those that are proven.
    pub exact: u64,
    /// Those that were read twice.
    pub validated: u64,
    /// Those whose outer part is missing, by reason.
    pub partial: BTreeMap<String, u64>,
    /// Those without a stack, by reason.
    pub failed: BTreeMap<String, u64>,
    /// The profiler's own peak memory.
    pub own_rss_bytes: Option<u64>,
}

impl Quality {
    /// Samples whose whole stack can be believed.
    pub fn trusted(&self) -> u64 {
        self.exact + self.validated
    }

    /// Samples that were taken while the interpreter was up.
    pub fn ready(&self) -> u64 {
        let not_ready = |counts: &BTreeMap<String, u64>| counts.get("not_ready").copied();
        let not_ready =
            not_ready(&self.partial).unwrap_or(0) + not_ready(&self.failed).unwrap_or(0);
        self.samples - not_ready
    }
}

/// Samples and the time they stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Total {
    /// How many.
    pub samples: u64,
    /// How long.
    pub wall_ns: u64,
}

/// A process.
#[derive(Clone, Debug, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The position of its parent.
    pub parent: Option<usize>,
    /// Its command line.
    pub command: String,
    /// The version of its interpreter; empty when unknown.
    pub python: String,
}

/// A thread.
#[derive(Clone, Debug, Deserialize)]
pub struct Thread {
    /// The position of its process.
    pub process: usize,
    /// Its id.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// True for the main thread of its process.
    pub is_main: bool,
    /// When it was first seen.
    pub start_ns: u64,
    /// When it was last seen.
    pub end_ns: u64,
    /// Its samples.
    pub samples: u64,
    /// Their time.
    pub wall_ns: u64,
}

/// A function.
#[derive(Clone, Debug, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its qualified name.
    pub qualname: String,
    /// The file its code was compiled from.
    pub path: String,
    /// The line of its `def`.
    pub line: u32,
    /// Its own samples.
    pub self_samples: u64,
    /// Its own time.
    pub self_ns: u64,
    /// Samples with it anywhere in the stack.
    pub total_samples: u64,
    /// Their time.
    pub total_ns: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Frame {
    function: usize,
    line: u32,
}

/// What a thread waits for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Wait {
    /// The system call.
    pub syscall: String,
    /// The number of the descriptor.
    pub fd: Option<i32>,
    /// The kind of the descriptor.
    pub descriptor: String,
    /// What the descriptor is open on.
    pub name: String,
}

/// Equal samples of one thread.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// The position of its thread.
    pub thread: usize,
    /// What the thread was doing.
    pub state: String,
    wait: Option<usize>,
    /// `exact`, `validated`, `partial` or `failed`.
    pub verdict: String,
    /// Why it is not whole.
    pub reason: Option<String>,
    /// How many samples.
    pub samples: u64,
    /// How much time.
    pub wall_ns: u64,
    stack: Option<Vec<usize>>,
}

impl Row {
    /// True if the whole stack can be believed.
    pub fn is_trusted(&self) -> bool {
        matches!(self.verdict.as_str(), "exact" | "validated")
    }
}

impl Profile {
    /// Reads the document. Panics if it is none.
    pub fn parse(bytes: &[u8]) -> Self {
        let profile: Self = serde_json::from_slice(bytes).unwrap_or_else(|error| {
            let text = String::from_utf8_lossy(bytes);
            panic!(
                "no profile ({error}): {}",
                text.chars().take(400).collect::<String>()
            )
        });
        assert_eq!(profile.schema, "pitstop/profile@1");
        profile
    }

    /// All rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The functions of a row's stack from the outermost to the innermost; `None` without a stack.
    pub fn stack(&self, row: &Row) -> Option<Vec<&Function>> {
        let frames = row.stack.as_ref()?.iter();
        Some(
            frames
                .map(|&frame| &self.functions[self.frames[frame].function])
                .collect(),
        )
    }

    /// The same as names; empty without a stack.
    pub fn names(&self, row: &Row) -> Vec<&str> {
        let stack = self.stack(row).unwrap_or_default();
        stack
            .iter()
            .map(|function| function.name.as_str())
            .collect()
    }

    /// The names from the outermost function of a fixture program inwards; empty without one.
    pub fn program_names(&self, row: &Row) -> Vec<&str> {
        self.names_from(row, "/fixtures/programs/")
    }

    /// The names from the outermost function inwards whose path contains this; empty without one.
    pub fn names_from(&self, row: &Row, path: &str) -> Vec<&str> {
        let stack = self.stack(row).unwrap_or_default().into_iter();
        stack
            .skip_while(|function| !function.path.contains(path))
            .map(|function| function.name.as_str())
            .collect()
    }

    /// The lines of a row's stack from the outermost to the innermost; empty without a stack.
    pub fn lines(&self, row: &Row) -> Vec<u32> {
        let frames = row.stack.iter().flatten();
        frames.map(|&frame| self.frames[frame].line).collect()
    }

    /// What a row's thread waits for.
    pub fn wait(&self, row: &Row) -> Option<&Wait> {
        row.wait.map(|wait| &self.waits[wait])
    }

    /// The thread with this id. Panics if there is none.
    #[track_caller]
    pub fn thread_of_tid(&self, tid: u64) -> usize {
        let found = self
            .threads
            .iter()
            .position(|one| u64::from(one.tid) == tid);
        found.unwrap_or_else(|| panic!("no thread {tid} among {:#?}", self.threads))
    }

    /// The thread with this name. Panics if there is none.
    #[track_caller]
    pub fn thread_of_name(&self, name: &str) -> usize {
        let found = self.threads.iter().position(|one| one.name == name);
        let names = || self.threads.iter().map(|one| &one.name).collect::<Vec<_>>();
        found.unwrap_or_else(|| panic!("no thread `{name}` among {:?}", names()))
    }

    /// The rows of a thread.
    pub fn rows_of(&self, thread: usize) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.thread == thread)
    }

    /// The rows of all threads of a process.
    pub fn rows_of_process(&self, process: usize) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(move |row| self.threads[row.thread].process == process)
    }

    /// The time of the rows that a condition holds for.
    pub fn wall_ns(&self, holds: impl Fn(&Row) -> bool) -> u64 {
        let rows = self.rows.iter().filter(|row| holds(row));
        rows.map(|row| row.wall_ns).sum()
    }

    /// The time with a function of this name anywhere in the stack.
    pub fn total_ns(&self, function: &str) -> u64 {
        self.wall_ns(|row| self.names(row).contains(&function))
    }

    /// Fails unless a function of this name was on the stack for at least `least_ms`.
    ///
    /// Time, not a number of samples: how many there are depends on how busy the machine is, but
    /// what they stand for does not.
    #[track_caller]
    pub fn assert_lasted(&self, function: &str, least_ms: u64) {
        let seen_ms = self.total_ns(function) / 1_000_000;
        assert!(
            seen_ms >= least_ms,
            "`{function}` for {seen_ms} ms, not {least_ms}: {:?}",
            self.quality
        );
    }

    /// The samples with a function of this name anywhere in the stack.
    pub fn samples_in(&self, function: &str) -> u64 {
        let rows = self.rows.iter();
        rows.filter(|row| self.names(row).contains(&function))
            .map(|row| row.samples)
            .sum()
    }
}
