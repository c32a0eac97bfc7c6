//! A timeline for Perfetto and `chrome://tracing`: every call that kept its time, thread by thread.
//!
//! Written from the "Trace Event Format" document, in its object form, the only one all viewers take.
//! Times are microseconds with three decimals. Viewers want the events of a thread to nest strictly,
//! so a call that would end after its caller, by a clock's tick, ends with it. What found no room is
//! counted in `otherData` and said by an event at the start.

use crate::Options;
use crate::names::{Names, clean, title};
use crate::place::Place;
use pitstop_model::{Id, ProcessId, Profile, Span, ThreadId};
use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Thread ids are below this on Linux (`PID_MAX_LIMIT` in `include/linux/threads.h`), so that ids
/// from here on are nobody's.
const FIRST_FREE_ID: u32 = 1 << 22;

pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let names = Names::new(profile);
    let ids = thread_ids(profile);
    let mut events = Events { out, any: false };
    events.out.write_all(b"{\"traceEvents\":[")?;
    for (index, process) in profile.timeline.processes.iter().enumerate() {
        let name = names.process(ProcessId::from_index(index));
        let meta = |what: &str, args: Value| json!({"ph": "M", "pid": process.pid, "tid": 0, "name": what, "args": args});
        events.put(&meta("process_name", json!({ "name": name })))?;
        events.put(&meta("process_sort_index", json!({ "sort_index": index })))?;
    }
    for (index, &tid) in ids.iter().enumerate() {
        let thread = ThreadId::from_index(index);
        let pid = pid_of(profile, thread);
        let meta = |what: &str, args: Value| json!({"ph": "M", "pid": pid, "tid": tid, "name": what, "args": args});
        events.put(&meta(
            "thread_name",
            json!({ "name": names.thread(thread) }),
        ))?;
        events.put(&meta("thread_sort_index", json!({ "sort_index": index })))?;
    }
    let lost = profile.spans.lost;
    if lost > 0 {
        let pid = profile
            .timeline
            .processes
            .first()
            .map_or(0, |process| process.pid);
        events.put(&json!({
            "ph": "i", "s": "g", "pid": pid, "tid": 0, "ts": 0, "cat": "pitstop",
            "name": format!("{lost} calls are missing: they found no room"),
        }))?;
    }
    for point in &profile.timeline.curve {
        let pid = profile
            .timeline
            .processes
            .first()
            .map_or(0, |process| process.pid);
        events.put(&json!({
            "ph": "C", "pid": pid, "tid": 0, "ts": microseconds(point.time_ns),
            "name": "resident memory", "args": {"bytes": point.rss_bytes},
        }))?;
    }
    for span in nested(&profile.spans.spans) {
        events.put(&event(profile, &span, ids[span.thread.index()]))?;
    }
    let other = json!({
        "tool": format!("pitstop {}", profile.meta.tool_version).trim_end(),
        "title": title(profile, options.title.as_deref()),
        "host": clean(&profile.meta.host),
        "calls": profile.spans.spans.len(),
        "lost_calls": lost,
    });
    write!(
        events.out,
        "\n],\"displayTimeUnit\":\"ns\",\"otherData\":{other}}}\n"
    )
}

fn event(profile: &Profile, span: &Span, tid: u32) -> Value {
    let function = profile.places.leaf_function(span.stack);
    let line = profile.places.function(function).first_line;
    let place = Place::Code { function, line };
    let location = place.location(profile);
    let mut event = json!({
        "ph": "X",
        "pid": pid_of(profile, span.thread),
        "tid": tid,
        "ts": microseconds(span.start_ns),
        "dur": microseconds(span.duration_ns),
        "cat": if location.is_empty() { "native" } else { "python" },
        "name": clean(&place.name(profile)),
    });
    if !location.is_empty() {
        event["args"] = json!({ "at": clean(&location) });
    }
    event
}

fn pid_of(profile: &Profile, thread: ThreadId) -> u32 {
    profile
        .timeline
        .process(profile.timeline.thread(thread).process)
        .pid
}

/// An id for each thread that no other thread of its process has: systems give ids again.
fn thread_ids(profile: &Profile) -> Vec<u32> {
    let mut taken = FxHashSet::default();
    let threads = profile.timeline.threads.iter().zip(FIRST_FREE_ID..);
    threads
        .map(|(thread, free)| {
            let is_new = taken.insert((profile.timeline.process(thread.process).pid, thread.tid));
            if is_new { thread.tid } else { free }
        })
        .collect()
}

/// The spans by thread and time, callers before what they call, none longer than its caller.
fn nested(spans: &[Span]) -> Vec<Span> {
    let mut spans = spans.to_vec();
    spans.sort_by_key(|span| (span.thread, span.start_ns, u64::MAX - span.duration_ns));
    let mut around: Vec<(ThreadId, u64)> = Vec::new();
    for span in &mut spans {
        while around
            .last()
            .is_some_and(|&(thread, end_ns)| thread != span.thread || end_ns <= span.start_ns)
        {
            around.pop();
        }
        if let Some(&(_, end_ns)) = around.last() {
            span.duration_ns = span.duration_ns.min(end_ns - span.start_ns);
        }
        around.push((span.thread, span.start_ns + span.duration_ns));
    }
    spans
}

/// Floats hold nanoseconds exactly for a hundred days.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1000.0
}

struct Events<'a> {
    out: &'a mut dyn Write,
    any: bool,
}

impl Events<'_> {
    fn put(&mut self, event: &Value) -> io::Result<()> {
        self.out.write_all(if self.any { b",\n" } else { b"\n" })?;
        self.any = true;
        serde_json::to_writer(&mut *self.out, event)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::StackId;

    #[test]
    fn spans_nest_whatever_order_they_were_kept_in() {
        let span = |thread, start_ns, duration_ns| Span {
            thread: ThreadId(thread),
            stack: StackId(0),
            start_ns,
            duration_ns,
        };
        let kept = [
            span(0, 5, 6),
            span(1, 5, 1),
            span(0, 0, 10),
            span(0, 10, 2),
            span(0, 5, 2),
        ];
        assert_eq!(
            nested(&kept),
            [
                span(0, 0, 10),
                span(0, 5, 5),
                span(0, 5, 2),
                span(0, 10, 2),
                span(1, 5, 1)
            ]
        );
    }
}
