//! What a trace adds to version 1: calls by path, timed lines, single calls in time, losses.
//!
//! Costs grow while the program runs, so calls, timed functions and lines are written again under
//! their position once they changed; spans only grow.

use super::tables::{appended, narrow, put, replace_or_push, take};
use crate::column::{Flaw, Input, put_varint};
use pitstop_model::{
    CallCost, CallPath, Calls, FunctionId, LineCost, LineTimes, Profile, Span, Spans, StackId,
    ThreadId, TimedFunction,
};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, Flaw>;

/// A call path with its cost.
pub(super) type Call = (CallPath, CallCost);
/// A timed function without its lines, and how often it was called.
pub(super) type Timed = (FunctionId, u64);
/// A line by the position of its timed function and its number.
pub(super) type LineAt = (u32, u32);

/// The functions whose lines were timed, without these.
pub(super) fn timed(times: &LineTimes) -> impl Iterator<Item = Timed> + '_ {
    let functions = times.functions.iter();
    functions.map(|timed| (timed.function, timed.calls))
}

/// All timed lines.
pub(super) fn lines(times: &LineTimes) -> impl Iterator<Item = (LineAt, LineCost)> + '_ {
    times.functions.iter().zip(0..).flat_map(|(timed, index)| {
        let lines = timed.lines.iter();
        lines.map(move |&(line, cost)| ((index, line), cost))
    })
}

/// What found no room while the program ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    calls: u64,
    lines: u64,
    spans: u64,
}

impl Losses {
    pub(super) fn of(profile: &Profile) -> Self {
        Self {
            calls: profile.calls.lost,
            lines: profile.line_times.lost,
            spans: profile.spans.lost,
        }
    }

    pub(super) fn put(self, out: &mut Vec<u8>) {
        for lost in [self.calls, self.lines, self.spans] {
            put_varint(out, lost);
        }
    }

    pub(super) fn take(input: &mut Input<'_>, profile: &mut Profile) -> Result<()> {
        profile.calls.lost = input.varint()?;
        profile.line_times.lost = input.varint()?;
        profile.spans.lost = input.varint()?;
        Ok(())
    }
}

pub(super) fn put_calls(out: &mut Vec<u8>, changed: &[(usize, Call)]) {
    put(
        out,
        changed,
        [
            |(index, _)| *index as u64,
            |(_, (path, _))| path.thread.0.into(),
            |(_, (path, _))| path.stack.0.into(),
            |(_, (_, cost))| cost.calls,
            |(_, (_, cost))| cost.resumptions,
            |(_, (_, cost))| cost.raised,
            |(_, (_, cost))| cost.self_ns,
            |(_, (_, cost))| cost.raw_self_ns,
            |(_, (_, cost))| cost.waited_ns,
        ],
    );
}

pub(super) fn take_calls(input: &mut Input<'_>, count: usize, calls: &mut Calls) -> Result<()> {
    for entry in take(input, count)? {
        let [
            index,
            thread,
            stack,
            calls_begun,
            resumptions,
            raised,
            self_ns,
            raw_self_ns,
            waited_ns,
        ] = entry;
        let id = calls.intern(CallPath {
            thread: ThreadId(narrow(thread)?),
            stack: StackId(narrow(stack)?),
        });
        appended(id, usize::try_from(index).unwrap_or(usize::MAX))?;
        *calls.cost_mut(id) = CallCost {
            calls: calls_begun,
            resumptions,
            raised,
            self_ns,
            raw_self_ns,
            waited_ns,
        };
    }
    Ok(())
}

pub(super) fn put_timed(out: &mut Vec<u8>, changed: &[(usize, Timed)]) {
    put(
        out,
        changed,
        [
            |(index, _)| *index as u64,
            |(_, (function, _))| function.0.into(),
            |(_, (_, calls))| *calls,
        ],
    );
}

pub(super) fn put_lines(out: &mut Vec<u8>, changed: &[(LineAt, LineCost)]) {
    put(
        out,
        changed,
        [
            |((function, _), _)| (*function).into(),
            |((_, line), _)| (*line).into(),
            |(_, cost)| cost.hits,
            |(_, cost)| cost.self_ns,
            |(_, cost)| cost.inclusive_ns,
            |(_, cost)| cost.waited_ns,
        ],
    );
}

pub(super) fn put_spans(out: &mut Vec<u8>, spans: &[Span]) {
    put(
        out,
        spans,
        [
            |span| span.thread.0.into(),
            |span| span.stack.0.into(),
            |span| span.start_ns,
            |span| span.duration_ns,
        ],
    );
}

pub(super) fn take_spans(input: &mut Input<'_>, count: usize, spans: &mut Spans) -> Result<()> {
    for [thread, stack, start_ns, duration_ns] in take(input, count)? {
        spans.spans.push(Span {
            thread: ThreadId(narrow(thread)?),
            stack: StackId(narrow(stack)?),
            start_ns,
            duration_ns,
        });
    }
    Ok(())
}

/// Timed functions and lines while they are read. A map, because a forged file may give lines in
/// any order, and putting them in order one by one would take time in proportion to the square.
#[derive(Debug, Default)]
pub(super) struct TakenLines {
    functions: Vec<Timed>,
    lines: BTreeMap<LineAt, LineCost>,
}

impl TakenLines {
    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.functions.len() + self.lines.len()
    }

    pub(super) fn take_timed(&mut self, input: &mut Input<'_>, count: usize) -> Result<()> {
        for [index, function, calls] in take(input, count)? {
            let timed = (FunctionId(narrow(function)?), calls);
            replace_or_push(&mut self.functions, index, timed)?;
        }
        Ok(())
    }

    pub(super) fn take_lines(&mut self, input: &mut Input<'_>, count: usize) -> Result<()> {
        for [function, line, hits, self_ns, inclusive_ns, waited_ns] in take(input, count)? {
            let at = (narrow(function)?, narrow(line)?);
            if at.0 as usize >= self.functions.len() {
                return Err(Flaw("a line belongs to a timed function that is not there"));
            }
            let cost = LineCost {
                hits,
                self_ns,
                inclusive_ns,
                waited_ns,
            };
            self.lines.insert(at, cost);
        }
        Ok(())
    }

    /// The functions with their lines.
    pub(super) fn finish(self) -> Vec<TimedFunction> {
        let timed = |(function, calls)| TimedFunction {
            function,
            calls,
            lines: Vec::new(),
        };
        let mut functions: Vec<TimedFunction> = self.functions.into_iter().map(timed).collect();
        for ((index, line), cost) in self.lines {
            functions[index as usize].lines.push((line, cost));
        }
        functions
    }
}
