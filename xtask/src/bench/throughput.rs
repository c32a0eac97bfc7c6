//! Accepted samples a second of one busy thread, as fast as it goes.
//!
//! Ours and CPython's take turns on the same interpreter. What a sampler drops or marks does not
//! count, however fast it was dropped.

use super::figure::Report;
use super::progress::Progress;
use super::rig::{CPYTHON_PEER, Program, Rig};
use super::sampler::{Rate, Sampler, Taken};
use super::statistics::median;
use super::table::{Row, percent};
use anyhow::Result;
use serde_json::json;

/// Ours shall accept so many times as many.
const TARGET: f64 = 5.0;
const PROGRAMS: [&str; 2] = ["deltablue", "alternating_plain"];

pub(super) fn measure(rig: &Rig) -> Result<Report> {
    let (turns, seconds) = if rig.quick { (2, 2) } else { (3, 5) };
    let samplers = [Sampler::Pitstop, Sampler::Cpython];
    let planned = (PROGRAMS.len() * samplers.len() * turns) as f64 * (seconds + 1) as f64;
    let mut progress = Progress::new("throughput", planned);
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    for name in PROGRAMS {
        let mut rates = [Vec::new(), Vec::new()];
        for turn in 0..turns {
            for (sampler, rates) in samplers.iter().zip(&mut rates) {
                let program = program(rig, name, seconds + 3)?;
                let taken = sampler.sample(rig, &program, Rate::Max, Some(seconds));
                let line = match &taken {
                    Ok(taken) => {
                        rates.push(rate(taken));
                        let share = percent(taken.accepted_share());
                        format!("{:.0} a second, {share} accepted", rate(taken))
                    }
                    Err(error) => format!("failed: {error:#}"),
                };
                let line = format!("{name} {}, turn {}: {line}", sampler.name(), turn + 1);
                progress.done((seconds + 1) as f64, &line);
            }
        }
        let [ours, theirs] = rates.each_ref().map(|rates| median(rates).map(|m| m.value));
        let mut row = Row::new(
            format!("accepted a second: {name}, 3.{CPYTHON_PEER}"),
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
        raw.push(json!({ "program": name, "pitstop": rates[0], "profiling.sampling": rates[1] }));
    }
    Ok(Report {
        rows,
        raw: json!({ "seconds": seconds, "accepted_a_second": raw }),
    })
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
