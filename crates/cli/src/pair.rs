//! A rule's slow and fast code against each other, on an interpreter of the user's.

use crate::contender::here;
use crate::exit::Failure;
use crate::trial::{Follower, explain};
use pitstop_analysis::trials::{Question, Verdict, compare_pairs};
use pitstop_bench::{Contender, Options, Work};
use pitstop_model::Interval;
use pitstop_rules::Rule;
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Where both are the same to this much, nobody needs to know more.
const LEAST: f64 = 0.03;

/// What a pair gave.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// The median of the slow code, in nanoseconds.
    pub(crate) slow_ns: f64,
    /// The median of the fast code, in nanoseconds.
    pub(crate) fast_ns: f64,
    /// How many times faster it is; its range, unless pairs were too few for one.
    pub(crate) factor: f64,
    pub(crate) interval: Option<Interval>,
    /// Whether that is a difference.
    pub(crate) verdict: Verdict,
    /// The version of the interpreter.
    pub(crate) python: String,
}

/// Slow against fast, in matched pairs of processes; `None` if no pair was finished in time.
pub(crate) fn measure(
    rule: &dyn Rule,
    n: u64,
    python: Option<&OsStr>,
    budget: Duration,
) -> Result<Option<Measured>, Failure> {
    let setup = format!("{}\n\ndata = setup({n})\n", rule.meta().pair.text);
    let mut sides = Vec::new();
    for name in ["slow", "fast"] {
        let work = Work::Statement {
            setup: setup.clone(),
            text: format!("{name}(data)"),
        };
        let side = here(python, &work)?;
        sides.push(Contender {
            name: name.into(),
            work,
            side,
        });
    }
    let options = Options {
        seed: RandomState::new().hash_one(0),
        budget,
        budget_is_strict: true,
        least: LEAST,
        ..Options::default()
    };
    let question = Question {
        least: options.least,
        alpha: options.alpha,
        ..Question::default()
    };
    let mut follower = Follower::new()?;
    let outcome = pitstop_bench::compare([&sides[0], &sides[1]], &options, &mut follower);
    drop(follower);
    let outcome = outcome.map_err(|error| explain(&error))?;
    if let Some(error) = &outcome.failure {
        return Err(explain(error));
    }
    let comparison = compare_pairs(&outcome.trials, [0, 1], question);
    Ok(comparison.map(|comparison| {
        let [slow, fast] = &comparison.sides;
        let factor = 1.0 / comparison.ratio;
        Measured {
            slow_ns: slow.time.median,
            fast_ns: fast.time.median,
            factor,
            interval: comparison.interval.map(|ratio| Interval {
                low: 1.0 / ratio.high,
                middle: factor,
                high: 1.0 / ratio.low,
            }),
            verdict: comparison.verdict,
            python: slow.benchmark.python.clone(),
        }
    }))
}
