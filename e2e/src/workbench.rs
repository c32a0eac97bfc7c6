//! A place of its own for a test to run the binary in.

use crate::finished::Finished;
use crate::profile::Profile;
use crate::pythons::Python;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The directory of the cargo workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("e2e is a member of the workspace")
}

/// The binary to test: `PITSTOP_BIN`, else the one cargo built beside this test.
///
/// It is not built here: `cargo xtask test` builds it first. Panics if it is not there.
pub fn pitstop_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PITSTOP_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/debug/deps/run-0123456789abcdef
    let path = test
        .parent()
        .and_then(Path::parent)
        .expect("a test lies in `deps`")
        .join("pitstop");
    assert!(
        path.is_file(),
        "`{}` is missing: cargo build -p pitstop-cli",
        path.display()
    );
    path
}

/// Runs the binary in a workbench of its own, with no standard input.
pub fn pitstop(arguments: &[impl AsRef<OsStr>]) -> Finished {
    Workbench::new().pitstop(arguments)
}

/// A temporary directory that is the current one, holds the cache, and is removed at the end.
#[derive(Debug)]
pub struct Workbench {
    directory: TempDir,
    path: Option<std::ffi::OsString>,
}

impl Default for Workbench {
    fn default() -> Self {
        Self::new()
    }
}

impl Workbench {
    /// An empty workbench, in which `python3` is what it is on `PATH`.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        Self {
            directory,
            path: None,
        }
    }

    /// An empty workbench in which `python3` and `python` are this interpreter.
    pub fn with_python(python: &Python) -> Self {
        let mut workbench = Self::new();
        let bin = workbench.path().join(".bin");
        std::fs::create_dir(&bin).expect("a directory can be made");
        for name in ["python3", "python"] {
            std::os::unix::fs::symlink(&python.path, bin.join(name)).expect("a link can be made");
        }
        let old = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(bin).chain(std::env::split_paths(&old));
        workbench.path = Some(std::env::join_paths(directories).expect("no path has a colon"));
        workbench
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where the last result is kept.
    pub fn last_result(&self) -> PathBuf {
        self.path().join(".cache/pitstop/last.pit")
    }

    /// Runs the binary here, with no standard input.
    pub fn pitstop(&self, arguments: &[impl AsRef<OsStr>]) -> Finished {
        Finished::of(&mut self.command(arguments), b"")
    }

    /// `pitstop run` with this interpreter and no standard input.
    pub fn run(&self, python: &Python, arguments: &[impl AsRef<OsStr>]) -> Finished {
        Finished::of(&mut self.run_command(python, arguments), b"")
    }

    /// `pitstop run` with this interpreter, for a test that wants to change more.
    pub fn run_command(&self, python: &Python, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = self.command(&["run", "--python"]);
        command.arg(&python.path).args(arguments);
        command
    }

    /// The last result as a profile.
    pub fn last_profile(&self) -> Profile {
        self.profile("last")
    }

    /// An archive as a profile, by way of `pitstop export`.
    pub fn profile(&self, archive: impl AsRef<OsStr>) -> Profile {
        let arguments = ["export".as_ref(), archive.as_ref()];
        let mut command = self.command(&arguments);
        let finished = Finished::of(command.args(["-", "-f", "json"]), b"").expect_code(0);
        Profile::parse(&finished.stdout)
    }

    /// A file here as JSON.
    pub fn json(&self, name: &str) -> serde_json::Value {
        let text = std::fs::read(self.path().join(name)).expect("the file was written");
        serde_json::from_slice(&text).expect("the file holds JSON")
    }

    /// Writes a file here, in directories that are made for it, and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a directory can be made");
        }
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// The binary with its arguments, for a test that wants to change more.
    pub fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        self.prepare(Command::new(pitstop_binary()), arguments)
    }

    /// A bare interpreter with its arguments, in the same surroundings, to compare with.
    pub fn bare(&self, python: &Python, arguments: &[impl AsRef<OsStr>]) -> Command {
        self.prepare(Command::new(&python.path), arguments)
    }

    fn prepare(&self, mut command: Command, arguments: &[impl AsRef<OsStr>]) -> Command {
        quiet(&mut command)
            .args(arguments)
            .current_dir(self.path())
            .env("XDG_CACHE_HOME", self.path().join(".cache"));
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }
}

/// Takes away what the surroundings of a test could change in what a program says.
pub(crate) fn quiet(command: &mut Command) -> &mut Command {
    let settings = [
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLUMNS",
    ];
    let python = [
        "PYTHONUNBUFFERED",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
    ];
    for name in settings.into_iter().chain(python) {
        command.env_remove(name);
    }
    // Several interpreters run the same files at a time; none of them leaves anything beside them.
    command
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pythons::pythons;

    #[test]
    fn python3_in_a_workbench_is_the_chosen_one() {
        for python in pythons() {
            let workbench = Workbench::with_python(python);
            let question = ["-c", "import json, sys; print(sys.version_info[1])"];
            let mut command = workbench.prepare(Command::new("python3"), &question);
            let finished = Finished::of(&mut command, b"").expect_code(0);
            assert_eq!(finished.last_json(), python.minor, "{python}");
        }
    }

    #[test]
    fn a_program_can_be_copied_to_a_path_that_is_not_ascii() {
        for python in pythons() {
            let workbench = Workbench::new();
            let copy = workbench.path().join("größe 函数 🐍.py");
            std::fs::copy(crate::fixture("unicode_names.py"), &copy).expect("it can be copied");
            let mut command = workbench.bare(python, &[copy.as_os_str(), OsStr::new("0.01")]);
            let finished = Finished::of(&mut command, b"").expect_code(0);
            assert_eq!(finished.stdout, b"ready\n");
        }
    }
}
