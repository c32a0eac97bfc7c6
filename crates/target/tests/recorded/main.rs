//! Walking interpreters that are not there: recorded memory of CPython 3.8 to 3.15, as it was,
//! with faults, and forged.
//!
//! Recordings lie in `fixtures/recorded`; `cargo run -p pitstop-target --example record_fixture`
//! makes them from `known_stack.py`, which lies beside them.

mod faults;
mod forged;
mod known_stack;
mod lines;
mod portrait;
mod recordings;
mod snapshots;
mod world;
