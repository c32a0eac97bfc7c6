//! What every thread of a running process is doing at this moment.

use crate::batch::{Batch, RawSample};
use crate::classify::{History, classify};
use crate::interpreter::{AttachError, Interpreter, attach_patiently};
use crate::member::{describe_wait, thread_name};
use crate::paths::Paths;
use crate::process_reader::{NewThread, ProcessReader, Tick};
use crate::record::RecordError;
use crate::resolve::Resolver;
use crate::source::SourceKeeper;
use crate::{host, names};
use pitstop_cpython::RawFrame;
use pitstop_model::{Dump, DumpFrame, DumpThread, DumpWait, Profile, Reason, ThreadState, Verdict};
use pitstop_target::descriptors::Descriptors;
use pitstop_target::process::{self, Process};
use pitstop_target::stop::Stopped;
use pitstop_target::{affinity, clock};
use std::sync::Arc;

/// Moments that are tried until one can be read whole.
const ATTEMPTS: u32 = 200;

/// What to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct DumpOptions {
    /// The local variables of every frame.
    pub locals: bool,
    /// Stop each thread while it is read.
    pub blocking: bool,
}

/// Reads the stacks of all threads of a process.
///
/// # Errors
/// [`RecordError`] when the process cannot be watched or holds no interpreter that can be read.
pub fn dump(pid: u32, options: &DumpOptions) -> Result<Dump, RecordError> {
    // Without it there are fewer descriptors to keep open, nothing worse.
    let _ = pitstop_target::raise_descriptor_limit();
    let _held = Process::open(pid)?;
    let interpreter = Arc::new(attach_patiently(pid)?);
    let taken = take(pid, &interpreter, *options)?;
    let directory = host::directory_of(pid);
    let words = process::cmdline(pid).unwrap_or_default();
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut writer = Writer {
        pid,
        interpreter: &interpreter,
        paths: Paths::new(&directory),
        profile: Profile::default(),
        resolver: Resolver::default(),
        sources: SourceKeeper::new(pid, &directory, &[]),
        descriptors: Descriptors::new(pid),
        locals: taken.locals,
    };
    let mut batch = taken.batch;
    writer.resolver.begin_batch();
    for new in std::mem::take(&mut batch.codes) {
        writer
            .resolver
            .define(&writer.paths, &mut writer.profile, new.address, new.code);
    }
    let named = names::of(&interpreter);
    let mut threads: Vec<(bool, DumpThread)> = batch
        .samples
        .iter()
        .filter_map(|sample| {
            let thread = taken.found.get(sample.thread as usize)?;
            Some((
                thread.is_main,
                writer.thread(sample, thread, &batch.frames, &taken.gils, &named),
            ))
        })
        .collect();
    threads.sort_by_key(|(is_main, thread)| (!is_main, thread.tid));
    Ok(Dump {
        pid,
        command: words.join(" "),
        python: interpreter.version.to_string(),
        threads: threads.into_iter().map(|(_, thread)| thread).collect(),
    })
}

struct Taken {
    batch: Batch,
    found: Vec<NewThread>,
    gils: Vec<std::ops::Range<u64>>,
    locals: Vec<Vec<(String, String)>>,
}

/// Reads one moment, on a thread of its own, because that thread gets pinned.
fn take(
    pid: u32,
    interpreter: &Arc<Interpreter>,
    options: DumpOptions,
) -> Result<Taken, RecordError> {
    let interpreter = Arc::clone(interpreter);
    let worker = std::thread::spawn(move || {
        let mut reader = ProcessReader::new(pid, Arc::clone(&interpreter));
        if !reader.refresh() {
            return None;
        }
        let mut batch = Batch::default();
        let mut cpu = reader
            .holder_cpu()
            .or_else(affinity::current_cpu)
            .unwrap_or(0);
        affinity::boost_current_thread();
        for attempt in 0..ATTEMPTS {
            batch.clear();
            let now = clock::now_ns();
            // After many hand-overs there is no point in following: compare two copies instead.
            let outcome = if options.blocking {
                reader.stopped(now, &mut batch, |tid| Stopped::stop(tid).ok())
            } else if attempt < ATTEMPTS / 2 && affinity::pin_current_thread(cpu).is_ok() {
                reader.co_scheduled(cpu, now, &mut batch)
            } else {
                reader.double(now, &mut batch)
            };
            match outcome {
                Tick::Done => break,
                Tick::Elsewhere(other) => cpu = other,
                Tick::Moved => {}
                Tick::Lost => return None,
            }
        }
        // While this thread keeps the CPU, the frames stay where they are.
        let locals = match options.locals {
            true => batch
                .frames
                .iter()
                .map(|frame| locals_of(&interpreter, *frame))
                .collect(),
            false => Vec::new(),
        };
        let found = reader.take_found();
        Some(Taken {
            gils: reader.gils(),
            batch,
            found,
            locals,
        })
    });
    let taken = worker.join().ok().flatten();
    let taken = taken.ok_or(RecordError::Attach(AttachError::NotReady { pid }))?;
    // An empty answer would read as a process without threads.
    if taken.batch.samples.is_empty() && !taken.found.is_empty() {
        let attempts = ATTEMPTS;
        return Err(RecordError::Restless { pid, attempts });
    }
    Ok(taken)
}

fn locals_of(interpreter: &Interpreter, frame: RawFrame) -> Vec<(String, String)> {
    pitstop_cpython::locals(&interpreter.memory, &interpreter.layout, frame).unwrap_or_default()
}

/// Turns raw samples into readable threads.
struct Writer<'a> {
    pid: u32,
    interpreter: &'a Interpreter,
    paths: Paths,
    profile: Profile,
    resolver: Resolver,
    sources: SourceKeeper,
    descriptors: Descriptors,
    locals: Vec<Vec<(String, String)>>,
}

impl Writer<'_> {
    fn thread(
        &mut self,
        sample: &RawSample,
        found: &NewThread,
        frames: &[RawFrame],
        gils: &[std::ops::Range<u64>],
        named: &names::Names,
    ) -> DumpThread {
        let range = sample.frames.start as usize..sample.frames.end as usize;
        let raw = &frames[range.clone()];
        let resolved = self.resolver.stack(
            self.interpreter,
            &self.paths,
            &mut self.profile,
            raw,
            sample.verified,
        );
        self.sources.capture_new(&mut self.profile);
        let doing = classify(
            sample,
            0,
            resolved.stack,
            resolved.in_c_call,
            gils,
            &mut History::default(),
        );
        let places = &self.profile.places;
        let frames = places
            .frames_of(resolved.stack)
            .enumerate()
            .map(|(depth, frame)| {
                let frame = places.frame(frame);
                let function = places.function(frame.function);
                let file = places.file(function.file);
                DumpFrame {
                    function: self.profile.text(function.qualname).to_owned(),
                    file: self.profile.text(file.short).to_owned(),
                    line: frame.line,
                    source: self
                        .profile
                        .sources
                        .line(function.file, frame.line)
                        .map(|line| line.trim().to_owned()),
                    locals: self
                        .locals
                        .get(range.start + depth)
                        .cloned()
                        .unwrap_or_default(),
                }
            })
            .collect();
        let verdict = match (sample.verdict, resolved.whole) {
            (verdict, true) => verdict,
            (_, false) => Verdict::Partial(Reason::NotAFrame),
        };
        let name = named
            .get(found.pthread)
            .unwrap_or_else(|| thread_name(self.pid, found.tid, found.is_main));
        let wait = doing.call.map(|call| {
            let wait = describe_wait(&mut self.descriptors, call, &mut self.profile);
            let wait = self.profile.waits[wait.0 as usize];
            DumpWait {
                syscall: self.profile.text(wait.syscall).to_owned(),
                fd: wait.fd,
                descriptor: wait.descriptor,
                name: self.profile.text(wait.name).to_owned(),
            }
        });
        let state: ThreadState = doing.state;
        DumpThread {
            tid: found.tid.unwrap_or(0),
            name,
            state,
            wait,
            verdict,
            frames,
        }
    }
}
