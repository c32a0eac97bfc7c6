//! `pitstop/calls@1`.

use super::document;
use crate::calls::{Listing, chosen};
use pitstop_analysis::TraceSummary;
use pitstop_analysis::calls::{CallTable, Caller, Label};
use serde::Serialize;

#[derive(Serialize)]
struct CallsJson<'a> {
    schema: &'static str,
    /// True where "calls" are samples.
    sampled: bool,
    calls: u64,
    primitive_calls: u64,
    own_ns: u64,
    /// How many functions there are, listed or not.
    functions_total: usize,
    functions: Vec<FunctionJson<'a>>,
    /// Of our own recordings only.
    trace: Option<TraceJson<'a>>,
}

#[derive(Serialize)]
struct LabelJson<'a> {
    file: &'a str,
    line: i64,
    name: &'a str,
}

impl<'a> From<&'a Label> for LabelJson<'a> {
    fn from(label: &'a Label) -> Self {
        Self {
            file: &label.file,
            line: label.line,
            name: &label.name,
        }
    }
}

#[derive(Serialize)]
struct FunctionJson<'a> {
    #[serde(flatten)]
    label: LabelJson<'a>,
    calls: u64,
    primitive_calls: u64,
    own_ns: u64,
    cumulative_ns: u64,
    callers: Vec<CallerJson<'a>>,
}

#[derive(Serialize)]
struct CallerJson<'a> {
    #[serde(flatten)]
    label: LabelJson<'a>,
    calls: u64,
    primitive_calls: Option<u64>,
    own_ns: Option<u64>,
    cumulative_ns: Option<u64>,
}

#[derive(Serialize)]
struct TraceJson<'a> {
    tool: &'a str,
    argv: &'a [String],
    python: &'a str,
    duration_ns: u64,
    threads: usize,
    processes: usize,
    calls: u64,
    native_calls: u64,
    resumptions: u64,
    raised: u64,
    self_ns: u64,
    correction_ns: u64,
    waited_ns: u64,
    lost_calls: u64,
    spans: usize,
    lost_spans: u64,
    notes: &'a [String],
}

/// The functions that a listing lists, in its order, with their callers.
pub fn calls(table: &CallTable, listing: &Listing, summary: Option<&TraceSummary>) -> String {
    let functions = chosen(table, listing)
        .into_iter()
        .map(|function| FunctionJson {
            label: (&function.label).into(),
            calls: function.calls,
            primitive_calls: function.primitive,
            own_ns: ns(function.own_s),
            cumulative_ns: ns(function.total_s),
            callers: function.callers.iter().map(caller).collect(),
        });
    document(&CallsJson {
        schema: "pitstop/calls@1",
        sampled: table.is_sampled,
        calls: table.calls,
        primitive_calls: table.primitive,
        own_ns: ns(table.own_s),
        functions_total: table.functions().len(),
        functions: functions.collect(),
        trace: summary.map(trace),
    })
}

fn caller((label, caller): &(Label, Caller)) -> CallerJson<'_> {
    let (primitive_calls, own_ns, cumulative_ns) = match *caller {
        Caller::Count(_) => (None, None, None),
        Caller::Timed {
            primitive,
            own_s,
            total_s,
            ..
        } => (Some(primitive), Some(ns(own_s)), Some(ns(total_s))),
    };
    CallerJson {
        label: label.into(),
        calls: caller.calls(),
        primitive_calls,
        own_ns,
        cumulative_ns,
    }
}

/// Seconds in whole nanoseconds; 0 for what is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats saturate"
)]
fn ns(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

fn trace(summary: &TraceSummary) -> TraceJson<'_> {
    TraceJson {
        tool: &summary.run.tool_version,
        argv: &summary.run.command,
        python: &summary.run.python,
        duration_ns: summary.run.duration_ns,
        threads: summary.threads,
        processes: summary.processes,
        calls: summary.calls,
        native_calls: summary.native_calls,
        resumptions: summary.resumptions,
        raised: summary.raised,
        self_ns: summary.self_ns,
        correction_ns: summary.correction_ns,
        waited_ns: summary.waited_ns,
        lost_calls: summary.lost_calls,
        spans: summary.spans,
        lost_spans: summary.lost_spans,
        notes: &summary.notes,
    }
}
