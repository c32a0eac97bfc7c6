//! A program alone and under a sampler, right after each other, again and again.
//!
//! Two runs that follow each other meet the same machine, so their ratio tells more than two
//! averages would. A coin decides which goes first: caches, clocks and neighbours favour neither.

use super::child::{self, Ended};
use super::rig::{Program, Rig};
use super::sampler::Sampler;
use super::statistics::Dice;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

/// What is measured against the program alone.
#[derive(Clone, Copy)]
pub(super) enum Contestant<'a> {
    /// The program alone once more: what chance does.
    Nothing,
    /// `pitstop run` with these options.
    Pitstop(&'a [&'a str]),
    /// A peer with these options of its own.
    Peer(Sampler, &'a [&'a str]),
    /// So many wake-ups a second of a thread that does nothing on the program's CPU.
    WakeUps(u32),
}

/// Runs the program alone and under the contestant; what `measure` says of either, alone first.
pub(super) fn pair(
    rig: &Rig,
    program: &Program,
    contestant: Contestant<'_>,
    dice: &mut Dice,
    measure: fn(&Ended) -> Result<f64>,
) -> Result<(f64, f64)> {
    let run = |contestant| {
        let command = command(rig, program, contestant)?;
        let ended = child::run(command, &rig.scratch, Duration::from_secs(300))?;
        measure(&ended.check("the program")?)
    };
    if dice.coin() {
        let alone = run(Contestant::Nothing)?;
        Ok((alone, run(contestant)?))
    } else {
        let sampled = run(contestant)?;
        Ok((run(Contestant::Nothing)?, sampled))
    }
}

fn command(rig: &Rig, program: &Program, contestant: Contestant<'_>) -> Result<Command> {
    let python = &program.python.executable;
    let mut command = match contestant {
        Contestant::Nothing => Command::new(python),
        Contestant::Pitstop(options) => {
            let mut command = Command::new(&rig.pitstop);
            // A bench does not replace the user's last result.
            command.env("XDG_CACHE_HOME", &rig.scratch);
            command.arg("run").args(options);
            command.arg("--python").arg(python).arg("--");
            command
        }
        Contestant::WakeUps(rate_hz) => {
            let mut command = Command::new(&rig.wake_only);
            command.arg(rate_hz.to_string()).arg(python);
            command
        }
        Contestant::Peer(Sampler::Cpython, options) => {
            let mut command = Command::new(python);
            command
                .args(["-m", "profiling.sampling", "run"])
                .args(options);
            command
        }
        Contestant::Peer(_, options) => {
            let py_spy = rig.peers.py_spy.as_ref().context("py-spy is missing")?;
            let mut command = Command::new(py_spy);
            command.arg("record").args(options).arg("-o");
            command.arg(rig.scratch.join("py-spy.out"));
            command.args([OsStr::new("--"), python.as_os_str()]);
            command
        }
    };
    command.args(&program.words);
    Ok(command)
}

/// The elapsed nanoseconds that a driver prints on a line of their own, after everything else.
pub(super) fn printed_ns(ended: &Ended) -> Result<f64> {
    let is_number = |line: &&str| !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit());
    let line = ended.stdout.lines().map(str::trim).rfind(is_number);
    let line = line.context("the program printed no elapsed time")?;
    Ok(line.parse()?)
}

/// The elapsed time of the whole command in nanoseconds.
pub(super) fn wall_ns(ended: &Ended) -> Result<f64> {
    Ok(ended.wall.as_nanos() as f64)
}

/// How often a driver has to repeat its work to take so long on this machine, as its argument.
pub(super) fn rounds_for(rig: &Rig, minor: u8, name: &str, seconds: f64) -> Result<String> {
    let program = rig.suite_program(minor, name, "1s")?;
    let command = command(rig, &program, Contestant::Nothing)?;
    let ended = child::run(command, &rig.scratch, Duration::from_secs(60))?.check(name)?;
    let rounds = ended
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("rounds "));
    let rounds: f64 = rounds
        .context("the program printed no rounds")?
        .trim()
        .parse()?;
    let rounds = rounds * seconds * 1e9 / printed_ns(&ended)?;
    Ok(format!("{}x", rounds.round().max(1.0)))
}
