//! What a figure is measured with: ours, theirs, interpreters, programs.

use super::options::Options;
use super::peers::{self, Peers};
use crate::pythons::{self, Python};
use crate::{ci, workspace};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The minor version that has `profiling.sampling`.
pub(super) const CPYTHON_PEER: u8 = 15;

/// Everything a figure needs.
pub(super) struct Rig {
    pub(super) pitstop: PathBuf,
    /// Oldest first.
    pub(super) pythons: Vec<Python>,
    pub(super) peers: Peers,
    /// Wakes a thread on a program's CPU that does nothing there.
    pub(super) wake_only: PathBuf,
    pub(super) quick: bool,
    pub(super) samples: Option<u64>,
    pub(super) pairs: Option<usize>,
    /// For files of one measurement.
    pub(super) scratch: PathBuf,
}

/// A Python program with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) python: Python,
    pub(super) words: Vec<OsString>,
}

impl Rig {
    /// Builds, finds and installs what is needed; says what is missing.
    pub(super) fn prepare(options: &Options) -> Result<Self> {
        let home = home();
        let scratch = home.join("scratch");
        std::fs::create_dir_all(&scratch)?;
        let pitstop = match &options.pitstop {
            Some(path) => path.clone(),
            None => build(&["--package", "pitstop-cli", "--bin", "pitstop"])?,
        };
        let wake_only = build(&["--package", "pitstop-target", "--example", "wake_only"])?;
        let mut inventory = pythons::prepare();
        for (minor, reason) in &inventory.missing {
            println!("missing: Python 3.{minor}: {reason}");
        }
        let any = inventory.found.iter().find(|python| python.minor >= 11);
        let any = any.context("no interpreter from 3.11 up to install the peers with")?;
        let peers = peers::prepare(&home, &any.executable);
        for what in &peers.missing {
            println!("missing: {what}");
        }
        if !options.minors.is_empty() {
            let wanted = |python: &Python| options.minors.contains(&python.minor);
            inventory.found.retain(wanted);
        }
        Ok(Self {
            pitstop,
            pythons: inventory.found,
            peers,
            wake_only,
            quick: options.quick,
            samples: options.samples,
            pairs: options.pairs,
            scratch,
        })
    }

    pub(super) fn python(&self, minor: u8) -> Result<&Python> {
        let python = self.pythons.iter().find(|python| python.minor == minor);
        python.with_context(|| format!("Python 3.{minor} is missing"))
    }

    /// A driver of `fixtures/bench` for one program of pyperformance; `amount` is like `10s`
    /// (so long) or `120x` (so often).
    pub(super) fn suite_program(&self, minor: u8, name: &str, amount: &str) -> Result<Program> {
        let benchmarks = self.peers.benchmarks.as_ref();
        let benchmarks = benchmarks.context("pyperformance is missing")?;
        let driver = fixtures("bench").join(format!("{name}.py"));
        Ok(Program {
            python: self.python(minor)?.clone(),
            words: vec![driver.into(), benchmarks.into(), amount.into()],
        })
    }

    /// One of the programs in which two chains take turns, for so many seconds.
    pub(super) fn alternating(&self, minor: u8, name: &str, seconds: u64) -> Result<Program> {
        Ok(Program {
            python: self.python(minor)?.clone(),
            words: vec![alternating_path(name).into(), seconds.to_string().into()],
        })
    }
}

/// Where the program of that name lies in which two chains take turns.
pub(super) fn alternating_path(name: &str) -> PathBuf {
    let directory = fixtures(if name == "two_chains" {
        "bench"
    } else {
        "programs"
    });
    directory.join(format!("alternating_{name}.py"))
}

/// A directory of `fixtures`.
pub(super) fn fixtures(name: &str) -> PathBuf {
    workspace::root().join("fixtures").join(name)
}

/// Where peers and results lie; beside the interpreters, independent of `CARGO_TARGET_DIR`.
pub(super) fn home() -> PathBuf {
    let pythons = workspace::pythons();
    pythons
        .parent()
        .unwrap_or(Path::new("target"))
        .join("bench")
}

/// Builds a program as users get it.
pub(super) fn build(which: &[&str]) -> Result<PathBuf> {
    let mut command = ci::cargo("build");
    command
        .arg("--release")
        .args(which)
        .args(ci::locked())
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("`cargo build --release {}` failed", which.join(" "));
    }
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .with_context(|| format!("cargo names no executable of {}", which.join(" ")))
}
