//! The names that a program gave its threads.

use crate::interpreter::Interpreter;
use pitstop_cpython::{interpreters, thread_names};
use rustc_hash::FxHashMap;

/// Names by `pthread_self()`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    by_pthread: FxHashMap<u64, String>,
}

impl Names {
    /// The name of a thread, if it was given one.
    pub(crate) fn get(&self, pthread: u64) -> Option<String> {
        self.by_pthread.get(&pthread).cloned()
    }
}

/// Reads the names out of the `threading` modules of a process. A program that never imported
/// `threading` has none; names that cannot be read are left out.
pub(crate) fn of(interpreter: &Interpreter) -> Names {
    let (memory, layout) = (&interpreter.memory, &interpreter.layout);
    let mut by_pthread = FxHashMap::default();
    for one in interpreters(memory, layout, interpreter.runtime).unwrap_or_default() {
        by_pthread.extend(thread_names(memory, layout, one.address).unwrap_or_default());
    }
    Names { by_pthread }
}
