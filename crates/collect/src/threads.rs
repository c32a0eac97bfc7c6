//! Which thread of the operating system a thread state belongs to.

use pitstop_cpython::ThreadState;
use pitstop_target::{process, robust_list_head, threads};
use rustc_hash::FxHashMap;

/// No C library keeps more than this between the start of its thread descriptor, which
/// `pthread_self()` returns, and the robust list inside it (glibc 2.36: 736 bytes).
const DESCRIPTOR_BYTES: u64 = 4096;

/// Maps thread states of one process to thread ids as this process sees them.
pub(crate) struct ThreadIds {
    pid: u32,
    /// Ids outside the target's pid namespace, by the ids inside; `None` while both are the same.
    inside: Option<FxHashMap<u32, u32>>,
    /// Before 3.11: robust list heads by thread.
    heads: FxHashMap<u32, u64>,
}

impl ThreadIds {
    pub(crate) fn new(pid: u32) -> Self {
        let inside = process::namespace_tids(pid).ok().flatten();
        Self {
            pid,
            inside,
            heads: FxHashMap::default(),
        }
    }

    /// The thread id of a thread state; `None` if it could not be told.
    pub(crate) fn tid_of(&mut self, thread: &ThreadState, is_main: bool) -> Option<u32> {
        match thread.native_id {
            Some(id) if id != 0 => self.outside(u32::try_from(id).ok()?),
            _ if is_main => Some(self.pid),
            _ => self.by_descriptor(thread.pthread),
        }
    }

    /// From 3.11 on the thread state names the id inside its own pid namespace.
    fn outside(&mut self, inside: u32) -> Option<u32> {
        let Some(known) = &self.inside else {
            return Some(inside);
        };
        if let Some(&outside) = known.get(&inside) {
            return Some(outside);
        }
        self.inside = process::namespace_tids(self.pid).ok().flatten();
        self.inside.as_ref()?.get(&inside).copied()
    }

    /// Before 3.11 the thread state knows only its `pthread_self()`, the address of the C
    /// library's thread descriptor. The kernel knows each thread's robust list, and its head lies
    /// inside the descriptor.
    fn by_descriptor(&mut self, pthread: u64) -> Option<u32> {
        let inside = |head: u64| head >= pthread && head - pthread < DESCRIPTOR_BYTES;
        if let Some((&tid, _)) = self.heads.iter().find(|&(_, &head)| inside(head)) {
            if robust_list_head(tid).is_ok_and(inside) {
                return Some(tid);
            }
            self.heads.remove(&tid);
        }
        let tids = threads::list(self.pid).unwrap_or_default();
        self.heads = tids
            .into_iter()
            .filter_map(|tid| Some((tid, robust_list_head(tid).ok()?)))
            .collect();
        self.heads
            .iter()
            .find(|&(_, &head)| inside(head))
            .map(|(&tid, _)| tid)
    }
}
