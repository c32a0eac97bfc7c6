//! What is stated holds: intervals miss the truth no more often than they say, and decisions are
//! wrong no more often, on calm, heavy-tailed, skewed and drifting numbers.
//!
//! Each rate is counted in simulated sessions from fixed seeds. A bound is the stated rate plus three
//! standard errors of the count.

use pitstop_stats::{
    Decision, Rng, Sequential, Side, bootstrap_interval, decide, hodges_lehmann_interval, median,
    median_interval, shift_interval,
};
use proptest::prelude::*;

/// The noise of one number, around 0.
type Noise = fn(&mut Rng) -> f64;

fn calm(rng: &mut Rng) -> f64 {
    rng.normal()
}

/// Student's t with two degrees of freedom: no variance.
fn heavy(rng: &mut Rng) -> f64 {
    rng.normal() / ((rng.normal().powi(2) + rng.normal().powi(2)) / 2.0).sqrt()
}

/// A tenth of the numbers is ten times as far off.
fn contaminated(rng: &mut Rng) -> f64 {
    let wild = rng.uniform() < 0.1;
    rng.normal() * if wild { 10.0 } else { 1.0 }
}

/// Two levels, as of a lucky and an unlucky layout.
fn two_levels(rng: &mut Rng) -> f64 {
    let level = if rng.coin() { 3.0 } else { -3.0 };
    level + 0.1 * rng.normal()
}

/// Skewed to the right, as run times are; its median is 0.
fn skewed(rng: &mut Rng) -> f64 {
    rng.normal().exp() - 1.0
}

const SYMMETRIC: [(&str, Noise); 4] = [
    ("calm", calm),
    ("heavy", heavy),
    ("contaminated", contaminated),
    ("two levels", two_levels),
];

/// The share of `sessions` in which something happens, bounded by `stated` and the error of counting.
#[track_caller]
fn at_most(what: &str, stated: f64, sessions: u32, mut happens: impl FnMut(&mut Rng) -> bool) {
    let mut rng = Rng::new(2026);
    let count: u32 = (0..sessions).map(|_| u32::from(happens(&mut rng))).sum();
    let rate = f64::from(count) / f64::from(sessions);
    let error = (stated * (1.0 - stated) / f64::from(sessions)).sqrt();
    assert!(
        rate <= stated + 3.0 * error,
        "{what}: {rate} where {stated} is stated"
    );
}

/// A session of 60 pairs. What was ever decided or refused in it is so at its end: evidence counts
/// with the largest value that it ever had.
fn session(rng: &mut Rng, noise: Noise, truth: f64, scale: f64) -> Sequential {
    let mut sequence = Sequential::new(0.01);
    for _ in 0..60 {
        sequence.push(truth + scale * noise(rng));
    }
    sequence
}

/// Whether the interval of 95 % held the truth at every look.
fn held(sequence: &Sequential, truth: f64) -> bool {
    [Side::Above, Side::Below]
        .into_iter()
        .all(|side| sequence.evidence(side, truth) < 40.0)
}

#[test]
fn the_running_interval_holds_the_truth_at_every_look() {
    for (name, noise) in SYMMETRIC {
        for truth in [0.0, -0.07] {
            for scale in [0.0005, 0.006, 0.05] {
                let what = format!("{name} {truth} {scale}");
                at_most(&what, 0.05, 1000, |rng| {
                    !held(&session(rng, noise, truth, scale), truth)
                });
            }
        }
    }
}

#[test]
fn the_interval_is_what_the_evidence_does_not_refuse() {
    let mut rng = Rng::new(4);
    for _ in 0..50 {
        let sequence = session(&mut rng, calm, 0.003, 0.006);
        let interval = sequence.interval(0.05).expect("60 are enough");
        for at in -20..20 {
            let candidate = f64::from(at) * 0.0007 + 1e-6;
            assert_eq!(interval.contains(candidate), held(&sequence, candidate));
        }
        assert_eq!(decide(Some(interval), 0.01), sequence.decision(0.01, 0.05));
    }
}

#[test]
fn equal_sides_are_not_called_different_nor_different_ones_equivalent() {
    for (name, noise) in SYMMETRIC {
        for scale in [0.003, 0.006, 0.03] {
            let what = format!("{name} {scale}");
            at_most(&what, 0.05, 1000, |rng| {
                let decision = session(rng, noise, 0.0, scale).decision(0.01, 0.05);
                matches!(decision, Decision::Above | Decision::Below)
            });
            at_most(&what, 0.05, 1000, |rng| {
                let decision = session(rng, noise, 0.01, scale).decision(0.01, 0.05);
                decision == Decision::Equivalent
            });
        }
    }
}

#[test]
fn a_drift_that_meets_both_sides_of_a_pair_changes_nothing() {
    // What drifts is the machine: the differences' spread grows tenfold, their centre stays.
    at_most("growing spread", 0.05, 2000, |rng| {
        let mut sequence = Sequential::new(0.01);
        for pair in 0..60 {
            let scale = 0.002 * (1.0 + f64::from(pair) * 0.15);
            sequence.push(scale * rng.normal());
        }
        !held(&sequence, 0.0)
    });
}

#[test]
fn differences_that_matter_are_found_in_few_pairs() {
    for (truth, most_pairs) in [(0.01, 20), (0.02, 10), (0.05, 8)] {
        let mut rng = Rng::new(9);
        let mut pairs = Vec::new();
        for _ in 0..300 {
            let mut sequence = Sequential::new(0.01);
            let decision = loop {
                sequence.push(truth + 0.006 * rng.normal());
                let decision = sequence.decision(0.01, 0.05);
                if decision != Decision::Open || sequence.differences().len() == 60 {
                    break decision;
                }
            };
            if decision == Decision::Above {
                pairs.push(sequence.differences().len() as f64);
            }
        }
        assert!(pairs.len() >= 270, "{truth}: {} of 300 found", pairs.len());
        assert!(
            median(&pairs) <= f64::from(most_pairs),
            "{truth}: {}",
            median(&pairs)
        );
    }
}

#[test]
fn fixed_intervals_hold_the_truth_as_often_as_they_say() {
    for (name, noise) in SYMMETRIC {
        for count in [6, 10, 25] {
            let what = format!("{name} {count}");
            at_most(&what, 0.05, 1500, |rng| {
                let values: Vec<f64> = (0..count).map(|_| 5.0 + noise(rng)).collect();
                let interval = hodges_lehmann_interval(&values, 0.95);
                !interval.expect("six are enough").contains(5.0)
            });
            at_most(&what, 0.05, 1500, |rng| {
                let values: Vec<f64> = (0..count).map(|_| noise(rng)).collect();
                let others: Vec<f64> = (0..count).map(|_| 2.0 + noise(rng)).collect();
                let interval = shift_interval(&values, &others, 0.95);
                !interval.expect("six are enough").contains(2.0)
            });
        }
    }
}

#[test]
fn the_median_is_held_even_when_numbers_are_skewed_or_drift() {
    for (name, noise) in SYMMETRIC.into_iter().chain([("skewed", skewed as Noise)]) {
        for drift in [0.0, 0.2] {
            at_most(name, 0.05, 1500, |rng| {
                let values: Vec<f64> = (0..21)
                    .map(|at| drift * (f64::from(at) - 10.0) + noise(rng))
                    .collect();
                // The truth of a drift that is symmetric in time is its middle; skewed noise moves it.
                let truth = if drift > 0.0 && name == "skewed" {
                    0.35
                } else {
                    0.0
                };
                !median_interval(&values, 0.95)
                    .expect("21 are enough")
                    .contains(truth)
            });
        }
    }
}

#[test]
fn bootstrap_over_processes_is_near_its_statement() {
    // Percentile intervals are a little narrow for few things; 30 processes, 1 % more allowed.
    at_most("bootstrap", 0.06, 500, |rng| {
        let values: Vec<f64> = (0..30).map(|_| rng.normal()).collect();
        let mut draws = rng.fork();
        let interval = bootstrap_interval(30, 400, 0.95, &mut draws, |at| {
            at.iter().map(|&at| values[at]).sum::<f64>() / at.len() as f64
        });
        !interval.expect("30 are enough").contains(0.0)
    });
}

proptest! {
    #[test]
    fn swapping_the_sides_mirrors_everything(
        values in proptest::collection::vec(-0.3f64..0.3, 0..40),
    ) {
        let judged = |sign: f64| {
            let mut sequence = Sequential::new(0.01);
            values.iter().for_each(|value| sequence.push(sign * value));
            sequence.interval(0.05)
        };
        match (judged(1.0), judged(-1.0)) {
            (Some(one), Some(other)) => {
                prop_assert!((one.low + other.high).abs() < 1e-6);
                prop_assert!((one.high + other.low).abs() < 1e-6);
                prop_assert!(one.low <= one.high);
            }
            (one, other) => prop_assert_eq!(one, other),
        }
    }

    #[test]
    fn more_confidence_is_never_a_narrower_range(
        values in proptest::collection::vec(-1e3f64..1e3, 8..60),
    ) {
        for interval in [hodges_lehmann_interval, median_interval] {
            if let (Some(wide), Some(narrow)) = (interval(&values, 0.99), interval(&values, 0.9)) {
                prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
            }
        }
    }

    #[test]
    fn no_numbers_whatever_make_it_fail(
        values in proptest::collection::vec(proptest::num::f64::ANY, 0..40),
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::new(seed);
        let _ = pitstop_stats::summary(&values);
        let _ = pitstop_stats::hodges_lehmann(&values);
        let _ = pitstop_stats::signed_rank_test(&values);
        let _ = pitstop_stats::rank_sum_test(&values, &values);
        let _ = pitstop_stats::steadiness(&values);
        let _ = pitstop_stats::drift(&values);
        let _ = pitstop_stats::steps(&values, 3, 0.05, 9, &mut rng);
        let _ = pitstop_stats::reportable(&values, 0.05);
        let mut sequence = Sequential::new(0.01);
        values.iter().for_each(|value| sequence.push(*value));
        let _ = decide(sequence.interval(0.05), 0.01);
        let sizes: Vec<f64> = (1..=values.len()).map(|n| n as f64).collect();
        let _ = pitstop_stats::complexity(&sizes, &[values], &mut rng);
    }
}
