//! A process that ran to its end, and all it said.

use crate::deadline::Deadline;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a process may take before it is killed and its test fails. Generous: a slow machine
/// shared with other builds is no reason to fail.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What a process left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The bytes it wrote to standard output.
    pub stdout: Vec<u8>,
    /// The bytes it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Runs a command to its end within [`LIMIT`], with these bytes as its standard input.
    ///
    /// Panics, with what it said so far, if it does not end in time.
    pub fn of(command: &mut Command, stdin: &[u8]) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let deadline = Deadline::start(child.id(), LIMIT);
        let mut input = child.stdin.take().expect("standard input is a pipe");
        let stdout = read_all(child.stdout.take().expect("standard output is a pipe"));
        let stderr = read_all(child.stderr.take().expect("standard error is a pipe"));
        // A program may well end without reading all of it.
        let bytes = stdin.to_vec();
        let writer = std::thread::spawn(move || drop(input.write_all(&bytes)));
        let stdout = stdout.join().expect("reading a pipe does not panic");
        let stderr = stderr.join().expect("reading a pipe does not panic");
        let status = child.wait().expect("a child can be waited for");
        writer.join().expect("writing a pipe does not panic");
        let finished = Self {
            status,
            stdout,
            stderr,
        };
        assert!(
            !deadline.expired(),
            "{command:?} did not end within {LIMIT:?}\n{finished}"
        );
        finished
    }

    /// The exit status as a shell shows it: 128 and the signal's number for a signal.
    pub fn code(&self) -> i32 {
        let signal = self.signal().map_or(-1, |signal| 128 + signal);
        self.status.code().unwrap_or(signal)
    }

    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Its standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The last line of its standard output as JSON.
    pub fn last_json(&self) -> serde_json::Value {
        let text = self.stdout_text();
        let line = text.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("no JSON in the last line ({error})\n{self}"))
    }

    /// Itself, if it ended with this exit status; panics with all it said otherwise.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self}");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(out, "{}", self.status)?;
        writeln!(out, "--- standard output\n{}", self.stdout_text())?;
        write!(out, "--- standard error\n{}", self.stderr_text())
    }
}

/// Reads a pipe to its end on a thread of its own, so that the writer never has to wait.
pub(crate) fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is kept; the error itself tells a test nothing.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_in_and_come_out_unchanged() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        let finished = Finished::of(&mut Command::new("cat"), &bytes);
        assert_eq!((finished.code(), finished.stdout == bytes), (0, true));
    }

    #[test]
    fn a_signal_counts_from_128() {
        let mut command = Command::new("sh");
        let finished = Finished::of(command.args(["-c", "kill -s TERM $$"]), b"");
        assert_eq!((finished.code(), finished.signal()), (143, Some(15)));
    }
}
