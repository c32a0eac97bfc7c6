//! A place in the program by its names, ready to show.

use pitstop_model::{FileKind, FrameId, FunctionId, Profile};

/// A line of a function, or (with `line` its `def`) a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name to show: relative to the working directory or the library's root.
    pub file: String,
    /// The file as the interpreter names it.
    pub path: String,
    /// Whose code it is.
    pub kind: FileKind,
    /// The line (1-based; 0 when unknown).
    pub line: u32,
    /// The function's qualified name.
    pub function: String,
    /// The text of the line without indentation, where the source was captured.
    pub source: Option<String>,
}

impl Place {
    /// The place of a frame: the line it executes.
    pub fn of_frame(profile: &Profile, frame: FrameId) -> Self {
        let frame = profile.places.frame(frame);
        Self::new(profile, frame.function, frame.line)
    }

    /// The place of a function: the line of its `def`.
    pub fn of_function(profile: &Profile, function: FunctionId) -> Self {
        let first_line = profile.places.function(function).first_line;
        Self::new(profile, function, first_line)
    }

    fn new(profile: &Profile, function: FunctionId, line: u32) -> Self {
        let function = profile.places.function(function);
        let file = profile.places.file(function.file);
        Self {
            file: profile.text(file.short).to_owned(),
            path: profile.text(file.path).to_owned(),
            kind: file.kind,
            line,
            function: profile.text(function.qualname).to_owned(),
            source: profile
                .sources
                .line(function.file, line)
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty()),
        }
    }

    /// `file.py:24`, or the bare file where the line is unknown; empty where there is no file.
    pub fn short(&self) -> String {
        if self.kind == FileKind::Native {
            String::new()
        } else if self.line == 0 {
            self.file.clone()
        } else {
            format!("{}:{}", self.file, self.line)
        }
    }
}
