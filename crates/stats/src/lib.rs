//! Numbers in, estimates out. Pure and deterministic: no I/O, no clock.
#![forbid(unsafe_code)]

mod proportion;

pub use proportion::{ShareInterval, wilson95};
