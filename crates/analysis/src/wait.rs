//! What the run waited for, and at which lines.

use crate::elapsed::{Elapsed, is_child_wait};
use crate::fold::Charged;
use crate::place::Place;
use pitstop_model::{Descriptor, FrameId, Id, Profile, Row, ThreadId, ThreadState};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// What a thread waits for. Two waits on the same thing through different descriptors are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WaitFor {
    /// How it waits: for a lock, blocked in a system call, or asleep.
    pub state: ThreadState,
    /// The system call's name; empty when unknown.
    pub syscall: String,
    /// What the descriptor is open on.
    pub descriptor: Descriptor,
    /// The descriptor's name: a path, `tcp 127.0.0.1:5432`; may be empty.
    pub name: String,
}

impl WaitFor {
    /// True for a wait that ends when a child process ends.
    pub fn is_for_child(&self) -> bool {
        self.state == ThreadState::Blocked && is_child_wait(&self.syscall)
    }

    fn key(&self) -> (ThreadState, &str, u8, &str) {
        let Self {
            state,
            syscall,
            descriptor,
            name,
        } = self;
        (*state, syscall, *descriptor as u8, name)
    }
}

impl PartialOrd for WaitFor {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WaitFor {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// What a waiting row waits for. How locks and the clock are waited for is no news, so only
/// blocking system calls carry names.
pub(crate) fn what_for(profile: &Profile, row: &Row) -> WaitFor {
    let blocked_on = row.wait.filter(|_| row.state == ThreadState::Blocked);
    match blocked_on.map(|wait| profile.waits[wait.index()]) {
        Some(wait) => WaitFor {
            state: row.state,
            syscall: profile.text(wait.syscall).to_owned(),
            descriptor: wait.descriptor,
            name: profile.text(wait.name).to_owned(),
        },
        None => WaitFor {
            state: row.state,
            syscall: String::new(),
            descriptor: Descriptor::None,
            name: String::new(),
        },
    }
}

/// A line that waits for one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitPlace {
    /// The line, with library code counted where it was called; `None` without a Python stack.
    pub place: Option<Place>,
    /// What it waits for.
    pub what: WaitFor,
    /// Its part of the elapsed time, in nanoseconds.
    pub ns: f64,
    /// Its share (0 to 1) of the elapsed time.
    pub share: f64,
    /// The number of samples.
    pub samples: u64,
    /// The number of threads that were seen in it.
    pub threads: usize,
}

/// All waiting of the run by line and by what it was for, longest first.
pub fn waits(profile: &Profile, elapsed: &Elapsed) -> Vec<WaitPlace> {
    #[derive(Default)]
    struct Sum {
        ns: f64,
        samples: u64,
        threads: BTreeSet<ThreadId>,
    }
    let charged = Charged::of(profile, true);
    let mut sums: FxHashMap<(Option<FrameId>, WaitFor), Sum> = FxHashMap::default();
    for (row, count, ns) in elapsed.rows(profile) {
        if !row.state.is_waiting() || ns <= 0.0 {
            continue;
        }
        let frame = row.stack.map(|stack| charged.frame(stack));
        let sum = sums.entry((frame, what_for(profile, &row))).or_default();
        sum.ns += ns;
        sum.samples += count;
        sum.threads.insert(row.thread);
    }
    let total_ns = elapsed.total_ns();
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by(|((frame_a, what_a), a), ((frame_b, what_b), b)| {
        b.ns.total_cmp(&a.ns)
            .then_with(|| (frame_a, what_a).cmp(&(frame_b, what_b)))
    });
    sums.into_iter()
        .map(|((frame, what), sum)| WaitPlace {
            place: frame.map(|frame| Place::of_frame(profile, frame)),
            what,
            ns: sum.ns,
            share: sum.ns / total_ns,
            samples: sum.samples,
            threads: sum.threads.len(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState::{Blocked, Python, Sleep};

    #[test]
    fn waits_are_charged_to_the_users_line_and_joined_over_descriptors() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        for fd in [3, 4] {
            let wait = s.wait_on("recvfrom", fd, "tcp 10.0.0.1:80");
            let stack = "fetch app.py:4; get site-packages/requests/api.py:7";
            s.spend_waiting(main, Blocked, wait, 300, stack);
        }
        s.spend(main, Sleep, 100, "nap app.py:9");
        s.spend(main, Python, 300, "<module> app.py:1");
        let profile = s.finish();
        let waits = waits(&profile, &Elapsed::of(&profile));
        assert_eq!(waits.len(), 2);
        assert_eq!(waits[0].place.as_ref().unwrap().short(), "app.py:4");
        assert_eq!(waits[0].what.name, "tcp 10.0.0.1:80");
        assert!((waits[0].share - 0.6).abs() < 1e-9);
        assert_eq!(waits[1].what.state, Sleep);
    }
}
