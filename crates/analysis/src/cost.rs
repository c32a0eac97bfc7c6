//! A time, split by what the thread was doing meanwhile.

use pitstop_model::ThreadState;

/// What a thread was doing, in the few words that views use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doing {
    /// Executing Python bytecode.
    Python,
    /// Executing native code, with or without the GIL.
    Native,
    /// Collecting garbage.
    GarbageCollection,
    /// Ready to run Python, waiting for the GIL.
    GilWait,
    /// Waiting for a lock, a descriptor, a child process or the clock.
    Waiting,
    /// Ready to run, waiting for a CPU.
    CpuWait,
    /// Could not be told.
    Unknown,
}

impl Doing {
    /// Everything a thread can be doing, in the order views list it in.
    pub const ALL: [Self; 7] = [
        Self::Python,
        Self::Native,
        Self::GarbageCollection,
        Self::GilWait,
        Self::Waiting,
        Self::CpuWait,
        Self::Unknown,
    ];

    /// The word for a state.
    pub fn of(state: ThreadState) -> Self {
        match state {
            ThreadState::Python => Self::Python,
            ThreadState::NativeWithGil | ThreadState::NativeWithoutGil => Self::Native,
            ThreadState::GarbageCollection => Self::GarbageCollection,
            ThreadState::GilWait => Self::GilWait,
            ThreadState::Lock | ThreadState::Blocked | ThreadState::Sleep => Self::Waiting,
            ThreadState::WaitingForCpu => Self::CpuWait,
            ThreadState::Unknown => Self::Unknown,
        }
    }
}

/// A time in nanoseconds by thread state, and the samples it was counted in.
///
/// Fractions of a nanosecond appear because an instant may be shared by several threads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    by_state_ns: [f64; ThreadState::ALL.len()],
    /// The number of samples.
    pub samples: u64,
}

impl Cost {
    /// Adds `ns` nanoseconds in one state, counted in `samples` samples.
    pub fn add(&mut self, state: ThreadState, ns: f64, samples: u64) {
        self.by_state_ns[state as usize] += ns;
        self.samples += samples;
    }

    /// Adds another cost.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.by_state_ns.iter_mut().zip(other.by_state_ns) {
            *mine += theirs;
        }
        self.samples += other.samples;
    }

    /// The time in one state, in nanoseconds.
    pub fn state_ns(&self, state: ThreadState) -> f64 {
        self.by_state_ns[state as usize]
    }

    /// The time spent doing one thing, in nanoseconds.
    pub fn ns(&self, doing: Doing) -> f64 {
        ThreadState::ALL
            .into_iter()
            .filter(|&state| Doing::of(state) == doing)
            .map(|state| self.state_ns(state))
            .sum()
    }

    /// The whole time, in nanoseconds.
    pub fn total_ns(&self) -> f64 {
        self.by_state_ns.iter().sum()
    }

    /// The part (0 to 1) of this time spent doing one thing; 0 of nothing.
    pub fn part(&self, doing: Doing) -> f64 {
        ratio(self.ns(doing), self.total_ns())
    }

    /// What most of the time was spent doing; `None` of no time.
    pub fn mostly(&self) -> Option<Doing> {
        Doing::ALL
            .into_iter()
            .filter(|&doing| self.ns(doing) > 0.0)
            .max_by(|&a, &b| self.ns(a).total_cmp(&self.ns(b)))
    }

    /// Whichever of the states of waiting took most time; `None` without waiting.
    pub fn mostly_waiting_in(&self) -> Option<ThreadState> {
        [ThreadState::Lock, ThreadState::Blocked, ThreadState::Sleep]
            .into_iter()
            .filter(|&state| self.state_ns(state) > 0.0)
            .max_by(|&a, &b| self.state_ns(a).total_cmp(&self.state_ns(b)))
    }
}

/// `part / whole`, and 0 where there is no whole.
pub(crate) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_native_code_are_one_word() {
        let mut cost = Cost::default();
        cost.add(ThreadState::NativeWithGil, 2.0, 1);
        cost.add(ThreadState::NativeWithoutGil, 3.0, 1);
        cost.add(ThreadState::Python, 4.0, 2);
        assert_eq!(cost.mostly(), Some(Doing::Native));
        assert_eq!(cost.total_ns(), 9.0);
        assert_eq!(cost.samples, 4);
    }
}
