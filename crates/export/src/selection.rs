//! Which samples are exported, and how finely their places are told apart.

use pitstop_model::{Id, Profile, Row, RowId, ThreadState};

/// Which samples are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Selection {
    /// All of them: elapsed time, waiting included.
    #[default]
    All,
    /// Samples of threads that used a CPU, or held the GIL, or waited for it.
    Running,
    /// Samples of threads that held the GIL.
    Gil,
}

impl Selection {
    /// Every selection, in the order help texts list them.
    pub const ALL: [Self; 3] = [Self::All, Self::Running, Self::Gil];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Running => "running",
            Self::Gil => "gil",
        }
    }

    /// The time it selects, as the subject of a sentence.
    pub fn description(self) -> &'static str {
        match self {
            Self::All => "elapsed time, waiting included",
            Self::Running => "time on a CPU, holding the GIL or waiting for it",
            Self::Gil => "time holding the GIL",
        }
    }

    /// The selection whose name is `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// True when samples in this state are exported.
    pub fn keeps(self, state: ThreadState) -> bool {
        match self {
            Self::All => true,
            Self::Running => {
                state.is_running() || state.holds_gil() || state == ThreadState::GilWait
            }
            Self::Gil => state.holds_gil(),
        }
    }
}

/// How finely places are told apart, in formats that leave the choice.
///
/// pprof and our JSON always carry function and line; pstats knows functions only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// By function; its line is the one of the `def`.
    #[default]
    Function,
    /// By the line being executed.
    Line,
}

impl Granularity {
    /// Both, in the order help texts list them.
    pub const ALL: [Self; 2] = [Self::Function, Self::Line];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Line => "line",
        }
    }

    /// The granularity whose name is `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// What to export and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which samples.
    pub selection: Selection,
    /// How finely places are told apart.
    pub granularity: Granularity,
    /// The title, where the format has one; `None` takes the command line.
    pub title: Option<String>,
}

/// A row that is exported, with its totals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selected {
    pub(crate) id: RowId,
    pub(crate) row: Row,
    pub(crate) samples: u64,
    pub(crate) wall_ns: u64,
}

/// The rows a selection keeps, in the order of their handles. Rows without samples are left out.
pub(crate) fn selected(
    profile: &Profile,
    selection: Selection,
) -> impl Iterator<Item = Selected> + '_ {
    profile
        .series
        .iter()
        .enumerate()
        .map(|(index, (row, samples, wall_ns))| Selected {
            id: RowId::from_index(index),
            row,
            samples,
            wall_ns,
        })
        .filter(move |one| selection.keeps(one.row.state) && (one.samples > 0 || one.wall_ns > 0))
}

/// The elapsed time of all selected rows, in nanoseconds.
pub(crate) fn total_ns(profile: &Profile, selection: Selection) -> u64 {
    selected(profile, selection).map(|one| one.wall_ns).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_selection_is_part_of_the_one_before() {
        for state in ThreadState::ALL {
            assert!(Selection::All.keeps(state));
            assert!(Selection::Running.keeps(state) || !Selection::Gil.keeps(state));
        }
        assert!(Selection::Running.keeps(ThreadState::GilWait));
        assert!(!Selection::Running.keeps(ThreadState::Sleep));
        assert!(!Selection::Gil.keeps(ThreadState::NativeWithoutGil));
    }
}
