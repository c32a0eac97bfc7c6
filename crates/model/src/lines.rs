//! Timed lines: for every line of the functions that were chosen, how often it ran and how long.

use crate::id::FunctionId;

/// What was counted and timed at a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCost {
    /// How often the line began.
    pub hits: u64,
    /// Its time in nanoseconds, without the functions it called that were timed as well.
    pub self_ns: u64,
    /// Its time in nanoseconds with all it called. Under recursion only the outermost activation
    /// counts, so that lines never add up to more than the wall time.
    pub inclusive_ns: u64,
    /// Time in nanoseconds between a yield or await on this line and the resumption after it. It is
    /// part of neither of the other two.
    pub waited_ns: u64,
}

/// A function and its lines. All threads that ran it are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedFunction {
    /// The function.
    pub function: FunctionId,
    /// How often it was called.
    pub calls: u64,
    /// Line numbers (1-based) with their costs, ascending. Lines that never ran are not listed.
    pub lines: Vec<(u32, LineCost)>,
}

/// The functions whose lines were timed, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineTimes {
    /// The functions, in the order they were met.
    pub functions: Vec<TimedFunction>,
    /// Lines that ran but found no room to be counted in.
    pub lost: u64,
}

impl LineTimes {
    /// True when no function's lines were timed.
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }
}
