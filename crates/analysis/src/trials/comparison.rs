//! Two benchmarks against each other.

use super::measured::{Measured, measured, process_values};
use pitstop_model::{Clock, Run, Structure, Trials};
use pitstop_stats::{
    Decision, Interval, Rng, Sequential, Shift, Side, ValuePair, adjusted_probabilities, decide,
    drift, hodges_lehmann, least_probability, line_of, rank_sum_test, shift_estimate,
    shift_interval, shifts,
};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// How often the answer may be wrong.
    pub alpha: f64,
    /// The smallest difference that matters, as a share of the first side.
    pub least: f64,
    /// How far pairs are expected to scatter, as a logarithm; as it was while measuring.
    pub prior_spread: f64,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            least: 0.01,
            prior_spread: 0.01,
        }
    }
}

impl Question {
    fn least_ln(self) -> f64 {
        self.least.ln_1p()
    }
}

/// The second side, compared with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes less time.
    Faster,
    /// It takes more time.
    Slower,
    /// If there is a difference, it is smaller than matters.
    Equivalent,
    /// What was measured does not tell.
    Inconclusive,
}

impl Verdict {
    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Equivalent => "equivalent",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Above => Self::Slower,
            Decision::Below => Self::Faster,
            Decision::Equivalent => Self::Equivalent,
            Decision::Open => Self::Inconclusive,
        }
    }
}

/// Why a verdict is not even tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A side was measured in one process: another one could be several per cent faster or slower.
    OneProcess,
    /// A file does not say which values come from which process.
    UnknownProcesses,
    /// Fewer processes than could ever be significant.
    TooFew,
}

/// How the sides were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Pairs of processes that took turns.
    Pairs,
    /// Processes without pairs: whatever changed between the two measurements counts as theirs.
    Processes,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// Both sides.
    pub sides: [Measured<'a>; 2],
    /// The answer in a word.
    pub verdict: Verdict,
    /// Why there is none.
    pub refusal: Option<Refusal>,
    /// How.
    pub compared: Compared,
    /// The ratio of the times, second over first.
    pub ratio: f64,
    /// The range of the ratio.
    pub interval: Option<Interval>,
    /// The ratio of elapsed times, if the verdict goes by another clock.
    pub wall_ratio: Option<f64>,
    /// The probability that equal sides give this; `None` for pairs, which are judged by evidence.
    pub probability: Option<f64>,
    /// Pairs of processes, or the smaller number of processes.
    pub pairs: usize,
    /// The clock.
    pub clock: Clock,
    /// How the median and the slow percentiles moved, as logarithms.
    pub shifts: Vec<Shift>,
    /// About how many pairs more would decide it; `None` if no number is in sight.
    pub more_pairs: Option<usize>,
    /// How far pairs (or processes) scatter, as a share.
    pub spread: f64,
    /// How the differences moved in the course of the measurement: rank correlation, -1 to 1.
    pub drift: f64,
    /// What was asked.
    pub question: Question,
}

/// How far the second process of a pair lies above the first: the logarithm of the ratio, the
/// Hodges-Lehmann centre of their turns. `None` without a turn.
pub fn difference(first: &Run, second: &Run, clock: Clock) -> Option<f64> {
    let turns = first.steady().zip(second.steady());
    let ratios: Vec<f64> = turns
        .map(|(one, other)| (other.ns(clock) / one.ns(clock)).ln())
        .filter(|ratio| ratio.is_finite())
        .collect();
    (!ratios.is_empty()).then(|| hodges_lehmann(&ratios))
}

/// The pairs of two benchmarks, in order.
fn pairs(trials: &Trials, first: usize, second: usize) -> Vec<(&Run, &Run)> {
    trials
        .runs_of(first)
        .filter_map(|one| {
            let mut others = trials.runs_of(second);
            Some((one, others.find(|other| other.pair == one.pair)?))
        })
        .collect()
}

/// Compares two benchmarks that were measured in pairs. `None` if one of them was not measured.
pub fn compare_pairs(
    trials: &Trials,
    [first, second]: [usize; 2],
    question: Question,
) -> Option<Comparison<'_>> {
    let sides = [measured(trials, first)?, measured(trials, second)?];
    let clock = sides[0].benchmark.clock;
    let pairs = pairs(trials, first, second);
    let differences = |clock| -> Vec<f64> {
        let each = |(one, other): &(&Run, &Run)| difference(one, other, clock).unwrap_or(f64::NAN);
        pairs.iter().map(each).collect()
    };
    let ours = differences(clock);
    let mut sequence = Sequential::new(question.prior_spread);
    ours.iter().for_each(|value| sequence.push(*value));
    let interval = sequence.interval(question.alpha);
    let verdict = sequence
        .decision(question.least_ln(), question.alpha)
        .into();
    let of_steady = |run: &Run| run.steady().map(|batch| batch.ns(clock)).collect();
    let values: Vec<ValuePair> = pairs
        .iter()
        .map(|(one, other)| (of_steady(one), of_steady(other)))
        .collect();
    let mut rng = Rng::new(trials.room.seed);
    Some(Comparison {
        verdict,
        refusal: None,
        compared: Compared::Pairs,
        ratio: hodges_lehmann(sequence.differences()).exp(),
        interval: interval.map(from_logarithm),
        wall_ratio: (clock != Clock::Wall).then(|| hodges_lehmann(&differences(Clock::Wall)).exp()),
        probability: None,
        pairs: pairs.len(),
        clock,
        shifts: shifts(&values, &[0.5, 0.95, 0.99], 400, 0.95, &mut rng),
        more_pairs: more_pairs(&sequence, verdict, question),
        spread: sequence.spread(),
        drift: drift(&ours),
        question,
        sides,
    })
}

/// The fewest pairs that would bring any decision, beyond those there are.
fn more_pairs(sequence: &Sequential, verdict: Verdict, question: Question) -> Option<usize> {
    if verdict != Verdict::Inconclusive {
        return None;
    }
    let (least, alpha) = (question.least_ln(), question.alpha);
    let needed = |side, centre| sequence.pairs_needed(side, centre, alpha);
    let both = |one: Option<usize>, other: Option<usize>| Some(one?.max(other?));
    let ways = [
        needed(Side::Above, line_of(least)),
        needed(Side::Below, -line_of(least)),
        both(needed(Side::Above, -least), needed(Side::Below, least)),
    ];
    let fewest = ways.into_iter().flatten().min()?;
    let now = sequence.differences().len();
    // It should have been enough by now and was not: the forecast is no better than a doubling.
    Some(if fewest > now {
        fewest - now
    } else {
        now.max(1)
    })
}

/// Compares two benchmarks that were measured apart, by their processes. `None` if one of them was
/// not measured.
pub fn compare_processes<'a>(
    (first, at_first): (&'a Trials, usize),
    (second, at_second): (&'a Trials, usize),
    question: Question,
) -> Option<Comparison<'a>> {
    let sides = [measured(first, at_first)?, measured(second, at_second)?];
    // Each clock must be known on both sides.
    let clocks = sides.each_ref().map(|side| side.benchmark.clock);
    let clock = if clocks[0] == clocks[1] {
        clocks[0]
    } else {
        Clock::Wall
    };
    let logarithms = |trials: &Trials, at: usize| -> Vec<f64> {
        let values = process_values(trials, at, clock);
        let values = values.into_iter().filter(|value| *value > 0.0);
        values.map(f64::ln).collect()
    };
    let (one, other) = (logarithms(first, at_first), logarithms(second, at_second));
    let structures = sides.each_ref().map(|side| side.benchmark.structure);
    let refusal = if structures.contains(&Structure::OneProcess) {
        Some(Refusal::OneProcess)
    } else if structures.contains(&Structure::Unknown) {
        Some(Refusal::UnknownProcesses)
    } else if least_probability(one.len(), other.len()) > question.alpha {
        Some(Refusal::TooFew)
    } else {
        None
    };
    let is_valid = refusal.is_none();
    let interval = is_valid
        .then(|| shift_interval(&one, &other, 1.0 - question.alpha))
        .flatten();
    let decision = decide(interval, question.least_ln());
    let medians = [0, 1].map(|side| sides[side].time.median);
    let ratio = if is_valid {
        shift_estimate(&one, &other).exp()
    } else {
        medians[1] / medians[0]
    };
    Some(Comparison {
        verdict: decision.into(),
        refusal,
        compared: Compared::Processes,
        ratio,
        interval: interval.map(from_logarithm),
        wall_ratio: (clock != Clock::Wall).then(|| sides[1].wall_ns / sides[0].wall_ns),
        probability: is_valid.then(|| rank_sum_test(&one, &other)),
        pairs: one.len().min(other.len()),
        clock,
        shifts: Vec::new(),
        more_pairs: None,
        spread: sides[0].between.hypot(sides[1].between),
        drift: 0.0,
        question,
        sides,
    })
}

/// Takes back verdicts that a suite of so many comparisons would give by chance: the share of false
/// ones among all that remain is at most what was asked for (Benjamini and Hochberg).
pub fn correct_for_many(comparisons: &mut [Comparison<'_>]) {
    let probabilities: Vec<f64> = comparisons
        .iter()
        .map(|comparison| comparison.probability.unwrap_or(1.0))
        .collect();
    let adjusted = adjusted_probabilities(&probabilities);
    for (comparison, adjusted) in comparisons.iter_mut().zip(adjusted) {
        if comparison.probability.is_none() {
            continue;
        }
        comparison.probability = Some(adjusted);
        let is_change = matches!(comparison.verdict, Verdict::Faster | Verdict::Slower);
        if is_change && adjusted > comparison.question.alpha {
            comparison.verdict = Verdict::Inconclusive;
        }
    }
}

fn from_logarithm(interval: Interval) -> Interval {
    Interval {
        low: interval.low.exp(),
        high: interval.high.exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::{Batch, Benchmark};

    /// Two benchmarks in pairs; the layout of each pair moves both, the second takes `ratio`.
    fn paired(pairs: u32, ratio: f64, seed: u64) -> Trials {
        let mut rng = Rng::new(seed);
        let mut trials = Trials {
            benchmarks: vec![Benchmark::default(), Benchmark::default()],
            ..Trials::default()
        };
        for pair in 0..pairs {
            let layout = 1.0 + 0.04 * rng.normal();
            for (benchmark, factor) in [(0, 1.0), (1, ratio)] {
                let mut batch = || Batch {
                    loops: 10,
                    wall_ns: 3e6 * layout * factor * (1.0 + 0.005 * rng.normal()),
                    ..Batch::default()
                };
                trials.runs.push(Run {
                    benchmark,
                    pair,
                    batches: (0..5).map(|_| batch()).collect(),
                    ..Run::default()
                });
            }
        }
        trials
    }

    #[test]
    fn pairs_see_what_processes_alone_do_not() {
        let trials = paired(20, 1.02, 1);
        let question = Question::default();
        let pairs = compare_pairs(&trials, [0, 1], question).expect("both are there");
        assert_eq!(pairs.verdict, Verdict::Slower);
        assert!((pairs.ratio - 1.02).abs() < 0.004, "{}", pairs.ratio);
        assert!(pairs.interval.is_some_and(|range| range.contains(1.02)));
        assert_eq!((pairs.pairs, pairs.shifts.len()), (20, 3));
        let alone = compare_processes((&trials, 0), (&trials, 1), question);
        let alone = alone.expect("both are there");
        assert_eq!(
            alone.verdict,
            Verdict::Inconclusive,
            "4 % of layout hide 2 %"
        );
        let swapped = compare_pairs(&trials, [1, 0], question).expect("both are there");
        assert_eq!(swapped.verdict, Verdict::Faster);
    }

    #[test]
    fn equal_sides_are_equivalent_and_few_pairs_say_how_many_more() {
        let question = Question::default();
        let trials = paired(20, 1.0, 2);
        let answer = compare_pairs(&trials, [0, 1], question).expect("both are there");
        assert_eq!(answer.verdict, Verdict::Equivalent);
        let trials = paired(5, 1.0, 3);
        let answer = compare_pairs(&trials, [0, 1], question).expect("both are there");
        assert_eq!(answer.verdict, Verdict::Inconclusive);
        assert!(
            answer
                .more_pairs
                .is_some_and(|more| (1..40).contains(&more))
        );
    }

    #[test]
    fn nothing_is_significant_without_processes() {
        let question = Question::default();
        for (structure, refusal) in [
            (Structure::OneProcess, Refusal::OneProcess),
            (Structure::Unknown, Refusal::UnknownProcesses),
        ] {
            let mut trials = paired(30, 2.0, 4);
            trials.benchmarks[0].structure = structure;
            let answer = compare_processes((&trials, 0), (&trials, 1), question);
            let answer = answer.expect("both are there");
            assert_eq!(
                (answer.verdict, answer.refusal),
                (Verdict::Inconclusive, Some(refusal))
            );
            assert!(
                (answer.ratio - 2.0).abs() < 0.2,
                "what was seen is still said"
            );
        }
        let trials = paired(3, 2.0, 5);
        let answer = compare_processes((&trials, 0), (&trials, 1), question);
        assert_eq!(
            answer.and_then(|answer| answer.refusal),
            Some(Refusal::TooFew)
        );
        assert!(compare_pairs(&trials, [0, 2], question).is_none());
    }

    #[test]
    fn a_large_suite_of_equal_benchmarks_reports_few() {
        let question = Question {
            least: 0.0001,
            ..Question::default()
        };
        let suites: Vec<Trials> = (0..200).map(|seed| paired(12, 1.0, seed)).collect();
        let mut answers: Vec<Comparison<'_>> = suites
            .iter()
            .zip(suites.iter().skip(1))
            .filter_map(|(one, other)| compare_processes((one, 0), (other, 1), question))
            .collect();
        let changes = |answers: &[Comparison<'_>]| {
            let verdicts = answers.iter().map(|answer| answer.verdict);
            verdicts
                .filter(|verdict| matches!(verdict, Verdict::Faster | Verdict::Slower))
                .count()
        };
        let before = changes(&answers);
        correct_for_many(&mut answers);
        assert!(before >= 3, "5 % of 199 by chance: {before}");
        assert_eq!(changes(&answers), 0);
    }
}
