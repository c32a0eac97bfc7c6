//! Which functions differ between two versions.

use crate::error::Error;
use crate::ground::Ground;
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Comparing syntax trees of thousands of files takes less.
const LIMIT: Duration = Duration::from_secs(120);

/// A function that differs.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Change {
    /// Its file, as people know it.
    pub(crate) file: String,
    /// Its qualified name.
    pub(crate) name: String,
    /// Why it is looked at.
    pub(crate) why: String,
    /// Its line in the old version.
    pub(crate) line: u32,
}

#[derive(Deserialize)]
struct Answer {
    changes: Vec<Change>,
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
struct Failed {
    file: String,
    side: String,
    why: String,
}

/// Two versions of a file: its name for people, the old and the new text.
pub(crate) type Versions = (String, PathBuf, PathBuf);

/// Finds the functions.
pub(crate) fn changes(
    ground: &Ground<'_>,
    python: &OsString,
    files: &[Versions],
    directory: &Path,
) -> Result<Vec<Change>, Error> {
    let question = serde_json::to_vec(files).unwrap_or_default();
    let code = format!("{}; _part.main()", ground.import("changes"));
    let words = [python.clone(), "-c".into(), code.into()];
    let ran = ground.run(&words, directory, &[], (&question, true), LIMIT)?;
    let Ok(answer) = serde_json::from_slice::<Answer>(&ran.stdout) else {
        return Err(Error::Guest {
            doing: "compares the versions",
            stderr: ran.stderr,
        });
    };
    if let Some(failed) = answer.failed.into_iter().next() {
        return Err(Error::Syntax {
            file: format!("{} ({} version)", failed.file, failed.side),
            why: failed.why,
        });
    }
    Ok(answer.changes)
}
