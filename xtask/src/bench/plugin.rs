//! `cargo xtask bench plugin`: what the `benchmark` fixture costs, ours beside pytest-benchmark's.
//!
//! *Outside*: time a round takes beyond what its own clock says, which lengthens a suite. *Inside*:
//! what an empty function is said to take, which is in every figure. Each value is a process of
//! pytest's; the two tools take turns in pairs, a coin decides who goes first, and ratios are of
//! pairs.

use crate::plugin::Environment;
use crate::{process, pythons};
use anyhow::{Context, Result, bail};
use pitstop_stats::{Rng, centre, median};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

const USAGE: &str = "\
usage: cargo xtask bench plugin [options]

    --pairs N         pairs of processes [20]
    --quick           three of them: shows that it works, not how well";

const PROBE: &str = include_str!("plugin/test_probe.py");

/// Of each probe, in the order they ran: its name, and nanoseconds outside and inside.
type Figures = Vec<(String, [f64; 2])>;

/// The command.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let mut pairs = 20usize;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--pairs" => pairs = rest.next().context("`--pairs` needs a value")?.parse()?,
            "--quick" => pairs = 3,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(());
            }
            unknown => bail!("no option `{unknown}`\n\n{USAGE}"),
        }
    }
    let environment = Environment::prepare(&pythons::prepare().found)?;
    let mut dice = Rng::new(0);
    // By probe and by figure: ours and theirs, a pair each.
    let mut found: BTreeMap<(usize, usize), Vec<(f64, f64)>> = BTreeMap::new();
    let mut names = Vec::new();
    for _ in 0..pairs.max(1) {
        let (ours, theirs);
        if dice.coin() {
            ours = one(&environment, false)?;
            theirs = one(&environment, true)?;
        } else {
            theirs = one(&environment, true)?;
            ours = one(&environment, false)?;
        }
        if ours.len() != theirs.len() {
            bail!("a probe did not run everywhere");
        }
        names = ours.iter().map(|(name, _)| name.clone()).collect();
        for (at, ((_, ours), (_, theirs))) in ours.iter().zip(&theirs).enumerate() {
            for figure in 0..2 {
                let values = found.entry((at, figure)).or_default();
                values.push((ours[figure], theirs[figure]));
            }
        }
    }
    println!(
        "the benchmark fixture of CPython {}, {pairs} pairs of processes; ns a round outside its clock, \
         and ns of an empty function inside\n",
        environment.python.version
    );
    println!(
        "{:<20}{:<9}{:>9}{:>18}   ours / theirs",
        "", "", "pitstop", "pytest-benchmark"
    );
    for ((at, figure), values) in &found {
        let side =
            |take: fn(&(f64, f64)) -> f64| median(&values.iter().map(take).collect::<Vec<_>>());
        let logs: Vec<f64> = values
            .iter()
            .filter(|(ours, theirs)| *ours > 0.0 && *theirs > 0.0)
            .map(|(ours, theirs)| (ours / theirs).ln())
            .collect();
        if logs.is_empty() {
            bail!("`{}` has no time that is more than nothing", names[*at]);
        }
        let (ratio, interval) = centre(&logs, 0.95);
        let range = interval.map_or(String::new(), |interval| {
            format!("  [{:.2} … {:.2}]", interval.low.exp(), interval.high.exp())
        });
        println!(
            "{:<20}{:<9}{:>9.1}{:>18.1}   {:.2}{range}",
            names[*at],
            ["outside", "inside"][*figure],
            side(|(ours, _)| *ours),
            side(|(_, theirs)| *theirs),
            ratio.exp()
        );
    }
    Ok(())
}

/// One process of pytest's with one of the two.
fn one(environment: &Environment, theirs: bool) -> Result<Figures> {
    let home = environment.directory("probe");
    fs::create_dir_all(&home)?;
    fs::write(home.join("test_probe.py"), PROBE)?;
    let written = home.join("figures.txt");
    let _ = fs::remove_file(&written);
    let own = format!("3.{}", environment.python.minor);
    let tool = if theirs { "beside" } else { "ours" };
    let mut command = environment.pytest(&environment.python, theirs)?;
    command
        .arg("test_probe.py")
        .current_dir(&home)
        .env("PYTHONPATH", environment.path(&[own.as_str(), tool])?)
        .env("PITSTOP_PROBE", &written);
    process::output(&mut command)?;
    let text = fs::read_to_string(&written).context("no probe has written anything")?;
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line)?;
            let name = value["name"].as_str().context("a probe without a name")?;
            let number = |key: &str| value[key].as_f64().context("a probe without a time");
            Ok((
                name.to_owned(),
                [number("outside_ns")?, number("inside_ns")?],
            ))
        })
        .collect()
}
