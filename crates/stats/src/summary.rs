//! What a list of numbers is like: middle, spread, percentiles.
//!
//! Percentiles interpolate between the two neighbours in rank (type 7 of Hyndman and Fan 1996, the
//! default of NumPy and of spreadsheets): with n values the p-th lies at rank `1 + p·(n-1)`.

use crate::special::{beta_cdf, fair_tosses_cdf};

/// A list of numbers in short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many.
    pub count: usize,
    /// The smallest.
    pub min: f64,
    /// The middle one.
    pub median: f64,
    /// Their mean.
    pub mean: f64,
    /// The standard deviation, with n-1; 0 for a single value.
    pub deviation: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// A list of numbers in short; `None` for an empty one.
pub fn summary(values: &[f64]) -> Option<Summary> {
    let sorted = sorted(values);
    let (&min, &max) = (sorted.first()?, sorted.last()?);
    let count = sorted.len();
    let mean = mean(&sorted);
    let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
    Some(Summary {
        count,
        min,
        median: percentile(&sorted, 0.5),
        mean,
        deviation: (squares / count.saturating_sub(1).max(1) as f64).sqrt(),
        p95: percentile(&sorted, 0.95),
        p99: percentile(&sorted, 0.99),
        max,
    })
}

/// The numbers in ascending order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The mean; not a number for an empty list. Summed around the first value, which keeps digits.
pub fn mean(values: &[f64]) -> f64 {
    let around = values.first().copied().unwrap_or(0.0);
    let sum: f64 = values.iter().map(|value| value - around).sum();
    around + sum / values.len() as f64
}

/// The `p`-th percentile (`p` from 0 to 1) of ascending numbers; not a number for an empty list.
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let rank = p.clamp(0.0, 1.0) * last as f64;
    let below = (rank.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (rank - below as f64)
}

/// The median of numbers in any order; not a number for an empty list.
pub fn median(values: &[f64]) -> f64 {
    percentile(&sorted(values), 0.5)
}

/// The spread of the bulk: 1.4826 times the median distance from the median, which for normal
/// numbers is their standard deviation and which outliers do not move.
pub fn robust_deviation(values: &[f64]) -> f64 {
    let middle = median(values);
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    1.482_602_218_505_602 * median(&distances)
}

/// The `p`-th percentile by Harrell and Davis (1982): a weighted mean of all ranks. Smoother than
/// [`percentile`], hence better where percentiles of two lists are compared.
pub fn harrell_davis(sorted: &[f64], p: f64) -> f64 {
    let n = sorted.len();
    if n == 0 {
        return f64::NAN;
    }
    let p = p.clamp(0.0, 1.0);
    if p == 0.0 || p == 1.0 || n == 1 {
        return percentile(sorted, p);
    }
    let (a, b) = ((n as f64 + 1.0) * p, (n as f64 + 1.0) * (1.0 - p));
    let mut below = 0.0;
    let mut sum = 0.0;
    for (index, value) in sorted.iter().enumerate() {
        let upto = beta_cdf(a, b, (index + 1) as f64 / n as f64);
        sum += (upto - below) * value;
        below = upto;
    }
    sum
}

/// A range that an unknown number lies in, with a stated confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the number is in it.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half its width.
    pub fn margin(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The range of the true median, by the sign test: assumes independence and nothing else, and
/// holds for numbers that drift as well, then for their average median. `None` with too few
/// numbers for that confidence; 95 % takes six.
pub fn median_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    let n = values.len() as u64;
    let tail = (1.0 - confidence) / 2.0;
    // The largest number of values that may be cut off at either end.
    let cut = (0..n / 2)
        .take_while(|&k| fair_tosses_cdf(k, n) <= tail)
        .last()?;
    let sorted = sorted(values);
    Some(Interval {
        low: sorted[cut as usize],
        high: sorted[(n - 1 - cut) as usize],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_numbers_have_a_summary_and_none_has_none() {
        assert_eq!(summary(&[]), None);
        let one = summary(&[2.0]).expect("there is one");
        assert_eq!(
            (one.min, one.median, one.p99, one.deviation),
            (2.0, 2.0, 2.0, 0.0)
        );
        let three = summary(&[3.0, 1.0, 2.0]).expect("there are three");
        assert_eq!((three.min, three.mean, three.max), (1.0, 2.0, 3.0));
        assert!((three.p95 - 2.9).abs() < 1e-12);
        assert!((three.deviation - 1.0).abs() < 1e-12);
    }

    #[test]
    fn outliers_do_not_move_the_robust_deviation() {
        let calm = [1.0, 2.0, 3.0, 4.0, 5.0];
        let wild = [1.0, 2.0, 3.0, 4.0, 5e9];
        assert_eq!(robust_deviation(&calm), robust_deviation(&wild));
    }

    #[test]
    fn the_median_of_five_has_no_interval_and_that_of_six_its_range() {
        let values = [5.0, 3.0, 1.0, 2.0, 4.0, 6.0];
        assert_eq!(median_interval(&values[..5], 0.95), None);
        let range = Interval {
            low: 1.0,
            high: 6.0,
        };
        assert_eq!(median_interval(&values, 0.95), Some(range));
    }
}
