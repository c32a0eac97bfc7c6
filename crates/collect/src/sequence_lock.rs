//! Reading under 3.15's frame sequence counter (L1), where the user allows 8 bytes to be written.
//!
//! Since 3.15 a thread state has a word `last_profiled_frame` for profilers to write. Before the
//! interpreter pops the frame it names, it moves the word to the caller and counts up
//! `last_profiled_frame_seq` (CPython, `Include/internal/pycore_interpframe.h`). So: write the
//! current frame there, read the stack, look again. If word and counter are unchanged, that frame
//! was never popped meanwhile; a frame that is not popped keeps its callers, so the stack is true.

use crate::batch::Batch;
use crate::group::Group;
use crate::interpreter::Interpreter;
use crate::process_reader::Tick;
use pitstop_cpython::Memory;
use pitstop_model::{Reading, Verdict};

/// Moments that may be torn before the next one is waited for.
const ATTEMPTS: u32 = 24;

/// The words of a thread state that this protocol needs.
#[derive(Clone, Copy, Debug)]
struct Words {
    frame: u64,
    anchor: u64,
    sequence: u64,
}

impl Words {
    /// `None` for an interpreter without them.
    fn of(interpreter: &Interpreter) -> Option<Self> {
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
