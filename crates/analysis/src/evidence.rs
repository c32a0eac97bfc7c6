//! Everything that was watched instead of every call, in one answer.

use crate::arguments::{ArgumentsOf, arguments};
use crate::blocking::{Loops, blocking};
use crate::queries::{QueryRow, queries};
use crate::verdict::{Run, run};
use pitstop_model::Profile;

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What ran.
    pub run: Run,
    /// Watched functions.
    pub arguments: Vec<ArgumentsOf>,
    /// Statements; `None` if they were not watched.
    pub queries: Option<Vec<QueryRow>>,
    /// Committed transactions, and what that took in nanoseconds.
    pub commits: (u64, u64),
    /// Event loops; `None` if they were not watched.
    pub loops: Option<Loops>,
    /// From which time on a callback is slow, in nanoseconds.
    pub slow_ns: u64,
    /// Callbacks, and what they took in nanoseconds.
    pub callbacks: (u64, u64),
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
}

impl Evidence {
    /// Asks a profile; `None` if nothing of that kind was watched.
    pub fn of(profile: &Profile) -> Option<Self> {
        let (queried, looped) = (profile.queries.watched, profile.loops.watched);
        if profile.arguments.functions.is_empty() && !queried && !looped {
            return None;
        }
        Some(Self {
            run: run(profile),
            arguments: arguments(profile),
            queries: queried.then(|| queries(profile)),
            commits: (profile.queries.commits, profile.queries.commit_ns),
            loops: looped.then(|| blocking(profile)),
            slow_ns: profile.loops.slow_ns,
            callbacks: (profile.loops.callbacks, profile.loops.callback_ns),
            notes: profile.meta.notes.clone(),
        })
    }
}
