//! What can go wrong with an archive, in words for users.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// Why an archive could not be written or read.
///
/// Each message is complete in itself: what failed, why, and what to do now. The cause of an I/O
/// error is part of the message and therefore not repeated as a `source`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("there is no `{}`; `pitstop run` or `pitstop record -o` makes one", path.display())]
    NotFound {
        /// The file asked for.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} `{}`: {cause}{}", path.display(), Hint(cause))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: `write`, `read`, `create`, `truncate`.
        action: &'static str,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A recording cannot go to this path.
    #[error("cannot record to `{}`: {why}", path.display())]
    CannotRecordTo {
        /// The path asked for.
        path: PathBuf,
        /// Why not, and what to do.
        why: &'static str,
    },
    /// The file is something else.
    #[error("`{}` is not a pitstop archive: {looks}; give a file made by `pitstop`", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What it looks like instead.
        looks: &'static str,
    },
    /// The file was written by a later version of the format.
    #[error(
        "`{}` has archive version {version}, this pitstop reads up to {}; update pitstop to open it",
        path.display(), crate::open::NEWEST
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// The version it names.
        version: u8,
    },
    /// A record is whole, yet says something impossible: not a cut, but a bug or a forgery.
    #[error("`{}` is damaged at byte {offset}: {what}; record it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the record begins that is wrong, in bytes.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The file would need more memory than a reader allows.
    #[error("`{}` is too large to load: {what}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is too large, and what to do.
        what: &'static str,
    },
}

/// The one thing to do now about an I/O error, where there is one.
struct Hint<'a>(&'a io::Error);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "; what was recorded so far is safe, free some space or record to another disk"
            }
            ErrorKind::PermissionDenied => "; run as its owner, or use another path",
            ErrorKind::ReadOnlyFilesystem => "; use a path on a disk that can be written",
            ErrorKind::FileTooLarge => "; what was recorded so far is safe, use a disk or `ulimit -f` that allows larger files",
            _ => "",
        })
    }
}
