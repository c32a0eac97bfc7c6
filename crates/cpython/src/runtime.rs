//! Interpreters, their GIL and their threads.

use crate::bytes::{i32_at, u64_at};
use crate::layout::Layout;
use crate::memory::{Memory, ReadError};
use std::collections::HashSet;

/// No program has more interpreters than this; a longer list is a damaged one.
const MAX_INTERPRETERS: usize = 64;
/// The most threads that are listed of one interpreter.
const MAX_THREADS: usize = 65_536;
/// The most bytes of a thread state that the walkers ever need.
pub const MAX_THREAD_BYTES: usize = 512;

/// An interpreter of the runtime: the main one or a sub-interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// Address of its `PyInterpreterState`.
    pub address: u64,
    /// Its number; the main interpreter is 0.
    pub id: u64,
    /// Address of the GIL its threads share. Interpreters may share one.
    pub gil: u64,
}

/// A thread as its thread state describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadState {
    /// Address of its `PyThreadState`.
    pub address: u64,
    /// `pthread_self()` of the thread.
    pub pthread: u64,
    /// The operating system's id of the thread inside its own pid namespace; `None` before 3.11.
    pub native_id: Option<u64>,
}

/// Who holds the GIL, as one read of it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gil {
    /// The thread state that holds it, or held it last.
    pub last_holder: u64,
    /// True while it is held.
    pub locked: bool,
}

impl Gil {
    /// Reads it out of a copy of `struct _gil_runtime_state`.
    pub fn parse(layout: &Layout, bytes: &[u8]) -> Self {
        Self {
            last_holder: u64_at(bytes, layout.gil.last_holder) & !1,
            locked: i32_at(bytes, layout.gil.locked) == 1,
        }
    }

    /// The thread state that holds the GIL now.
    pub fn holder(self) -> Option<u64> {
        (self.locked && self.last_holder != 0).then_some(self.last_holder)
    }

    /// How many bytes of `struct _gil_runtime_state` [`Gil::parse`] needs.
    pub fn prefix_bytes(layout: &Layout) -> usize {
        (layout.gil.last_holder + 8).max(layout.gil.locked + 4) as usize
    }
}

/// How many bytes from the start of a `PyThreadState` the walkers need.
pub fn thread_prefix_bytes(layout: &Layout) -> usize {
    let thread = &layout.thread;
    let optional = [
        thread.native_thread_id,
        thread.datastack_chunk,
        thread.datastack_top,
        thread.base_frame,
        thread.last_profiled_frame,
        thread.last_profiled_frame_seq,
        thread.holds_gil,
    ];
    let last = [thread.next, thread.interp, thread.thread_id, thread.frame]
        .into_iter()
        .chain(optional.into_iter().flatten())
        .max()
        .unwrap_or(0);
    (last as usize + 8).min(MAX_THREAD_BYTES)
}

/// The interpreter a copied thread state says it belongs to.
pub fn interpreter_of(layout: &Layout, thread: &[u8]) -> u64 {
    u64_at(thread, layout.thread.interp)
}

/// The `pthread_self()` that a copied thread state names.
pub fn pthread_of(layout: &Layout, thread: &[u8]) -> u64 {
    u64_at(thread, layout.thread.thread_id)
}

/// The operating system's id of its thread that a copied thread state names; `None` before 3.11.
pub fn native_id_of(layout: &Layout, thread: &[u8]) -> Option<u64> {
    layout.thread.native_thread_id.map(|at| u64_at(thread, at))
}

/// Lists the interpreters of the runtime at `runtime`, newest first. Empty before the runtime is
/// initialised.
///
/// # Errors
/// Why the list could not be read.
pub fn interpreters(
    memory: &impl Memory,
    layout: &Layout,
    runtime: u64,
) -> Result<Vec<Interpreter>, ReadError> {
    let mut found: Vec<Interpreter> = Vec::new();
    let mut address = read_u64(
        memory,
        runtime.wrapping_add(layout.runtime.interpreters_head),
    )?;
    while address != 0 && found.len() < MAX_INTERPRETERS {
        if found.iter().any(|known| known.address == address) {
            break;
        }
        let gil = match (layout.runtime.gil, layout.interpreter.gil_pointer) {
            (Some(offset), _) => runtime.wrapping_add(offset),
            (None, Some(offset)) => read_u64(memory, address.wrapping_add(offset))?,
            (None, None) => 0,
        };
        let id = read_u64(memory, address.wrapping_add(layout.interpreter.id))?;
        found.push(Interpreter { address, id, gil });
        address = read_u64(memory, address.wrapping_add(layout.interpreter.next))?;
    }
    Ok(found)
}

/// The newest thread state of an interpreter; a change of it says that threads came or went.
///
/// # Errors
/// Why it could not be read.
pub fn threads_head(
    memory: &impl Memory,
    layout: &Layout,
    interpreter: u64,
) -> Result<u64, ReadError> {
    read_u64(
        memory,
        interpreter.wrapping_add(layout.interpreter.threads_head),
    )
}

/// Lists the threads of an interpreter, newest first. A thread that ends during the walk may cut
/// the list short: the caller lists again at its next refresh.
///
/// # Errors
/// Why the head of the list could not be read.
pub fn threads(
    memory: &impl Memory,
    layout: &Layout,
    interpreter: u64,
) -> Result<Vec<ThreadState>, ReadError> {
    newest_threads(memory, layout, interpreter, MAX_THREADS)
}

fn newest_threads(
    memory: &impl Memory,
    layout: &Layout,
    interpreter: u64,
    at_most: usize,
) -> Result<Vec<ThreadState>, ReadError> {
    let mut found: Vec<ThreadState> = Vec::new();
    // A damaged list may run into a circle anywhere, not only at its head.
    let mut seen = HashSet::new();
    let mut buffer = [0; MAX_THREAD_BYTES];
    let prefix = &mut buffer[..thread_prefix_bytes(layout)];
    let mut address = threads_head(memory, layout, interpreter)?;
    while address != 0 && found.len() < at_most && seen.insert(address) {
        if memory.read(address, prefix).is_err() || interpreter_of(layout, prefix) != interpreter {
            break;
        }
        found.push(ThreadState {
            address,
            pthread: pthread_of(layout, prefix),
            native_id: native_id_of(layout, prefix),
        });
        address = u64_at(prefix, layout.thread.next);
    }
    Ok(found)
}

/// True while the runtime is shutting down.
///
/// # Errors
/// Why it could not be read.
pub fn is_finalizing(
    memory: &impl Memory,
    layout: &Layout,
    runtime: u64,
) -> Result<bool, ReadError> {
    Ok(read_u64(memory, runtime.wrapping_add(layout.runtime.finalizing))? != 0)
}

/// Where the collector of an interpreter says that it is at work, an `int`.
pub fn gc_collecting_address(layout: &Layout, runtime: u64, interpreter: u64) -> Option<u64> {
    let in_interpreter = layout
        .interpreter
        .gc_collecting
        .map(|at| interpreter.wrapping_add(at));
    in_interpreter.or(layout
        .runtime
        .gc_collecting
        .map(|at| runtime.wrapping_add(at)))
}

/// True when a layout fits what lies at `runtime`: there is an interpreter, each of its threads
/// points back to it, and where a thread runs Python its innermost frame leads to a code object
/// with a name. Used to choose between candidate versions.
pub fn layout_fits(memory: &impl Memory, layout: &Layout, runtime: u64) -> bool {
    let Ok(interpreters) = interpreters(memory, layout, runtime) else {
        return false;
    };
    let mut seen_code = false;
    let mut seen_thread = false;
    for interpreter in &interpreters {
        let Ok(threads) = newest_threads(memory, layout, interpreter.address, 16) else {
            return false;
        };
        for thread in &threads {
            seen_thread = true;
            let mut buffer = [0; MAX_THREAD_BYTES];
            let prefix = &mut buffer[..thread_prefix_bytes(layout)];
            let mut snapshot = crate::Snapshot::default();
            let mut frames = Vec::new();
            if memory.read(thread.address, prefix).is_err() {
                continue;
            }
            snapshot.begin(8);
            crate::walk(memory, layout, prefix, &mut snapshot, &mut frames, 4);
            if let Some(frame) = frames.first() {
                seen_code |= is_code(memory, layout, frame.code);
            }
        }
    }
    // Between frames, and during start-up, there may be no Python frame to look at.
    seen_code || (seen_thread && !interpreters.is_empty() && layout.minor >= 13)
}

/// True when the object's type is named `code`.
pub fn is_code(memory: &impl Memory, layout: &Layout, address: u64) -> bool {
    let name = || -> Result<String, ReadError> {
        let object_type = read_u64(memory, address.wrapping_add(layout.object.object_type))?;
        let name = read_u64(memory, object_type.wrapping_add(layout.object.type_name))?;
        crate::text::read_c_str(memory, name, 8)
    };
    name().is_ok_and(|name| name == "code")
}

pub(crate) fn read_u64(memory: &impl Memory, address: u64) -> Result<u64, ReadError> {
    let mut bytes = [0; 8];
    memory.read(address, &mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}
