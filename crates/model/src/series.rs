//! The samples: elapsed time at a stack, by thread, state, wait and verdict.
//!
//! Two levels of detail. [`Row`]s are the distinct combinations with their totals: memory in
//! proportion to what is *different*, not to how long it ran. [`Moment`]s say when each row was
//! seen; a recorder streams them to the archive and does not keep them.

use crate::id::{Id, RowId, StackId, ThreadId, WaitId};
use crate::state::ThreadState;
use crate::verdict::Verdict;
use rustc_hash::FxHashMap;

/// A distinct combination that samples were seen in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// The thread that was sampled.
    pub thread: ThreadId,
    /// Its Python stack; `None` for a thread without Python frames, or when the read failed.
    pub stack: Option<StackId>,
    /// What the thread was doing.
    pub state: ThreadState,
    /// What it was waiting for, where it was.
    pub wait: Option<WaitId>,
    /// How far the stack can be trusted.
    pub verdict: Verdict,
}

/// One sample in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, in nanoseconds since the start of the recording.
    pub time_ns: u64,
    /// What was seen.
    pub row: RowId,
    /// The elapsed time this sample stands for, in nanoseconds.
    pub weight_ns: u64,
}

/// Rows with their totals, and optionally the moments they were seen at.
#[derive(Clone, Debug, Default)]
pub struct Series {
    rows: Vec<Row>,
    by_row: FxHashMap<Row, RowId>,
    weights_ns: Vec<u64>,
    counts: Vec<u64>,
    /// The samples in time order, where they were kept. Empty means "not kept", not "none".
    pub moments: Vec<Moment>,
}

impl Series {
    /// Returns the handle of `row`, adding it with no samples if it is new.
    pub fn intern(&mut self, row: Row) -> RowId {
        if let Some(&id) = self.by_row.get(&row) {
            return id;
        }
        let id = RowId::from_index(self.rows.len());
        self.rows.push(row);
        self.weights_ns.push(0);
        self.counts.push(0);
        self.by_row.insert(row, id);
        id
    }

    /// Counts one sample that stands for `weight_ns` of elapsed time.
    pub fn add(&mut self, row: RowId, weight_ns: u64) {
        self.add_many(row, 1, weight_ns);
    }

    /// Counts `count` samples that together stand for `weight_ns`.
    pub fn add_many(&mut self, row: RowId, count: u64, weight_ns: u64) {
        self.weights_ns[row.index()] += weight_ns;
        self.counts[row.index()] += count;
    }

    /// The row behind a handle. Panics on a handle of another profile.
    pub fn row(&self, id: RowId) -> Row {
        self.rows[id.index()]
    }

    /// The number of distinct rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when nothing was sampled.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All rows with their sample count and total weight in nanoseconds.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Row, u64, u64)> + '_ {
        (0..self.rows.len()).map(|i| (self.rows[i], self.counts[i], self.weights_ns[i]))
    }

    /// All distinct rows in the order of their handles.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}
