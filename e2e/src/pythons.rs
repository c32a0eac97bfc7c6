//! The interpreters to test with.

use crate::workbench::workspace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The minor versions of CPython 3 that are supported.
pub const MINORS: std::ops::RangeInclusive<u32> = 8..=15;

/// An interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// The `13` of 3.13.
    pub minor: u32,
    /// Its executable.
    pub path: PathBuf,
}

impl std::fmt::Display for Python {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Python 3.{} ({})", self.minor, self.path.display())
    }
}

/// One interpreter of each minor version that there is, oldest first.
///
/// Looks in `PITSTOP_PYTHONS` (paths separated by colons), else in `target/pythons`, else on
/// `PATH`. On a CI machine (`CI=true`) a missing version is a panic; elsewhere it is said.
pub fn pythons() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let found = find();
        for minor in MINORS.filter(|minor| found.iter().all(|python| python.minor != *minor)) {
            report_missing(minor);
        }
        found
    })
}

/// The interpreter of one minor version; `None`, after saying so, if there is none.
pub fn python(minor: u32) -> Option<&'static Python> {
    pythons().iter().find(|python| python.minor == minor)
}

/// Runs a check with every interpreter, and fails with all versions it failed with.
pub fn on_each_python(check: impl Fn(&Python)) {
    check_all(pythons().iter(), check);
}

/// Runs a check with the oldest and the newest interpreter: what works on both rarely fails in
/// between.
pub fn on_oldest_and_newest_python(check: impl Fn(&Python)) {
    let all = pythons();
    let newest = all.last().filter(|_| all.len() > 1);
    check_all(all.first().into_iter().chain(newest), check);
}

/// The panic of each check is printed where it happens; a version that fails hides no other one.
#[expect(clippy::print_stderr, reason = "a failure must name its version")]
fn check_all<'a>(pythons: impl Iterator<Item = &'a Python>, check: impl Fn(&Python)) {
    let failed: Vec<String> = pythons
        .filter(|python| {
            let failed = catch_unwind(AssertUnwindSafe(|| check(python))).is_err();
            if failed {
                eprintln!("^^^ with {python}");
            }
            failed
        })
        .map(|python| format!("3.{}", python.minor))
        .collect();
    assert!(
        failed.is_empty(),
        "failed with Python {}",
        failed.join(", ")
    );
}

#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
fn report_missing(minor: u32) {
    let message = format!("no Python 3.{minor} found; `cargo xtask pythons` installs it");
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{message}"
    );
    eprintln!("SKIPPED: {message}");
}

fn find() -> Vec<Python> {
    let mut found: Vec<Python> = candidates()
        .iter()
        .filter_map(|path| inspect(path))
        .collect();
    // A stable sort: of two interpreters of a version the first one found stays.
    found.sort_by_key(|python| python.minor);
    found.dedup_by_key(|python| python.minor);
    found
}

fn candidates() -> Vec<PathBuf> {
    if let Some(list) = std::env::var_os("PITSTOP_PYTHONS") {
        return std::env::split_paths(&list).collect();
    }
    let own = installed(&workspace().join("target/pythons"));
    if !own.is_empty() {
        return own;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|directory| MINORS.map(move |minor| directory.join(format!("python3.{minor}"))))
        .filter(|file| file.is_file())
        .collect()
}

/// `3.*/bin/python3` and `3.*/bin/python3.*` below a directory.
fn installed(pythons: &Path) -> Vec<PathBuf> {
    entries(pythons)
        .into_iter()
        .filter(|version| name(version).starts_with("3."))
        .flat_map(|version| entries(&version.join("bin")))
        .filter(|file| is_interpreter(&name(file)))
        .collect()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut entries: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Told by its name: `python3-config`, and `python3.13t` without the GIL, are not meant.
fn is_interpreter(name: &str) -> bool {
    match name.strip_prefix("python3") {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('.')
            .is_some_and(|minor| minor.chars().all(|c| c.is_ascii_digit())),
        None => false,
    }
}

/// Asks an executable what it is; `None` for anything that is not a supported CPython.
fn inspect(path: &Path) -> Option<Python> {
    let question = "import sys; print(sys.implementation.name, *sys.version_info[:2])";
    let output = Command::new(path)
        .args(["-I", "-S", "-c", question])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    let minor = answer.trim().strip_prefix("cpython 3 ")?.parse().ok()?;
    MINORS.contains(&minor).then(|| Python {
        minor,
        path: path.to_path_buf(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_told_from_their_tools_by_name() {
        for name in ["python3", "python3.8", "python3.15"] {
            assert!(is_interpreter(name), "{name}");
        }
        for name in [
            "python",
            "python3-config",
            "python3.13t",
            "python3.13-config",
            "pip3",
        ] {
            assert!(!is_interpreter(name), "{name}");
        }
    }
}
