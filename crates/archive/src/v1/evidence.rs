//! What version 1 keeps of arguments, queries and event loops: tags 30 to 36.
//!
//! They are complete when they are written, so their tables only grow.

use super::tables::{narrow, put, take};
use crate::column::{Flaw, Input, put_varint};
use pitstop_model::{
    BlockingCall, FrameId, FunctionId, Profile, Query, RepeatedArguments, Reuse, SlowCallback,
    StringId, WatchedFunction,
};

type Result<T> = std::result::Result<T, Flaw>;

fn bits<const N: usize>(flags: [bool; N]) -> u64 {
    flags
        .iter()
        .enumerate()
        .map(|(bit, &flag)| u64::from(flag) << bit)
        .sum()
}

fn optional(value: u64) -> Result<Option<u32>> {
    value.checked_sub(1).map(narrow).transpose()
}

/// Numbers that belong to no entry: what was watched at all, and totals.
pub(super) type Totals = [u64; 7];

pub(super) fn totals(profile: &Profile) -> Totals {
    let (queries, loops) = (&profile.queries, &profile.loops);
    [
        queries.watched.into(),
        queries.commits,
        queries.commit_ns,
        loops.watched.into(),
        loops.slow_ns,
        loops.callbacks,
        loops.callback_ns,
    ]
}

pub(super) fn put_totals(out: &mut Vec<u8>, totals: &Totals) {
    for &number in totals {
        put_varint(out, number);
    }
}

pub(super) fn take_totals(input: &mut Input<'_>, profile: &mut Profile) -> Result<()> {
    let (queries, loops) = (&mut profile.queries, &mut profile.loops);
    queries.watched = input.varint()? != 0;
    queries.commits = input.varint()?;
    queries.commit_ns = input.varint()?;
    loops.watched = input.varint()? != 0;
    loops.slow_ns = input.varint()?;
    loops.callbacks = input.varint()?;
    loops.callback_ns = input.varint()?;
    Ok(())
}

pub(super) fn put_watched(out: &mut Vec<u8>, entries: &[WatchedFunction]) {
    put(
        out,
        entries,
        [
            |f| f.function.0.into(),
            |f| bits([f.skipped, f.estimated]),
            |f| f.calls,
            |f| f.raised,
            |f| f.distinct,
            |f| f.hits,
            |f| f.time_ns,
            |f| f.repeat_ns,
            |f| f.by_identity,
            |f| f.own_equality,
            |f| f.unhashable,
            |f| f.temporary,
            |f| f.agreed,
            |f| f.differed,
            |f| f.unknown,
        ],
    );
}

pub(super) fn take_watched(input: &mut Input<'_>, count: usize, p: &mut Profile) -> Result<()> {
    for entry in take::<15>(input, count)? {
        let [
            function,
            flags,
            calls,
            raised,
            distinct,
            hits,
            time_ns,
            repeat_ns,
            rest @ ..,
        ] = entry;
        let [
            by_identity,
            own_equality,
            unhashable,
            temporary,
            agreed,
            differed,
            unknown,
        ] = rest;
        p.arguments.functions.push(WatchedFunction {
            function: FunctionId(narrow(function)?),
            skipped: flags & 1 != 0,
            estimated: flags & 2 != 0,
            calls,
            raised,
            distinct,
            hits,
            time_ns,
            repeat_ns,
            by_identity,
            own_equality,
            unhashable,
            temporary,
            agreed,
            differed,
            unknown,
        });
    }
    Ok(())
}

pub(super) fn put_repeated(out: &mut Vec<u8>, entries: &[RepeatedArguments]) {
    put(
        out,
        entries,
        [
            |r| r.function.into(),
            |r| r.text.map_or(0, |text| u64::from(text.0) + 1),
            |r| r.calls,
            |r| r.time_ns,
            |r| r.repeat_ns,
            |r| r.differed,
        ],
    );
}

pub(super) fn take_repeated(input: &mut Input<'_>, count: usize, p: &mut Profile) -> Result<()> {
    for [function, text, calls, time_ns, repeat_ns, differed] in take(input, count)? {
        p.arguments.repeated.push(RepeatedArguments {
            function: narrow(function)?,
            text: optional(text)?.map(StringId),
            calls,
            time_ns,
            repeat_ns,
            differed,
        });
    }
    Ok(())
}

pub(super) fn put_reuse(out: &mut Vec<u8>, entries: &[Reuse]) {
    put(
        out,
        entries,
        [|r| r.function.into(), |r| r.distance, |r| r.calls],
    );
}

pub(super) fn take_reuse(input: &mut Input<'_>, count: usize, p: &mut Profile) -> Result<()> {
    for [function, distance, calls] in take(input, count)? {
        let function = narrow(function)?;
        p.arguments.reuse.push(Reuse {
            function,
            distance,
            calls,
        });
    }
    Ok(())
}

pub(super) fn put_queries(out: &mut Vec<u8>, entries: &[Query]) {
    put(
        out,
        entries,
        [
            |q| q.text.0.into(),
            |q| q.driver.0.into(),
            |q| q.place.map_or(0, |place| u64::from(place.0) + 1),
            |q| q.caller.map_or(0, |place| u64::from(place.0) + 1),
            |q| bits([q.reads, q.writes, q.many]),
            |q| q.count,
            |q| q.time_ns,
            |q| q.longest_ns,
            |q| q.rows,
            |q| q.raised,
            |q| q.repeated,
            |q| q.lone_commits,
            |q| q.longest_burst,
            |q| q.parent.map_or(0, |parent| u64::from(parent) + 1),
        ],
    );
}

pub(super) fn take_queries(input: &mut Input<'_>, count: usize, p: &mut Profile) -> Result<()> {
    for entry in take::<14>(input, count)? {
        let [
            text,
            driver,
            place,
            caller,
            flags,
            count,
            time_ns,
            rest @ ..,
        ] = entry;
        let [
            longest_ns,
            rows,
            raised,
            repeated,
            lone_commits,
            longest_burst,
            parent,
        ] = rest;
        p.queries.queries.push(Query {
            text: StringId(narrow(text)?),
            driver: StringId(narrow(driver)?),
            place: optional(place)?.map(FrameId),
            caller: optional(caller)?.map(FrameId),
            reads: flags & 1 != 0,
            writes: flags & 2 != 0,
            many: flags & 4 != 0,
            count,
            time_ns,
            longest_ns,
            rows,
            raised,
            repeated,
            lone_commits,
            longest_burst,
            parent: optional(parent)?,
        });
    }
    Ok(())
}

pub(super) fn put_blocking(out: &mut Vec<u8>, entries: &[BlockingCall]) {
    put(
        out,
        entries,
        [
            |b| b.what.0.into(),
            |b| b.place.map_or(0, |place| u64::from(place.0) + 1),
            |b| b.count,
            |b| b.time_ns,
            |b| b.longest_ns,
        ],
    );
}

pub(super) fn take_blocking(input: &mut Input<'_>, count: usize, p: &mut Profile) -> Result<()> {
    for [what, place, count, time_ns, longest_ns] in take(input, count)? {
        p.loops.blocking.push(BlockingCall {
            what: StringId(narrow(what)?),
            place: optional(place)?.map(FrameId),
            count,
            time_ns,
            longest_ns,
        });
    }
    Ok(())
}

pub(super) fn put_slow(out: &mut Vec<u8>, entries: &[SlowCallback]) {
    put(
        out,
        entries,
        [
            |s| s.label.0.into(),
            |s| s.function.map_or(0, |function| u64::from(function.0) + 1),
            |s| s.count,
            |s| s.time_ns,
            |s| s.longest_ns,
            |s| s.blocked_ns,
        ],
    );
}

pub(super) fn take_slow(input: &mut Input<'_>, count: usize, p: &mut Profile) -> Result<()> {
    for [label, function, count, time_ns, longest_ns, blocked_ns] in take(input, count)? {
        p.loops.slow.push(SlowCallback {
            label: StringId(narrow(label)?),
            function: optional(function)?.map(FunctionId),
            count,
            time_ns,
            longest_ns,
            blocked_ns,
        });
    }
    Ok(())
}
