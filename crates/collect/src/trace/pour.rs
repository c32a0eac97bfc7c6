//! From the files of the probe to the Profile.

mod callables;
mod evidence;
mod lines;
mod tree;

use super::clock::Clock;
use super::directory::Directory;
use crate::paths::Paths;
use callables::Callables;
use pitstop_cpython::version::PythonVersion;
use pitstop_model::{
    ExitStatus, Process, ProcessId, Profile, Span, StackId, StringId, Thread, ThreadId,
};
use pitstop_wire::{FIRST_UNIT, Header, UNIT_BYTES, flag};
use rustc_hash::FxHashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What came of it, beside the Profile.
#[derive(Debug)]
pub(super) struct Poured {
    /// Why nothing was traced, if nothing was.
    pub(super) refusal: Option<String>,
}

/// Everything needed while one file is poured.
struct Pouring<'a> {
    profile: &'a mut Profile,
    paths: &'a Paths,
    /// The start of the recording on the monotonic clock.
    start_ns: u64,
    /// Its end.
    end_ns: u64,
}

/// Reads the files of all processes. `exit` is how the first one ended.
pub(super) fn pour(
    directory: &Directory,
    profile: &mut Profile,
    paths: &Paths,
    start_ns: u64,
    exit: Option<ExitStatus>,
) -> Poured {
    let mut traces = Vec::new();
    let mut unreadable = Vec::new();
    for path in directory.traces() {
        match read(&path) {
            Ok(bytes) => traces.push(bytes),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    let opened = |bytes: &Vec<u8>| pitstop_wire::Trace::new(bytes).map(|trace| *trace.header());
    let mut headed: Vec<(Header, Vec<u8>)> = Vec::new();
    for bytes in traces {
        match opened(&bytes) {
            Ok(header) => headed.push((header, bytes)),
            Err(damage) => unreadable.push(damage.to_string()),
        }
    }
    // A process is made after its parent.
    headed.sort_by_key(|(header, _)| header.created_ns);
    let duration_ns = profile.meta.duration_ns;
    let mut pouring = Pouring {
        profile,
        paths,
        start_ns,
        end_ns: start_ns + duration_ns,
    };
    let mut known: FxHashMap<u32, ProcessId> = FxHashMap::default();
    let mut began = false;
    for (header, bytes) in &headed {
        let Ok(trace) = pitstop_wire::Trace::new(bytes) else {
            continue;
        };
        began |= header.flags & flag::BEGAN != 0;
        let process = pouring.process(&trace, header, known.get(&header.parent).copied());
        known.insert(header.pid, process);
        pouring.pour(&trace, header, process);
    }
    if let Some(process) = profile.timeline.processes.first_mut() {
        process.exit = exit;
    }
    let refusals = directory.refusals();
    note(profile, &refusals, &unreadable, began);
    profile.meta.notes.extend(directory.notes());
    let refusal = (!began).then(|| {
        let reason = refusals.first().or(unreadable.first()).cloned();
        reason.unwrap_or_else(|| "the program ended before its own code began".into())
    });
    Poured { refusal }
}

/// The used part of a file, which is sparse.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; FIRST_UNIT as usize * UNIT_BYTES];
    file.read_exact(&mut bytes)?;
    let used = pitstop_wire::Trace::used_bytes(&bytes).map_err(io::Error::other)?;
    let rest = used
        .min(file.metadata()?.len())
        .saturating_sub(bytes.len() as u64);
    file.take(rest).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn note(profile: &mut Profile, refusals: &[String], unreadable: &[String], began: bool) {
    let notes = &mut profile.meta.notes;
    if began {
        let mut seen: Vec<&String> = refusals.iter().collect();
        seen.sort();
        seen.dedup();
        notes.extend(
            seen.iter()
                .map(|why| format!("a process was not traced: {why}")),
        );
    }
    notes.extend(
        unreadable
            .iter()
            .map(|why| format!("a process's trace cannot be read: {why}")),
    );
}

impl Pouring<'_> {
    fn process(
        &mut self,
        trace: &pitstop_wire::Trace<'_>,
        header: &Header,
        parent: Option<ProcessId>,
    ) -> ProcessId {
        let command = String::from_utf8_lossy(trace.text(header.command));
        let command = command.trim_end_matches('\0').replace('\0', " ");
        let python = PythonVersion::from_hex(u64::from(header.python));
        let python = python
            .map(|version| version.to_string())
            .unwrap_or_default();
        let process = Process {
            pid: header.pid,
            parent,
            command: self.profile.strings.intern(&command),
            python: self.profile.strings.intern(&python),
            start_ns: header.created_ns.saturating_sub(self.start_ns),
            end_ns: None,
            exit: None,
        };
        self.profile.timeline.add_process(process)
    }

    fn pour(&mut self, trace: &pitstop_wire::Trace<'_>, header: &Header, process: ProcessId) {
        let clock = Clock::of(header);
        let mut callables = Callables::new(trace, header, self.profile, self.paths);
        // The oldest first, so that the main thread is the first.
        let mut threads: Vec<_> = trace.threads().collect();
        threads.reverse();
        let mut stacks: FxHashMap<u32, StackId> = FxHashMap::default();
        let mut ids: FxHashMap<u32, ThreadId> = FxHashMap::default();
        // Each greenlet has a record, but they share the operating system's thread.
        let mut of_greenlets: FxHashMap<u32, ThreadId> = FxHashMap::default();
        for (unit, thread) in &threads {
            let id = match of_greenlets.get(&thread.tid) {
                Some(&id) if thread.greenlet != 0 => id,
                _ => self.thread(trace, &clock, thread, process),
            };
            if thread.greenlet != 0 {
                of_greenlets.insert(thread.tid, id);
            }
            ids.insert(*unit, id);
            tree::pour(
                self.profile,
                trace,
                header,
                &clock,
                &mut callables,
                (id, thread),
                &mut stacks,
            );
        }
        self.spans(trace, &clock, &ids, &stacks);
        lines::pour(self.profile, trace, header, &clock, &callables, self.end_ns);
        evidence::pour(self.profile, trace, header, &clock, &mut callables);
        let lost = header.lost;
        self.profile.calls.lost += lost.calls;
        self.profile.line_times.lost += lost.lines;
        let told = [
            (
                lost.unmatched,
                "returns did not match a call; what they left open was closed",
            ),
            (
                lost.waits,
                "suspensions of generators were not timed, for want of room",
            ),
            (lost.texts, "names could not be kept whole"),
            (
                lost.hooks,
                if header.flags & flag::LINES != 0 {
                    "times another tool took our hook away or switched lines off; lines are missing"
                } else {
                    "times another tool took our hook away; calls are missing"
                },
            ),
        ];
        for (count, what) in told.into_iter().filter(|(count, _)| *count > 0) {
            let note = format!("process {}: {count} {what}", header.pid);
            self.profile.meta.notes.push(note);
        }
    }

    fn thread(
        &mut self,
        trace: &pitstop_wire::Trace<'_>,
        clock: &Clock,
        thread: &pitstop_wire::Thread,
        process: ProcessId,
    ) -> ThreadId {
        let name = self.thread_name(trace, thread);
        let moment = |ticks| clock.moment_ns(ticks).saturating_sub(self.start_ns);
        self.profile.timeline.add_thread(Thread {
            process,
            tid: thread.tid,
            name,
            is_main: thread.is_main != 0,
            start_ns: moment(thread.first_ticks),
            end_ns: moment(thread.last_ticks),
        })
    }

    fn thread_name(
        &mut self,
        trace: &pitstop_wire::Trace<'_>,
        thread: &pitstop_wire::Thread,
    ) -> StringId {
        let given = String::from_utf8_lossy(trace.text(thread.name));
        let name = match (given.is_empty(), thread.is_main != 0) {
            (false, _) => given.into_owned(),
            (true, true) => "MainThread".into(),
            (true, false) => format!("Thread {}", thread.tid),
        };
        self.profile.strings.intern(&name)
    }

    fn spans(
        &mut self,
        trace: &pitstop_wire::Trace<'_>,
        clock: &Clock,
        threads: &FxHashMap<u32, ThreadId>,
        stacks: &FxHashMap<u32, StackId>,
    ) {
        let (spans, gone) = trace.spans();
        self.profile.spans.lost += gone;
        for span in spans {
            let known = threads.get(&span.thread).zip(stacks.get(&span.node));
            let Some((&thread, &stack)) = known else {
                self.profile.spans.lost += 1;
                continue;
            };
            self.profile.spans.spans.push(Span {
                thread,
                stack,
                start_ns: clock.moment_ns(span.began).saturating_sub(self.start_ns),
                duration_ns: clock.duration_ns(span.ticks as f64),
            });
        }
    }
}
