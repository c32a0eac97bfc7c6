//! The names that a program gave its threads.
//!
//! `threading._active` maps what `threading.get_ident()` says in a thread, which is the
//! `pthread_self()` of its thread state, to its `Thread` object; the name is its `_name`. That has
//! been so from 3.8 to 3.15 (`Lib/threading.py`). Threads that C code started, and that never
//! asked `threading` who they are, have no name.

use crate::layout::Layout;
use crate::memory::{Memory, ReadError};
use crate::object::Objects;

/// The most threads that are listed.
const MAX_THREADS: usize = 65_536;
/// The longest name, in characters.
const MAX_NAME: u64 = 256;

/// The named threads of the interpreter at `interpreter`: `pthread_self()` and name.
///
/// Empty if the program has not imported `threading`. A thread that cannot be read, because it
/// ends just now, is left out; so are the last ones of some thousands.
///
/// # Errors
/// Why the list of threads could not be read.
pub fn thread_names(
    memory: &impl Memory,
    layout: &Layout,
    interpreter: u64,
) -> Result<Vec<(u64, String)>, ReadError> {
    let objects = Objects::new(memory, layout);
    let Some(active) = objects.module_variable(interpreter, "threading", "_active")? else {
        return Ok(Vec::new());
    };
    let threads = objects.dict_entries(active, MAX_THREADS)?;
    objects.each(threads, |thread| {
        let pthread = objects.u64(thread.key)?;
        let name = objects
            .attribute(thread.value, "_name")?
            .ok_or(ReadError::Unmapped(thread.value))?;
        Ok((pthread, objects.str(name, MAX_NAME)?))
    })
}
