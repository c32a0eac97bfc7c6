//! Every way in which `pitstop` can end.

use pitstop_model::ExitStatus;
use pitstop_target::signals;
use std::fmt::Display;

/// The exit statuses that are ours. A program's own status passes through instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The answer was given.
    Fine,
    /// The answer was given, and it is bad news: something became slower.
    BadNews,
    /// What was measured does not tell.
    Inconclusive,
    /// The command line or a file given on it is wrong.
    Usage,
    /// Nothing can be measured here: no permission, no interpreter, no supported one.
    CannotMeasure,
    /// The profiler itself failed.
    Failed,
    /// The program is there but cannot be executed.
    CannotExecute,
    /// There is no such program.
    NotFound,
}

impl Status {
    /// The number the shell sees.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Fine => 0,
            Self::BadNews => 1,
            Self::Inconclusive => 4,
            Self::Usage => 2,
            Self::CannotMeasure => 3,
            Self::Failed => 125,
            Self::CannotExecute => 126,
            Self::NotFound => 127,
        }
    }
}

/// How a command that did its work ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// With a status of ours.
    With(Status),
    /// As the measured program ended: with its status, or by its signal.
    LikeProgram(ExitStatus),
}

impl End {
    /// Ends this process.
    pub(crate) fn leave(self) -> ! {
        match self {
            Self::With(status) => std::process::exit(status.code()),
            Self::LikeProgram(ExitStatus::Code(code)) => std::process::exit(code),
            Self::LikeProgram(ExitStatus::Signal(signal)) => signals::die_of(signal),
        }
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit status.
    pub(crate) status: Status,
    /// What failed.
    pub(crate) what: String,
    /// Why, from the nearest cause to the farthest.
    pub(crate) why: Vec<String>,
    /// The one thing to do now.
    pub(crate) cure: Option<String>,
}

impl Failure {
    /// A failure without a known cause.
    pub(crate) fn new(status: Status, what: impl Display) -> Self {
        Self {
            status,
            what: what.to_string(),
            why: Vec::new(),
            cure: None,
        }
    }

    /// A failure that an error tells about, with the errors behind it.
    pub(crate) fn of(status: Status, error: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(status, error);
        let mut cause = error.source();
        while let Some(error) = cause {
            failure.why.push(error.to_string());
            cause = error.source();
        }
        failure
    }

    /// Adds a cause.
    pub(crate) fn because(mut self, why: impl Display) -> Self {
        self.why.push(why.to_string());
        self
    }

    /// Adds what to do.
    pub(crate) fn cure(mut self, cure: impl Display) -> Self {
        self.cure = Some(cure.to_string());
        self
    }
}

/// What every command returns.
pub(crate) type Outcome = Result<End, Failure>;
