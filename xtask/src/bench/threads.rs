//! What it costs to watch 271 threads of which one works: the sampler's own CPU time.

use super::child;
use super::figure::Report;
use super::progress::Progress;
use super::rig::{CPYTHON_PEER, Rig, fixtures};
use super::sampler::{Rate, Sampler};
use super::table::{Row, percent};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const THREADS: u32 = 271;
/// The sampler may use so much of one core.
const TARGET: f64 = 0.03;

pub(super) fn measure(rig: &Rig) -> Result<Report> {
    let seconds = if rig.quick { 4 } else { 10 };
    let runs = [
        (Sampler::Pitstop, 13, 100),
        (Sampler::PySpy, 13, 100),
        (Sampler::PySpyNonblocking, 13, 100),
        (Sampler::Cpython, CPYTHON_PEER, 100),
        (Sampler::Pitstop, 13, 10),
        (Sampler::PySpy, 13, 10),
        (Sampler::PySpyNonblocking, 13, 10),
        (Sampler::Cpython, CPYTHON_PEER, 10),
    ];
    let runs = runs
        .into_iter()
        .filter(|(sampler, minor, _)| sampler.samples(rig, *minor));
    let runs: Vec<_> = runs.collect();
    let mut progress = Progress::new("threads", runs.len() as f64 * (seconds + 1) as f64);
    let mut rows = [
        Row::new(format!("{THREADS} threads, 100 Hz: CPU"), "<= 3 %"),
        Row::new(format!("{THREADS} threads, 10 Hz: CPU"), ""),
    ];
    let mut raw = Vec::new();
    for (sampler, minor, rate_hz) in runs {
        let row = &mut rows[usize::from(rate_hz == 10)];
        let cost = attach(rig, sampler, minor, rate_hz, seconds);
        let (line, cell) = match &cost {
            Ok(cost) => {
                let share = share(cost);
                if (sampler, rate_hz) == (Sampler::Pitstop, 100) {
                    row.reached = Some(share <= TARGET);
                }
                (
                    format!("{} of a core; {}", percent(share), said(cost)),
                    percent(share),
                )
            }
            Err(error) => (format!("failed: {error:#}"), "failed".into()),
        };
        match sampler {
            Sampler::Cpython => row.cpython = cell,
            Sampler::PySpy => row.py_spy = cell,
            Sampler::PySpyNonblocking => row.py_spy = format!("{}, nb {cell}", row.py_spy),
            _ => row.pitstop = cell,
        }
        let line = format!("{} at {rate_hz} Hz: {line}", sampler.name());
        progress.done((seconds + 1) as f64, &line);
        raw.push(json!({
            "sampler": sampler.name(),
            "python": format!("3.{minor}"),
            "rate_hz": rate_hz,
            "cost": cost.ok(),
        }));
    }
    Ok(Report {
        rows: rows.into(),
        raw: json!({ "threads": THREADS, "seconds": seconds, "runs": raw }),
    })
}

/// CPU time by elapsed time: the share of one core.
fn share(cost: &Value) -> f64 {
    let number = |name: &str| cost[name].as_f64().unwrap_or(f64::NAN);
    number("cpu_s") / number("wall_s")
}

fn said(cost: &Value) -> &str {
    cost["said"].as_str().unwrap_or_default()
}

/// Lets a sampler watch the program for a while; what that cost, and what it said.
fn attach(rig: &Rig, sampler: Sampler, minor: u8, rate_hz: u32, seconds: u64) -> Result<Value> {
    let python = &rig.python(minor)?.executable;
    let mut target = Target::start(python, seconds + 20)?;
    let file = rig.scratch.join("cost.json");
    let _ = std::fs::remove_file(&file);
    let attach = sampler.attach(rig, python, target.child.id(), Rate::Hz(rate_hz), seconds)?;
    let mut command = Command::new(&rig.python(13)?.executable);
    command.arg(fixtures("bench").join("cost.py")).arg(&file);
    command.arg(attach.get_program()).args(attach.get_args());
    for (name, value) in attach.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let ended = child::run(command, &rig.scratch, Duration::from_secs(4 * seconds + 60))?;
    target.stop()?;
    let ended = ended.check(sampler.name())?;
    let mut cost: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    let said = format!("{}\n{}", ended.stdout, ended.stderr);
    cost["said"] = telling(&said).into();
    if sampler == Sampler::Pitstop {
        let profile = std::fs::read_to_string(rig.scratch.join("profile.json"))?;
        let profile: Value = serde_json::from_str(&profile)?;
        let quality = &profile["quality"];
        cost["said"] = format!(
            "{} samples in {} ticks",
            quality["samples"], quality["ticks"]
        )
        .into();
        cost["quality"] = quality.clone();
    }
    Ok(cost)
}

/// What a peer says about how well it kept up.
fn telling(said: &str) -> String {
    let last = |words: &str| {
        let line = said.lines().rfind(|line| line.contains(words))?;
        line.get(line.find(words)?..)
    };
    // py-spy repeats `py-spy> 6.82s behind in sampling, ...` as it falls behind more and more.
    let behind = said
        .lines()
        .rfind(|line| line.contains("s behind in sampling"));
    let behind = behind.and_then(|line| line.split_whitespace().nth(1));
    let behind = behind.map(|time| format!("{time} behind"));
    let mut parts: Vec<&str> = behind.as_deref().into_iter().collect();
    parts.extend(
        ["Samples: ", "Captured ", "Error rate: "]
            .map(last)
            .into_iter()
            .flatten(),
    );
    parts.join(", ")
}

/// The program with the threads.
struct Target {
    child: Child,
}

impl Target {
    /// Starts it, and returns when all its threads are there.
    fn start(python: &Path, seconds: u64) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(fixtures("programs").join("many_threads.py"))
            .args([THREADS.to_string(), seconds.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut target = Self { child };
        if BufReader::new(stdout)
            .lines()
            .any(|line| line.is_ok_and(|line| line == "ready"))
        {
            return Ok(target);
        }
        target.stop()?;
        bail!("the program with {THREADS} threads did not start")
    }

    fn stop(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Stopped already, unless something failed in between.
        let _ = self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::telling;

    #[test]
    fn peers_say_how_well_they_kept_up() {
        let said = "py-spy> 1.05s behind in sampling, results may be inaccurate.\n\
                    py-spy> 2.10s behind in sampling, results may be inaccurate.\n\
                    py-spy> Wrote raw flamegraph data to 'x'. Samples: 998 Errors: 0\n";
        assert_eq!(telling(said), "2.10s behind, Samples: 998 Errors: 0");
        let said = "Captured 400 samples in 4.00 seconds\nError rate: 0.00\n";
        assert_eq!(
            telling(said),
            "Captured 400 samples in 4.00 seconds, Error rate: 0.00"
        );
    }
}
