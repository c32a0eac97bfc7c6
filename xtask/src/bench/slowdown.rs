//! How much longer the same work takes while it is sampled.
//!
//! The program measures its own work, so what counts is the disturbance, not the start. The last
//! line of each version is the program against itself: what the machine does by chance.

use super::figure::Report;
use super::pairs::{self, Contestant, pair, printed_ns};
use super::progress::Progress;
use super::rig::{CPYTHON_PEER, Program, Rig};
use super::sampler::Sampler;
use super::statistics::{Dice, Median, median};
use super::table::Row;
use anyhow::Result;
use serde_json::json;

const WORK_S: f64 = 1.5;
/// Rates, and how much longer the work may take at most.
const TARGETS: [(u32, f64); 3] = [(100, 0.003), (1000, 0.01), (5000, 0.05)];
/// The version with py-spy, and the one with `profiling.sampling`.
const VERSIONS: [u8; 2] = [13, CPYTHON_PEER];

/// One series of pairs.
struct Series {
    minor: u8,
    /// None: the program against itself.
    sampler: Option<Sampler>,
    rate_hz: u32,
    pairs: usize,
    ratios: Vec<f64>,
}

pub(super) fn measure(rig: &Rig) -> Result<Report> {
    let mut all: Vec<Series> = VERSIONS
        .into_iter()
        .flat_map(|minor| series(rig, minor))
        .collect();
    let planned: usize = all.iter().map(|series| series.pairs).sum();
    let pair_s = 2.0 * WORK_S + 0.2;
    let mut progress = Progress::new("slowdown", planned as f64 * pair_s);
    let mut programs = Vec::new();
    for minor in VERSIONS {
        let rounds = pairs::rounds_for(rig, minor, "deltablue", WORK_S)?;
        programs.push((minor, rig.suite_program(minor, "deltablue", &rounds)?));
    }
    let mut dice = Dice::new();
    let most = all.iter().map(|series| series.pairs).max().unwrap_or(0);
    // Round after round, so that all meet the same hours.
    for round in 0..most {
        let mut order: Vec<usize> = (0..all.len()).collect();
        dice.shuffle(&mut order);
        let (mut done, mut failed) = (0, Vec::new());
        for index in order {
            let series = &mut all[index];
            let program = programs.iter().find(|(minor, _)| *minor == series.minor);
            if let (true, Some((_, program))) = (round < series.pairs, program) {
                done += 1;
                match series.run(rig, program, &mut dice) {
                    Ok(ratio) => series.ratios.push(ratio),
                    Err(error) => failed.push(format!("{}: {error:#}", series.name())),
                }
            }
        }
        let line = format!("round {} of {most}: {done} pairs", round + 1);
        progress.done(done as f64 * pair_s, &line);
        for line in failed {
            println!("  failed: {line}");
        }
    }
    for series in &all {
        println!("  {}: {}", series.name(), series.told());
    }
    let raw: Vec<_> = all.iter().map(Series::to_json).collect();
    Ok(Report {
        rows: rows(&all),
        raw: json!({ "work_s": WORK_S, "series": raw }),
    })
}

/// What is measured on that version.
fn series(rig: &Rig, minor: u8) -> Vec<Series> {
    let (ours, theirs) = if rig.quick { (5, 5) } else { (31, 15) };
    let new = |sampler, rate_hz, pairs| Series {
        minor,
        sampler,
        rate_hz,
        pairs,
        ratios: Vec::new(),
    };
    let mut all = vec![new(None, 0, ours)];
    for (rate_hz, _) in TARGETS {
        all.push(new(Some(Sampler::Pitstop), rate_hz, ours));
        if minor == CPYTHON_PEER {
            all.push(new(Some(Sampler::Cpython), rate_hz, theirs));
        } else if rate_hz <= 1000 && rig.peers.py_spy.is_some() {
            all.push(new(Some(Sampler::PySpy), rate_hz, theirs));
            all.push(new(Some(Sampler::PySpyNonblocking), rate_hz, theirs));
        }
    }
    all
}

impl Series {
    fn run(&self, rig: &Rig, program: &Program, dice: &mut Dice) -> Result<f64> {
        let rate = self.rate_hz.to_string();
        let ours = ["-q", "--keep-rate", "-r", &rate];
        let py_spy = ["-f", "raw", "-r", &rate];
        let nonblocking = ["--nonblocking", "-f", "raw", "-r", &rate];
        let output = rig.scratch.join("slowdown.collapsed");
        let output = output.to_string_lossy();
        let cpython = ["--collapsed", "-o", &output, "-r", &rate];
        let contestant = match self.sampler {
            None => Contestant::Nothing,
            Some(sampler @ Sampler::PySpy) => Contestant::Peer(sampler, &py_spy),
            Some(sampler @ Sampler::PySpyNonblocking) => Contestant::Peer(sampler, &nonblocking),
            Some(sampler @ Sampler::Cpython) => Contestant::Peer(sampler, &cpython),
            Some(_) => Contestant::Pitstop(&ours),
        };
        let (alone, sampled) = pair(rig, program, contestant, dice, printed_ns)?;
        Ok(sampled / alone - 1.0)
    }

    fn name(&self) -> String {
        match self.sampler {
            None => format!("3.{} against itself", self.minor),
            Some(sampler) => format!("3.{} {} at {} Hz", self.minor, sampler.name(), self.rate_hz),
        }
    }

    fn told(&self) -> String {
        match median(&self.ratios) {
            Some(median) => format!(
                "{:+.2} % ({:+.2} to {:+.2}, {} pairs)",
                median.value * 100.0,
                median.low * 100.0,
                median.high * 100.0,
                self.ratios.len()
            ),
            None => "no pair succeeded".into(),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let median = median(&self.ratios);
        json!({
            "python": format!("3.{}", self.minor),
            "sampler": self.sampler.map_or("none", Sampler::name),
            "rate_hz": self.rate_hz,
            "median": median.map(|median| median.value),
            "interval_95": median.map(|median| [median.low, median.high]),
            "ratios": self.ratios,
        })
    }
}

fn rows(all: &[Series]) -> Vec<Row> {
    let mut rows = Vec::new();
    for minor in VERSIONS {
        let find = |sampler: Option<Sampler>, rate_hz: u32| {
            let wanted = |series: &&Series| {
                (series.minor, series.sampler, series.rate_hz) == (minor, sampler, rate_hz)
            };
            all.iter()
                .find(wanted)
                .and_then(|series| median(&series.ratios))
        };
        for (rate_hz, target) in TARGETS {
            let what = format!("slowdown: {rate_hz} Hz, 3.{minor}");
            let mut row = Row::new(what, format!("<= {} %", target * 100.0));
            if let Some(ours) = find(Some(Sampler::Pitstop), rate_hz) {
                row.pitstop = with_interval(ours);
                row.judge(ours, target);
            }
            if let Some(cpython) = find(Some(Sampler::Cpython), rate_hz) {
                row.cpython = short(cpython);
            }
            let py_spy = find(Some(Sampler::PySpy), rate_hz).map(short);
            let nonblocking = find(Some(Sampler::PySpyNonblocking), rate_hz).map(short);
            if let (Some(py_spy), Some(nonblocking)) = (py_spy, nonblocking) {
                row.py_spy = format!("{py_spy}, nb {nonblocking}");
            }
            rows.push(row);
        }
        let mut control = Row::new(format!("  against itself, 3.{minor}"), "");
        if let Some(chance) = find(None, 0) {
            control.pitstop = with_interval(chance);
        }
        rows.push(control);
    }
    rows
}

fn with_interval(median: Median) -> String {
    format!(
        "{:.2} % ({:.1} to {:.1})",
        median.value * 100.0,
        median.low * 100.0,
        median.high * 100.0
    )
}

fn short(median: Median) -> String {
    format!("{:.1} %", median.value * 100.0)
}
