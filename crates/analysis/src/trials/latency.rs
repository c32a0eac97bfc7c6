//! Latency under load: how long calls took from when they were due, and from when they began.

use hdrhistogram::Histogram;
use pitstop_model::{Benchmark, Run, Trials};

/// Digits that the histogram keeps: 0.1 %.
const DIGITS: u8 = 3;

/// A day: nobody waits longer for a benchmark.
const LONGEST_NS: u64 = 86_400_000_000_000;

/// What is shown of the distribution, in per cent.
pub const PERCENTILES: [f64; 6] = [50.0, 90.0, 95.0, 99.0, 99.9, 100.0];

/// A point of the distributions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile {
    /// In per cent; 100 is the maximum.
    pub percent: f64,
    /// From when a call was due, in nanoseconds.
    pub latency_ns: u64,
    /// From when it began, in nanoseconds. `None` if none was served.
    pub service_ns: Option<u64>,
}

/// How calls fared.
#[derive(Clone, Debug)]
pub struct Latency<'a> {
    /// What was called.
    pub benchmark: &'a Benchmark,
    /// Processes.
    pub processes: usize,
    /// Calls that were due.
    pub calls: u64,
    /// Those that were not over when time was up.
    pub late: u64,
    /// Calls a second that were asked for.
    pub rate: f64,
    /// Calls a second that were served.
    pub served_rate: f64,
    /// How long all calls took, as a share of the time that there was for them; `None` where any
    /// number can run at once.
    pub busy_share: Option<f64>,
    /// The share of one CPU that was used.
    pub cpu_share: f64,
    /// The distributions.
    pub percentiles: Vec<Percentile>,
    /// The median of the processes' peak memory, in bytes.
    pub peak_rss_bytes: u64,
}

/// What is known of a load beside its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Calls a second that were asked for.
    pub rate: f64,
    /// Calls that were not over when time was up.
    pub late: u64,
    /// How long it was called, in nanoseconds, all processes together.
    pub elapsed_ns: f64,
    /// CPU time meanwhile, in nanoseconds.
    pub cpu_ns: f64,
    /// How many calls can run at once; 0 for any number.
    pub servers: u32,
}

impl Latency<'_> {
    /// It could not keep up: more than one call in a hundred was not over in time, or calls take
    /// as long as there is time for.
    pub fn is_saturated(&self) -> bool {
        self.late * 100 > self.calls || self.busy_share.is_some_and(|share| share > 0.98)
    }
}

/// The calls of trials whose first benchmark counts from when calls were due and whose second from
/// when they began. `None` if there are no calls.
pub fn latency<'a>(trials: &'a Trials, load: &Load) -> Option<Latency<'a>> {
    let benchmark = trials.benchmarks.first()?;
    let latencies = histogram(trials, 0);
    let services = histogram(trials, 1);
    if latencies.is_empty() {
        return None;
    }
    let point = |percent| Percentile {
        percent,
        latency_ns: latencies.value_at_percentile(percent),
        service_ns: (!services.is_empty()).then(|| services.value_at_percentile(percent)),
    };
    let elapsed = load.elapsed_ns.max(1.0);
    let batches = trials.runs_of(1).flat_map(Run::steady);
    let service_ns: f64 = batches.map(|batch| batch.wall_ns).sum();
    let time_ns = latencies.len() as f64 * 1e9 / load.rate * f64::from(load.servers);
    let mut memory: Vec<u64> = trials.runs_of(0).map(|run| run.peak_rss_bytes).collect();
    memory.sort_unstable();
    Some(Latency {
        benchmark,
        processes: trials.runs_of(0).count(),
        calls: latencies.len(),
        late: load.late,
        rate: load.rate,
        served_rate: services.len() as f64 * 1e9 / elapsed,
        busy_share: (load.servers > 0).then_some(service_ns / time_ns),
        cpu_share: load.cpu_ns / elapsed,
        percentiles: PERCENTILES.map(point).to_vec(),
        peak_rss_bytes: memory.get(memory.len() / 2).copied().unwrap_or(0),
    })
}

fn histogram(trials: &Trials, benchmark: usize) -> Histogram<u64> {
    let histogram = Histogram::<u64>::new_with_bounds(1, LONGEST_NS, DIGITS);
    let mut histogram = histogram.unwrap_or_else(|_| unreachable!("lawful bounds and digits"));
    for batch in trials.runs_of(benchmark).flat_map(Run::steady) {
        // What took no nanosecond is counted as one: the histogram begins there.
        histogram.saturating_record((batch.wall_ns as u64).max(1));
    }
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::Batch;

    fn trials(latencies: &[f64], services: &[f64]) -> Trials {
        let run = |benchmark, values: &[f64]| Run {
            benchmark,
            batches: values
                .iter()
                .map(|&wall_ns| Batch {
                    loops: 1,
                    wall_ns,
                    ..Batch::default()
                })
                .collect(),
            ..Run::default()
        };
        Trials {
            benchmarks: vec![Benchmark::default(); 2],
            runs: vec![run(0, latencies), run(1, services)],
            ..Trials::default()
        }
    }

    #[test]
    fn a_stall_is_seen_by_everybody_who_came_meanwhile() {
        // 1000 calls, one each millisecond; one takes 100 ms and 99 others wait for its end.
        let stalled = (0..100).map(|at| 1e6 * f64::from(100 - at));
        let latencies: Vec<f64> = stalled.chain((0..900).map(|_| 1e3)).collect();
        let services: Vec<f64> = (0..999).map(|_| 1e3).chain([1e8]).collect();
        let load = Load {
            rate: 1000.0,
            elapsed_ns: 1e9,
            cpu_ns: 5e8,
            late: 0,
            servers: 1,
        };
        let trials = trials(&latencies, &services);
        let known = latency(&trials, &load).expect("there are calls");
        let at = |percent: f64| {
            let mut points = known.percentiles.iter();
            *points
                .find(|point| point.percent == percent)
                .expect("it is shown")
        };
        let near = |ns: u64, wanted: f64| (ns as f64 / wanted - 1.0).abs() < 0.02;
        assert!(near(at(99.0).latency_ns, 90e6), "{:?}", at(99.0));
        assert!(near(at(95.0).latency_ns, 50e6));
        assert_eq!(at(99.0).service_ns.map(|ns| near(ns, 1e3)), Some(true));
        assert!(near(at(100.0).latency_ns, 1e8));
        assert!((known.served_rate - 1000.0).abs() < 1e-6 && !known.is_saturated());
        assert_eq!(known.cpu_share, 0.5);
    }

    #[test]
    fn what_is_never_served_saturates() {
        let trials = trials(&[1e9; 10], &[]);
        let load = Load {
            rate: 10.0,
            late: 10,
            elapsed_ns: 1e9,
            cpu_ns: 0.0,
            servers: 0,
        };
        let known = latency(&trials, &load).expect("there are calls");
        assert!(known.is_saturated());
        assert_eq!(known.percentiles[0].service_ns, None);
    }
}
