//! Numbers in, estimates out. Pure and deterministic: no I/O, no clock, and chance only from a
//! [`Rng`] that the caller seeds.
//!
//! Which one to use: values in pairs that are judged while they come in, `sequential`; in pairs and
//! complete, `signed_rank`; without pairs, `rank_sum`; anything else that is computed from whole
//! processes, `bootstrap`. The unit of replication of timings is the process.
#![forbid(unsafe_code)]

mod bootstrap;
mod change;
mod complexity;
mod multiple;
mod proportion;
mod rank_sum;
mod rng;
mod sequential;
mod signed_rank;
mod special;
mod summary;

pub use bootstrap::{Shift, ValuePair, bootstrap_interval, shifts};
pub use change::{Steadiness, Step, WarmUp, drift, level_changes, steadiness, steps};
pub use complexity::{Complexity, Fit, Growth, LEAST_SIZES, complexity, exact_growth};
pub use multiple::{adjusted_probabilities, reportable};
pub use proportion::{ShareInterval, wilson95};
pub use rank_sum::{least_probability, rank_sum_test, shift_estimate, shift_interval};
pub use rng::Rng;
pub use sequential::{Decision, Sequential, Side, decide, line_of};
pub use signed_rank::{centre, hodges_lehmann, hodges_lehmann_interval, signed_rank_test};
pub use special::{beta_cdf, ln_gamma, normal_cdf, normal_quantile};
pub use summary::{
    Interval, Summary, harrell_davis, mean, median, median_interval, percentile, robust_deviation,
    sorted, summary,
};
