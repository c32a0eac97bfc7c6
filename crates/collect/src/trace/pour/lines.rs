//! The timed lines of a process.

use super::super::clock::Clock;
use super::callables::Callables;
use pitstop_model::{LineCost, Profile, TimedFunction};
use pitstop_wire::{Header, LineRecord, Trace};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Calibration counts in these parts of a tick.
const PARTS: f64 = 1024.0;

/// No program has more activations of timed functions open at once.
const MOST_OPEN: usize = 1 << 20;

/// What the running line of an activation took until the last event, which is in no record yet.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    own: i64,
    inclusive: u64,
}

/// Adds the lines that a process timed to those of the others.
pub(super) fn pour(
    profile: &mut Profile,
    trace: &Trace<'_>,
    header: &Header,
    clock: &Clock,
    callables: &Callables<'_>,
) {
    let open = open_lines(trace);
    let mut all: Vec<_> = trace.timed().collect();
    all.reverse();
    for (unit, timed) in all {
        let Some(known) = callables.get(timed.callable) else {
            continue;
        };
        let mut lines: BTreeMap<u32, LineCost> = BTreeMap::new();
        for (line, mut record) in trace.lines(&timed) {
            if record.hits == 0 {
                continue;
            }
            if let Some(open) = open.get(&(unit, line)) {
                record.own = record.own.wrapping_add_signed(open.own);
                record.inclusive = record.inclusive.saturating_add(open.inclusive);
            }
            lines.insert(line, cost_of(&record, header, clock));
        }
        if timed.calls > 0 || !lines.is_empty() {
            merge(profile, known.function, timed.calls, lines);
        }
    }
}

fn cost_of(record: &LineRecord, header: &Header, clock: &Clock) -> LineCost {
    let costs = &header.calibration;
    // What recording this line, and the timed functions it called, has cost.
    let parts = record.hits as f64 * costs.line as f64
        + record.timed_calls as f64 * costs.timed_outside as f64;
    let own = record.own.cast_signed() as f64;
    LineCost {
        hits: record.hits,
        self_ns: clock.duration_ns(own - parts / PARTS),
        inclusive_ns: clock.duration_ns(record.inclusive as f64 - parts / PARTS),
        waited_ns: clock.duration_ns(record.waited as f64),
    }
}

/// Activations that were running when the file was last written, by their lines.
fn open_lines(trace: &Trace<'_>) -> FxHashMap<(u32, u32), Open> {
    let mut open: FxHashMap<(u32, u32), Open> = FxHashMap::default();
    for (_, thread) in trace.threads() {
        let mut frames = trace.line_frames(&thread, MOST_OPEN);
        // The innermost one's line began, or went on, with the last event.
        let Some(innermost) = frames.next() else {
            continue;
        };
        let mut called = innermost.since.saturating_sub(innermost.began);
        for frame in frames {
            let spent = innermost.since.saturating_sub(frame.since);
            if let Some(place) = frame.last.checked_sub(1) {
                let line = frame.first_line.saturating_add(place);
                let entry = open.entry((frame.timed, line)).or_default();
                let inner = frame.called.saturating_add(called);
                let own = spent.wrapping_sub(inner).cast_signed();
                entry.own = entry.own.wrapping_add(own);
                if frame.is_outermost != 0 {
                    entry.inclusive = entry.inclusive.saturating_add(spent);
                }
            }
            called = innermost.since.saturating_sub(frame.began);
        }
    }
    open
}

fn merge(
    profile: &mut Profile,
    function: pitstop_model::FunctionId,
    calls: u64,
    lines: BTreeMap<u32, LineCost>,
) {
    let functions = &mut profile.line_times.functions;
    let known = functions
        .iter_mut()
        .find(|known| known.function == function);
    let Some(known) = known else {
        functions.push(TimedFunction {
            function,
            calls,
            lines: lines.into_iter().collect(),
        });
        return;
    };
    known.calls += calls;
    let mut all: BTreeMap<u32, LineCost> = known.lines.drain(..).collect();
    for (line, cost) in lines {
        let sum = all.entry(line).or_default();
        sum.hits += cost.hits;
        sum.self_ns += cost.self_ns;
        sum.inclusive_ns += cost.inclusive_ns;
        sum.waited_ns += cost.waited_ns;
    }
    known.lines = all.into_iter().collect();
}
