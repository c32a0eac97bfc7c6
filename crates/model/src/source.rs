//! The source text of the files that samples fell into, kept with the profile.

use crate::id::FileId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a file's text came from: says how far it can be trusted to be what ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SourceOrigin {
    /// Read from the file system.
    Disk = 0,
    /// Read from the interpreter's `linecache`.
    Linecache = 1,
    /// Read out of a zip archive on `sys.path`.
    Zip = 2,
    /// The text of `-c`, or of a script read from standard input.
    CommandLine = 3,
    /// The file is there but newer than the run: lines may not match.
    DiskChanged = 4,
}

impl SourceOrigin {
    /// Every origin, in the order of its number.
    pub const ALL: [Self; 5] = [
        Self::Disk,
        Self::Linecache,
        Self::Zip,
        Self::CommandLine,
        Self::DiskChanged,
    ];
}

/// The text of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Where it came from.
    pub origin: SourceOrigin,
    /// The whole text; lines end in `\n` or `\r\n`.
    pub text: Arc<str>,
}

impl SourceText {
    /// The text of a 1-based line without its line ending; `None` past the end.
    pub fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.text.lines().nth(index)
    }
}

/// The captured texts by file.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    by_file: BTreeMap<FileId, SourceText>,
}

impl Sources {
    /// Keeps the text of a file, replacing an earlier one.
    pub fn insert(&mut self, file: FileId, text: SourceText) {
        self.by_file.insert(file, text);
    }

    /// The text of a file, if it was captured.
    pub fn get(&self, file: FileId) -> Option<&SourceText> {
        self.by_file.get(&file)
    }

    /// One line of a file, if captured.
    pub fn line(&self, file: FileId, number: u32) -> Option<&str> {
        self.get(file)?.line(number)
    }

    /// All captured texts in the order of their files.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceText)> {
        self.by_file.iter().map(|(&file, text)| (file, text))
    }
}
