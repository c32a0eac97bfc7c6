//! How does the cost grow with the size of the input?
//!
//! Two witnesses are heard. *Time* knows everything, and lies a little: caches make large inputs
//! dearer than the algorithm does. *Counts* of what the interpreter did (bytecodes, comparisons and
//! hashes of elements) are exact, and blind for what happens inside C. What was counted was also
//! paid for, so time can grow no slower than counts; and where counts saw what C did with the
//! elements, or where time is no more than bytecodes take, a class that time puts one logarithm
//! higher is the caches'.

use pitstop_model::Clock;
use pitstop_stats::{Complexity, Growth, Rng, complexity, exact_growth, median};

/// Which inputs the calls got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inputs {
    /// All calls at a size the same one: calls do not change it.
    #[default]
    Same,
    /// Each call a new one, since a call changes it.
    New,
    /// Each call a new one in a new process, since something is kept from call to call.
    FirstCall,
}

/// Why no larger size was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// A call would take too much of the time that was allowed.
    #[default]
    Time,
    /// Making the input takes too long.
    Making,
    /// It needs too much memory.
    Memory,
    /// A larger one does not fit into the processor's caches.
    Cache,
    /// No larger one was asked for.
    Asked,
    /// The call failed at this size, with these words.
    Failed(u64, String),
    /// Its process was ended by this signal at this size.
    Killed(u64, i32),
}

/// What was counted in one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The size.
    pub size: u64,
    /// Instructions of the interpreter.
    pub bytecodes: u64,
    /// Comparisons and hashes of the input's elements; `None` if they are nothing that can count.
    pub elements: Option<(u64, u64)>,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaled {
    /// What people call it.
    pub name: String,
    /// What makes its inputs; empty if the size itself is the input.
    pub make: String,
    /// The interpreter: version and path.
    pub python: String,
    /// The sizes, ascending.
    pub sizes: Vec<u64>,
    /// Nanoseconds of a call at each size, one row a process.
    pub costs: Vec<Vec<f64>>,
    /// Counts, at sizes of their own.
    pub counts: Vec<Count>,
    /// The clock.
    pub clock: Clock,
    /// Which inputs the calls got.
    pub inputs: Inputs,
    /// Why no larger size was measured.
    pub limit: Limit,
    /// The number that all draws follow from.
    pub seed: u64,
    /// How long all of it took, in nanoseconds.
    pub duration_ns: u64,
}

/// What a class was chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Time alone: counts saw nothing that grows like it.
    Time,
    /// Counts, since time cannot grow slower, or is only a logarithm apart.
    Counts,
    /// Both say the same.
    Both,
}

/// What is known of the growth.
#[derive(Clone, Debug)]
pub struct Scaling<'a> {
    /// What was measured.
    pub measured: &'a Scaled,
    /// The median over processes at each size, in nanoseconds.
    pub medians: Vec<f64>,
    /// Of time; `None` with too few sizes.
    pub time: Option<Complexity>,
    /// Of bytecodes.
    pub bytecodes: Option<Growth>,
    /// Of comparisons and hashes of elements.
    pub elements: Option<Growth>,
    /// The class; `None` with too few sizes.
    pub growth: Option<Growth>,
    /// By what.
    pub basis: Basis,
    /// The slope still rises at the largest sizes: they may not show the class yet.
    pub rising: bool,
    /// What larger inputs would take: size and nanoseconds.
    pub forecasts: Vec<(u64, f64)>,
}

/// Judges what was measured.
pub fn scaling(measured: &Scaled) -> Scaling<'_> {
    let mut rng = Rng::new(measured.seed ^ 0x5ca1e);
    let sizes: Vec<f64> = measured.sizes.iter().map(|&size| size as f64).collect();
    let medians: Vec<f64> = (0..sizes.len())
        .map(|at| {
            let column = measured.costs.iter().filter_map(|row| row.get(at).copied());
            median(&column.collect::<Vec<f64>>())
        })
        .collect();
    let time = complexity(&sizes, &measured.costs, &mut rng);
    let counts = &measured.counts;
    let counted: Vec<f64> = counts.iter().map(|count| count.size as f64).collect();
    let bytecodes = counts.iter().map(|count| count.bytecodes as f64);
    let bytecodes = exact_growth(&counted, &bytecodes.collect::<Vec<f64>>());
    let seen = |count: &Count| {
        count
            .elements
            .map(|(compared, hashed)| (compared + hashed) as f64)
    };
    let elements: Option<Vec<f64>> = counts.iter().map(seen).collect();
    let elements = elements.and_then(|row| exact_growth(&counted, &row));
    let (growth, basis) = match &time {
        Some(time) => {
            let ends = (medians[0], medians[medians.len() - 1]);
            let grown = ends.1 - ends.0;
            let each = grown / sizes[sizes.len() - 1];
            let dear = ns_of_a_bytecode(measured, time);
            let (growth, basis) = decide(time, bytecodes, elements, (dear, grown, each));
            (Some(growth), basis)
        }
        None => (None, Basis::Time),
    };
    let rising = time.as_ref().is_some_and(|time| time.rising) && basis == Basis::Time;
    let forecasts = match (&time, measured.sizes.last()) {
        (Some(time), Some(&last)) => forecasts(time, growth, last),
        _ => Vec::new(),
    };
    Scaling {
        measured,
        medians,
        time,
        bytecodes,
        elements,
        growth,
        basis,
        rising,
        forecasts,
    }
}

/// Bytecodes that take no more than this are all the work there is, in nanoseconds. Loops and
/// arithmetic take 4 to 15 on the machines this was tried on, calls of small builtins up to 30; a
/// comparison of two tuples inside a sort takes 60.
const NS_OF_A_BYTECODE: f64 = 30.0;

/// What a bytecode takes at the largest size that was counted.
fn ns_of_a_bytecode(measured: &Scaled, time: &Complexity) -> f64 {
    let last = measured.counts.last();
    // Code that runs for the first time is not specialised yet and in no cache.
    let cold = if measured.inputs == Inputs::FirstCall {
        4.0
    } else {
        1.0
    };
    last.map_or(f64::INFINITY, |count| {
        time.best.predict(count.size as f64) / count.bytecodes.max(1) as f64 / cold
    })
}

/// Nothing that touches every element of an input takes less for each, in nanoseconds: copying a
/// byte at 100 GB a second takes 0.01.
const TOUCH_NS: f64 = 0.01;

/// What a few misses of all caches take, in nanoseconds.
const MISSES_NS: f64 = 500.0;

/// The class by both witnesses. `dear` is what a bytecode takes and `grown` what the largest size
/// takes longer than the smallest, in all and for `each` element, in nanoseconds.
fn decide(
    time: &Complexity,
    bytecodes: Option<Growth>,
    elements: Option<Growth>,
    (dear, grown, each): (f64, f64, f64),
) -> (Growth, Basis) {
    let of_time = time.best.growth;
    let Some(of_counts) = bytecodes.into_iter().chain(elements).max() else {
        return (of_time, Basis::Time);
    };
    if of_counts == of_time {
        return (of_time, Basis::Both);
    }
    // A look at the end of something large may miss every cache, and nothing more.
    let is_untouched = each < TOUCH_NS && grown < MISSES_NS;
    if of_counts == Growth::Constant && elements.is_some() && is_untouched {
        return (Growth::Constant, Basis::Counts);
    }
    if of_counts > of_time {
        return (of_counts, Basis::Counts);
    }
    let saw_inside = elements == Some(of_counts);
    let is_all = bytecodes == Some(of_counts) && dear <= NS_OF_A_BYTECODE;
    if (saw_inside || is_all) && is_next(of_counts, of_time) {
        return (of_counts, Basis::Counts);
    }
    (of_time, Basis::Time)
}

/// Whether the second is the first with a logarithm or a root more, as caches may add it.
fn is_next(lower: Growth, upper: Growth) -> bool {
    use Growth::{Cubic, Linear, Linearithmic, Quadratic, QuadraticLog, ThreeHalves};
    matches!(
        (lower, upper),
        (Linear, Linearithmic | ThreeHalves)
            | (Linearithmic, ThreeHalves)
            | (Quadratic, QuadraticLog)
            | (QuadraticLog, Cubic)
    )
}

/// What ten and a hundred times the largest size would take; of what grows faster than any power,
/// one, five and ten more. Nothing beyond a year.
fn forecasts(time: &Complexity, growth: Option<Growth>, last: u64) -> Vec<(u64, f64)> {
    const YEAR_NS: f64 = 365.25 * 86_400e9;
    let is_exponential = matches!(growth, Some(Growth::Exponential | Growth::Factorial));
    let sizes = if is_exponential {
        [last + 1, last + 5, last + 10]
    } else {
        [last * 2, last * 10, last * 100]
    };
    // By the class that time fits best: it is a statement about time.
    let predicted = sizes.map(|size| (size, time.best.predict(size as f64)));
    let near = |(_, ns): &(u64, f64)| ns.is_finite() && *ns <= YEAR_NS;
    predicted.into_iter().filter(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(time: impl Fn(f64) -> f64, count: impl Fn(f64) -> (u64, Option<(u64, u64)>)) -> Scaled {
        let sizes: Vec<u64> = (0..12).map(|at| 16 << at).collect();
        let row: Vec<f64> = sizes.iter().map(|&n| 50.0 + time(n as f64)).collect();
        let counts = sizes.iter().take(9).map(|&size| {
            let (bytecodes, elements) = count(size as f64);
            Count {
                size,
                bytecodes,
                elements,
            }
        });
        Scaled {
            counts: counts.collect(),
            costs: vec![row; 3],
            sizes,
            ..Scaled::default()
        }
    }

    fn judged(measured: &Scaled) -> (Growth, Basis) {
        let scaling = scaling(measured);
        (scaling.growth.expect("enough sizes"), scaling.basis)
    }

    #[test]
    fn counts_that_saw_the_elements_outvote_a_logarithm_of_the_caches() {
        let cached = |n: f64| n * (1.0 + 0.2 * n.log2());
        let hashed = |n: f64| (12, Some((0, n as u64)));
        assert_eq!(
            judged(&made(cached, hashed)),
            (Growth::Linear, Basis::Counts)
        );
        let sorted = |n: f64| (12, Some(((n * n.log2()) as u64, 0)));
        assert_eq!(
            judged(&made(|n| n * n.log2() * 20.0, sorted)),
            (Growth::Linearithmic, Basis::Both)
        );
    }

    #[test]
    fn counts_that_saw_nothing_leave_it_to_time() {
        let blind = |_| (12, None);
        assert_eq!(
            judged(&made(|n| n * 8.0, blind)),
            (Growth::Linear, Basis::Time)
        );
        assert_eq!(
            judged(&made(|n| n * n, |n| (n as u64 * 9 + 4, None))),
            (Growth::Quadratic, Basis::Time)
        );
    }

    #[test]
    fn a_few_misses_of_the_caches_are_no_growth_and_a_copy_is_one() {
        let blind = |_| (12, Some((0, 0)));
        let misses = |n: f64| 80.0 * (n / 32_768.0).sqrt();
        let mut measured = made(misses, blind);
        measured.sizes = measured.sizes.iter().map(|size| size * 50).collect();
        assert_eq!(judged(&measured), (Growth::Constant, Basis::Counts));
        // Eight bytes of each are moved, at 20 GB a second.
        assert_eq!(
            judged(&made(|n| n * 0.4, blind)),
            (Growth::Linear, Basis::Time)
        );
    }

    #[test]
    fn time_cannot_grow_slower_than_what_was_counted() {
        let start_up = |n: f64| 1e6 + n;
        let (growth, basis) = judged(&made(start_up, |n| (n as u64 * 9 + 4, None)));
        assert_eq!((growth, basis), (Growth::Linear, Basis::Counts));
    }

    #[test]
    fn forecasts_end_where_nobody_waits_any_more() {
        let measured = made(|n| n * n, |_| (9, None));
        let found = scaling(&measured);
        assert_eq!(found.forecasts.len(), 3);
        let (size, ns) = found.forecasts[1];
        assert_eq!(size, 327_680);
        assert!((ns / 327_680f64.powi(2) - 1.0).abs() < 0.1, "{ns}");
        let few = Scaled {
            sizes: vec![1, 2],
            costs: vec![vec![1.0, 2.0]],
            ..Scaled::default()
        };
        assert!(scaling(&few).growth.is_none() && scaling(&few).forecasts.is_empty());
    }
}
