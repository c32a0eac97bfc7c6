//! The Profile itself, and the laws that hold between its tables.

use crate::arguments::Arguments;
use crate::blocking::EventLoops;
use crate::calls::{CallCost, Calls};
use crate::id::Id;
use crate::lines::{LineCost, LineTimes};
use crate::meta::Meta;
use crate::places::Places;
use crate::queries::Queries;
use crate::series::Series;
use crate::source::Sources;
use crate::spans::Spans;
use crate::state::Wait;
use crate::strings::Strings;
use crate::timeline::Timeline;
use crate::trials::{Batch, Trials};
use crate::{StackId, StringId, ThreadId, WaitId};
use std::fmt;

/// Everything one recording found out.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Interned text.
    pub strings: Strings,
    /// Files, functions, frames, stacks.
    pub places: Places,
    /// What blocked threads waited for.
    pub waits: Vec<Wait>,
    /// The samples.
    pub series: Series,
    /// Every call of a traced program, by path. The rows of the series hold the same times.
    pub calls: Calls,
    /// The lines of chosen functions, counted and timed.
    pub line_times: LineTimes,
    /// Single calls in time, where a trace kept them.
    pub spans: Spans,
    /// What chosen functions were called with.
    pub arguments: Arguments,
    /// Statements given to databases.
    pub queries: Queries,
    /// What kept event loops waiting.
    pub loops: EventLoops,
    /// Processes, threads, curves.
    pub timeline: Timeline,
    /// Source text of the files that were hit.
    pub sources: Sources,
    /// What ran, how it was measured, what was lost.
    pub meta: Meta,
    /// Repeated measurements.
    pub trials: Trials,
}

/// A law of the model that a profile breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLaw {
    /// The table the offending entry is in.
    pub table: &'static str,
    /// Its position.
    pub index: usize,
    /// What is wrong with it.
    pub law: &'static str,
}

impl fmt::Display for BrokenLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.table, self.index, self.law)
    }
}

impl std::error::Error for BrokenLaw {}

impl Profile {
    /// Interns a wait. There are few distinct ones, so a scan is enough for cold paths.
    pub fn add_wait(&mut self, wait: Wait) -> WaitId {
        if let Some(index) = self.waits.iter().position(|known| *known == wait) {
            return WaitId::from_index(index);
        }
        self.waits.push(wait);
        WaitId::from_index(self.waits.len() - 1)
    }

    /// The text behind a handle.
    pub fn text(&self, id: StringId) -> &str {
        self.strings.get(id)
    }

    /// Checks every law: each handle points into its table, parents come before children.
    ///
    /// # Errors
    /// The first law that does not hold, with the entry that breaks it.
    pub fn check(&self) -> Result<(), BrokenLaw> {
        let broken = |table, index, law| Err(BrokenLaw { table, index, law });
        let text = |id: StringId| id.index() < self.strings.len();
        for (i, file) in self.places.files().iter().enumerate() {
            if !text(file.path) || !text(file.short) {
                return broken("files", i, "names a text that is not there");
            }
        }
        for (i, function) in self.places.functions().iter().enumerate() {
            if function.file.index() >= self.places.files().len() {
                return broken("functions", i, "names a file that is not there");
            }
            if !text(function.name) || !text(function.qualname) {
                return broken("functions", i, "names a text that is not there");
            }
        }
        for (i, frame) in self.places.frames().iter().enumerate() {
            if frame.function.index() >= self.places.functions().len() {
                return broken("frames", i, "names a function that is not there");
            }
        }
        for (i, stack) in self.places.stacks().iter().enumerate() {
            if stack.frame.index() >= self.places.frames().len() {
                return broken("stacks", i, "names a frame that is not there");
            }
            if stack.parent.is_some_and(|parent| parent.index() >= i) {
                return broken("stacks", i, "has a parent that does not come before it");
            }
        }
        for (i, wait) in self.waits.iter().enumerate() {
            if !text(wait.syscall) || !text(wait.name) {
                return broken("waits", i, "names a text that is not there");
            }
        }
        for (i, process) in self.timeline.processes.iter().enumerate() {
            if !text(process.command) || !text(process.python) {
                return broken("processes", i, "names a text that is not there");
            }
            if process.parent.is_some_and(|parent| parent.index() >= i) {
                return broken("processes", i, "has a parent that does not come before it");
            }
        }
        for (i, thread) in self.timeline.threads.iter().enumerate() {
            if thread.process.index() >= self.timeline.processes.len() || !text(thread.name) {
                return broken("threads", i, "names a process or text that is not there");
            }
        }
        for (i, row) in self.series.rows().iter().enumerate() {
            if row.thread.index() >= self.timeline.threads.len() {
                return broken("rows", i, "names a thread that is not there");
            }
            if row
                .stack
                .is_some_and(|stack| stack.index() >= self.places.stacks().len())
            {
                return broken("rows", i, "names a stack that is not there");
            }
            if row
                .wait
                .is_some_and(|wait| wait.index() >= self.waits.len())
            {
                return broken("rows", i, "names a wait that is not there");
            }
        }
        for (i, moment) in self.series.moments.iter().enumerate() {
            if moment.row.index() >= self.series.len() {
                return broken("moments", i, "names a row that is not there");
            }
        }
        for (file, _) in self.sources.iter() {
            if file.index() >= self.places.files().len() {
                return broken(
                    "sources",
                    file.index(),
                    "belongs to a file that is not there",
                );
            }
        }
        self.check_traced()?;
        crate::evidence::check(self)
    }

    /// The laws of what was traced: calls, lines, spans.
    fn check_traced(&self) -> Result<(), BrokenLaw> {
        let broken = |table, index, law| Err(BrokenLaw { table, index, law });
        let (threads, places) = (&self.timeline.threads, &self.places);
        let is_path = |thread: ThreadId, stack: StackId| {
            thread.index() < threads.len() && stack.index() < places.stacks().len()
        };
        for (i, path) in self.calls.paths().iter().enumerate() {
            if !is_path(path.thread, path.stack) {
                return broken("calls", i, "names a thread or stack that is not there");
            }
        }
        for (i, timed) in self.line_times.functions.iter().enumerate() {
            if timed.function.index() >= places.functions().len() {
                return broken("lines", i, "names a function that is not there");
            }
            if !timed.lines.is_sorted_by(|one, next| one.0 < next.0) {
                return broken("lines", i, "has lines out of order or twice");
            }
        }
        for (i, span) in self.spans.spans.iter().enumerate() {
            if !is_path(span.thread, span.stack) {
                return broken("spans", i, "names a thread or stack that is not there");
            }
            if span.start_ns.checked_add(span.duration_ns).is_none() {
                return broken("spans", i, "ends after the end of time");
            }
        }
        for (i, run) in self.trials.runs.iter().enumerate() {
            if run.benchmark as usize >= self.trials.benchmarks.len() {
                return broken("runs", i, "is of a benchmark that is not there");
            }
            if !run.batches.iter().all(Batch::is_possible) {
                return broken("runs", i, "has a batch that cannot be");
            }
        }
        self.check_sums()
    }

    /// The law that lets readers add up any costs without care: all of them together fit 64 bits.
    fn check_sums(&self) -> Result<(), BrokenLaw> {
        const LAW: &str = "adds up with those before it to more than 64 bits";
        let broken = |table, index| BrokenLaw {
            table,
            index,
            law: LAW,
        };
        let mut sums = [0; 5];
        for (i, (_, cost)) in self.calls.iter().enumerate() {
            let CallCost {
                calls,
                resumptions,
                raised,
                self_ns,
                raw_self_ns,
                waited_ns,
            } = cost;
            let begun = calls.checked_add(resumptions);
            let begun = begun.ok_or_else(|| broken("calls", i))?;
            add(&mut sums, [begun, raised, self_ns, raw_self_ns, waited_ns])
                .ok_or_else(|| broken("calls", i))?;
        }
        let mut sums = [0; 5];
        for (i, timed) in self.line_times.functions.iter().enumerate() {
            for (_, cost) in &timed.lines {
                let LineCost {
                    hits,
                    self_ns,
                    inclusive_ns,
                    waited_ns,
                } = *cost;
                add(&mut sums, [0, hits, self_ns, inclusive_ns, waited_ns])
                    .ok_or_else(|| broken("lines", i))?;
            }
            add(&mut sums, [timed.calls, 0, 0, 0, 0]).ok_or_else(|| broken("lines", i))?;
        }
        Ok(())
    }
}

/// Adds to each sum; `None` when one of them exceeds 64 bits.
fn add<const N: usize>(sums: &mut [u64; N], numbers: [u64; N]) -> Option<()> {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum = sum.checked_add(number)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        CallPath, File, FileKind, Frame, Function, FunctionId, Process, Span, Stack, Strings,
        Thread, TimedFunction,
    };

    /// A profile with one of everything that calls and lines point to.
    fn one_of_each() -> Profile {
        let mut profile = Profile::default();
        let file = profile.places.add_file(File {
            path: Strings::EMPTY,
            short: Strings::EMPTY,
            kind: FileKind::Native,
        });
        let function = profile.places.add_function(Function {
            name: Strings::EMPTY,
            qualname: Strings::EMPTY,
            file,
            first_line: 0,
        });
        let frame = profile.places.add_frame(Frame { function, line: 0 });
        let parent = None;
        let stack = profile.places.add_stack(Stack { parent, frame });
        let process = profile.timeline.add_process(Process {
            pid: 1,
            parent: None,
            command: Strings::EMPTY,
            python: Strings::EMPTY,
            start_ns: 0,
            end_ns: None,
            exit: None,
        });
        let thread = profile.timeline.add_thread(Thread {
            process,
            tid: 1,
            name: Strings::EMPTY,
            is_main: true,
            start_ns: 0,
            end_ns: 0,
        });
        profile.calls.intern(CallPath { thread, stack });
        profile
    }

    #[test]
    fn a_broken_law_of_calls_lines_and_spans_is_named() {
        let (thread, stack) = (ThreadId(0), StackId(0));
        let law_after = |break_it: fn(&mut Profile, ThreadId, StackId)| {
            let mut profile = one_of_each();
            break_it(&mut profile, thread, stack);
            profile.check().expect_err("a law is broken").to_string()
        };
        assert_eq!(one_of_each().check(), Ok(()));
        assert_eq!(
            law_after(|profile, thread, _| {
                let stack = StackId(1);
                profile.calls.intern(CallPath { thread, stack });
            }),
            "calls[1]: names a thread or stack that is not there"
        );
        assert_eq!(
            law_after(|profile, _, _| {
                let line = |line| (line, LineCost::default());
                profile.line_times.functions.push(TimedFunction {
                    function: FunctionId(0),
                    calls: 1,
                    lines: vec![line(2), line(2)],
                });
            }),
            "lines[0]: has lines out of order or twice"
        );
        assert_eq!(
            law_after(|profile, thread, stack| profile.spans.spans.push(Span {
                thread,
                stack,
                start_ns: u64::MAX,
                duration_ns: 1,
            })),
            "spans[0]: ends after the end of time"
        );
        assert_eq!(
            law_after(|profile, thread, _| {
                let frame = profile.places.stack(StackId(0)).frame;
                let parent = Some(StackId(0));
                let stack = profile.places.add_stack(Stack { parent, frame });
                for stack in [StackId(0), stack] {
                    let id = profile.calls.intern(CallPath { thread, stack });
                    profile.calls.cost_mut(id).self_ns = u64::MAX / 2 + 1;
                }
            }),
            "calls[1]: adds up with those before it to more than 64 bits"
        );
    }
}
