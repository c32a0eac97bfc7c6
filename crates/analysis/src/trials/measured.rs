//! One benchmark by itself.

use pitstop_model::{Benchmark, Clock, Run, Trials};
use pitstop_stats::{
    Interval, Summary, WarmUp, mean, median, median_interval, robust_deviation, steadiness, summary,
};

/// What one repetition does, counted in a process each with a hash seed of its own; all equal where
/// seeds make no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Instructions of Python.
    pub bytecodes: Vec<u64>,
    /// The most bytes that Python's allocators had out at once, beyond those before.
    pub peak_allocated_bytes: Vec<u64>,
    /// Calls of Python's allocators; empty where they cannot be counted.
    pub allocations: Vec<u64>,
}

/// What a benchmark took.
#[derive(Clone, Debug)]
pub struct Measured<'a> {
    /// What it is.
    pub benchmark: &'a Benchmark,
    /// Nanoseconds of one repetition, over all steady batches, by the benchmark's clock.
    pub time: Summary,
    /// The range of the median, from the processes' medians, at 95 %; `None` with fewer than six
    /// processes or none known.
    pub median_interval: Option<Interval>,
    /// The median of elapsed time of one repetition, in nanoseconds.
    pub wall_ns: f64,
    /// The mean CPU time of one repetition, all threads, in nanoseconds; `None` unknown.
    pub cpu_ns: Option<f64>,
    /// Processes.
    pub processes: usize,
    /// Steady batches of all processes.
    pub batches: usize,
    /// Batches of warm-up that were left out.
    pub warm_up: usize,
    /// Repetitions of all steady batches.
    pub loops: u64,
    /// The median of the processes' peak memory, in bytes; `None` unknown.
    pub peak_rss_bytes: Option<u64>,
    /// The share of time in the garbage collector; `None` if it was not watched.
    pub gc_share: Option<f64>,
    /// What it does; `None` if it was not counted.
    pub counted: Option<Counted>,
    /// How far processes differ, as a share of the median.
    pub between: f64,
    /// How far the batches of one process differ, as a share of the median.
    pub within: f64,
    /// Processes that never became steady, or became slower.
    pub unsteady: usize,
}

impl Measured<'_> {
    /// Repetitions a second.
    pub fn per_second(&self) -> f64 {
        1e9 / self.time.median
    }
}

/// A benchmark by itself; `None` if no process of it has a steady batch.
pub fn measured(trials: &Trials, at: usize) -> Option<Measured<'_>> {
    let benchmark = trials.benchmarks.get(at)?;
    let runs: Vec<&Run> = trials
        .runs_of(at)
        .filter(|run| run.steady().next().is_some())
        .collect();
    let clock = benchmark.clock;
    let all = |clock: Clock| -> Vec<f64> {
        let batches = runs.iter().flat_map(|run| run.steady());
        batches.map(|batch| batch.ns(clock)).collect()
    };
    let values = all(clock);
    let time = summary(&values)?;
    let processes = process_values(trials, at, clock);
    let of_each = |run: &&Run| {
        let values: Vec<f64> = run.steady().map(|batch| batch.ns(clock)).collect();
        robust_deviation(&values) / median(&values)
    };
    let cpu: Vec<f64> = runs
        .iter()
        .flat_map(|run| run.steady())
        .filter(|batch| batch.all_cpu_ns > 0.0)
        .map(|batch| batch.all_cpu_ns / batch.loops.max(1) as f64)
        .collect();
    let memory: Vec<f64> = runs
        .iter()
        .filter(|run| run.peak_rss_bytes > 0)
        .map(|run| run.peak_rss_bytes as f64)
        .collect();
    let watched: u64 = runs.iter().map(|run| run.gc_of_ns).sum();
    let collecting: u64 = runs.iter().map(|run| run.gc_ns).sum();
    let is_unsteady = |run: &&&Run| {
        let values: Vec<f64> = run.steady().map(|batch| batch.ns(clock)).collect();
        let kind = steadiness(&values).kind;
        values.len() >= 12 && matches!(kind, WarmUp::Slows | WarmUp::Unsteady)
    };
    let is_process = benchmark.structure == pitstop_model::Structure::Processes;
    Some(Measured {
        benchmark,
        median_interval: is_process
            .then(|| median_interval(&processes, 0.95))
            .flatten(),
        wall_ns: median(&all(Clock::Wall)),
        cpu_ns: (!cpu.is_empty()).then(|| mean(&cpu)),
        processes: runs.len(),
        batches: values.len(),
        warm_up: runs
            .iter()
            .map(|run| run.batches.len() - run.steady().count())
            .sum(),
        loops: runs
            .iter()
            .flat_map(|run| run.steady())
            .fold(0, |sum, batch| sum.saturating_add(batch.loops)),
        peak_rss_bytes: (!memory.is_empty()).then(|| median(&memory) as u64),
        gc_share: (watched > 0).then(|| collecting as f64 / watched as f64),
        counted: None,
        between: robust_deviation(&processes) / time.median,
        within: median(&runs.iter().map(of_each).collect::<Vec<f64>>()),
        unsteady: runs.iter().filter(is_unsteady).count(),
        time,
    })
}

/// One number a process: the median of its steady batches.
pub fn process_values(trials: &Trials, at: usize, clock: Clock) -> Vec<f64> {
    let of_run = |run: &Run| {
        let values: Vec<f64> = run.steady().map(|batch| batch.ns(clock)).collect();
        (!values.is_empty()).then(|| median(&values))
    };
    trials.runs_of(at).filter_map(of_run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::Batch;

    fn trials() -> Trials {
        let batch = |warm_up, wall_ns| Batch {
            loops: 10,
            wall_ns,
            cpu_ns: wall_ns / 2.0,
            all_cpu_ns: wall_ns / 2.0,
            delay_ns: wall_ns / 4.0,
            warm_up,
            ..Batch::default()
        };
        let run = |offset: f64| Run {
            batches: vec![
                batch(true, 9e6),
                batch(false, 1e6 + offset),
                batch(false, 1.2e6 + offset),
            ],
            peak_rss_bytes: 1000,
            gc_ns: 5,
            gc_of_ns: 100,
            ..Run::default()
        };
        Trials {
            benchmarks: vec![Benchmark::default()],
            runs: (0..6).map(|at| run(f64::from(at) * 1e4)).collect(),
            ..Trials::default()
        }
    }

    #[test]
    fn warm_up_does_not_count_and_a_process_is_one_observation() {
        let mut trials = trials();
        let all = measured(&trials, 0).expect("there are runs");
        assert_eq!((all.processes, all.batches, all.warm_up), (6, 12, 6));
        assert_eq!((all.time.min, all.time.max), (1e5, 1.25e5));
        let range = all.median_interval.expect("six are enough");
        assert_eq!((range.low, range.high), (1.1e5, 1.15e5));
        assert_eq!(all.gc_share, Some(0.05));
        assert_eq!(all.loops, 120);
        trials.benchmarks[0].clock = Clock::WallWithoutDelay;
        let all = measured(&trials, 0).expect("there are runs");
        assert!((all.time.min - 0.75e5).abs() < 1e-6);
        trials.benchmarks[0].structure = pitstop_model::Structure::OneProcess;
        assert!(measured(&trials, 0).is_some_and(|all| all.median_interval.is_none()));
        trials.runs.clear();
        assert!(measured(&trials, 0).is_none());
    }
}
