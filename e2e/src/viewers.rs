//! The viewers that exports are tried with: gprof2dot and snakeviz.

use crate::workbench::workspace;
use std::path::PathBuf;
use std::process::Command;

/// A Python with gprof2dot and snakeviz on its path.
pub struct Viewers {
    directory: PathBuf,
    python: PathBuf,
}

impl Viewers {
    /// What `cargo xtask test` installed (`PITSTOP_VIEWERS`, else `target/viewers`); `None`, after
    /// saying so, if it is not there.
    #[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
    pub fn find() -> Option<Self> {
        let directory = std::env::var_os("PITSTOP_VIEWERS")
            .map_or_else(|| workspace().join("target/viewers"), PathBuf::from);
        if let Ok(python) = std::fs::read_to_string(directory.join("python")) {
            let python = PathBuf::from(python);
            return Some(Self { directory, python });
        }
        let message = "no gprof2dot and snakeviz; `cargo xtask test` installs them";
        let in_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!in_ci, "{message}");
        eprintln!("SKIPPED: {message}");
        None
    }

    /// Runs their Python with these arguments.
    pub fn python(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.args(arguments).env("PYTHONPATH", &self.directory);
        command
    }
}
