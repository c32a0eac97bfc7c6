//! What kept event loops waiting.

use crate::id::{FrameId, FunctionId, StringId};

/// Calls from one line, made while an event loop ran a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockingCall {
    /// What was called.
    pub what: StringId,
    /// The line of the user's code that led to it.
    pub place: Option<FrameId>,
    /// How often.
    pub count: u64,
    /// What that took, in nanoseconds.
    pub time_ns: u64,
    /// The longest, in nanoseconds.
    pub longest_ns: u64,
}

/// A callback or a step of a task that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowCallback {
    /// What it is called.
    pub label: StringId,
    /// Its function, if it is Python.
    pub function: Option<FunctionId>,
    /// How often it was too slow.
    pub count: u64,
    /// What that took, in nanoseconds.
    pub time_ns: u64,
    /// The longest, in nanoseconds.
    pub longest_ns: u64,
    /// How much of it was in blocking calls, in nanoseconds.
    pub blocked_ns: u64,
}

/// All of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLoops {
    /// True if event loops were watched at all.
    pub watched: bool,
    /// From which time on a callback is slow, in nanoseconds.
    pub slow_ns: u64,
    /// Callbacks that were run.
    pub callbacks: u64,
    /// What they took, in nanoseconds.
    pub callback_ns: u64,
    /// Blocking calls.
    pub blocking: Vec<BlockingCall>,
    /// Slow callbacks.
    pub slow: Vec<SlowCallback>,
}
