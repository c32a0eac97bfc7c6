//! Why something cannot be measured.

use pitstop_target::spawn::{Exit, SpawnError};
use std::io;
use thiserror::Error as ThisError;

/// What a guest was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The setup.
    Setup,
    /// The code that makes functions of a size.
    Make,
    /// Importing the function's module and finding it there.
    Import,
    /// The statement or function itself.
    Statement,
}

impl Phase {
    fn text(self) -> &'static str {
        match self {
            Self::Setup => "the setup",
            Self::Make => "the maker of inputs",
            Self::Import => "the import",
            Self::Statement => "the statement",
        }
    }
}

/// Why something cannot be measured. `name` is the contender's.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The program could not be started.
    #[error("`{name}` cannot be started")]
    Start {
        /// Whose.
        name: String,
        /// Why.
        source: SpawnError,
    },
    /// Python raised an exception.
    #[error("{} of `{name}` failed: {}", phase.text(), last_line(traceback))]
    Raised {
        /// Whose.
        name: String,
        /// Where.
        phase: Phase,
        /// What Python prints.
        traceback: String,
    },
    /// A process ended in the middle.
    #[error("the process of `{name}` {} while it was measured", ended(*exit))]
    Died {
        /// Whose.
        name: String,
        /// How.
        exit: Exit,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// A command that is to be repeated failed.
    #[error("`{name}` {}", ended(*exit))]
    Failed {
        /// Whose.
        name: String,
        /// How.
        exit: Exit,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It takes no time that could be measured.
    #[error("`{name}` takes no time: {loops} repetitions ended within {ns:.0} ns")]
    NoTime {
        /// Whose.
        name: String,
        /// How often it was run.
        loops: u64,
        /// How long that took.
        ns: f64,
    },
    /// What it counts is no number, or a negative one.
    #[error("`{name}` gave {value}: a result is a number that is not below zero")]
    NoAmount {
        /// Whose.
        name: String,
        /// What it gave.
        value: String,
    },
    /// The guest answered what it never does.
    #[error("the process of `{name}` answered `{answer}`, which nobody asked for")]
    Garbled {
        /// Whose.
        name: String,
        /// What it said.
        answer: String,
    },
    /// There is no size that it could be measured at.
    #[error("`{name}` cannot be measured at any size: {why}")]
    NoSize {
        /// Whose.
        name: String,
        /// Why.
        why: String,
    },
    /// The operating system refused something.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// There is nothing to measure, as who wrote it says.
    #[error("`{name}` is skipped: {why}")]
    Skipped {
        /// Whose.
        name: String,
        /// Why.
        why: String,
    },
    /// It cannot be looked into.
    #[error(
        "nothing can be counted inside of `{name}`: it is a command, or written for another tool"
    )]
    Opaque {
        /// Whose.
        name: String,
    },
    /// Somebody asked to stop.
    #[error("stopped before anything was measured")]
    Stopped,
}

impl Error {
    /// Whose error it is; `None` if it is nobody's.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Start { name, .. }
            | Self::Raised { name, .. }
            | Self::Died { name, .. }
            | Self::Failed { name, .. }
            | Self::NoTime { name, .. }
            | Self::Garbled { name, .. }
            | Self::NoSize { name, .. }
            | Self::Skipped { name, .. }
            | Self::NoAmount { name, .. }
            | Self::Opaque { name } => Some(name),
            Self::Io { .. } | Self::Stopped => None,
        }
    }

    /// What the program itself said about it: a traceback, or the end of its standard error.
    pub fn last_words(&self) -> Option<&str> {
        match self {
            Self::Raised { traceback, .. } => Some(traceback),
            Self::Died { stderr, .. } | Self::Failed { stderr, .. } if !stderr.is_empty() => {
                Some(stderr)
            }
            _ => None,
        }
    }
}

fn last_line(text: &str) -> &str {
    let lines = text.lines().rev();
    lines
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("it said nothing")
}

fn ended(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("ended with status {code}"),
        Exit::Signal { number, .. } => format!("was ended by signal {number}"),
    }
}
