//! Where the last result is kept.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name that stands for the last result on the command line.
pub(crate) const LAST: &str = "last";

/// The directory of kept results: `$XDG_CACHE_HOME/pitstop`, usually `~/.cache/pitstop`.
pub(crate) fn directory() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .and_then(absolute);
    let home = || env::var_os("HOME").map(PathBuf::from).and_then(absolute);
    Some(
        cache
            .or_else(|| Some(home()?.join(".cache")))?
            .join("pitstop"),
    )
}

/// The last result.
pub(crate) fn last() -> Option<PathBuf> {
    Some(directory()?.join("last.pit"))
}

/// A file to record into; [`keep`] makes it the last result when it is complete. Until then it
/// has a name of its own, so that two recordings at once do not meet.
pub(crate) fn begin() -> io::Result<PathBuf> {
    let directory = directory().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(&directory)?;
    Ok(directory.join(format!("run-{}.pit", std::process::id())))
}

/// Makes a recording the last result.
pub(crate) fn keep(recording: &Path) -> io::Result<()> {
    let last = last().ok_or(io::ErrorKind::NotFound)?;
    fs::rename(recording, last)
}

/// Makes a copy of a recording the last result.
pub(crate) fn keep_copy(recording: &Path) -> io::Result<()> {
    let own = begin()?;
    fs::copy(recording, &own)?;
    keep(&own)
}
