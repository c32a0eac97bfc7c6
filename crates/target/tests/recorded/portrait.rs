//! Everything the walkers tell of an interpreter, as one value that can be compared.
//!
//! Recordings are made by taking a portrait of a running interpreter, and tests repeat it: what
//! is asked there is exactly what was asked here.

use pitstop_cpython::{
    Code, Fingerprint, Gil, Interpreter, Layout, Memory, RawFrame, ReadError, Snapshot,
    ThreadState, WalkEnd, interpreters, is_code, is_finalizing, layout_fits, read_fingerprint,
    self_described, tables, thread_prefix_bytes, threads, walk,
};

/// An interpreter of a process, and all its threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Portrait {
    /// Whether its layout is judged to be its own.
    pub(crate) fits: bool,
    /// The minor versions of those that do not describe themselves, if it is one of them, whose
    /// layouts are judged to be its own.
    pub(crate) fitting: Vec<u8>,
    pub(crate) is_finalizing: bool,
    pub(crate) interpreters: Vec<Interpreter>,
    pub(crate) gil: Gil,
    pub(crate) threads: Vec<Thread>,
}

/// A thread and its stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thread {
    pub(crate) state: ThreadState,
    pub(crate) stack: Stack,
    /// One for each frame.
    pub(crate) places: Vec<Place>,
}

/// What a walk brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) frames: Vec<RawFrame>,
    pub(crate) end: WalkEnd,
}

/// A frame, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) is_code: bool,
    pub(crate) code: Code,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) line: u32,
    pub(crate) opcode: u8,
}

/// The layout of the interpreter at `runtime`, which is known to be a 3.`minor`.
pub(crate) fn layout(memory: &impl Memory, runtime: u64, minor: u8) -> Option<Layout> {
    if minor < 13 {
        return tables::for_version(minor).copied();
    }
    let mut bytes = vec![0; self_described::MAX_BYTES];
    memory.read(runtime, &mut bytes).ok()?;
    self_described::layout(&bytes).ok()
}

/// Looks at everything there is of the main interpreter.
pub(crate) fn take(
    memory: &impl Memory,
    layout: &Layout,
    runtime: u64,
) -> Result<Portrait, ReadError> {
    let fits = layout_fits(memory, layout, runtime);
    let fits_table = |minor: &u8| {
        let table = tables::for_version(*minor);
        table.is_some_and(|table| layout_fits(memory, table, runtime))
    };
    let candidates = if layout.minor < 13 { 8..13 } else { 0..0 };
    let fitting = candidates.filter(fits_table).collect();
    let interpreters = interpreters(memory, layout, runtime)?;
    let main = interpreters.last().ok_or(ReadError::Unmapped(runtime))?;
    let gil = gil(memory, layout, main.gil)?;
    let threads = threads(memory, layout, main.address)?
        .into_iter()
        .map(|state| thread(memory, layout, state))
        .collect::<Result<_, _>>()?;
    Ok(Portrait {
        fits,
        fitting,
        is_finalizing: is_finalizing(memory, layout, runtime)?,
        interpreters,
        gil,
        threads,
    })
}

fn gil(memory: &impl Memory, layout: &Layout, address: u64) -> Result<Gil, ReadError> {
    let mut bytes = vec![0; Gil::prefix_bytes(layout)];
    memory.read(address, &mut bytes)?;
    Ok(Gil::parse(layout, &bytes))
}

fn thread(memory: &impl Memory, layout: &Layout, state: ThreadState) -> Result<Thread, ReadError> {
    let stack = stack(memory, layout, &prefix(memory, layout, state.address)?);
    let places = stack
        .frames
        .iter()
        .map(|frame| place(memory, layout, frame))
        .collect::<Result<_, _>>()?;
    Ok(Thread {
        state,
        stack,
        places,
    })
}

/// As much of a thread state as walkers need.
pub(crate) fn prefix(
    memory: &impl Memory,
    layout: &Layout,
    thread: u64,
) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; thread_prefix_bytes(layout)];
    memory.read(thread, &mut bytes)?;
    Ok(bytes)
}

/// Walks a thread, without a guess where its frames may lie.
pub(crate) fn stack(memory: &impl Memory, layout: &Layout, prefix: &[u8]) -> Stack {
    let mut snapshot = Snapshot::default();
    snapshot.begin(64);
    let mut frames = Vec::new();
    let end = walk(memory, layout, prefix, &mut snapshot, &mut frames, 256);
    Stack { frames, end }
}

/// Finds out what a frame runs.
pub(crate) fn place(
    memory: &impl Memory,
    layout: &Layout,
    frame: &RawFrame,
) -> Result<Place, ReadError> {
    let code = Code::read(memory, layout, frame.code)?;
    let offset = code
        .offset_of(frame.instruction)
        .ok_or(ReadError::Unmapped(frame.instruction))?;
    Ok(Place {
        is_code: is_code(memory, layout, frame.code),
        fingerprint: read_fingerprint(memory, layout, frame.code)?,
        line: code.line_at(offset),
        opcode: code.opcode_at(memory, offset)?,
        code,
    })
}
