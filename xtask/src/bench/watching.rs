//! What watching costs (`pitstop trace --args`, `--queries`, `--blocking`), as part of
//! `cargo xtask bench tracing`: the work of `fixtures/bench/evidence.py` alone and watched, in turn.
//!
//! The program tells how long one call, statement or message took. For calls the figure is the
//! difference in nanoseconds, for the others the ratio; the median over all rounds.

use super::child;
use super::rig::{self, Rig};
use super::statistics::{Dice, Median, median};
use anyhow::{Context, Result};
use std::process::Command;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(120);

/// How a cost is told.
enum Told {
    /// What is added to each call, in nanoseconds.
    Added,
    /// Watched to alone.
    Ratio,
}

/// A part of the program, the options that watch it, what that is called, and the most it may cost
/// on 3.12 and later. Up to 3.11 every call of a Python function passes us while arguments are
/// watched; that is reported only.
const CASES: [(&str, &[&str], &str, Told, f64); 4] = [
    (
        "args",
        &["--args", "watched"],
        "--args, a call",
        Told::Added,
        20.0,
    ),
    (
        "other",
        &["--args", "watched"],
        "--args, a call beside it",
        Told::Added,
        5.0,
    ),
    (
        "queries",
        &["--queries"],
        "--queries, sqlite3",
        Told::Ratio,
        1.05,
    ),
    (
        "blocking",
        &["--blocking"],
        "--blocking, asyncio",
        Told::Ratio,
        1.05,
    ),
];

/// One line for each case.
pub(super) fn lines(rig: &Rig, minor: u8, rounds: usize) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for (name, options, what, told, limit) in CASES {
        let mut ways: [(Option<&[&str]>, Vec<f64>); 2] =
            [(None, Vec::new()), (Some(options), Vec::new())];
        let mut dice = Dice::new();
        for _ in 0..rounds {
            dice.shuffle(&mut ways);
            for (options, times) in &mut ways {
                times.push(one(rig, minor, name, *options)?);
            }
        }
        ways.sort_by_key(|(options, _)| options.is_some());
        let [(_, alone), (_, watched)] = &ways;
        let pairs = alone.iter().zip(watched);
        let figures: Vec<f64> = match told {
            Told::Added => pairs.map(|(alone, watched)| watched - alone).collect(),
            Told::Ratio => pairs.map(|(alone, watched)| watched / alone).collect(),
        };
        let figure = median(&figures).context("nothing was measured")?;
        lines.push(line(minor, what, &told, figure, limit));
    }
    Ok(lines)
}

/// Runs the program once: what one call took, in nanoseconds.
fn one(rig: &Rig, minor: u8, name: &str, options: Option<&[&str]>) -> Result<f64> {
    let script = rig::fixtures("bench").join("evidence.py");
    let python = &rig.python(minor)?.executable;
    let mut command = match options {
        None => Command::new(python),
        Some(options) => {
            let mut command = Command::new(&rig.pitstop);
            // A bench does not replace the user's last result.
            command.env("XDG_CACHE_HOME", &rig.scratch);
            command.args(["trace", "-q"]).args(options);
            command.arg("--python").arg(python);
            command
        }
    };
    command.arg(script).arg(name).env("PYTHONHASHSEED", "0");
    let ended = child::run(command, &rig.scratch, DEADLINE)?.check("evidence.py")?;
    let said = ended.stdout.trim();
    said.parse()
        .with_context(|| format!("evidence.py says `{said}`"))
}

fn line(minor: u8, what: &str, told: &Told, figure: Median, limit: f64) -> String {
    let (target, shown) = match told {
        Told::Added => (
            format!("<= {limit:.0} ns"),
            format!(
                "{:+.1} ({:+.1} to {:+.1}) ns",
                figure.value, figure.low, figure.high
            ),
        ),
        Told::Ratio => (
            format!("<= {limit:.2}"),
            format!(
                "{:.3} ({:.3} to {:.3})",
                figure.value, figure.low, figure.high
            ),
        ),
    };
    let (target, reached) = match (minor >= 12, figure.value <= limit) {
        (false, _) => (String::new(), ""),
        (true, true) => (target, "yes"),
        (true, false) => (target, "NO"),
    };
    format!(
        "{:<52} {target:>8} {shown:>22} {:>9} {reached}",
        format!("3.{minor} {what}"),
        ""
    )
}
