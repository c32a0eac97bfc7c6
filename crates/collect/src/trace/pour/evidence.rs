//! Arguments, queries and event loops of one process.

use super::super::clock::Clock;
use super::callables::Callables;
use pitstop_model::{
    BlockingCall, FrameId, Id, Profile, Query, RepeatedArguments, Reuse, SlowCallback, StringId,
    WatchedFunction,
};
use pitstop_wire::{Header, KeyRecord, REGISTERS, Trace, Watched, query, reuse_distance, watched};
use rustc_hash::FxHashMap;

/// How many of a function's repeated arguments are kept.
const MOST_REPEATED: usize = 50;

/// Adds what was watched to the Profile.
pub(super) fn pour(
    profile: &mut Profile,
    trace: &Trace<'_>,
    header: &Header,
    clock: &Clock,
    callables: &mut Callables<'_>,
) {
    let mut all: Vec<Watched> = trace.watched().collect();
    all.reverse();
    for watched in all {
        arguments(profile, trace, clock, callables, &watched);
    }
    queries(profile, trace, clock, callables);
    loops(profile, trace, clock, callables);
    let totals = header.evidence;
    profile.queries.commits += totals.commits;
    profile.queries.commit_ns += clock.duration_ns(totals.commit_ticks as f64);
    profile.loops.callbacks += totals.callbacks;
    profile.loops.callback_ns += clock.duration_ns(totals.callback_ticks as f64);
    let told = [
        (
            totals.lost,
            "calls, statements or callbacks found no room and are missing",
        ),
        (
            totals.uncompared,
            "statements were not compared with earlier ones, for want of room",
        ),
    ];
    for (count, what) in told.into_iter().filter(|(count, _)| *count > 0) {
        let note = format!("process {}: {count} {what}", header.pid);
        profile.meta.notes.push(note);
    }
}

/// The number of different keys by the registers of a HyperLogLog (Flajolet and others, 2007).
fn estimate(registers: &[u8]) -> f64 {
    let m = registers.len() as f64;
    let sum: f64 = registers
        .iter()
        .map(|&run| 0.5_f64.powi(i32::from(run)))
        .sum();
    0.7213 / (1.0 + 1.079 / m) * m * m / sum
}

fn arguments(
    profile: &mut Profile,
    trace: &Trace<'_>,
    clock: &Clock,
    callables: &Callables<'_>,
    watched: &Watched,
) {
    let Some(known) = callables.get(watched.callable) else {
        return;
    };
    let ns = |ticks: u64| clock.duration_ns(ticks as f64);
    let index = u32::try_from(profile.arguments.functions.len()).unwrap_or(u32::MAX);
    let time_ns = ns(watched.ticks);
    let mut function = WatchedFunction {
        function: known.function,
        skipped: watched.flags & watched::SKIPPED != 0,
        calls: watched.calls,
        raised: watched.raised.min(watched.calls),
        distinct: u64::from(watched.key_count),
        hits: watched.hits.min(watched.calls),
        estimated: false,
        time_ns,
        repeat_ns: ns(watched.repeat_ticks).min(time_ns),
        by_identity: watched.by_identity,
        own_equality: watched.own_equality,
        unhashable: watched.unhashable,
        temporary: watched.temporary,
        agreed: watched.agreed,
        differed: watched.differed,
        unknown: watched.unknown,
    };
    let registers = trace.registers(watched);
    if watched.untracked_calls > 0 && registers.len() == REGISTERS {
        let tracked = function.distinct as f64;
        let distinct = estimate(registers).clamp(tracked, watched.calls as f64);
        let new = (distinct - tracked).min(watched.untracked_calls as f64);
        let repeated = watched.untracked_calls as f64 - new;
        let share = repeated / watched.untracked_calls as f64;
        function.estimated = true;
        function.distinct = distinct as u64;
        function.hits = (function.hits + repeated as u64).min(function.calls);
        let more_ns = clock.duration_ns(watched.untracked_ticks as f64 * share);
        function.repeat_ns = (function.repeat_ns + more_ns).min(time_ns);
    }
    profile.arguments.functions.push(function);
    for (bucket, calls) in trace.reuse(watched).enumerate() {
        if calls > 0 {
            let distance = reuse_distance(bucket);
            profile.arguments.reuse.push(Reuse {
                function: index,
                distance,
                calls,
            });
        }
    }
    let mut keys: Vec<KeyRecord> = trace.keys(watched).filter(|key| key.calls > 1).collect();
    keys.sort_by_key(|key| (std::cmp::Reverse(key.calls), key.hash));
    for key in keys.into_iter().take(MOST_REPEATED) {
        let text = String::from_utf8_lossy(trace.text(key.text));
        let text = (!text.is_empty()).then(|| profile.strings.intern(&text));
        profile.arguments.repeated.push(RepeatedArguments {
            function: index,
            text,
            calls: key.calls,
            time_ns: ns(key.ticks),
            repeat_ns: ns(key.repeat_ticks),
            differed: key.differed.into(),
        });
    }
}

fn frame(
    profile: &mut Profile,
    callables: &mut Callables<'_>,
    callable: u32,
    site: u32,
) -> Option<FrameId> {
    (callable != 0).then(|| callables.frame_at(profile, callable, site))?
}

/// The label of a callable: the name that `pstats` gives a built-in one.
fn label(profile: &Profile, callables: &Callables<'_>, callable: u32) -> StringId {
    let known = callables.get(callable);
    known.map_or(pitstop_model::Strings::EMPTY, |known| {
        profile.places.function(known.function).qualname
    })
}

fn queries(profile: &mut Profile, trace: &Trace<'_>, clock: &Clock, callables: &mut Callables<'_>) {
    let ns = |ticks: u64| clock.duration_ns(ticks as f64);
    let mut all: Vec<_> = trace.queries().collect();
    all.reverse();
    let first = profile.queries.queries.len();
    let positions: FxHashMap<u32, u32> = all
        .iter()
        .zip(first..)
        .filter_map(|((unit, _), at)| Some((*unit, u32::try_from(at).ok()?)))
        .collect();
    for (_, entry) in &all {
        let text = String::from_utf8_lossy(trace.text(entry.text));
        let text = profile.strings.intern(&text);
        let place = frame(profile, callables, entry.callable, entry.site);
        let caller = frame(profile, callables, entry.caller, entry.caller_site);
        let query = Query {
            text,
            driver: label(profile, callables, entry.driver),
            place,
            caller,
            reads: entry.flags & query::READS != 0,
            writes: entry.flags & query::WRITES != 0,
            many: entry.flags & query::MANY != 0,
            count: entry.count,
            time_ns: ns(entry.ticks),
            longest_ns: ns(entry.longest),
            rows: entry.rows,
            raised: entry.raised,
            repeated: entry.repeated,
            lone_commits: entry.lone_commits,
            longest_burst: entry.longest_burst,
            parent: positions.get(&entry.longest_parent).copied(),
        };
        profile.queries.queries.push(query);
    }
}

fn loops(profile: &mut Profile, trace: &Trace<'_>, clock: &Clock, callables: &mut Callables<'_>) {
    let ns = |ticks: u64| clock.duration_ns(ticks as f64);
    for entry in trace.blocking().filter(|entry| entry.count > 0) {
        let place = frame(profile, callables, entry.callable, entry.site);
        let what = label(profile, callables, entry.native);
        profile.loops.blocking.push(BlockingCall {
            what,
            place,
            count: entry.count,
            time_ns: ns(entry.ticks),
            longest_ns: ns(entry.longest),
        });
    }
    for entry in trace.slow().filter(|entry| entry.count > 0) {
        let label = String::from_utf8_lossy(trace.text(entry.label));
        let label = profile.strings.intern(&label);
        let function = callables.get(entry.callable).map(|known| known.function);
        debug_assert!(function.is_none_or(|id| id.index() < profile.places.functions().len()));
        profile.loops.slow.push(SlowCallback {
            label,
            function,
            count: entry.count,
            time_ns: ns(entry.ticks),
            longest_ns: ns(entry.longest),
            blocked_ns: ns(entry.blocked),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_near_what_was_counted() {
        let mut registers = [0_u8; REGISTERS];
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut hash = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            hash ^= hash >> 31;
            let run = ((hash << 10) | 1 << 9).leading_zeros() as u8 + 1;
            let register = &mut registers[(hash >> 54) as usize];
            *register = (*register).max(run);
        }
        let estimate = estimate(&registers);
        // Its standard error is 1.04 / sqrt(1024), 3.25 per cent; three of them.
        assert!((180_000.0..220_000.0).contains(&estimate), "{estimate}");
    }
}
