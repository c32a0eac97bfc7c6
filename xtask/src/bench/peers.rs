//! The peers, and the programs everybody is measured on, from PyPI into `target/bench/peers`.
//!
//! py-spy is a peer; pyperformance brings deltablue, richards and the ray tracer. The third peer,
//! `profiling.sampling`, is part of CPython 3.15 and comes with the interpreter.

use crate::process;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What could be installed; whoever needs what is missing says so.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) py_spy: Option<PathBuf>,
    pub(super) py_spy_version: Option<String>,
    /// The directory of pyperformance's programs.
    pub(super) benchmarks: Option<PathBuf>,
    /// Why something is missing.
    pub(super) missing: Vec<String>,
}

/// Finds the peers, installing them first if need be. `python` is any interpreter with venv.
pub(super) fn prepare(home: &Path, python: &Path) -> Peers {
    let environment = home.join("peers");
    let mut peers = find(&environment);
    if peers.py_spy.is_none() || peers.benchmarks.is_none() {
        println!("installing py-spy and pyperformance from PyPI");
        if let Err(error) = install(&environment, python) {
            peers.missing.push(format!("{error:#}"));
        }
        peers = Peers {
            missing: peers.missing,
            ..find(&environment)
        };
    }
    if peers.py_spy.is_none() {
        peers.missing.push("py-spy is not there".into());
    }
    if peers.benchmarks.is_none() {
        peers
            .missing
            .push("pyperformance is not there: figures on its programs cannot be made".into());
    }
    peers
}

fn find(environment: &Path) -> Peers {
    let py_spy = environment.join("bin").join("py-spy");
    let version = process::output(Command::new(&py_spy).arg("--version")).ok();
    Peers {
        py_spy: version.is_some().then_some(py_spy),
        py_spy_version: version.map(|text| text.replace("py-spy", "").trim().to_owned()),
        benchmarks: benchmarks(environment),
        missing: Vec::new(),
    }
}

fn benchmarks(environment: &Path) -> Option<PathBuf> {
    let libraries = std::fs::read_dir(environment.join("lib")).ok()?;
    libraries
        .filter_map(Result::ok)
        .map(|library| {
            let packages = library.path().join("site-packages");
            packages.join("pyperformance/data-files/benchmarks")
        })
        .find(|directory| directory.join("bm_deltablue/run_benchmark.py").is_file())
}

fn install(environment: &Path, python: &Path) -> Result<()> {
    let mut venv = Command::new(python);
    venv.args(["-m", "venv", "--clear"]).arg(environment);
    process::output(&mut venv).context("cannot make a virtual environment")?;
    let mut pip = Command::new(environment.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet"])
        .arg("--disable-pip-version-check")
        .args(["py-spy", "pyperf", "pyperformance"]);
    process::output(&mut pip).context("pip cannot install the peers")?;
    Ok(())
}
