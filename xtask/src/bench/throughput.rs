//! Accepted samples a second of one busy thread, as fast as it goes.
//!
//! Both of our methods that read from another CPU and CPython's sampler take turns on the same
//! interpreter. What a sampler drops or marks does not count, however fast it was dropped; and
//! what ours accept on programs that know the truth is held against it.

use super::figure::Report;
use super::impossible::{self, Tally};
use super::progress::Progress;
use super::rig::{CPYTHON_PEER, Program, Rig, alternating_path};
use super::sampler::{Rate, Sampler, Taken};
use super::statistics::median;
use super::table::{Row, percent, thousands};
use super::truth::Truth;
use anyhow::Result;
use serde_json::json;

/// Ours shall accept so many times as many.
const TARGET: f64 = 5.0;
const PROGRAMS: [&str; 2] = ["deltablue", "alternating_plain"];

/// Programs whose stacks at full speed are held against the truth, without the peer.
const TRUTHS: [&str; 6] = [
    "alternating_two_chains",
    "alternating_recursive",
    "alternating_generators",
    "alternating_exceptions",
    "alternating_callbacks",
    "alternating_classes",
];
const OURS: [Sampler; 2] = [Sampler::PitstopSequenceLock, Sampler::PitstopDouble];

pub(super) fn measure(rig: &Rig) -> Result<Report> {
    let (turns, seconds) = if rig.quick { (2, 2) } else { (3, 5) };
    let samplers = [OURS[0], OURS[1], Sampler::Cpython];
    let runs = PROGRAMS.len() * samplers.len() * turns + TRUTHS.len() * OURS.len();
    let mut progress = Progress::new("throughput", runs as f64 * (seconds + 1) as f64);
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    let mut totals = [Tally::default(); 2];
    for name in PROGRAMS {
        let mut rates: [Vec<f64>; 3] = Default::default();
        for turn in 0..turns {
            for (index, sampler) in samplers.iter().enumerate() {
                let program = program(rig, name, seconds + 3)?;
                let taken = sampler.sample(rig, &program, Rate::Max, Some(seconds));
                let line = match &taken {
                    Ok(taken) => {
                        rates[index].push(rate(taken));
                        let total = totals.get_mut(index);
                        told(
                            taken,
                            total.map(|total| hold(name, taken, total)).transpose()?,
                        )
                    }
                    Err(error) => format!("failed: {error:#}"),
                };
                let line = format!("{name} {}, turn {}: {line}", sampler.name(), turn + 1);
                progress.done((seconds + 1) as f64, &line);
            }
        }
        let [locked, double, theirs] = rates.each_ref().map(|rates| median(rates).map(|m| m.value));
        for (method, ours) in [("seqlock", locked), ("double", double)] {
            let mut row = Row::new(
                format!("accepted a second: {name}, 3.{CPYTHON_PEER}, {method}"),
                ">= 5x 3.15's",
            );
            row.cpython = theirs.map_or(row.cpython, thousand_a_second);
            if let Some(ours) = ours {
                row.pitstop = thousand_a_second(ours);
                if let Some(theirs) = theirs {
                    row.pitstop = format!("{} ({:.1}x)", row.pitstop, ours / theirs);
                    row.reached = Some(ours >= TARGET * theirs);
                }
            }
            rows.push(row);
        }
        raw.push(json!({
            "program": name,
            "pitstop --method seqlock": rates[0],
            "pitstop --method double": rates[1],
            "profiling.sampling": rates[2],
        }));
    }
    for name in TRUTHS {
        for (sampler, total) in OURS.iter().zip(&mut totals) {
            let program = program(rig, name, seconds + 3)?;
            let line = match sampler.sample(rig, &program, Rate::Max, Some(seconds)) {
                Ok(taken) => told(&taken, Some(hold(name, &taken, total)?)),
                Err(error) => format!("failed: {error:#}"),
            };
            let line = format!("{name} {}: {line}", sampler.name());
            progress.done((seconds + 1) as f64, &line);
        }
    }
    let mut impossible = Vec::new();
    for (method, total) in ["seqlock", "double"].into_iter().zip(totals) {
        let what = format!("impossible at full speed, 3.{CPYTHON_PEER}, {method}");
        let mut row = Row::new(what, "0");
        row.pitstop = format!("{} of {}", total.impossible, thousands(total.accepted));
        row.reached = Some(total.accepted > 0 && total.impossible == 0);
        rows.push(row);
        impossible.push(json!({
            "method": method,
            "impossible": total.impossible,
            "accepted": total.accepted,
        }));
    }
    Ok(Report {
        rows,
        raw: json!({ "seconds": seconds, "accepted_a_second": raw, "truth": impossible }),
    })
}

/// Counts the stacks of a run that cannot have been, where the program tells; shows one of them.
fn hold(name: &str, taken: &Taken, total: &mut Tally) -> Result<String> {
    let Some(short) = name.strip_prefix("alternating_") else {
        return Ok(String::new());
    };
    let truth = Truth::read(&alternating_path(short))?;
    let cell = impossible::judge(taken, &truth);
    total.accepted += cell.tally.accepted;
    total.impossible += cell.tally.impossible;
    let mut text = format!(", {} impossible", cell.tally.impossible);
    if let Some(example) = cell.examples.first() {
        text.push_str(&format!(", like {example}"));
    }
    Ok(text)
}

fn told(taken: &Taken, truth: Option<String>) -> String {
    format!(
        "{:.0} a second, {} accepted{}",
        rate(taken),
        percent(taken.accepted_share()),
        truth.unwrap_or_default(),
    )
}

fn program(rig: &Rig, name: &str, seconds: u64) -> Result<Program> {
    match name.strip_prefix("alternating_") {
        Some(name) => rig.alternating(CPYTHON_PEER, name, seconds),
        None => rig.suite_program(CPYTHON_PEER, name, &format!("{seconds}s")),
    }
}

fn rate(taken: &Taken) -> f64 {
    taken.accepted as f64 / taken.seconds
}

fn thousand_a_second(rate: f64) -> String {
    format!("{:.1} k", rate / 1000.0)
}
