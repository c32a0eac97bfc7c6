//! The peers of `bench compare`: pyperf and pytest-benchmark in a virtual environment, hyperfine.

use super::compare::Work;
use crate::process;
use anyhow::{Context, Result};
use pitstop_stats::{mean, summary};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A peer, and how to ask it whether more work takes more time.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) ask: fn(&Peer, &Work, f64) -> Result<bool>,
    python: PathBuf,
    scratch: PathBuf,
}

/// The peers that are there or can be installed; who is missing is said.
pub(super) fn prepare(home: &Path, python: &Path) -> Vec<Peer> {
    let environment = home.join("compare-peers");
    let interpreter = environment.join("bin/python");
    let has = |module: &str| {
        let mut command = Command::new(&interpreter);
        process::output(command.args(["-c", &format!("import {module}")])).is_ok()
    };
    if !has("pyperf, pytest_benchmark") {
        println!("installing pyperf and pytest-benchmark from PyPI");
        let mut venv = Command::new(python);
        venv.args(["-m", "venv", "--clear"]).arg(&environment);
        let mut pip = Command::new(&interpreter);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["pyperf", "pytest", "pytest-benchmark"]);
        for command in [&mut venv, &mut pip] {
            if let Err(error) = process::output(command) {
                println!("no peers of Python: {error:#}");
                break;
            }
        }
    }
    let scratch = home.join("compare-scratch");
    if let Err(error) = std::fs::create_dir_all(&scratch) {
        println!("no peers: {error}");
        return Vec::new();
    }
    let peer = |name, ask| Peer {
        name,
        ask,
        python: interpreter.clone(),
        scratch: scratch.clone(),
    };
    let mut peers = Vec::new();
    if has("pyperf") {
        peers.push(peer(
            "pyperf",
            pyperf as fn(&Peer, &Work, f64) -> Result<bool>,
        ));
    }
    if has("pytest_benchmark") {
        peers.push(peer("pytest-benchmark and Welch's t", pytest_benchmark));
    }
    if process::output(Command::new("hyperfine").arg("--version")).is_ok() {
        peers.push(peer("hyperfine and Welch's t", hyperfine));
    } else {
        println!("hyperfine is not there: apt-get install hyperfine");
    }
    peers
}

impl Peer {
    fn file(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }
}

/// Both sides one after the other, then its own comparison.
fn pyperf(peer: &Peer, work: &Work, more: f64) -> Result<bool> {
    let mut files = Vec::new();
    for (name, more) in [("a.json", 0.0), ("b.json", more)] {
        let file = peer.file(name);
        // pyperf does not write over a file.
        let _ = std::fs::remove_file(&file);
        let mut command = Command::new(&peer.python);
        command
            .args([
                "-m", "pyperf", "timeit", "--quiet", "--name", "x", "-s", work.setup, "-o",
            ])
            .arg(&file)
            .arg(work.with(more));
        process::output(&mut command).context("pyperf fails")?;
        files.push(file);
    }
    let mut command = Command::new(&peer.python);
    command.args(["-m", "pyperf", "compare_to"]).args(files);
    let answer = process::output(&mut command).context("pyperf fails")?;
    Ok(answer.contains("faster") || answer.contains("slower"))
}

/// Two tests in one process, as suites have them.
fn pytest_benchmark(peer: &Peer, work: &Work, more: f64) -> Result<bool> {
    let (file, results) = (peer.file("test_peer.py"), peer.file("pytest.json"));
    let source = format!(
        "{}\ndef test_a(benchmark):\n    benchmark(lambda: {})\n\
         def test_b(benchmark):\n    benchmark(lambda: {})\n",
        work.setup,
        work.with(0.0),
        work.with(more)
    );
    std::fs::write(&file, source)?;
    let mut command = Command::new(&peer.python);
    command
        .args([
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--benchmark-json",
        ])
        .arg(&results)
        .arg(&file)
        .current_dir(&peer.scratch);
    process::output(&mut command).context("pytest fails")?;
    let document: Value = serde_json::from_slice(&std::fs::read(&results)?)?;
    let data = |at: usize| numbers(&document["benchmarks"][at]["stats"]["data"]);
    Ok(welch(&data(0), &data(1)))
}

/// Both as commands of about a tenth of a second.
fn hyperfine(peer: &Peer, work: &Work, more: f64) -> Result<bool> {
    let results = peer.file("hyperfine.json");
    let mut command = Command::new("hyperfine");
    command
        .args(["-N", "--style", "none", "--export-json"])
        .arg(&results);
    for (name, more) in [("a.py", 0.0), ("b.py", more)] {
        let file = peer.file(name);
        let statement = work.with(more);
        let source = format!("{}\nfor _ in range(1500): {statement}\n", work.setup);
        std::fs::write(&file, source)?;
        command.arg(format!("{} {}", peer.python.display(), file.display()));
    }
    process::output(&mut command).context("hyperfine fails")?;
    let document: Value = serde_json::from_slice(&std::fs::read(&results)?)?;
    let times = |at: usize| numbers(&document["results"][at]["times"]);
    Ok(welch(&times(0), &times(1)))
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().into_iter().flatten();
    values.filter_map(Value::as_f64).collect()
}

/// Whether Welch's t exceeds 2.1, the 5 % point at the 18 degrees of freedom of ten runs a side; of
/// more runs that is stricter.
fn welch(one: &[f64], other: &[f64]) -> bool {
    let variance = |values: &[f64]| {
        let deviation = summary(values).map_or(0.0, |all| all.deviation);
        deviation * deviation / values.len().max(1) as f64
    };
    let error = (variance(one) + variance(other)).sqrt();
    (mean(one) - mean(other)).abs() > 2.1 * error
}

#[cfg(test)]
mod tests {
    use super::welch;

    #[test]
    fn a_shift_of_many_errors_is_different() {
        let low: Vec<f64> = (0..10).map(f64::from).collect();
        let high: Vec<f64> = (0..10).map(|value| f64::from(value) + 5.0).collect();
        assert!(welch(&low, &high) && !welch(&low, &low));
    }
}
