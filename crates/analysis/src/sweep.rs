//! Shares out the elapsed time by sweeping over the moments of all samples.
//!
//! A moment stands for the time since the one before it, that is for `(time - weight, time]`. The
//! sweep keeps one clock a [`Claim`]; a clock advances by `dt / n` while its group of `n` members
//! is the first with any. What a moment gets is what its group's clock advanced between its two
//! ends, so each end costs constant time however many threads there are.

use crate::elapsed::{Claim, claims};
use crate::leaders::Leaders;
use pitstop_model::{Id, Profile};

/// One end of a moment's interval.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    time_ns: u64,
    /// Leaving sorts before entering, so that back-to-back samples of a thread do not overlap.
    enters: bool,
    moment: usize,
}

/// The elapsed time of each row, in nanoseconds.
pub(crate) fn by_row(profile: &Profile, leaders: &Leaders) -> Vec<f64> {
    let claims = claims(profile, leaders);
    let moments = &profile.series.moments;
    let mut ends = Vec::with_capacity(moments.len() * 2);
    for (moment, m) in moments.iter().enumerate().filter(|(_, m)| m.weight_ns > 0) {
        let start = m.time_ns.saturating_sub(m.weight_ns);
        ends.push(End {
            time_ns: start,
            enters: true,
            moment,
        });
        ends.push(End {
            time_ns: m.time_ns.max(start + 1),
            enters: false,
            moment,
        });
    }
    ends.sort_unstable();

    let mut clocks = [0.0; Claim::COUNT];
    let mut members = [0u32; Claim::COUNT];
    let mut entered_at = vec![0.0; moments.len()];
    let mut by_row_ns = vec![0.0; profile.series.len()];
    let mut now = 0;
    for end in ends {
        if let Some(first) = members.iter().position(|&n| n > 0) {
            clocks[first] += (end.time_ns - now) as f64 / f64::from(members[first]);
        }
        now = end.time_ns;
        let row = moments[end.moment].row.index();
        let claim = claims[row] as usize;
        if end.enters {
            members[claim] += 1;
            entered_at[end.moment] = clocks[claim];
        } else {
            members[claim] -= 1;
            by_row_ns[row] += clocks[claim] - entered_at[end.moment];
        }
    }
    by_row_ns
}
