//! Pitstop's own JSON: every row of the profile with its tables, for scripts.
//!
//! The `schema` field names the format and its version. Within version 1 fields are only ever
//! added: none is removed, renamed, or given another meaning, and readers must ignore what they do
//! not know, new states and reasons included. Times are whole nanoseconds, sizes bytes; `null`
//! means "not known" or "not there". Ids are positions in the tables of the same file. Source
//! text and single moments are not included.

use crate::Options;
use crate::selection::{Selected, selected};
use pitstop_model::{
    CallCost, CallPath, Descriptor, ExitStatus, FileKind, Id, Method, Profile, Reading, Reason,
    ThreadState, Verdict,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The name and version of the format.
pub const SCHEMA: &str = "pitstop/profile@1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    title: String,
    selection: &'static str,
    meta: Meta<'a>,
    quality: Quality,
    total: Total,
    split: BTreeMap<&'static str, Total>,
    processes: Vec<Process<'a>>,
    threads: Vec<Thread<'a>>,
    functions: Vec<Function<'a>>,
    frames: Vec<Frame>,
    waits: Vec<Wait<'a>>,
    rows: Vec<Row>,
    /// Call paths of a trace with exact counts; empty for samples.
    calls: Vec<Call>,
    /// Calls that found no room.
    calls_lost: u64,
    curve: Vec<CurvePoint>,
}

#[derive(Serialize, Clone, Copy, Default)]
struct Total {
    samples: u64,
    wall_ns: u64,
}

impl Total {
    fn add(&mut self, one: &Selected) {
        self.samples += one.samples;
        self.wall_ns += one.wall_ns;
    }
}

#[derive(Serialize)]
struct Meta<'a> {
    tool_version: &'a str,
    method: &'static str,
    command: &'a [String],
    directory: &'a str,
    host: &'a str,
    cpus: u32,
    start_unix_s: u64,
    duration_ns: u64,
    cpu_ns: u64,
    startup_ns: u64,
    memory_limit_bytes: Option<u64>,
    exit: Option<Exit>,
    interrupted: bool,
    notes: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Exit {
    Code(i32),
    Signal(i32),
}

#[derive(Serialize)]
struct Quality {
    samples: u64,
    exact: u64,
    validated: u64,
    partial: BTreeMap<&'static str, u64>,
    failed: BTreeMap<&'static str, u64>,
    readings: BTreeMap<&'static str, u64>,
    ticks: u64,
    late_ticks: u64,
    own_cpu_ns: u64,
    own_rss_bytes: Option<u64>,
    delay_ns: u64,
    rates: Vec<Rate>,
}

#[derive(Serialize)]
struct Rate {
    time_ns: u64,
    rate_hz: f64,
}

#[derive(Serialize)]
struct Process<'a> {
    pid: u32,
    parent: Option<usize>,
    command: &'a str,
    python: &'a str,
    start_ns: u64,
    end_ns: Option<u64>,
    exit: Option<Exit>,
}

#[derive(Serialize)]
struct Thread<'a> {
    process: usize,
    tid: u32,
    name: &'a str,
    is_main: bool,
    start_ns: u64,
    end_ns: u64,
    #[serde(flatten)]
    total: Total,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    qualname: &'a str,
    path: &'a str,
    file: &'a str,
    kind: &'static str,
    line: u32,
    self_samples: u64,
    self_ns: u64,
    /// Counts a stack once, however often the function stands in it.
    total_samples: u64,
    total_ns: u64,
}

#[derive(Serialize)]
struct Frame {
    function: usize,
    line: u32,
}

#[derive(Serialize)]
struct Wait<'a> {
    syscall: &'a str,
    fd: Option<i32>,
    descriptor: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct Row {
    thread: usize,
    state: &'static str,
    wait: Option<usize>,
    verdict: &'static str,
    reason: Option<&'static str>,
    samples: u64,
    wall_ns: u64,
    /// Frames from outermost to innermost; null when there is no stack.
    stack: Option<Vec<usize>>,
}

#[derive(Serialize)]
struct Call {
    thread: usize,
    /// Frames from outermost to innermost. A caller's line is the line of its call, the innermost
    /// one is 0.
    stack: Vec<usize>,
    calls: u64,
    /// Times a generator or coroutine was resumed.
    resumptions: u64,
    raised: u64,
    self_ns: u64,
    /// With what tracing took.
    raw_self_ns: u64,
    waited_ns: u64,
}

#[derive(Serialize)]
struct CurvePoint {
    time_ns: u64,
    rss_bytes: u64,
    cpu_ns: u64,
}

pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let mut total = Total::default();
    let mut split: BTreeMap<&str, Total> = ThreadState::ALL
        .map(|state| (state.key(), Total::default()))
        .into();
    let mut threads = threads(profile);
    let mut functions = functions(profile);
    let mut rows = Vec::new();
    for one in selected(profile, options.selection) {
        total.add(&one);
        split.entry(one.row.state.key()).or_default().add(&one);
        threads[one.row.thread.index()].total.add(&one);
        count_functions(profile, &one, &mut functions);
        rows.push(row(profile, &one));
    }
    let document = Document {
        schema: SCHEMA,
        title: crate::names::title(profile, options.title.as_deref()),
        selection: options.selection.name(),
        meta: meta(profile),
        quality: quality(profile),
        total,
        split,
        processes: processes(profile),
        threads,
        functions,
        frames: frames(profile),
        waits: waits(profile),
        rows,
        calls: calls(profile),
        calls_lost: profile.calls.lost,
        curve: curve(profile),
    };
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn count_functions(profile: &Profile, one: &Selected, functions: &mut [Function<'_>]) {
    let mut stack: Vec<usize> = profile
        .places
        .frames_of(one.row.stack)
        .map(|frame| profile.places.frame(frame).function.index())
        .collect();
    if let Some(&innermost) = stack.first() {
        functions[innermost].self_samples += one.samples;
        functions[innermost].self_ns += one.wall_ns;
    }
    stack.sort_unstable();
    stack.dedup();
    for index in stack {
        functions[index].total_samples += one.samples;
        functions[index].total_ns += one.wall_ns;
    }
}

fn calls(profile: &Profile) -> Vec<Call> {
    let call = |(path, cost): (CallPath, CallCost)| {
        let frames = profile.places.frames_of(Some(path.stack));
        let mut stack: Vec<usize> = frames.map(Id::index).collect();
        stack.reverse();
        Call {
            thread: path.thread.index(),
            stack,
            calls: cost.calls,
            resumptions: cost.resumptions,
            raised: cost.raised,
            self_ns: cost.self_ns,
            raw_self_ns: cost.raw_self_ns,
            waited_ns: cost.waited_ns,
        }
    };
    profile.calls.iter().map(call).collect()
}

fn row(profile: &Profile, one: &Selected) -> Row {
    let row = one.row;
    let (verdict, reason) = match row.verdict {
        Verdict::Exact => ("exact", None),
        Verdict::Validated => ("validated", None),
        Verdict::Partial(reason) => ("partial", Some(reason_key(reason))),
        Verdict::Failed(reason) => ("failed", Some(reason_key(reason))),
    };
    Row {
        thread: row.thread.index(),
        state: row.state.key(),
        wait: row.wait.map(Id::index),
        verdict,
        reason,
        samples: one.samples,
        wall_ns: one.wall_ns,
        stack: row.stack.map(|stack| {
            let mut frames: Vec<usize> = profile
                .places
                .frames_of(Some(stack))
                .map(Id::index)
                .collect();
            frames.reverse();
            frames
        }),
    }
}

fn meta(profile: &Profile) -> Meta<'_> {
    let meta = &profile.meta;
    Meta {
        tool_version: &meta.tool_version,
        method: match meta.method {
            Method::Sampling => "sampling",
            Method::Tracing => "tracing",
            Method::LineTiming => "line_timing",
        },
        command: &meta.command,
        directory: &meta.directory,
        host: &meta.host,
        cpus: meta.cpus,
        start_unix_s: meta.start_unix_s,
        duration_ns: meta.duration_ns,
        cpu_ns: meta.cpu_ns,
        startup_ns: meta.startup_ns,
        memory_limit_bytes: known(meta.memory_limit_bytes),
        exit: meta.exit.map(exit),
        interrupted: meta.interrupted,
        notes: &meta.notes,
    }
}

fn quality(profile: &Profile) -> Quality {
    let quality = &profile.meta.quality;
    let by_reason = |counts: &[u64; Reason::ALL.len()]| {
        Reason::ALL
            .into_iter()
            .zip(counts)
            .map(|(reason, &count)| (reason_key(reason), count))
            .collect()
    };
    Quality {
        samples: quality.verdicts.total(),
        exact: quality.verdicts.exact,
        validated: quality.verdicts.validated,
        partial: by_reason(&quality.verdicts.partial),
        failed: by_reason(&quality.verdicts.failed),
        readings: Reading::ALL
            .into_iter()
            .zip(quality.readings)
            .map(|(reading, count)| (reading_key(reading), count))
            .collect(),
        ticks: quality.ticks,
        late_ticks: quality.late_ticks,
        own_cpu_ns: quality.own_cpu_ns,
        own_rss_bytes: known(quality.own_rss_bytes),
        delay_ns: quality.delay_ns,
        rates: quality
            .rates
            .iter()
            .map(|rate| Rate {
                time_ns: rate.time_ns,
                rate_hz: rate.rate_hz,
            })
            .collect(),
    }
}

fn processes(profile: &Profile) -> Vec<Process<'_>> {
    let process = |process: &pitstop_model::Process| Process {
        pid: process.pid,
        parent: process.parent.map(Id::index),
        command: profile.text(process.command),
        python: profile.text(process.python),
        start_ns: process.start_ns,
        end_ns: process.end_ns,
        exit: process.exit.map(exit),
    };
    profile.timeline.processes.iter().map(process).collect()
}

fn threads(profile: &Profile) -> Vec<Thread<'_>> {
    let thread = |thread: &pitstop_model::Thread| Thread {
        process: thread.process.index(),
        tid: thread.tid,
        name: profile.text(thread.name),
        is_main: thread.is_main,
        start_ns: thread.start_ns,
        end_ns: thread.end_ns,
        total: Total::default(),
    };
    profile.timeline.threads.iter().map(thread).collect()
}

fn functions(profile: &Profile) -> Vec<Function<'_>> {
    let function = |function: &pitstop_model::Function| {
        let file = profile.places.file(function.file);
        Function {
            name: profile.text(function.name),
            qualname: profile.text(function.qualname),
            path: profile.text(file.path),
            file: profile.text(file.short),
            kind: kind_key(file.kind),
            line: function.first_line,
            self_samples: 0,
            self_ns: 0,
            total_samples: 0,
            total_ns: 0,
        }
    };
    profile.places.functions().iter().map(function).collect()
}

fn frames(profile: &Profile) -> Vec<Frame> {
    let frame = |frame: &pitstop_model::Frame| Frame {
        function: frame.function.index(),
        line: frame.line,
    };
    profile.places.frames().iter().map(frame).collect()
}

fn waits(profile: &Profile) -> Vec<Wait<'_>> {
    let wait = |wait: &pitstop_model::Wait| Wait {
        syscall: profile.text(wait.syscall),
        fd: (wait.fd >= 0).then_some(wait.fd),
        descriptor: descriptor_key(wait.descriptor),
        name: profile.text(wait.name),
    };
    profile.waits.iter().map(wait).collect()
}

fn curve(profile: &Profile) -> Vec<CurvePoint> {
    let point = |point: &pitstop_model::CurvePoint| CurvePoint {
        time_ns: point.time_ns,
        rss_bytes: point.rss_bytes,
        cpu_ns: point.cpu_ns,
    };
    profile.timeline.curve.iter().map(point).collect()
}

/// The model writes 0 for "not known".
fn known(n: u64) -> Option<u64> {
    (n > 0).then_some(n)
}

fn exit(status: ExitStatus) -> Exit {
    match status {
        ExitStatus::Code(code) => Exit::Code(code),
        ExitStatus::Signal(signal) => Exit::Signal(signal),
    }
}

fn reason_key(reason: Reason) -> &'static str {
    match reason {
        Reason::Moved => "moved",
        Reason::Unreadable => "unreadable",
        Reason::NotAFrame => "not_a_frame",
        Reason::TooDeep => "too_deep",
        Reason::Cycle => "cycle",
        Reason::Budget => "budget",
        Reason::Gone => "gone",
        Reason::NotReady => "not_ready",
    }
}

fn reading_key(reading: Reading) -> &'static str {
    match reading {
        Reading::CoScheduled => "co_scheduled",
        Reading::SequenceLock => "sequence_lock",
        Reading::DoubleRead => "double_read",
        Reading::Stopped => "stopped",
    }
}

fn kind_key(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Project => "project",
        FileKind::StandardLibrary => "standard_library",
        FileKind::Package => "package",
        FileKind::Generated => "generated",
        FileKind::Native => "native",
    }
}

fn descriptor_key(descriptor: Descriptor) -> &'static str {
    match descriptor {
        Descriptor::None => "none",
        Descriptor::File => "file",
        Descriptor::Pipe => "pipe",
        Descriptor::Socket => "socket",
        Descriptor::Device => "device",
        Descriptor::Event => "event",
    }
}
