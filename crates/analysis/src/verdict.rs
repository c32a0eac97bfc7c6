//! The whole answer to "where did the time go?": one value with everything a summary shows.

use crate::cost::ratio;
use crate::elapsed::Elapsed;
use crate::headline::{Evidence, Headline};
use crate::hot::{HotFunction, HotLine, HotOptions, hot};
use crate::library::Library;
use crate::split::Split;
use crate::threads::{ThreadTotals, threads};
use crate::wait::{WaitPlace, waits};
use pitstop_model::{
    CurvePoint, ExitStatus, Finding, Method, Process, Profile, RateChange, VerdictTotals,
};

/// How many lines and functions a verdict keeps.
const KEPT: usize = 20;

const NS_PER_CORE_HOUR: f64 = 3600e9;

/// Everything a summary of a run shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What ran.
    pub run: Run,
    /// The one thing to say first.
    pub headline: Headline,
    /// Where the elapsed time went.
    pub split: Split,
    /// The costliest lines, waiting included; at most 20.
    pub lines: Vec<HotLine>,
    /// The costliest functions, waiting included; at most 20.
    pub functions: Vec<HotFunction>,
    /// The part of the run in libraries, and the costliest functions there; at most 20.
    pub library: Library,
    /// The longest waits; at most 20.
    pub waits: Vec<WaitPlace>,
    /// All threads: main threads first, then the busiest, idle ones last.
    pub threads: Vec<ThreadTotals>,
    /// Memory.
    pub memory: Memory,
    /// CPU time.
    pub cpu: Cpu,
    /// What measuring cost and what it lost.
    pub quality: Quality,
    /// What rules say about costly places, what saves most first; empty until somebody asks them.
    pub findings: Vec<Finding>,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// What ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The version of Pitstop that recorded.
    pub tool_version: String,
    /// The instrument.
    pub method: Method,
    /// The program and its arguments; where attached, the command line of the process.
    pub command: Vec<String>,
    /// The process, if it was attached to and not started.
    pub attached_to: Option<u32>,
    /// The host, for humans.
    pub host: String,
    /// The number of CPUs the program could use.
    pub cpus: u32,
    /// When the recording began, in seconds since the Unix epoch.
    pub start_unix_s: u64,
    /// How long it lasted, in nanoseconds.
    pub duration_ns: u64,
    /// The interpreter's version; empty when unknown.
    pub python: String,
    /// The number of Python processes that were seen; others, like a shell that starts the
    /// program, have no stacks to tell of.
    pub processes: usize,
    /// How the program ended; `None` if it was still alive, and where it was attached to: only the
    /// parent of a process is told.
    pub exit: Option<ExitStatus>,
    /// True when the recording ended before the program did.
    pub interrupted: bool,
}

/// The memory of the whole process tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The highest resident memory, in bytes; 0 when unknown.
    pub peak_rss_bytes: u64,
    /// When that was, in nanoseconds since the start.
    pub peak_at_ns: u64,
    /// What the program could have, in bytes; 0 when unknown.
    pub limit_bytes: u64,
    /// The curve of resident memory and CPU time.
    pub curve: Vec<CurvePoint>,
}

/// The CPU time of the whole process tree.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cpu {
    /// CPU time, in nanoseconds.
    pub ns: u64,
    /// The same in core-hours.
    pub core_hours: f64,
    /// How many CPUs were busy on average.
    pub cores: f64,
}

/// What measuring cost and what it lost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// Samples by verdict.
    pub verdicts: VerdictTotals,
    /// The CPU time of the profiler as a share of one core over the run.
    pub own_cpu_share: f64,
    /// How long the program was kept from its CPU, as a share of the run.
    pub delay_share: f64,
    /// The share of ticks that came late.
    pub late_share: f64,
    /// The profiler's own peak memory in bytes; 0 when unknown.
    pub own_rss_bytes: u64,
    /// The sampling rate asked for, and every change.
    pub rates: Vec<RateChange>,
}

impl Verdict {
    /// Judges a profile.
    pub fn of(profile: &Profile) -> Self {
        let elapsed = Elapsed::of(profile);
        let split = Split::of(profile, &elapsed);
        let mut hot = hot(profile, &elapsed, &HotOptions::default());
        let mut waits = waits(profile, &elapsed);
        let threads = threads(profile);
        let memory = memory(profile);
        let headline = Headline::of(&Evidence {
            split: &split,
            instants: elapsed.instants,
            memory: &memory,
            hot: &hot,
            waits: &waits,
            threads: &threads,
        });
        hot.lines.truncate(KEPT);
        hot.functions.truncate(KEPT);
        waits.truncate(KEPT);
        Self {
            run: run(profile),
            headline,
            cpu: cpu(profile, split.total_ns()),
            quality: quality(profile, split.total_ns()),
            split,
            lines: hot.lines,
            functions: hot.functions,
            library: Library::of(profile, &elapsed, KEPT),
            waits,
            threads,
            memory,
            findings: Vec::new(),
            notes: profile.meta.notes.clone(),
        }
    }
}

pub(crate) fn run(profile: &Profile) -> Run {
    let meta = &profile.meta;
    let is_python = |process: &&Process| !profile.text(process.python).is_empty();
    let processes = profile.timeline.processes.iter().filter(is_python).count();
    let root = profile.timeline.processes.first();
    let attached_to = root.filter(|_| meta.command.is_empty()).map(|p| p.pid);
    let command = match attached_to.and(root) {
        Some(root) => vec![profile.text(root.command).to_owned()],
        None => meta.command.clone(),
    };
    let pythons = profile
        .timeline
        .processes
        .iter()
        .map(|p| profile.text(p.python));
    Run {
        tool_version: meta.tool_version.clone(),
        method: meta.method,
        command,
        attached_to,
        host: meta.host.clone(),
        cpus: meta.cpus,
        start_unix_s: meta.start_unix_s,
        duration_ns: meta.duration_ns,
        python: pythons
            .into_iter()
            .find(|p| !p.is_empty())
            .unwrap_or_default()
            .to_owned(),
        processes,
        exit: meta.exit,
        interrupted: meta.interrupted,
    }
}

fn memory(profile: &Profile) -> Memory {
    let peak = profile.timeline.peak_rss();
    Memory {
        peak_rss_bytes: peak.map_or(0, |peak| peak.rss_bytes),
        peak_at_ns: peak.map_or(0, |peak| peak.time_ns),
        limit_bytes: profile.meta.memory_limit_bytes,
        curve: profile.timeline.curve.clone(),
    }
}

fn cpu(profile: &Profile, elapsed_ns: f64) -> Cpu {
    let ns = profile.meta.cpu_ns;
    Cpu {
        ns,
        core_hours: ns as f64 / NS_PER_CORE_HOUR,
        cores: ratio(ns as f64, elapsed_ns),
    }
}

fn quality(profile: &Profile, elapsed_ns: f64) -> Quality {
    let quality = &profile.meta.quality;
    Quality {
        verdicts: quality.verdicts,
        own_cpu_share: ratio(quality.own_cpu_ns as f64, elapsed_ns),
        delay_share: ratio(quality.delay_ns as f64, elapsed_ns),
        late_share: ratio(quality.late_ticks as f64, quality.ticks as f64),
        own_rss_bytes: quality.own_rss_bytes,
        rates: quality.rates.clone(),
    }
}
