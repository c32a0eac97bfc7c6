//! What a profiler adds to a program of one second, from the prompt to the prompt.
//!
//! Everybody with the defaults: start, sampling, and printing or writing the result.

use super::figure::Report;
use super::pairs::{self, Contestant, pair, wall_ns};
use super::progress::Progress;
use super::rig::{CPYTHON_PEER, Rig};
use super::sampler::Sampler;
use super::statistics::{Dice, Median, median};
use super::table::Row;
use anyhow::Result;
use serde_json::json;

const TARGET_MS: f64 = 150.0;

pub(super) fn measure(rig: &Rig) -> Result<Report> {
    let count = if rig.quick { 5 } else { 15 };
    let runs = [
        (13, Sampler::Pitstop),
        (13, Sampler::PySpy),
        (CPYTHON_PEER, Sampler::Pitstop),
        (CPYTHON_PEER, Sampler::Cpython),
    ];
    let runs = runs
        .into_iter()
        .filter(|(minor, sampler)| sampler.samples(rig, *minor));
    let runs: Vec<_> = runs.collect();
    let mut progress = Progress::new("startup", (runs.len() * count) as f64 * 2.5);
    let mut dice = Dice::new();
    let mut added = vec![Vec::new(); runs.len()];
    let mut programs = Vec::new();
    for (minor, _) in &runs {
        let rounds = pairs::rounds_for(rig, *minor, "deltablue", 1.0)?;
        programs.push(rig.suite_program(*minor, "deltablue", &rounds)?);
    }
    for round in 0..count {
        for (index, (minor, sampler)) in runs.iter().enumerate() {
            let contestant = match sampler {
                Sampler::Pitstop => Contestant::Pitstop(&[]),
                peer => Contestant::Peer(*peer, &[]),
            };
            match pair(rig, &programs[index], contestant, &mut dice, wall_ns) {
                Ok((alone, sampled)) => added[index].push((sampled - alone) / 1e6),
                Err(error) => println!("  failed: 3.{minor} {}: {error:#}", sampler.name()),
            }
        }
        let line = format!("round {} of {count}", round + 1);
        progress.done(runs.len() as f64 * 2.5, &line);
    }
    let mut rows = [13, CPYTHON_PEER]
        .map(|minor| Row::new(format!("`run`, 1 s program, 3.{minor}: adds"), "<= 150 ms"));
    let mut raw = Vec::new();
    for ((minor, sampler), added) in runs.iter().zip(&added) {
        let row = &mut rows[usize::from(*minor == CPYTHON_PEER)];
        let Some(median) = median(added) else {
            continue;
        };
        match sampler {
            Sampler::Cpython => row.cpython = format!("{:.0} ms", median.value),
            Sampler::PySpy => row.py_spy = format!("{:.0} ms", median.value),
            _ => {
                row.pitstop = with_interval(median);
                row.judge(median, TARGET_MS);
            }
        }
        println!("  3.{minor} {}: {}", sampler.name(), with_interval(median));
        raw.push(json!({
            "python": format!("3.{minor}"),
            "sampler": sampler.name(),
            "median_ms": median.value,
            "interval_95_ms": [median.low, median.high],
            "added_ms": added,
        }));
    }
    Ok(Report {
        rows: rows.into(),
        raw: raw.into(),
    })
}

fn with_interval(median: Median) -> String {
    format!(
        "{:.0} ms ({:.0} to {:.0})",
        median.value, median.low, median.high
    )
}
