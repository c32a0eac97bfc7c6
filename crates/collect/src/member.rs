//! One process of the run: what is known of it and how far its sampling has come.

use crate::batch::{Batch, RawSample};
use crate::classify::{Call, History, classify};
use crate::names::{self, Names};
use crate::paths::Paths;
use crate::resolve::Resolver;
use crate::sampler::Slot;
use pitstop_model::{
    Descriptor, Moment, ProcessId, Profile, Reading, Reason, Row, RowId, Strings, Thread, ThreadId,
    Verdict, Wait, WaitId,
};
use pitstop_target::descriptors::{DescriptorKind, Descriptors};
use pitstop_target::syscalls;
use pitstop_target::threads::ThreadFiles;
use rustc_hash::FxHashSet;
use std::ops::Range;
use std::sync::Arc;

/// A thread that was sampled this recently when its process ended was there until the end.
const LAST_GAP_NS: u64 = 60_000_000;
/// Between two looks at the names of the threads, to begin with.
const NAMES_EVERY_NS: u64 = 50_000_000;
/// How often the names are looked at after a new thread was found.
const NAME_TRIES: u32 = 4;
/// A thread may have to wait long for the GIL before it can enter its name. As long as one has
/// none, the looks go on, less and less often down to this.
const NAMES_RARELY_NS: u64 = 2_000_000_000;

/// A Python process under the sampler, and its book-keeping.
pub(crate) struct Sampled {
    pub(crate) slot: Arc<Slot>,
    process: ProcessId,
    resolver: Resolver,
    threads: Vec<Book>,
    gils: Vec<Range<u64>>,
    names: Names,
    names_next_ns: u64,
    names_pause_ns: u64,
    names_tries: u32,
    descriptors: Descriptors,
    batch: Batch,
}

/// What is remembered of a thread between its samples.
struct Book {
    id: ThreadId,
    pthread: u64,
    /// It has the name that the program gave it.
    is_named: bool,
    last_ns: u64,
    last_row: Option<RowId>,
    last_reading: Reading,
    history: History,
    /// The wait it was in, and the time slice it began in: a new slice may bring a new descriptor.
    wait: Option<(Call, u64, WaitId)>,
}

/// Where finished samples go.
pub(crate) struct Sink<'a> {
    pub(crate) profile: &'a mut Profile,
    /// The samples in time order that were not written to the archive yet.
    pub(crate) moments: &'a mut Vec<Moment>,
    pub(crate) paths: &'a Paths,
    /// The start of the recording on the monotonic clock.
    pub(crate) start_ns: u64,
}

impl Sampled {
    pub(crate) fn new(slot: Arc<Slot>, process: ProcessId) -> Self {
        let descriptors = Descriptors::new(slot.pid);
        Self {
            slot,
            process,
            resolver: Resolver::default(),
            threads: Vec::new(),
            gils: Vec::new(),
            names: Names::default(),
            names_next_ns: 0,
            names_pause_ns: NAMES_EVERY_NS,
            names_tries: 0,
            descriptors,
            batch: Batch::default(),
        }
    }

    /// Fetches the samples taken since the last call and turns them into rows of the profile.
    pub(crate) fn drain(&mut self, sink: &mut Sink<'_>, now_ns: u64) {
        let found = {
            let mut reader = self.slot.reader();
            self.gils = reader.gils();
            reader.take_found()
        };
        let is_news = !found.is_empty();
        for thread in found {
            let name = thread_name(self.slot.pid, thread.tid, thread.is_main);
            let start_ns = now_ns.saturating_sub(sink.start_ns);
            let id = sink.profile.timeline.add_thread(Thread {
                process: self.process,
                tid: thread.tid.unwrap_or(0),
                name: sink.profile.strings.intern(&name),
                is_main: thread.is_main,
                start_ns,
                end_ns: start_ns,
            });
            let book = Book {
                id,
                pthread: thread.pthread,
                is_named: false,
                last_ns: now_ns,
                last_row: None,
                last_reading: Reading::CoScheduled,
                history: History::default(),
                wait: None,
            };
            self.threads.push(book);
        }
        // After the new ones are known: one that ended may have left its descriptor to them.
        self.name_threads(sink.profile, now_ns, is_news);
        std::mem::swap(&mut self.batch, &mut *self.slot.batch());
        if self.batch.samples.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        self.resolver.begin_batch();
        let mut codes = std::mem::take(&mut batch.codes).into_iter().peekable();
        for (index, sample) in batch.samples.iter().enumerate() {
            while let Some(new) = codes.next_if(|new| new.sample <= index) {
                self.resolver
                    .define(sink.paths, sink.profile, new.address, new.code);
            }
            self.take(sample, &batch, sink);
        }
        let stale = self.resolver.end_batch();
        if !stale.is_empty() {
            self.slot.reader().forget_codes(&stale, now_ns);
        }
        self.batch = batch;
        self.batch.clear();
    }

    /// Asks the program how it calls its threads. A thread enters that list only after it began
    /// to run, and may be renamed: so it is asked again a few times after a new one was found.
    fn name_threads(&mut self, profile: &mut Profile, now_ns: u64, found: bool) {
        if found {
            self.names_tries = NAME_TRIES;
            self.names_pause_ns = NAMES_EVERY_NS;
        }
        let wanted = self.names_tries > 0 || self.threads.iter().any(|book| !book.is_named);
        if !found && (!wanted || now_ns < self.names_next_ns) {
            return;
        }
        if self.names_tries > 0 {
            self.names_tries -= 1;
        } else {
            self.names_pause_ns = (2 * self.names_pause_ns).min(NAMES_RARELY_NS);
        }
        self.names_next_ns = now_ns + self.names_pause_ns;
        self.names = names::of(&self.slot.interpreter);
        // The descriptor of a thread that ended is given to a later one: the name is the later's.
        let mut named = FxHashSet::default();
        for book in self.threads.iter_mut().rev() {
            if named.insert(book.pthread)
                && let Some(name) = self.names.get(book.pthread)
            {
                book.is_named = true;
                let name = profile.strings.intern(&name);
                profile.timeline.threads[book.id.0 as usize].name = name;
            }
        }
    }

    fn take(&mut self, sample: &RawSample, batch: &Batch, sink: &mut Sink<'_>) {
        let raw = &batch.frames[sample.frames.start as usize..sample.frames.end as usize];
        let interpreter = &self.slot.interpreter;
        let resolved =
            self.resolver
                .stack(interpreter, sink.paths, sink.profile, raw, sample.verified);
        let verdict = match (sample.verdict, resolved.whole, resolved.stack) {
            (Verdict::Exact, true, _) if resolved.suspect => Verdict::Validated,
            (verdict, true, _) => verdict,
            (_, false, None) => Verdict::Failed(Reason::NotAFrame),
            (_, false, Some(_)) => Verdict::Partial(Reason::NotAFrame),
        };
        let Some(book) = self.threads.get_mut(sample.thread as usize) else {
            return;
        };
        // Elapsed time, not one tick: a late sample stands for all the time it covers.
        let weight_ns = sample.time_ns.saturating_sub(book.last_ns);
        let history = &mut book.history;
        let doing = classify(
            sample,
            weight_ns,
            resolved.stack,
            resolved.in_c_call,
            &self.gils,
            history,
        );
        let slices = sample.activity.sched.map_or(0, |sched| sched.slices);
        let wait = doing.call.map(|call| match book.wait {
            Some((known, since, wait)) if known == call && since == slices => wait,
            _ => {
                let wait = describe_wait(&mut self.descriptors, call, sink.profile);
                book.wait = Some((call, slices, wait));
                wait
            }
        });
        let row = sink.profile.series.intern(Row {
            thread: book.id,
            stack: resolved.stack,
            state: doing.state,
            wait,
            verdict,
        });
        book.last_ns = book.last_ns.max(sample.time_ns);
        book.last_row = Some(row);
        book.last_reading = sample.reading;
        let time_ns = sample.time_ns.saturating_sub(sink.start_ns);
        sink.profile.timeline.threads[book.id.0 as usize].end_ns = time_ns;
        sink.profile.series.add(row, weight_ns);
        sink.moments.push(Moment {
            time_ns,
            row,
            weight_ns,
        });
        let quality = &mut sink.profile.meta.quality;
        quality.verdicts.add(verdict, 1);
        quality.readings[sample.reading as usize] += 1;
    }

    /// Accounts for the time between the last samples and the end of the process.
    pub(crate) fn close(&mut self, sink: &mut Sink<'_>, end_ns: u64) {
        self.drain(sink, end_ns);
        let living = self.slot.reader().living();
        for (index, book) in self.threads.iter_mut().enumerate() {
            let gap = end_ns.saturating_sub(book.last_ns);
            let Some(row) = book
                .last_row
                .filter(|_| gap > 0 && gap <= LAST_GAP_NS && living.contains(&(index as u32)))
            else {
                continue;
            };
            sink.profile.series.add(row, gap);
            let verdict = sink.profile.series.row(row).verdict;
            let quality = &mut sink.profile.meta.quality;
            quality.verdicts.add(verdict, 1);
            quality.readings[book.last_reading as usize] += 1;
            let time_ns = end_ns.saturating_sub(sink.start_ns);
            sink.moments.push(Moment {
                time_ns,
                row,
                weight_ns: gap,
            });
            sink.profile.timeline.threads[book.id.0 as usize].end_ns = time_ns;
            book.last_ns = end_ns;
        }
    }

    /// The number of threads seen so far.
    pub(crate) fn thread_count(&self) -> usize {
        self.threads.len()
    }
}

pub(crate) fn thread_name(pid: u32, tid: Option<u32>, is_main: bool) -> String {
    if is_main {
        return "MainThread".into();
    }
    let name = tid.and_then(|tid| ThreadFiles::open(pid, tid).ok()?.comm().ok());
    name.unwrap_or_default()
}

/// What a system call waits for. Descriptors are looked at anew each time: their numbers are
/// reused.
pub(crate) fn describe_wait(
    descriptors: &mut Descriptors,
    call: Call,
    profile: &mut Profile,
) -> WaitId {
    let (descriptor, name) = match call.fd {
        Some(fd) => {
            let info = descriptors.describe(fd);
            (kind(info.kind), profile.strings.intern(&info.name))
        }
        None => (Descriptor::None, Strings::EMPTY),
    };
    let syscall = profile.strings.intern(syscalls::syscall_name(call.number));
    profile.add_wait(Wait {
        syscall,
        fd: call.fd.unwrap_or(-1),
        descriptor,
        name,
    })
}

fn kind(kind: DescriptorKind) -> Descriptor {
    match kind {
        DescriptorKind::File => Descriptor::File,
        DescriptorKind::Pipe => Descriptor::Pipe,
        DescriptorKind::Socket => Descriptor::Socket,
        DescriptorKind::Device => Descriptor::Device,
        DescriptorKind::Event => Descriptor::Event,
        DescriptorKind::None => Descriptor::None,
    }
}
