//! `cargo xtask plugin`: the tests of the plugin for pytest in `python/`, and pytest-benchmark's own against it.
//!
//! Everything lies under `target/plugin`: pytest for each interpreter, our package as users install
//! it, and the source archive of pytest-benchmark, whose tests run with that package uninstalled.
//! A second run fetches nothing.

mod environment;
mod peer;

use crate::process;
use crate::pythons::{self, Python};
use anyhow::{Result, bail};
pub(crate) use environment::Environment;
use std::process::Command;
use std::time::Instant;

/// The command. With arguments, only the plugin's own tests run, and pytest gets the arguments.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let pythons = pythons::prepare().found;
    tests(&Environment::prepare(&pythons)?, &pythons, arguments)
}

/// Runs all tests, two processes at a time.
pub(crate) fn tests(
    environment: &Environment,
    pythons: &[Python],
    arguments: &[String],
) -> Result<()> {
    let begin = Instant::now();
    let own = || -> Result<()> {
        for python in pythons {
            own_tests(environment, python, arguments)?;
        }
        beside(environment, arguments)
    };
    if !arguments.is_empty() {
        return own();
    }
    let archive = environment.archive()?;
    // pytest-benchmark's tests of calibration take a minute and a half by the clock, whatever runs
    // them: theirs go beside all others.
    let (theirs, rest) = std::thread::scope(|scope| {
        let slow = scope.spawn(|| peer::outcomes(environment, &archive, peer::Part::Calibration));
        let rest = peer::outcomes(environment, &archive, peer::Part::Rest)
            .and_then(|rest| own().map(|()| rest));
        (slow.join(), rest)
    });
    let Ok(theirs) = theirs else {
        bail!("the thread that ran the tests of calibration broke");
    };
    let mut outcomes = rest?;
    outcomes.append(&mut theirs?);
    peer::judge(&outcomes)?;
    println!("plugin: done in {} s", begin.elapsed().as_secs());
    Ok(())
}

/// The plugin's own tests with one interpreter.
fn own_tests(environment: &Environment, python: &Python, arguments: &[String]) -> Result<()> {
    let mut command = environment.pytest(python, false)?;
    command.arg(environment.tests()).arg("--ignore");
    command
        .arg(environment.tests().join("beside"))
        .args(arguments);
    finish(&format!("plugin on {}", python.version), &mut command)
}

/// Its tests with pytest-benchmark installed beside it.
fn beside(environment: &Environment, arguments: &[String]) -> Result<()> {
    let mut command = environment.pytest(&environment.python, true)?;
    command
        .arg(environment.tests().join("beside"))
        .args(arguments);
    finish("plugin beside pytest-benchmark", &mut command)
}

/// Runs it and prints the last line of what it said; all of it if it fails.
fn finish(what: &str, command: &mut Command) -> Result<()> {
    let done = command.output()?;
    let said = String::from_utf8_lossy(&done.stdout);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    // 5: the arguments choose no test of these.
    let is_filtered = done.status.code() == Some(5) && said.contains(" deselected in ");
    if !done.status.success() && !is_filtered {
        print!("{said}{}", String::from_utf8_lossy(&done.stderr));
        bail!("{what}: {}", last.unwrap_or("pytest said nothing"));
    }
    println!("{what}: {}", last.unwrap_or_default());
    Ok(())
}

/// Runs pip quietly.
fn pip(python: &Python, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(&python.executable);
    command
        .args(["-m", "pip"])
        .args(arguments)
        .args(["--quiet", "--disable-pip-version-check"]);
    process::output(&mut command).map(drop)
}
