//! The tree of call paths of one thread.

use super::super::clock::Clock;
use super::callables::Callables;
use pitstop_model::{
    CallPath, Frame, FrameId, Profile, Row, Stack, StackId, ThreadId, ThreadState, Verdict,
};
use pitstop_wire::{Header, Kind, Node, SITE_SHIFT, Thread, Trace};
use rustc_hash::FxHashMap;

/// Calibration counts in these parts of a tick.
const PARTS: f64 = 1024.0;

/// A path whose children are to be visited.
struct Visit {
    unit: u32,
    node: Node,
    /// The frames that called it, with their lines.
    callers: Option<StackId>,
}

/// Adds a thread's paths to the Profile, and tells which stack each of them became.
pub(super) fn pour(
    profile: &mut Profile,
    trace: &Trace<'_>,
    header: &Header,
    clock: &Clock,
    callables: &mut Callables<'_>,
    (id, thread): (ThreadId, &Thread),
    stacks: &mut FxHashMap<u32, StackId>,
) {
    let open = time_of_open_calls(trace, thread);
    let mut visits: Vec<Visit> = children(trace, thread.root, None);
    while let Some(visit) = visits.pop() {
        let Some(known) = callables.get(visit.node.callable) else {
            continue;
        };
        let own_frame = profile.places.add_frame(Frame {
            function: known.function,
            line: 0,
        });
        let stack = add(profile, visit.callers, own_frame);
        stacks.insert(visit.unit, stack);
        let below = below(trace, callables, visit.unit, header);
        let mut groups: FxHashMap<u32, Option<StackId>> = FxHashMap::default();
        for (unit, node) in trace.children(visit.unit) {
            let site = (node.key >> SITE_SHIFT) as u32;
            let callers = *groups.entry(site).or_insert_with(|| {
                let frame = callables.frame_at(profile, visit.node.callable, site)?;
                Some(add(profile, visit.callers, frame))
            });
            visits.push(Visit {
                unit,
                node,
                callers,
            });
        }
        let spent = open.get(&visit.unit).copied().unwrap_or(0);
        let raw = visit.node.own.wrapping_add_signed(spent).cast_signed() as f64;
        charge(
            profile,
            trace,
            header,
            clock,
            &visit,
            (id, stack, known.kind),
            raw,
            below,
        );
    }
}

fn add(profile: &mut Profile, parent: Option<StackId>, frame: FrameId) -> StackId {
    profile.places.add_stack(Stack { parent, frame })
}

fn children(trace: &Trace<'_>, unit: u32, callers: Option<StackId>) -> Vec<Visit> {
    let visit = |(unit, node)| Visit {
        unit,
        node,
        callers,
    };
    trace.children(unit).map(visit).collect()
}

/// What recording the calls of a path's children cost the path itself, in ticks.
fn below(trace: &Trace<'_>, callables: &Callables<'_>, unit: u32, header: &Header) -> f64 {
    let costs = &header.calibration;
    let mut parts = 0.0;
    for (unit, child) in trace.children(unit) {
        let outside = match callables.get(child.callable).map(|known| known.kind) {
            Some(Kind::Python) => costs.python_outside,
            Some(_) => costs.native_outside,
            None => 0,
        };
        let resumptions = trace.cold(unit, &child).resumptions;
        parts += child.calls as f64 * outside as f64;
        parts += resumptions as f64 * costs.resumed_outside as f64;
    }
    parts / PARTS
}

#[expect(
    clippy::too_many_arguments,
    reason = "all of it is about this one path"
)]
fn charge(
    profile: &mut Profile,
    trace: &Trace<'_>,
    header: &Header,
    clock: &Clock,
    visit: &Visit,
    (thread, stack, kind): (ThreadId, StackId, Kind),
    raw: f64,
    below: f64,
) {
    let cold = trace.cold(visit.unit, &visit.node);
    let calls = visit.node.calls;
    if calls == 0 && cold.resumptions == 0 && raw == 0.0 {
        return;
    }
    let costs = &header.calibration;
    let inside = match kind {
        Kind::Python => costs.python_inside,
        Kind::BuiltIn | Kind::OtherNative => costs.native_inside,
    };
    let own_cost =
        calls as f64 * inside as f64 + cold.resumptions as f64 * costs.resumed_inside as f64;
    let self_ns = clock.duration_ns(raw - own_cost / PARTS - below);
    let call = profile.calls.intern(CallPath { thread, stack });
    let cost = profile.calls.cost_mut(call);
    cost.calls += calls;
    cost.resumptions += cold.resumptions;
    cost.raised += cold.raised;
    cost.self_ns += self_ns;
    cost.raw_self_ns += clock.duration_ns(raw);
    cost.waited_ns += clock.duration_ns(cold.waited as f64);
    let row = profile.series.intern(Row {
        thread,
        stack: Some(stack),
        state: match kind {
            Kind::Python => ThreadState::Python,
            Kind::BuiltIn | Kind::OtherNative => ThreadState::NativeWithGil,
        },
        wait: None,
        verdict: Verdict::Exact,
    });
    profile
        .series
        .add_many(row, calls + cold.resumptions, self_ns);
}

/// The calls that were running when the file was last written: what they took until then is in no
/// path yet, because that is written when a call ends.
fn time_of_open_calls(trace: &Trace<'_>, thread: &Thread) -> FxHashMap<u32, i64> {
    let mut open: FxHashMap<u32, i64> = FxHashMap::default();
    let mut unit = thread.current;
    let Some(mut node) = trace.node(unit) else {
        return open;
    };
    // Calls that found no room: what is known is who made them.
    if unit == thread.void {
        unit = node.parent;
        match trace.node(unit) {
            Some(caller) => node = caller,
            None => return open,
        }
    }
    let last = thread.last_ticks.max(node.began);
    while unit != thread.root {
        // Parents are older: this ends, whatever the file says.
        let Some(node) = trace.node(unit).filter(|node| node.parent < unit) else {
            break;
        };
        let spent = last.saturating_sub(node.began).cast_signed();
        let entry = open.entry(unit).or_default();
        *entry = entry.wrapping_add(spent);
        let entry = open.entry(node.parent).or_default();
        *entry = entry.wrapping_sub(spent);
        unit = node.parent;
    }
    open
}
