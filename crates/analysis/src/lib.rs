//! Pure questions to a Profile: one file a question, no I/O, no clock.
//!
//! Every answer about the whole run is in *elapsed* time ([`Elapsed`]): the run's own wall time,
//! shared out among what was sampled, so that shares add up to the run. Questions about one thread
//! ([`tree`], [`threads`]) are in that thread's time.
//!
//! ```text
//! Profile -> Elapsed -> split, hot, wait, lines -> verdict
//!        \-> threads, tree
//!        \-> calls (traced, not sampled)
//! ```
#![forbid(unsafe_code)]

pub mod arguments;
mod block;
pub mod blocking;
pub mod calls;
mod cost;
mod elapsed;
mod estimate;
pub mod evidence;
mod extent;
mod fold;
pub mod gate;
pub mod headline;
pub mod history;
pub mod hot;
pub mod imports;
mod leaders;
mod library;
mod lifespan;
pub mod line_times;
pub mod lines;
mod place;
pub mod proof;
pub mod queries;
pub mod region;
pub mod repair;
pub mod scaling;
#[cfg(any(test, feature = "sketch"))]
pub mod sketch;
pub mod split;
mod sweep;
pub mod threads;
pub mod trace;
pub mod tree;
pub mod trials;
pub mod verdict;
pub mod wait;
mod worth_timing;

pub use block::block_length;
pub use calls::{CallGraph, CallTable};
pub use cost::{Cost, Doing};
pub use elapsed::{Basis, Elapsed};
pub use evidence::Evidence;
pub use headline::Headline;
pub use hot::{Hot, HotFunction, HotLine, HotOptions};
pub use library::Library;
pub use lifespan::Phase;
pub use line_times::{FunctionLines, LineStats, LineTime, Listing, MoreTime};
pub use lines::{LineTable, LinesOptions};
pub use place::Place;
pub use split::Split;
pub use threads::ThreadTotals;
pub use trace::TraceSummary;
pub use tree::{Tree, TreeOptions};
pub use verdict::Verdict;
pub use wait::{WaitFor, WaitPlace};
pub use worth_timing::{Worth, worth_timing};
