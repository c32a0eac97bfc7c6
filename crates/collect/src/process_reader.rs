//! Reading all threads of one Python process at one moment, and proving that it was one moment.
//!
//! # The proof of a co-scheduled read
//!
//! The reader runs on the CPU that the holder of the GIL was running on, and so has taken it
//! away: while the reader runs, the holder does not. A thread cannot change Python frames
//! without holding the GIL, so *all* stacks that share this GIL stand still. What must be shown
//! afterwards is that the holder was not running elsewhere meanwhile:
//!
//! * The C library registers a `struct rseq` for each thread, in which the kernel keeps the
//!   number of the CPU the thread runs on, right at every return to user mode. If the last thing
//!   the reader copies is this number and it names the reader's own CPU, the holder has not been
//!   in user mode since the reader got there.
//! * Without it (musl, glibc before 2.35): the scheduler's count of the holder's time slices,
//!   taken before and after, is the same, and in between the kernel named the reader's CPU as the
//!   one the holder belongs to.
//!
//! When nobody holds the GIL, each blocked thread is proved by its own time slices, and a thread
//! that runs native code is read twice and compared.

use crate::batch::{Batch, Mark, RawSample};
use crate::burst::{self, Outcome};
use crate::code_watch::CodeWatch;
use crate::control::Control;
use crate::group::{GilSeen, Group, Member, emit};
use crate::interpreter::Interpreter;
use crate::sequence_lock::{self, Words};
use crate::thread_reader::ThreadReader;
use crate::threads::ThreadIds;
use pitstop_cpython::{ThreadState, interpreters, threads, threads_head};
use pitstop_model::{Reading, Verdict};
use pitstop_target::threads::ThreadFiles;
use rustc_hash::FxHashSet;
use std::ops::Range;
use std::sync::Arc;

/// Readings of one moment that may be thrown away before the sample counts as moved.
pub(crate) const ATTEMPTS: u32 = 4;
/// Readings from another CPU that may be torn before the sample counts as moved.
const DOUBLE_ATTEMPTS: u32 = 24;
/// Bursts that may be torn before the sample counts as moved.
const BURSTS: u32 = 6;
/// A thread that has been at rest for this long leaves the hot path: see [`ProcessReader::check_quiet`].
const QUIET_NS: u64 = 30_000_000;

/// After so many vain attempts in a row a moment without a true stack is taken as it is.
const MOST_VAIN: u32 = 8;
/// How a tick ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// Every active thread was sampled.
    Done,
    /// Somebody holds the GIL on another CPU; only a reader there can read it.
    Elsewhere(u32),
    /// The threads kept moving; the next tick's samples stand for this time too.
    Moved,
    /// The interpreter is not there any more: the process ended or became another program.
    Lost,
}

/// A thread that was found. Threads are numbered in the order they are found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewThread {
    /// The operating system's id; `None` when it could not be told.
    pub(crate) tid: Option<u32>,
    /// Its `pthread_self()`.
    pub(crate) pthread: u64,
    /// True for the oldest thread of the main interpreter.
    pub(crate) is_main: bool,
}

/// Reads one Python process.
pub(crate) struct ProcessReader {
    pid: u32,
    interpreter: Arc<Interpreter>,
    groups: Vec<Group>,
    ids: ThreadIds,
    next_index: u32,
    found: Vec<NewThread>,
    codes: CodeWatch,
    /// Somebody held the GIL at the last moment that was read.
    held: bool,
    /// The most samples of a thread to take at a tick: more than one if they cannot be too many.
    most: usize,
    /// At the moment that was read last a frame had something for its code object that is none, or
    /// the holder of the GIL showed no stack at all.
    between_stacks: bool,
    /// How often in a row looking again was of no use.
    vain: u32,
    /// Whether the frame sequence counter may be used, once that was looked up.
    may_anchor: Option<bool>,
}

impl ProcessReader {
    /// Prepares to read a process. Threads are found by [`ProcessReader::refresh`].
    pub(crate) fn new(pid: u32, interpreter: Arc<Interpreter>) -> Self {
        Self {
            pid,
            interpreter,
            groups: Vec::new(),
            ids: ThreadIds::new(pid),
            next_index: 0,
            found: Vec::new(),
            codes: CodeWatch::new(pitstop_target::clock::now_ns()),
            held: false,
            most: 1,
            between_stacks: false,
            vain: 0,
            may_anchor: None,
        }
    }

    /// Whether a tick may take several samples of a thread.
    pub(crate) fn set_unlimited(&mut self, unlimited: bool) {
        self.most = if unlimited { usize::MAX } else { 1 };
    }

    /// Takes the threads found since the last call.
    pub(crate) fn take_found(&mut self) -> Vec<NewThread> {
        std::mem::take(&mut self.found)
    }

    /// True if somebody held the GIL at the last moment that was read: only then does reading keep
    /// anybody from running Python.
    pub(crate) fn was_held(&self) -> bool {
        self.held
    }

    /// True if the moment that was read last is one of the few instructions for which a thread that
    /// enters the interpreter has no true stack in memory (3.11 and 3.12 link their frames in
    /// two steps). Another one a moment later is as good, and whole.
    pub(crate) fn is_between_stacks(&self) -> bool {
        self.between_stacks && self.vain < MOST_VAIN
    }

    /// Remembers whether looking again was of any use: a program may have broken its own frames.
    pub(crate) fn looked_again(&mut self) {
        self.vain = if self.between_stacks {
            self.vain + 1
        } else {
            0
        };
    }

    /// Forgets code objects whose addresses are used by others now, and has an eye on these
    /// addresses from now on, and on all for a while.
    pub(crate) fn forget_codes(&mut self, addresses: &[u64], now_ns: u64) {
        self.codes.forget(addresses, now_ns);
    }

    /// Remembers how far the batch has come. While every code object is to be looked at in every
    /// sample, no stack is settled.
    fn begin(&self, now_ns: u64, batch: &mut Batch) -> Mark {
        if self.codes.distrusts_all(now_ns) {
            batch.settle(false);
        }
        batch.mark()
    }

    /// Completes the samples that were added since.
    fn finish(&mut self, batch: &mut Batch, from: Mark) {
        let all_are_code = self.codes.look(&self.interpreter, batch, from);
        let added = &batch.samples[from.samples..];
        let without_stack =
            |sample: &RawSample| sample.holds_gil && matches!(sample.verdict, Verdict::Failed(_));
        self.between_stacks = !all_are_code || added.iter().any(without_stack);
        self.held = added.iter().any(|sample| sample.holds_gil);
    }

    /// Lists interpreters and threads again; false if the runtime cannot be read any more.
    pub(crate) fn refresh(&mut self) -> bool {
        let interpreter = Arc::clone(&self.interpreter);
        let (memory, layout) = (&interpreter.memory, &interpreter.layout);
        let Ok(found) = interpreters(memory, layout, interpreter.runtime) else {
            return false;
        };
        if found.is_empty() {
            return false;
        }
        self.groups
            .retain(|group| found.iter().any(|one| one.gil == group.gil));
        for one in &found {
            let group = match self.groups.iter().position(|group| group.gil == one.gil) {
                Some(at) => &mut self.groups[at],
                None => {
                    self.groups.push(Group::new(one.gil));
                    self.groups.last_mut().expect("just pushed")
                }
            };
            if !group
                .interpreters
                .iter()
                .any(|member| member.address == one.address)
            {
                group.interpreters.push(Member {
                    address: one.address,
                    is_main: one.id == 0,
                    head: 0,
                    control: Control::new(layout, interpreter.runtime, one),
                });
            }
        }
        for at in 0..self.groups.len() {
            let gone = |address: u64| !found.iter().any(|one| one.address == address);
            self.groups[at]
                .interpreters
                .retain(|member| !gone(member.address));
            self.list_threads(at, true);
        }
        true
    }

    /// Finds the threads of a group that are not known yet; with `all` also drops ended ones.
    fn list_threads(&mut self, at: usize, all: bool) {
        let interpreter = Arc::clone(&self.interpreter);
        let (memory, layout) = (&interpreter.memory, &interpreter.layout);
        let group = &mut self.groups[at];
        let mut alive = FxHashSet::default();
        let known: FxHashSet<ThreadState> = group
            .active
            .iter()
            .chain(&group.quiet)
            .map(|known| known.state)
            .collect();
        for member in &mut group.interpreters {
            // Most of the time nothing changed; one word tells.
            let head = threads_head(memory, layout, member.address).unwrap_or(0);
            if head == member.head && !all {
                continue;
            }
            member.head = head;
            let mut listed = threads(memory, layout, member.address).unwrap_or_default();
            // A new thread state bears the name of the thread that made it until its own thread
            // runs. No thread has two of them in one interpreter, so the newer one is not ready.
            let mut owners = FxHashSet::default();
            listed.reverse();
            let mut natives = FxHashSet::default();
            listed.retain(|thread| {
                let is_own = thread.native_id.is_none_or(|native| natives.insert(native));
                owners.insert(thread.pthread) && is_own
            });
            let oldest = listed.first().map(|thread| thread.address);
            for thread in listed {
                alive.insert(thread);
                let known = known.contains(&thread);
                // A thread state without a thread behind it yet: its owner is still starting.
                if known || thread.pthread == 0 {
                    continue;
                }
                let is_main = member.is_main && oldest == Some(thread.address);
                let tid = self.ids.tid_of(&thread, is_main);
                let files = tid.and_then(|tid| ThreadFiles::open(self.pid, tid).ok());
                let index = self.next_index;
                self.next_index += 1;
                self.found.push(NewThread {
                    tid,
                    pthread: thread.pthread,
                    is_main,
                });
                group.active.push(ThreadReader::new(
                    index,
                    member.address,
                    thread,
                    files,
                    layout,
                ));
            }
        }
        if all {
            let is_alive = |thread: &ThreadReader| alive.contains(&thread.state);
            group.active.retain(is_alive);
            group.quiet.retain(is_alive);
        }
    }

    /// Samples every active thread from the CPU `cpu`, on which the caller runs and is pinned.
    pub(crate) fn co_scheduled(&mut self, cpu: u32, now_ns: u64, batch: &mut Batch) -> Tick {
        let mut outcome = Tick::Done;
        let from = self.begin(now_ns, batch);
        for at in 0..self.groups.len() {
            match self.co_scheduled_group(at, cpu, now_ns, batch) {
                Tick::Done => {}
                other => outcome = other,
            }
        }
        self.finish(batch, from);
        if self.groups.is_empty() {
            Tick::Lost
        } else {
            outcome
        }
    }

    fn co_scheduled_group(&mut self, at: usize, cpu: u32, now_ns: u64, batch: &mut Batch) -> Tick {
        for _ in 0..ATTEMPTS {
            let interpreter = Arc::clone(&self.interpreter);
            let group = &mut self.groups[at];
            group.drop_gone();
            if group.active.is_empty() {
                if !group.wake_holder(&interpreter) {
                    return Tick::Done;
                }
                continue;
            }
            group.predicted = group.predicted.min(group.active.len() - 1);
            let guessed = group.predicted;
            group.look_at_others(now_ns);
            let before = match interpreter.rseq {
                Some(_) => None,
                None => match group.slices_on(cpu) {
                    Ok(slices) => slices,
                    Err(elsewhere) => return Tick::Elsewhere(elsewhere),
                },
            };
            let Some(mut seen) = group.read(&interpreter) else {
                if threads_head(
                    &interpreter.memory,
                    &interpreter.layout,
                    group
                        .interpreters
                        .first()
                        .map_or(0, |member| member.address),
                )
                .is_err()
                {
                    return Tick::Lost;
                }
                self.list_threads(at, true);
                continue;
            };
            if group.heads_moved() {
                self.list_threads(at, false);
                let group = &mut self.groups[at];
                if group.heads_moved() {
                    // The newest thread ended: its state is still in our list.
                    self.list_threads(at, true);
                }
                continue;
            }
            let Some(holder) = seen.gil.holder() else {
                match group.idle(&interpreter, now_ns, batch) {
                    Some(tick) => return tick,
                    None => continue,
                }
            };
            let Some(position) = group.position_of(holder) else {
                if !group.promote(holder) {
                    self.list_threads(at, true);
                }
                continue;
            };
            if position != group.predicted {
                group.predicted = position;
                if interpreter.rseq.is_none() {
                    continue;
                }
                seen.cpu = group.cpu_of_predicted(&interpreter);
            }
            match (seen.cpu, before) {
                (Some(holder_cpu), _) if holder_cpu != cpu => {
                    return Tick::Elsewhere(holder_cpu);
                }
                // The holder's CPU cannot be told: compare two copies instead.
                (None, None) => return self.double_group(at, now_ns, batch),
                (None, Some(slices)) if group.slices() != Some(slices) => continue,
                _ => {}
            }
            group.look_at_guess(guessed, now_ns);
            group.check_holder(now_ns);
            group.emit_all(
                now_ns,
                Reading::CoScheduled,
                Verdict::Exact,
                Some(position),
                batch,
            );
            return Tick::Done;
        }
        Tick::Moved
    }

    /// Samples every active thread from another CPU: everything is read twice and compared.
    pub(crate) fn double(&mut self, now_ns: u64, batch: &mut Batch) -> Tick {
        let mut outcome = Tick::Done;
        let from = self.begin(now_ns, batch);
        for at in 0..self.groups.len() {
            match self.double_group(at, now_ns, batch) {
                Tick::Done => {}
                other => outcome = other,
            }
        }
        self.finish(batch, from);
        if self.groups.is_empty() {
            Tick::Lost
        } else {
            outcome
        }
    }

    /// Samples a group at several moments by one system call, if that can be; `None` if not.
    fn burst_group(&mut self, at: usize, words: Option<Words>, batch: &mut Batch) -> Option<Tick> {
        let interpreter = Arc::clone(&self.interpreter);
        let group = &mut self.groups[at];
        group.drop_gone();
        for _ in 0..BURSTS {
            match burst::sample(group, &interpreter, words, self.most, batch) {
                Outcome::Taken(0) => {}
                Outcome::Taken(_) => return Some(Tick::Done),
                Outcome::Unfit => {
                    // Whoever reads now may write an anchor of its own.
                    group.burst.forget_anchor();
                    return None;
                }
            }
        }
        Some(Tick::Moved)
    }

    fn double_group(&mut self, at: usize, now_ns: u64, batch: &mut Batch) -> Tick {
        if let Some(tick) = self.burst_group(at, None, batch) {
            return tick;
        }
        for _ in 0..DOUBLE_ATTEMPTS {
            let interpreter = Arc::clone(&self.interpreter);
            let group = &mut self.groups[at];
            group.drop_gone();
            if group.active.is_empty() {
                if !group.wake_holder(&interpreter) {
                    return Tick::Done;
                }
                continue;
            }
            group.predicted = group.predicted.min(group.active.len() - 1);
            let guessed = group.predicted;
            group.look_at_others(now_ns);
            let Some(gil) = group.read_twice(&interpreter) else {
                if !self.refresh() {
                    return Tick::Lost;
                }
                continue;
            };
            if group.heads_moved() {
                self.list_threads(at, true);
                continue;
            }
            let Some(holder) = gil.holder() else {
                match group.idle(&interpreter, now_ns, batch) {
                    Some(tick) => return tick,
                    None => continue,
                }
            };
            let Some(position) = group.position_of(holder) else {
                if !group.promote(holder) {
                    self.list_threads(at, true);
                }
                continue;
            };
            group.predicted = position;
            let agree = group.active.iter_mut().all(|thread| {
                thread.is_captured() || (thread.copies_agree() && thread.is_plausible(&interpreter))
            });
            if agree {
                group.look_at_guess(guessed, now_ns);
                group.check_holder(now_ns);
                let verdict = Verdict::Validated;
                group.emit_all(now_ns, Reading::DoubleRead, verdict, Some(position), batch);
                return Tick::Done;
            }
        }
        Tick::Moved
    }

    /// Samples every active thread under the interpreter's frame sequence counter where it has one
    /// that nobody else uses; otherwise by reading twice.
    pub(crate) fn sequence_locked(&mut self, now_ns: u64, batch: &mut Batch) -> Tick {
        let interpreter = Arc::clone(&self.interpreter);
        let states = self.thread_states();
        let may = *self
            .may_anchor
            .get_or_insert_with(|| sequence_lock::is_available(&interpreter, &states));
        if !may {
            return self.double(now_ns, batch);
        }
        let mut outcome = Tick::Done;
        let from = self.begin(now_ns, batch);
        for at in 0..self.groups.len() {
            let words = Words::of(&interpreter);
            match self.burst_group(at, words, batch) {
                Some(Tick::Done) => continue,
                Some(_) => {
                    outcome = Tick::Moved;
                    continue;
                }
                None => {}
            }
            let group = &mut self.groups[at];
            if group.active.is_empty() && !group.wake_holder(&interpreter) {
                continue;
            }
            match sequence_lock::sample(group, &interpreter, now_ns, batch) {
                Some(Tick::Done) => {}
                Some(other) => outcome = other,
                None => {
                    outcome = Tick::Moved;
                    if !self.refresh() {
                        return Tick::Lost;
                    }
                }
            }
        }
        self.finish(batch, from);
        outcome
    }

    /// Takes back what reading under the sequence counter wrote.
    pub(crate) fn release(&self) {
        if self.may_anchor == Some(true) {
            sequence_lock::release(&self.interpreter, &self.thread_states());
        }
    }

    fn thread_states(&self) -> Vec<u64> {
        let threads = self
            .groups
            .iter()
            .flat_map(|group| group.active.iter().chain(&group.quiet));
        threads.map(|thread| thread.state.address).collect()
    }

    /// Samples every thread while `stop` holds the thread that could change them.
    pub(crate) fn stopped<Guard>(
        &mut self,
        now_ns: u64,
        batch: &mut Batch,
        stop: impl Fn(u32) -> Option<Guard>,
    ) -> Tick {
        let from = self.begin(now_ns, batch);
        let mut outcome = Tick::Done;
        for at in 0..self.groups.len() {
            let mut read_whole = false;
            for _ in 0..ATTEMPTS {
                let interpreter = Arc::clone(&self.interpreter);
                self.list_threads(at, false);
                let group = &mut self.groups[at];
                if group.active.is_empty() && !group.wake_holder(&interpreter) {
                    read_whole = true;
                    break;
                }
                let Some(before) = group.gil_now(&interpreter) else {
                    return Tick::Lost;
                };
                let Some(holder) = before.holder() else {
                    if group.idle(&interpreter, now_ns, batch).is_some() {
                        read_whole = true;
                        break;
                    }
                    continue;
                };
                let Some(position) = group.position_of(holder) else {
                    if !group.promote(holder) {
                        self.list_threads(at, true);
                    }
                    continue;
                };
                let tid = group.active[position].files.as_ref().map(ThreadFiles::tid);
                let Some(guard) = tid.and_then(&stop) else {
                    self.list_threads(at, true);
                    continue;
                };
                group.predicted = position;
                group.look_at_others(now_ns);
                let read = group.read(&interpreter);
                let same = read.is_some_and(|seen| seen.gil.holder() == Some(holder));
                if same {
                    let verdict = Verdict::Exact;
                    group.emit_all(now_ns, Reading::Stopped, verdict, Some(position), batch);
                    self.codes.look(&interpreter, batch, from);
                    read_whole = true;
                    break;
                }
                drop(guard);
            }
            if !read_whole {
                outcome = Tick::Moved;
            }
        }
        if self.groups.is_empty() {
            Tick::Lost
        } else {
            outcome
        }
    }

    /// Asks the threads at rest whether they still are. One that has not run since keeps its
    /// stack, so its sample is exact whatever time it stands for; one that has is sampled again
    /// at every tick.
    pub(crate) fn check_quiet(&mut self, now_ns: u64, batch: &mut Batch) {
        for group in &mut self.groups {
            let mut index = 0;
            while index < group.quiet.len() {
                let thread = &mut group.quiet[index];
                if thread.still_blocked() && thread.is_captured() {
                    emit(
                        thread,
                        now_ns,
                        Reading::CoScheduled,
                        Verdict::Exact,
                        GilSeen::Nobody,
                        batch,
                    );
                    index += 1;
                } else {
                    let thread = group.quiet.swap_remove(index);
                    group.active.push(thread);
                }
            }
        }
    }

    /// Moves threads that have been at rest for long out of the hot path.
    pub(crate) fn retire_quiet(&mut self, now_ns: u64) {
        for group in &mut self.groups {
            let mut index = 0;
            // One thread stays, so that a process with one thread is sampled at every tick.
            while index < group.active.len() && group.active.len() > 1 {
                let thread = &group.active[index];
                let resting = thread
                    .quiet_since_ns
                    .is_some_and(|since| now_ns.saturating_sub(since) > QUIET_NS);
                if resting && thread.is_captured() {
                    let thread = group.active.swap_remove(index);
                    group.quiet.push(thread);
                } else {
                    index += 1;
                }
            }
        }
    }

    /// The numbers of the threads that are there.
    pub(crate) fn living(&self) -> Vec<u32> {
        let threads = self
            .groups
            .iter()
            .flat_map(|group| group.active.iter().chain(&group.quiet));
        threads
            .filter(|thread| !thread.gone)
            .map(|thread| thread.index)
            .collect()
    }

    /// The addresses that the GILs of this process occupy.
    pub(crate) fn gils(&self) -> Vec<Range<u64>> {
        let size = self.interpreter.layout.gil.size;
        self.groups
            .iter()
            .map(|group| group.gil..group.gil + size)
            .collect()
    }

    /// The CPU that the thread which held the GIL last belongs to.
    pub(crate) fn holder_cpu(&self) -> Option<u32> {
        let group = self.groups.first()?;
        let thread = group.active.get(group.predicted)?;
        Some(thread.files.as_ref()?.stat().ok()?.processor)
    }
}
