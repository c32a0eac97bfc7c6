//! The run's elapsed time, shared out among what was sampled.
//!
//! Threads run side by side, so their times add up to more than the clock showed. This room gives
//! every nanosecond of the clock to exactly one kind of sample, by one rule. At each instant the
//! first of these groups with a member gets it, in equal parts:
//!
//! 1. threads that run, or are ready to and wait for the GIL or a CPU;
//! 2. the leader ([`crate::leaders`]: as a rule the main thread), waiting for something of its own
//!    (a descriptor, the clock);
//! 3. other threads waiting for a descriptor or the clock, first those that ever run, then those
//!    that never do;
//! 4. the leader, waiting for others (a lock, a thread or child process to end);
//! 5. anything else.
//!
//! So a main thread in `join` is not "waiting" while its workers compute; if they all wait for a
//! socket, the run waits for that socket; a service thread that sleeps for ever counts for nothing
//! while others work. Of k threads that want to run while one holds the GIL, one k-th of the time
//! is that thread's and the rest is waiting for the GIL: the part that would go if they could all
//! run at once.
//!
//! Where the moments of the samples are kept the rule is applied as it stands ([`crate::sweep`]);
//! from totals alone it is estimated ([`crate::estimate`]). [`Basis`] says which.

use crate::leaders::Leaders;
use crate::{estimate, sweep};
use pitstop_model::{Id, Profile, Row, ThreadState, Verdict};

/// How the elapsed time was shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// One thread: its samples are the elapsed time.
    OneThread,
    /// Several threads, from the moments of all samples.
    Moments,
    /// Several threads, from totals: how their times overlapped is an estimate.
    Totals,
}

/// The elapsed time of a run by row of its series.
#[derive(Clone, Debug)]
pub struct Elapsed {
    by_row_ns: Vec<f64>,
    /// Time before the first Python frame, in nanoseconds.
    pub startup_ns: f64,
    /// Time of the run that no sample covers, in nanoseconds.
    pub unseen_ns: f64,
    /// How it was shared out.
    pub basis: Basis,
    /// The number of instants the run was looked at: the samples of its best-sampled thread. A
    /// trace looks at every one: more than can be counted, so that its shares have no margin.
    pub instants: u64,
}

impl Elapsed {
    /// Shares out the elapsed time of a run.
    pub fn of(profile: &Profile) -> Self {
        let leaders = Leaders::of(profile);
        let counts = counts_by_thread(profile);
        let sampled_threads = counts.iter().filter(|&&count| count > 0).count();
        let (basis, mut by_row_ns) = if sampled_threads <= 1 {
            let own = profile.series.iter().map(|(_, _, ns)| ns as f64).collect();
            (Basis::OneThread, own)
        } else if profile.series.moments.is_empty() {
            (Basis::Totals, estimate::by_row(profile, &leaders))
        } else {
            (Basis::Moments, sweep::by_row(profile, &leaders))
        };
        let startup_ns = profile.meta.startup_ns as f64;
        let clock_ns = profile.meta.duration_ns as f64;
        leave_out_startup(profile, &mut by_row_ns, clock_ns - startup_ns);
        let seen_ns: f64 = by_row_ns.iter().sum();
        Self {
            by_row_ns,
            startup_ns,
            unseen_ns: (clock_ns - startup_ns - seen_ns).max(0.0),
            basis,
            instants: match profile.meta.method.is_exact() {
                true => u64::MAX,
                false => counts.into_iter().max().unwrap_or(0),
            },
        }
    }

    /// The whole elapsed time, in nanoseconds.
    pub fn total_ns(&self) -> f64 {
        self.by_row_ns.iter().sum::<f64>() + self.startup_ns + self.unseen_ns
    }

    /// All rows of the series with their sample count and their part of the elapsed time.
    pub(crate) fn rows<'a>(
        &'a self,
        profile: &'a Profile,
    ) -> impl Iterator<Item = (Row, u64, f64)> + 'a {
        profile
            .series
            .iter()
            .zip(&self.by_row_ns)
            .map(|((row, count, _), &ns)| (row, count, ns))
    }
}

fn counts_by_thread(profile: &Profile) -> Vec<u64> {
    let mut counts = vec![0; profile.timeline.threads.len()];
    for (row, count, _) in profile.series.iter() {
        counts[row.thread.index()] += count;
    }
    counts
}

/// Samples taken before the first frame are part of the startup, which is measured by the clock:
/// where both together exceed the clock, the samples without a stack give way.
fn leave_out_startup(profile: &Profile, by_row_ns: &mut [f64], room_ns: f64) {
    let mut excess: f64 = by_row_ns.iter().sum::<f64>() - room_ns.max(0.0);
    if profile.meta.startup_ns == 0 {
        return;
    }
    for (row, ns) in profile.series.rows().iter().zip(by_row_ns) {
        let stackless = row.stack.is_none()
            && (row.state == ThreadState::Unknown || matches!(row.verdict, Verdict::Failed(_)));
        if stackless && excess > 0.0 {
            let taken = ns.min(excess);
            *ns -= taken;
            excess -= taken;
        }
    }
}

/// The groups of the rule in the module's text, highest claim first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Ready = 0,
    LeaderWaits = 1,
    WorkerWaits = 2,
    IdlerWaits = 3,
    LeaderWaitsForOthers = 4,
    Rest = 5,
}

impl Claim {
    pub(crate) const COUNT: usize = 6;
}

/// What each row of a series may claim of an instant.
pub(crate) fn claims(profile: &Profile, leaders: &Leaders) -> Vec<Claim> {
    let mut ever_ready = vec![false; profile.timeline.threads.len()];
    for (row, count, _) in profile.series.iter() {
        ever_ready[row.thread.index()] |= count > 0 && is_ready(row.state);
    }
    let claim = |row: &Row| match row.state {
        state if is_ready(state) => Claim::Ready,
        _ if leaders.is_leader(row.thread) && waits_for_others(profile, row) => {
            Claim::LeaderWaitsForOthers
        }
        _ if leaders.is_leader(row.thread) => Claim::LeaderWaits,
        ThreadState::Blocked | ThreadState::Sleep if waits_for_others(profile, row) => Claim::Rest,
        ThreadState::Blocked | ThreadState::Sleep if ever_ready[row.thread.index()] => {
            Claim::WorkerWaits
        }
        ThreadState::Blocked | ThreadState::Sleep => Claim::IdlerWaits,
        _ => Claim::Rest,
    };
    profile.series.rows().iter().map(claim).collect()
}

/// True for a thread that runs, or would if it had the GIL or a CPU.
pub(crate) fn is_ready(state: ThreadState) -> bool {
    state.is_running() || matches!(state, ThreadState::GilWait | ThreadState::WaitingForCpu)
}

/// True for a wait that ends when another thread or process of the run does something.
fn waits_for_others(profile: &Profile, row: &Row) -> bool {
    let awaits_child = || {
        row.wait.is_some_and(|wait| {
            let wait = &profile.waits[wait.index()];
            is_child_wait(profile.text(wait.syscall))
        })
    };
    row.state == ThreadState::Lock || (row.state == ThreadState::Blocked && awaits_child())
}

/// True for the system calls that wait for a child process to end.
pub(crate) fn is_child_wait(syscall: &str) -> bool {
    matches!(syscall, "wait4" | "waitid" | "waitpid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::scribble;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_time_is_negative_or_invented(numbers in prop::collection::vec(any::<(u8, u8, u8, u16)>(), 0..30)) {
            let profile = scribble(&numbers);
            let elapsed = Elapsed::of(&profile);
            let sampled: u64 = profile.series.iter().map(|(_, _, ns)| ns).sum();
            let given: f64 = elapsed.rows(&profile).map(|(_, _, ns)| ns).sum();
            prop_assert!(elapsed.rows(&profile).all(|(_, _, ns)| ns >= 0.0));
            prop_assert!(given <= sampled as f64 * (1.0 + 1e-9) + 1.0);
            prop_assert!(elapsed.unseen_ns >= 0.0);
        }

        #[test]
        fn every_question_has_an_answer(numbers in prop::collection::vec(any::<(u8, u8, u8, u16)>(), 0..30)) {
            let profile = scribble(&numbers);
            let verdict = crate::Verdict::of(&profile);
            let shares: f64 = verdict.lines.iter().map(|line| line.share).sum();
            prop_assert!(shares <= 1.0 + 1e-9);
            crate::tree::tree(&profile, &crate::TreeOptions::default());
            crate::lines::lines(&profile, &Elapsed::of(&profile), &crate::LinesOptions::default());
        }
    }
}
