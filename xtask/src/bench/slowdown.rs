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

/// What the program runs beside.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    /// Nothing: the program against itself.
    Nothing,
    /// A thread that is woken on its CPU and does nothing: what waking costs on this machine.
    WakeUps,
    Sampler(Sampler),
}

/// One series of pairs.
struct Series {
    minor: u8,
    /// What it runs beside.
    beside: Beside,
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
    let (ours, theirs) = match rig.pairs {
        Some(pairs) => (pairs, pairs.div_ceil(2)),
        None => (ours, theirs),
    };
    let new = |beside, rate_hz, pairs| Series {
        minor,
        beside,
        rate_hz,
        pairs,
        ratios: Vec::new(),
    };
    let mut all = vec![new(Beside::Nothing, 0, ours)];
    for (rate_hz, _) in TARGETS {
        let sampler = |sampler, pairs| new(Beside::Sampler(sampler), rate_hz, pairs);
        all.push(sampler(Sampler::Pitstop, ours));
        if minor == CPYTHON_PEER {
            all.push(new(Beside::WakeUps, rate_hz, ours));
            all.push(sampler(Sampler::Cpython, theirs));
        } else if rate_hz <= 1000 && rig.peers.py_spy.is_some() {
            all.push(sampler(Sampler::PySpy, theirs));
            all.push(sampler(Sampler::PySpyNonblocking, theirs));
        }
    }
    all
}

impl Beside {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::WakeUps => "only waking up",
            Self::Sampler(sampler) => sampler.name(),
        }
    }
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
        let contestant = match self.beside {
            Beside::Nothing => Contestant::Nothing,
            Beside::WakeUps => Contestant::WakeUps(self.rate_hz),
            Beside::Sampler(sampler) => match sampler {
                Sampler::PySpy => Contestant::Peer(sampler, &py_spy),
                Sampler::PySpyNonblocking => Contestant::Peer(sampler, &nonblocking),
                Sampler::Cpython => Contestant::Peer(sampler, &cpython),
                _ => Contestant::Pitstop(&ours),
            },
        };
        let (alone, sampled) = pair(rig, program, contestant, dice, printed_ns)?;
        Ok(sampled / alone - 1.0)
    }

    fn name(&self) -> String {
        let (minor, rate_hz) = (self.minor, self.rate_hz);
        match self.beside {
            Beside::Nothing => format!("3.{minor} against itself"),
            beside => format!("3.{minor} {} at {rate_hz} Hz", beside.name()),
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
            "sampler": self.beside.name(),
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
        let find = |beside: Beside, rate_hz: u32| {
            let wanted = |series: &&Series| {
                (series.minor, series.beside, series.rate_hz) == (minor, beside, rate_hz)
            };
            all.iter()
                .find(wanted)
                .and_then(|series| median(&series.ratios))
        };
        for (rate_hz, target) in TARGETS {
            let what = format!("slowdown: {rate_hz} Hz, 3.{minor}");
            let mut row = Row::new(what, format!("<= {} %", target * 100.0));
            if let Some(ours) = find(Beside::Sampler(Sampler::Pitstop), rate_hz) {
                row.pitstop = with_interval(ours);
                row.judge(ours, target);
            }
            if let Some(cpython) = find(Beside::Sampler(Sampler::Cpython), rate_hz) {
                row.cpython = short(cpython);
            }
            let py_spy = find(Beside::Sampler(Sampler::PySpy), rate_hz).map(short);
            let nonblocking = find(Beside::Sampler(Sampler::PySpyNonblocking), rate_hz).map(short);
            if let (Some(py_spy), Some(nonblocking)) = (py_spy, nonblocking) {
                row.py_spy = format!("{py_spy}, nb {nonblocking}");
            }
            rows.push(row);
            if let Some(wake_ups) = find(Beside::WakeUps, rate_hz) {
                let mut floor = Row::new(format!("  only waking up, {rate_hz} Hz, 3.{minor}"), "");
                floor.pitstop = with_interval(wake_ups);
                rows.push(floor);
            }
        }
        let mut control = Row::new(format!("  against itself, 3.{minor}"), "");
        if let Some(chance) = find(Beside::Nothing, 0) {
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
