//! The timed lines of a process as those of the Profile.

use super::callables::Callables;
use crate::trace::clock::Clock;
use pitstop_model::{LineCost, Profile, TimedFunction};
use pitstop_wire::{Header, LineFrame, LineRecord, Trace};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// No thread is deeper in timed functions, as far as what still ran is concerned.
const MOST_FRAMES: usize = 1 << 16;

/// Adds the lines of one process. `end_ns` is when the recording ended: what still ran then, ran
/// until then.
pub(super) fn pour(
    profile: &mut Profile,
    trace: &Trace<'_>,
    header: &Header,
    clock: &Clock,
    callables: &Callables<'_>,
    end_ns: u64,
) {
    let running = running(trace, clock, end_ns);
    let mut timed: Vec<_> = trace.timed().collect();
    timed.reverse();
    for (unit, code) in timed {
        let Some(known) = callables.get(code.callable) else {
            continue;
        };
        let mut lines = BTreeMap::new();
        for (place, (line, mut record)) in trace.lines(&code).enumerate() {
            let last = u32::try_from(place + 1).unwrap_or(u32::MAX);
            if let Some(more) = running.get(&(unit, last)) {
                record.own = record.own.wrapping_add(more.own);
                record.inclusive = record.inclusive.wrapping_add(more.inclusive);
            }
            if record.hits > 0 {
                lines.insert(line, cost(&record, header, clock));
            }
        }
        let functions = &mut profile.line_times.functions;
        match functions
            .iter_mut()
            .find(|one| one.function == known.function)
        {
            Some(function) => {
                function.calls += code.calls;
                add(function, lines);
            }
            None => functions.push(TimedFunction {
                function: known.function,
                calls: code.calls,
                lines: lines.into_iter().collect(),
            }),
        }
    }
}

/// Adds the lines of the same function in another process.
fn add(function: &mut TimedFunction, lines: BTreeMap<u32, LineCost>) {
    let mut sum: BTreeMap<u32, LineCost> = function.lines.drain(..).collect();
    for (line, cost) in lines {
        let known = sum.entry(line).or_default();
        known.hits += cost.hits;
        known.self_ns += cost.self_ns;
        known.inclusive_ns += cost.inclusive_ns;
        known.waited_ns += cost.waited_ns;
    }
    function.lines = sum.into_iter().collect();
}

/// What measuring the line itself cost is taken off both times. What measuring the lines of the
/// functions cost that it called is part of its time with them, as it is part of theirs in no
/// other place.
fn cost(record: &LineRecord, header: &Header, clock: &Clock) -> LineCost {
    let a_line = header.calibration.line as f64 / 1024.0;
    let a_call = header.calibration.timed_outside as f64 / 1024.0;
    let spent = record.hits as f64 * a_line + record.timed_calls as f64 * a_call;
    // The own time is kept wrapping: what a call took is taken off before the line has ended.
    let own = record.own.cast_signed() as f64;
    LineCost {
        hits: record.hits,
        self_ns: clock.duration_ns(own - spent),
        inclusive_ns: clock.duration_ns(record.inclusive as f64 - spent),
        waited_ns: clock.duration_ns(record.waited as f64),
    }
}

/// What the lines ran that had not ended when the recording did, by timed code object and place of
/// the line plus one, as a record of which only the times count.
fn running(trace: &Trace<'_>, clock: &Clock, end_ns: u64) -> FxHashMap<(u32, u32), LineRecord> {
    let mut running: FxHashMap<(u32, u32), LineRecord> = FxHashMap::default();
    let end = clock.ticks_at(end_ns);
    for (_, thread) in trace.threads() {
        // A greenlet that never went on was not running any more.
        let end = match thread.paused {
            0 => end,
            paused => paused,
        };
        // What the frame further in has taken so far.
        let mut inner = 0;
        for frame in trace.line_frames(&thread, MOST_FRAMES) {
            let spent = end.wrapping_sub(frame.since);
            if is_possible(&frame, end) && frame.last != 0 {
                let line = running.entry((frame.timed, frame.last)).or_default();
                let called = frame.called.wrapping_add(inner);
                line.own = line.own.wrapping_add(spent.wrapping_sub(called));
                if frame.is_outermost != 0 {
                    line.inclusive = line.inclusive.wrapping_add(spent);
                }
            }
            inner = end.wrapping_sub(frame.began);
        }
    }
    running
}

/// A file of a hostile or dying process may hold anything.
fn is_possible(frame: &LineFrame, end: u64) -> bool {
    frame.began <= frame.since && frame.since <= end
}
