//! Which statements cost most, and which are run in a way that can be done with fewer.

use crate::Place;
use pitstop_model::{Profile, Query};

/// From how many runs in a row on it is a pattern.
const MANY: u64 = 10;
/// From how many commits of single rows on.
const MANY_COMMITS: u64 = 20;

/// A statement at its place.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRow {
    /// The statement.
    pub text: String,
    /// What ran it.
    pub driver: String,
    /// The line that led to it.
    pub place: Option<Place>,
    /// The line that called that function.
    pub caller: Option<Place>,
    /// What was counted.
    pub counts: Query,
    /// What is wrong with how it is run.
    pub patterns: Vec<Pattern>,
}

/// A way of running statements that costs more than it has to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// One query, and then another one for each of its rows.
    OnePlusMany {
        /// The one before: its statement.
        parent: String,
        /// Its line, as `file.py:12`.
        parent_place: Option<String>,
        /// How many followed in a row.
        runs: u64,
    },
    /// The same statement in a loop, without one that it follows from.
    InLoop {
        /// How many times in a row.
        runs: u64,
    },
    /// A commit for each row that is written.
    CommitPerRow {
        /// How many commits.
        commits: u64,
    },
    /// The same statement with the same parameters again.
    Repeated {
        /// How many runs.
        runs: u64,
    },
    /// Writes one row at a time what `executemany` writes at once.
    RowByRow {
        /// How many times in a row.
        runs: u64,
    },
}

/// All statements, the costliest first.
pub fn queries(profile: &Profile) -> Vec<QueryRow> {
    let all = &profile.queries.queries;
    let mut rows: Vec<QueryRow> = all
        .iter()
        .filter(|query| query.count > 0)
        .map(|query| QueryRow {
            text: profile.text(query.text).to_owned(),
            driver: profile.text(query.driver).to_owned(),
            place: query.place.map(|frame| Place::of_frame(profile, frame)),
            caller: query.caller.map(|frame| Place::of_frame(profile, frame)),
            counts: *query,
            patterns: patterns(profile, query),
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.counts.time_ns));
    rows
}

fn patterns(profile: &Profile, query: &Query) -> Vec<Pattern> {
    let mut found = Vec::new();
    let runs = query.longest_burst;
    let is_same_again = query.repeated * 2 > query.count;
    if query.reads && !query.many && runs >= MANY && !is_same_again {
        let parent = query
            .parent
            .map(|parent| &profile.queries.queries[parent as usize]);
        let parent = parent.filter(|parent| parent.reads && parent.rows >= MANY);
        found.push(match parent {
            Some(parent) => Pattern::OnePlusMany {
                parent: profile.text(parent.text).to_owned(),
                parent_place: parent
                    .place
                    .map(|frame| Place::of_frame(profile, frame).short()),
                runs,
            },
            None => Pattern::InLoop { runs },
        });
    }
    if query.lone_commits >= MANY_COMMITS && query.lone_commits * 2 >= query.count {
        found.push(Pattern::CommitPerRow {
            commits: query.lone_commits,
        });
    } else if query.writes && !query.many && runs >= MANY_COMMITS {
        found.push(Pattern::RowByRow { runs });
    }
    if query.reads && query.repeated >= MANY {
        found.push(Pattern::Repeated {
            runs: query.repeated,
        });
    }
    found
}
