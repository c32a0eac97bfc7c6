//! Which sizes: found by trying larger and larger ones, until the next would take too long.

use pitstop_stats::LEAST_SIZES;

/// Sizes that are measured.
const SIZES: usize = 14;

/// Calls that take less than this do not tell yet how the next size will be, in nanoseconds.
const SHORT_NS: f64 = 20_000.0;

/// The smallest size is one whose calls take at least this share of the largest's. Three decades
/// tell n log n from n; below, fixed costs are all that is seen.
const LEAST_SHARE: f64 = 1.0 / 2000.0;

/// A size that was tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tried {
    pub(crate) size: u64,
    /// How long a call takes, in nanoseconds.
    pub(crate) ns: f64,
    /// How long making the input takes, in nanoseconds.
    pub(crate) make_ns: f64,
    /// The first call of a process, in nanoseconds.
    pub(crate) first_ns: f64,
}

/// The size to try next: larger, and not expected to take longer than `limit_ns`. `None` if there
/// is none up to `most`.
pub(crate) fn next(tried: &[Tried], limit_ns: f64, most: u64) -> Option<u64> {
    let Some(last) = tried.last() else {
        return (most > 0).then_some(1);
    };
    let step = match last.size {
        size if size < 12 => 1,
        size if size < 64 => size / 3,
        size if last.ns <= SHORT_NS => size,
        size => size * 3 / 5,
    };
    let wanted = (last.size + step).min(most);
    if wanted <= last.size {
        return None;
    }
    let before = tried.len().checked_sub(2).map(|at| &tried[at]);
    let Some(before) = before.filter(|_| last.ns > SHORT_NS) else {
        return Some(wanted);
    };
    // A step further costs what this one cost more, once by power and once by exponent.
    let growth = (last.ns / before.ns.max(1.0)).ln().max(0.0);
    let power = growth / (last.size as f64 / before.size as f64).ln();
    let rate = growth / (last.size - before.size) as f64;
    let fits = |size: u64| {
        let by_power = power * (size as f64 / last.size as f64).ln();
        let by_rate = rate * (size - last.size) as f64;
        last.ns * by_power.max(by_rate).exp() <= limit_ns
    };
    // The largest that fits: it grows with the size, so halving finds it.
    let (mut fitting, mut beyond) = (last.size, wanted + 1);
    while beyond - fitting > 1 {
        let middle = fitting + (beyond - fitting) / 2;
        if fits(middle) {
            fitting = middle;
        } else {
            beyond = middle;
        }
    }
    (fitting > last.size).then_some(fitting)
}

/// The sizes to measure: in even steps of the logarithm over those that were tried.
pub(crate) fn choose(tried: &[Tried], least: u64) -> Vec<u64> {
    let Some(last) = tried.last() else {
        return Vec::new();
    };
    let tells = |at: &&Tried| at.size >= least && at.ns >= last.ns * LEAST_SHARE;
    let first = tried.iter().find(tells).map_or(last.size, |at| at.size);
    let mut sizes = geometric(first, last.size, SIZES);
    if sizes.len() < 8 {
        // They lie so close together that each whole number counts.
        let lowest = last.size.saturating_sub(11).max(least).max(1);
        sizes = (lowest..=last.size).collect();
    }
    sizes
}

/// The sizes to count at: those where a call is short.
pub(crate) fn choose_counted(tried: &[Tried], least: u64) -> Vec<u64> {
    const LONGEST_NS: f64 = 3e6;
    const LONGEST_MAKE_NS: f64 = 30e6;
    let is_short = |at: &&Tried| at.ns <= LONGEST_NS && at.make_ns <= LONGEST_MAKE_NS;
    let short: Vec<Tried> = tried.iter().take_while(is_short).copied().collect();
    let sizes = choose(&short, least);
    if sizes.len() < LEAST_SIZES {
        return Vec::new();
    }
    sizes
}

/// Whole numbers in even steps of the logarithm, both ends included.
fn geometric(first: u64, last: u64, count: usize) -> Vec<u64> {
    let ratio = (last as f64 / first.max(1) as f64).powf(1.0 / (count - 1) as f64);
    let mut sizes: Vec<u64> = (0..count)
        .map(|at| (first.max(1) as f64 * ratio.powi(at as i32)).round() as u64)
        .collect();
    sizes.dedup();
    sizes
}

/// The call's and the input's time at a size, between those that were tried.
pub(crate) fn expected(tried: &[Tried], size: u64) -> (f64, f64) {
    let at = tried.partition_point(|known| known.size < size);
    tried
        .get(at)
        .or(tried.last())
        .map_or((0.0, 0.0), |known| (known.ns, known.make_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried_with(cost: impl Fn(f64) -> f64, limit_ns: f64) -> Vec<Tried> {
        let mut tried = Vec::new();
        while let Some(size) = next(&tried, limit_ns, 10_000_000) {
            let ns = cost(size as f64);
            tried.push(Tried {
                size,
                ns,
                make_ns: 0.0,
                first_ns: ns,
            });
            assert!(ns <= limit_ns * 1.5, "{size} takes {ns}");
            assert!(tried.len() < 100);
        }
        tried
    }

    #[test]
    fn sizes_end_near_the_limit_however_fast_it_grows() {
        for base in [1.6f64, 2.0, 3.0] {
            let tried = tried_with(|n| 50.0 * base.powf(n), 1e8);
            let last = tried[tried.len() - 1];
            assert!(last.ns * base * base > 1e8, "{last:?}");
            let sizes = choose(&tried, 1);
            assert!(sizes.len() >= 8 && sizes.is_sorted(), "{sizes:?}");
        }
        for power in [1.0, 2.0, 3.0] {
            let tried = tried_with(|n| 50.0 + 20.0 * n.powf(power), 1e8);
            assert!(tried[tried.len() - 1].ns > 5e7);
            let sizes = choose(&tried, 1);
            assert_eq!(sizes.len(), SIZES);
            assert_eq!(sizes[sizes.len() - 1], tried[tried.len() - 1].size);
        }
        let tried = tried_with(|_| 80.0, 1e8);
        assert_eq!(tried[tried.len() - 1].size, 10_000_000);
        assert_eq!(choose(&tried, 1)[0], 1);
    }

    #[test]
    fn what_is_counted_is_short() {
        let tried = tried_with(|n| 20.0 * n * n, 1e8);
        let sizes = choose_counted(&tried, 1);
        assert!(sizes.len() >= 8);
        assert!(expected(&tried, sizes[sizes.len() - 1]).0 <= 3e6);
        assert!(choose_counted(&tried[..3], 1).is_empty());
        assert!(choose(&[], 1).is_empty());
    }
}
