//! `pitstop/bench@1` and `pitstop/compare@1`.
//!
//! Times are nanoseconds of one repetition and have fractions: a statement may take less than one.

use super::document;
use pitstop_analysis::trials::{Compared, Comparison, Measured, Noise, Refusal};
use pitstop_model::{Batch, Benchmark, Room, Run, Trials};
use pitstop_stats::Interval;
use serde::Serialize;

#[derive(Serialize)]
struct BenchJson<'a> {
    schema: &'static str,
    room: RoomJson,
    stopped: bool,
    /// What the processors took meanwhile, whoever was running.
    energy_joules: Option<f64>,
    benchmarks: Vec<MeasuredJson<'a>>,
}

#[derive(Serialize)]
struct RoomJson {
    duration_ns: u64,
    seed: u64,
    cpus: u32,
    wait_share: f64,
    preempted_share: f64,
    steal_share: f64,
    busy_share: f64,
    cpu_pressure: Option<f64>,
    memory_pressure: Option<f64>,
    addresses_refused: bool,
}

impl RoomJson {
    fn new(room: &Room, noise: &Noise) -> Self {
        Self {
            duration_ns: room.duration_ns,
            seed: room.seed,
            cpus: room.cpus,
            wait_share: noise.wait_share,
            preempted_share: noise.preempted_share,
            steal_share: noise.steal_share,
            busy_share: room.busy_share,
            cpu_pressure: noise.cpu_pressure,
            memory_pressure: noise.memory_pressure,
            addresses_refused: noise.addresses_refused,
        }
    }
}

#[derive(Serialize)]
struct IntervalJson {
    low: f64,
    high: f64,
}

impl From<Interval> for IntervalJson {
    fn from(Interval { low, high }: Interval) -> Self {
        Self { low, high }
    }
}

/// One number a process.
#[derive(Serialize)]
struct CountsJson<'a> {
    bytecodes: &'a [u64],
    peak_allocated_bytes: &'a [u64],
    allocations: &'a [u64],
}

#[derive(Serialize)]
struct MeasuredJson<'a> {
    name: &'a str,
    text: &'a str,
    setup: &'a str,
    subject: &'static str,
    python: &'a str,
    variant: &'a str,
    structure: &'static str,
    tool: &'a str,
    clock: &'static str,
    /// `ns`; of what is no time its unit, which all numbers named after nanoseconds are then in.
    unit: &'a str,
    min_ns: f64,
    median_ns: f64,
    mean_ns: f64,
    deviation_ns: f64,
    p95_ns: f64,
    p99_ns: f64,
    max_ns: f64,
    median_interval_ns: Option<IntervalJson>,
    per_second: f64,
    wall_ns: f64,
    cpu_ns: Option<f64>,
    peak_rss_bytes: Option<u64>,
    gc_share: Option<f64>,
    /// Only if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<CountsJson<'a>>,
    processes: usize,
    batches: usize,
    warm_up: usize,
    loops: u64,
    between_share: f64,
    within_share: f64,
    unsteady_processes: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<RunJson>,
}

impl<'a> MeasuredJson<'a> {
    fn new(measured: &'a Measured<'a>, runs: Vec<RunJson>) -> Self {
        let Benchmark {
            name,
            text,
            setup,
            subject,
            python,
            variant,
            structure,
            tool,
            clock,
            unit,
        } = measured.benchmark;
        let time = &measured.time;
        Self {
            name,
            text,
            setup,
            subject: subject.key(),
            python,
            variant,
            structure: structure.key(),
            tool,
            clock: clock.key(),
            unit: if unit.is_empty() { "ns" } else { unit },
            min_ns: time.min,
            median_ns: time.median,
            mean_ns: time.mean,
            deviation_ns: time.deviation,
            p95_ns: time.p95,
            p99_ns: time.p99,
            max_ns: time.max,
            median_interval_ns: measured.median_interval.map(IntervalJson::from),
            per_second: measured.per_second(),
            wall_ns: measured.wall_ns,
            cpu_ns: measured.cpu_ns,
            peak_rss_bytes: measured.peak_rss_bytes,
            gc_share: measured.gc_share,
            counts: measured.counted.as_ref().map(|counted| CountsJson {
                bytecodes: &counted.bytecodes,
                peak_allocated_bytes: &counted.peak_allocated_bytes,
                allocations: &counted.allocations,
            }),
            processes: measured.processes,
            batches: measured.batches,
            warm_up: measured.warm_up,
            loops: measured.loops,
            between_share: measured.between,
            within_share: measured.within,
            unsteady_processes: measured.unsteady,
            runs,
        }
    }
}

#[derive(Serialize)]
struct RunJson {
    pair: u32,
    hash_seed: u32,
    padding_bytes: u32,
    cpu: Option<u32>,
    fixed_addresses: bool,
    peak_rss_bytes: u64,
    user_ns: u64,
    system_ns: u64,
    gc_ns: u64,
    gc_of_ns: u64,
    batches: Vec<BatchJson>,
}

impl From<&Run> for RunJson {
    fn from(run: &Run) -> Self {
        Self {
            pair: run.pair,
            hash_seed: run.layout.hash_seed,
            padding_bytes: run.layout.padding_bytes,
            cpu: run.layout.cpu,
            fixed_addresses: run.layout.fixed_addresses,
            peak_rss_bytes: run.peak_rss_bytes,
            user_ns: run.user_ns,
            system_ns: run.system_ns,
            gc_ns: run.gc_ns,
            gc_of_ns: run.gc_of_ns,
            batches: run.batches.iter().map(BatchJson::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct BatchJson {
    loops: u64,
    wall_ns: f64,
    cpu_ns: f64,
    all_cpu_ns: f64,
    delay_ns: f64,
    preemptions: u32,
    warm_up: bool,
}

impl From<&Batch> for BatchJson {
    fn from(batch: &Batch) -> Self {
        let Batch {
            loops,
            wall_ns,
            cpu_ns,
            all_cpu_ns,
            delay_ns,
            preemptions,
            warm_up,
        } = *batch;
        Self {
            loops,
            wall_ns,
            cpu_ns,
            all_cpu_ns,
            delay_ns,
            preemptions,
            warm_up,
        }
    }
}

fn runs_of(trials: &Trials, measured: &Measured<'_>) -> Vec<RunJson> {
    let is_it = |known: &Benchmark| std::ptr::eq(known, measured.benchmark);
    let at = trials.benchmarks.iter().position(is_it);
    let runs = at.into_iter().flat_map(|at| trials.runs_of(at));
    runs.map(RunJson::from).collect()
}

/// Benchmarks, each with its raw numbers by process.
pub fn bench(
    trials: &Trials,
    benchmarks: &[Measured<'_>],
    noise: &Noise,
    stopped: bool,
    energy_joules: Option<f64>,
) -> String {
    document(&BenchJson {
        schema: "pitstop/bench@1",
        room: RoomJson::new(&trials.room, noise),
        stopped,
        energy_joules,
        benchmarks: benchmarks
            .iter()
            .map(|measured| MeasuredJson::new(measured, runs_of(trials, measured)))
            .collect(),
    })
}

#[derive(Serialize)]
struct CompareJson<'a> {
    schema: &'static str,
    room: Option<RoomJson>,
    stopped: bool,
    unmatched: &'a [String],
    comparisons: Vec<ComparisonJson<'a>>,
}

#[derive(Serialize)]
struct ComparisonJson<'a> {
    name: &'a str,
    verdict: &'static str,
    refusal: Option<&'static str>,
    /// The estimate: the time of B over that of A.
    ratio: f64,
    interval: Option<IntervalJson>,
    confidence: f64,
    min_effect: f64,
    compared: &'static str,
    pairs: usize,
    more_pairs: Option<usize>,
    probability: Option<f64>,
    clock: &'static str,
    wall_ratio: Option<f64>,
    spread_share: f64,
    drift: f64,
    shifts: Vec<ShiftJson>,
    a: MeasuredJson<'a>,
    b: MeasuredJson<'a>,
}

#[derive(Serialize)]
struct ShiftJson {
    percentile: f64,
    ratio: f64,
    interval: Option<IntervalJson>,
}

/// Comparisons. With `trials`, those of a live session, raw numbers are included.
pub fn comparisons(
    comparisons: &[Comparison<'_>],
    unmatched: &[String],
    live: Option<(&Trials, &Noise)>,
    stopped: bool,
) -> String {
    document(&CompareJson {
        schema: "pitstop/compare@1",
        room: live.map(|(trials, noise)| RoomJson::new(&trials.room, noise)),
        stopped,
        unmatched,
        comparisons: comparisons
            .iter()
            .map(|comparison| one(comparison, live.map(|(trials, _)| trials)))
            .collect(),
    })
}

fn one<'a>(comparison: &'a Comparison<'a>, trials: Option<&Trials>) -> ComparisonJson<'a> {
    let side = |at: usize| {
        let measured = &comparison.sides[at];
        let runs = trials.map_or(Vec::new(), |trials| runs_of(trials, measured));
        MeasuredJson::new(measured, runs)
    };
    ComparisonJson {
        name: &comparison.sides[0].benchmark.name,
        verdict: comparison.verdict.key(),
        refusal: comparison.refusal.map(|refusal| match refusal {
            Refusal::OneProcess => "one_process",
            Refusal::UnknownProcesses => "unknown_processes",
            Refusal::TooFew => "too_few_processes",
        }),
        ratio: comparison.ratio,
        interval: comparison.interval.map(IntervalJson::from),
        confidence: 1.0 - comparison.question.alpha,
        min_effect: comparison.question.least,
        compared: match comparison.compared {
            Compared::Pairs => "pairs",
            Compared::Processes => "processes",
        },
        pairs: comparison.pairs,
        more_pairs: comparison.more_pairs,
        probability: comparison.probability,
        clock: comparison.clock.key(),
        wall_ratio: comparison.wall_ratio,
        spread_share: comparison.spread,
        drift: comparison.drift,
        shifts: comparison
            .shifts
            .iter()
            .map(|shift| ShiftJson {
                percentile: shift.percentile,
                ratio: shift.estimate.exp(),
                interval: shift.interval.map(|interval| IntervalJson {
                    low: interval.low.exp(),
                    high: interval.high.exp(),
                }),
            })
            .collect(),
        a: side(0),
        b: side(1),
    }
}
