//! What kept event loops waiting, the longest first.

use crate::Place;
use pitstop_model::{BlockingCall, Profile, SlowCallback};

/// Calls that took less than this together kept nobody waiting, in nanoseconds.
const WORTH_TELLING_NS: u64 = 1_000_000;

/// Calls from one line.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockingRow {
    /// What was called.
    pub what: String,
    /// From where.
    pub place: Option<Place>,
    /// What was counted.
    pub counts: BlockingCall,
}

/// A slow callback.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowRow {
    /// What it is called.
    pub label: String,
    /// Where its function is.
    pub place: Option<Place>,
    /// What was counted.
    pub counts: SlowCallback,
}

/// What kept event loops waiting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loops {
    /// Blocking calls that took long, alone or together.
    pub blocking: Vec<BlockingRow>,
    /// How many calls there were besides, and what they took together, in nanoseconds.
    pub short: (u64, u64),
    /// Slow callbacks.
    pub slow: Vec<SlowRow>,
}

/// Asks a profile for it.
pub fn blocking(profile: &Profile) -> Loops {
    let mut loops = Loops::default();
    for &counts in &profile.loops.blocking {
        if counts.time_ns < WORTH_TELLING_NS {
            loops.short.0 += counts.count;
            loops.short.1 += counts.time_ns;
            continue;
        }
        loops.blocking.push(BlockingRow {
            what: profile.text(counts.what).to_owned(),
            place: counts.place.map(|frame| Place::of_frame(profile, frame)),
            counts,
        });
    }
    for &counts in &profile.loops.slow {
        loops.slow.push(SlowRow {
            label: profile.text(counts.label).to_owned(),
            place: counts.function.map(|id| Place::of_function(profile, id)),
            counts,
        });
    }
    loops
        .blocking
        .sort_by_key(|row| std::cmp::Reverse(row.counts.time_ns));
    loops
        .slow
        .sort_by_key(|row| std::cmp::Reverse(row.counts.time_ns));
    loops
}
