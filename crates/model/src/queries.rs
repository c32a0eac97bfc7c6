//! Statements that the program gave to databases.

use crate::id::{FrameId, StringId};

/// A statement, without its literals, at one place of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The statement; literals are `?`.
    pub text: StringId,
    /// The method of the driver that ran it.
    pub driver: StringId,
    /// The line of the user's code that led to it.
    pub place: Option<FrameId>,
    /// The line that called that function, where it is the user's too.
    pub caller: Option<FrameId>,
    /// It reads (`SELECT`).
    pub reads: bool,
    /// It writes (`INSERT`, `UPDATE`, `DELETE`).
    pub writes: bool,
    /// It was given many sets of parameters at once.
    pub many: bool,
    /// How often it was run.
    pub count: u64,
    /// What that took, fetching included, in nanoseconds.
    pub time_ns: u64,
    /// The longest run without fetching, in nanoseconds.
    pub longest_ns: u64,
    /// Rows fetched.
    pub rows: u64,
    /// Runs that ended with an exception.
    pub raised: u64,
    /// Runs that repeated an earlier one to the letter, parameters included.
    pub repeated: u64,
    /// How often a commit followed that held this one write only.
    pub lone_commits: u64,
    /// The most runs in a row, with few other statements in between.
    pub longest_burst: u64,
    /// What was run before those: a smaller or larger position in [`Queries::queries`].
    pub parent: Option<u32>,
}

/// All statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queries {
    /// True if statements were watched at all.
    pub watched: bool,
    /// The statements.
    pub queries: Vec<Query>,
    /// Transactions that were committed.
    pub commits: u64,
    /// What that took, in nanoseconds.
    pub commit_ns: u64,
}
