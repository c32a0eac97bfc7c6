//! Reading under 3.15's frame sequence counter (L1), where the user allows 8 bytes to be written.
//!
//! Since 3.15 a thread state has a word `last_profiled_frame` for profilers to write. Whenever the
//! interpreter takes the frame it names off the stack, it moves the word to the caller and counts
//! up `last_profiled_frame_seq` (CPython, `Include/internal/pycore_interpframe.h`). The word with
//! its count is called *anchor* here.
//!
//! # The proof
//!
//! 1. *An anchor that is known to be alive stays known.* A frame with Python code that leaves the
//!    stack moves the anchor. This is the interpreter's promise; the machine code of Debian's 3.15.2
//!    keeps it in thirteen places, among them clearing a frame after a return or an exception, and
//!    a generator that yields, is made or is freed. Before that, nothing of
//!    the frame is overwritten: a return first makes the caller current, then moves the anchor, then
//!    clears the frame. So of two copies of a thread state with the same word and count, if the
//!    frame was on the stack in the first one, it was there all the time up to the second. And if
//!    word and count changed, then by the interpreter, to the caller of a frame just taken off:
//!    that one is on the stack, and the new anchor is known to be alive without another write.
//! 2. *How the first one becomes known.* We write a frame that was current a moment ago; it may be
//!    gone by then, and its address used again. It is known to be alive when a copy shows it as the
//!    current frame under the same word. Were it taken off between the reading of the one word and
//!    of the other, in whatever order they are read, the anchor would have moved and the next copy,
//!    which has to show the same anchor, would not.
//! 3. *A frame on the stack keeps its callers*: who they are, their code, and where they stand. Only
//!    its own instruction moves on, and any it was at is true. So if an anchor was alive in two
//!    copies of the thread state, and the current frame in one of them, then the frames from it
//!    outwards, read in between, are a stack that the thread had: *exact*.
//!
//! What is not proved, and so is never called exact:
//!
//! * *Frames above the anchor.* The slot above a living frame need not hold a callee of its own: it
//!   may keep the code of a generator function that was called from a generator in between (making
//!   a generator does not clear the slot), with the caller of a frame being pushed just now.
//! * *A frame that C code left on the C stack* (`FRAME_OWNED_BY_INTERPRETER`). No place was found
//!   that counts when it goes, and the next one has the same address. It proves nothing.
//! * *A word that changed without a count.* Somebody else wrote it. It is given up too.

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

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words {
        frame: 0,
        anchor: 8,
        sequence: 16,
    };

    fn state(current: u64, anchor: u64, sequence: u64) -> Vec<u8> {
        [current, anchor, sequence]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect()
    }

    /// An anchor that was just written and then seen in these states.
    fn seen(written: u64, states: &[(u64, u64, u64)]) -> Vec<Option<u64>> {
        let mut anchor = Anchor {
            written,
            sequence: 7,
            ..Anchor::default()
        };
        let see = |&(current, word, sequence): &(u64, u64, u64)| {
            let alive = anchor.see(WORDS, &state(current, word, sequence));
            alive.map(|alive| alive.frame)
        };
        states.iter().map(see).collect()
    }

    #[test]
    fn what_was_written_is_alive_once_it_was_current() {
        let states = [(0x200, 0x100, 7), (0x100, 0x100, 7), (0x300, 0x100, 7)];
        assert_eq!(seen(0x100, &states), [None, Some(0x100), Some(0x100)]);
    }

    #[test]
    fn the_interpreter_moves_it_to_a_frame_that_is_alive() {
        let states = [(0x100, 0x100, 7), (0x90, 0x80, 8), (0x80, 0x70, 9)];
        assert_eq!(seen(0x100, &states), [Some(0x100), Some(0x80), Some(0x70)]);
        // Before it was ever seen to be alive: whoever moved it knew.
        assert_eq!(seen(0x100, &[(0x90, 0x80, 8)]), [Some(0x80)]);
    }

    #[test]
    fn a_popped_frame_with_the_same_address_is_another_anchor() {
        let mut anchor = Anchor {
            written: 0x100,
            ..Anchor::default()
        };
        let first = anchor.see(WORDS, &state(0x100, 0x100, 7));
        let second = anchor.see(WORDS, &state(0x100, 0x100, 9));
        assert!(first.is_some() && second.is_some());
        assert_ne!(first, second);
    }

    #[test]
    fn a_word_that_somebody_else_wrote_is_given_up() {
        let states = [(0x100, 0x100, 7), (0x500, 0x500, 7), (0x500, 0x500, 7)];
        assert_eq!(seen(0x100, &states), [Some(0x100), None, None]);
        let taken_back = [(0x100, 0x100, 7), (0x100, 0, 7)];
        assert_eq!(seen(0x100, &taken_back), [Some(0x100), None]);
    }
}
