//! Who speaks for the run: the main threads whose lives, end to end, cover it.
//!
//! Most runs have one leader, the main thread of the root process. A shell script that starts one
//! Python after the other has several; a pool of worker processes still has one, its parent.

use pitstop_model::{Id, Profile, ThreadId};

/// The part of a main thread's life that may overlap another leader's before it is a companion.
/// Pure judgement: programs that run one after the other do not overlap at all.
const OVERLAP: f64 = 0.1;

/// The leaders of a run, and which of them each thread accompanies.
pub(crate) struct Leaders {
    of_thread: Vec<Option<ThreadId>>,
}

impl Leaders {
    /// Chooses leaders, longest sampled time first.
    pub(crate) fn of(profile: &Profile) -> Self {
        let threads = &profile.timeline.threads;
        let sampled_ns = sampled_ns(profile);
        let mut candidates: Vec<ThreadId> = (0..threads.len())
            .map(ThreadId::from_index)
            .filter(|id| sampled_ns[id.index()] > 0)
            .collect();
        // Main threads before others, then by time; ties keep the order they were seen in.
        candidates.sort_by_key(|id| {
            let main_first = !threads[id.index()].is_main;
            (main_first, std::cmp::Reverse(sampled_ns[id.index()]))
        });
        let mut leaders: Vec<ThreadId> = Vec::new();
        for &candidate in &candidates {
            let main = threads[candidate.index()].is_main;
            let apart = leaders.iter().all(|&leader| {
                overlap_ns(profile, candidate, leader) < OVERLAP * life_ns(profile, candidate)
            });
            if leaders.is_empty() || (main && apart) {
                leaders.push(candidate);
            }
        }
        let of_thread = (0..threads.len())
            .map(|index| {
                let thread = ThreadId::from_index(index);
                nearest(profile, thread, &leaders)
            })
            .collect();
        Self { of_thread }
    }

    /// True for a leader.
    pub(crate) fn is_leader(&self, thread: ThreadId) -> bool {
        self.leader_of(thread) == Some(thread)
    }

    /// The leader that a thread accompanies (itself for a leader); `None` without samples.
    pub(crate) fn leader_of(&self, thread: ThreadId) -> Option<ThreadId> {
        self.of_thread.get(thread.index()).copied().flatten()
    }
}

fn sampled_ns(profile: &Profile) -> Vec<u64> {
    let mut sampled = vec![0; profile.timeline.threads.len()];
    for (row, _, ns) in profile.series.iter() {
        sampled[row.thread.index()] += ns;
    }
    sampled
}

/// A thread's own leader: itself, or the one whose life overlaps its own the most.
fn nearest(profile: &Profile, thread: ThreadId, leaders: &[ThreadId]) -> Option<ThreadId> {
    if leaders.contains(&thread) {
        return Some(thread);
    }
    let mut best = *leaders.first()?;
    for &leader in leaders {
        if overlap_ns(profile, thread, leader) > overlap_ns(profile, thread, best) {
            best = leader;
        }
    }
    Some(best)
}

fn life_ns(profile: &Profile, thread: ThreadId) -> f64 {
    let thread = profile.timeline.thread(thread);
    thread.end_ns.saturating_sub(thread.start_ns).max(1) as f64
}

fn overlap_ns(profile: &Profile, a: ThreadId, b: ThreadId) -> f64 {
    let (a, b) = (profile.timeline.thread(a), profile.timeline.thread(b));
    let start = a.start_ns.max(b.start_ns);
    a.end_ns.min(b.end_ns).saturating_sub(start) as f64
}
