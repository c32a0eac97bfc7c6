//! Reading under 3.15's frame sequence counter (L1), where the user allows 8 bytes to be written.
//!
//! Since 3.15 a thread state has a word `last_profiled_frame` for profilers to write. Before the
//! interpreter pops the frame it names, it moves the word to the caller and counts up
//! `last_profiled_frame_seq` (CPython, `Include/internal/pycore_interpframe.h`). So: write the
//! current frame there, read the stack, look again. If word and counter are unchanged, that frame
//! was never popped meanwhile; a frame that is not popped keeps its callers, so the stack is true.

use crate::batch::Batch;
use crate::burst::word;
use crate::group::Group;
use crate::interpreter::Interpreter;
use crate::process_reader::Tick;
use pitstop_cpython::Memory;
use pitstop_model::{Reading, Verdict};
use pitstop_target::LiveMemory;

/// Moments that may be torn before the next one is waited for.
const ATTEMPTS: u32 = 24;

/// The words of a thread state that this protocol needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    frame: u64,
    anchor: u64,
    sequence: u64,
}

impl Words {
    /// `None` for an interpreter without them.
    pub(crate) fn of(interpreter: &Interpreter) -> Option<Self> {
        let thread = &interpreter.layout.thread;
        Some(Self {
            frame: thread.frame,
            anchor: thread.last_profiled_frame?,
            sequence: thread.last_profiled_frame_seq?,
        })
    }
}

/// True if the interpreter has the words, and no other profiler uses them.
pub(crate) fn is_available(interpreter: &Interpreter, thread_states: &[u64]) -> bool {
    let Some(words) = Words::of(interpreter) else {
        return false;
    };
    thread_states.iter().all(|state| {
        let mut anchor = [0; 8];
        let read = interpreter
            .memory
            .read(state.wrapping_add(words.anchor), &mut anchor);
        read.is_ok() && anchor == [0; 8]
    })
}

/// Takes back what was written.
pub(crate) fn release(interpreter: &Interpreter, thread_states: &[u64]) {
    let Some(words) = Words::of(interpreter) else {
        return;
    };
    for state in thread_states {
        // A thread that ended has nothing to take back.
        let _ = interpreter
            .memory
            .write_word(state.wrapping_add(words.anchor), 0);
    }
}

/// Samples the threads of a group; `None` when a thread state could not be read or the GIL changed
/// hands, so that the caller looks at its threads anew.
pub(crate) fn sample(
    group: &mut Group,
    interpreter: &Interpreter,
    now_ns: u64,
    batch: &mut Batch,
) -> Option<Tick> {
    let words = Words::of(interpreter)?;
    for _ in 0..ATTEMPTS {
        let guessed = group.predicted.min(group.active.len().checked_sub(1)?);
        group.predicted = guessed;
        let state = group.active[guessed].state.address;
        if !group.active[guessed].read_prefix(&interpreter.memory) {
            return None;
        }
        let frame = group.active[guessed].word(words.frame);
        interpreter
            .memory
            .write_word(state.wrapping_add(words.anchor), frame)
            .ok()?;
        let seen = group.read(interpreter)?;
        if group.heads_moved() {
            return None;
        }
        let Some(holder) = seen.gil.holder() else {
            match group.idle(interpreter, now_ns, batch) {
                Some(tick) => return Some(tick),
                None => continue,
            }
        };
        if holder != state {
            group.predicted = group.position_of(holder)?;
            group.look_at_guess(guessed, now_ns);
            continue;
        }
        let thread = &mut group.active[guessed];
        let sequence = thread.word(words.sequence);
        let held = thread.word(words.frame) == frame && thread.word(words.anchor) == frame;
        let reread = thread.read_prefix(&interpreter.memory);
        let still = thread.word(words.anchor) == frame && thread.word(words.sequence) == sequence;
        if held && reread && still {
            group.look_at_others(now_ns);
            group.check_holder(now_ns);
            // The others were not anchored: they are as good as their being blocked.
            let verdicts = [Verdict::Exact, Verdict::Validated];
            group.emit_judged(
                now_ns,
                Reading::SequenceLock,
                verdicts,
                Some(guessed),
                batch,
            );
            return Some(Tick::Done);
        }
    }
    Some(Tick::Moved)
}

/// A frame that the anchor names and that has not been popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alive {
    pub(crate) frame: u64,
    sequence: u64,
}

/// What is known about the anchor of one thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Anchor {
    thread: u64,
    /// The frame it names, if that is known to be on the stack.
    alive: Option<Alive>,
    /// What was written and not yet seen to be on the stack.
    written: u64,
    /// What the last copy of the thread state showed.
    current: u64,
    sequence: u64,
    /// It is too far from the current frame to be of use.
    worn: bool,
}

impl Anchor {
    /// Makes sure that there is an anchor in the thread state.
    pub(crate) fn renew(&mut self, words: Words, memory: &LiveMemory, thread: u64) {
        if self.thread != thread {
            *self = Self {
                thread,
                worn: true,
                ..Self::default()
            };
        }
        if !self.worn && (self.alive.is_some() || self.written != 0) {
            return;
        }
        if self.current == 0 {
            let mut current = [0; 8];
            if memory
                .read(thread.wrapping_add(words.frame), &mut current)
                .is_err()
            {
                return;
            }
            self.current = u64::from_ne_bytes(current);
        }
        let address = thread.wrapping_add(words.anchor);
        self.alive = None;
        self.written = match memory.write_word(address, self.current) {
            Ok(()) => self.current,
            Err(_) => 0,
        };
        self.worn = false;
    }

    /// Looks at the next copy of the thread state. The frame returned was on the stack when the
    /// copy was made; if the next copy returns the same, it has been on it all the time.
    pub(crate) fn see(&mut self, words: Words, prefix: &[u8]) -> Option<Alive> {
        let [frame, current, sequence] =
            [words.anchor, words.frame, words.sequence].map(|offset| word(prefix, offset));
        let now = Alive { frame, sequence };
        let counted = sequence != self.sequence;
        self.alive = match self.alive {
            _ if frame == 0 => None,
            Some(known) if known.frame == frame => Some(now),
            // The interpreter never moves it without counting: somebody else did.
            Some(_) => counted.then_some(now),
            None if self.written == 0 => None,
            None if self.written == frame => (current == frame).then_some(now),
            None => counted.then_some(now),
        };
        if self.alive.is_some() || frame != self.written {
            self.written = 0;
        }
        (self.current, self.sequence) = (current, sequence);
        self.alive
    }

    /// Takes note how many samples it proved.
    pub(crate) fn judge(&mut self, proved: usize) {
        self.worn = proved == 0;
    }
}
