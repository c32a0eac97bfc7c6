//! Reading one thread at several moments with one system call.
//!
//! Most of what a read of another process costs is asked once a system call: who may read whom,
//! and where its memory is. So one call copies the thread state and the stack in turns, each turn
//! about a microsecond after the last:
//!
//! ```text
//! state 0, stack 0, state 1, stack 1, ... state n, GIL
//! ```
//!
//! Each stack stands between two states, and is a sample of its own if it can be shown to be true:
//!
//! * *Exact*: an anchor ([`crate::sequence_lock`]) that is alive in both states was the current
//!   frame in one of them.
//! * *Validated*: the same frame was current in the states around it and around a neighbour, and
//!   both stacks are the same and fit together frame by frame.
//!
//! What cannot be shown is left out, and the time it stood for belongs to the next sample.

use crate::batch::Batch;
use crate::group::{GilSeen, Group, Judged, emit_frames};
use crate::interpreter::Interpreter;
use crate::sequence_lock::{Anchor, Words};
use crate::thread_reader::{MAX_DEPTH, MAX_FETCHES, is_same_stack};
use pitstop_cpython::layout::FrameStyle;
use pitstop_cpython::{
    Memory, RawFrame, Slice, Snapshot, WalkEnd, interpreter_of, pthread_of, thread_prefix_bytes,
    walk_from,
};
use pitstop_model::{Reading, Verdict};
use pitstop_target::clock;

/// Stacks copied by one system call.
const MOMENTS: usize = 14;
/// Slices of one system call: the kernel allows more, but copies their list first.
const MOST_SLICES: usize = 48;
/// Frames that follow each other in memory begin less than this apart.
const MAX_FRAME_BYTES: u64 = 16_384;
/// Room for the stack to grow within a burst, in bytes: half a dozen frames.
const SLACK: u64 = 1024;

/// The buffers of a burst, and what is remembered from one to the next.
#[derive(Default)]
pub(crate) struct Burst {
    states: Vec<Vec<u8>>,
    moments: Vec<Moment>,
    /// The moment whose walk came to an end, and so knows best what will be needed. `None`: the
    /// last guess is still the best one.
    best: Option<usize>,
    anchor: Anchor,
    /// The frames that were found to fit together last.
    fitting: Vec<RawFrame>,
}

/// One copy of the stack.
#[derive(Default)]
struct Moment {
    snapshot: Snapshot,
    frames: Vec<RawFrame>,
    /// How the walk ended; `None` if there was nothing to walk.
    end: Option<WalkEnd>,
    /// What it is worth by itself.
    exact: bool,
    /// The frame that was current before and after.
    current: Option<u64>,
}

impl Moment {
    /// True if the walk came to an end within what was copied between the two states.
    fn is_whole(&self) -> bool {
        matches!(self.end, Some(WalkEnd::Complete | WalkEnd::TooDeep)) && !self.snapshot.missed()
    }
}

/// How a burst ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So many samples were added.
    Taken(usize),
    /// The thread cannot be read this way now: look at the group in the ordinary way.
    Unfit,
}

/// Samples the only active thread of a group at up to `most` moments.
pub(crate) fn sample(
    group: &mut Group,
    interpreter: &Interpreter,
    words: Option<Words>,
    most: usize,
    batch: &mut Batch,
) -> Outcome {
    let (memory, layout) = (&interpreter.memory, &interpreter.layout);
    if group.active.len() != 1 || layout.frame.style != FrameStyle::Direct {
        return Outcome::Unfit;
    }
    group.predicted = 0;
    let Group {
        active,
        interpreters,
        burst,
        ..
    } = group;
    let thread = &mut active[0];
    let state = thread.state;
    thread.clear_captured();
    if let Some(words) = words {
        burst.anchor.renew(words, memory, state.address);
    }
    // One sample takes two copies that agree, and three where frames lie apart.
    let wanted = if most == 1 { 4 } else { MOMENTS };
    let turns = burst.begin(thread_prefix_bytes(layout), wanted);
    let mut batch_of_slices = Vec::with_capacity(MOST_SLICES + 8);
    let Burst {
        states, moments, ..
    } = burst;
    let mut slices_of_states = states.iter_mut().map(|buffer| Slice {
        address: state.address,
        buffer,
    });
    batch_of_slices.extend(slices_of_states.next());
    for moment in &mut moments[..turns] {
        moment.snapshot.slices(&mut batch_of_slices);
        batch_of_slices.extend(slices_of_states.next());
    }
    for member in interpreters.iter_mut() {
        member.control.slices(&mut batch_of_slices);
    }
    let all = batch_of_slices.len();
    let begun = clock::now_ns();
    let filled = memory.read_many(&mut batch_of_slices);
    let took = clock::now_ns() - begun;
    if filled < all {
        burst.forget();
        return Outcome::Unfit;
    }
    let same = interpreter_of(layout, &burst.states[0]) == thread.interpreter
        && pthread_of(layout, &burst.states[0]) == state.pthread;
    let moved = group.heads_moved();
    let Group {
        active,
        interpreters,
        burst,
        ..
    } = group;
    let gil = interpreters
        .last()
        .and_then(|member| member.control.gil(layout).holder());
    if !same || moved || gil != Some(state.address) {
        burst.anchor = Anchor::default();
        return Outcome::Unfit;
    }
    let holds = |prefix: &[u8]| {
        let at = layout.thread.holds_gil;
        // The word is an `int`.
        at.is_none_or(|at| word(prefix, at) & 0xFFFF_FFFF == 1)
    };
    if !burst.states[..=turns].iter().all(|prefix| holds(prefix)) {
        return Outcome::Unfit;
    }
    burst.walk(interpreter, words, turns);
    let thread = &mut active[0];
    let collecting = interpreters
        .iter()
        .any(|member| member.control.is_collecting());
    let mut taken = 0;
    let mut exact = 0;
    for index in 0..turns {
        if taken == most {
            break;
        }
        let (reading, verdict) = if burst.moments[index].exact {
            exact += 1;
            (Reading::SequenceLock, Verdict::Exact)
        } else if burst.agrees_with_neighbour(index, turns) {
            let frames = &burst.moments[index].frames;
            if !is_same_stack(frames, &burst.fitting) {
                if !thread.fits_together(frames, interpreter) {
                    continue;
                }
                burst.fitting.clone_from(frames);
            }
            (Reading::DoubleRead, Verdict::Validated)
        } else {
            continue;
        };
        let moment = &burst.moments[index];
        let end = moment.end.unwrap_or(WalkEnd::Gone);
        let judged = Judged {
            now_ns: begun + took * (index as u64 + 1) / (turns as u64 + 1),
            reading,
            verdict: crate::batch::verdict_of(end, moment.frames.len(), verdict),
            gil: GilSeen::Own { collecting },
        };
        emit_frames(thread, &moment.frames, judged, batch);
        taken += 1;
    }
    burst.anchor.judge(exact);
    if taken > 0 {
        group.check_holder(begun);
    }
    Outcome::Taken(taken)
}

impl Burst {
    /// Prepares up to `wanted` moments and returns how many they are.
    fn begin(&mut self, prefix_bytes: usize, wanted: usize) -> usize {
        if self.moments.is_empty() {
            self.moments.resize_with(MOMENTS, Moment::default);
            self.states
                .resize_with(MOMENTS + 1, || vec![0; prefix_bytes]);
        }
        self.moments.swap(0, self.best.unwrap_or(0));
        let (first, rest) = self.moments.split_at_mut(1);
        let guess = &mut first[0].snapshot;
        match self.best {
            Some(_) => guess.begin_with_slack(MAX_FETCHES, SLACK),
            None => guess.begin_again(MAX_FETCHES),
        }
        let turns = (MOST_SLICES / (guess.guesses() + 1)).clamp(1, wanted);
        for moment in &mut rest[..turns - 1] {
            moment.snapshot.begin_like(guess);
        }
        turns
    }

    /// Forgets what is known about the anchor; the next burst writes one.
    pub(crate) fn forget_anchor(&mut self) {
        self.anchor = Anchor::default();
    }

    /// Forgets what was guessed.
    fn forget(&mut self) {
        self.best = None;
        self.anchor = Anchor::default();
        for moment in &mut self.moments {
            moment.snapshot = Snapshot::default();
        }
    }

    /// Walks every copy.
    fn walk(&mut self, interpreter: &Interpreter, words: Option<Words>, turns: usize) {
        let (memory, layout) = (&interpreter.memory, &interpreter.layout);
        let mut alive = words.map(|words| self.anchor.see(words, &self.states[0]));
        let mut whole = None;
        for index in 0..turns {
            let [before, after] =
                [index, index + 1].map(|index| word(&self.states[index], layout.thread.frame));
            let next = words.map(|words| self.anchor.see(words, &self.states[index + 1]));
            let anchor = match (alive, next) {
                (Some(Some(before)), Some(Some(after))) if before == after => Some(before.frame),
                _ => None,
            };
            alive = next;
            let moment = &mut self.moments[index];
            let guesses = moment.snapshot.guesses();
            moment.snapshot.filled(guesses);
            moment.current = (before == after).then_some(before);
            let anchor = anchor.filter(|&frame| frame == before || frame == after);
            let Some(from) = anchor.or(moment.current) else {
                moment.end = None;
                moment.exact = false;
                // The first one learns where the stack is, true or not.
                if index == 0 {
                    let Moment {
                        snapshot, frames, ..
                    } = moment;
                    let end = walk_from(memory, layout, after, snapshot, frames, MAX_DEPTH);
                    if end == WalkEnd::Complete {
                        whole = Some(0);
                    }
                }
                continue;
            };
            let Moment {
                snapshot, frames, ..
            } = moment;
            let end = walk_from(memory, layout, from, snapshot, frames, MAX_DEPTH);
            moment.end = Some(end);
            // C code's frame is no anchor: the interpreter does not count when it goes.
            moment.exact = anchor.is_some()
                && moment.is_whole()
                && moment
                    .frames
                    .first()
                    .is_some_and(|frame| frame.address == from);
            if matches!(end, WalkEnd::Complete | WalkEnd::TooDeep) {
                whole = Some(index);
            }
        }
        self.best = whole;
    }

    /// True if a moment and one beside it show the same stack below the same current frame.
    fn agrees_with_neighbour(&self, index: usize, turns: usize) -> bool {
        let moment = &self.moments[index];
        if moment.current.is_none() || !moment.is_whole() {
            return false;
        }
        let agrees = |beside: Option<usize>| {
            let beside = beside.filter(|&at| at < turns).map(|at| &self.moments[at]);
            beside.is_some_and(|beside| {
                beside.current == moment.current
                    && beside.is_whole()
                    && beside.end == moment.end
                    && is_same_stack(&beside.frames, &moment.frames)
            })
        };
        let (earlier, later) = (agrees(index.checked_sub(1)), agrees(Some(index + 1)));
        // Parts of a stack that lie apart are copied one after the other. A program that takes
        // turns in step with that can tear two copies alike; three are another matter.
        if is_scattered(&moment.frames) {
            earlier && later
        } else {
            earlier || later
        }
    }
}

/// True if the frames do not follow each other in memory: generators keep their own elsewhere.
fn is_scattered(frames: &[RawFrame]) -> bool {
    frames.windows(2).any(|pair| {
        let above = pair[0].address.wrapping_sub(pair[1].address);
        above > MAX_FRAME_BYTES
    })
}

/// The word at `offset` of a copied thread state.
pub(crate) fn word(prefix: &[u8], offset: u64) -> u64 {
    let at = offset as usize;
    let bytes = prefix.get(at..at + 8);
    bytes.map_or(0, |bytes| {
        u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
    })
}
