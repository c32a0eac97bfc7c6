//! Pairs: how far apart two sides are, by the signed ranks of Wilcoxon (1945).
//!
//! The estimate is that of Hodges and Lehmann (1963): the median of the means of all pairs of
//! differences, each with itself too. It is nearly as precise as the mean for calm numbers and is
//! not moved by a few wild ones. The interval belongs to the same test, so both always agree.
//! Assumes that differences are independent and symmetric around their centre, and nothing else.

use crate::special::{normal_cdf, normal_quantile};
use crate::summary::{Interval, percentile, sorted};

/// Up to this many differences the distribution is computed exactly, beyond it is normal.
const MOST_EXACT: usize = 200;

/// Beyond this many differences only this many, spread evenly, form the means: their number grows
/// with the square.
const MOST_VALUES: usize = 2_000;

/// The means of all pairs of values, each with itself too, in ascending order.
fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let step = values.len().div_ceil(MOST_VALUES).max(1);
    let values: Vec<f64> = values.iter().copied().step_by(step).collect();
    let mut means = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
    for (index, one) in values.iter().enumerate() {
        means.extend(values[index..].iter().map(|other| (one + other) / 2.0));
    }
    means.sort_by(f64::total_cmp);
    means
}

/// The centre of the values by Hodges and Lehmann; not a number for none.
pub fn hodges_lehmann(values: &[f64]) -> f64 {
    percentile(&walsh_averages(values), 0.5)
}

/// The range of the centre. `None` with too few values for that confidence; 95 % takes six.
pub fn hodges_lehmann_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    let means = walsh_averages(values);
    let n = values.len().min(means.len());
    let tail = (1.0 - confidence) / 2.0;
    let cut = if n <= MOST_EXACT {
        let mut below = 0.0;
        let distribution = rank_sums(n);
        let fits = distribution.iter().take_while(|probability| {
            below += *probability;
            below <= tail
        });
        fits.count().checked_sub(1)?
    } else {
        let count = means.len() as f64;
        let n = (((8.0 * count + 1.0).sqrt() - 1.0) / 2.0).round();
        let deviation = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
        let cut = n * (n + 1.0) / 4.0 + normal_quantile(tail) * deviation;
        cut.floor().max(0.0) as usize
    };
    Some(Interval {
        low: means[cut],
        high: means[means.len() - 1 - cut],
    })
}

/// The two-sided probability of ranks at least as uneven, if the centre were 0. Zeros are left out
/// and ties share their ranks; without either and with few values it is exact.
pub fn signed_rank_test(values: &[f64]) -> f64 {
    let values: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| *value != 0.0)
        .collect();
    let n = values.len();
    if n == 0 {
        return 1.0;
    }
    let distances: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    let (ranks, ties) = ranks(&distances);
    let positive: f64 = values
        .iter()
        .zip(&ranks)
        .filter(|(value, _)| **value > 0.0)
        .map(|(_, rank)| rank)
        .sum();
    let total = (n * (n + 1)) as f64 / 2.0;
    let smaller = positive.min(total - positive);
    if ties == 0.0 && n <= MOST_EXACT {
        let upto: f64 = rank_sums(n)[..=smaller as usize].iter().sum();
        return (2.0 * upto).min(1.0);
    }
    let count = n as f64;
    let variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - ties / 48.0;
    let z = (smaller - total / 2.0) / variance.sqrt();
    (2.0 * normal_cdf(z)).min(1.0)
}

/// The probability of each sum of signed ranks 1 to n under fair signs.
fn rank_sums(n: usize) -> Vec<f64> {
    let mut sums = vec![0.0; n * (n + 1) / 2 + 1];
    sums[0] = 1.0;
    let mut reach = 0;
    for rank in 1..=n {
        reach += rank;
        for sum in (0..=reach).rev() {
            let without = if sum + rank <= reach { sums[sum] } else { 0.0 };
            let with = if sum >= rank { sums[sum - rank] } else { 0.0 };
            sums[sum] = (without + with) / 2.0;
        }
    }
    sums
}

/// The rank of each value, from 1, mean ranks for ties; and the sum of t³-t over groups of t ties.
pub(crate) fn ranks(values: &[f64]) -> (Vec<f64>, f64) {
    let order = {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        order
    };
    let mut ranks = vec![0.0; values.len()];
    let mut ties = 0.0;
    let mut start = 0;
    while start < order.len() {
        let same = order[start..]
            .iter()
            .take_while(|&&index| values[index] == values[order[start]])
            .count()
            .max(1); // not a number is not even equal to itself
        let rank = start as f64 + (same as f64 + 1.0) / 2.0;
        for &index in &order[start..start + same] {
            ranks[index] = rank;
        }
        let t = same as f64;
        ties += t * t * t - t;
        start += same;
    }
    (ranks, ties)
}

/// The centre and its range in one go, for callers that show both.
pub fn centre(values: &[f64], confidence: f64) -> (f64, Option<Interval>) {
    (
        hodges_lehmann(values),
        hodges_lehmann_interval(values, confidence),
    )
}

/// The means of all differences between two lists, ascending: shared with the rank sum.
pub(crate) fn differences(from: &[f64], to: &[f64]) -> Vec<f64> {
    let thin = |values: &[f64]| {
        let step = values.len().div_ceil(MOST_VALUES).max(1);
        values.iter().copied().step_by(step).collect::<Vec<f64>>()
    };
    let (from, to) = (thin(from), thin(to));
    let mut all = Vec::with_capacity(from.len() * to.len());
    for one in &from {
        all.extend(to.iter().map(|other| other - one));
    }
    sorted(&all)
}
