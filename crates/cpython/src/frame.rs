//! Walking a thread's frames, from the innermost outwards.
//!
//! The walk sees only addresses: of code objects and of instructions. Names and lines come later
//! and elsewhere ([`crate::code`]), so that the target is held up as briefly as possible.

use crate::bytes::{i32_at, u8_at, u64_at};
use crate::layout::{FrameStyle, Layout};
use crate::memory::{Memory, ReadError};
use crate::snapshot::Snapshot;

/// The largest frame struct of any version, with room to spare.
const MAX_FRAME_BYTES: usize = 128;

/// A chunk of the data stack (`DATA_STACK_CHUNK_SIZE` in CPython's `Python/pystate.c`).
const DATA_STACK_CHUNK: u64 = 16 * 1024;

/// One Python frame, unresolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawFrame {
    /// Address of the code object.
    pub code: u64,
    /// Up to 3.10 the byte offset of the last instruction (`u64::MAX` before the first one);
    /// from 3.11 on the address of the instruction.
    pub instruction: u64,
    /// Address of the frame itself.
    pub address: u64,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkEnd {
    /// At the outermost frame.
    Complete,
    /// At the outermost frame, of the stack that a thread had before C code entered the interpreter
    /// anew: it stands a few instructions before the new frame becomes the current one.
    Entering,
    /// Memory could not be read.
    Unreadable,
    /// A frame or code pointer cannot be one.
    NotAFrame,
    /// More frames than the caller allows.
    TooDeep,
    /// The chain of frames runs in a circle.
    Cycle,
    /// More memory than the caller allows.
    Budget,
    /// The process is gone.
    Gone,
}

impl From<ReadError> for WalkEnd {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Budget => Self::Budget,
            ReadError::Gone => Self::Gone,
            ReadError::Unmapped(_) | ReadError::Denied => Self::Unreadable,
        }
    }
}

/// Walks the frames of a thread into `frames`, innermost first, and says how that ended. What was
/// found before a failure stays in `frames`.
///
/// `thread` is the prefix of its `PyThreadState`, already copied.
pub fn walk(
    memory: &impl Memory,
    layout: &Layout,
    thread: &[u8],
    snapshot: &mut Snapshot,
    frames: &mut Vec<RawFrame>,
    max_depth: usize,
) -> WalkEnd {
    frames.clear();
    match walk_frames(memory, layout, thread, snapshot, frames, max_depth) {
        Ok(end) => end,
        Err(error) => error.into(),
    }
}

/// Like [`walk`], from the frame at `address` outwards.
pub fn walk_from(
    memory: &impl Memory,
    layout: &Layout,
    address: u64,
    snapshot: &mut Snapshot,
    frames: &mut Vec<RawFrame>,
    max_depth: usize,
) -> WalkEnd {
    frames.clear();
    let chain = Chain::from(address);
    match walk_chain(memory, layout, chain, snapshot, frames, max_depth) {
        Ok(end) => end,
        Err(error) => error.into(),
    }
}

fn walk_frames(
    memory: &impl Memory,
    layout: &Layout,
    thread: &[u8],
    snapshot: &mut Snapshot,
    frames: &mut Vec<RawFrame>,
    max_depth: usize,
) -> Result<WalkEnd, ReadError> {
    let address = u64_at(thread, layout.thread.frame);
    if layout.frame.style == FrameStyle::ThroughCFrame && address != 0 {
        return walk_cframe(memory, layout, thread, snapshot, frames, max_depth);
    }
    let chain = Chain::from(address);
    walk_chain(memory, layout, chain, snapshot, frames, max_depth)
}

/// Walks from `tstate->cframe`, the mark that the innermost call of the interpreter by C code keeps
/// on the C stack.
///
/// `_PyEval_EvalFrameDefault` (3.11, 3.12) shows its new mark to the thread state some instructions
/// before it fills it in. Until then the mark holds what was left on the C stack: a frame that has
/// ended, or nothing like a frame. Two things tell: the frame that C code entered with has the
/// current frame of the mark further out as its caller, and a frame lies below the top of the data
/// stack. Where they do not hold, the new frame is not running yet, and the stack is that of the
/// mark further out, if that one holds in the same way.
fn walk_cframe(
    memory: &impl Memory,
    layout: &Layout,
    thread: &[u8],
    snapshot: &mut Snapshot,
    frames: &mut Vec<RawFrame>,
    max_depth: usize,
) -> Result<WalkEnd, ReadError> {
    let cframe = u64_at(thread, layout.thread.frame);
    let top = layout.thread.datastack_top.map(|at| u64_at(thread, at));
    let mark = Mark::read(memory, layout, cframe, snapshot)?;
    let outer = mark.outer(memory, layout, snapshot);
    let chain = Chain {
        first: mark.current,
        entered_from: outer.map(|outer| outer.current),
        top,
    };
    let end = walk_chain(memory, layout, chain, snapshot, frames, max_depth);
    let is_stale = matches!(
        end,
        Ok(WalkEnd::NotAFrame | WalkEnd::Cycle) | Err(ReadError::Unmapped(_))
    );
    // The C stack grows downwards: what is further out lies higher up.
    let Some(outer) = outer.filter(|_| is_stale && mark.previous > cframe) else {
        return end;
    };
    let chain = Chain {
        first: outer.current,
        entered_from: outer
            .outer(memory, layout, snapshot)
            .map(|outermost| outermost.current),
        top,
    };
    let mut outer_frames = Vec::new();
    let outer_end = walk_chain(
        memory,
        layout,
        chain,
        snapshot,
        &mut outer_frames,
        max_depth,
    );
    if outer_end != Ok(WalkEnd::Complete) || outer_frames.is_empty() {
        return end;
    }
    *frames = outer_frames;
    Ok(WalkEnd::Entering)
}

/// A `_PyCFrame`.
#[derive(Clone, Copy)]
struct Mark {
    current: u64,
    previous: u64,
}

impl Mark {
    fn read(
        memory: &impl Memory,
        layout: &Layout,
        address: u64,
        snapshot: &mut Snapshot,
    ) -> Result<Self, ReadError> {
        let mut word = |offset: u64| {
            let mut word = [0; 8];
            snapshot.get(memory, address.wrapping_add(offset), &mut word)?;
            Ok(u64::from_ne_bytes(word))
        };
        Ok(Self {
            current: word(layout.frame.cframe_current_frame)?,
            previous: layout.frame.cframe_previous.map_or(Ok(0), word)?,
        })
    }

    /// The mark further out, if there is one.
    fn outer(self, memory: &impl Memory, layout: &Layout, snapshot: &mut Snapshot) -> Option<Self> {
        let address = Some(self.previous).filter(|&address| address >= 4096);
        Self::read(memory, layout, address?, snapshot).ok()
    }
}

/// A chain of frames, and what must hold on it where that can be told.
#[derive(Clone, Copy)]
struct Chain {
    /// The innermost frame.
    first: u64,
    /// The caller of the first frame that C code entered the interpreter with.
    entered_from: Option<u64>,
    /// The top of the data stack.
    top: Option<u64>,
}

impl Chain {
    fn from(first: u64) -> Self {
        Self {
            first,
            entered_from: None,
            top: None,
        }
    }

    /// True if the innermost frame lies in what the data stack has given up.
    fn has_ended(&self) -> bool {
        self.top
            .is_some_and(|top| top != 0 && self.first >= top && self.first - top < DATA_STACK_CHUNK)
    }
}

fn walk_chain(
    memory: &impl Memory,
    layout: &Layout,
    chain: Chain,
    snapshot: &mut Snapshot,
    frames: &mut Vec<RawFrame>,
    max_depth: usize,
) -> Result<WalkEnd, ReadError> {
    if chain.has_ended() {
        return Ok(WalkEnd::NotAFrame);
    }
    let mut address = chain.first;
    let mut entered_from = chain.entered_from;
    let mut buffer = [0; MAX_FRAME_BYTES];
    let size = (layout.frame.size as usize).min(MAX_FRAME_BYTES);
    // Brent's cycle search: one comparison a frame, no memory.
    let (mut marked, mut since_mark, mut mark_after) = (0, 0, 32);
    // C entry frames do not count as depth, so steps have a bound of their own.
    for _ in 0..max_depth.saturating_mul(2).saturating_add(2) {
        if address == 0 {
            return Ok(WalkEnd::Complete);
        }
        if !address.is_multiple_of(8) || address < 4096 {
            return Ok(WalkEnd::NotAFrame);
        }
        snapshot.get(memory, address, &mut buffer[..size])?;
        let previous = u64_at(&buffer, layout.frame.previous);
        if is_entry(layout, &buffer)
            && let Some(caller) = entered_from.take()
            && caller != previous
        {
            return Ok(WalkEnd::NotAFrame);
        }
        if !is_c_entry(layout, &buffer) {
            if frames.len() == max_depth {
                return Ok(WalkEnd::TooDeep);
            }
            // 3.14 tags references in the two lowest bits; code objects are aligned to 8.
            let code = u64_at(&buffer, layout.frame.code) & !3;
            if code < 4096 || !code.is_multiple_of(8) {
                return Ok(WalkEnd::NotAFrame);
            }
            let instruction = instruction(layout, &buffer);
            frames.push(RawFrame {
                code,
                instruction,
                address,
            });
        }
        if previous == marked || previous == address {
            if previous != 0 {
                return Ok(WalkEnd::Cycle);
            }
        } else if since_mark == mark_after {
            (marked, since_mark, mark_after) = (address, 0, mark_after * 2);
        }
        since_mark += 1;
        address = previous;
    }
    Ok(WalkEnd::TooDeep)
}

/// True for the frames that C code leaves on the chain: they run no Python code.
fn is_c_entry(layout: &Layout, frame: &[u8]) -> bool {
    match (layout.frame.owner, layout.frame.owner_c_stack) {
        (Some(owner), Some(first_c_owner)) => u8_at(frame, owner) >= first_c_owner,
        _ => false,
    }
}

/// True for the frame that C code entered the interpreter with.
fn is_entry(layout: &Layout, frame: &[u8]) -> bool {
    match layout.frame.is_entry {
        Some(at) => u8_at(frame, at) != 0,
        None => is_c_entry(layout, frame),
    }
}

fn instruction(layout: &Layout, frame: &[u8]) -> u64 {
    let at = layout.frame.instruction;
    if layout.frame.style != FrameStyle::HeapObject {
        return u64_at(frame, at);
    }
    let index = i32_at(frame, at);
    // 3.10 counts in instructions of two bytes, 3.8 and 3.9 in bytes.
    let unit = if layout.minor >= 10 { 2 } else { 1 };
    u64::try_from(index).map_or(u64::MAX, |index| index * unit)
}
