//! The Python files that paths on a command line mean.

use crate::exit::{Failure, Status};
use ignore::{DirEntry, WalkBuilder};
use std::path::{Path, PathBuf};

/// A path that could not be entered, and why.
pub(crate) type Missed = (PathBuf, String);

/// Files as they were named, and of directories everything in them that is Python, not hidden, not
/// ignored by git, and in no virtual environment; sorted, each once.
pub(crate) fn python_files(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<Missed>), Failure> {
    let mut files = Vec::new();
    let mut missed = Vec::new();
    for path in paths {
        if let Err(error) = path.metadata() {
            let what = format!("`{}` cannot be checked", path.display());
            return Err(Failure::new(Status::Usage, what)
                .because(error)
                .cure("name files or directories that are there"));
        }
        if path.is_file() {
            files.push(path.clone());
            continue;
        }
        let mut walk = WalkBuilder::new(path);
        walk.require_git(false).filter_entry(is_ours);
        for entry in walk.build() {
            match entry {
                Ok(entry) if is_python(entry.path()) && entry.path().is_file() => {
                    files.push(short(entry.path()).to_path_buf());
                }
                Ok(_) => {}
                Err(error) => missed.push((path.clone(), error.to_string())),
            }
        }
    }
    files.sort();
    files.dedup();
    Ok((files, missed))
}

/// Below `.` nobody wants to read `./`.
fn short(path: &Path) -> &Path {
    path.strip_prefix("./").unwrap_or(path)
}

fn is_python(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("py" | "pyw"))
}

/// What is installed is somebody else's, unless it was named.
fn is_ours(entry: &DirEntry) -> bool {
    let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
    if entry.depth() == 0 || !is_directory {
        return true;
    }
    let is_installed = matches!(
        entry.file_name().to_str(),
        Some("__pycache__" | "node_modules" | "site-packages")
    );
    !is_installed && !entry.path().join("pyvenv.cfg").exists()
}
