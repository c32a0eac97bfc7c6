//! What tests compare and work with: line_profiler, greenlet, uvloop, aiosqlite and pytest for each
//! interpreter, and the programs of pyperformance.

use crate::pythons::Python;
use crate::workbench::workspace;
use std::path::{Path, PathBuf};

/// `PITSTOP_PEERS`, else `target/peers`: what `cargo xtask peers` made.
fn directory() -> PathBuf {
    std::env::var_os("PITSTOP_PEERS")
        .map_or_else(|| workspace().join("target/peers"), PathBuf::from)
}

/// The PYTHONPATH with line_profiler for an interpreter; `None`, after saying so, if it is not
/// there.
pub fn line_profiler(python: &Python) -> Option<PathBuf> {
    package(python, "line_profiler")
}

/// The PYTHONPATH with a package for an interpreter; `None`, after saying so, if it is not there.
pub fn package(python: &Python, name: &str) -> Option<PathBuf> {
    let path = directory().join(format!("3.{}", python.minor));
    present(
        &path,
        name,
        &path.join(name).join("__init__.py"),
        "cargo xtask peers",
    )
}

/// The PYTHONPATH with pytest for an interpreter; `None`, after saying so, if it is not there.
pub fn pytest(python: &Python) -> Option<PathBuf> {
    let path = workspace().join(format!("target/plugin/3.{}", python.minor));
    let proof = path.join("pytest/__init__.py");
    present(&path, "pytest", &proof, "cargo xtask plugin")
}

/// The directory of pyperformance's programs (`bm_richards/run_benchmark.py`); `None`, after saying
/// so, if it is not there.
pub fn pyperformance() -> Option<PathBuf> {
    let path = directory().join("pyperformance/pyperformance/data-files/benchmarks");
    let proof = path.join("bm_richards");
    present(&path, "pyperformance", &proof, "cargo xtask peers")
}

#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
fn present(path: &Path, name: &str, proof: &Path, chore: &str) -> Option<PathBuf> {
    if proof.exists() {
        return Some(path.to_owned());
    }
    let message = format!("no {name} in `{}`; `{chore}` installs it", path.display());
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{message}"
    );
    eprintln!("SKIPPED: {message}");
    None
}
