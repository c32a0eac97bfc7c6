//! Traced calls: for every call path of every thread, how often it was taken and what it took.
//!
//! A path is a stack of the profile. The frames of the *callers* carry the line of their call site
//! (0 where it is unknown), the innermost frame carries line 0, because its own lines are not
//! timed: time of `f` itself lies at `[.., f@0]`, and `g` called from line 12 of `f` at
//! `[.., f@12, g@0]`. A function without Python code (`len`, `list.append`) is a function of the
//! file `~`, whose kind is [`FileKind::Native`](crate::FileKind::Native), named as `pstats` names it.

use crate::id::{CallId, Id, StackId, ThreadId};
use rustc_hash::FxHashMap;

/// A call path in one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallPath {
    /// The thread.
    pub thread: ThreadId,
    /// The path, from the outermost caller to the function that was called.
    pub stack: StackId,
}

/// What was counted and timed at a call path. All times exclude what the path called in its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCost {
    /// Activations that began here. A generator or coroutine counts once, at its start.
    pub calls: u64,
    /// Times a generator or coroutine was resumed here. `cProfile` counts each of them as a call.
    pub resumptions: u64,
    /// Activations that ended here with an exception.
    pub raised: u64,
    /// Own time in nanoseconds, without what the tracer itself took.
    pub self_ns: u64,
    /// Own time in nanoseconds, as the clock showed it.
    pub raw_self_ns: u64,
    /// Time between a yield or await and the resumption after it, in nanoseconds. It is not part
    /// of the own time.
    pub waited_ns: u64,
}

/// Call paths with their costs.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    paths: Vec<CallPath>,
    by_path: FxHashMap<CallPath, CallId>,
    costs: Vec<CallCost>,
    /// Calls that were made but found no room. Their time is that of the path that made them.
    pub lost: u64,
}

impl Calls {
    /// Returns the handle of `path`, adding it without costs if it is new.
    pub fn intern(&mut self, path: CallPath) -> CallId {
        if let Some(&id) = self.by_path.get(&path) {
            return id;
        }
        let id = CallId::from_index(self.paths.len());
        self.paths.push(path);
        self.costs.push(CallCost::default());
        self.by_path.insert(path, id);
        id
    }

    /// The path behind a handle. Panics on a handle of another profile.
    pub fn path(&self, id: CallId) -> CallPath {
        self.paths[id.index()]
    }

    /// What was counted and timed there. Panics on a handle of another profile.
    pub fn cost(&self, id: CallId) -> CallCost {
        self.costs[id.index()]
    }

    /// The same, to add to. Panics on a handle of another profile.
    pub fn cost_mut(&mut self, id: CallId) -> &mut CallCost {
        &mut self.costs[id.index()]
    }

    /// The number of distinct paths.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// True when no call was traced.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// All paths with their costs, in the order of their handles.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (CallPath, CallCost)> + '_ {
        (0..self.paths.len()).map(|i| (self.paths[i], self.costs[i]))
    }

    /// All distinct paths in the order of their handles.
    pub fn paths(&self) -> &[CallPath] {
        &self.paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_of_equal_paths_add_up_and_threads_are_kept_apart() {
        let mut calls = Calls::default();
        let path = |thread| CallPath {
            thread: ThreadId(thread),
            stack: StackId(7),
        };
        for (thread, count) in [(0, 1), (1, 10), (0, 2)] {
            let id = calls.intern(path(thread));
            calls.cost_mut(id).calls += count;
        }
        let counted: Vec<_> = calls.iter().map(|(path, c)| (path, c.calls)).collect();
        assert_eq!(counted, [(path(0), 3), (path(1), 10)]);
    }
}
