//! What must be known of a trace before its tables are read: how much was counted, what tracing
//! itself took, and what was lost.

use crate::cost::ratio;
use crate::verdict::{Run, run};
use pitstop_model::{FileKind, Profile, ThreadId};
use rustc_hash::FxHashSet;

/// The part of the time that tracing took from which on short functions are not to be trusted:
/// what was taken off their times is more than a correction.
const MUCH: f64 = 0.3;

/// A trace in a few numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSummary {
    /// What ran.
    pub run: Run,
    /// Threads that made calls.
    pub threads: usize,
    /// Processes that made calls.
    pub processes: usize,
    /// Functions that were called, those without Python code included.
    pub functions: usize,
    /// Calls; a generator or coroutine counts once.
    pub calls: u64,
    /// Calls of functions without Python code, which are among them.
    pub native_calls: u64,
    /// Resumptions of generators and coroutines.
    pub resumptions: u64,
    /// Calls that ended with an exception.
    pub raised: u64,
    /// Own time of all functions in all threads, in nanoseconds.
    pub self_ns: u64,
    /// What tracing took and was taken off it, in nanoseconds.
    pub correction_ns: u64,
    /// Time that generators and coroutines waited, in nanoseconds; not part of the own time.
    pub waited_ns: u64,
    /// Calls that found no room.
    pub lost_calls: u64,
    /// Single calls whose time was kept.
    pub spans: usize,
    /// Single calls whose time was to be kept and found no room.
    pub lost_spans: u64,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
}

impl TraceSummary {
    /// Sums up a trace.
    pub fn of(profile: &Profile) -> Self {
        Self::of_thread(profile, None)
    }

    /// Sums up a trace; what was counted of one thread only, if one is given.
    pub fn of_thread(profile: &Profile, thread: Option<ThreadId>) -> Self {
        let mut summary = Self {
            run: run(profile),
            threads: 0,
            processes: 0,
            functions: 0,
            calls: 0,
            native_calls: 0,
            resumptions: 0,
            raised: 0,
            self_ns: 0,
            correction_ns: 0,
            waited_ns: 0,
            lost_calls: profile.calls.lost,
            spans: profile.spans.spans.len(),
            lost_spans: profile.spans.lost,
            notes: profile.meta.notes.clone(),
        };
        let mut threads = FxHashSet::default();
        let mut functions = FxHashSet::default();
        let calls = profile.calls.iter();
        for (path, cost) in calls.filter(|(path, _)| thread.is_none_or(|only| only == path.thread))
        {
            let function = profile.places.leaf_function(path.stack);
            let file = profile.places.function(function).file;
            threads.insert(path.thread);
            functions.insert(function);
            summary.calls += cost.calls;
            if profile.places.file(file).kind == FileKind::Native {
                summary.native_calls += cost.calls;
            }
            summary.resumptions += cost.resumptions;
            summary.raised += cost.raised;
            summary.self_ns += cost.self_ns;
            summary.correction_ns += cost.raw_self_ns.saturating_sub(cost.self_ns);
            summary.waited_ns += cost.waited_ns;
        }
        summary.threads = threads.len();
        let processes = threads
            .iter()
            .map(|&id| profile.timeline.thread(id).process);
        summary.processes = processes.collect::<FxHashSet<_>>().len();
        summary.functions = functions.len();
        summary
    }

    /// The part (0 to 1) of the time the clock showed that tracing took.
    pub fn correction_share(&self) -> f64 {
        let raw_ns = self.self_ns as f64 + self.correction_ns as f64;
        ratio(self.correction_ns as f64, raw_ns)
    }

    /// True where so much was taken off that times of short functions are estimates.
    pub fn is_much_corrected(&self) -> bool {
        self.correction_share() > MUCH
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;

    #[test]
    fn calls_threads_and_what_tracing_took_are_summed_up() {
        let mut s = Sketch::new("app.py");
        s.traced();
        let (main, worker) = (s.main(), s.thread("worker"));
        s.thread("idle");
        s.call(main, 1, 100, "<module> app.py:0");
        s.call(
            main,
            100,
            1,
            "<module> app.py:3; <built-in method builtins.len> ~:0",
        );
        s.call(worker, 1, 100, "run app.py:0");
        s.profile().calls.lost = 3;
        let profile = s.finish();
        let of_worker = TraceSummary::of_thread(&profile, Some(worker));
        assert_eq!((of_worker.threads, of_worker.calls), (1, 1));
        let summary = TraceSummary::of(&profile);
        assert_eq!(
            (summary.threads, summary.processes, summary.functions),
            (2, 1, 3)
        );
        assert_eq!((summary.calls, summary.native_calls), (102, 100));
        assert_eq!((summary.self_ns, summary.correction_ns), (300_000, 2040));
        assert_eq!(summary.lost_calls, 3);
        assert!(!summary.is_much_corrected());
    }
}
