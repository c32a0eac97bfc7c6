//! Where a series changes: warm-up within a process, steps in a history.

use crate::rng::Rng;
use crate::summary::{mean, median, robust_deviation};

/// How a process came to its steady speed (the classes of Barrett et al. 2017).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// Steady from the start.
    Flat,
    /// Slower at first, then steady.
    Warms,
    /// Faster at first, then steady.
    Slows,
    /// It keeps changing.
    Unsteady,
}

/// The segments of a series and what they say.
#[derive(Clone, Debug, PartialEq)]
pub struct Steadiness {
    /// How it came to its steady speed.
    pub kind: WarmUp,
    /// The first position of the steady part; 0 if there is none.
    pub steady_from: usize,
    /// The first positions of all segments but the first.
    pub changes: Vec<usize>,
}

/// Segments shorter than this are noise.
const LEAST_SEGMENT: usize = 3;

/// Levels closer than this share are the same level.
const SAME_LEVEL: f64 = 0.02;

/// The positions at which the level of a series changes: optimal partitioning under squared error
/// (Jackson et al. 2005; what PELT computes faster) with a penalty for each change. Outliers are
/// clipped first, so that one of them is no segment. For series of at most some hundred values:
/// the work grows with the square.
pub fn level_changes(values: &[f64]) -> Vec<usize> {
    let n = values.len();
    if n < 2 * LEAST_SEGMENT || values.iter().any(|value| !value.is_finite()) {
        return Vec::new();
    }
    // Differences of neighbours scatter √2 as much as values and know no levels.
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let noise = (robust_deviation(&steps) / 2.0_f64.sqrt())
        .max(median(values).abs() * 1e-4)
        .max(f64::MIN_POSITIVE);
    let clipped = clip(values, 3.0 * noise);
    let prefix = |power: i32| {
        let mut sum = 0.0;
        std::iter::once(0.0)
            .chain(clipped.iter().map(move |value| {
                sum += (value / noise).powi(power);
                sum
            }))
            .collect::<Vec<f64>>()
    };
    let (sums, squares) = (prefix(1), prefix(2));
    let cost = |from: usize, to: usize| {
        let sum = sums[to] - sums[from];
        squares[to] - squares[from] - sum * sum / (to - from) as f64
    };
    let penalty = 4.0 * (n as f64).ln() + 4.0;
    let mut best = vec![f64::INFINITY; n + 1];
    let mut previous = vec![0; n + 1];
    best[0] = -penalty;
    for end in LEAST_SEGMENT..=n {
        for start in 0..=end - LEAST_SEGMENT {
            let total = best[start] + cost(start, end) + penalty;
            if total < best[end] {
                (best[end], previous[end]) = (total, start);
            }
        }
    }
    let mut changes = Vec::new();
    let mut end = n;
    while previous[end] > 0 {
        end = previous[end];
        changes.push(end);
    }
    changes.reverse();
    changes
}

/// Values no farther than `reach` from the median of their neighbourhood.
fn clip(values: &[f64], reach: f64) -> Vec<f64> {
    (0..values.len())
        .map(|at| {
            let around = &values[at.saturating_sub(3)..(at + 4).min(values.len())];
            let middle = median(around);
            values[at].max(middle - reach).min(middle + reach)
        })
        .collect()
}

/// How the batches of one process came to their steady speed.
pub fn steadiness(values: &[f64]) -> Steadiness {
    let changes = level_changes(values);
    let starts: Vec<usize> = std::iter::once(0).chain(changes.iter().copied()).collect();
    let ends = changes.iter().copied().chain([values.len()]);
    let levels: Vec<f64> = starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| median(&values[start..end]))
        .collect();
    let Some(&last) = levels.last().filter(|level| !level.is_nan()) else {
        return Steadiness {
            kind: WarmUp::Flat,
            steady_from: 0,
            changes,
        };
    };
    let same = |level: &f64| (level / last - 1.0).abs() <= SAME_LEVEL;
    let steady = levels.iter().rev().take_while(|level| same(level)).count();
    let first_steady = levels.len() - steady;
    let steady_from = starts.get(first_steady).copied().unwrap_or(0);
    let kind = if first_steady == 0 {
        WarmUp::Flat
    } else if values.len() - steady_from < values.len() / 3 {
        WarmUp::Unsteady
    } else if levels[..first_steady].iter().all(|level| *level > last) {
        WarmUp::Warms
    } else if levels[..first_steady].iter().all(|level| *level < last) {
        WarmUp::Slows
    } else {
        WarmUp::Unsteady
    };
    Steadiness {
        kind,
        steady_from: if kind == WarmUp::Unsteady {
            0
        } else {
            steady_from
        },
        changes,
    }
}

/// A step in a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The first position of the new level.
    pub at: usize,
    /// The mean before it, back to the step before.
    pub before: f64,
    /// The mean from it on, up to the next step.
    pub after: f64,
    /// How often shuffled values split as well: the probability of a split like this by chance.
    pub probability: f64,
}

/// The steps in a history, by E-divisive (Matteson and James 2014): splits where the two parts
/// differ most in distribution, as long as shuffled values rarely do as well. Each part has at
/// least `least` values. For histories of at most some hundred values.
pub fn steps(
    values: &[f64],
    least: usize,
    alpha: f64,
    shuffles: usize,
    rng: &mut Rng,
) -> Vec<Step> {
    let least = least.max(2);
    let mut borders = vec![0, values.len()];
    let mut found: Vec<(usize, f64)> = Vec::new();
    loop {
        let split = borders
            .windows(2)
            .filter_map(|part| best_split(&values[part[0]..part[1]], least).map(|s| (part, s)))
            .max_by(|a, b| a.1.1.total_cmp(&b.1.1))
            .map(|(part, (at, strength))| (part[0], part[1], part[0] + at, strength));
        let Some((start, end, at, strength)) = split else {
            break;
        };
        let mut shuffled = values[start..end].to_vec();
        let as_good = (0..shuffles)
            .filter(|_| {
                rng.shuffle(&mut shuffled);
                best_split(&shuffled, least).is_some_and(|(_, other)| other >= strength)
            })
            .count();
        let probability = (as_good + 1) as f64 / (shuffles + 1) as f64;
        if probability > alpha {
            break;
        }
        found.push((at, probability));
        borders.push(at);
        borders.sort_unstable();
    }
    found.sort_by_key(|(at, _)| *at);
    found
        .into_iter()
        .map(|(at, probability)| {
            let place = borders.iter().position(|&border| border == at).unwrap_or(0);
            let part = |from: usize| mean(&values[borders[from]..borders[from + 1]]);
            Step {
                at,
                before: part(place - 1),
                after: part(place),
                probability,
            }
        })
        .collect()
}

/// Where two parts differ most, and how much: the energy distance with exponent 1, scaled by the
/// parts' lengths.
fn best_split(values: &[f64], least: usize) -> Option<(usize, f64)> {
    let n = values.len();
    if n < 2 * least {
        return None;
    }
    // Sums of distances: within the left part, within the right part, between both. Moving one
    // value from right to left changes them by its distances.
    let distance = |a: usize, b: usize| (values[a] - values[b]).abs();
    let sum = |of: usize, over: std::ops::Range<usize>| -> f64 {
        over.map(|other| distance(of, other)).sum()
    };
    let mut left = 0.0;
    let mut right: f64 = (0..n).map(|a| sum(a, a + 1..n)).sum();
    let mut between = 0.0;
    let mut best: Option<(usize, f64)> = None;
    for moved in 0..n - least {
        let (to_left, to_right) = (sum(moved, 0..moved), sum(moved, moved + 1..n));
        left += to_left;
        right -= to_right;
        between += to_right - to_left;
        let (l, r) = ((moved + 1) as f64, (n - moved - 1) as f64);
        if moved + 1 < least {
            continue;
        }
        let pairs = |count: f64| (count * (count - 1.0) / 2.0).max(1.0);
        let energy = 2.0 * between / (l * r) - left / pairs(l) - right / pairs(r);
        let strength = l * r / (l + r) * energy;
        if best.is_none_or(|(_, most)| strength > most) {
            best = Some((moved + 1, strength));
        }
    }
    best
}

/// How a series moves over time: Spearman's rank correlation with its own positions, -1 to 1.
pub fn drift(values: &[f64]) -> f64 {
    let (ranks, _) = crate::signed_rank::ranks(values);
    let n = ranks.len() as f64;
    let middle = (n + 1.0) / 2.0;
    let (mut both, mut own) = (0.0, 0.0);
    for (position, rank) in ranks.iter().enumerate() {
        both += (position as f64 + 1.0 - middle) * (rank - middle);
        own += (rank - middle).powi(2);
    }
    let positions = n * (n * n - 1.0) / 12.0;
    if own == 0.0 || positions == 0.0 {
        return 0.0;
    }
    both / (own * positions).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(levels: &[(usize, f64)], rng: &mut Rng) -> Vec<f64> {
        let level = |&(count, level): &(usize, f64)| std::iter::repeat_n(level, count);
        levels
            .iter()
            .flat_map(level)
            .map(|level| level * (1.0 + 0.01 * rng.normal()))
            .collect()
    }

    #[test]
    fn warm_up_is_cut_where_it_ends() {
        let mut rng = Rng::new(5);
        for _ in 0..50 {
            let found = steadiness(&noisy(&[(6, 1.5), (34, 1.0)], &mut rng));
            assert_eq!((found.kind, found.steady_from), (WarmUp::Warms, 6));
            let found = steadiness(&noisy(&[(12, 1.0), (28, 1.2)], &mut rng));
            assert_eq!((found.kind, found.steady_from), (WarmUp::Slows, 12));
            let found = steadiness(&noisy(&[(33, 1.0), (7, 1.2)], &mut rng));
            assert_eq!(found.kind, WarmUp::Unsteady);
        }
    }

    #[test]
    fn steady_processes_are_rarely_called_anything_else_even_with_outliers() {
        let mut rng = Rng::new(6);
        let mut others = 0;
        for _ in 0..500 {
            let mut values = noisy(&[(40, 1.0)], &mut rng);
            values[rng.index(40)] *= 3.0;
            others += u32::from(steadiness(&values).kind != WarmUp::Flat);
        }
        assert!(others <= 10, "{others} of 500");
        assert_eq!(steadiness(&[]).kind, WarmUp::Flat);
        assert_eq!(steadiness(&[1.0; 40]).kind, WarmUp::Flat);
    }

    #[test]
    fn steps_of_a_history_are_found_and_quiet_ones_are_not_invented() {
        let mut rng = Rng::new(7);
        let history = noisy(&[(30, 1.0), (20, 1.05), (25, 0.98)], &mut rng);
        let found = steps(&history, 4, 0.01, 199, &mut rng);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].at.abs_diff(30) <= 1 && found[1].at.abs_diff(50) <= 1,
            "{found:?}"
        );
        assert!((found[0].after / found[0].before - 1.05).abs() < 0.01);
        let invented: usize = (0..100)
            .filter(|_| {
                let quiet = noisy(&[(40, 1.0)], &mut rng);
                !steps(&quiet, 4, 0.05, 99, &mut rng).is_empty()
            })
            .count();
        assert!(invented <= 12, "{invented} of 100 at 5 %");
        assert!(steps(&[], 4, 0.05, 99, &mut rng).is_empty());
    }

    #[test]
    fn drift_goes_from_one_end_to_the_other() {
        assert!((drift(&[1.0, 2.0, 5.0, 9.0]) - 1.0).abs() < 1e-12);
        assert!((drift(&[9.0, 5.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(drift(&[1.0, 1.0]), 0.0);
        assert_eq!(drift(&[]), 0.0);
    }
}
