//! What each thread did with its own time.

use crate::cost::{Cost, Doing, ratio};
use pitstop_model::{Id, Profile, ThreadId};

/// The part of its time from which on a thread that is not a main thread counts as idle: it only
/// waited.
const IDLE: f64 = 0.99;

/// One thread with its totals.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadTotals {
    /// The thread.
    pub id: ThreadId,
    /// Its name.
    pub name: String,
    /// The operating system's thread id.
    pub tid: u32,
    /// The process it belongs to.
    pub pid: u32,
    /// True for the thread that started its process.
    pub is_main: bool,
    /// Its own time. Threads run side by side: these add up to more than the elapsed time.
    pub cost: Cost,
}

impl ThreadTotals {
    /// True for a thread that did nothing but wait.
    pub fn is_idle(&self) -> bool {
        !self.is_main && self.cost.part(Doing::Waiting) >= IDLE
    }

    /// The part of the time it was ready to run Python for which it waited for the GIL.
    pub fn gil_wait_part(&self) -> f64 {
        ratio(self.cost.ns(Doing::GilWait), self.ready_for_gil_ns())
    }

    /// The time it held the GIL or waited for it, in nanoseconds.
    pub fn ready_for_gil_ns(&self) -> f64 {
        use pitstop_model::ThreadState;
        ThreadState::ALL
            .into_iter()
            .filter(|&state| state.holds_gil() || state == ThreadState::GilWait)
            .map(|state| self.cost.state_ns(state))
            .sum()
    }
}

/// All threads that were sampled: main threads first, then the busiest, the idle ones last.
pub fn threads(profile: &Profile) -> Vec<ThreadTotals> {
    let mut costs = vec![Cost::default(); profile.timeline.threads.len()];
    for (row, count, ns) in profile.series.iter() {
        costs[row.thread.index()].add(row.state, ns as f64, count);
    }
    let mut all: Vec<ThreadTotals> = profile
        .timeline
        .threads
        .iter()
        .zip(costs)
        .enumerate()
        .filter(|(_, (_, cost))| cost.samples > 0)
        .map(|(index, (thread, cost))| ThreadTotals {
            id: ThreadId::from_index(index),
            name: profile.text(thread.name).to_owned(),
            tid: thread.tid,
            pid: profile.timeline.process(thread.process).pid,
            is_main: thread.is_main,
            cost,
        })
        .collect();
    let active_ns = |t: &ThreadTotals| t.cost.total_ns() - t.cost.ns(Doing::Waiting);
    all.sort_by(|a, b| {
        let class = |t: &ThreadTotals| (t.is_idle(), !t.is_main);
        class(a)
            .cmp(&class(b))
            .then(active_ns(b).total_cmp(&active_ns(a)))
    });
    all
}
