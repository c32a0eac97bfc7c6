//! The Profile itself, and the laws that hold between its tables.

use crate::id::Id;
use crate::meta::Meta;
use crate::places::Places;
use crate::series::Series;
use crate::source::Sources;
use crate::state::Wait;
use crate::strings::Strings;
use crate::timeline::Timeline;
use crate::trials::{Batch, Trials};
use crate::{StringId, WaitId};
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
        for (i, run) in self.trials.runs.iter().enumerate() {
            if run.benchmark as usize >= self.trials.benchmarks.len() {
                return broken("runs", i, "is of a benchmark that is not there");
            }
            if !run.batches.iter().all(Batch::is_possible) {
                return broken("runs", i, "has a batch that cannot be");
            }
        }
        Ok(())
    }
}
