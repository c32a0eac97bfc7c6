//! Whatever a recorder can put into a profile comes back, however often it flushed.

use crate::compare::{assert_same, assert_same_tables};
use crate::disk::{Disk, load};
use crate::sample::Recording;
use pitstop_archive::{Detail, Writer, read, read_from, save};
use pitstop_model::{
    CallCost, CallPath, CurvePoint, Descriptor, ExitStatus, File, FileKind, Frame, Function, Id,
    LineCost, Process, RateChange, Row, RowId, SourceOrigin, SourceText, Span, Stack, StringId,
    Thread, ThreadState, TimedFunction, Verdict, Wait,
};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// One thing a recorder does. Numbers are cut down to what the profile has when it is done.
#[derive(Clone, Debug)]
enum Deed {
    Text(String),
    File(u32, u32, usize),
    Function(u32, u32, u32, u32),
    Frame(u32, u32),
    Stack(Option<u32>, u32),
    Wait(u32, i32, usize, u32),
    Process(u32, Option<u32>, u32, u64),
    ProcessEnd(u32, Option<u64>, Option<i32>),
    Thread(u32, u32, u32, bool, u64),
    ThreadEnd(u32, u64),
    Sample(u32, Option<u32>, usize, Option<u32>, u8, u64, u64),
    Curve(u64, u64, u64),
    Source(u32, usize, String),
    Call(u32, u32, [u64; 6]),
    Timed(u32, u32, u64, [u64; 4]),
    Span(u32, u32, u64, u64),
    TraceLoss(u64, u64, u64),
    Note(String),
    Rate(u64, f64),
    Flush,
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..10u64, 0..5_000_000_000u64, any::<u64>()]
}

fn deed() -> impl Strategy<Value = Deed> {
    use Deed::*;
    let maybe = || prop::option::of(any::<u32>());
    // Weights of one series must not add up to more than 64 bits.
    let cost = || prop_oneof![0..9u64, 0..1u64 << 50];
    let weight = prop_oneof![Just(1_000_000u64), 0..1u64 << 50];
    prop_oneof![
        3 => ".{0,12}".prop_map(Text),
        2 => (any::<u32>(), any::<u32>(), any::<usize>()).prop_map(|(a, b, c)| File(a, b, c)),
        2 => any::<(u32, u32, u32, u32)>().prop_map(|(a, b, c, d)| Function(a, b, c, d)),
        2 => any::<(u32, u32)>().prop_map(|(a, b)| Frame(a, b)),
        3 => (maybe(), any::<u32>()).prop_map(|(a, b)| Stack(a, b)),
        1 => (any::<u32>(), any::<i32>(), 0..6usize, any::<u32>()).prop_map(|(a, b, c, d)| Wait(a, b, c, d)),
        1 => (any::<u32>(), maybe(), any::<u32>(), number()).prop_map(|(a, b, c, d)| Process(a, b, c, d)),
        1 => (any::<u32>(), prop::option::of(number()), any::<Option<i32>>()).prop_map(|(a, b, c)| ProcessEnd(a, b, c)),
        2 => (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), number()).prop_map(|(a, b, c, d, e)| Thread(a, b, c, d, e)),
        1 => (any::<u32>(), number()).prop_map(|(a, b)| ThreadEnd(a, b)),
        8 => (any::<u32>(), maybe(), 0..10usize, maybe(), any::<u8>(), number(), weight)
            .prop_map(|(a, b, c, d, e, f, g)| Sample(a, b, c, d, e, f, g)),
        1 => (number(), number(), number()).prop_map(|(a, b, c)| Curve(a, b, c)),
        1 => (any::<u32>(), 0..5usize, ".{0,30}").prop_map(|(a, b, c)| Source(a, b, c)),
        4 => (any::<u32>(), any::<u32>(), prop::array::uniform6(cost())).prop_map(|(a, b, c)| Call(a, b, c)),
        4 => (any::<u32>(), 1..9u32, cost(), prop::array::uniform4(cost())).prop_map(|(a, b, c, d)| Timed(a, b, c, d)),
        2 => (any::<u32>(), any::<u32>(), cost(), number()).prop_map(|(a, b, c, d)| Span(a, b, c, d)),
        1 => any::<(u64, u64, u64)>().prop_map(|(a, b, c)| TraceLoss(a, b, c)),
        1 => ".{0,9}".prop_map(Note),
        1 => (number(), -1e9..1e9).prop_map(|(a, b)| Rate(a, b)),
        2 => Just(Flush),
    ]
}

/// A handle into a table of `count` entries; `None` while it is empty.
fn pick<I: Id>(number: u32, count: usize) -> Option<I> {
    (number as usize).checked_rem(count).map(I::from_index)
}

/// Does it, unless something it needs is not there yet.
fn act(recording: &mut Recording, deed: &Deed) -> Option<()> {
    let profile = &mut recording.profile;
    let texts = profile.strings.len();
    let text = |number| pick::<StringId>(number, texts);
    let files = profile.places.files().len();
    let processes = profile.timeline.processes.len();
    let threads = profile.timeline.threads.len();
    match *deed {
        Deed::Text(ref text) => {
            profile.strings.intern(text);
        }
        Deed::File(path, short, kind) => {
            profile.places.add_file(File {
                path: text(path)?,
                short: text(short)?,
                kind: FileKind::ALL[kind % FileKind::ALL.len()],
            });
        }
        Deed::Function(name, qualname, file, first_line) => {
            profile.places.add_function(Function {
                name: text(name)?,
                qualname: text(qualname)?,
                file: pick(file, files)?,
                first_line,
            });
        }
        Deed::Frame(function, line) => {
            profile.places.add_frame(Frame {
                function: pick(function, profile.places.functions().len())?,
                line,
            });
        }
        Deed::Stack(parent, frame) => {
            profile.places.add_stack(Stack {
                parent: parent.and_then(|parent| pick(parent, profile.places.stacks().len())),
                frame: pick(frame, profile.places.frames().len())?,
            });
        }
        Deed::Wait(syscall, fd, descriptor, name) => {
            profile.add_wait(Wait {
                syscall: text(syscall)?,
                fd,
                descriptor: Descriptor::ALL[descriptor],
                name: text(name)?,
            });
        }
        Deed::Process(pid, parent, command, start_ns) => {
            profile.timeline.add_process(Process {
                pid,
                parent: parent.and_then(|parent| pick(parent, processes)),
                command: text(command)?,
                python: StringId(0),
                start_ns,
                end_ns: None,
                exit: None,
            });
        }
        Deed::ProcessEnd(process, end_ns, code) => {
            let index = (process as usize).checked_rem(processes)?;
            let process = &mut profile.timeline.processes[index];
            process.end_ns = end_ns;
            process.exit = code.map(ExitStatus::Code);
        }
        Deed::Thread(process, tid, name, is_main, start_ns) => {
            profile.timeline.add_thread(Thread {
                process: pick(process, processes)?,
                tid,
                name: text(name)?,
                is_main,
                start_ns,
                end_ns: start_ns,
            });
        }
        Deed::ThreadEnd(thread, end_ns) => {
            let index = (thread as usize).checked_rem(threads)?;
            profile.timeline.threads[index].end_ns = end_ns;
        }
        Deed::Sample(thread, stack, state, wait, verdict, time_ns, weight_ns) => {
            let row = Row {
                thread: pick(thread, threads)?,
                stack: stack.and_then(|stack| pick(stack, profile.places.stacks().len())),
                state: ThreadState::ALL[state],
                wait: wait.and_then(|wait| pick(wait, profile.waits.len())),
                verdict: Verdict::from_byte(verdict).unwrap_or(Verdict::Exact),
            };
            recording.sample(time_ns, row, weight_ns);
        }
        Deed::Curve(time_ns, rss_bytes, cpu_ns) => profile.timeline.curve.push(CurvePoint {
            time_ns,
            rss_bytes,
            cpu_ns,
        }),
        Deed::Source(file, origin, ref text) => {
            let source = SourceText {
                origin: SourceOrigin::ALL[origin],
                text: Arc::from(text.as_str()),
            };
            profile.sources.insert(pick(file, files)?, source);
        }
        Deed::Call(
            thread,
            stack,
            [calls, resumptions, raised, self_ns, raw_self_ns, waited_ns],
        ) => {
            let id = profile.calls.intern(CallPath {
                thread: pick(thread, threads)?,
                stack: pick(stack, profile.places.stacks().len())?,
            });
            *profile.calls.cost_mut(id) = CallCost {
                calls,
                resumptions,
                raised,
                self_ns,
                raw_self_ns,
                waited_ns,
            };
        }
        Deed::Timed(function, line, calls, [hits, self_ns, inclusive_ns, waited_ns]) => {
            let function = pick(function, profile.places.functions().len())?;
            let all = &mut profile.line_times.functions;
            let known = all.iter().position(|timed| timed.function == function);
            let index = known.unwrap_or_else(|| {
                all.push(TimedFunction {
                    function,
                    calls,
                    lines: Vec::new(),
                });
                all.len() - 1
            });
            let cost = LineCost {
                hits,
                self_ns,
                inclusive_ns,
                waited_ns,
            };
            let lines = &mut all[index].lines;
            match lines.binary_search_by_key(&line, |&(line, _)| line) {
                Ok(at) => lines[at].1 = cost,
                Err(at) => lines.insert(at, (line, cost)),
            }
        }
        Deed::Span(thread, stack, duration_ns, start_ns) => profile.spans.spans.push(Span {
            thread: pick(thread, threads)?,
            stack: pick(stack, profile.places.stacks().len())?,
            start_ns: start_ns.min(u64::MAX - duration_ns),
            duration_ns,
        }),
        Deed::TraceLoss(calls, lines, spans) => {
            profile.calls.lost = calls;
            profile.line_times.lost = lines;
            profile.spans.lost = spans;
        }
        Deed::Note(ref note) => profile.meta.notes.push(note.clone()),
        Deed::Rate(time_ns, rate_hz) => {
            let rate = RateChange { time_ns, rate_hz };
            profile.meta.quality.rates.push(rate);
        }
        Deed::Flush => {}
    }
    Some(())
}

proptest! {
    #[test]
    fn any_recording_comes_back(deeds in prop::collection::vec(deed(), 0..200)) {
        let disk = Disk::default();
        let mut writer = Writer::new(disk.clone(), Path::new("memory.pit")).expect("no fault is set");
        let mut recording = Recording::default();
        for deed in &deeds {
            act(&mut recording, deed);
            if matches!(deed, Deed::Flush) {
                writer.append(&recording.profile, &mut recording.pending).expect("no fault is set");
                prop_assert!(recording.pending.is_empty());
                let loaded = load(&disk.bytes()).expect("what is written can be read");
                prop_assert!(!loaded.complete);
                assert_same_tables(&loaded.profile, &recording.profile);
            }
        }
        let size = writer.finish(&recording.profile, &mut recording.pending).expect("no fault is set");
        let bytes = disk.bytes();
        prop_assert_eq!(size, bytes.len() as u64);
        let loaded = load(&bytes).expect("what is written can be read");
        prop_assert!(loaded.complete);
        prop_assert_eq!(loaded.lost_bytes, 0);
        assert_same(&loaded.profile, &recording.profile);
    }
}

#[test]
fn a_recording_in_steps_comes_back_from_a_file() {
    let directory = tempfile::tempdir().expect("a place for files");
    let path = directory.path().join("run.pit");
    let mut writer = Writer::create(&path).expect("the place is free");
    let mut recording = Recording::default();
    for step in 0..6 {
        recording.step(step);
        writer
            .append(&recording.profile, &mut recording.pending)
            .expect("there is space");
        writer.sync().expect("there is space");
    }
    let size = writer
        .finish(&recording.profile, &mut recording.pending)
        .expect("there is space");
    assert_eq!(std::fs::metadata(&path).expect("it is there").len(), size);
    let loaded = read(&path, Detail::Moments).expect("it can be read");
    assert!(loaded.complete);
    assert_same(&loaded.profile, &recording.profile);
}

#[test]
fn totals_are_the_same_without_keeping_a_moment() {
    let recording = Recording::of(5);
    let directory = tempfile::tempdir().expect("a place for files");
    let path = directory.path().join("run.pit");
    save(&path, &recording.profile).expect("there is space");
    let loaded = read(&path, Detail::Totals).expect("it can be read");
    assert!(loaded.profile.series.moments.is_empty());
    assert_same_tables(&loaded.profile, &recording.profile);
}

#[test]
fn a_profile_of_totals_can_be_saved_and_comes_back() {
    let mut profile = Recording::of(5).profile;
    profile.series.moments.truncate(30);
    let directory = tempfile::tempdir().expect("a place for files");
    let path = directory.path().join("run.pit");
    save(&path, &profile).expect("there is space");
    let loaded = read(&path, Detail::Moments).expect("it can be read");
    assert_same(&loaded.profile, &profile);
}

#[test]
fn nothing_new_writes_nothing() {
    let disk = Disk::default();
    let mut writer = Writer::new(disk, Path::new("memory.pit")).expect("no fault is set");
    let mut recording = Recording::default();
    writer
        .append(&recording.profile, &mut recording.pending)
        .expect("no fault is set");
    assert_eq!(writer.size_bytes(), 8);
    recording.step(0);
    writer
        .append(&recording.profile, &mut recording.pending)
        .expect("no fault is set");
    let size = writer.size_bytes();
    writer
        .append(&recording.profile, &mut recording.pending)
        .expect("no fault is set");
    assert_eq!(writer.size_bytes(), size);
}

#[test]
fn more_than_one_delta_may_hold_goes_into_several() {
    let mut recording = Recording::of(1);
    let profile = &mut recording.profile;
    for line in 0..200_000 {
        profile
            .strings
            .intern(&format!("a text of some length, number {line}"));
        let function = pitstop_model::FunctionId(0);
        let frame = profile.places.add_frame(Frame { function, line });
        profile.places.add_stack(Stack {
            parent: None,
            frame,
        });
    }
    for index in 0..200_000 {
        let row = Row {
            stack: Some(pitstop_model::StackId(index)),
            ..profile.series.row(RowId(0))
        };
        profile.series.intern(row);
    }
    for time_ns in 0..200_000 {
        let row = recording
            .profile
            .series
            .row(RowId(u32::try_from(time_ns).expect("small")));
        recording.sample(time_ns, row, 7);
    }
    let disk = Disk::default();
    let writer = Writer::new(disk.clone(), Path::new("memory.pit")).expect("no fault is set");
    writer
        .finish(&recording.profile, &mut recording.pending)
        .expect("no fault is set");
    assert_same(
        &load(&disk.bytes()).expect("it can be read").profile,
        &recording.profile,
    );
}

#[test]
fn a_source_too_long_is_left_out_and_said_so() {
    let mut profile = Recording::of(2).profile;
    let source = SourceText {
        origin: SourceOrigin::Disk,
        text: Arc::from("x".repeat((16 << 20) + 1)),
    };
    profile.sources.insert(pitstop_model::FileId(1), source);
    let disk = Disk::default();
    let writer = Writer::new(disk.clone(), Path::new("memory.pit")).expect("no fault is set");
    writer
        .finish(&profile, &mut Vec::new())
        .expect("no fault is set");
    let loaded = read_from(&*disk.bytes(), Path::new("memory.pit"), Detail::Totals);
    let loaded = loaded.expect("it can be read").profile;
    assert!(loaded.sources.get(pitstop_model::FileId(1)).is_none());
    assert_eq!(
        loaded.meta.notes.last().map(String::as_str),
        Some("the source of `/home/me/app/módule_1.py` was not kept: it is longer than 16 MiB")
    );
}
