//! The threads that take the samples: one pinned to each CPU the target runs on.
//!
//! Why one a CPU: a reader must stand on the holder's CPU, and moving a thread from CPU to CPU
//! costs hundreds of microseconds. So each CPU has its own reader, asleep until a process's
//! holder of the GIL is on its CPU; a reader that finds the holder elsewhere hands the process
//! over and wakes its colleague at once.
//!
//! Readers have no timers. A timer interrupt costs the CPU it fires on more than the whole
//! reading, above all in virtual machines; so one thread keeps the time for all, on a CPU that no
//! target uses if there is one, and wakes the readers from there.

use crate::batch::Batch;
use crate::clock::Jitter;
use crate::interpreter::Interpreter;
use crate::process_reader::{ProcessReader, Tick};
use pitstop_target::stop::Stopped;
use pitstop_target::{affinity, clock, signals};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// No CPU serves the process: it is read from anywhere.
const NO_CPU: u32 = u32::MAX;
/// After this many hand-overs in a row the process is read from where the reader is.
const MAX_HANDOVERS: u32 = 6;
/// A timekeeper without work looks for some this often, should a wake-up ever be missed.
const IDLE: Duration = Duration::from_millis(50);
/// Unlimited reading that has got nothing for this long asks for a sample on the target's CPU.
const OVERDUE_NS: u64 = 1_000_000;
/// A thread that was met between two stacks is let go on for so long before it is read again.
const BETWEEN_STACKS_NS: u64 = 20_000;
/// A reader counts its own CPU time once in so many calls.
const CALLS_PER_COUNT: u64 = 50;

/// How stacks are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the target's own CPU (L0).
    CoScheduled,
    /// Twice from another CPU (L2); what stays torn is read co-scheduled.
    Double,
    /// Under 3.15's frame sequence counter (L1): writes 8 bytes into the target. Where that is not
    /// to be had, like [`Way::Double`].
    SequenceLock,
    /// With the holder of the GIL stopped.
    Stopped,
}

/// A Python process that is being sampled.
pub(crate) struct Slot {
    /// The process.
    pub(crate) pid: u32,
    /// Its interpreter.
    pub(crate) interpreter: Arc<Interpreter>,
    reader: Mutex<ProcessReader>,
    batch: Mutex<Batch>,
    /// The CPU whose reader serves this process.
    cpu: AtomicU32,
    handovers: AtomicU32,
    /// When it was sampled last from anywhere.
    done_ns: AtomicU64,
    lost: AtomicBool,
}

impl Slot {
    pub(crate) fn new(pid: u32, interpreter: Interpreter) -> Self {
        let interpreter = Arc::new(interpreter);
        let mut reader = ProcessReader::new(pid, Arc::clone(&interpreter));
        reader.refresh();
        Self {
            pid,
            interpreter,
            reader: Mutex::new(reader),
            batch: Mutex::new(Batch::default()),
            cpu: AtomicU32::new(NO_CPU),
            handovers: AtomicU32::new(0),
            done_ns: AtomicU64::new(0),
            lost: AtomicBool::new(false),
        }
    }

    /// Exclusive use of the process's reader.
    pub(crate) fn reader(&self) -> MutexGuard<'_, ProcessReader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The samples taken and not yet fetched.
    pub(crate) fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if there was no sample for so long that one must be had, whatever it costs.
    fn is_overdue(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.done_ns.load(Ordering::Relaxed)) > OVERDUE_NS
    }

    /// True once the interpreter could not be read any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The place of one CPU's reader.
#[derive(Default)]
struct Post {
    reader: OnceLock<Thread>,
    /// Rises with every call for a sample.
    calls: AtomicU64,
    /// When the reader was to be woken last.
    planned_ns: AtomicU64,
}

impl Post {
    /// Calls for a sample now.
    fn call(&self, planned_ns: u64) {
        self.planned_ns.store(planned_ns, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Release);
        if let Some(reader) = self.reader.get() {
            reader.unpark();
        }
    }
}

/// What the readers share with each other and with the collector.
pub(crate) struct Shared {
    slots: RwLock<Vec<Arc<Slot>>>,
    way: Way,
    /// Nanoseconds between two samples of a thread, on average.
    interval_ns: AtomicU64,
    stop: AtomicBool,
    posts: Vec<Post>,
    timekeeper: OnceLock<Thread>,
    joins: Mutex<Vec<JoinHandle<()>>>,
    /// What the readers count.
    pub(crate) counters: Counters,
}

/// What sampling did and cost so far.
#[derive(Default)]
pub(crate) struct Counters {
    /// Ticks at which a process was sampled.
    pub(crate) ticks: AtomicU64,
    /// Wake-ups later than half an interval.
    pub(crate) late: AtomicU64,
    /// Ticks that yielded no sample because the threads kept moving.
    pub(crate) moved: AtomicU64,
    /// Time for which the target was kept off its CPU.
    pub(crate) delay_ns: AtomicU64,
    /// CPU time of the reading threads.
    pub(crate) cpu_ns: AtomicU64,
}

/// The reading threads. Dropping it stops them.
pub(crate) struct Sampler {
    pub(crate) shared: Arc<Shared>,
}

impl Sampler {
    /// Starts reading. `cpus` is the number of CPUs of the machine.
    pub(crate) fn start(way: Way, interval_ns: u64, cpus: usize) -> Self {
        let shared = Arc::new(Shared {
            slots: RwLock::new(Vec::new()),
            way,
            interval_ns: AtomicU64::new(interval_ns),
            stop: AtomicBool::new(false),
            posts: (0..cpus.max(1)).map(|_| Post::default()).collect(),
            timekeeper: OnceLock::new(),
            joins: Mutex::new(Vec::new()),
            counters: Counters::default(),
        });
        let worker = Arc::clone(&shared);
        let thread = match way {
            Way::CoScheduled => spawn_into(&shared, move || keep_time(&worker)),
            Way::Double | Way::SequenceLock | Way::Stopped => {
                spawn_into(&shared, move || roam(&worker))
            }
        };
        if let Some(thread) = thread {
            let _ = shared.timekeeper.set(thread);
        }
        Self { shared }
    }

    /// Begins to sample a process.
    pub(crate) fn add(&self, slot: &Arc<Slot>) {
        self.shared
            .slots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(slot));
        if self.shared.way == Way::CoScheduled {
            // Any CPU will do to begin with: its reader finds out the right one.
            let anywhere = affinity::current_cpu().unwrap_or(0);
            hand_over(&self.shared, slot, anywhere);
            if let Some(timekeeper) = self.shared.timekeeper.get() {
                timekeeper.unpark();
            }
        }
    }

    /// Ceases to sample a process.
    pub(crate) fn remove(&self, slot: &Arc<Slot>) {
        let mut slots = self
            .shared
            .slots
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        slots.retain(|known| !Arc::ptr_eq(known, slot));
        drop(slots);
        slot.reader().release();
    }

    /// Changes the time between samples.
    pub(crate) fn set_interval_ns(&self, interval_ns: u64) {
        self.shared
            .interval_ns
            .store(interval_ns, Ordering::Relaxed);
    }

    /// Stops all reading threads and waits for them.
    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let readers = self
            .shared
            .posts
            .iter()
            .filter_map(|post| post.reader.get());
        for thread in readers.chain(self.shared.timekeeper.get()) {
            thread.unpark();
        }
        let joins = std::mem::take(
            &mut *self
                .shared
                .joins
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for join in joins {
            // A reader that panicked has lost its samples, not ours.
            let _ = join.join();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Counts the CPU time the calling thread has used since `since`, and returns it.
    fn add_cpu_time(&self, since: &mut u64) -> u64 {
        let now = clock::thread_cpu_ns();
        let used = now.saturating_sub(*since);
        self.counters.cpu_ns.fetch_add(used, Ordering::Relaxed);
        *since = now;
        used
    }
}

fn spawn_into(shared: &Arc<Shared>, body: impl FnOnce() + Send + 'static) -> Option<Thread> {
    let join = std::thread::Builder::new()
        .name("pitstop-read".into())
        .spawn(|| {
            signals::leave_to_main_thread();
            body();
        })
        .ok()?;
    let thread = join.thread().clone();
    shared
        .joins
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(join);
    Some(thread)
}

/// Makes the reader of `cpu` serve a process from now on, and wakes it.
fn hand_over(shared: &Arc<Shared>, slot: &Slot, cpu: u32) {
    let cpu = if (cpu as usize) < shared.posts.len() {
        cpu
    } else {
        0
    };
    slot.cpu.store(cpu, Ordering::Release);
    let post = &shared.posts[cpu as usize];
    post.call(clock::now_ns());
    if post.reader.get().is_none() {
        let worker = Arc::clone(shared);
        if let Some(thread) = spawn_into(shared, move || stand_on(&worker, cpu)) {
            let _ = post.reader.set(thread);
        }
    }
}

/// The life of the thread that keeps the time.
fn keep_time(shared: &Arc<Shared>) {
    clock::sleep_precisely();
    affinity::boost_current_thread();
    let usable = affinity::allowed_cpus(std::process::id()).unwrap_or_default();
    let mut jitter = Jitter::new(1);
    let mut cpu_time = clock::thread_cpu_ns();
    let mut planned = clock::now_ns();
    let mut avoided: Vec<u32> = Vec::new();
    while !shared.stopping() {
        let mut served: Vec<u32> = shared
            .slots()
            .iter()
            .filter(|slot| !slot.is_lost())
            .map(|slot| slot.cpu.load(Ordering::Acquire))
            .collect();
        served.sort_unstable();
        served.dedup();
        if served.is_empty() {
            std::thread::park_timeout(IDLE);
            planned = clock::now_ns();
            continue;
        }
        if served != avoided {
            let free: Vec<u32> = usable
                .iter()
                .copied()
                .filter(|cpu| !served.contains(cpu))
                .collect();
            // Where every CPU is in use, any will do.
            let _ = affinity::allow_current_thread(if free.is_empty() { &usable } else { &free });
            avoided.clone_from(&served);
        }
        for &cpu in &served {
            if let Some(post) = shared.posts.get(cpu as usize) {
                post.call(planned);
            }
        }
        shared.add_cpu_time(&mut cpu_time);
        let now = clock::now_ns();
        let interval = shared.interval_ns.load(Ordering::Relaxed);
        planned = planned.max(now.saturating_sub(interval)) + jitter.next(interval);
        if planned > now {
            clock::sleep_until(planned);
        }
    }
}

/// The life of the reader of one CPU.
fn stand_on(shared: &Arc<Shared>, cpu: u32) {
    let pinned = affinity::pin_current_thread(cpu).is_ok() && affinity::current_cpu() == Some(cpu);
    clock::sleep_precisely();
    let boost = affinity::boost_current_thread();
    let safe_from_others = boost == affinity::Boost::Fifo;
    let post = &shared.posts[cpu as usize];
    let mut cpu_time = clock::thread_cpu_ns();
    let mut answered = 0;
    let mut done = Calls::default();
    while !shared.stopping() {
        let calls = post.calls.load(Ordering::Acquire);
        if calls == answered {
            std::thread::park();
            continue;
        }
        answered = calls;
        let late = clock::now_ns().saturating_sub(post.planned_ns.load(Ordering::Relaxed));
        if late > shared.interval_ns.load(Ordering::Relaxed) / 2 {
            shared.counters.late.fetch_add(1, Ordering::Relaxed);
        }
        for slot in shared.slots() {
            if slot.cpu.load(Ordering::Acquire) == cpu && !slot.is_lost() {
                done.held += u64::from(serve(shared, &slot, cpu, pinned, safe_from_others));
                done.all += 1;
            }
        }
        // Asking for one's own CPU time is a system call on the target's CPU.
        if done.all >= CALLS_PER_COUNT {
            done.count(shared, &mut cpu_time);
        }
    }
    done.count(shared, &mut cpu_time);
}

/// The calls that a reader answered since it last counted its CPU time.
#[derive(Default)]
struct Calls {
    all: u64,
    /// Those at which somebody held the GIL, and so was kept from running.
    held: u64,
}

impl Calls {
    /// All the CPU time of a reader is time that the thread whose CPU it takes does not have:
    /// waking up and going to sleep again, which the reading itself cannot measure, included.
    fn count(&mut self, shared: &Shared, cpu_time: &mut u64) {
        let used = shared.add_cpu_time(cpu_time);
        let delay = used * self.held / self.all.max(1);
        shared.counters.delay_ns.fetch_add(delay, Ordering::Relaxed);
        *self = Self::default();
    }
}

/// Samples one process from the CPU of the calling reader; true if somebody held the GIL.
fn serve(shared: &Arc<Shared>, slot: &Arc<Slot>, cpu: u32, pinned: bool, safe: bool) -> bool {
    let start = clock::now_ns();
    let mut switches = (!safe).then(affinity::own_switches);
    let mut reader = slot.reader();
    let mut batch = slot.batch();
    let kept = batch.mark();
    let outsider = !pinned || slot.handovers.load(Ordering::Relaxed) > MAX_HANDOVERS;
    let take = |reader: &mut ProcessReader, batch: &mut Batch| match outsider {
        true => reader.double(start, batch),
        false => reader.co_scheduled(cpu, start, batch),
    };
    let mut outcome = take(&mut reader, &mut batch);
    if outcome == Tick::Done && reader.is_between_stacks() {
        batch.take_back(kept);
        clock::sleep_until(clock::now_ns() + BETWEEN_STACKS_NS);
        switches = switches.map(|_| affinity::own_switches());
        outcome = take(&mut reader, &mut batch);
        reader.looked_again();
    }
    // Being preempted in the middle would let the target run: then nothing was proved.
    if switches.is_some_and(|before| affinity::own_switches() != before) && outcome == Tick::Done {
        batch.take_back(kept);
        outcome = Tick::Moved;
    }
    let held = reader.was_held();
    drop(batch);
    drop(reader);
    let counters = &shared.counters;
    match outcome {
        Tick::Done => {
            counters.ticks.fetch_add(1, Ordering::Relaxed);
            slot.handovers.store(0, Ordering::Relaxed);
        }
        Tick::Elsewhere(other) => {
            slot.handovers.fetch_add(1, Ordering::Relaxed);
            hand_over(shared, slot, other);
            return held;
        }
        Tick::Moved => {
            counters.moved.fetch_add(1, Ordering::Relaxed);
        }
        Tick::Lost => slot.lost.store(true, Ordering::Relaxed),
    }
    if shared.way != Way::CoScheduled {
        // This CPU's reader was called in for one sample only.
        slot.cpu.store(NO_CPU, Ordering::Release);
    }
    held
}

/// The life of the reader that is bound to no CPU.
fn roam(shared: &Arc<Shared>) {
    clock::sleep_precisely();
    let mut jitter = Jitter::new(7);
    let mut cpu_time = clock::thread_cpu_ns();
    let mut planned = clock::now_ns();
    let mut slots: Vec<Arc<Slot>> = Vec::new();
    let mut calls: u64 = 0;
    while !shared.stopping() {
        let woken = clock::now_ns();
        let interval = shared.interval_ns.load(Ordering::Relaxed);
        if interval > 0 && woken.saturating_sub(planned) > interval / 2 {
            shared.counters.late.fetch_add(1, Ordering::Relaxed);
        }
        let known = shared.slots.read().unwrap_or_else(PoisonError::into_inner);
        if !known
            .iter()
            .map(Arc::as_ptr)
            .eq(slots.iter().map(Arc::as_ptr))
        {
            slots.clone_from(&known);
        }
        drop(known);
        for slot in &slots {
            // A process that was handed to a pinned reader is being read there.
            if !slot.is_lost() && slot.cpu.load(Ordering::Acquire) == NO_CPU {
                serve_from_anywhere(shared, slot);
            }
        }
        calls += 1;
        if interval > 0 || calls.is_multiple_of(CALLS_PER_COUNT) {
            shared.add_cpu_time(&mut cpu_time);
        }
        let now = clock::now_ns();
        let pause = if slots.is_empty() {
            1_000_000
        } else {
            jitter.next(interval)
        };
        planned = planned.max(now.saturating_sub(interval)) + pause;
        if planned > now {
            clock::sleep_until(planned);
        }
    }
    shared.add_cpu_time(&mut cpu_time);
}

fn serve_from_anywhere(shared: &Arc<Shared>, slot: &Arc<Slot>) {
    let start = clock::now_ns();
    let mut reader = slot.reader();
    let mut batch = slot.batch();
    let unlimited = shared.interval_ns.load(Ordering::Relaxed) == 0;
    reader.set_unlimited(unlimited);
    let outcome = match shared.way {
        Way::Stopped => {
            let outcome = reader.stopped(start, &mut batch, |tid| Stopped::stop(tid).ok());
            let spent = clock::now_ns() - start;
            shared.counters.delay_ns.fetch_add(spent, Ordering::Relaxed);
            outcome
        }
        Way::SequenceLock => reader.sequence_locked(start, &mut batch),
        Way::CoScheduled | Way::Double => reader.double(start, &mut batch),
    };
    // A thread that is stopped is read from any CPU.
    let holder_cpu = (outcome == Tick::Moved && shared.way != Way::Stopped)
        .then(|| reader.holder_cpu())
        .flatten();
    drop(batch);
    drop(reader);
    match outcome {
        Tick::Done => {
            slot.done_ns.store(start, Ordering::Relaxed);
            shared.counters.ticks.fetch_add(1, Ordering::Relaxed);
        }
        Tick::Lost => slot.lost.store(true, Ordering::Relaxed),
        Tick::Moved | Tick::Elsewhere(_) if unlimited && !slot.is_overdue(start) => {
            // The next attempt comes at once, and its samples stand for this time too.
            shared.counters.moved.fetch_add(1, Ordering::Relaxed);
        }
        Tick::Moved | Tick::Elsewhere(_) => {
            // Dropping it would bias the profile against code that calls and returns fast.
            match holder_cpu {
                Some(cpu) => hand_over(shared, slot, cpu),
                None => {
                    shared.counters.moved.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}
