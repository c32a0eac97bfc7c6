//! The tables of version 1: for each, how its entries become columns and columns entries again.

use super::MAX_TEXT_BYTES;
use crate::column::{Flaw, Input, put_steps, take_steps, unzigzag, utf8, zigzag};
use pitstop_model::{
    CurvePoint, Descriptor, ExitStatus, File, FileId, FileKind, Frame, FrameId, Function,
    FunctionId, Id, Process, ProcessId, Profile, Row, RowId, SourceOrigin, SourceText, Stack,
    StackId, StringId, Thread, ThreadId, ThreadState, Verdict, Wait, WaitId,
};
use std::sync::Arc;

type Result<T> = std::result::Result<T, Flaw>;

/// Writes `K` columns, each made by one function of an entry.
pub(super) fn put<E, const K: usize>(
    out: &mut Vec<u8>,
    entries: &[E],
    columns: [fn(&E) -> u64; K],
) {
    for column in columns {
        put_steps(out, entries.iter().map(column));
    }
}

/// Reads `K` columns and hands them out as `count` rows of `K` numbers.
pub(super) fn take<const K: usize>(
    input: &mut Input<'_>,
    count: usize,
) -> Result<impl Iterator<Item = [u64; K]> + use<K>> {
    let mut columns: [Vec<u64>; K] = [const { Vec::new() }; K];
    for column in &mut columns {
        *column = take_steps(input, count)?;
    }
    Ok((0..count).map(move |i| std::array::from_fn(|k| columns[k][i])))
}

/// Checks that an interned entry got the next position: a second time, it would not, and all that
/// follows would point one too far.
pub(super) fn appended(id: impl Id, expected: usize) -> Result<()> {
    if id.index() == expected {
        return Ok(());
    }
    Err(Flaw("an entry is there twice"))
}

pub(super) fn narrow(value: u64) -> Result<u32> {
    u32::try_from(value).map_err(|_| Flaw("a handle or line number exceeds 32 bits"))
}

/// `None` is 0, a handle is its index plus one.
fn put_optional(id: Option<impl Id>) -> u64 {
    id.map_or(0, |id| id.index() as u64 + 1)
}

fn optional(value: u64) -> Result<Option<u32>> {
    value.checked_sub(1).map(narrow).transpose()
}

fn put_signed(value: i32) -> u64 {
    zigzag(value.into())
}

fn signed(value: u64) -> Result<i32> {
    i32::try_from(unzigzag(value)).map_err(|_| Flaw("a signed number exceeds 32 bits"))
}

fn flag(value: u64) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Flaw("a yes or no is neither")),
    }
}

/// The variant with this number.
pub(super) fn variant<T: Copy>(all: &[T], value: u64) -> Result<T> {
    let index = usize::try_from(value).ok();
    let known = index.and_then(|index| all.get(index)).copied();
    known.ok_or(Flaw("names a kind that this version does not know"))
}

/// Texts by their lengths, then all their bytes.
fn put_texts(out: &mut Vec<u8>, texts: &[&str]) {
    put_steps(out, texts.iter().map(|text| text.len() as u64));
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

fn take_texts<'a>(
    input: &mut Input<'a>,
    count: usize,
) -> Result<impl Iterator<Item = Result<&'a str>>> {
    let lengths = take_steps(input, count)?;
    let mut rest = *input;
    let text = move |length| {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_TEXT_BYTES {
            return Err(Flaw("a text is longer than 16 MiB"));
        }
        utf8(rest.bytes(length)?)
    };
    // The caller goes on behind all of them: move its position here, their bytes are borrowed.
    let total = lengths
        .iter()
        .fold(0u64, |sum, &length| sum.saturating_add(length));
    input.bytes(usize::try_from(total).unwrap_or(usize::MAX))?;
    Ok(lengths.into_iter().map(text))
}

pub(super) fn put_strings(out: &mut Vec<u8>, texts: &[&str]) {
    put_texts(out, texts);
}

pub(super) fn take_strings(
    input: &mut Input<'_>,
    count: usize,
    profile: &mut Profile,
) -> Result<()> {
    for text in take_texts(input, count)? {
        let expected = profile.strings.len();
        appended(profile.strings.intern(text?), expected)?;
    }
    Ok(())
}

pub(super) fn put_files(out: &mut Vec<u8>, files: &[File]) {
    put(
        out,
        files,
        [
            |file| file.path.0.into(),
            |file| file.short.0.into(),
            |file| file.kind as u64,
        ],
    );
}

pub(super) fn take_files(input: &mut Input<'_>, count: usize, profile: &mut Profile) -> Result<()> {
    for [path, short, kind] in take(input, count)? {
        let expected = profile.places.files().len();
        let id = profile.places.add_file(File {
            path: StringId(narrow(path)?),
            short: StringId(narrow(short)?),
            kind: variant(&FileKind::ALL, kind)?,
        });
        appended(id, expected)?;
    }
    Ok(())
}

pub(super) fn put_functions(out: &mut Vec<u8>, functions: &[Function]) {
    put(
        out,
        functions,
        [
            |function| function.name.0.into(),
            |function| function.qualname.0.into(),
            |function| function.file.0.into(),
            |function| function.first_line.into(),
        ],
    );
}

pub(super) fn take_functions(
    input: &mut Input<'_>,
    count: usize,
    profile: &mut Profile,
) -> Result<()> {
    for [name, qualname, file, first_line] in take(input, count)? {
        let expected = profile.places.functions().len();
        let id = profile.places.add_function(Function {
            name: StringId(narrow(name)?),
            qualname: StringId(narrow(qualname)?),
            file: FileId(narrow(file)?),
            first_line: narrow(first_line)?,
        });
        appended(id, expected)?;
    }
    Ok(())
}

pub(super) fn put_frames(out: &mut Vec<u8>, frames: &[Frame]) {
    put(
        out,
        frames,
        [|frame| frame.function.0.into(), |frame| frame.line.into()],
    );
}

pub(super) fn take_frames(
    input: &mut Input<'_>,
    count: usize,
    profile: &mut Profile,
) -> Result<()> {
    for [function, line] in take(input, count)? {
        let expected = profile.places.frames().len();
        let id = profile.places.add_frame(Frame {
            function: FunctionId(narrow(function)?),
            line: narrow(line)?,
        });
        appended(id, expected)?;
    }
    Ok(())
}

pub(super) fn put_stacks(out: &mut Vec<u8>, stacks: &[Stack]) {
    put(
        out,
        stacks,
        [
            |stack| put_optional(stack.parent),
            |stack| stack.frame.0.into(),
        ],
    );
}

pub(super) fn take_stacks(
    input: &mut Input<'_>,
    count: usize,
    profile: &mut Profile,
) -> Result<()> {
    for [parent, frame] in take(input, count)? {
        let expected = profile.places.stacks().len();
        let id = profile.places.add_stack(Stack {
            parent: optional(parent)?.map(StackId),
            frame: FrameId(narrow(frame)?),
        });
        appended(id, expected)?;
    }
    Ok(())
}

pub(super) fn put_waits(out: &mut Vec<u8>, waits: &[Wait]) {
    put(
        out,
        waits,
        [
            |wait| wait.syscall.0.into(),
            |wait| put_signed(wait.fd),
            |wait| wait.descriptor as u64,
            |wait| wait.name.0.into(),
        ],
    );
}

pub(super) fn take_waits(input: &mut Input<'_>, count: usize, profile: &mut Profile) -> Result<()> {
    for [syscall, fd, descriptor, name] in take(input, count)? {
        profile.waits.push(Wait {
            syscall: StringId(narrow(syscall)?),
            fd: signed(fd)?,
            descriptor: variant(&Descriptor::ALL, descriptor)?,
            name: StringId(narrow(name)?),
        });
    }
    Ok(())
}

/// How a process ended, as a kind and a status.
pub(super) fn put_exit(exit: Option<ExitStatus>) -> (u64, u64) {
    match exit {
        None => (0, 0),
        Some(ExitStatus::Code(code)) => (1, put_signed(code)),
        Some(ExitStatus::Signal(signal)) => (2, put_signed(signal)),
    }
}

pub(super) fn take_exit(kind: u64, status: u64) -> Result<Option<ExitStatus>> {
    match kind {
        0 => Ok(None),
        1 => Ok(Some(ExitStatus::Code(signed(status)?))),
        2 => Ok(Some(ExitStatus::Signal(signed(status)?))),
        _ => Err(Flaw("a process ended in an unknown way")),
    }
}

pub(super) fn put_processes(out: &mut Vec<u8>, changed: &[(usize, Process)]) {
    put(
        out,
        changed,
        [
            |(index, _)| *index as u64,
            |(_, process)| process.pid.into(),
            |(_, process)| put_optional(process.parent),
            |(_, process)| process.command.0.into(),
            |(_, process)| process.python.0.into(),
            |(_, process)| process.start_ns,
            |(_, process)| process.end_ns.is_some().into(),
            |(_, process)| process.end_ns.unwrap_or(0),
            |(_, process)| put_exit(process.exit).0,
            |(_, process)| put_exit(process.exit).1,
        ],
    );
}

pub(super) fn take_processes(
    input: &mut Input<'_>,
    count: usize,
    profile: &mut Profile,
) -> Result<()> {
    for entry in take(input, count)? {
        let [
            index,
            pid,
            parent,
            command,
            python,
            start_ns,
            ended,
            end_ns,
            exit,
            status,
        ] = entry;
        let process = Process {
            pid: narrow(pid)?,
            parent: optional(parent)?.map(ProcessId),
            command: StringId(narrow(command)?),
            python: StringId(narrow(python)?),
            start_ns,
            end_ns: flag(ended)?.then_some(end_ns),
            exit: take_exit(exit, status)?,
        };
        replace_or_push(&mut profile.timeline.processes, index, process)?;
    }
    Ok(())
}

pub(super) fn put_threads(out: &mut Vec<u8>, changed: &[(usize, Thread)]) {
    put(
        out,
        changed,
        [
            |(index, _)| *index as u64,
            |(_, thread)| thread.process.0.into(),
            |(_, thread)| thread.tid.into(),
            |(_, thread)| thread.name.0.into(),
            |(_, thread)| thread.is_main.into(),
            |(_, thread)| thread.start_ns,
            |(_, thread)| thread.end_ns,
        ],
    );
}

pub(super) fn take_threads(
    input: &mut Input<'_>,
    count: usize,
    profile: &mut Profile,
) -> Result<()> {
    for [index, process, tid, name, is_main, start_ns, end_ns] in take(input, count)? {
        let thread = Thread {
            process: ProcessId(narrow(process)?),
            tid: narrow(tid)?,
            name: StringId(narrow(name)?),
            is_main: flag(is_main)?,
            start_ns,
            end_ns,
        };
        replace_or_push(&mut profile.timeline.threads, index, thread)?;
    }
    Ok(())
}

/// Writes over the entry at `index`, or adds it if it is the next one.
pub(super) fn replace_or_push<T>(entries: &mut Vec<T>, index: u64, entry: T) -> Result<()> {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    if let Some(known) = entries.get_mut(index) {
        *known = entry;
        return Ok(());
    }
    if index != entries.len() {
        return Err(Flaw("an entry comes before the ones it follows"));
    }
    entries.push(entry);
    Ok(())
}

pub(super) fn put_rows(out: &mut Vec<u8>, rows: &[Row]) {
    put(
        out,
        rows,
        [
            |row| row.thread.0.into(),
            |row| put_optional(row.stack),
            |row| row.state as u64,
            |row| put_optional(row.wait),
            |row| row.verdict.to_byte().into(),
        ],
    );
}

pub(super) fn take_rows(input: &mut Input<'_>, count: usize, profile: &mut Profile) -> Result<()> {
    for [thread, stack, state, wait, verdict] in take(input, count)? {
        let expected = profile.series.len();
        let verdict = u8::try_from(verdict).ok().and_then(Verdict::from_byte);
        let id = profile.series.intern(Row {
            thread: ThreadId(narrow(thread)?),
            stack: optional(stack)?.map(StackId),
            state: variant(&ThreadState::ALL, state)?,
            wait: optional(wait)?.map(WaitId),
            verdict: verdict.ok_or(Flaw("a verdict is none that this version knows"))?,
        });
        appended(id, expected)?;
    }
    Ok(())
}

pub(super) fn put_curve(out: &mut Vec<u8>, points: &[CurvePoint]) {
    put(
        out,
        points,
        [
            |point| point.time_ns,
            |point| point.rss_bytes,
            |point| point.cpu_ns,
        ],
    );
}

pub(super) fn take_curve(input: &mut Input<'_>, count: usize, profile: &mut Profile) -> Result<()> {
    let point = |[time_ns, rss_bytes, cpu_ns]: [u64; 3]| CurvePoint {
        time_ns,
        rss_bytes,
        cpu_ns,
    };
    profile
        .timeline
        .curve
        .extend(take(input, count)?.map(point));
    Ok(())
}

pub(super) fn put_sources(out: &mut Vec<u8>, sources: &[(FileId, SourceText)]) {
    put(
        out,
        sources,
        [
            |(file, _)| file.0.into(),
            |(_, source)| source.origin as u64,
        ],
    );
    let texts: Vec<&str> = sources.iter().map(|(_, source)| &*source.text).collect();
    put_texts(out, &texts);
}

pub(super) fn take_sources(
    input: &mut Input<'_>,
    count: usize,
    profile: &mut Profile,
) -> Result<()> {
    let heads = take(input, count)?;
    for ([file, origin], text) in heads.zip(take_texts(input, count)?) {
        let source = SourceText {
            origin: variant(&SourceOrigin::ALL, origin)?,
            text: Arc::from(text?),
        };
        profile.sources.insert(FileId(narrow(file)?), source);
    }
    Ok(())
}

/// Samples of one row whose time was not kept: how many, and the time they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Untimed {
    pub(crate) row: RowId,
    pub(crate) samples: u64,
    pub(crate) weight_ns: u64,
}

pub(super) fn put_untimed(out: &mut Vec<u8>, entries: &[Untimed]) {
    put(
        out,
        entries,
        [
            |entry| entry.row.0.into(),
            |entry| entry.samples,
            |entry| entry.weight_ns,
        ],
    );
}

pub(super) fn take_untimed(input: &mut Input<'_>, count: usize) -> Result<Vec<Untimed>> {
    let entry = |[row, samples, weight_ns]: [u64; 3]| {
        Ok(Untimed {
            row: RowId(narrow(row)?),
            samples,
            weight_ns,
        })
    };
    take(input, count)?.map(entry).collect()
}
