//! A commit in a directory of its own, for as long as it is measured.

use crate::exit::{Failure, Status};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Files that say which versions of dependencies are installed.
pub(crate) const LOCKS: [&str; 6] = [
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pylock.toml",
    "requirements*.txt",
];

/// A checked-out commit; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Worktree {
    _parent: TempDir,
    /// Its root.
    pub(crate) root: PathBuf,
    /// Where git knows of it; `None` if nobody does.
    registered: Option<PathBuf>,
    /// The directory in it that corresponds to the current one.
    pub(crate) directory: PathBuf,
    /// The commit, short.
    pub(crate) commit: String,
}

/// Runs git in the current directory.
pub(crate) fn git(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("git").args(arguments).output()
}

/// What git prints, if it succeeds.
pub(crate) fn line(arguments: &[&str]) -> Option<String> {
    let output = git(arguments)
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim_end_matches('\n').to_owned())
}

/// The commit that a word names here, if it does.
pub(crate) fn commit(word: &str) -> Option<String> {
    // What looks like an option would be one.
    if word.starts_with('-') || word.is_empty() {
        return None;
    }
    let spec = format!("{word}^{{commit}}");
    line(&[
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &spec,
    ])
}

/// Checks a commit out.
pub(crate) fn check_out(word: &str, commit: &str) -> Result<Worktree, Failure> {
    let cannot = |why: String| {
        Failure::new(
            Status::CannotMeasure,
            format!("`{word}` cannot be checked out"),
        )
        .because(why)
        .cure("look at it with git: git worktree add --detach /some/where COMMIT")
    };
    let parent = tempfile::Builder::new().prefix("pitstop-").tempdir();
    let parent = parent.map_err(|error| cannot(error.to_string()))?;
    let root = parent.path().join("tree");
    let path = root.to_string_lossy().into_owned();
    let output = git(&["worktree", "add", "--detach", "--quiet", &path, commit]);
    let output = output.map_err(|error| cannot(error.to_string()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(cannot(text));
    }
    let prefix = line(&["rev-parse", "--show-prefix"]).unwrap_or_default();
    let directory = root.join(&prefix);
    let worktree = Worktree {
        _parent: parent,
        registered: Some(root.clone()),
        root,
        commit: commit.chars().take(10).collect(),
        directory,
    };
    if !worktree.directory.is_dir() {
        return Err(cannot(format!("it has no directory `{prefix}`")));
    }
    Ok(worktree)
}

impl Worktree {
    /// Files of a commit that nobody keeps account of, in a directory of their own; `None` if the
    /// directory that is wanted of them is not there.
    pub(crate) fn of_files(parent: TempDir, directory: PathBuf, commit: &str) -> Option<Self> {
        directory.is_dir().then(|| Self {
            _parent: parent,
            registered: None,
            root: directory.clone(),
            commit: commit.chars().take(10).collect(),
            directory,
        })
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        let Some(root) = &self.registered else { return };
        // What stays is a temporary directory that git forgets at its next `worktree prune`.
        let path = root.to_string_lossy().into_owned();
        let _ = git(&["worktree", "remove", "--force", &path]);
    }
}

/// The PYTHONPATH with which a checkout's own packages come before installed ones: projects keep
/// them in `src`, and an editable install of the same name would lead both sides to one place.
pub(crate) fn python_path(directory: &Path) -> Option<std::ffi::OsString> {
    let source = directory.join("src");
    if !source.is_dir() {
        return None;
    }
    let before = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let all = std::iter::once(source)
        .chain(std::env::split_paths(&before).filter(|path| !path.as_os_str().is_empty()));
    std::env::join_paths(all).ok()
}
