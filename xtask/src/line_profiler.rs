//! `cargo xtask peers`: line_profiler, which `pitstop lines` is compared with, and the programs of pyperformance that
//! both are run on: from PyPI into `target/peers`.
//!
//! Each interpreter gets a directory for its PYTHONPATH; no virtual environment is made, because
//! one installer can fetch the packages of all versions. A second run costs milliseconds.

use crate::pythons::{self, Python};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version whose text ours equals, and the last one for Python 3.8 and 3.9.
const VERSION: &str = "5.1.0";
const OLD_VERSION: &str = "5.0.2";
/// The first Python that `VERSION` is for.
const FIRST_MINOR: u8 = 10;

/// The command: `cargo xtask peers`.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    let missing = prepare(&pythons::prepare().found);
    println!("peers: in {}", directory().display());
    if !missing.is_empty() {
        bail!("{}", missing.join("\n"));
    }
    Ok(())
}

/// What is missing, each with the reason. The rest is in [`directory`].
pub(crate) fn prepare(pythons: &[Python]) -> Vec<String> {
    let mut missing = Vec::new();
    for python in pythons {
        let version = if python.minor < FIRST_MINOR {
            OLD_VERSION
        } else {
            VERSION
        };
        let into = directory().join(format!("3.{}", python.minor));
        if into
            .join(format!("line_profiler-{version}.dist-info"))
            .is_dir()
        {
            continue;
        }
        let wheel = format!("line_profiler=={version}");
        // The other two depend on the version that runs pip, where pip does not know better.
        let names = [wheel.as_str(), "typing_extensions", "tomli"];
        if let Err(error) = install(pythons, &into, Some(python.minor), &names) {
            missing.push(format!("line_profiler for 3.{} ({error:#})", python.minor));
        }
    }
    let programs = directory().join("pyperformance");
    if !programs.join("pyperformance").is_dir() {
        // The programs are data in it, for any version; nothing of it is imported.
        if let Err(error) = install(pythons, &programs, None, &["--no-deps", "pyperformance"]) {
            missing.push(format!("the programs of pyperformance ({error:#})"));
        }
    }
    missing
}

/// Where they are: `3.X` for each version, and `pyperformance`.
pub(crate) fn directory() -> PathBuf {
    workspace::root().join("target/peers")
}

fn install(pythons: &[Python], into: &Path, minor: Option<u8>, what: &[&str]) -> Result<()> {
    let names = what.iter().filter(|name| !name.starts_with("--"));
    let names: Vec<&str> = names.copied().collect();
    println!("installing {} into {}", names.join(", "), into.display());
    let has_pip = |python: &&Python| {
        let mut ask = Command::new(&python.executable);
        process::output(ask.args(["-m", "pip", "--version"])).is_ok()
    };
    let Some(installer) = pythons.iter().rev().find(has_pip) else {
        bail!("no interpreter here has pip");
    };
    let mut pip = Command::new(&installer.executable);
    pip.args(["-m", "pip", "install", "--quiet", "--upgrade"])
        .args(["--disable-pip-version-check", "--no-warn-script-location"])
        .args(["--root-user-action", "ignore", "--only-binary", ":all:"])
        .arg("--target")
        .arg(into);
    if let Some(minor) = minor {
        pip.arg("--python-version").arg(format!("3.{minor}"));
    }
    process::output(pip.args(what)).context("pip cannot install it")?;
    Ok(())
}
