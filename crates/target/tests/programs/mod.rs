//! Programs to look at: each says "ready" before anybody looks, and is killed when dropped.
#![allow(dead_code, reason = "every test file uses another part")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running program.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts a command and waits for its line "ready".
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut program = Self::from_child(child);
        program.expect("ready");
        program
    }

    /// Takes over a child whose output is a pipe.
    pub(crate) fn from_child(mut child: Child) -> Self {
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Runs Python code that says "ready" itself.
    #[track_caller]
    pub(crate) fn python(code: &str) -> Self {
        Self::start(Command::new(python()).args(["-u", "-c", code]))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        assert_eq!(self.line(), text);
    }

    /// Kills it and waits for its end.
    pub(crate) fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

/// The interpreter that `python3` stands for; that may itself be a script that picks one.
pub(crate) fn python() -> PathBuf {
    static PYTHON: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    PYTHON
        .get_or_init(|| executable("python3").expect("these tests need `python3`"))
        .clone()
}

/// What `sys.executable` is under `command`.
pub(crate) fn executable(command: &str) -> Option<PathBuf> {
    let code = "import sys; sys.stdout.write(sys.executable)";
    let output = Command::new(command)
        .args(["-c", code])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !path.is_empty()).then(|| PathBuf::from(path))
}

/// Every interpreter on this machine that is easily found, each once.
pub(crate) fn every_python() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = (0..=20)
        .map(|minor| format!("python3.{minor}"))
        .chain([
            "python2".to_owned(),
            "python3".to_owned(),
            "python3.14t".to_owned(),
        ])
        .filter_map(|name| executable(&name))
        .collect();
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let versions = std::fs::read_dir(home.join(".pyenv/versions"))
        .into_iter()
        .flatten()
        .flatten();
    found
        .extend(versions.filter_map(|entry| executable(entry.path().join("bin/python").to_str()?)));
    // `PITSTOP_TEST_PYTHONS` names more, separated by colons.
    let more = std::env::var("PITSTOP_TEST_PYTHONS").unwrap_or_default();
    found.extend(more.split(':').filter_map(executable));
    let mut found: Vec<PathBuf> = found
        .into_iter()
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether this test may do what only root may.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Makes a program file that can be started at once. Another process writes it: a file that this
/// one has open for writing, even in a child that another test is just starting, is "busy".
#[track_caller]
pub(crate) fn install(bytes: &[u8], path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let draft = path.with_extension("draft");
    std::fs::write(&draft, bytes).unwrap();
    std::fs::set_permissions(&draft, PermissionsExt::from_mode(0o755)).unwrap();
    assert!(
        Command::new("cp")
            .args([&draft, path])
            .status()
            .unwrap()
            .success()
    );
    std::fs::remove_file(&draft).unwrap();
}
