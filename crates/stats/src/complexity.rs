//! How a cost grows with the size of its input: the class that predicts larger sizes best.
//!
//! A class is a fit `cost = a + b·f(n)` with neither `a` nor `b` negative and with errors taken
//! relative to the cost, since a large cost has large errors. The class is not chosen by how well it
//! describes the sizes that were measured, which flatters whatever bends most, but by how well a
//! fit to the lower sizes *predicts* the upper ones. Ties go to the fit with the better corrected
//! information criterion (Hurvich and Tsai 1989). How sure that is comes from choosing again with
//! processes drawn anew.
//!
//! Beside the class stands the local exponent, the slope of log cost over log size at the upper
//! end: it is true of what was measured even where the class is not the whole truth.

use crate::rng::Rng;
use crate::signed_rank;
use crate::special::ln_gamma;
use crate::summary::{Interval, mean, median, percentile, sorted};

/// A class of growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Growth {
    /// O(1)
    Constant,
    /// O(log n)
    Logarithmic,
    /// O(√n)
    Root,
    /// O(n)
    Linear,
    /// O(n log n)
    Linearithmic,
    /// O(n√n)
    ThreeHalves,
    /// O(n²)
    Quadratic,
    /// O(n² log n)
    QuadraticLog,
    /// O(n³)
    Cubic,
    /// O(2ⁿ), or any other base.
    Exponential,
    /// O(n!)
    Factorial,
}

impl Growth {
    /// Every class, from the slowest growth to the fastest.
    pub const ALL: [Self; 11] = [
        Self::Constant,
        Self::Logarithmic,
        Self::Root,
        Self::Linear,
        Self::Linearithmic,
        Self::ThreeHalves,
        Self::Quadratic,
        Self::QuadraticLog,
        Self::Cubic,
        Self::Exponential,
        Self::Factorial,
    ];

    /// Its name as it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Constant => "O(1)",
            Self::Logarithmic => "O(log n)",
            Self::Root => "O(√n)",
            Self::Linear => "O(n)",
            Self::Linearithmic => "O(n log n)",
            Self::ThreeHalves => "O(n√n)",
            Self::Quadratic => "O(n²)",
            Self::QuadraticLog => "O(n² log n)",
            Self::Cubic => "O(n³)",
            Self::Exponential => "O(2ⁿ)",
            Self::Factorial => "O(n!)",
        }
    }

    /// The slope of its logarithm over the logarithm of the size, between two sizes: 1 of O(n), a
    /// little more of O(n log n). Of exponentials that of base 2.
    pub fn exponent(self, from: f64, to: f64) -> f64 {
        (self.ln(to, 2.0) - self.ln(from, 2.0)) / (to / from).ln()
    }

    /// The logarithm of `f(n)`. Of exponentials the base is another unknown, see [`fit`].
    fn ln(self, n: f64, base: f64) -> f64 {
        let n = n.max(1.0);
        // log2(n + 1): 0 at 0, and not 0 at 1.
        let log = (n + 1.0).log2().ln();
        match self {
            Self::Constant => 0.0,
            Self::Logarithmic => log,
            Self::Root => 0.5 * n.ln(),
            Self::Linear => n.ln(),
            Self::Linearithmic => n.ln() + log,
            Self::ThreeHalves => 1.5 * n.ln(),
            Self::Quadratic => 2.0 * n.ln(),
            Self::QuadraticLog => 2.0 * n.ln() + log,
            Self::Cubic => 3.0 * n.ln(),
            Self::Exponential => n * base.ln(),
            Self::Factorial => ln_gamma(n + 1.0),
        }
    }
}

/// The bases that an exponential is tried with: the golden ratio is that of naive Fibonacci.
const BASES: [f64; 8] = [1.2, 1.325, 1.466, 1.618, 1.839, 2.0, 2.5, 3.0];

/// A fitted class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The class.
    pub growth: Growth,
    /// What is spent whatever the size.
    pub fixed: f64,
    /// The logarithm of the factor of `f(n)`; minus infinity for none.
    ln_factor: f64,
    /// The base of an exponential.
    pub base: f64,
    /// How far predictions of the upper sizes from the lower ones were off, as a logarithm.
    pub prediction_error: f64,
    criterion: f64,
}

impl Fit {
    /// The cost at a size.
    pub fn predict(&self, n: f64) -> f64 {
        self.fixed + (self.ln_factor + self.growth.ln(n, self.base)).exp()
    }
}

/// What is known of a growth.
#[derive(Clone, Debug, PartialEq)]
pub struct Complexity {
    /// The class that predicts best.
    pub best: Fit,
    /// Each class that was chosen in at least one of a hundred draws, with its share, best first.
    pub support: Vec<(Growth, f64)>,
    /// The slope of log cost over log size in the upper half of the sizes.
    pub exponent: f64,
    /// The range it lies in, at 95 %.
    pub exponent_interval: Option<Interval>,
    /// The slope still rises at the upper end beyond what the class explains: larger sizes may
    /// show another class.
    pub rising: bool,
}

/// The fewest sizes that a class is named for.
pub const LEAST_SIZES: usize = 6;

/// Predictions that are off by no more than this beyond the best are as good.
const TIE: f64 = 0.01;

/// The slope up to which a cost is called constant.
const FLAT: f64 = 0.05;

/// Finds the class. `sizes` ascend; `costs` has one row a process with one positive cost for each
/// size. `None` with fewer than [`LEAST_SIZES`] sizes or no process.
pub fn complexity(sizes: &[f64], costs: &[Vec<f64>], rng: &mut Rng) -> Option<Complexity> {
    let usable = |row: &&Vec<f64>| {
        row.len() == sizes.len() && row.iter().all(|cost| cost.is_finite() && *cost > 0.0)
    };
    let rows: Vec<&Vec<f64>> = costs.iter().filter(usable).collect();
    if sizes.len() < LEAST_SIZES || rows.is_empty() {
        return None;
    }
    let medians = |positions: &mut dyn Iterator<Item = usize>| -> Vec<f64> {
        let chosen: Vec<usize> = positions.collect();
        (0..sizes.len())
            .map(|size| {
                median(
                    &chosen
                        .iter()
                        .map(|&at| rows[at][size])
                        .collect::<Vec<f64>>(),
                )
            })
            .collect()
    };
    let all = medians(&mut (0..rows.len()));
    let best = choose(sizes, &all)?;
    let exponent = upper_slope(sizes, &all);

    let draws = 100;
    let mut counts = [0u32; Growth::ALL.len()];
    let mut slopes = Vec::with_capacity(draws);
    for _ in 0..draws {
        let drawn = medians(&mut (0..rows.len()).map(|_| rng.index(rows.len())));
        if let Some(fit) = choose(sizes, &drawn) {
            counts[fit.growth as usize] += 1;
        }
        slopes.push(upper_slope(sizes, &drawn));
    }
    let slopes = sorted(&slopes);
    let interval = Interval {
        low: percentile(&slopes, 0.025),
        high: percentile(&slopes, 0.975),
    };
    let total: u32 = counts.iter().sum();
    let mut support: Vec<(Growth, f64)> = Growth::ALL
        .into_iter()
        .filter(|growth| counts[*growth as usize] > 0)
        .map(|growth| {
            (
                growth,
                f64::from(counts[growth as usize]) / f64::from(total),
            )
        })
        .collect();
    support.sort_by(|a, b| b.1.total_cmp(&a.1));
    Some(Complexity {
        rising: is_rising(sizes, &all, &best),
        best,
        support,
        exponent,
        exponent_interval: (rows.len() >= 3).then_some(interval),
    })
}

/// The sizes that [`exact_growth`] looks at.
const EXACT_SIZES: usize = 6;

/// The class of counts without any noise: the one whose increments from size to size have the same
/// proportion to the counted ones at the largest sizes. What is counted whatever the size cancels
/// out, and so do cases that only small sizes have. `None` with fewer than [`LEAST_SIZES`] sizes.
pub fn exact_growth(sizes: &[f64], counts: &[f64]) -> Option<Growth> {
    if sizes.len() < LEAST_SIZES || sizes.len() != counts.len() {
        return None;
    }
    let first = sizes.len() - EXACT_SIZES;
    let (sizes, counts) = (&sizes[first..], &counts[first..]);
    let increments: Vec<f64> = counts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let grown = counts[EXACT_SIZES - 1] - counts[0];
    if grown <= counts[0].abs() * 0.02 {
        return Some(Growth::Constant);
    }
    let scatter = |growth: Growth, base: f64| {
        let off: Vec<f64> = sizes
            .windows(2)
            .zip(&increments)
            .map(|(pair, counted)| {
                let (low, high) = (growth.ln(pair[0], base), growth.ln(pair[1], base));
                let expected = high + (-(low - high).exp()).ln_1p();
                counted.max(0.5).ln() - expected
            })
            .collect();
        let middle = mean(&off);
        off.iter().map(|off| (off - middle).powi(2)).sum::<f64>()
    };
    let candidates = Growth::ALL.into_iter().skip(1).flat_map(|growth| {
        let bases: &[f64] = match growth {
            Growth::Exponential => &BASES,
            _ => &[1.0],
        };
        bases
            .iter()
            .map(move |base| (growth, scatter(growth, *base)))
    });
    let best = candidates.min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(growth, _)| growth)
}

/// The class that predicts the upper sizes best.
fn choose(sizes: &[f64], costs: &[f64]) -> Option<Fit> {
    if is_constant(sizes, costs) {
        return fit(Growth::Constant, 1.0, sizes, costs);
    }
    let candidates = Growth::ALL.into_iter().flat_map(|growth| {
        let bases: &[f64] = match growth {
            Growth::Exponential => &BASES,
            _ => &[1.0],
        };
        bases.iter().map(move |base| (growth, *base))
    });
    let fits: Vec<Fit> = candidates
        .filter_map(|(growth, base)| fit(growth, base, sizes, costs))
        .collect();
    let least = fits
        .iter()
        .map(|fit| fit.prediction_error)
        .fold(f64::INFINITY, f64::min);
    let as_good = fits
        .into_iter()
        .filter(|fit| fit.prediction_error <= least * 1.25 + TIE);
    as_good.min_by(|a, b| a.criterion.total_cmp(&b.criterion))
}

/// Whether what grows is next to nothing: a flat slope, and no end that lies above the rest.
fn is_constant(sizes: &[f64], costs: &[f64]) -> bool {
    let third = costs.len() / 3;
    let (start, end) = (
        median(&costs[..third]),
        median(&costs[costs.len() - third..]),
    );
    let slope = signed_rank::hodges_lehmann(&slopes(sizes, costs));
    slope.abs() < FLAT && end < start * 1.3
}

/// Slopes of log cost over log size between sizes at least a third of the list apart.
fn slopes(sizes: &[f64], costs: &[f64]) -> Vec<f64> {
    let apart = (sizes.len() / 3).max(1);
    (apart..sizes.len())
        .map(|to| {
            let from = to - apart;
            (costs[to] / costs[from]).ln() / (sizes[to] / sizes[from].max(1.0)).ln()
        })
        .filter(|slope| slope.is_finite())
        .collect()
}

/// Fits one class to the lower sizes for its prediction error, then to all of them.
fn fit(growth: Growth, base: f64, sizes: &[f64], costs: &[f64]) -> Option<Fit> {
    let n = sizes.len();
    // At least two sizes are predicted, and at least four are fitted.
    let lower = (n * 7 / 10).clamp(4, n - 2);
    let partial = solve(growth, base, &sizes[..lower], &costs[..lower])?;
    let off = |fit: &Fit, at: usize| (fit.predict(sizes[at]) / costs[at]).ln();
    let upper: Vec<f64> = (lower..n).map(|at| off(&partial, at).powi(2)).collect();
    let prediction_error = (upper.iter().sum::<f64>() / upper.len() as f64).sqrt();
    let whole = solve(growth, base, sizes, costs)?;
    let squares: f64 = (0..n).map(|at| off(&whole, at).powi(2)).sum();
    let parameters = match growth {
        Growth::Constant => 1.0,
        Growth::Exponential => 3.0,
        _ => 2.0,
    };
    let count = n as f64;
    let correction = 2.0 * parameters * (parameters + 1.0) / (count - parameters - 1.0).max(1.0);
    let criterion = count * (squares / count + 1e-6).ln() + 2.0 * parameters + correction;
    let finite = prediction_error.is_finite() && criterion.is_finite();
    finite.then_some(Fit {
        prediction_error,
        criterion,
        ..whole
    })
}

/// The non-negative `a` and `b` with the least squared relative error. Larger sizes weigh more:
/// at the small ones costs that soon stop mattering are still seen.
fn solve(growth: Growth, base: f64, sizes: &[f64], costs: &[f64]) -> Option<Fit> {
    let top = growth.ln(*sizes.last()?, base);
    let (mut w, mut wx, mut wxx, mut wt, mut wxt) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (at, (size, cost)) in sizes.iter().zip(costs).enumerate() {
        let x = (growth.ln(*size, base) - top).exp();
        let rank = (at + 1) as f64 / sizes.len() as f64;
        let weight = rank * rank / (cost * cost);
        w += weight;
        wx += weight * x;
        wxx += weight * x * x;
        wt += weight * cost;
        wxt += weight * x * cost;
    }
    let determinant = w * wxx - wx * wx;
    let both = (
        (wt * wxx - wxt * wx) / determinant,
        (wxt * w - wt * wx) / determinant,
    );
    let (fixed, factor) = if growth == Growth::Constant {
        (wt / w, 0.0)
    } else if determinant > w * wxx * 1e-12 && both.0 >= 0.0 && both.1 >= 0.0 {
        both
    } else if both.1 < 0.0 {
        (wt / w, 0.0)
    } else {
        (0.0, wxt / wxx)
    };
    Some(Fit {
        growth,
        fixed,
        ln_factor: factor.ln() - top,
        base,
        prediction_error: 0.0,
        criterion: 0.0,
    })
}

/// The slope of log cost over log size in the upper half of the sizes, by least squares.
fn upper_slope(sizes: &[f64], costs: &[f64]) -> f64 {
    slope(&sizes[sizes.len() / 2..], &costs[sizes.len() / 2..])
}

fn slope(sizes: &[f64], costs: &[f64]) -> f64 {
    let n = sizes.len() as f64;
    let x: Vec<f64> = sizes.iter().map(|size| size.max(1.0).ln()).collect();
    let y: Vec<f64> = costs.iter().map(|cost| cost.ln()).collect();
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let both: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    let own: f64 = x.iter().map(|x| (x - mx).powi(2)).sum();
    both / own
}

/// Whether the slope at the very top exceeds what the fitted class has there.
fn is_rising(sizes: &[f64], costs: &[f64], best: &Fit) -> bool {
    let n = sizes.len();
    let top = n - (n / 4).max(3);
    let middle = top.saturating_sub(n - top);
    let fitted: Vec<f64> = sizes.iter().map(|size| best.predict(*size)).collect();
    let at =
        |costs: &[f64], range: std::ops::Range<usize>| slope(&sizes[range.clone()], &costs[range]);
    let gained = at(costs, top..n) - at(costs, middle..top);
    let explained = at(&fitted, top..n) - at(&fitted, middle..top);
    gained > explained + 0.15 && at(costs, top..n) > at(&fitted, top..n) + 0.1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Costs of five processes: a class with a fixed part and 2 % of noise.
    fn made(growth: Growth, base: f64, sizes: &[f64], rng: &mut Rng) -> Vec<Vec<f64>> {
        let top = growth.ln(sizes[sizes.len() - 1], base);
        (0..5)
            .map(|_| {
                let cost = |n: &f64| 0.001 + (growth.ln(*n, base) - top).exp();
                sizes
                    .iter()
                    .map(|n| cost(n) * (1.0 + 0.02 * rng.normal()))
                    .collect()
            })
            .collect()
    }

    fn geometric(from: f64, to: f64, count: usize) -> Vec<f64> {
        let step = (to / from).powf(1.0 / (count - 1) as f64);
        let size = |at: usize| (from * step.powi(at as i32)).round();
        (0..count).map(size).collect()
    }

    #[test]
    fn classes_far_apart_are_always_told_apart() {
        let mut rng = Rng::new(11);
        let wide = geometric(16.0, 200_000.0, 14);
        let narrow: Vec<f64> = (4..18).map(f64::from).collect();
        let middle = geometric(8.0, 2_000.0, 12);
        for (growth, base, sizes) in [
            (Growth::Constant, 1.0, &wide),
            (Growth::Logarithmic, 1.0, &wide),
            (Growth::Root, 1.0, &wide),
            (Growth::Linear, 1.0, &wide),
            (Growth::ThreeHalves, 1.0, &wide),
            (Growth::Quadratic, 1.0, &middle),
            (Growth::Cubic, 1.0, &middle),
            (Growth::Exponential, 2.0, &narrow),
            (Growth::Exponential, 1.618, &narrow),
            (Growth::Factorial, 1.0, &narrow),
        ] {
            let right = (0..20).filter(|_| {
                let costs = made(growth, base, sizes, &mut rng);
                let found = complexity(sizes, &costs, &mut rng).expect("there is enough");
                found.best.growth == growth
            });
            let right = right.count();
            assert!(right >= 18, "{growth:?} {base}: {right} of 20");
        }
    }

    #[test]
    fn a_logarithm_more_or_less_is_mostly_told_apart() {
        let mut rng = Rng::new(12);
        let wide = geometric(16.0, 1_000_000.0, 16);
        for growth in [Growth::Linear, Growth::Linearithmic] {
            let right = (0..40).filter(|_| {
                let costs = made(growth, 1.0, &wide, &mut rng);
                complexity(&wide, &costs, &mut rng).is_some_and(|found| found.best.growth == growth)
            });
            let right = right.count();
            assert!(right >= 32, "{growth:?}: {right} of 40");
        }
    }

    #[test]
    fn the_exponent_is_that_of_what_was_measured() {
        let mut rng = Rng::new(13);
        let sizes = geometric(10.0, 10_000.0, 12);
        let costs = made(Growth::Quadratic, 1.0, &sizes, &mut rng);
        let found = complexity(&sizes, &costs, &mut rng).expect("there is enough");
        let interval = found.exponent_interval.expect("there are five processes");
        // The fixed part is a thousandth of the top: at the middle it is still half of the cost.
        assert!((1.8..2.05).contains(&found.exponent), "{found:?}");
        assert!(interval.low <= found.exponent && found.exponent <= interval.high);
        assert!(!found.rising);
        assert!((found.best.predict(20_000.0) / found.best.predict(10_000.0) - 4.0).abs() < 0.2);
    }

    #[test]
    fn a_slope_that_still_rises_is_said() {
        let mut rng = Rng::new(14);
        let sizes = geometric(16.0, 65_536.0, 13);
        // Linear with a small constant, then quadratic with a tiny one, just coming up.
        let cost = |n: &f64| n + n * n * 4e-5;
        let costs = vec![sizes.iter().map(cost).collect::<Vec<f64>>(); 3];
        let found = complexity(&sizes, &costs, &mut rng).expect("there is enough");
        assert!(
            found.rising || found.best.growth == Growth::Quadratic,
            "{found:?}"
        );
    }

    #[test]
    fn counts_are_told_apart_by_their_increments() {
        let sizes = geometric(30.0, 20_000.0, 14);
        let of = |count: &dyn Fn(f64) -> f64| {
            let counts: Vec<f64> = sizes.iter().map(|&n| count(n).floor()).collect();
            exact_growth(&sizes, &counts)
        };
        assert_eq!(of(&|_| 12.0), Some(Growth::Constant));
        assert_eq!(of(&|n| 7.0 + n.log2()), Some(Growth::Logarithmic));
        assert_eq!(of(&|n| 900.0 + 11.0 * n), Some(Growth::Linear));
        // Two a word, and two more once all five hundred words were seen.
        let words = |n: f64| 2.0 * n + 2.0 * (n - 500.0 * (1.0 - (-n / 500.0).exp()));
        assert_eq!(of(&words), Some(Growth::Linear));
        assert_eq!(
            of(&|n| 9.0 * n * n.log2() + 4.0 * n),
            Some(Growth::Linearithmic)
        );
        assert_eq!(of(&|n| n * n + 40.0 * n), Some(Growth::Quadratic));
        let small: Vec<f64> = (8..20).map(f64::from).collect();
        let doubled: Vec<f64> = small.iter().map(|&n| 5.0 * n.exp2()).collect();
        assert_eq!(exact_growth(&small, &doubled), Some(Growth::Exponential));
        assert_eq!(exact_growth(&[1.0, 2.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn too_little_names_no_class() {
        let mut rng = Rng::new(15);
        assert_eq!(complexity(&[1.0, 2.0], &[vec![1.0, 2.0]], &mut rng), None);
        let sizes = geometric(1.0, 100.0, 8);
        assert_eq!(complexity(&sizes, &[], &mut rng), None);
        assert_eq!(complexity(&sizes, &[vec![0.0; 8]], &mut rng), None);
    }
}
