//! Running a program to its end: how long it took, what it printed, and never for ever.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What is known of a program that has ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// From before it was started until its status was there.
    pub(super) wall: Duration,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    /// An error with the program's last words, unless it succeeded.
    pub(super) fn check(self, what: &str) -> Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        bail!(
            "{what} ended with {}: {}",
            self.status,
            self.last_words().unwrap_or("it says nothing")
        )
    }

    /// What it complained about, or else what it said last.
    fn last_words(&self) -> Option<&str> {
        let mut texts = [&self.stderr, &self.stdout].into_iter();
        texts.find_map(|text| text.lines().rfind(|line| !line.trim().is_empty()))
    }
}

/// Runs a program with its output in files of `scratch`: a pipe that nobody empties in time would
/// slow it down. One that takes longer than `deadline` is killed, which is an error.
pub(super) fn run(mut command: Command, scratch: &Path, deadline: Duration) -> Result<Ended> {
    let (stdout, stderr) = (scratch.join("stdout"), scratch.join("stderr"));
    command
        .stdin(Stdio::null())
        .stdout(File::create(&stdout)?)
        .stderr(File::create(&stderr)?);
    let shown = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let pid = child.id();
    let (sender, ended) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let status = child.wait();
        // Nobody listens any more after the deadline.
        let _ = sender.send((status, start.elapsed()));
    });
    let Ok((status, wall)) = ended.recv_timeout(deadline) else {
        // It was not waited for yet, so the number is still its own.
        let _ = Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status();
        let _ = waiter.join();
        bail!("`{shown}` did not end within {} s", deadline.as_secs());
    };
    let text =
        |path| Ok::<_, anyhow::Error>(String::from_utf8_lossy(&std::fs::read(path)?).into_owned());
    Ok(Ended {
        status: status?,
        wall,
        stdout: text(stdout)?,
        stderr: text(stderr)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_by_itself_or_is_ended() {
        let scratch = std::env::temp_dir().join(format!("pitstop-bench-{}", std::process::id()));
        std::fs::create_dir_all(&scratch).expect("a place for files");
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let long = Duration::from_secs(60);
        let ended = run(shell("echo 1; echo 2 >&2; exit 3"), &scratch, long).expect("it runs");
        assert_eq!((ended.stdout.trim(), ended.stderr.trim()), ("1", "2"));
        let error = ended.check("sh").err().expect("3 is no success");
        assert!(error.to_string().contains("status: 3: 2"), "{error}");
        let short = Duration::from_millis(50);
        let error = run(shell("exec sleep 60"), &scratch, short).err();
        assert!(error.is_some());
        std::fs::remove_dir_all(&scratch).expect("it was made above");
    }
}
