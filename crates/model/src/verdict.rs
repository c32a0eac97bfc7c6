//! How far each sample can be trusted. No sample is lost without one of these.

/// The verdict on one sample of one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The thread provably did not run Python while it was read: the stack existed.
    Exact,
    /// Read twice (or by structure) with equal results: the stack almost certainly existed.
    Validated,
    /// The innermost part is true, the rest could not be read.
    Partial(Reason),
    /// Nothing could be told about the stack at that moment; the time is still counted.
    Failed(Reason),
}

/// Why a stack could not be read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// The thread ran while it was read, in every attempt.
    Moved = 0,
    /// A pointer led to memory that cannot be read.
    Unreadable = 1,
    /// A frame or code object did not look like one.
    NotAFrame = 2,
    /// Deeper than the frame limit.
    TooDeep = 3,
    /// The frame chain runs in a circle.
    Cycle = 4,
    /// The read budget of this sample was used up.
    Budget = 5,
    /// The thread or process ended during the read.
    Gone = 6,
    /// The interpreter was still starting or already shutting down.
    NotReady = 7,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Moved,
        Self::Unreadable,
        Self::NotAFrame,
        Self::TooDeep,
        Self::Cycle,
        Self::Budget,
        Self::Gone,
        Self::NotReady,
    ];

    /// What happened, as the end of the sentence "the stack could not be read because ...".
    pub fn text(self) -> &'static str {
        match self {
            Self::Moved => "the thread kept running while it was read",
            Self::Unreadable => "memory could not be read",
            Self::NotAFrame => "a frame did not look like one",
            Self::TooDeep => "the stack is deeper than the limit",
            Self::Cycle => "the frame chain runs in a circle",
            Self::Budget => "the read budget was used up",
            Self::Gone => "the thread ended meanwhile",
            Self::NotReady => "the interpreter was starting or shutting down",
        }
    }
}

impl Verdict {
    /// One byte for files: 0 exact, 1 validated, 16+reason partial, 32+reason failed.
    pub fn to_byte(self) -> u8 {
        match self {
            Self::Exact => 0,
            Self::Validated => 1,
            Self::Partial(reason) => 16 + reason as u8,
            Self::Failed(reason) => 32 + reason as u8,
        }
    }

    /// The inverse of [`Verdict::to_byte`]; `None` for a byte it never returns.
    pub fn from_byte(byte: u8) -> Option<Self> {
        let reason = |base: u8| Reason::ALL.get(usize::from(byte - base)).copied();
        match byte {
            0 => Some(Self::Exact),
            1 => Some(Self::Validated),
            16..=31 => reason(16).map(Self::Partial),
            32..=47 => reason(32).map(Self::Failed),
            _ => None,
        }
    }

    /// True for a stack that can be believed whole.
    pub fn is_trusted(self) -> bool {
        matches!(self, Self::Exact | Self::Validated)
    }
}

/// How many samples got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictTotals {
    /// Samples judged [`Verdict::Exact`].
    pub exact: u64,
    /// Samples judged [`Verdict::Validated`].
    pub validated: u64,
    /// Samples judged [`Verdict::Partial`], by reason.
    pub partial: [u64; Reason::ALL.len()],
    /// Samples judged [`Verdict::Failed`], by reason.
    pub failed: [u64; Reason::ALL.len()],
}

impl VerdictTotals {
    /// Counts `count` samples with the same verdict.
    pub fn add(&mut self, verdict: Verdict, count: u64) {
        match verdict {
            Verdict::Exact => self.exact += count,
            Verdict::Validated => self.validated += count,
            Verdict::Partial(reason) => self.partial[reason as usize] += count,
            Verdict::Failed(reason) => self.failed[reason as usize] += count,
        }
    }

    /// All samples.
    pub fn total(&self) -> u64 {
        self.trusted() + self.partial_total() + self.failed_total()
    }

    /// Samples whose stack can be believed whole.
    pub fn trusted(&self) -> u64 {
        self.exact + self.validated
    }

    /// Samples with a true innermost part only.
    pub fn partial_total(&self) -> u64 {
        self.partial.iter().sum()
    }

    /// Samples without a stack.
    pub fn failed_total(&self) -> u64 {
        self.failed.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_verdict_and_back_or_none() {
        let known = (0..=u8::MAX)
            .filter_map(Verdict::from_byte)
            .inspect(|v| assert_eq!(Verdict::from_byte(v.to_byte()), Some(*v)))
            .count();
        assert_eq!(known, 2 + 2 * Reason::ALL.len());
    }
}
