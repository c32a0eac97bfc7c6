//! The beginning and the end of interpreters: what main threads spent before the first Python code
//! that was seen in them, and after the last.
//!
//! A short program spends a good part of its time there, importing `site` in C and tearing down
//! modules, and a stack that is empty for that reason is nothing to wonder about. It takes the
//! order in time to tell; where a profile has only totals, nothing is told.

use pitstop_model::{Id, Profile, Reason, RowId, Thread, ThreadId, Verdict};
use rustc_hash::FxHashMap;

/// Something attached to or started within this time from the start of a recording may have begun
/// long before: looking for processes takes as long.
const BORN_HERE_NS: u64 = 100_000_000;

/// The part of an interpreter's life in which it runs no Python code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before its first Python code.
    Starting,
    /// After its last.
    Ending,
}

/// Samples and nanoseconds of rows without a stack, by row.
type Parts = FxHashMap<RowId, (u64, u64)>;

/// How much of each row was spent while its interpreter was starting, or ending.
#[derive(Debug, Default)]
pub(crate) struct Lifespans {
    starting: Parts,
    ending: Parts,
}

/// A main thread while its samples are walked through.
#[derive(Default)]
struct Walk {
    has_run: bool,
    /// Samples without a stack since the last one with a stack.
    stackless: Vec<(RowId, u64)>,
}

impl Lifespans {
    /// Looks through the samples of a profile in their order.
    pub(crate) fn of(profile: &Profile) -> Self {
        let mut spans = Self::default();
        let mut walks: FxHashMap<ThreadId, Walk> = FxHashMap::default();
        for moment in &profile.series.moments {
            let row = profile.series.row(moment.row);
            let thread = profile.timeline.thread(row.thread);
            if !thread.is_main {
                continue;
            }
            let walk = walks.entry(row.thread).or_default();
            if row.stack.is_some() {
                if !walk.has_run && was_born_here(profile, thread) {
                    add(&mut spans.starting, &walk.stackless);
                }
                walk.has_run = true;
                walk.stackless.clear();
            } else if is_without_python(row.verdict) {
                walk.stackless.push((moment.row, moment.weight_ns));
            }
        }
        for (thread, walk) in walks {
            if walk.has_run && has_ended(profile, profile.timeline.thread(thread)) {
                add(&mut spans.ending, &walk.stackless);
            }
        }
        spans
    }

    /// The samples and nanoseconds of a row in a phase.
    pub(crate) fn part(&self, row: RowId, phase: Phase) -> (u64, u64) {
        let parts = match phase {
            Phase::Starting => &self.starting,
            Phase::Ending => &self.ending,
        };
        parts.get(&row).copied().unwrap_or_default()
    }
}

fn add(parts: &mut Parts, stackless: &[(RowId, u64)]) {
    for &(row, ns) in stackless {
        let (samples, sum) = parts.entry(row).or_default();
        *samples += 1;
        *sum += ns;
    }
}

/// True for a sample that shows that there was no stack, or no interpreter to have one; not for
/// one that failed to show the stack there was.
fn is_without_python(verdict: Verdict) -> bool {
    verdict.is_trusted() || matches!(verdict, Verdict::Failed(Reason::NotReady | Reason::Gone))
}

fn was_born_here(profile: &Profile, thread: &Thread) -> bool {
    let is_launched = !profile.meta.command.is_empty();
    is_launched || profile.timeline.process(thread.process).start_ns > BORN_HERE_NS
}

fn has_ended(profile: &Profile, thread: &Thread) -> bool {
    let meta = &profile.meta;
    if thread.process.index() == 0 {
        return meta.exit.is_some() || !meta.interrupted;
    }
    // What still lives at the end of the recording is closed then.
    let process = profile.timeline.process(thread.process);
    process.exit.is_some()
        || process
            .end_ns
            .is_some_and(|end_ns| end_ns < meta.duration_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState::{NativeWithGil, Python};

    /// Milliseconds without a stack at either end.
    fn ends(profile: &Profile) -> (u64, u64) {
        let spans = Lifespans::of(profile);
        let sum = |phase| {
            let rows = (0..profile.series.len()).map(RowId::from_index);
            rows.map(|row| spans.part(row, phase).1).sum::<u64>() / 1_000_000
        };
        (sum(Phase::Starting), sum(Phase::Ending))
    }

    fn program() -> Sketch {
        let mut s = Sketch::new("app.py").keeping_moments();
        let main = s.main();
        s.spend(main, NativeWithGil, 20, "");
        s.spend(main, Python, 50, "<module> app.py:1");
        s.spend(main, NativeWithGil, 7, "");
        s.spend(main, Python, 50, "<module> app.py:2");
        s.spend(main, NativeWithGil, 30, "");
        s
    }

    #[test]
    fn time_before_the_first_stack_is_the_start_and_after_the_last_the_end() {
        assert_eq!(ends(&program().finish()), (20, 30));
    }

    #[test]
    fn without_the_order_in_time_nothing_is_told() {
        let mut profile = program().finish();
        profile.series.moments.clear();
        assert_eq!(ends(&profile), (0, 0));
    }

    #[test]
    fn a_program_that_ran_before_and_after_neither_starts_nor_ends() {
        let mut profile = program().finish();
        profile.meta.command.clear();
        profile.meta.exit = None;
        profile.meta.interrupted = true;
        assert_eq!(ends(&profile), (0, 0));
    }

    #[test]
    fn a_stack_that_could_not_be_read_is_no_end() {
        let mut s = program();
        s.spend_failed(s.main(), Reason::Moved, 9);
        assert_eq!(ends(&s.finish()), (20, 30));
        let mut s = Sketch::new("app.py").keeping_moments();
        s.spend(s.main(), NativeWithGil, 40, "");
        assert_eq!(ends(&s.finish()), (0, 0), "nothing to begin or to end");
    }
}
