//! From measurements to the state of a check.

use super::State;
use crate::trials::{Comparison, process_values};
use pitstop_model::{Clock, Run, Trials};
use pitstop_stats::{
    Complexity, Growth, Interval, Rng, complexity, harrell_davis, hodges_lehmann,
    hodges_lehmann_interval, median, median_interval, sorted,
};

/// The numbers of a check, and what they come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The number in the base.
    pub base: Option<f64>,
    /// The number now.
    pub head: Option<f64>,
    /// The range: of the ratio where there is a base, else of the number now.
    pub interval: Option<Interval>,
    /// How it came out.
    pub state: State,
}

/// The fewest processes or pairs from which a range has this chance of being wrong: the chance that
/// all of them lie on one side of the truth is 2⁻ⁿ, for either side.
pub fn processes_needed(alpha: f64) -> usize {
    (2.0 / alpha).log2().ceil().max(LEAST_PROCESSES) as usize
}

/// Fewer are not worth the saving.
const LEAST_PROCESSES: f64 = 10.0;

/// A range against a line: on which side does all of it lie?
fn against(interval: Option<Interval>, line: f64) -> State {
    match interval {
        Some(range) if range.high <= line => State::Kept,
        Some(range) if range.low > line => State::Broken,
        _ => State::Inconclusive,
    }
}

/// A growth of times that were compared in pairs while they came in.
pub fn of_growth(comparison: &Comparison<'_>, growth: f64) -> Judged {
    let interval = comparison.interval;
    let base = comparison.sides[0].time.median;
    Judged {
        base: Some(base),
        // What the pairs say, and not the ratio of two medians that no pair has.
        head: Some(base * comparison.ratio),
        interval,
        state: against(interval, 1.0 + growth),
    }
}

/// Processes' numbers against the most that they may be, by the range of their median.
fn of_processes(values: &[f64], most: f64, alpha: f64) -> Judged {
    let interval = median_interval(values, 1.0 - alpha);
    Judged {
        base: None,
        head: (!values.is_empty()).then(|| median(values)),
        interval,
        state: against(interval, most),
    }
}

/// Pairs of processes' numbers against a growth, by the range of their ratio.
fn of_pairs(pairs: &[(f64, f64)], growth: f64, alpha: f64) -> Judged {
    let ratios: Vec<f64> = pairs
        .iter()
        .map(|(base, head)| (head / base).ln())
        .filter(|ratio| ratio.is_finite())
        .collect();
    let interval = hodges_lehmann_interval(&ratios, 1.0 - alpha).map(|range| Interval {
        low: range.low.exp(),
        high: range.high.exp(),
    });
    let bases: Vec<f64> = pairs.iter().map(|(base, _)| *base).collect();
    let base = (!pairs.is_empty()).then(|| median(&bases));
    Judged {
        base,
        head: base.map(|base| base * hodges_lehmann(&ratios).exp()),
        interval,
        state: against(interval, 1.0 + growth),
    }
}

/// Times of the processes of one benchmark, in nanoseconds, against the most they may be.
pub fn of_maximum(trials: &Trials, at: usize, most_ns: f64, alpha: f64) -> Judged {
    let clock = trials
        .benchmarks
        .get(at)
        .map_or(Clock::Wall, |known| known.clock);
    of_processes(&process_values(trials, at, clock), most_ns, alpha)
}

/// Peak memory of a process, of one side or both: against a number of bytes, or a growth.
pub fn of_memory(trials: &Trials, most: f64, alpha: f64) -> Judged {
    let values: Vec<f64> = trials
        .runs_of(0)
        .map(|run| run.peak_rss_bytes as f64)
        .collect();
    of_processes(&values, most, alpha)
}

/// Peak memory in pairs of processes, against a growth.
pub fn of_memory_pairs(trials: &Trials, growth: f64, alpha: f64) -> Judged {
    of_pairs(
        &paired(trials, |run| run.peak_rss_bytes as f64),
        growth,
        alpha,
    )
}

/// A percentile of single calls, process by process, against the most it may be.
pub fn of_percentile(trials: &Trials, share: f64, most_ns: f64, alpha: f64) -> Judged {
    let values: Vec<f64> = trials.runs_of(0).map(|run| calls(run, share)).collect();
    of_processes(&values, most_ns, alpha)
}

/// A percentile of single calls in pairs of processes, against a growth.
pub fn of_percentile_pairs(trials: &Trials, share: f64, growth: f64, alpha: f64) -> Judged {
    of_pairs(&paired(trials, |run| calls(run, share)), growth, alpha)
}

/// A percentile of a process's calls: elapsed time without waiting for a CPU, since a call that
/// waits for data is late for its caller, and one that others keep from a CPU says nothing of it.
fn calls(run: &Run, share: f64) -> f64 {
    let times: Vec<f64> = run
        .steady()
        .map(|call| call.ns(Clock::WallWithoutDelay))
        .collect();
    harrell_davis(&sorted(&times), share)
}

/// A number of each process, by pair: of the first benchmark and of the second.
fn paired(trials: &Trials, number: impl Fn(&Run) -> f64) -> Vec<(f64, f64)> {
    let pairs = trials.runs_of(0).filter_map(|one| {
        let other = trials.runs_of(1).find(|other| other.pair == one.pair)?;
        Some((number(one), number(other)))
    });
    pairs.collect()
}

/// Counts of the same processes on both sides. Where processes differ, all of them must agree.
pub fn of_counts(base: Option<&[u64]>, head: &[u64], limit: CountLimit) -> Judged {
    let middle = |values: &[u64]| {
        let values: Vec<f64> = values.iter().map(|value| *value as f64).collect();
        (!values.is_empty()).then(|| median(&values))
    };
    let broken: Vec<bool> = match (limit, base) {
        (CountLimit::Most(most), _) => head.iter().map(|value| *value as f64 > most).collect(),
        (CountLimit::Growth(growth), Some(base)) => {
            let pairs = base.iter().zip(head);
            // Half of one is less than a count can be off by, and more than rounding is.
            let allowed = |base: u64| base as f64 * (1.0 + growth) + 0.5;
            pairs
                .map(|(base, head)| *head as f64 > allowed(*base))
                .collect()
        }
        (CountLimit::Growth(_), None) => Vec::new(),
    };
    let state = if broken.is_empty() {
        State::New
    } else if broken.iter().all(|broken| *broken) {
        State::Broken
    } else if broken.iter().any(|broken| *broken) {
        State::Inconclusive
    } else {
        State::Kept
    };
    Judged {
        base: base.and_then(middle),
        head: middle(head),
        interval: None,
        state,
    }
}

/// A limit of something that is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CountLimit {
    /// The most it may be.
    Most(f64),
    /// The most it may grow, as a share.
    Growth(f64),
}

/// Imported modules that may not be: named ones, and what is below them.
pub fn forbidden(modules: &[String], names: &[String]) -> Vec<String> {
    let is_below = |module: &str, name: &str| {
        let rest = module.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let found = names
        .iter()
        .filter(|name| modules.iter().any(|module| is_below(module, name)));
    found.cloned().collect()
}

/// Neighbours such as O(n) and O(n log n) differ by this much in their exponent, and caches blur it
/// by as much: a gate does not fail for less.
const EXPONENT_MARGIN: f64 = 0.1;

/// A growth with the size of the input, against the class it may have. `costs` has a row a process
/// with one cost for each size. It is broken if 95 % of the draws of processes vote for a faster
/// growth and the exponent is beyond the class's own by a margin; kept if they do not, or if it is
/// not. `None` with too few sizes or no process.
pub fn of_complexity(
    sizes: &[f64],
    costs: &[Vec<f64>],
    most: Growth,
    seed: u64,
) -> Option<(Complexity, State)> {
    let found = complexity(sizes, costs, &mut Rng::new(seed))?;
    let votes = found.support.iter().filter(|(growth, _)| *growth > most);
    let above: f64 = votes.map(|(_, share)| share).sum();
    let is_above = found.best.growth > most;
    let (middle, last) = (sizes.get(sizes.len() / 2)?, sizes.last()?);
    let allowed = most.exponent(*middle, *last) + EXPONENT_MARGIN;
    let exponent = found.exponent_interval;
    let is_steeper = exponent.is_some_and(|range| range.low > allowed);
    let is_flatter = exponent.is_some_and(|range| range.high <= allowed);
    let state = match above {
        share if share >= 0.95 && is_above && is_steeper => State::Broken,
        share if share <= 0.05 && !is_above => State::Kept,
        _ if is_flatter => State::Kept,
        _ => State::Inconclusive,
    };
    Some((found, state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::{Batch, Benchmark};

    fn trials(of_head: impl Fn(u32) -> u64) -> Trials {
        let run = |benchmark, pair, peak_rss_bytes| Run {
            benchmark,
            pair,
            peak_rss_bytes,
            batches: (1..=100)
                .map(|at| Batch {
                    loops: 1,
                    wall_ns: f64::from(at) * peak_rss_bytes as f64,
                    ..Batch::default()
                })
                .collect(),
            ..Run::default()
        };
        let runs = (0..10).flat_map(|pair| {
            [
                run(0, pair, 1000 + u64::from(pair)),
                run(1, pair, of_head(pair)),
            ]
        });
        Trials {
            benchmarks: vec![Benchmark::default(), Benchmark::default()],
            runs: runs.collect(),
            ..Trials::default()
        }
    }

    #[test]
    fn a_range_is_kept_broken_or_open() {
        let state = |low, high| against(Some(Interval { low, high }), 1.03);
        assert_eq!(state(0.99, 1.03), State::Kept);
        assert_eq!(state(1.031, 1.2), State::Broken);
        assert_eq!(state(1.0, 1.1), State::Inconclusive);
        assert_eq!(against(None, 1.03), State::Inconclusive);
    }

    #[test]
    fn pairs_are_judged_by_their_ratios() {
        let more = trials(|pair| 1100 + u64::from(pair % 3));
        let judged = of_memory_pairs(&more, 0.05, 0.05);
        assert_eq!(judged.state, State::Broken, "{judged:?}");
        assert!(judged.head > judged.base);
        assert_eq!(of_memory_pairs(&more, 0.2, 0.05).state, State::Kept);
        let wild = trials(|pair| if pair % 2 == 0 { 900 } else { 1200 });
        assert_eq!(
            of_memory_pairs(&wild, 0.05, 0.05).state,
            State::Inconclusive
        );
        let slower = of_percentile_pairs(&more, 0.99, 0.05, 0.05);
        assert_eq!(slower.state, State::Broken);
        assert_eq!(
            of_percentile(&more, 0.5, 60.0 * 1000.0, 0.05).state,
            State::Kept
        );
        assert_eq!(
            of_percentile(&more, 0.99, 60.0 * 1000.0, 0.05).state,
            State::Broken
        );
        assert_eq!(of_memory(&more, 1004.0, 0.05).state, State::Inconclusive);
        assert_eq!(of_maximum(&more, 0, 1e6, 0.05).state, State::Kept);
    }

    #[test]
    fn ranges_have_enough_processes_for_their_error() {
        for alpha in [0.05, 0.005, 0.0004] {
            let count = processes_needed(alpha);
            let values: Vec<f64> = (0..count).map(|at| at as f64).collect();
            assert!(median_interval(&values, 1.0 - alpha).is_some(), "{alpha}");
            assert!(
                hodges_lehmann_interval(&values, 1.0 - alpha).is_some(),
                "{alpha}"
            );
        }
    }

    #[test]
    fn counts_need_no_range_unless_seeds_disagree() {
        let growth = |share| CountLimit::Growth(share);
        let state = |base: &[u64], head: &[u64], limit| of_counts(Some(base), head, limit).state;
        assert_eq!(state(&[100; 3], &[100; 3], growth(0.0)), State::Kept);
        assert_eq!(state(&[100; 3], &[101; 3], growth(0.0)), State::Broken);
        assert_eq!(state(&[100; 3], &[102; 3], growth(0.02)), State::Kept);
        assert_eq!(
            state(&[100; 3], &[100, 103, 99], growth(0.0)),
            State::Inconclusive
        );
        assert_eq!(state(&[], &[150], CountLimit::Most(150.0)), State::Kept);
        assert_eq!(of_counts(None, &[5], growth(0.0)).state, State::New);
        assert_eq!(
            of_counts(None, &[5], CountLimit::Most(4.0)).state,
            State::Broken
        );
    }

    #[test]
    fn a_forbidden_package_forbids_what_is_below_it() {
        let all = ["numpyx", "pandas.core", "os"].map(str::to_owned);
        let names = ["numpy", "pandas"].map(str::to_owned);
        assert_eq!(forbidden(&all, &names), ["pandas"]);
    }

    #[test]
    fn a_class_is_judged_by_how_often_it_is_found() {
        let sizes: Vec<f64> = (0..8).map(|at| 1000.0 * f64::from(1 << at)).collect();
        let rows = |power: f64| -> Vec<Vec<f64>> {
            let row = |process: u32| {
                sizes
                    .iter()
                    .map(move |n| n.powf(power) * (1.0 + f64::from(process) / 500.0))
            };
            (0..4).map(|process| row(process).collect()).collect()
        };
        let state = |power, most| {
            let judged = of_complexity(&sizes, &rows(power), most, 1);
            judged.expect("sizes are enough").1
        };
        assert_eq!(state(2.0, Growth::Linearithmic), State::Broken);
        assert_eq!(state(1.0, Growth::Linearithmic), State::Kept);
        assert_eq!(
            state(1.05, Growth::Linear),
            State::Kept,
            "within the margin"
        );
        assert_eq!(state(1.3, Growth::Linear), State::Broken);
        assert_eq!(state(2.0, Growth::Quadratic), State::Kept);
    }
}
