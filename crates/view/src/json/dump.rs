//! `pitstop/dump@1`.

use super::document;
use super::shared::descriptor;
use pitstop_model::{Dump, DumpFrame, DumpThread, DumpWait, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct DumpJson<'a> {
    schema: &'static str,
    pid: u32,
    command: &'a str,
    python: &'a str,
    threads: Vec<ThreadJson<'a>>,
}

/// The stacks of one process.
pub fn dump(dump: &Dump) -> String {
    document(&DumpJson {
        schema: "pitstop/dump@1",
        pid: dump.pid,
        command: &dump.command,
        python: &dump.python,
        threads: dump.threads.iter().map(thread).collect(),
    })
}

#[derive(Serialize)]
struct ThreadJson<'a> {
    tid: u32,
    name: &'a str,
    state: &'static str,
    holds_gil: bool,
    wait: Option<WaitJson<'a>>,
    verdict: &'static str,
    /// Why the stack is not whole; null if it is.
    reason: Option<&'static str>,
    /// From innermost to outermost.
    frames: Vec<FrameJson<'a>>,
}

fn thread(thread: &DumpThread) -> ThreadJson<'_> {
    let (verdict, reason) = match thread.verdict {
        Verdict::Exact => ("exact", None),
        Verdict::Validated => ("validated", None),
        Verdict::Partial(reason) => ("partial", Some(reason.text())),
        Verdict::Failed(reason) => ("failed", Some(reason.text())),
    };
    ThreadJson {
        tid: thread.tid,
        name: &thread.name,
        state: thread.state.key(),
        holds_gil: thread.state.holds_gil(),
        wait: thread.wait.as_ref().map(wait),
        verdict,
        reason,
        frames: thread.frames.iter().map(frame).collect(),
    }
}

#[derive(Serialize)]
struct WaitJson<'a> {
    syscall: &'a str,
    fd: Option<i32>,
    descriptor: &'static str,
    name: &'a str,
}

fn wait(wait: &DumpWait) -> WaitJson<'_> {
    WaitJson {
        syscall: &wait.syscall,
        fd: (wait.fd >= 0).then_some(wait.fd),
        descriptor: descriptor(wait.descriptor),
        name: &wait.name,
    }
}

#[derive(Serialize)]
struct FrameJson<'a> {
    function: &'a str,
    file: &'a str,
    line: u32,
    source: Option<&'a str>,
    locals: BTreeMap<&'a str, &'a str>,
}

fn frame(frame: &DumpFrame) -> FrameJson<'_> {
    let locals = frame.locals.iter();
    FrameJson {
        function: &frame.function,
        file: &frame.file,
        line: frame.line,
        source: frame.source.as_deref(),
        locals: locals
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
    }
}
