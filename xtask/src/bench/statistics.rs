//! The few statistics the figures need.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// A median, and the interval that holds the true one in 95 of 100 cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Median {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The median with its interval by the sign test, which assumes nothing but independence. With
/// fewer than six values no such interval exists; the extremes stand for it.
pub(super) fn median(values: &[f64]) -> Option<Median> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let middle = *sorted.get(count / 2)?;
    let value = if count.is_multiple_of(2) {
        (middle + sorted[count / 2 - 1]) / 2.0
    } else {
        middle
    };
    let rank = sign_test_rank(count);
    Some(Median {
        value,
        low: sorted[rank],
        high: sorted[count - 1 - rank],
    })
}

/// How many values may be cut off at each end: the largest k with P(B(n, 1/2) <= k) <= 2.5 %.
fn sign_test_rank(count: usize) -> usize {
    let mut probability = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut below = 0.0;
    for k in 0..count / 2 {
        below += probability;
        if below > 0.025 {
            return k.saturating_sub(1);
        }
        probability *= (count - k) as f64 / (k + 1) as f64;
    }
    (count / 2).saturating_sub(1)
}

/// Half the sum of absolute differences of two distributions, after scaling each to 1.
pub(super) fn total_variation<K: Ord>(one: &BTreeMap<K, f64>, other: &BTreeMap<K, f64>) -> f64 {
    let (sum_one, sum_other) = (one.values().sum::<f64>(), other.values().sum::<f64>());
    let share =
        |of: &BTreeMap<K, f64>, key: &K, sum: f64| of.get(key).copied().unwrap_or(0.0) / sum;
    let keys = one
        .keys()
        .chain(other.keys().filter(|key| !one.contains_key(key)));
    keys.map(|key| (share(one, key, sum_one) - share(other, key, sum_other)).abs())
        .sum::<f64>()
        / 2.0
}

/// What [`total_variation`] is expected to be between two sets of independent samples of the same
/// distribution, by the normal approximation of the multinomial.
pub(super) fn expected_variation<K: Ord>(
    shares: &BTreeMap<K, f64>,
    one_count: f64,
    other_count: f64,
) -> f64 {
    let sum: f64 = shares.values().sum();
    let spread: f64 = shares
        .values()
        .map(|value| value / sum)
        .map(|p| (p * (1.0 - p) * (1.0 / one_count + 1.0 / other_count)).sqrt())
        .sum();
    // E|X| of a normal variable is sqrt(2 / pi) of its deviation.
    spread / 2.0 * (2.0 / std::f64::consts::PI).sqrt()
}

/// Numbers to decide who goes first (SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(since.map_or(1, |since| since.as_nanos() as u64))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.roll() >> 63 == 1
    }

    /// Puts items into a random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, (self.roll() % (last as u64 + 1)) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_has_the_interval_of_the_sign_test() {
        // Tables of the sign test: 15 values, from the 4th to the 12th; 6 values, all of them.
        let values: Vec<f64> = (1..=15).rev().map(f64::from).collect();
        let expected = Median {
            value: 8.0,
            low: 4.0,
            high: 12.0,
        };
        assert_eq!(median(&values), Some(expected));
        let expected = Median {
            value: 3.5,
            low: 1.0,
            high: 6.0,
        };
        assert_eq!(median(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Some(expected));
        let expected = Median {
            value: 2.0,
            low: 2.0,
            high: 2.0,
        };
        assert_eq!(median(&[2.0]), Some(expected));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn variation_is_zero_of_equals_and_one_of_strangers() {
        let one = BTreeMap::from([("a", 1.0), ("b", 3.0)]);
        let twice = BTreeMap::from([("a", 2.0), ("b", 6.0)]);
        let other = BTreeMap::from([("c", 5.0)]);
        let half = BTreeMap::from([("a", 1.0), ("b", 1.0)]);
        assert_eq!(total_variation(&one, &twice), 0.0);
        assert_eq!(total_variation(&one, &other), 1.0);
        assert_eq!(total_variation(&one, &half), 0.25);
    }

    #[test]
    fn expected_variation_is_that_of_thrown_dice() {
        let mut dice = Dice(7);
        let fair = BTreeMap::from([(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]);
        let mut throw = || {
            let mut counts = BTreeMap::new();
            for _ in 0..1000 {
                *counts.entry((dice.roll() % 4) as i32).or_insert(0.0) += 1.0;
            }
            counts
        };
        let seen: f64 = (0..200)
            .map(|_| total_variation(&throw(), &throw()))
            .sum::<f64>()
            / 200.0;
        let expected = expected_variation(&fair, 1000.0, 1000.0);
        assert!((seen / expected - 1.0).abs() < 0.15, "{seen} {expected}");
    }
}
