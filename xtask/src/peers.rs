//! `cargo xtask peers`: line_profiler, which `pitstop lines` is compared with, libraries that change
//! how programs run (greenlet, uvloop, aiosqlite), and the programs of pyperformance: from PyPI into
//! `target/peers`.
//!
//! Each interpreter gets a directory for its PYTHONPATH; no virtual environment is made, because
//! one installer can fetch the packages of all versions. A second run costs milliseconds.

use crate::pythons::{self, Python};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package that an interpreter gets.
struct Package {
    name: &'static str,
    /// From which minor version on which version; before the first there would be none.
    versions: &'static [(u8, &'static str)],
    /// What it imports besides itself.
    with: &'static [&'static str],
}

/// Every version here has wheels for the interpreters that it is for.
const PACKAGES: &[Package] = &[
    Package {
        name: "line_profiler",
        versions: &[(8, "5.0.2"), (10, "5.1.0")],
        // These depend on the version that runs pip, where pip does not know better.
        with: &["typing_extensions", "tomli"],
    },
    Package {
        name: "greenlet",
        versions: &[(8, "3.1.1"), (9, "3.2.4"), (10, "3.5.6")],
        with: &[],
    },
    Package {
        name: "aiosqlite",
        versions: &[(8, "0.20.0"), (9, "0.22.1")],
        with: &["typing_extensions"],
    },
    Package {
        name: "uvloop",
        versions: &[(8, "0.21.0"), (10, "0.23.0")],
        with: &[],
    },
];

impl Package {
    fn version(&self, minor: u8) -> Option<&'static str> {
        let fitting = self.versions.iter().rev();
        fitting
            .filter(|(first, _)| *first <= minor)
            .map(|(_, version)| *version)
            .next()
    }
}

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
        let into = directory().join(format!("3.{}", python.minor));
        for package in PACKAGES {
            let name = package.name;
            let Some(version) = package.version(python.minor) else {
                continue;
            };
            if into.join(format!("{name}-{version}.dist-info")).is_dir() {
                continue;
            }
            let wheel = format!("{name}=={version}");
            let mut what = vec!["--no-deps", wheel.as_str()];
            what.extend(package.with);
            if let Err(error) = install(pythons, &into, Some(python.minor), &what) {
                missing.push(format!("{name} for 3.{} ({error:#})", python.minor));
            }
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
