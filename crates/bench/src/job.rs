//! What is measured, and on which side.

use crate::suite::Suite;
use pitstop_model::{Benchmark, Subject};
use std::ffi::OsString;
use std::path::PathBuf;

/// What is to be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A statement of Python, after a setup that runs once a process.
    Statement {
        /// The setup.
        setup: String,
        /// The statement.
        text: String,
    },
    /// A function, as `package.module:name`, called without arguments. A coroutine function is
    /// awaited.
    Function {
        /// Runs before the import.
        setup: String,
        /// The function.
        target: String,
    },
    /// A script and its arguments, run to its end.
    Script {
        /// The script, then its arguments.
        words: Vec<OsString>,
    },
    /// A program and its arguments, run to its end.
    Command {
        /// The program, then its arguments.
        words: Vec<OsString>,
    },
    /// A benchmark that is written for another tool, as [`crate::find`] found it.
    Case {
        /// The tool.
        suite: Suite,
        /// What the tool calls it.
        name: String,
        /// What is measured if it is no time; empty for times.
        unit: String,
        /// What its guest is told to play.
        key: String,
    },
}

impl Work {
    /// Whether it runs inside a guest that repeats it, and not in a process for each repetition.
    pub fn is_guest(&self) -> bool {
        matches!(
            self,
            Self::Statement { .. } | Self::Function { .. } | Self::Case { .. }
        )
    }

    /// What it is.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Statement { .. } => Subject::Statement,
            Self::Function { .. } | Self::Case { .. } => Subject::Function,
            Self::Script { .. } => Subject::Script,
            Self::Command { .. } => Subject::Command,
        }
    }

    /// How people write it.
    pub fn text(&self) -> String {
        match self {
            Self::Statement { text, .. } => text.clone(),
            Self::Function { target, .. } => target.clone(),
            Self::Case { name, .. } => name.clone(),
            Self::Script { words } | Self::Command { words } => {
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                words.join(" ")
            }
        }
    }

    fn setup(&self) -> &str {
        match self {
            Self::Statement { setup, .. } | Self::Function { setup, .. } => setup,
            Self::Script { .. } | Self::Command { .. } | Self::Case { .. } => "",
        }
    }

    /// What is measured if it is no time; empty for times.
    pub fn unit(&self) -> &str {
        match self {
            Self::Case { unit, .. } => unit,
            _ => "",
        }
    }
}

/// The surroundings on one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// The interpreter; not used by commands.
    pub python: OsString,
    /// Options for the interpreter, as `-X` or `-O`.
    pub flags: Vec<OsString>,
    /// Environment variables beyond our own.
    pub variables: Vec<(OsString, OsString)>,
    /// The directory to run in.
    pub directory: PathBuf,
    /// What is different here, in words: `main`, `PYTHON_JIT=1`; empty for nothing.
    pub variant: String,
}

/// Something that is measured on a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// What people call it.
    pub name: String,
    /// What it does.
    pub work: Work,
    /// Where.
    pub side: Side,
}

impl Contender {
    /// As it is written down. The interpreter's version and the clock become known later.
    pub(crate) fn describe(&self) -> Benchmark {
        Benchmark {
            name: self.name.clone(),
            text: self.work.text(),
            setup: self.work.setup().to_owned(),
            subject: self.work.subject(),
            variant: self.side.variant.clone(),
            tool: "pitstop".into(),
            unit: self.work.unit().to_owned(),
            ..Benchmark::default()
        }
    }
}
