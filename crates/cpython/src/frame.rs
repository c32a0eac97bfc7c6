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
    match walk_chain(memory, layout, address, snapshot, frames, max_depth) {
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
    let mut address = u64_at(thread, layout.thread.frame);
    if layout.frame.style == FrameStyle::ThroughCFrame && address != 0 {
        let mut pointer = [0; 8];
        let at = address.wrapping_add(layout.frame.cframe_current_frame);
        snapshot.get(memory, at, &mut pointer)?;
        address = u64::from_ne_bytes(pointer);
    }
    walk_chain(memory, layout, address, snapshot, frames, max_depth)
}

fn walk_chain(
    memory: &impl Memory,
    layout: &Layout,
    mut address: u64,
    snapshot: &mut Snapshot,
    frames: &mut Vec<RawFrame>,
    max_depth: usize,
) -> Result<WalkEnd, ReadError> {
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
