//! Support for the end-to-end tests: the built binary, interpreters, programs and their truth.
//!
//! Nothing here knows how Pitstop works inside. A test starts programs, runs the binary on them
//! and compares what it says with what the program's header says ([`Truth`]). Nothing sleeps to
//! synchronize and everything has a deadline.
#![forbid(unsafe_code)]

mod conditions;
mod deadline;
mod finished;
mod peers;
mod planted;
mod profile;
mod programs;
mod pythons;
mod truth;
mod viewers;
mod workbench;

pub use conditions::wait_until;
pub use finished::{Finished, LIMIT};
pub use peers::{line_profiler, package, pyperformance, pytest};
pub use planted::{
    Decoy, DecoyKind, Expectation, Measure, Rendered, Size, Template, Twin, planted_directory,
    planted_set, rules_without_a_program,
};
pub use profile::{Process, Profile, Row, Thread, Wait};
pub use programs::{Running, fixture, programs, start, start_with};
pub use pythons::{MINORS, Python, on_each_python, on_oldest_and_newest_python, python, pythons};
pub use truth::{Judgement, Truth};
pub use viewers::Viewers;
pub use workbench::{Workbench, pitstop, pitstop_binary, workspace};
