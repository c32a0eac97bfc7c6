//! Repeated measurements: how fast is it, how much do processes differ, is one side faster?
//!
//! A process counts as one observation everywhere. What has no processes, as a file of a tool that
//! repeats inside one, can be described and never be called significantly different.

mod comparison;
mod latency;
mod measured;
mod noise;

pub use comparison::{
    Compared, Comparison, Question, Refusal, Verdict, compare_pairs, compare_processes,
    correct_for_many, difference,
};
pub use latency::{Latency, Load, PERCENTILES, Percentile, latency};
pub use measured::{Counted, Measured, measured, process_values};
pub use noise::{Noise, noise};
