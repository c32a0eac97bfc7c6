//! How much of the time in which a thread was ready to run it waited for a CPU.
//!
//! The scheduler counts that time, but adds a wait to its count only when the wait is over. So what
//! it adds is owed by the thread, and the samples that follow pay: as many of them are said to
//! stand for waiting as make up the time. A sample is not divided, for it is one moment; what is
//! owed too much or too little is carried over, so the sums come out right.

use pitstop_target::threads::SchedStat;

/// What taking one sample on the thread's own CPU may keep it waiting: waking the reader, reading,
/// and going back. Measured as 15 to 35 microseconds; what is left of it is no starvation.
const OWN_DELAY_NS: u64 = 50_000;
/// Where samples follow each other faster than they could if each took the CPU away, the reader is
/// on another CPU. No more than one in so many parts of the time is put down to it.
const OWN_SHARE: u64 = 16;

/// What is known of one thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuWait {
    /// What the scheduler said last.
    sched: Option<SchedStat>,
    /// The time in which it was ready to run since that changed last, and its samples.
    ready_ns: u64,
    samples: u64,
    /// The waiting that no sample has stood for yet; negative if one stood for more than there was.
    owed_ns: i64,
}

impl CpuWait {
    /// Takes the next sample of the thread, which stands for `weight_ns`. True if that is time in
    /// which it waited for a CPU. `is_ready` says that it ran or wanted to.
    pub(crate) fn is_waiting(
        &mut self,
        sched: Option<SchedStat>,
        weight_ns: u64,
        is_ready: bool,
    ) -> bool {
        if is_ready {
            self.ready_ns += weight_ns;
            self.samples += 1;
        }
        if let Some(now) = sched.filter(|&now| self.sched != Some(now)) {
            if let Some(before) = self.sched {
                self.owe(before, now);
            }
            (self.sched, self.ready_ns, self.samples) = (Some(now), 0, 0);
        }
        let weight_ns = i64::try_from(weight_ns).unwrap_or(i64::MAX);
        // Half of it and more rounds up to all of it.
        let waits = is_ready && weight_ns > 0 && self.owed_ns >= weight_ns - weight_ns / 2;
        if waits {
            self.owed_ns -= weight_ns;
        }
        waits
    }

    fn owe(&mut self, before: SchedStat, now: SchedStat) {
        let waited_ns = now.wait_ns.saturating_sub(before.wait_ns);
        let ran_ns = now.run_ns.saturating_sub(before.run_ns);
        // It can be kept from running only while it runs.
        let all_ns = u128::from((waited_ns + ran_ns).max(1));
        let own_ns = (self.samples * OWN_DELAY_NS).min(self.ready_ns / OWN_SHARE);
        let own_ns = u128::from(own_ns) * u128::from(ran_ns) / all_ns;
        let own_ns = u64::try_from(own_ns).unwrap_or(u64::MAX);
        // What it waited before it was seen to be ready belongs to what it was seen doing then.
        let owed_ns = waited_ns.saturating_sub(own_ns).min(self.ready_ns);
        self.owed_ns += i64::try_from(owed_ns).unwrap_or(i64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn sched(run_ns: u64, wait_ns: u64) -> Option<SchedStat> {
        let slices = run_ns + wait_ns;
        Some(SchedStat {
            run_ns,
            wait_ns,
            slices,
        })
    }

    /// Samples a millisecond apart, of which these stand for waiting.
    fn waiting(samples: impl IntoIterator<Item = (Option<SchedStat>, bool)>) -> Vec<bool> {
        let mut wait = CpuWait::default();
        let take = |(sched, ready)| wait.is_waiting(sched, MS, ready);
        samples.into_iter().map(take).collect()
    }

    fn count(waits: &[bool]) -> usize {
        waits.iter().filter(|&&waits| waits).count()
    }

    #[test]
    fn a_thread_that_gets_a_third_of_a_cpu_waits_for_two_thirds() {
        // It is asked about every fourth sample only, as the holder of the GIL is.
        let samples = (0..3000).map(|ms| {
            let asked = ms / 4 * 4;
            (sched(asked * MS / 3, asked * MS * 2 / 3), true)
        });
        let waits = count(&waiting(samples));
        assert!((1900..=2010).contains(&waits), "{waits}");
    }

    #[test]
    fn a_long_wait_is_paid_for_after_it() {
        // Ten milliseconds on, ninety off, as a control group with a tenth of a CPU does it.
        let samples = (0..1000).map(|ms| {
            let (rounds, within) = (ms / 100, ms % 100);
            let run = (10 * rounds + within.min(10)) * MS;
            (sched(run, 90 * rounds * MS), true)
        });
        let waits = count(&waiting(samples));
        assert!((790..=900).contains(&waits), "{waits}");
    }

    #[test]
    fn being_read_is_no_starvation() {
        let samples = (0..3000).map(|ms| (sched(ms * MS - ms * 35_000, ms * 35_000), true));
        assert_eq!(count(&waiting(samples)), 0);
    }

    #[test]
    fn a_thread_that_sleeps_waits_for_no_cpu() {
        // Each time it is woken it waits for a millisecond, before anybody sees that it woke.
        let samples = (0..100).map(|ms| (sched(ms / 10 * 1000, ms / 10 * MS), false));
        assert_eq!(count(&waiting(samples)), 0);
        // And what it waited before it was seen to be ready is not put down to what it does next.
        let awake = [(sched(0, 0), false), (sched(MS, 50 * MS), true)];
        let ready = (1..9).map(|ms| (sched(ms * MS, 50 * MS), true));
        assert!(count(&waiting(awake.into_iter().chain(ready))) <= 1);
    }

    #[test]
    fn where_the_scheduler_says_nothing_nothing_is_known() {
        assert_eq!(count(&waiting([(None, true); 100])), 0);
    }
}
