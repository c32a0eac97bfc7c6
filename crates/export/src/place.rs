//! A step of an exported stack: a function, one of its lines, or what could not be read.
//!
//! Foreign formats have no word for "this stack could not be read". Leaving such samples out
//! would make every total wrong without a sign, so they become places with a name in brackets.

use crate::selection::Granularity;
use pitstop_model::{FileKind, FunctionId, Method, Profile, Reason, Row, Verdict};
use std::borrow::Cow;

/// A step of an exported stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A function, and one of its lines (0 when unknown).
    Code { function: FunctionId, line: u32 },
    /// The thread had no Python frames.
    NoPython,
    /// The stack could not be read.
    Unread(Reason),
    /// The frames outside of the next one could not be read.
    OuterUnread,
}

impl Place {
    /// The name to show: `Report.dedupe`, or words in brackets.
    pub(crate) fn name(self, profile: &Profile) -> Cow<'_, str> {
        match self {
            Self::Code { function, .. } => {
                let function = profile.places.function(function);
                Cow::Borrowed(match profile.text(function.qualname) {
                    "" => profile.text(function.name),
                    qualname => qualname,
                })
            }
            Self::NoPython => Cow::Borrowed("[no Python frames]"),
            Self::Unread(reason) => Cow::Owned(format!("[stack not read: {}]", reason.text())),
            Self::OuterUnread => Cow::Borrowed("[outer frames not read]"),
        }
    }

    /// The file to show, relative to the working directory; empty where there is none.
    pub(crate) fn short_file(self, profile: &Profile) -> &str {
        self.function().map_or("", |function| {
            let file = profile.places.file(profile.places.function(function).file);
            if file.kind == FileKind::Native {
                return "";
            }
            match profile.text(file.short) {
                "" => profile.text(file.path),
                short => short,
            }
        })
    }

    /// `report.py:24`, or only the file when the line is unknown, or nothing without a file.
    pub(crate) fn location(self, profile: &Profile) -> String {
        match (self.short_file(profile), self.line()) {
            ("", _) => String::new(),
            (file, 0) => file.to_owned(),
            (file, line) => format!("{file}:{line}"),
        }
    }

    /// The function, where there is one.
    pub(crate) fn function(self) -> Option<FunctionId> {
        match self {
            Self::Code { function, .. } => Some(function),
            _ => None,
        }
    }

    /// The line; 0 when unknown.
    pub(crate) fn line(self) -> u32 {
        match self {
            Self::Code { line, .. } => line,
            _ => 0,
        }
    }
}

/// The places of a row's stack from outermost to innermost; never empty.
pub(crate) fn places(profile: &Profile, row: Row, granularity: Granularity) -> Vec<Place> {
    let Some(stack) = row.stack else {
        return vec![match row.verdict {
            Verdict::Partial(reason) | Verdict::Failed(reason) => Place::Unread(reason),
            Verdict::Exact | Verdict::Validated => Place::NoPython,
        }];
    };
    let is_traced = profile.meta.method == Method::Tracing;
    let mut places: Vec<Place> = profile
        .places
        .frames_of(Some(stack))
        .map(|frame| {
            let frame = profile.places.frame(frame);
            let line = match granularity {
                Granularity::Function => profile.places.function(frame.function).first_line,
                // Own lines are not timed in a trace: the `def` stands for all of them.
                Granularity::Line if frame.line == 0 && is_traced => {
                    profile.places.function(frame.function).first_line
                }
                Granularity::Line => frame.line,
            };
            Place::Code {
                function: frame.function,
                line,
            }
        })
        .collect();
    if !row.verdict.is_trusted() {
        places.push(Place::OuterUnread);
    }
    places.reverse();
    places
}
