//! One line on the terminal that says how far a recording has come, and then goes away.

use indicatif::{ProgressBar, ProgressStyle};
use pitstop_collect::Progress;
use pitstop_view::number;
use std::io::{self, IsTerminal};
use std::time::Duration;

/// Nothing is shown for runs shorter than this.
const QUIET: Duration = Duration::from_secs(1);

/// Shows progress while a recording goes on.
pub(crate) struct Line {
    bar: Option<ProgressBar>,
    wanted: bool,
}

impl Line {
    /// A line that is shown only if `wanted` and somebody watches the terminal.
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            bar: None,
            wanted: wanted && io::stderr().is_terminal(),
        }
    }

    /// Shows the state of the recording.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if !self.wanted || progress.elapsed < QUIET {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}");
            ProgressBar::new_spinner().with_style(style.unwrap_or(ProgressStyle::default_spinner()))
        });
        bar.tick();
        bar.set_message(format!(
            "recording {:.0} s · {} samples · {} threads in {} processes · {} · Ctrl-C ends it",
            progress.elapsed.as_secs_f64(),
            number::count(progress.samples),
            progress.threads,
            progress.processes,
            number::bytes(progress.rss_bytes),
        ));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
