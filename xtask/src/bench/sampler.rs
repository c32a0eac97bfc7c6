//! The ways to sample a program, each told to do the same.

use super::child::{self, Ended};
use super::rig::{CPYTHON_PEER, Program, Rig};
use super::stacks::{self, Stack};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sampler {
    Pitstop,
    /// Under 3.15's frame sequence counter, which takes a write to the target.
    PitstopSequenceLock,
    /// Twice from another CPU, whatever the rate.
    PitstopDouble,
    /// Stops the thread it reads: the reference.
    PitstopBlocking,
    /// Stops every thread, which is its default.
    PySpy,
    PySpyNonblocking,
    /// CPython 3.15's `profiling.sampling`, which samples its own version only.
    Cpython,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Rate {
    Hz(u32),
    /// As fast as it goes.
    Max,
}

/// What one run gave.
pub(super) struct Taken {
    /// Samples it stands for. Whether they are true is another question.
    pub(super) accepted: u64,
    /// Samples it tried and marked or dropped.
    pub(super) lost: u64,
    /// Why it says so, with numbers; empty where it does not.
    pub(super) reasons: String,
    /// How long it sampled.
    pub(super) seconds: f64,
    /// Accepted stacks only.
    pub(super) stacks: Vec<Stack>,
}

impl Taken {
    /// Accepted samples among those it tried.
    pub(super) fn accepted_share(&self) -> f64 {
        self.accepted as f64 / (self.accepted + self.lost).max(1) as f64
    }
}

impl Sampler {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pitstop => "pitstop",
            Self::PitstopSequenceLock => "pitstop --method seqlock",
            Self::PitstopDouble => "pitstop --method double",
            Self::PitstopBlocking => "pitstop --blocking",
            Self::PySpy => "py-spy",
            Self::PySpyNonblocking => "py-spy --nonblocking",
            Self::Cpython => "profiling.sampling",
        }
    }

    /// True if it is ours, however it reads.
    pub(super) fn is_ours(self) -> bool {
        !matches!(self, Self::PySpy | Self::PySpyNonblocking | Self::Cpython)
    }

    /// True if it is there and samples that version.
    pub(super) fn samples(self, rig: &Rig, minor: u8) -> bool {
        match self {
            Self::Pitstop | Self::PitstopBlocking | Self::PitstopDouble => true,
            Self::PitstopSequenceLock => minor >= CPYTHON_PEER,
            Self::PySpy | Self::PySpyNonblocking => rig.peers.py_spy.is_some(),
            Self::Cpython => minor == CPYTHON_PEER,
        }
    }

    /// Starts a program under the sampler until it ends, or for so many seconds.
    pub(super) fn sample(
        self,
        rig: &Rig,
        program: &Program,
        rate: Rate,
        seconds: Option<u64>,
    ) -> Result<Taken> {
        let output = self.output(rig);
        // What a failed run left must not pass for the result of this one.
        let _ = std::fs::remove_file(&output);
        let command = self.command(rig, program, rate, seconds, &output)?;
        let ended = child::run(command, &rig.scratch, Duration::from_secs(600))?;
        // Whoever is told to stop early ends the program, and some then end as it did.
        let ended = if seconds.is_none() {
            ended.check(self.name())?
        } else {
            ended
        };
        self.read(&output, &ended)
            .with_context(|| format!("{} left no result: {}", self.name(), ended.stderr.trim()))
    }

    /// The command that samples a program and writes stacks to `output`.
    pub(super) fn command(
        self,
        rig: &Rig,
        program: &Program,
        rate: Rate,
        seconds: Option<u64>,
        output: &Path,
    ) -> Result<Command> {
        let mut command = self.options(rig, &program.python.executable, "run", rate, output)?;
        if let Some(seconds) = seconds {
            command.args(["-d", &seconds.to_string()]);
        }
        if self != Self::Cpython {
            command.arg("--").arg(&program.python.executable);
        }
        command.args(&program.words);
        Ok(command)
    }

    /// The command that samples all threads of a process that runs already.
    pub(super) fn attach(
        self,
        rig: &Rig,
        python: &Path,
        pid: u32,
        rate: Rate,
        seconds: u64,
    ) -> Result<Command> {
        let output = self.output(rig);
        let mut command = self.options(rig, python, "attach", rate, &output)?;
        command.args(["-d", &seconds.to_string()]);
        if self == Self::Cpython {
            command.args(["-a", &pid.to_string()]);
        } else {
            command.args(["-p", &pid.to_string()]);
        }
        Ok(command)
    }

    fn options(
        self,
        rig: &Rig,
        python: &Path,
        mode: &str,
        rate: Rate,
        output: &Path,
    ) -> Result<Command> {
        let mut command = match self {
            _ if self.is_ours() => {
                let mut command = Command::new(&rig.pitstop);
                // A bench does not replace the user's last result.
                command.env("XDG_CACHE_HOME", &rig.scratch);
                command.args(["record", "-q", "--keep-rate"]);
                match self {
                    Self::PitstopBlocking => command.arg("--blocking"),
                    Self::PitstopSequenceLock => command.args(["--method", "seqlock"]),
                    Self::PitstopDouble => command.args(["--method", "double"]),
                    _ => &mut command,
                };
                command
            }
            Self::PySpy | Self::PySpyNonblocking => {
                let mut command = Command::new(rig.peers.py_spy.as_ref().context("no py-spy")?);
                command.args(["record", "-F", "-f", "raw"]);
                command.args((self == Self::PySpyNonblocking).then_some("--nonblocking"));
                command
            }
            _ => {
                let mut command = Command::new(python);
                command.args(["-m", "profiling.sampling", mode]);
                command.args(["--collapsed", "--no-gc"]);
                command
            }
        };
        let rate = match (rate, self) {
            (Rate::Hz(rate), _) => rate.to_string(),
            (Rate::Max, Self::Cpython) => "1000khz".to_owned(),
            (Rate::Max, _) if self.is_ours() => "max".to_owned(),
            (Rate::Max, _) => bail!("{} has no highest rate", self.name()),
        };
        command.args(["-r", &rate, "-o"]).arg(output);
        Ok(command)
    }

    /// The file of the last result.
    pub(super) fn output(self, rig: &Rig) -> PathBuf {
        rig.scratch.join(match self {
            Self::PySpy | Self::PySpyNonblocking => "stacks.raw",
            Self::Cpython => "stacks.collapsed",
            _ => "profile.json",
        })
    }

    /// Reads what the last run left.
    fn read(self, output: &Path, ended: &Ended) -> Result<Taken> {
        let text = std::fs::read_to_string(output)?;
        let said = format!("{}\n{}", ended.stdout, ended.stderr);
        match self {
            _ if self.is_ours() => stacks::pitstop(&text),
            Self::PySpy | Self::PySpyNonblocking => {
                let accepted = number_after(&said, "Samples: ")? as u64;
                Ok(Taken {
                    accepted,
                    lost: number_after(&said, "Errors: ")? as u64,
                    reasons: String::new(),
                    seconds: ended.wall.as_secs_f64(),
                    stacks: stacks::py_spy(&text),
                })
            }
            _ => {
                let tried = number_after(&said, "Captured ")?;
                let lost = (tried * number_after(&said, "Error rate: ")? / 100.0).round();
                Ok(Taken {
                    accepted: (tried - lost) as u64,
                    lost: lost as u64,
                    reasons: String::new(),
                    seconds: number_after(&said, "samples in ")?,
                    stacks: stacks::cpython(&text),
                })
            }
        }
    }
}

/// The number that follows those words.
fn number_after(text: &str, words: &str) -> Result<f64> {
    let rest = text.split_once(words).map(|(_, rest)| rest);
    let number = rest.map(|rest| {
        rest.chars()
            .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
            .filter(|c| *c != ',')
            .collect::<String>()
    });
    number
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("it does not say `{}`", words.trim()))
}

#[cfg(test)]
mod tests {
    use super::number_after;

    #[test]
    fn numbers_are_found_in_what_peers_print() {
        let said = "Captured 3013 samples in 3.01 seconds\nError rate: 15.37\n";
        assert_eq!(number_after(said, "Captured ").ok(), Some(3013.0));
        assert_eq!(number_after(said, "samples in ").ok(), Some(3.01));
        assert_eq!(number_after(said, "Error rate: ").ok(), Some(15.37));
        assert!(number_after(said, "Samples: ").is_err());
    }
}
