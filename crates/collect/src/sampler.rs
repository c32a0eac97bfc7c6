//! The threads that take the samples: one pinned to each CPU the target runs on.
//!
//! Why one a CPU: a reader must stand on the holder's CPU, and moving a thread from CPU to CPU
//! costs hundreds of microseconds. So each CPU has its own reader, asleep until a process's
//! holder of the GIL is on its CPU; a reader that finds the holder elsewhere hands the process
//! over and wakes its colleague at once.

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
/// What taking the CPU and giving it back costs the target beyond the reading itself: two context
/// switches and a timer interrupt. An estimate; measured 1 to 3 µs on virtual machines.
const SWITCH_NS: u64 = 2_000;
/// A reader without work looks for some this often, should a wake-up ever be missed.
const IDLE: Duration = Duration::from_millis(50);

/// How stacks are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the target's own CPU (L0).
    CoScheduled,
    /// Twice from another CPU (L2); what stays torn is read co-scheduled.
    Double,
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

    /// True once the interpreter could not be read any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

/// What the readers share with each other and with the collector.
pub(crate) struct Shared {
    slots: RwLock<Vec<Arc<Slot>>>,
    way: Way,
    /// Nanoseconds between two samples of a thread, on average.
    interval_ns: AtomicU64,
    stop: AtomicBool,
    cpus: Vec<OnceLock<Thread>>,
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
            cpus: (0..cpus.max(1)).map(|_| OnceLock::new()).collect(),
            joins: Mutex::new(Vec::new()),
            counters: Counters::default(),
        });
        if way != Way::CoScheduled {
            let worker = Arc::clone(&shared);
            spawn_into(&shared, move || roam(&worker));
        }
        Self { shared }
    }

    /// Begins to sample a process.
    pub(crate) fn add(&self, slot: Arc<Slot>) {
        self.shared
            .slots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&slot));
        if self.shared.way == Way::CoScheduled {
            // Any CPU will do to begin with: its reader finds out the right one.
            hand_over(&self.shared, &slot, affinity::current_cpu().unwrap_or(0));
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
        for thread in self.shared.cpus.iter().filter_map(OnceLock::get) {
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

    fn add_cpu_time(&self, since: &mut u64) {
        let now = clock::thread_cpu_ns();
        self.counters
            .cpu_ns
            .fetch_add(now.saturating_sub(*since), Ordering::Relaxed);
        *since = now;
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
    let cpu = if (cpu as usize) < shared.cpus.len() {
        cpu
    } else {
        0
    };
    slot.cpu.store(cpu, Ordering::Release);
    let reader = &shared.cpus[cpu as usize];
    if let Some(thread) = reader.get() {
        thread.unpark();
        return;
    }
    let worker = Arc::clone(shared);
    if let Some(thread) = spawn_into(shared, move || stand_on(&worker, cpu)) {
        let _ = reader.set(thread);
    }
}

/// The life of the reader of one CPU.
fn stand_on(shared: &Arc<Shared>, cpu: u32) {
    let pinned = affinity::pin_current_thread(cpu).is_ok() && affinity::current_cpu() == Some(cpu);
    clock::sleep_precisely();
    let boost = affinity::boost_current_thread();
    let safe_from_others = boost == affinity::Boost::Fifo;
    let mut jitter = Jitter::new(u64::from(cpu) + 1);
    let mut cpu_time = clock::thread_cpu_ns();
    let mut planned = clock::now_ns();
    while !shared.stopping() {
        let woken = clock::now_ns();
        let interval = shared.interval_ns.load(Ordering::Relaxed);
        let mut served = false;
        for slot in shared.slots() {
            if slot.cpu.load(Ordering::Acquire) != cpu || slot.is_lost() {
                continue;
            }
            served = true;
            serve(shared, &slot, cpu, pinned, safe_from_others);
        }
        shared.add_cpu_time(&mut cpu_time);
        if !served {
            std::thread::park_timeout(IDLE);
            planned = clock::now_ns();
            continue;
        }
        if woken.saturating_sub(planned) > interval / 2 {
            shared.counters.late.fetch_add(1, Ordering::Relaxed);
        }
        let now = clock::now_ns();
        planned = planned.max(now.saturating_sub(interval)) + jitter.next(interval);
        if planned > now {
            std::thread::park_timeout(Duration::from_nanos(planned - now));
        }
    }
}

/// Samples one process from the CPU of the calling reader.
fn serve(shared: &Arc<Shared>, slot: &Arc<Slot>, cpu: u32, pinned: bool, safe: bool) {
    let start = clock::now_ns();
    let switches = (!safe).then(affinity::own_switches);
    let mut reader = slot.reader();
    let mut batch = slot.batch();
    let kept = (batch.samples.len(), batch.frames.len());
    let outsider = !pinned || slot.handovers.load(Ordering::Relaxed) > MAX_HANDOVERS;
    let mut outcome = match outsider {
        true => reader.double(start, &mut batch),
        false => reader.co_scheduled(cpu, start, &mut batch),
    };
    // Being preempted in the middle would let the target run: then nothing was proved.
    if switches.is_some_and(|before| affinity::own_switches() != before) && outcome == Tick::Done {
        batch.samples.truncate(kept.0);
        batch.frames.truncate(kept.1);
        outcome = Tick::Moved;
    }
    let held = reader.was_held();
    drop(batch);
    drop(reader);
    let counters = &shared.counters;
    if held {
        let spent = clock::now_ns() - start + SWITCH_NS;
        counters.delay_ns.fetch_add(spent, Ordering::Relaxed);
    }
    match outcome {
        Tick::Done => {
            counters.ticks.fetch_add(1, Ordering::Relaxed);
            slot.handovers.store(0, Ordering::Relaxed);
        }
        Tick::Elsewhere(other) => {
            slot.handovers.fetch_add(1, Ordering::Relaxed);
            hand_over(shared, slot, other);
            return;
        }
        Tick::Moved => {
            counters.moved.fetch_add(1, Ordering::Relaxed);
        }
        Tick::Lost => slot.lost.store(true, Ordering::Relaxed),
    }
    if shared.way == Way::Double {
        // This CPU's reader was called in for one sample only.
        slot.cpu.store(NO_CPU, Ordering::Release);
    }
}

/// The life of the reader that is bound to no CPU.
fn roam(shared: &Arc<Shared>) {
    clock::sleep_precisely();
    let mut jitter = Jitter::new(7);
    let mut cpu_time = clock::thread_cpu_ns();
    let mut planned = clock::now_ns();
    while !shared.stopping() {
        let woken = clock::now_ns();
        let interval = shared.interval_ns.load(Ordering::Relaxed);
        if interval > 0 && woken.saturating_sub(planned) > interval / 2 {
            shared.counters.late.fetch_add(1, Ordering::Relaxed);
        }
        let slots = shared.slots();
        for slot in &slots {
            // A process that was handed to a pinned reader is being read there.
            if !slot.is_lost() && slot.cpu.load(Ordering::Acquire) == NO_CPU {
                serve_from_anywhere(shared, slot);
            }
        }
        shared.add_cpu_time(&mut cpu_time);
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
}

fn serve_from_anywhere(shared: &Arc<Shared>, slot: &Arc<Slot>) {
    let start = clock::now_ns();
    let mut reader = slot.reader();
    let mut batch = slot.batch();
    let outcome = match shared.way {
        Way::Stopped => {
            let outcome = reader.stopped(start, &mut batch, |tid| Stopped::stop(tid).ok());
            let spent = clock::now_ns() - start;
            shared.counters.delay_ns.fetch_add(spent, Ordering::Relaxed);
            outcome
        }
        _ => reader.double(start, &mut batch),
    };
    let holder_cpu = (outcome == Tick::Moved)
        .then(|| reader.holder_cpu())
        .flatten();
    drop(batch);
    drop(reader);
    match outcome {
        Tick::Done => {
            shared.counters.ticks.fetch_add(1, Ordering::Relaxed);
        }
        Tick::Lost => slot.lost.store(true, Ordering::Relaxed),
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
