//! Where the run's elapsed time went: what the program was doing, and its startup.

use crate::cost::{Cost, Doing, ratio};
use crate::elapsed::{Basis, Elapsed};
use crate::wait::{WaitFor, what_for};
use pitstop_model::Profile;
use std::collections::BTreeMap;

/// The elapsed time of the run in parts that add up to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// What the program was doing (see [`Elapsed`] for runs with several threads).
    pub cost: Cost,
    /// Time before the first Python frame, in nanoseconds.
    pub startup_ns: f64,
    /// Time that no sample covers, in nanoseconds.
    pub unseen_ns: f64,
    /// How the time of several threads was shared out.
    pub basis: Basis,
    /// What the waiting was for, longest first, with its nanoseconds.
    pub waited_for: Vec<(WaitFor, f64)>,
}

impl Split {
    /// Splits the elapsed time of a profile.
    pub fn of(profile: &Profile, elapsed: &Elapsed) -> Self {
        let mut cost = Cost::default();
        let mut waited: BTreeMap<WaitFor, f64> = BTreeMap::new();
        for (row, count, ns) in elapsed.rows(profile) {
            cost.add(row.state, ns, count);
            if row.state.is_waiting() && ns > 0.0 {
                *waited.entry(what_for(profile, &row)).or_default() += ns;
            }
        }
        let mut waited_for: Vec<_> = waited.into_iter().collect();
        waited_for.sort_by(|a, b| b.1.total_cmp(&a.1));
        Self {
            cost,
            startup_ns: elapsed.startup_ns,
            unseen_ns: elapsed.unseen_ns,
            basis: elapsed.basis,
            waited_for,
        }
    }

    /// The elapsed time, in nanoseconds.
    pub fn total_ns(&self) -> f64 {
        self.cost.total_ns() + self.startup_ns + self.unseen_ns
    }

    /// The share (0 to 1) of the elapsed time spent doing one thing.
    pub fn share(&self, doing: Doing) -> f64 {
        ratio(self.cost.ns(doing), self.total_ns())
    }

    /// The share (0 to 1) of the elapsed time before the first Python frame.
    pub fn startup_share(&self) -> f64 {
        ratio(self.startup_ns, self.total_ns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState::{Blocked, GilWait, Lock, Python, Sleep};

    fn split(profile: &Profile) -> Split {
        Split::of(profile, &Elapsed::of(profile))
    }

    fn percent(split: &Split, doing: Doing) -> i64 {
        (split.share(doing) * 100.0).round() as i64
    }

    /// A main thread that joins four workers contending for the GIL.
    fn contended() -> Sketch {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        s.spend(
            main,
            Lock,
            4000,
            "<module> app.py:9; join lib/threading.py:5",
        );
        for n in 1..=4 {
            let worker = s.thread(&format!("worker-{n}"));
            s.spend(worker, Python, 1000, "work app.py:3");
            s.spend(worker, GilWait, 3000, "work app.py:3");
        }
        s
    }

    #[test]
    fn a_main_thread_in_join_is_what_its_workers_are() {
        let split = split(&contended().finish());
        assert_eq!(percent(&split, Doing::Python), 25);
        assert_eq!(percent(&split, Doing::GilWait), 75);
        assert_eq!(percent(&split, Doing::Waiting), 0);
        assert_eq!(split.basis, Basis::Totals);
    }

    #[test]
    fn a_main_thread_that_sleeps_before_it_joins_is_still_asleep() {
        let mut s = contended();
        s.spend(s.main(), Sleep, 1000, "nap app.py:5");
        let split = split(&s.finish());
        assert_eq!(percent(&split, Doing::Waiting), 20);
        assert_eq!(split.waited_for[0].0.state, Sleep);
    }

    #[test]
    fn service_threads_do_not_drown_the_split() {
        let mut s = contended();
        for n in 0..50 {
            let idle = s.thread(&format!("idle-{n}"));
            s.spend(idle, Sleep, 4000, "beat app.py:7");
            let idle = s.thread(&format!("queue-{n}"));
            s.spend(idle, Lock, 4000, "get lib/queue.py:1");
        }
        let split = split(&s.finish());
        assert_eq!(percent(&split, Doing::Waiting), 0);
    }

    #[test]
    fn a_run_whose_threads_all_wait_waits_for_what_the_workers_wait_for() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        s.spend(main, Lock, 1000, "<module> app.py:9");
        let worker = s.thread("worker");
        s.spend(worker, Python, 100, "fetch app.py:3");
        let wait = s.wait("recvfrom", "tcp 10.0.0.1:80");
        s.spend_waiting(worker, Blocked, wait, 900, "fetch app.py:4");
        let split = split(&s.finish());
        assert_eq!(percent(&split, Doing::Python), 10);
        assert_eq!(percent(&split, Doing::Waiting), 90);
        assert_eq!(split.waited_for[0].0.syscall, "recvfrom");
    }

    #[test]
    fn processes_at_work_side_by_side_count_once() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        let wait = s.wait("wait4", "");
        s.spend_waiting(main, Blocked, wait, 1000, "<module> app.py:9");
        for _ in 0..3 {
            let child = s.process("app.py");
            s.spend(child, Python, 1000, "work app.py:3");
        }
        let split = split(&s.finish());
        assert_eq!(percent(&split, Doing::Python), 100);
        assert!((split.total_ns() - 1e9).abs() < 1.0);
    }

    #[test]
    fn programs_one_after_the_other_all_count() {
        let mut s = Sketch::new("sh run.sh");
        let first = s.main();
        s.spend(first, Python, 1000, "<module> a.py:1");
        let second = s.process("python b.py");
        s.start(second, 1000);
        s.spend(second, Sleep, 1000, "<module> b.py:1");
        let split = split(&s.finish());
        assert_eq!(percent(&split, Doing::Python), 50);
        assert_eq!(percent(&split, Doing::Waiting), 50);
    }

    #[test]
    fn totals_and_moments_tell_the_same_of_alternating_threads() {
        // Two seconds alone, then two seconds of four threads taking turns at the GIL.
        let mut s = Sketch::new("app.py").keeping_moments();
        let main = s.main();
        let workers: Vec<_> = (0..3).map(|n| s.thread(&format!("w{n}"))).collect();
        s.spend(main, Python, 2000, "<module> app.py:1");
        for &worker in &workers {
            s.start(worker, 2000);
        }
        for tick in 0..2000 {
            for (n, &thread) in [main].iter().chain(&workers).enumerate() {
                let state = if tick % 4 == n { Python } else { GilWait };
                s.spend(thread, state, 1, "work app.py:3");
            }
        }
        let swept = s.finish();
        let mut totals = swept.clone();
        totals.series.moments.clear();
        for profile in [swept, totals] {
            let split = split(&profile);
            assert_eq!(percent(&split, Doing::Python), 63, "{:?}", split.basis);
            assert_eq!(percent(&split, Doing::GilWait), 38, "{:?}", split.basis);
        }
    }

    #[test]
    fn startup_is_not_counted_twice() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        s.startup(200);
        s.spend_unread(main, 200);
        s.spend(main, Python, 800, "<module> app.py:1");
        let profile = s.finish_after(1000);
        let split = split(&profile);
        assert_eq!(split.total_ns(), 1e9);
        assert_eq!(split.startup_share(), 0.2);
        assert_eq!(percent(&split, Doing::Unknown), 0);
    }
}
