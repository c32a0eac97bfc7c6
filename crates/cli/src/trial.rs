//! What `bench` and `compare` share: options, progress, Ctrl-C, errors.

use crate::args::{ClockChoice, TrialArgs};
use crate::exit::{Failure, Status};
use indicatif::{ProgressBar, ProgressStyle};
use pitstop_bench::{Control, Error, Options, Progress};
use pitstop_model::Clock;
use pitstop_target::signals;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// SIGINT and SIGTERM, the same on every Linux.
const STOPPING: [i32; 2] = [2, 15];

/// Nothing is shown before.
const QUIET: Duration = Duration::from_secs(1);

/// The options of a session.
pub(crate) fn options(args: &TrialArgs) -> Options {
    let defaults = Options::default();
    Options {
        // A new one each time: the standard library seeds its hashers from the system.
        seed: args.seed.unwrap_or_else(|| RandomState::new().hash_one(0)),
        budget: args.time.unwrap_or(defaults.budget),
        budget_is_strict: args.time.is_some(),
        loops: args.number,
        batches: args.repeat.map(|repeat| repeat as usize),
        clock: match args.clock {
            ClockChoice::Auto => None,
            ClockChoice::Wall => Some(Clock::Wall),
            ClockChoice::Cpu => Some(Clock::Cpu),
        },
        ignore_failure: args.ignore_failure,
        without_gc: args.no_gc,
        ..defaults
    }
}

/// Follows a session on the terminal.
pub(crate) struct Follower {
    bar: Option<ProgressBar>,
    wanted: bool,
    stopped: bool,
}

impl Follower {
    /// Begins to listen for Ctrl-C.
    pub(crate) fn new() -> Result<Self, Failure> {
        signals::catch(&STOPPING).map_err(|error| {
            Failure::new(Status::Failed, "signals cannot be caught").because(error)
        })?;
        Ok(Self {
            bar: None,
            wanted: io::stderr().is_terminal(),
            stopped: false,
        })
    }
}

impl Control for Follower {
    fn progress(&mut self, progress: &Progress) {
        if !self.wanted || progress.elapsed < QUIET {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}");
            ProgressBar::new_spinner().with_style(style.unwrap_or(ProgressStyle::default_spinner()))
        });
        let ratio = progress.ratio.map_or(String::new(), |ratio| {
            format!(" · B {:+.1} % so far", (ratio - 1.0) * 100.0)
        });
        let name: String = progress
            .name
            .lines()
            .next()
            .unwrap_or("")
            .chars()
            .take(40)
            .collect();
        bar.tick();
        bar.set_message(format!(
            "{name} · {} done · {:.0} of {:.0} s{ratio} · Ctrl-C ends it",
            progress.done,
            progress.elapsed.as_secs_f64(),
            progress.budget.as_secs_f64(),
        ));
    }

    fn is_stopped(&mut self) -> bool {
        let told = signals::take();
        self.stopped |= STOPPING.iter().any(|&signal| told.has(signal));
        self.stopped
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// An error of a session as people read it.
pub(crate) fn explain(error: &Error) -> Failure {
    let status = match error {
        Error::Start { source, .. } => match source.exit_code() {
            127 => Status::NotFound,
            126 => Status::CannotExecute,
            _ => Status::Failed,
        },
        Error::Io { .. } | Error::Garbled { .. } => Status::Failed,
        _ => Status::CannotMeasure,
    };
    let mut failure = Failure::of(status, error);
    // A traceback of one line, as of an import, has been said.
    let said = error.to_string();
    let words = error
        .last_words()
        .filter(|words| !said.ends_with(words.trim()));
    if let Some(words) = words {
        for line in words
            .lines()
            .filter(|line| !line.trim().is_empty())
            .rev()
            .take(12)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            failure = failure.because(line);
        }
    }
    match error {
        Error::Start { source, .. } if error.is_missing_program() => {
            let shell = source.to_string();
            let cure = if shell.contains(' ') && shell.trim_end_matches('`').contains("` ") {
                "a command is given in words; for a line of the shell: -- sh -c 'LINE'"
            } else {
                "check its name; for a line of the shell: -- sh -c 'LINE'"
            };
            failure.cure(cure)
        }
        Error::Failed { .. } => failure.cure("mend it, or measure it all the same with -i"),
        Error::NoTime { .. } => failure.cure("measure something that does some work"),
        Error::Raised { .. } => failure.cure("run it in Python first: what fails is not measured"),
        Error::Died { .. } => failure.cure("run it in Python by itself and see it crash"),
        _ => failure,
    }
}
