//! `pitstop/verdict@1`.

use super::document;
use super::shared::{CostJson, PlaceJson, ShareJson, WaitJson, by_state_ns, ns};
use crate::headline::sentence;
use crate::next::next;
use pitstop_analysis::verdict::{Cpu, Memory, Quality, Run};
use pitstop_analysis::{
    Basis, Headline, HotFunction, HotLine, Split, ThreadTotals, Verdict, WaitPlace,
};
use pitstop_model::{ExitStatus, Reason};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct VerdictJson<'a> {
    schema: &'static str,
    tool: ToolJson<'a>,
    run: RunJson<'a>,
    headline: HeadlineJson,
    split: SplitJson<'a>,
    lines: Vec<LineJson<'a>>,
    functions: Vec<FunctionJson<'a>>,
    library: LibraryJson<'a>,
    waits: Vec<WaitPlaceJson<'a>>,
    threads: Vec<ThreadJson<'a>>,
    memory: MemoryJson,
    cpu: CpuJson,
    quality: QualityJson,
    /// What rules say about costly places, what saves most first.
    findings: Vec<serde_json::Value>,
    notes: &'a [String],
    next: Vec<NextJson>,
}

/// The whole verdict.
pub fn verdict(verdict: &Verdict) -> String {
    document(&VerdictJson {
        schema: "pitstop/verdict@1",
        tool: ToolJson {
            name: "pitstop",
            version: &verdict.run.tool_version,
        },
        run: run(&verdict.run, verdict.split.total_ns()),
        headline: HeadlineJson {
            kind: kind(&verdict.headline),
            text: sentence(&verdict.headline),
        },
        split: split(&verdict.split),
        lines: verdict.lines.iter().map(line).collect(),
        functions: verdict.functions.iter().map(function).collect(),
        library: LibraryJson {
            share: verdict.library.share,
            functions: verdict.library.functions.iter().map(function).collect(),
        },
        waits: verdict.waits.iter().map(wait_place).collect(),
        threads: verdict.threads.iter().map(thread).collect(),
        memory: memory(&verdict.memory),
        cpu: cpu(verdict.cpu),
        quality: quality(&verdict.quality),
        findings: verdict.findings.iter().map(crate::findings::one).collect(),
        notes: &verdict.notes,
        next: next(verdict)
            .into_iter()
            .map(|next| NextJson {
                command: next.command,
                purpose: next.purpose,
            })
            .collect(),
    })
}

/// Code that is not the user's own, each function by itself.
#[derive(Serialize)]
struct LibraryJson<'a> {
    /// The part of the run spent there, waiting not counted.
    share: f64,
    functions: Vec<FunctionJson<'a>>,
}

#[derive(Serialize)]
struct ToolJson<'a> {
    name: &'static str,
    version: &'a str,
}

#[derive(Serialize)]
struct RunJson<'a> {
    argv: &'a [String],
    attached_to_pid: Option<u32>,
    host: &'a str,
    cpus: u32,
    start_unix_s: u64,
    /// The recording by the clock.
    wall_ns: u64,
    /// What the parts of `split` add up to.
    elapsed_ns: u64,
    python: &'a str,
    processes: usize,
    /// The exit code; null after a signal or if it was still alive.
    exit: Option<i32>,
    signal: Option<i32>,
    /// Whether it ended, however that was.
    ended: bool,
    interrupted: bool,
}

fn run(run: &Run, elapsed_ns: f64) -> RunJson<'_> {
    RunJson {
        argv: &run.command,
        attached_to_pid: run.attached_to,
        host: &run.host,
        cpus: run.cpus,
        start_unix_s: run.start_unix_s,
        wall_ns: run.duration_ns,
        elapsed_ns: ns(elapsed_ns),
        python: &run.python,
        processes: run.processes,
        exit: match run.exit {
            Some(ExitStatus::Code(code)) => Some(code),
            _ => None,
        },
        signal: match run.exit {
            Some(ExitStatus::Signal(signal)) => Some(signal),
            _ => None,
        },
        ended: run.exit.is_some() || !run.interrupted,
        interrupted: run.interrupted,
    }
}

#[derive(Serialize)]
struct HeadlineJson {
    kind: &'static str,
    text: String,
}

fn kind(headline: &Headline) -> &'static str {
    match headline {
        Headline::MostlyStartup { .. } => "mostly_startup",
        Headline::TooFewSamples { .. } => "too_few_samples",
        Headline::MemoryBound { .. } => "memory_bound",
        Headline::WaitingDominates { .. } => "waiting_dominates",
        Headline::GilBoundThreads { .. } => "gil_bound_threads",
        Headline::OneLineDominates { .. } => "one_line_dominates",
        Headline::OneFunctionDominates { .. } => "one_function_dominates",
        Headline::ManySmall { .. } => "many_small",
        Headline::NothingStandsOut { .. } => "nothing_stands_out",
    }
}

#[derive(Serialize)]
struct SplitJson<'a> {
    by_state_ns: BTreeMap<&'static str, u64>,
    startup_ns: u64,
    unseen_ns: u64,
    basis: &'static str,
    waited_for: Vec<WaitedJson<'a>>,
}

#[derive(Serialize)]
struct WaitedJson<'a> {
    what: WaitJson<'a>,
    ns: u64,
}

fn split(split: &Split) -> SplitJson<'_> {
    SplitJson {
        by_state_ns: by_state_ns(&split.cost),
        startup_ns: ns(split.startup_ns),
        unseen_ns: ns(split.unseen_ns),
        basis: match split.basis {
            Basis::OneThread => "one_thread",
            Basis::Moments => "moments",
            Basis::Totals => "totals",
        },
        waited_for: split
            .waited_for
            .iter()
            .map(|(what, waited_ns)| WaitedJson {
                what: what.into(),
                ns: ns(*waited_ns),
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct LineJson<'a> {
    #[serde(flatten)]
    place: PlaceJson<'a>,
    own: CostJson,
    total_ns: u64,
    #[serde(flatten)]
    share: ShareJson,
    waits_for: Option<WaitJson<'a>>,
    inside: Option<PlaceJson<'a>>,
}

fn line(line: &HotLine) -> LineJson<'_> {
    LineJson {
        place: (&line.place).into(),
        own: (&line.own).into(),
        total_ns: ns(line.total_ns),
        share: ShareJson::new(line.share, line.interval),
        waits_for: line.waits_for.as_ref().map(Into::into),
        inside: line.inside.as_ref().map(Into::into),
    }
}

#[derive(Serialize)]
struct FunctionJson<'a> {
    #[serde(flatten)]
    place: PlaceJson<'a>,
    own: CostJson,
    total_ns: u64,
    #[serde(flatten)]
    share: ShareJson,
    total_share: f64,
    lines: usize,
}

fn function(function: &HotFunction) -> FunctionJson<'_> {
    FunctionJson {
        place: (&function.place).into(),
        own: (&function.own).into(),
        total_ns: ns(function.total_ns),
        share: ShareJson::new(function.share, function.interval),
        total_share: function.total_share,
        lines: function.lines,
    }
}

#[derive(Serialize)]
struct WaitPlaceJson<'a> {
    place: Option<PlaceJson<'a>>,
    what: WaitJson<'a>,
    ns: u64,
    share: f64,
    samples: u64,
    threads: usize,
}

fn wait_place(wait: &WaitPlace) -> WaitPlaceJson<'_> {
    WaitPlaceJson {
        place: wait.place.as_ref().map(Into::into),
        what: (&wait.what).into(),
        ns: ns(wait.ns),
        share: wait.share,
        samples: wait.samples,
        threads: wait.threads,
    }
}

#[derive(Serialize)]
struct ThreadJson<'a> {
    name: &'a str,
    tid: u32,
    pid: u32,
    main: bool,
    idle: bool,
    time: CostJson,
}

fn thread(thread: &ThreadTotals) -> ThreadJson<'_> {
    ThreadJson {
        name: &thread.name,
        tid: thread.tid,
        pid: thread.pid,
        main: thread.is_main,
        idle: thread.is_idle(),
        time: (&thread.cost).into(),
    }
}

#[derive(Serialize)]
struct MemoryJson {
    peak_rss_bytes: u64,
    peak_at_ns: u64,
    limit_bytes: u64,
}

fn memory(memory: &Memory) -> MemoryJson {
    MemoryJson {
        peak_rss_bytes: memory.peak_rss_bytes,
        peak_at_ns: memory.peak_at_ns,
        limit_bytes: memory.limit_bytes,
    }
}

#[derive(Serialize)]
struct CpuJson {
    cpu_ns: u64,
    core_hours: f64,
    cores_busy: f64,
}

fn cpu(cpu: Cpu) -> CpuJson {
    CpuJson {
        cpu_ns: cpu.ns,
        core_hours: cpu.core_hours,
        cores_busy: cpu.cores,
    }
}

#[derive(Serialize)]
struct QualityJson {
    samples: u64,
    exact: u64,
    validated: u64,
    partial: u64,
    lost: u64,
    /// Partial and lost samples by reason.
    reasons: BTreeMap<String, u64>,
    own_cpu_share: f64,
    delay_share: f64,
    late_share: f64,
    own_rss_bytes: u64,
    rates: Vec<RateJson>,
}

#[derive(Serialize)]
struct RateJson {
    time_ns: u64,
    rate_hz: f64,
}

fn quality(quality: &Quality) -> QualityJson {
    let verdicts = &quality.verdicts;
    QualityJson {
        samples: verdicts.total(),
        exact: verdicts.exact,
        validated: verdicts.validated,
        partial: verdicts.partial_total(),
        lost: verdicts.failed_total(),
        reasons: Reason::ALL
            .into_iter()
            .map(|reason| {
                let index = reason as usize;
                (reason, verdicts.partial[index] + verdicts.failed[index])
            })
            .filter(|(_, number)| *number > 0)
            .map(|(reason, number)| (reason.text().to_owned(), number))
            .collect(),
        own_cpu_share: quality.own_cpu_share,
        delay_share: quality.delay_share,
        late_share: quality.late_share,
        own_rss_bytes: quality.own_rss_bytes,
        rates: quality
            .rates
            .iter()
            .map(|rate| RateJson {
                time_ns: rate.time_ns,
                rate_hz: rate.rate_hz,
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct NextJson {
    command: String,
    purpose: String,
}
