//! What chosen functions were called with: how often the same arguments came, and what that took.

use crate::id::{FunctionId, StringId};

/// A combination of arguments that came more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepeatedArguments {
    /// The position of the function in [`Arguments::functions`].
    pub function: u32,
    /// The arguments as text; empty where it was not kept.
    pub text: Option<StringId>,
    /// Calls with them.
    pub calls: u64,
    /// What the calls took, in nanoseconds.
    pub time_ns: u64,
    /// What those of them took that a cache would have answered, in nanoseconds.
    pub repeat_ns: u64,
    /// Repeated calls whose result was not that of the first.
    pub differed: u64,
}

/// Calls by the distance to the call before with the same arguments, in calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reuse {
    /// The position of the function in [`Arguments::functions`].
    pub function: u32,
    /// The least distance that is counted here.
    pub distance: u64,
    /// How many calls.
    pub calls: u64,
}

/// A function whose arguments were watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchedFunction {
    /// The function.
    pub function: FunctionId,
    /// A generator or coroutine function: its calls were not watched, everything below is 0.
    pub skipped: bool,
    /// Calls.
    pub calls: u64,
    /// Calls that ended with an exception, which no cache keeps.
    pub raised: u64,
    /// Different combinations of arguments.
    pub distinct: u64,
    /// Calls that a cache of any size would have answered.
    pub hits: u64,
    /// The last two are estimates (about 3 per cent off): there were too many combinations.
    pub estimated: bool,
    /// Time in the function, recursion counted once, in nanoseconds.
    pub time_ns: u64,
    /// The part of it that a cache would have saved, in nanoseconds.
    pub repeat_ns: u64,
    /// Calls with an argument told by its identity.
    pub by_identity: u64,
    /// Calls with an argument whose own notion of equality was not asked.
    pub own_equality: u64,
    /// Calls with an argument that cannot be hashed.
    pub unhashable: u64,
    /// Calls with an argument that was made for the call.
    pub temporary: u64,
    /// Repeated calls whose result was that of the first.
    pub agreed: u64,
    /// Repeated calls whose result was another.
    pub differed: u64,
    /// Repeated calls whose results could not be compared.
    pub unknown: u64,
}

/// All watched functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The functions, each once a process.
    pub functions: Vec<WatchedFunction>,
    /// The combinations that came most often, by function.
    pub repeated: Vec<RepeatedArguments>,
    /// Distances, ascending by function and distance.
    pub reuse: Vec<Reuse>,
}
