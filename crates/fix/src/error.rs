//! Why a change cannot be proved.

use pitstop_target::spawn::SpawnError;
use std::io;
use std::path::PathBuf;
use thiserror::Error as ThisError;

/// Why a change cannot be proved: nothing was found out then.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A program could not be started.
    #[error("`{name}` cannot be started")]
    Start {
        /// Its name.
        name: String,
        /// Why.
        source: SpawnError,
    },
    /// Our part inside of Python ended in a way that it never does.
    #[error("the process that {doing} ended early")]
    Guest {
        /// What it did: `repeats calls`.
        doing: &'static str,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// A version is no valid Python.
    #[error("`{file}` cannot be read as Python: {why}")]
    Syntax {
        /// The file, as people know it.
        file: String,
        /// Why.
        why: String,
    },
    /// The versions are equal.
    #[error("the two versions do not differ")]
    NoChange,
    /// They differ in something that is no function.
    #[error("no function differs between the two versions")]
    NoFunction,
    /// The file has no such function.
    #[error("`{file}` has no function `{name}`")]
    NoSuchFunction {
        /// The file.
        file: PathBuf,
        /// The qualified name.
        name: String,
    },
    /// The workload did not end well, so nobody knows whether it did its work.
    #[error("the workload `{command}` ended with status {status}")]
    Workload {
        /// It.
        command: String,
        /// How, as a shell shows it.
        status: i32,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It took longer than it may.
    #[error("`{command}` did not end within {seconds} s")]
    TooLong {
        /// The command.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// A file is written in an encoding that is not read.
    #[error("`{file}` cannot be read")]
    Encoding {
        /// The file.
        file: PathBuf,
        /// Why.
        source: pitstop_source::EncodingError,
    },
    /// A file was changed while its repair was proved.
    #[error("`{file}` was changed by somebody else meanwhile")]
    Changed {
        /// The file.
        file: PathBuf,
    },
    /// Measuring failed.
    #[error("the two versions cannot be measured")]
    Bench(#[source] pitstop_bench::Error),
    /// The operating system refused something.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Somebody asked to stop.
    #[error("stopped before anything was proved")]
    Stopped,
}

impl Error {
    /// What a program itself said about it.
    pub fn last_words(&self) -> Option<&str> {
        match self {
            Self::Guest { stderr, .. } | Self::Workload { stderr, .. } if !stderr.is_empty() => {
                Some(stderr)
            }
            Self::Bench(error) => error.last_words(),
            _ => None,
        }
    }
}

/// An error of the operating system, with what was tried.
pub(crate) fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, source }
}
