//! Estimates from totals how the elapsed time would be shared out.
//!
//! Without moments it is unknown which times overlapped, but much is known. The leader was sampled
//! all the time, so its own total is the elapsed time; and of the threads of a process only one
//! holds the GIL at any instant, so their GIL times never overlap, and while the leader waits for
//! the GIL one of the others has it. With
//!
//! ```text
//! N  the leader ready to run       g  of that, waiting for the GIL
//! W  the leader waiting            H  the others of its process holding the GIL
//! ```
//!
//! the others hold the GIL for g during N and for H - g during W. What other processes and native
//! code without the GIL did is laid into W first, since parents wait for their children; and within
//! W into the time the leader waited for others before the time it waited for things of its own.
//! Times of independent others are joined as if by chance: 1 - (1-a)(1-b).
//!
//! Within N, let Q be the ready time of the others. They contend with the leader for a time C of
//! which the leader, getting its fair part, waits g = C·Q/(C+Q); so C = g·Q/(Q-g).

use crate::cost::ratio;
use crate::elapsed::{Claim, claims};
use crate::leaders::Leaders;
use pitstop_model::{Id, ProcessId, Profile, Row, ThreadId, ThreadState};
use std::collections::BTreeMap;

/// The elapsed time of each row, in nanoseconds.
pub(crate) fn by_row(profile: &Profile, leaders: &Leaders) -> Vec<f64> {
    let claims = claims(profile, leaders);
    let mut groups: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
    for (index, (row, _, ns)) in profile.series.iter().enumerate() {
        let Some(leader) = leaders.leader_of(row.thread) else {
            continue;
        };
        groups.entry(leader.index()).or_default().push(Entry {
            index,
            row,
            process: profile.timeline.thread(row.thread).process,
            claim: claims[index],
            ns: ns as f64,
        });
    }
    let mut by_row_ns = vec![0.0; profile.series.len()];
    for (leader, entries) in groups {
        let leader = ThreadId::from_index(leader);
        let process = profile.timeline.thread(leader).process;
        let group = Group {
            leader,
            process,
            entries,
        };
        group.share_out(&mut by_row_ns);
    }
    by_row_ns
}

/// A row of the series with what the estimate needs to know of it.
struct Entry {
    index: usize,
    row: Row,
    process: ProcessId,
    claim: Claim,
    ns: f64,
}

/// A leader and the threads that accompany it.
struct Group {
    leader: ThreadId,
    process: ProcessId,
    entries: Vec<Entry>,
}

/// What cannot run twice at the same time: the holders of one GIL, or one thread outside any GIL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Gil(usize),
    Thread(usize),
}

impl Unit {
    fn of(entry: &Entry) -> Self {
        match entry.row.state {
            ThreadState::NativeWithoutGil | ThreadState::WaitingForCpu => {
                Self::Thread(entry.row.thread.index())
            }
            _ => Self::Gil(entry.process.index()),
        }
    }
}

impl Group {
    fn share_out(&self, by_row_ns: &mut [f64]) {
        let ready_ns = self.leader_ns(|e| e.claim == Claim::Ready);
        let gil_wait_ns = self.leader_ns(|e| e.row.state == ThreadState::GilWait);
        let waiting_ns = self.leader_ns(|e| e.claim != Claim::Ready);

        let units = self.busy_units();
        let in_wait = |entry: &Entry| {
            let unit = Unit::of(entry);
            let busy_ns = units.get(&unit).copied().unwrap_or(0.0);
            self.part_in_wait(unit, busy_ns, gil_wait_ns, waiting_ns)
        };

        // While the leader is ready.
        let rivals_ns = self.others_ns(|e| e.ns * (1.0 - in_wait(e)));
        let contended_ns = self.contended_ns(ready_ns, gil_wait_ns, rivals_ns, &in_wait);
        let each = if rivals_ns > 0.0 {
            contended_ns / (contended_ns + rivals_ns)
        } else {
            1.0
        };
        let contended = ratio(contended_ns - gil_wait_ns, ready_ns - gil_wait_ns);

        // While the leader waits: what the others did goes first into waiting for others.
        let filling_ns = self.others_ns(|e| e.ns * in_wait(e));
        let deferred_ns = self.claimed_ns(Claim::LeaderWaitsForOthers);
        let own_wait_ns = waiting_ns - deferred_ns;
        let helped: Vec<f64> = units
            .iter()
            .map(|(&unit, &busy_ns)| {
                busy_ns * self.part_in_wait(unit, busy_ns, gil_wait_ns, waiting_ns)
            })
            .collect();
        let busy_deferred = joined(helped.iter().map(|&ns| ratio(ns, deferred_ns)));
        let busy_own = joined(
            helped
                .iter()
                .map(|&ns| ratio((ns - deferred_ns).max(0.0), own_wait_ns)),
        );
        let busy_ns = busy_deferred * deferred_ns + busy_own * own_wait_ns;
        let idle_deferred = 1.0 - busy_deferred;
        let (waiter, passed_on) = self.who_waits();
        let waiters_ns = self.claimed_ns(waiter);

        for entry in &self.entries {
            let part = match entry.claim {
                Claim::Ready if entry.row.thread != self.leader => {
                    let filled = ratio(busy_ns, filling_ns);
                    (1.0 - in_wait(entry)) * each + in_wait(entry) * filled
                }
                Claim::Ready if entry.row.state == ThreadState::GilWait => each,
                Claim::Ready => contended * each + (1.0 - contended),
                Claim::LeaderWaits => 1.0 - busy_own,
                Claim::LeaderWaitsForOthers => idle_deferred * (1.0 - passed_on),
                claim if claim == waiter => {
                    ratio(idle_deferred * passed_on * deferred_ns, waiters_ns)
                }
                // The leader was sampled all the time: nothing is left for the rest.
                _ => 0.0,
            };
            by_row_ns[entry.index] += entry.ns * part;
        }
    }

    fn leader_ns(&self, which: impl Fn(&Entry) -> bool) -> f64 {
        let own = self.entries.iter().filter(|e| e.row.thread == self.leader);
        own.filter(|e| which(e)).map(|e| e.ns).sum()
    }

    /// The sum of `value` over what the other threads were ready to do.
    fn others_ns(&self, value: impl Fn(&Entry) -> f64) -> f64 {
        let others = self.entries.iter().filter(|e| e.row.thread != self.leader);
        others.filter(|e| e.claim == Claim::Ready).map(value).sum()
    }

    fn claimed_ns(&self, claim: Claim) -> f64 {
        let claimed = self.entries.iter().filter(|e| e.claim == claim);
        claimed.map(|e| e.ns).sum()
    }

    /// How long each unit of the others was busy. Waiting for a GIL makes no unit busy: its holder
    /// is.
    fn busy_units(&self) -> BTreeMap<Unit, f64> {
        let mut units = BTreeMap::new();
        for entry in &self.entries {
            let busy = entry.claim == Claim::Ready && entry.row.state != ThreadState::GilWait;
            if busy && entry.row.thread != self.leader {
                *units.entry(Unit::of(entry)).or_insert(0.0) += entry.ns;
            }
        }
        units
    }

    /// The part of a unit's time that fell into the leader's waiting.
    fn part_in_wait(&self, unit: Unit, busy_ns: f64, gil_wait_ns: f64, waiting_ns: f64) -> f64 {
        if waiting_ns <= 0.0 {
            0.0
        } else if unit == Unit::Gil(self.process.index()) {
            1.0 - ratio(gil_wait_ns, busy_ns).min(1.0)
        } else if busy_ns > waiting_ns {
            waiting_ns / busy_ns
        } else {
            1.0
        }
    }

    /// How long the leader shared its readiness with others (C in the module's text).
    fn contended_ns(
        &self,
        ready_ns: f64,
        gil_wait_ns: f64,
        rivals_ns: f64,
        in_wait: &impl Fn(&Entry) -> f64,
    ) -> f64 {
        let own_gil = Unit::Gil(self.process.index());
        let rivals_for_gil_ns = self.others_ns(|e| {
            if Unit::of(e) == own_gil {
                e.ns * (1.0 - in_wait(e))
            } else {
                0.0
            }
        });
        let beside_ns = rivals_ns - rivals_for_gil_ns;
        let for_gil_ns = if gil_wait_ns <= 0.0 {
            0.0
        } else if rivals_for_gil_ns > gil_wait_ns {
            gil_wait_ns * rivals_for_gil_ns / (rivals_for_gil_ns - gil_wait_ns)
        } else {
            ready_ns
        };
        for_gil_ns
            .max(beside_ns.min(ready_ns))
            .min(ready_ns)
            .max(gil_wait_ns)
    }

    /// Which others the leader waited for when it waited for others, and for what part of that
    /// time they were themselves seen waiting.
    fn who_waits(&self) -> (Claim, f64) {
        let deferred_ns = self.claimed_ns(Claim::LeaderWaitsForOthers);
        let waiter = if self.claimed_ns(Claim::WorkerWaits) > 0.0 {
            Claim::WorkerWaits
        } else {
            Claim::IdlerWaits
        };
        let mut by_thread: BTreeMap<usize, f64> = BTreeMap::new();
        for entry in self.entries.iter().filter(|e| e.claim == waiter) {
            *by_thread.entry(entry.row.thread.index()).or_default() += entry.ns;
        }
        let part = joined(by_thread.values().map(|&ns| ratio(ns, deferred_ns)));
        (waiter, part)
    }
}

/// The part of a time covered by independent parts of it.
fn joined(parts: impl Iterator<Item = f64>) -> f64 {
    1.0 - parts
        .map(|part| 1.0 - part.clamp(0.0, 1.0))
        .product::<f64>()
}
