//! What ran, how it was measured, what measuring cost, and what was lost.

use crate::verdict::VerdictTotals;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It returned this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// How stacks were read (sampling.md §6.2 of the design study).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reading {
    /// L0: the reader takes the CPU of the thread it reads, so that thread cannot run meanwhile.
    CoScheduled = 0,
    /// L1: 3.15's profiled-frame sequence counter used as a lock; writes 8 bytes into the target.
    SequenceLock = 1,
    /// L2: read twice from another CPU and compared.
    DoubleRead = 2,
    /// Stop the one thread with ptrace while it is read.
    Stopped = 3,
}

impl Reading {
    /// Every way, in the order of its number.
    pub const ALL: [Self; 4] = [
        Self::CoScheduled,
        Self::SequenceLock,
        Self::DoubleRead,
        Self::Stopped,
    ];

    /// How stacks were read, in words for users.
    pub fn text(self) -> &'static str {
        match self {
            Self::CoScheduled => "from the target's own CPU, without stopping it",
            Self::SequenceLock => "under the interpreter's frame sequence counter",
            Self::DoubleRead => "twice from another CPU, compared",
            Self::Stopped => "with the thread stopped",
        }
    }
}

/// The instrument that made the profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// Samples in time.
    #[default]
    Sampling = 0,
    /// Every call, counted and timed.
    Tracing = 1,
    /// Every line of chosen functions, counted and timed.
    LineTiming = 2,
}

impl Method {
    /// Every instrument, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Sampling, Self::Tracing, Self::LineTiming];

    /// True where counts are exact, because nothing is a sample.
    pub fn is_exact(self) -> bool {
        self != Self::Sampling
    }
}

/// The sampling rate from one moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateChange {
    /// When, in nanoseconds since the start of the recording.
    pub time_ns: u64,
    /// Samples a second and thread from then on.
    pub rate_hz: f64,
}

/// What measuring cost and what it lost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// Samples by verdict.
    pub verdicts: VerdictTotals,
    /// Samples by the way they were read, indexed by [`Reading`].
    pub readings: [u64; Reading::ALL.len()],
    /// Ticks at which a sample was taken.
    pub ticks: u64,
    /// Ticks that came late by more than half an interval (their samples weigh more, none is lost).
    pub late_ticks: u64,
    /// CPU time the profiler itself used, in nanoseconds.
    pub own_cpu_ns: u64,
    /// Time for which the profiler kept the target's threads off their CPU, in nanoseconds.
    pub delay_ns: u64,
    /// The rate asked for and every automatic change after it.
    pub rates: Vec<RateChange>,
    /// The profiler's own peak memory (RSS) in bytes; 0 when unknown.
    pub own_rss_bytes: u64,
}

/// What ran and how it was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// The version of Pitstop that recorded.
    pub tool_version: String,
    /// The instrument.
    pub method: Method,
    /// The program and its arguments as given; empty when attached to a running process.
    pub command: Vec<String>,
    /// The directory it ran in.
    pub directory: String,
    /// The host's name for humans: operating system, architecture, number of CPUs.
    pub host: String,
    /// The number of CPUs the program could use.
    pub cpus: u32,
    /// When the recording began, in seconds since the Unix epoch.
    pub start_unix_s: u64,
    /// How long it lasted, in nanoseconds.
    pub duration_ns: u64,
    /// CPU time used by the whole tree, in nanoseconds.
    pub cpu_ns: u64,
    /// Time from the start of the program to its first Python frame, in nanoseconds.
    pub startup_ns: u64,
    /// The memory that was available to the program (machine or cgroup limit) in bytes; 0 unknown.
    pub memory_limit_bytes: u64,
    /// How the root process ended; `None` if it was still alive.
    pub exit: Option<ExitStatus>,
    /// True when the recording ended before the program did (Ctrl-C, `--duration`, kill).
    pub interrupted: bool,
    /// What measuring cost and lost.
    pub quality: Quality,
    /// Things a reader must know, one sentence each: rate lowered, archive cut short, children missed.
    pub notes: Vec<String>,
}
