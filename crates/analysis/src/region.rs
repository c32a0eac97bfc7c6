//! What a piece of source text cost: the time that passed through some lines of a file.

use crate::cost::ratio;
use crate::elapsed::Elapsed;
use pitstop_model::{Id, Profile, ThreadState};
use pitstop_stats::{ShareInterval, wilson95};
use rustc_hash::FxHashSet;
use std::ops::RangeInclusive;

/// Some lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The file, as the interpreter names it.
    pub file: String,
    /// Its lines, from 1.
    pub lines: RangeInclusive<u32>,
}

/// What it cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionCost {
    /// The share (0 to 1) of the run's elapsed time that was spent in these lines and in whatever
    /// they called. A stack that passes them several times counts once.
    pub share: f64,
    /// The range that share lies in, given the number of samples.
    pub interval: ShareInterval,
    /// That time, in nanoseconds.
    pub total_ns: f64,
    /// The run's elapsed time, in nanoseconds.
    pub whole_ns: f64,
    /// The share (0 to 1) of the region's time that was spent waiting.
    pub waiting: f64,
    /// The share (0 to 1) of the region's time that was spent in native code.
    pub native: f64,
}

/// Finds out what regions cost, in their order.
pub fn regions(profile: &Profile, elapsed: &Elapsed, regions: &[Region]) -> Vec<RegionCost> {
    let rows: Vec<_> = elapsed.rows(profile).collect();
    let whole_ns = elapsed.total_ns();
    regions
        .iter()
        .map(|region| {
            let inside = stacks_inside(profile, region);
            let (mut total_ns, mut waiting_ns, mut native_ns) = (0.0, 0.0, 0.0);
            for (row, _, ns) in &rows {
                if !row.stack.is_some_and(|stack| inside[stack.index()]) {
                    continue;
                }
                total_ns += ns;
                if row.state.is_waiting() {
                    waiting_ns += ns;
                }
                if matches!(
                    row.state,
                    ThreadState::NativeWithGil | ThreadState::NativeWithoutGil
                ) {
                    native_ns += ns;
                }
            }
            let share = ratio(total_ns, whole_ns);
            RegionCost {
                share,
                interval: wilson95(share, elapsed.instants),
                total_ns,
                whole_ns,
                waiting: ratio(waiting_ns, total_ns),
                native: ratio(native_ns, total_ns),
            }
        })
        .collect()
}

/// For each stack, whether any of its frames is in the region.
fn stacks_inside(profile: &Profile, region: &Region) -> Vec<bool> {
    let places = &profile.places;
    let files: Vec<bool> = places
        .files()
        .iter()
        .map(|file| profile.strings.get(file.path) == region.file)
        .collect();
    let frames: FxHashSet<usize> = places
        .frames()
        .iter()
        .enumerate()
        .filter(|(_, frame)| {
            let function = places.function(frame.function);
            files[function.file.index()] && region.lines.contains(&frame.line)
        })
        .map(|(index, _)| index)
        .collect();
    let mut inside: Vec<bool> = Vec::with_capacity(places.stacks().len());
    // Parents come first.
    for stack in places.stacks() {
        let own = frames.contains(&stack.frame.index());
        inside.push(own || stack.parent.is_some_and(|parent| inside[parent.index()]));
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState::{Blocked, NativeWithGil, Python};

    #[test]
    fn a_region_has_what_passes_through_it_once() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        s.spend(
            main,
            Python,
            300,
            "main app.py:9; f app.py:3; f app.py:4; g app.py:7",
        );
        s.spend(main, NativeWithGil, 100, "main app.py:9; f app.py:4");
        s.spend(
            main,
            Blocked,
            100,
            "main app.py:9; f app.py:3; recv lib/socket.py:3",
        );
        s.spend(main, Python, 500, "main app.py:10; other lib/else.py:3");
        let profile = s.finish();
        let elapsed = Elapsed::of(&profile);
        let of = |first, last| {
            let region = Region {
                file: profile
                    .strings
                    .get(profile.places.files()[0].path)
                    .to_owned(),
                lines: first..=last,
            };
            regions(&profile, &elapsed, &[region])[0]
        };
        let body = of(3, 4);
        assert_eq!((body.share, body.total_ns), (0.5, 5e8));
        assert_eq!((body.waiting, body.native), (0.2, 0.2));
        assert!(body.interval.low < 0.5 && body.interval.high > 0.5);
        assert_eq!(of(10, 10).share, 0.5);
        assert_eq!(of(20, 30).share, 0.0);
    }
}
