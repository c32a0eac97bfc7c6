//! Proving a change: calls of the old version are recorded while a workload runs, and repeated with
//! both versions; the project's tests run before and after; both are measured in pairs.
//!
//! Begin reading at `verify`. `subject` says what the two versions are, `sides` what of
//! that each version needs, `changes` which functions differ, `record` runs the workload, `replay` repeats calls in processes of their own,
//! `outcomes` runs tests, `speed` measures. The parts that run inside of Python are in `guest/`;
//! what their answers mean is judged by `pitstop_analysis::proof`.
#![forbid(unsafe_code)]

mod changes;
mod error;
mod ground;
mod outcomes;
mod record;
mod repair;
mod replay;
mod sides;
mod speed;
mod subject;
mod verify;

pub use error::Error;
pub use repair::{Proposal, Proposals, keep, proposals, prove};
pub use subject::{Subject, Target, Tree, Version, Workload};
pub use verify::{Options, verify};
