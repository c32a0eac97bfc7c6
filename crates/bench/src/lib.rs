//! Measuring again and again: in processes, and for comparisons in pairs of them.
//!
//! Two processes of one program differ by several per cent because of hash seeds and addresses, for
//! as long as they live. So a comparison starts *pairs*: both sides get the same hash seed, the same
//! size of environment and the same addresses, drawn anew for each pair, and the same CPU; which
//! side starts first and which goes first in each turn is drawn too. The difference of a pair is
//! then free of layout, its sign is fair, and `pitstop_stats::Sequential` may look after every pair.
//!
//! Begin reading at `session`. `job` says what is measured, `layout` draws, `player` is a process
//! that plays (a guest worker inside Python, or a command), `pilot` finds out how to measure it. `count` is
//! apart: it counts what needs no statistics.
#![forbid(unsafe_code)]

mod channel;
mod count;
mod energy;
mod error;
mod imports;
mod job;
mod layout;
mod load;
mod pilot;
mod player;
mod room;
mod scale;
mod session;
mod suite;

pub use count::{Counted, Counting, Counts, count};
pub use error::{Error, Phase};
pub use imports::{ImportRuns, import_runs};
pub use job::{Contender, Side, Work};
pub use load::{LoadOptions, LoadOutcome, load};
pub use scale::{ScaleJob, ScaleOptions, ScaleOutcome, scale};
pub use session::{Control, Options, Outcome, Progress, bench, compare, compare_all};
pub use suite::{Findings, Suite, contenders, find};
