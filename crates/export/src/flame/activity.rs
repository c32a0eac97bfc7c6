//! What a thread was doing, in the seven kinds a reader can tell apart by colour.

use pitstop_model::ThreadState;

/// A group of thread states with a colour of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Python,
    Native,
    Collecting,
    GilWait,
    Blocked,
    CpuWait,
    Unknown,
}

/// Elapsed nanoseconds by activity, in the order of [`Activity::ALL`].
pub(super) type Split = [u64; Activity::ALL.len()];

impl Activity {
    /// Every activity, in the order legends and strips show them.
    pub(super) const ALL: [Self; 7] = [
        Self::Python,
        Self::Native,
        Self::Collecting,
        Self::GilWait,
        Self::Blocked,
        Self::CpuWait,
        Self::Unknown,
    ];

    /// The group a state belongs to.
    pub(super) fn of(state: ThreadState) -> Self {
        match state {
            ThreadState::Python => Self::Python,
            ThreadState::NativeWithGil | ThreadState::NativeWithoutGil => Self::Native,
            ThreadState::GarbageCollection => Self::Collecting,
            ThreadState::GilWait => Self::GilWait,
            ThreadState::Lock | ThreadState::Blocked | ThreadState::Sleep => Self::Blocked,
            ThreadState::WaitingForCpu => Self::CpuWait,
            ThreadState::Unknown => Self::Unknown,
        }
    }

    /// Its words in the legend and in tooltips.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Python => "Python code",
            Self::Native => "native code",
            Self::Collecting => "garbage collection",
            Self::GilWait => "waiting for the GIL",
            Self::Blocked => "blocked (I/O, lock, sleep)",
            Self::CpuWait => "waiting for a CPU",
            Self::Unknown => "not known",
        }
    }

    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Python => "py",
            Self::Native => "na",
            Self::Collecting => "gc",
            Self::GilWait => "gi",
            Self::Blocked => "io",
            Self::CpuWait => "cp",
            Self::Unknown => "un",
        }
    }

    /// The activity most of a split went to; of equals, the first.
    pub(super) fn dominant(split: &Split) -> Self {
        let most = split.iter().max().copied().unwrap_or_default();
        split
            .iter()
            .position(|&ns| ns == most)
            .map_or(Self::Unknown, |index| Self::ALL[index])
    }
}
