//! Ranges for whatever can be computed from processes, by drawing processes again (Efron 1979).
//!
//! What is drawn is whole processes, never single batches or rounds: those of one process resemble
//! each other, and a range from them would be several times too narrow.

use crate::rng::Rng;
use crate::summary::{Interval, harrell_davis, percentile, sorted};

/// The range of a statistic of `count` things, from `resamples` draws with replacement. `statistic`
/// gets the positions drawn. Percentile method; `None` for fewer than two things or draws.
pub fn bootstrap_interval(
    count: usize,
    resamples: usize,
    confidence: f64,
    rng: &mut Rng,
    mut statistic: impl FnMut(&[usize]) -> f64,
) -> Option<Interval> {
    if count < 2 || resamples < 2 {
        return None;
    }
    let mut positions = vec![0; count];
    let mut draws: Vec<f64> = (0..resamples)
        .map(|_| {
            positions.fill_with(|| rng.index(count));
            statistic(&positions)
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Some(Interval {
        low: percentile(&draws, tail),
        high: percentile(&draws, 1.0 - tail),
    })
}

/// How one percentile moved from one side to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The percentile, 0 to 1.
    pub percentile: f64,
    /// The logarithm of the ratio, the second side over the first.
    pub estimate: f64,
    /// The range it lies in.
    pub interval: Option<Interval>,
}

/// A process pair: the values of either side.
pub type ValuePair = (Vec<f64>, Vec<f64>);

/// How the percentiles of all values moved between two sides (the shift function of Doksum 1974 on
/// Harrell-Davis percentiles). Values are positive. A change of the tail alone is seen here and not in the median.
pub fn shifts(
    pairs: &[ValuePair],
    percentiles: &[f64],
    resamples: usize,
    confidence: f64,
    rng: &mut Rng,
) -> Vec<Shift> {
    let pooled = |positions: &[usize]| {
        let side = |pick: fn(&ValuePair) -> &Vec<f64>| {
            let values = positions.iter().flat_map(|&at| pick(&pairs[at]));
            sorted(&values.copied().collect::<Vec<f64>>())
        };
        (side(|pair| &pair.0), side(|pair| &pair.1))
    };
    let all: Vec<usize> = (0..pairs.len()).collect();
    let (first, second) = pooled(&all);
    if first.is_empty() || second.is_empty() {
        return Vec::new();
    }
    percentiles
        .iter()
        .map(|&p| {
            let ratio = |first: &[f64], second: &[f64]| {
                (harrell_davis(second, p) / harrell_davis(first, p)).ln()
            };
            // The weighted mean of all ranks is slow; its middle is what the resamples need.
            let quick = |positions: &[usize]| {
                let (first, second) = pooled(positions);
                (percentile(&second, p) / percentile(&first, p)).ln()
            };
            Shift {
                percentile: p,
                estimate: ratio(&first, &second),
                interval: bootstrap_interval(pairs.len(), resamples, confidence, rng, quick),
            }
        })
        .collect()
}
