//! The threads that share one GIL: reading them together and saying what that is worth.
//!
//! How a reading is proved is told in [`crate::process_reader`]; here is what it is made of.

use crate::batch::{Activity, Batch, Mark, RawSample, verdict_of};
use crate::burst::Burst;
use crate::control::Control;
use crate::interpreter::Interpreter;
use crate::process_reader::{ATTEMPTS, Tick};
use crate::thread_reader::{ThreadReader, Which};
use pitstop_cpython::{Gil, Memory, RawFrame, Slice};
use pitstop_model::{Reading, Reason, Verdict};
use pitstop_target::threads::SyscallState;

/// Where a thread state tells enough, the control words are read once in so many readings.
const CONTROL_EVERY: u64 = 16;
/// How often the holder of the GIL is asked whether it really runs.
const HOLDER_CHECK_NS: u64 = 4_000_000;

/// The threads that share one GIL.
pub(crate) struct Group {
    pub(crate) gil: u64,
    pub(crate) interpreters: Vec<Member>,
    pub(crate) active: Vec<ThreadReader>,
    pub(crate) quiet: Vec<ThreadReader>,
    /// Position in `active` of the thread that held the GIL last.
    pub(crate) predicted: usize,
    pub(crate) holder_checked_ns: u64,
    /// Counts the readings from another CPU.
    readings: u64,
    /// For reading several moments at once.
    pub(crate) burst: Burst,
}

pub(crate) struct Member {
    pub(crate) address: u64,
    pub(crate) is_main: bool,
    pub(crate) head: u64,
    pub(crate) control: Control,
}

/// What one reading of a group showed.
pub(crate) struct Seen {
    pub(crate) gil: Gil,
    /// The CPU on which the predicted holder was last in user mode, where that can be read.
    pub(crate) cpu: Option<u32>,
}

impl Group {
    pub(crate) fn new(gil: u64) -> Self {
        Self {
            gil,
            interpreters: Vec::new(),
            active: Vec::new(),
            quiet: Vec::new(),
            predicted: 0,
            holder_checked_ns: 0,
            readings: 0,
            burst: Burst::default(),
        }
    }

    /// Lets go of the threads that have ended.
    pub(crate) fn drop_gone(&mut self) {
        if self.active.iter().any(|thread| thread.gone) {
            self.active.retain(|thread| !thread.gone);
        }
    }

    /// Looks at every thread but the one that probably holds the GIL, for which that would cost
    /// more than it tells.
    pub(crate) fn look_at_others(&mut self, now_ns: u64) {
        for (index, thread) in self.active.iter_mut().enumerate() {
            if index != self.predicted {
                thread.look(now_ns);
            }
        }
    }

    /// Looks at the thread that was taken for the holder of the GIL but is not.
    pub(crate) fn look_at_guess(&mut self, guessed: usize, now_ns: u64) {
        if guessed != self.predicted
            && let Some(thread) = self.active.get_mut(guessed)
        {
            thread.look(now_ns);
        }
    }

    /// Reads the stacks that may have changed, then the control words, then the holder's CPU.
    /// `None` if a thread state could not be read.
    pub(crate) fn read(&mut self, interpreter: &Interpreter) -> Option<Seen> {
        let Self {
            active,
            interpreters,
            predicted,
            ..
        } = self;
        let mut cpu = [0; 4];
        let rseq = interpreter
            .rseq
            .map(|area| area.cpu_id_address(active[*predicted].state.pthread));
        let control: usize = interpreters.iter().map(|member| member.control.len()).sum();
        let skip: Vec<bool> = active
            .iter()
            .enumerate()
            .map(|(index, thread)| index != *predicted && thread.is_captured())
            .collect();
        for (thread, skip) in active.iter_mut().zip(&skip) {
            if !skip {
                thread.begin(Which::First);
            }
        }
        let mut batch = Vec::with_capacity(16);
        for (thread, skip) in active.iter_mut().zip(&skip) {
            if !skip {
                thread.slices(Which::First, &mut batch);
            }
        }
        for member in interpreters.iter_mut() {
            member.control.slices(&mut batch);
        }
        if let Some(address) = rseq {
            batch.push(Slice {
                address,
                buffer: &mut cpu,
            });
        }
        let wanted = batch.len();
        let filled = interpreter.memory.read_many(&mut batch);
        let mut left = filled;
        let mut missed = filled < wanted;
        for (thread, skip) in active.iter_mut().zip(&skip) {
            if *skip {
                continue;
            }
            // After a short read the first threads have their bytes; the others read their own.
            match thread.take_filled(Which::First, left) {
                Some(rest) => left = rest,
                None => {
                    left = 0;
                    if !thread.read_prefix(&interpreter.memory) {
                        return None;
                    }
                }
            }
            if !thread.is_same_thread(&interpreter.layout) {
                return None;
            }
            missed |= thread.walk(Which::First, &interpreter.memory, &interpreter.layout);
            thread.clear_captured();
        }
        if missed {
            // Some bytes came later than the control words: those must be the last again.
            let mut batch = Vec::with_capacity(control + 1);
            for member in interpreters.iter_mut() {
                member.control.slices(&mut batch);
            }
            if let Some(address) = rseq {
                batch.push(Slice {
                    address,
                    buffer: &mut cpu,
                });
            }
            if interpreter.memory.read_many(&mut batch) < control {
                return None;
            }
        }
        let gil = interpreters.last()?.control.gil(&interpreter.layout);
        // A thread without a registered rseq shows a negative number.
        let cpu = rseq
            .map(|_| u32::from_ne_bytes(cpu))
            .filter(|&cpu| cpu < u32::MAX - 8);
        Some(Seen { gil, cpu })
    }

    /// Reads everything twice; `None` if a thread state could not be read.
    pub(crate) fn read_twice(&mut self, interpreter: &Interpreter) -> Option<Gil> {
        // From 3.15 on a thread state tells whether its thread holds the GIL. One thread alone then
        // needs the control words only now and then, to see new threads and the collector.
        self.readings = self.readings.wrapping_add(1);
        let own_word = interpreter
            .layout
            .thread
            .holds_gil
            .filter(|_| self.active.len() == 1 && !self.readings.is_multiple_of(CONTROL_EVERY));
        let Self {
            active,
            interpreters,
            predicted,
            ..
        } = self;
        let skip: Vec<bool> = active
            .iter()
            .enumerate()
            .map(|(index, thread)| index != *predicted && thread.is_captured())
            .collect();
        let mut batch = Vec::with_capacity(24);
        for (thread, skip) in active.iter_mut().zip(&skip) {
            if !skip {
                thread.begin_twice();
            }
        }
        for (thread, skip) in active.iter_mut().zip(&skip) {
            if !skip {
                thread.slices_twice(&mut batch);
            }
        }
        if own_word.is_none() {
            for member in interpreters.iter_mut() {
                member.control.slices(&mut batch);
            }
        }
        let mut left = interpreter.memory.read_many(&mut batch);
        for (thread, skip) in active.iter_mut().zip(&skip) {
            if *skip {
                continue;
            }
            left = thread.take_filled_twice(left)?;
            if !thread.is_same_thread(&interpreter.layout) {
                return None;
            }
            thread.walk(Which::First, &interpreter.memory, &interpreter.layout);
            thread.walk(Which::Second, &interpreter.memory, &interpreter.layout);
            thread.clear_captured();
        }
        if let Some(offset) = own_word {
            let thread = active.first()?;
            // The word is an `int`.
            let locked = thread.word(offset) & 0xFFFF_FFFF == 1;
            return Some(Gil {
                last_holder: thread.state.address,
                locked,
            });
        }
        Some(interpreters.last()?.control.gil(&interpreter.layout))
    }

    /// Samples all threads while nobody holds the GIL; `None`, and no sample, if somebody has taken
    /// it meanwhile.
    pub(crate) fn idle(
        &mut self,
        interpreter: &Interpreter,
        now_ns: u64,
        batch: &mut Batch,
    ) -> Option<Tick> {
        let before = Mark {
            samples: batch.samples.len(),
            frames: batch.frames.len(),
        };
        for index in 0..self.active.len() {
            let thread = &mut self.active[index];
            thread.look(now_ns);
            if thread.is_captured() {
                emit(
                    thread,
                    now_ns,
                    Reading::CoScheduled,
                    Verdict::Exact,
                    GilSeen::Nobody,
                    batch,
                );
                continue;
            }
            if thread.blocked.is_some() {
                if !thread.read_alone(Which::First, interpreter) {
                    continue;
                }
                if thread.still_blocked() {
                    thread.set_captured();
                    let verdict = Verdict::Exact;
                    emit(
                        thread,
                        now_ns,
                        Reading::CoScheduled,
                        verdict,
                        GilSeen::Nobody,
                        batch,
                    );
                    continue;
                }
            }
            let agree = (0..ATTEMPTS).any(|_| {
                thread.read_alone(Which::First, interpreter)
                    && thread.read_alone(Which::Second, interpreter)
                    && thread.copies_agree()
            });
            let verdict = if agree {
                Verdict::Validated
            } else {
                Verdict::Partial(Reason::Moved)
            };
            emit(
                thread,
                now_ns,
                Reading::DoubleRead,
                verdict,
                GilSeen::Nobody,
                batch,
            );
        }
        if self.gil_now(interpreter).and_then(Gil::holder).is_some() {
            batch.take_back(before);
            for thread in &mut self.active {
                thread.clear_captured();
            }
            return None;
        }
        Some(Tick::Done)
    }

    pub(crate) fn emit_all(
        &mut self,
        now_ns: u64,
        reading: Reading,
        verdict: Verdict,
        holder: Option<usize>,
        batch: &mut Batch,
    ) {
        self.emit_judged(now_ns, reading, [verdict; 2], holder, batch);
    }

    /// Like [`Group::emit_all`], with one verdict for the holder of the GIL and one for the others.
    pub(crate) fn emit_judged(
        &mut self,
        now_ns: u64,
        reading: Reading,
        [of_holder, of_others]: [Verdict; 2],
        holder: Option<usize>,
        batch: &mut Batch,
    ) {
        let collecting = self
            .interpreters
            .iter()
            .any(|member| member.control.is_collecting());
        for (index, thread) in self.active.iter_mut().enumerate() {
            if holder != Some(index) && !thread.is_captured() {
                thread.set_captured();
            }
            let holds = holder == Some(index);
            let verdict = if holds { of_holder } else { of_others };
            let gil = match (holds, holder) {
                (true, _) => GilSeen::Own { collecting },
                (false, Some(_)) => GilSeen::Other,
                (false, None) => GilSeen::Nobody,
            };
            emit(thread, now_ns, reading, verdict, gil, batch);
        }
    }

    /// Every few milliseconds asks whether the holder of the GIL really uses its CPU: it may be
    /// blocked inside C code that did not release the GIL, or not be given a CPU.
    pub(crate) fn check_holder(&mut self, now_ns: u64) {
        let thread = &mut self.active[self.predicted];
        // What it was blocked in before it got the GIL is out of date.
        let recent = now_ns.saturating_sub(self.holder_checked_ns) < HOLDER_CHECK_NS;
        if recent && thread.blocked.is_none() {
            return;
        }
        self.holder_checked_ns = now_ns;
        thread.look(now_ns);
    }

    pub(crate) fn position_of(&self, thread_state: u64) -> Option<usize> {
        let is = |thread: &ThreadReader| thread.state.address == thread_state;
        if self.active.get(self.predicted).is_some_and(is) {
            return Some(self.predicted);
        }
        self.active.iter().position(is)
    }

    /// Brings a thread at rest back into the hot path; false if it is not known.
    pub(crate) fn promote(&mut self, thread_state: u64) -> bool {
        let found = self
            .quiet
            .iter()
            .position(|thread| thread.state.address == thread_state);
        let Some(index) = found else { return false };
        let mut thread = self.quiet.swap_remove(index);
        thread.quiet_since_ns = None;
        self.active.push(thread);
        true
    }

    /// When all threads rest: brings back the one that holds the GIL, if somebody does.
    pub(crate) fn wake_holder(&mut self, interpreter: &Interpreter) -> bool {
        let holder = self.gil_now(interpreter).and_then(Gil::holder);
        holder.is_some_and(|holder| self.promote(holder))
    }

    pub(crate) fn gil_now(&self, interpreter: &Interpreter) -> Option<Gil> {
        let mut bytes = [0; 64];
        let size = Gil::prefix_bytes(&interpreter.layout).min(bytes.len());
        interpreter.memory.read(self.gil, &mut bytes[..size]).ok()?;
        Some(Gil::parse(&interpreter.layout, &bytes[..size]))
    }

    /// True if threads came or went since they were listed.
    pub(crate) fn heads_moved(&self) -> bool {
        self.interpreters
            .iter()
            .any(|member| member.control.threads_head() != member.head)
    }

    pub(crate) fn cpu_of_predicted(&self, interpreter: &Interpreter) -> Option<u32> {
        let area = interpreter.rseq?;
        let address = area.cpu_id_address(self.active[self.predicted].state.pthread);
        let mut bytes = [0; 4];
        interpreter.memory.read(address, &mut bytes).ok()?;
        Some(u32::from_ne_bytes(bytes)).filter(|&cpu| cpu < u32::MAX - 8)
    }

    /// The time slices of the predicted holder.
    pub(crate) fn slices(&self) -> Option<u64> {
        let files = self.active[self.predicted].files.as_ref()?;
        files.schedstat().ok().map(|sched| sched.slices)
    }

    /// The time slices of the predicted holder, if it belongs to this CPU and so cannot run.
    pub(crate) fn slices_on(&self, cpu: u32) -> Result<Option<u64>, u32> {
        let Some(files) = self.active[self.predicted].files.as_ref() else {
            return Ok(None);
        };
        let Some(slices) = self.slices() else {
            return Ok(None);
        };
        match files.stat() {
            Ok(stat) if stat.processor == cpu => Ok(Some(slices)),
            Ok(stat) => Err(stat.processor),
            Err(_) => Ok(None),
        }
    }
}

pub(crate) fn emit(
    thread: &ThreadReader,
    now_ns: u64,
    reading: Reading,
    trusted: Verdict,
    gil: GilSeen,
    batch: &mut Batch,
) {
    let verdict = verdict_of(thread.end(), thread.frames().len(), trusted);
    // A stack that is known to have moved is no stack: only its time is true.
    let frames = match verdict {
        Verdict::Partial(Reason::Moved) => &[],
        _ => thread.frames(),
    };
    let verdict = match verdict {
        Verdict::Partial(Reason::Moved) => Verdict::Failed(Reason::Moved),
        other => other,
    };
    let sample = Judged {
        now_ns,
        reading,
        verdict,
        gil,
    };
    emit_frames(thread, frames, sample, batch);
}

/// Who holds the GIL, as one thread sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GilSeen {
    /// This thread does.
    Own {
        /// It collects garbage.
        collecting: bool,
    },
    /// Another one does.
    Other,
    /// Nobody does, as far as is known.
    Nobody,
}

/// What is said of one thread's frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) now_ns: u64,
    pub(crate) reading: Reading,
    pub(crate) verdict: Verdict,
    pub(crate) gil: GilSeen,
}

/// Adds a sample of a thread.
pub(crate) fn emit_frames(
    thread: &ThreadReader,
    frames: &[RawFrame],
    sample: Judged,
    batch: &mut Batch,
) {
    // Its thread state may still be there, but nobody is behind it.
    if thread.gone {
        return;
    }
    let Judged {
        now_ns,
        reading,
        verdict,
        gil,
    } = sample;
    let holds_gil = matches!(gil, GilSeen::Own { .. });
    let frames = batch.add_frames(frames);
    let syscall = thread
        .blocked
        .or((!holds_gil).then_some(SyscallState::Running));
    batch.samples.push(RawSample {
        thread: thread.index,
        time_ns: now_ns,
        frames,
        verdict,
        reading,
        verified: false,
        holds_gil,
        gil_elsewhere: gil == GilSeen::Other,
        collecting: gil == GilSeen::Own { collecting: true },
        activity: Activity {
            sched: thread.sched,
            syscall,
        },
    });
}
