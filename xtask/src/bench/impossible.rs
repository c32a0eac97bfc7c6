//! Stacks that never existed, on programs in which two chains of calls take turns.

use super::figure::Report;
use super::progress::Progress;
use super::rig::{self, Rig, alternating_path};
use super::sampler::{Rate, Sampler, Taken};
use super::table::{Row, percent, thousands};
use super::truth::Truth;
use anyhow::{Context, Result};
use serde_json::{Value, json};

const PROGRAMS: &[&str] = &[
    "two_chains",
    "plain",
    "recursive",
    "generators",
    "exceptions",
    "callbacks",
    "classes",
];

const RATE_HZ: u32 = 1000;

/// Peers tear or drop on every version alike; two versions and fewer samples show it.
const PEER_VERSIONS: [u8; 2] = [11, 15];
const PEER_SAMPLES: u64 = 10_000;

/// What one sampler gave on one program, over all versions.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) accepted: u64,
    lost: u64,
    pub(super) impossible: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.lost += other.lost;
        self.impossible += other.impossible;
    }

    fn lost_share(self) -> f64 {
        self.lost as f64 / (self.accepted + self.lost).max(1) as f64
    }

    fn impossible_share(self) -> f64 {
        self.impossible as f64 / self.accepted.max(1) as f64
    }
}

pub(super) fn measure(rig: &Rig) -> Result<Report> {
    let samples = rig
        .samples
        .unwrap_or(if rig.quick { 5000 } else { 100_000 });
    let peer_samples = PEER_SAMPLES.min(samples);
    let minors: Vec<u8> = rig.pythons.iter().map(|python| python.minor).collect();
    let peers = [Sampler::PySpyNonblocking, Sampler::Cpython];
    let plan = |program: &'static str| {
        let ours = minors
            .iter()
            .map(|&minor| (minor, Sampler::Pitstop, samples));
        let theirs = PEER_VERSIONS
            .into_iter()
            .flat_map(|minor| peers.map(|sampler| (minor, sampler, peer_samples)))
            .filter(|(minor, sampler, _)| minors.contains(minor) && sampler.samples(rig, *minor));
        let cells = ours.chain(theirs);
        cells.map(move |(minor, sampler, samples)| (program, minor, sampler, samples))
    };
    let cells: Vec<_> = PROGRAMS.iter().flat_map(|program| plan(program)).collect();
    let planned = cells.iter().map(|cell| seconds(cell.3) as f64).sum();
    let mut progress = Progress::new("impossible", planned);
    let mut raw = Vec::new();
    let mut rows = Vec::new();
    for program in PROGRAMS {
        let truth = Truth::read(&alternating_path(program))?;
        let mut tallies = Vec::new();
        for &(_, minor, sampler, samples) in cells.iter().filter(|cell| cell.0 == *program) {
            let cell = cell(rig, &truth, (program, minor), sampler, samples);
            let line = match &cell {
                Ok(cell) => shown(sampler, cell),
                Err(error) => format!("failed: {error:#}"),
            };
            let line = format!("{program} 3.{minor} {}: {line}", sampler.name());
            progress.done(seconds(samples) as f64, &line);
            raw.push(cell_json(program, minor, sampler, cell.as_ref()));
            tallies.push((sampler, cell.map(|cell| cell.tally).ok()));
        }
        rows.push(row(program, &minors, samples, &tallies));
    }
    Ok(Report {
        rows,
        raw: json!({ "samples": samples, "rate_hz": RATE_HZ, "cells": raw }),
    })
}

/// How long a program runs for so many samples: a little longer, for its start and for lateness.
fn seconds(samples: u64) -> u64 {
    samples.div_ceil(u64::from(RATE_HZ)) * 102 / 100 + 1
}

/// What one sampler gave on one program and one version.
pub(super) struct Cell {
    pub(super) tally: Tally,
    /// Why samples were lost, where that is told.
    reasons: String,
    /// Some of the impossible stacks.
    pub(super) examples: Vec<String>,
}

/// Samples one program on one version. A result of ours with an impossible stack is kept.
fn cell(
    rig: &Rig,
    truth: &Truth,
    (program, minor): (&str, u8),
    sampler: Sampler,
    samples: u64,
) -> Result<Cell> {
    let target = rig.alternating(minor, program, seconds(samples))?;
    let taken = sampler
        .sample(rig, &target, Rate::Hz(RATE_HZ), None)
        .with_context(|| format!("{} on {program}, 3.{minor}", sampler.name()))?;
    let cell = judge(&taken, truth);
    if sampler == Sampler::Pitstop && cell.tally.impossible > 0 {
        let kept = rig::home().join(format!("impossible-{program}-3.{minor}.json"));
        std::fs::copy(sampler.output(rig), kept)?;
    }
    Ok(cell)
}

/// Holds the stacks of a run against what the program says about them.
pub(super) fn judge(taken: &Taken, truth: &Truth) -> Cell {
    const SHOWN: usize = 5;
    let mut impossible = 0;
    let mut examples = Vec::new();
    for stack in &taken.stacks {
        if truth.is_impossible(&stack.frames) {
            impossible += stack.samples;
            if examples.len() < SHOWN {
                let names: Vec<&str> = stack.frames.iter().map(|f| f.name.as_str()).collect();
                examples.push(names.join(";"));
            }
        }
    }
    Cell {
        tally: Tally {
            accepted: taken.accepted,
            lost: taken.lost,
            impossible,
        },
        reasons: taken.reasons.clone(),
        examples,
    }
}

fn shown(sampler: Sampler, cell: &Cell) -> String {
    let tally = cell.tally;
    let mut text = format!(
        "{} of {} impossible ({}), {} lost ({})",
        thousands(tally.impossible),
        thousands(tally.accepted),
        percent(tally.impossible_share()),
        thousands(tally.lost),
        percent(tally.lost_share()),
    );
    if !cell.reasons.is_empty() {
        text.push_str(&format!("; {}", cell.reasons));
    }
    if let (Sampler::Pitstop, Some(example)) = (sampler, cell.examples.first()) {
        text.push_str(&format!("; like {example}"));
    }
    text
}

fn cell_json(
    program: &str,
    minor: u8,
    sampler: Sampler,
    cell: Result<&Cell, &anyhow::Error>,
) -> Value {
    let mut value = json!({
        "program": program,
        "python": format!("3.{minor}"),
        "sampler": sampler.name(),
    });
    match cell {
        Ok(cell) => {
            value["accepted"] = cell.tally.accepted.into();
            value["lost"] = cell.tally.lost.into();
            value["reasons"] = cell.reasons.clone().into();
            value["impossible"] = cell.tally.impossible.into();
            value["examples"] = cell.examples.clone().into();
        }
        Err(error) => value["error"] = format!("{error:#}").into(),
    }
    value
}

fn row(program: &str, minors: &[u8], samples: u64, tallies: &[(Sampler, Option<Tally>)]) -> Row {
    let total = |wanted: Sampler| {
        let mut total = Tally::default();
        let known = tallies.iter().filter(|(sampler, _)| *sampler == wanted);
        let known: Vec<Tally> = known.filter_map(|(_, tally)| *tally).collect();
        known.iter().for_each(|tally| total.add(*tally));
        (!known.is_empty()).then_some(total)
    };
    let versions = match minors {
        [first, .., last] => format!("3.{first}-3.{last}"),
        _ => minors.iter().map(|minor| format!("3.{minor}")).collect(),
    };
    let mut row = Row::new(format!("impossible: {program}, {versions}"), "0");
    let complete = tallies
        .iter()
        .filter(|(sampler, _)| *sampler == Sampler::Pitstop)
        .all(|(_, tally)| tally.is_some_and(|tally| tally.accepted * 100 >= samples * 95));
    if let Some(ours) = total(Sampler::Pitstop) {
        row.pitstop = format!("{} of {}", ours.impossible, thousands(ours.accepted));
        row.reached = Some(ours.impossible == 0 && complete);
    }
    if let Some(cpython) = total(Sampler::Cpython) {
        row.cpython = format!(
            "{}, drops {}",
            theirs(cpython),
            percent(cpython.lost_share())
        );
    }
    if let Some(py_spy) = total(Sampler::PySpyNonblocking) {
        row.py_spy = theirs(py_spy);
    }
    row
}

fn theirs(tally: Tally) -> String {
    if tally.impossible == 0 {
        "0".into()
    } else {
        percent(tally.impossible_share())
    }
}
