//! Where did a history of results change, and by how much?
//!
//! A result counts as one observation, the median of its processes' medians. Steps are found by
//! E-divisive on logarithms, so that a change is a ratio; its size comes with the range of the shift
//! between the results before and after it (Hodges and Lehmann), up to the neighbouring changes.

use crate::trials::{measured, process_values};
use pitstop_model::Trials;
use pitstop_stats::{Interval, Rng, median, shift_estimate, shift_interval, steps};

/// The shortest level: one outlier is no change, and neither are two.
const LEAST_RESULTS: usize = 3;

/// Shuffles that a split is compared with: probabilities down to 0.001.
const SHUFFLES: usize = 999;

/// A result that was kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// What it is called.
    pub label: &'a str,
    /// When it was made, in seconds since the epoch.
    pub unix_s: u64,
    /// What was measured.
    pub trials: &'a Trials,
}

/// One benchmark in one result.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// What the result is called.
    pub label: String,
    /// When it was made, in seconds since the epoch.
    pub unix_s: u64,
    /// The median, in nanoseconds.
    pub ns: f64,
    /// Processes it comes from.
    pub processes: usize,
}

/// A change between two levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The position of the first result of the new level.
    pub at: usize,
    /// The median of the level before, in nanoseconds.
    pub before_ns: f64,
    /// The median of the level from here on, in nanoseconds.
    pub after_ns: f64,
    /// The ratio of the new level to the old one.
    pub ratio: f64,
    /// The range of the ratio at 95 %; `None` with too few results on a side.
    pub interval: Option<Interval>,
    /// How often results that only scatter split as well.
    pub probability: f64,
}

/// A benchmark over time.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The benchmark.
    pub name: String,
    /// What else it had: a commit, environment variables; empty for none.
    pub variant: String,
    /// Its results in order of time.
    pub points: Vec<Point>,
    /// Where they changed, in order of time.
    pub changes: Vec<Change>,
    /// Results that it takes at least to find a change at this error rate; `None` if there are enough.
    pub needed: Option<usize>,
}

impl History {
    /// Whether the last change made it slower.
    pub fn is_worse(&self) -> bool {
        self.changes.last().is_some_and(|change| change.ratio > 1.0)
    }
}

/// What counts as a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sought {
    /// How often one may be found where there is none.
    pub alpha: f64,
    /// The smallest that matters, as a share.
    pub least: f64,
    /// Where shuffles come from.
    pub seed: u64,
}

/// The histories of all benchmarks whose name contains a text, in order of appearance. `kept` is in
/// order of time.
pub fn histories(kept: &[Kept<'_>], only: &str, sought: Sought) -> Vec<History> {
    let mut all: Vec<History> = Vec::new();
    for result in kept {
        for (at, benchmark) in result.trials.benchmarks.iter().enumerate() {
            if !benchmark.name.contains(only) {
                continue;
            }
            let Some(known) = measured(result.trials, at) else {
                continue;
            };
            let values = process_values(result.trials, at, benchmark.clock);
            let point = Point {
                label: result.label.to_owned(),
                unix_s: result.unix_s,
                ns: median(&values),
                processes: known.processes,
            };
            let same = all.iter_mut().find(|history| {
                history.name == benchmark.name && history.variant == benchmark.variant
            });
            match same {
                Some(history) => history.points.push(point),
                None => all.push(History {
                    name: benchmark.name.clone(),
                    variant: benchmark.variant.clone(),
                    points: vec![point],
                    changes: Vec::new(),
                    needed: None,
                }),
            }
        }
    }
    let mut rng = Rng::new(sought.seed);
    for history in &mut all {
        find(history, sought, &mut rng);
    }
    all
}

fn find(history: &mut History, sought: Sought, rng: &mut Rng) {
    let needed = needed(sought.alpha);
    if history.points.len() < needed {
        history.needed = Some(needed);
        return;
    }
    let logs: Vec<f64> = history.points.iter().map(|point| point.ns.ln()).collect();
    let found = steps(&logs, LEAST_RESULTS, sought.alpha, SHUFFLES, rng);
    // What is too small to matter parts no levels, so that the sizes of the others are of whole ones.
    let mut borders: Vec<(usize, f64)> = found
        .iter()
        .map(|step| (step.at, step.probability))
        .collect();
    loop {
        let changes = changes(&logs, &borders);
        let small = changes
            .iter()
            .enumerate()
            .filter(|(_, change)| change.ratio.ln().abs() < sought.least.ln_1p())
            .min_by(|a, b| a.1.ratio.ln().abs().total_cmp(&b.1.ratio.ln().abs()));
        let Some((smallest, _)) = small else {
            history.changes = changes;
            return;
        };
        borders.remove(smallest);
    }
}

fn changes(logs: &[f64], borders: &[(usize, f64)]) -> Vec<Change> {
    let place = |at: usize| borders.get(at).map_or(logs.len(), |(place, _)| *place);
    let change = |(number, &(at, probability)): (usize, &(usize, f64))| {
        let from = number.checked_sub(1).map_or(0, place);
        let (before, after) = (&logs[from..at], &logs[at..place(number + 1)]);
        let interval = shift_interval(before, after, 0.95);
        Change {
            at,
            before_ns: median(before).exp(),
            after_ns: median(after).exp(),
            ratio: shift_estimate(before, after).exp(),
            interval: interval.map(|range| Interval {
                low: range.low.exp(),
                high: range.high.exp(),
            }),
            probability,
        }
    };
    borders.iter().enumerate().map(change).collect()
}

/// The fewest results with which a clean step between two halves is rarer by chance than `alpha`.
fn needed(alpha: f64) -> usize {
    let mut results = 2 * LEAST_RESULTS;
    loop {
        // Either half may be the larger one: two of all the ways to choose a half.
        let half = results / 2;
        let ways = (1..=half).fold(1.0, |ways, at| {
            ways * (results - half + at) as f64 / at as f64
        });
        if 2.0 / ways <= alpha {
            return results;
        }
        results += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::{Batch, Benchmark, Run};

    fn result(ns: f64) -> Trials {
        let run = |number: u32| Run {
            pair: number,
            batches: vec![Batch {
                loops: 1,
                wall_ns: ns * (1.0 + f64::from(number) * 1e-4),
                ..Batch::default()
            }],
            ..Run::default()
        };
        Trials {
            benchmarks: vec![Benchmark {
                name: "work".into(),
                ..Benchmark::default()
            }],
            runs: (0..3).map(run).collect(),
            ..Trials::default()
        }
    }

    fn history_of(levels: &[(usize, f64)], least: f64) -> History {
        let mut rng = Rng::new(3);
        let levels = levels.iter();
        let values = levels.flat_map(|&(count, ns)| std::iter::repeat_n(ns, count));
        let results: Vec<Trials> = values
            .map(|ns| result(ns * (1.0 + 0.005 * rng.normal())))
            .collect();
        let kept: Vec<Kept<'_>> = results
            .iter()
            .enumerate()
            .map(|(at, trials)| Kept {
                label: "r",
                unix_s: at as u64,
                trials,
            })
            .collect();
        let sought = Sought {
            alpha: 0.01,
            least,
            seed: 1,
        };
        let mut all = histories(&kept, "wo", sought);
        assert_eq!(all.len(), 1);
        assert!(histories(&kept, "other", sought).is_empty());
        all.remove(0)
    }

    #[test]
    fn changes_come_with_their_place_and_size() {
        let history = history_of(&[(12, 1000.0), (8, 1200.0), (9, 900.0)], 0.01);
        assert_eq!(history.changes.len(), 2, "{history:?}");
        let [up, down] = [&history.changes[0], &history.changes[1]];
        assert_eq!((up.at, down.at), (12, 20));
        let range = up.interval.expect("there are enough on both sides");
        assert!(range.low < 1.2 && 1.2 < range.high && range.margin() < 0.02);
        assert!((down.ratio - 0.75).abs() < 0.02);
        assert!(!history.is_worse());
    }

    #[test]
    fn what_only_scatters_does_not_change_and_small_changes_are_left_out() {
        assert!(history_of(&[(30, 1000.0)], 0.01).changes.is_empty());
        let small = history_of(&[(15, 1000.0), (15, 1030.0)], 0.05);
        assert!(small.changes.is_empty() && small.needed.is_none());
        assert!(history_of(&[(15, 1000.0), (15, 1030.0)], 0.01).is_worse());
    }

    #[test]
    fn too_few_results_say_how_many_it_takes() {
        let few = history_of(&[(4, 1000.0), (4, 2000.0)], 0.01);
        assert_eq!((few.needed, few.changes.len()), (Some(10), 0));
        assert_eq!(
            history_of(&[(5, 1000.0), (5, 2000.0)], 0.01).changes.len(),
            1
        );
        assert_eq!(needed(0.05), 8);
    }
}
