//! A file of version 1, made once: every later pitstop reads it and finds the same facts.

use crate::sample::Recording;
use pitstop_archive::{Detail, Writer, read};
use pitstop_model::{
    CallCost, CurvePoint, ExitStatus, FileKind, FunctionId, Meta, Method, Moment, ProcessId,
    Profile, Reason, RowId, StackId, StringId, ThreadId, ThreadState, Verdict, WaitId,
};
use std::path::{Path, PathBuf};

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/profiles/v1.pit")
}

/// The same with calls, timed lines and spans, which came later.
fn traced_path() -> PathBuf {
    path().with_file_name("v1-traced.pit")
}

#[test]
fn version_1_with_a_trace_still_reads() {
    let loaded = read(&traced_path(), Detail::Moments).expect("old archives stay readable");
    assert!(loaded.complete);
    let profile = &loaded.profile;
    assert_eq!((profile.calls.len(), profile.calls.lost), (3, 3));
    let (path, cost) = profile.calls.iter().nth(1).expect("three paths");
    assert_eq!((path.thread, path.stack), (ThreadId(1), StackId(5)));
    let expected = CallCost {
        calls: 2000,
        resumptions: 14,
        raised: 6,
        self_ns: 2_000_002,
        raw_self_ns: 2_000_100,
        waited_ns: 3,
    };
    assert_eq!(cost, expected);
    let times = &profile.line_times;
    assert_eq!((times.functions.len(), times.lost), (3, 9));
    let timed = &times.functions[0];
    assert_eq!((timed.function, timed.calls), (FunctionId(0), 7));
    let lines: Vec<(u32, u64)> = timed
        .lines
        .iter()
        .map(|(line, cost)| (*line, cost.hits))
        .collect();
    assert_eq!(lines, [(1, 8), (2, 5), (3, 5)]);
    let (_, cost) = times.functions[1].lines[0];
    assert_eq!(
        (cost.self_ns, cost.inclusive_ns, cost.waited_ns),
        (50, 500, 1)
    );
    let span = profile.spans.spans[2];
    assert_eq!((span.thread, span.stack), (ThreadId(2), StackId(8)));
    assert_eq!((span.start_ns, span.duration_ns), (2_000_000_000, 400));
    assert_eq!(profile.spans.lost, 6);
}

#[test]
fn version_1_still_reads() {
    let loaded = read(&path(), Detail::Moments).expect("old archives stay readable");
    assert!(loaded.complete);
    assert_eq!(loaded.lost_bytes, 0);
    let profile = &loaded.profile;
    let places = &profile.places;
    assert_eq!(profile.strings.len(), 16);
    assert_eq!(profile.text(StringId(1)), "/home/me/app/módule_0.py");
    assert_eq!((places.files().len(), places.functions().len()), (3, 3));
    assert_eq!((places.frames().len(), places.stacks().len()), (9, 9));

    assert_eq!(profile.series.len(), 6);
    let (row, samples, weight_ns) = profile.series.iter().nth(2).expect("six rows");
    assert_eq!((row.thread, row.stack), (ThreadId(1), Some(StackId(5))));
    assert_eq!(
        (row.state, row.wait),
        (ThreadState::NativeWithGil, Some(WaitId(1)))
    );
    assert_eq!((samples, weight_ns), (20, 20_000_000));
    let (row, samples, weight_ns) = profile.series.iter().nth(3).expect("six rows");
    assert_eq!(
        (row.stack, row.verdict),
        (None, Verdict::Failed(Reason::Moved))
    );
    assert_eq!((samples, weight_ns), (1, 480_000_000));

    let function = places.function(places.leaf_function(StackId(5)));
    assert_eq!(profile.text(function.qualname), "Worker1.work");
    assert_eq!(function.first_line, 10);
    assert_eq!(places.file(function.file).kind, FileKind::StandardLibrary);
    assert_eq!(profile.sources.line(function.file, 2), Some("    return 1"));

    let moments = &profile.series.moments;
    assert_eq!(moments.len(), 3 * 21);
    let (time_ns, row, weight_ns) = (1_004_000_001, RowId(2), 1_000_000);
    assert_eq!(
        moments[25],
        Moment {
            time_ns,
            row,
            weight_ns
        }
    );
    check_timeline(profile);
    check_meta(&profile.meta);
}

fn check_timeline(profile: &Profile) {
    let wait = profile.waits[0];
    assert_eq!((profile.text(wait.syscall), wait.fd), ("recvfrom", -1));
    assert_eq!(profile.text(wait.name), "tcp 127.0.0.1:5432");
    let timeline = &profile.timeline;
    let process = timeline.process(ProcessId(1));
    assert_eq!((process.pid, process.parent), (1001, Some(ProcessId(0))));
    assert_eq!(process.end_ns, Some(1_000_000_000));
    assert_eq!(process.exit, Some(ExitStatus::Signal(9)));
    assert_eq!(profile.text(process.python), "3.13.0");
    let thread = timeline.thread(ThreadId(0));
    assert_eq!((thread.tid, thread.is_main), (1000, true));
    assert_eq!((thread.start_ns, thread.end_ns), (0, 2_000_000_000));
    let (time_ns, rss_bytes, cpu_ns) = (2_000_000_000, 4096 * 1002, 1_000_000_000);
    assert_eq!(
        timeline.curve.last(),
        Some(&CurvePoint {
            time_ns,
            rss_bytes,
            cpu_ns
        })
    );
}

fn check_meta(meta: &Meta) {
    assert_eq!(
        (&*meta.tool_version, meta.method),
        ("0.1.0", Method::Sampling)
    );
    assert_eq!(meta.command, ["python3", "app.py", ""]);
    assert_eq!((&*meta.directory, meta.cpus), ("/home/me/app", 8));
    assert_eq!(
        (meta.start_unix_s, meta.duration_ns),
        (1_760_000_000, 2_000_000_000)
    );
    assert_eq!((meta.cpu_ns, meta.startup_ns), (1_000_000_000, 20_000_000));
    assert_eq!(
        (meta.exit, meta.interrupted),
        (Some(ExitStatus::Code(-1)), false)
    );
    assert_eq!(meta.quality.verdicts.failed[Reason::Moved as usize], 3);
    assert_eq!(
        (meta.quality.readings, meta.quality.ticks),
        ([0, 0, 63, 0], 63)
    );
    assert_eq!((meta.quality.late_ticks, meta.quality.delay_ns), (3, 30));
    assert_eq!(meta.quality.rates[1].rate_hz, 500.0);
    assert_eq!(meta.notes, ["note 0", "note 1"]);
}

/// Makes the file, once for each version: `cargo test -p pitstop-archive -- --ignored golden`.
/// Where it is there already it is not touched.
#[test]
#[ignore = "writes a fixture that must never change"]
fn make_the_golden_file() {
    if traced_path().exists() {
        return;
    }
    let mut writer = Writer::create(&traced_path()).expect("the fixtures are there");
    let mut recording = Recording::default();
    for step in 0..3 {
        recording.step(step);
        writer
            .append(&recording.profile, &mut recording.pending)
            .expect("there is space");
    }
    writer
        .finish(&recording.profile, &mut recording.pending)
        .expect("there is space");
}
