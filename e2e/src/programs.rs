//! The fixture programs, and one of them while it runs.

use crate::deadline::{Deadline, kill_group, send_signal};
use crate::finished::{Finished, LIMIT, read_all};
use crate::pythons::Python;
use crate::workbench::{quiet, workspace};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

/// The path of a fixture program: `fixture("short.py")`. Panics if there is none of that name.
pub fn fixture(name: &str) -> PathBuf {
    let path = programs_directory().join(name);
    assert!(path.is_file(), "no fixture program `{}`", path.display());
    path
}

/// The names of all fixture programs.
pub fn programs() -> Vec<String> {
    let listing = std::fs::read_dir(programs_directory()).expect("the fixtures are there");
    let mut names: Vec<String> = listing
        .map(|entry| entry.expect("an entry can be read").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".py") && name != "steady.py")
        .collect();
    names.sort();
    names
}

fn programs_directory() -> PathBuf {
    workspace().join("fixtures/programs")
}

/// Starts a fixture program, which then goes on until this is dropped or finished.
pub fn start(name: &str, python: &Python) -> Running {
    start_with(name, python, &[] as &[&str])
}

/// Starts a fixture program with arguments.
pub fn start_with(name: &str, python: &Python, arguments: &[impl AsRef<OsStr>]) -> Running {
    let mut command = Command::new(&python.path);
    command.arg(fixture(name)).args(arguments);
    Running::start(&mut command)
}

/// A program that has said `ready`. It and all it started are killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    preamble: Vec<String>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    /// Starts a command and returns when it has printed the line `ready`.
    ///
    /// Panics, with what it said instead, if it ends or takes longer than [`LIMIT`] before that.
    pub fn start(command: &mut Command) -> Self {
        let mut child = quiet(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let deadline = Deadline::start(child.id(), LIMIT);
        let stderr = read_all(child.stderr.take().expect("standard error is a pipe"));
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut preamble = Vec::new();
        let ready = read_until_ready(&mut stdout, &mut preamble);
        drop(deadline);
        let stdout = Some(read_all(stdout));
        let running = Self {
            child,
            stdin,
            preamble,
            stdout,
            stderr: Some(stderr),
        };
        if ready {
            return running;
        }
        let preamble = running.preamble.join("\n");
        panic!(
            "{command:?} did not say `ready`\n{preamble}\n{}",
            running.finish()
        );
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The lines it printed before `ready`.
    pub fn preamble(&self) -> &[String] {
        &self.preamble
    }

    /// The last line before `ready` as JSON.
    pub fn preamble_json(&self) -> serde_json::Value {
        let line = self.preamble.last().map_or("", String::as_str);
        serde_json::from_str(line).expect("the line before `ready` is JSON")
    }

    /// Sends it a signal by name: `INT`, `TERM`.
    pub fn signal(&self, name: &str) {
        send_signal(name, &self.child.id().to_string());
    }

    /// Sends a signal to it and all it started, as a terminal does on Ctrl-C (`INT`).
    pub fn signal_group(&self, name: &str) {
        send_signal(name, &format!("-{}", self.child.id()));
    }

    /// Waits for its end with its standard input open: something else must end it.
    pub fn wait(mut self) -> Finished {
        let stdin = self.stdin.take();
        let finished = self.finish();
        drop(stdin);
        finished
    }

    /// Closes its standard input, which ends a fixture program, and waits for its end.
    ///
    /// Standard output is what it printed after `ready`.
    pub fn finish(mut self) -> Finished {
        drop(self.stdin.take());
        let deadline = Deadline::start(self.child.id(), LIMIT);
        let read = |pipe: Option<JoinHandle<Vec<u8>>>| {
            let pipe = pipe.expect("a program is finished once");
            pipe.join().expect("reading a pipe does not panic")
        };
        let stdout = read(self.stdout.take());
        let stderr = read(self.stderr.take());
        let status = self.child.wait().expect("a child can be waited for");
        let finished = Finished {
            status,
            stdout,
            stderr,
        };
        assert!(
            !deadline.expired(),
            "the program did not end within {LIMIT:?}\n{finished}"
        );
        finished
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be somebody else's.
        if let Ok(None) = self.child.try_wait() {
            kill_group(self.child.id());
            let _ = self.child.wait();
        }
    }
}

fn read_until_ready(stdout: &mut impl BufRead, preamble: &mut Vec<String>) -> bool {
    for line in stdout.lines() {
        match line {
            Ok(line) if line == "ready" => return true,
            Ok(line) => preamble.push(line),
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pythons::pythons;
    use crate::truth::Truth;
    use std::collections::BTreeSet;

    /// Programs that have no steady state, or none that ends with their input.
    const OTHERS: [&str; 11] = [
        "crash_segv.py",
        "empty.py",
        "instant_exit.py",
        "kill_self_term.py",
        "os_exit.py",
        "prints_binary.py",
        "raise_error.py",
        "reads_stdin.py",
        "short.py",
        "syntax_error.py",
        "sys_exit_3.py",
    ];

    /// The oldest and the newest interpreter: what works on both rarely fails in between.
    fn outermost() -> BTreeSet<&'static PathBuf> {
        let all = pythons();
        all.first()
            .into_iter()
            .chain(all.last())
            .map(|python| &python.path)
            .collect()
    }

    #[test]
    fn steady_programs_say_ready_and_end_with_their_input() {
        for name in programs()
            .iter()
            .filter(|name| !OTHERS.contains(&name.as_str()))
        {
            for path in outermost() {
                let running = Running::start(Command::new(path).arg(fixture(name)));
                let finished = running.finish();
                assert_eq!(
                    (finished.code(), finished.stderr_text()),
                    (0, String::new()),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn other_programs_end_as_their_truth_says() {
        for name in OTHERS {
            let truth = if name == "empty.py" {
                Truth::default()
            } else {
                Truth::of(name)
            };
            let expected = match truth.signal.as_deref() {
                Some("SIGSEGV") => 128 + libc::SIGSEGV,
                Some("SIGTERM") => 128 + libc::SIGTERM,
                _ => truth.exit.unwrap_or(0),
            };
            for path in outermost() {
                let mut command = Command::new(path);
                let finished = Finished::of(quiet(&mut command).arg(fixture(name)), b"");
                assert_eq!(finished.code(), expected, "{name}\n{finished}");
            }
        }
    }

    #[test]
    fn a_dropped_program_takes_its_children_with_it() {
        let Some(python) = pythons().last() else {
            return;
        };
        let mut running = start_with("prefork_server.py", python, &["30"]);
        let stdout = running.stdout.take().expect("it is being read");
        drop(running);
        // The pipe has an end only when nobody is left who could write to it.
        assert_eq!(stdout.join().expect("reading a pipe does not panic"), b"");
    }
}
