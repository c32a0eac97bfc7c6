//! Spans: single calls in time, for a timeline. Calls add up, spans do not.

use crate::id::{StackId, ThreadId};

/// One call in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The thread that made it.
    pub thread: ThreadId,
    /// Its path, as in [`CallPath`](crate::CallPath).
    pub stack: StackId,
    /// When it began, in nanoseconds since the start of the recording.
    pub start_ns: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

/// The calls whose time was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// The calls, in the order they were kept in. Those of one thread nest in each other.
    pub spans: Vec<Span>,
    /// Calls whose time was not kept because there was no room.
    pub lost: u64,
}

impl Spans {
    /// True when no call's time was kept.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}
