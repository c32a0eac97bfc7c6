//! `cargo xtask pythons`: CPython 3.8 to 3.15, side by side under `target/pythons`.
//!
//! Each ends up as `target/pythons/3.X/bin/python3.X`. 3.8 to 3.13 are looked up on this machine
//! ([`installed`]); 3.14 and 3.15 come as packages of Debian unstable ([`debian`]), unpacked and
//! never installed. What already answers is left alone, so a second run costs milliseconds.

mod debian;
mod installed;

use crate::{process, workspace};
use anyhow::{Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The minor versions of Python 3 that the product knows.
pub(crate) const MINORS: std::ops::RangeInclusive<u8> = 8..=15;

/// The first minor version that is fetched from Debian when the machine has none.
const FIRST_FROM_DEBIAN: u8 = 14;

/// One interpreter that answers.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    /// The minor version of Python 3.
    pub(crate) minor: u8,
    /// The whole version, like `3.13.0`.
    pub(crate) version: String,
    /// `target/pythons/3.X/bin/python3.X`.
    pub(crate) executable: PathBuf,
}

impl Python {
    /// The directories to compile against: that of `Python.h`, and where Debian splits its headers
    /// by architecture also the one above.
    pub(crate) fn include_directories(&self) -> Result<Vec<PathBuf>> {
        let real = self.executable.canonicalize()?;
        let prefix = real
            .parent()
            .and_then(Path::parent)
            .unwrap_or(Path::new("/"));
        let include = prefix.join("include");
        for name in [
            format!("python3.{}", self.minor),
            format!("python3.{}m", self.minor),
        ] {
            if include.join(&name).join("Python.h").is_file() {
                return Ok(vec![include.join(name), include]);
            }
        }
        bail!(
            "no headers of Python 3.{} in `{}`",
            self.minor,
            include.display()
        )
    }
}

/// What could be found or made, and what could not.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Interpreters that answer, oldest first.
    pub(crate) found: Vec<Python>,
    /// Minor versions without one, and why.
    pub(crate) missing: Vec<(u8, String)>,
}

impl Inventory {
    fn add(&mut self, minor: u8, made: Result<Python>) {
        match made {
            Ok(python) => self.found.push(python),
            Err(error) => self.missing.push((minor, format!("{error:#}"))),
        }
    }
}

/// The command: one line an interpreter.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    let Inventory { found, missing } = prepare();
    for python in &found {
        let shown = python
            .executable
            .strip_prefix(workspace::root())
            .unwrap_or(&python.executable);
        println!("{:<9}{}", python.version, shown.display());
    }
    for (minor, reason) in &missing {
        println!("3.{minor:<7}missing: {reason}");
    }
    if missing.is_empty() {
        Ok(())
    } else {
        bail!("{} interpreters are missing", missing.len())
    }
}

/// Finds every interpreter, and fetches those that can be fetched.
pub(crate) fn prepare() -> Inventory {
    let mut inventory = Inventory::default();
    let mut to_fetch = Vec::new();
    for minor in MINORS {
        if let Some(python) = ready(minor) {
            inventory.found.push(python);
        } else if let Some(executable) = installed::executable(minor) {
            inventory.add(minor, adopt(minor, &executable));
        } else if minor >= FIRST_FROM_DEBIAN {
            to_fetch.push(minor);
        } else {
            inventory.add(
                minor,
                Err(anyhow!("neither in pyenv, nor on PATH, nor from uv")),
            );
        }
    }
    if !to_fetch.is_empty() {
        fetch(&to_fetch, &mut inventory);
    }
    inventory.found.sort_by_key(|python| python.minor);
    inventory
}

fn fetch(minors: &[u8], inventory: &mut Inventory) {
    let names: Vec<String> = minors.iter().map(|minor| format!("3.{minor}")).collect();
    println!("fetching {} from Debian unstable", names.join(" and "));
    let root = match inventory.found.last() {
        Some(helper) => debian::fetch(minors, &helper.executable),
        None => Err(anyhow!("no interpreter with pip to start from")),
    };
    for &minor in minors {
        let made = match &root {
            Ok(root) => adopt(minor, &debian::executable(root, minor)),
            Err(error) => Err(anyhow!("{error:#}")),
        };
        inventory.add(minor, made);
    }
}

/// The interpreter of that minor version, if it is in place and answers.
fn ready(minor: u8) -> Option<Python> {
    let executable = slot(minor);
    let version = version_of(&executable, minor).ok()?;
    Some(Python {
        minor,
        version,
        executable,
    })
}

/// Puts an interpreter in its place by a symbolic link; CPython finds its library behind it.
fn adopt(minor: u8, executable: &Path) -> Result<Python> {
    let slot = slot(minor);
    let directory = slot.parent().expect("a slot lies in a bin directory");
    std::fs::create_dir_all(directory)?;
    if slot.symlink_metadata().is_ok() {
        std::fs::remove_file(&slot)?;
    }
    std::os::unix::fs::symlink(executable, &slot)?;
    let version = version_of(&slot, minor)?;
    Ok(Python {
        minor,
        version,
        executable: slot,
    })
}

fn slot(minor: u8) -> PathBuf {
    workspace::pythons()
        .join(format!("3.{minor}"))
        .join("bin")
        .join(format!("python3.{minor}"))
}

/// Asks an interpreter who it is; it must be the CPython we took it for.
fn version_of(executable: &Path, minor: u8) -> Result<String> {
    const QUESTION: &str = "import sys; print(sys.implementation.name, sys.version.split()[0])";
    let answer = process::output(Command::new(executable).args(["-I", "-S", "-c", QUESTION]))?;
    let version = answer.trim().strip_prefix("cpython ").unwrap_or_default();
    if !version.starts_with(&format!("3.{minor}.")) {
        bail!(
            "`{}` is not CPython 3.{minor} but `{}`",
            executable.display(),
            answer.trim()
        );
    }
    Ok(version.to_owned())
}
