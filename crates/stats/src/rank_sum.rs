//! Two lists without pairs: how far apart they are, by the rank sum of Mann and Whitney (1947).
//!
//! For results that were not measured in pairs, as most files of other tools. Assumes that all
//! numbers are independent, which for timings means one number a process.

use crate::signed_rank::{differences, ranks};
use crate::special::{normal_cdf, normal_quantile};
use crate::summary::{Interval, percentile};

/// Up to this product of lengths the distribution is computed exactly, beyond it is normal.
const MOST_EXACT: usize = 3_600;

/// How far `to` lies above `from` by Hodges and Lehmann: the median of all differences.
pub fn shift_estimate(from: &[f64], to: &[f64]) -> f64 {
    percentile(&differences(from, to), 0.5)
}

/// The range of that shift. `None` with too few numbers for that confidence; 95 % takes four on
/// each side.
pub fn shift_interval(from: &[f64], to: &[f64], confidence: f64) -> Option<Interval> {
    let all = differences(from, to);
    if all.is_empty() {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    let (n, m) = (from.len(), to.len());
    let cut = if n * m <= MOST_EXACT {
        let mut below = 0.0;
        let fits = counts(n, m);
        let fits = fits.iter().take_while(|probability| {
            below += *probability;
            below <= tail
        });
        fits.count().checked_sub(1)?
    } else {
        // Of what was thinned out, the share of differences to cut stays the same.
        let (n, m) = (n as f64, m as f64);
        let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
        let share = (n * m / 2.0 + normal_quantile(tail) * deviation) / (n * m);
        (share * all.len() as f64).floor().max(0.0) as usize
    };
    Some(Interval {
        low: all[cut],
        high: all[all.len() - 1 - cut],
    })
}

/// The two-sided probability of an order at least as uneven if both lists came from one source.
/// Exact for short lists without ties, else normal with correction for ties and continuity.
pub fn rank_sum_test(from: &[f64], to: &[f64]) -> f64 {
    let (n, m) = (from.len(), to.len());
    if n == 0 || m == 0 {
        return 1.0;
    }
    let all: Vec<f64> = from.iter().chain(to).copied().collect();
    let (ranks, ties) = ranks(&all);
    let sum: f64 = ranks[..n].iter().sum();
    let u = sum - (n * (n + 1)) as f64 / 2.0;
    let product = (n * m) as f64;
    let smaller = u.min(product - u);
    if ties == 0.0 && n * m <= MOST_EXACT {
        let upto: f64 = counts(n, m)[..=smaller as usize].iter().sum();
        return (2.0 * upto).min(1.0);
    }
    let total = (n + m) as f64;
    let variance = product / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (smaller - product / 2.0 + 0.5) / variance.sqrt();
    (2.0 * normal_cdf(z)).min(1.0)
}

/// The smallest two-sided probability that lists of these lengths can give: with less than that
/// nothing can be called significant, whatever the numbers.
pub fn least_probability(n: usize, m: usize) -> f64 {
    let mut least = 2.0;
    for k in 1..=n {
        least *= k as f64 / (m + k) as f64;
    }
    least.min(1.0)
}

/// The probability of each value of U for lists of n and m: the counts of partitions, built up one
/// element at a time (the generating function is a Gaussian binomial coefficient).
fn counts(n: usize, m: usize) -> Vec<f64> {
    let (n, m) = (n.min(m), n.max(m));
    let size = n * m + 1;
    let mut ways = vec![0.0; size];
    ways[0] = 1.0;
    for k in 1..=n {
        // Times (1 - x^(m+k)), then divided by (1 - x^k).
        for sum in (m + k..size).rev() {
            ways[sum] -= ways[sum - m - k];
        }
        for sum in k..size {
            ways[sum] += ways[sum - k];
        }
    }
    let total: f64 = ways.iter().sum();
    ways.iter().map(|count| count.max(0.0) / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_against_three_can_never_be_significant() {
        let (low, high) = ([1.0, 2.0, 3.0], [10.0, 11.0, 12.0]);
        assert!((rank_sum_test(&low, &high) - 0.1).abs() < 1e-12);
        assert!((least_probability(3, 3) - 0.1).abs() < 1e-12);
        assert_eq!(shift_interval(&low, &high, 0.95), None);
        assert_eq!(shift_estimate(&low, &high), 9.0);
    }

    #[test]
    fn nothing_is_no_evidence() {
        assert_eq!(rank_sum_test(&[], &[1.0]), 1.0);
        assert_eq!(shift_interval(&[], &[1.0], 0.95), None);
        assert_eq!(rank_sum_test(&[1.0; 80], &[1.0; 80]), 1.0);
    }
}
