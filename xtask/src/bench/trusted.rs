//! The share of samples a sampler stands for, on programs that call and return all the time.
//!
//! Ours: exact or validated. CPython's: what is not in its error rate. py-spy's: what it does not
//! count as an error, true or not.

use super::figure::Report;
use super::progress::Progress;
use super::rig::{CPYTHON_PEER, Rig};
use super::sampler::{Rate, Sampler, Taken};
use super::table::{Row, percent};
use anyhow::Result;
use serde_json::json;

pub(super) const PROGRAMS: [&str; 3] = ["deltablue", "richards", "raytrace"];
const VERSIONS: [u8; 4] = [11, 12, 13, CPYTHON_PEER];
const RATE_HZ: u32 = 1000;
const TARGET: f64 = 0.999;

pub(super) fn measure(rig: &Rig) -> Result<Report> {
    let seconds = if rig.quick { 3 } else { 10 };
    let samplers = [
        Sampler::Pitstop,
        Sampler::PySpyNonblocking,
        Sampler::Cpython,
    ];
    let runs_of = |minor: u8| samplers.into_iter().filter(move |s| s.samples(rig, minor));
    let runs: usize = VERSIONS.map(|minor| runs_of(minor).count()).iter().sum();
    let planned = (runs * PROGRAMS.len()) as f64 * seconds as f64;
    let mut progress = Progress::new("trusted", planned);
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    for program in PROGRAMS {
        for minor in VERSIONS {
            let what = format!("exact or validated: {program}, 3.{minor}");
            let mut row = Row::new(what, ">= 99.9 %");
            for sampler in runs_of(minor) {
                let taken = rig
                    .suite_program(minor, program, &format!("{seconds}s"))
                    .and_then(|target| sampler.sample(rig, &target, Rate::Hz(RATE_HZ), None));
                let (line, cell) = match &taken {
                    Ok(taken) => {
                        fill(&mut row, sampler, taken);
                        (shown(taken), percent(taken.accepted_share()))
                    }
                    Err(error) => (format!("failed: {error:#}"), "failed".into()),
                };
                match sampler {
                    Sampler::Cpython => row.cpython = cell,
                    Sampler::PySpyNonblocking => row.py_spy = format!("nb {cell}"),
                    _ => row.pitstop = cell,
                }
                let line = format!("{program} 3.{minor} {}: {line}", sampler.name());
                progress.done(seconds as f64, &line);
                raw.push(json!({
                    "program": program,
                    "python": format!("3.{minor}"),
                    "sampler": sampler.name(),
                    "accepted": taken.as_ref().ok().map(|taken| taken.accepted),
                    "lost": taken.as_ref().ok().map(|taken| taken.lost),
                    "reasons": taken.as_ref().ok().map(|taken| &taken.reasons),
                    "seconds": taken.as_ref().ok().map(|taken| taken.seconds),
                }));
            }
            rows.push(row);
        }
    }
    Ok(Report {
        rows,
        raw: json!({ "rate_hz": RATE_HZ, "seconds": seconds, "runs": raw }),
    })
}

fn fill(row: &mut Row, sampler: Sampler, taken: &Taken) {
    if sampler == Sampler::Pitstop {
        row.reached = Some(taken.accepted_share() >= TARGET);
    }
}

fn shown(taken: &Taken) -> String {
    let mut text = format!(
        "{} of {} accepted ({}), {:.0} a second",
        taken.accepted,
        taken.accepted + taken.lost,
        percent(taken.accepted_share()),
        taken.accepted as f64 / taken.seconds,
    );
    if !taken.reasons.is_empty() {
        text.push_str(&format!("; {}", taken.reasons));
    }
    text
}
