//! Do the shares of self time come out as they do when the program is stopped for each sample?
//!
//! Two independent stop-the-world runs differ by chance alone: that is the noise floor. A sampler
//! that is not biased lies no further from either of them than they lie from each other. All take
//! turns in slices, so that a change of the machine's mood meets each of them.

use super::figure::Report;
use super::progress::Progress;
use super::rig::{CPYTHON_PEER, Rig};
use super::sampler::{Rate, Sampler};
use super::stacks::{Frame, Stack};
use super::statistics::{Dice, expected_variation, total_variation};
use super::table::Row;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PROGRAMS: [&str; 2] = ["deltablue", "richards"];
const RATE_HZ: u64 = 1000;
/// Ours may lie so much further from the reference than the noise floor.
const TARGET: f64 = 0.01;
/// The file whose functions are the program; what runs outside of it is start and end.
const PROGRAM_FILE: &str = "run_benchmark.py";

/// Both are the reference, ours to be judged, then the peers that sample that version.
const CONTESTANTS: [(u8, &[Sampler]); 2] = [
    (
        13,
        &[
            Sampler::PitstopBlocking,
            Sampler::PitstopBlocking,
            Sampler::Pitstop,
            Sampler::PySpy,
            Sampler::PySpyNonblocking,
        ],
    ),
    (
        CPYTHON_PEER,
        &[
            Sampler::PitstopBlocking,
            Sampler::PitstopBlocking,
            Sampler::Pitstop,
            Sampler::Cpython,
        ],
    ),
];

/// What one contestant has seen so far.
struct Seen {
    sampler: Sampler,
    /// Self time by function.
    shares: BTreeMap<Frame, f64>,
    /// The same in samples, whatever each stands for.
    counts: BTreeMap<Frame, f64>,
    samples: u64,
}

pub(super) fn measure(rig: &Rig) -> Result<Report> {
    let default = if rig.quick { 4000 } else { 20_000 };
    let samples = rig.samples.unwrap_or(default).min(default);
    let slices = if rig.quick { 2 } else { 4 };
    let seconds = samples.div_ceil(RATE_HZ * slices);
    let contestants = |samplers: &'static [Sampler], minor: u8| {
        let present = samplers.iter().copied();
        present.filter(move |sampler| sampler.samples(rig, minor))
    };
    let runs: usize = CONTESTANTS
        .iter()
        .map(|(minor, samplers)| contestants(samplers, *minor).count())
        .sum();
    let slice_count = runs * PROGRAMS.len() * slices as usize;
    let mut progress = Progress::new("shares", slice_count as f64 * seconds as f64);
    let mut dice = Dice::new();
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    for program in PROGRAMS {
        for (minor, samplers) in CONTESTANTS {
            let mut all: Vec<Seen> = contestants(samplers, minor).map(Seen::new).collect();
            for slice in 0..slices {
                let mut order: Vec<usize> = (0..all.len()).collect();
                dice.shuffle(&mut order);
                for index in order {
                    let target = rig.suite_program(minor, program, &format!("{seconds}s"))?;
                    let sampler = all[index].sampler;
                    let rate = Rate::Hz(RATE_HZ as u32);
                    let taken = sampler
                        .sample(rig, &target, rate, None)
                        .with_context(|| format!("{} on {program}", sampler.name()))?;
                    all[index].add(&taken.stacks);
                    let part = format!("slice {} of {slices}", slice + 1);
                    let line = format!("{program} 3.{minor} {}: {part}", sampler.name());
                    progress.done(seconds as f64, &line);
                }
            }
            let (row, result) = judge(program, minor, &all)?;
            progress.done(0.0, &format!("{program} 3.{minor}: {}", told(&result)));
            rows.push(row);
            raw.push(result);
        }
    }
    Ok(Report {
        rows,
        raw: json!({ "rate_hz": RATE_HZ, "samples": samples, "comparisons": raw }),
    })
}

impl Seen {
    fn new(sampler: Sampler) -> Self {
        Self {
            sampler,
            shares: BTreeMap::new(),
            counts: BTreeMap::new(),
            samples: 0,
        }
    }

    fn add(&mut self, stacks: &[Stack]) {
        for stack in stacks {
            let inside = stack.frames.iter().any(|frame| frame.file == PROGRAM_FILE);
            if let (true, Some(innermost)) = (inside, stack.frames.last()) {
                *self.shares.entry(innermost.clone()).or_default() += stack.weight;
                *self.counts.entry(innermost.clone()).or_default() += stack.samples as f64;
                self.samples += stack.samples;
            }
        }
    }
}

fn judge(program: &str, minor: u8, all: &[Seen]) -> Result<(Row, Value)> {
    let [one, other, rest @ ..] = all else {
        anyhow::bail!("there is no reference");
    };
    let floor = total_variation(&one.shares, &other.shares);
    let floor_of_counts = total_variation(&one.counts, &other.counts);
    let expected = expected_variation(&one.shares, one.samples as f64, other.samples as f64);
    let mut row = Row::new(
        format!("self-time shares: {program}, 3.{minor}"),
        "<= floor + 1 pt",
    );
    let mut distances = Vec::new();
    for seen in rest {
        let shares = beginnings(&seen.shares, [&one.shares, &other.shares]);
        let distance = |reference: &Seen| total_variation(&shares, &reference.shares);
        let distance = (distance(one) + distance(other)) / 2.0;
        let above = distance - floor;
        let counts = beginnings(&seen.counts, [&one.shares, &other.shares]);
        let of_counts = |reference: &Seen| total_variation(&counts, &reference.counts);
        let of_counts = (of_counts(one) + of_counts(other)) / 2.0;
        let cell = format!("{:+.1}", above * 100.0);
        match seen.sampler {
            Sampler::Pitstop => {
                row.pitstop = format!("{cell} (floor {:.1})", floor * 100.0);
                row.reached = Some(above <= TARGET);
            }
            Sampler::Cpython => row.cpython = cell,
            Sampler::PySpy => row.py_spy = cell,
            _ => row.py_spy = format!("{}, nb {cell}", row.py_spy),
        }
        distances.push(json!({
            "sampler": seen.sampler.name(),
            "samples": seen.samples,
            "distance": distance,
            "above_floor": above,
            "distance_of_counts": of_counts,
            "expected_by_chance":
                expected_variation(&one.shares, seen.samples as f64, one.samples as f64),
        }));
    }
    let result = json!({
        "program": program,
        "python": format!("3.{minor}"),
        "floor": floor,
        "floor_of_counts": floor_of_counts,
        "floor_expected_by_chance": expected,
        "reference_samples": [one.samples, other.samples],
        "distances": distances,
    });
    Ok((row, result))
}

/// Shares by the line where a function begins. `profiling.sampling` tells only the line where the
/// function was; its beginning is the last one before that among functions of that name.
fn beginnings(
    shares: &BTreeMap<Frame, f64>,
    references: [&BTreeMap<Frame, f64>; 2],
) -> BTreeMap<Frame, f64> {
    let mut found = BTreeMap::new();
    for (frame, weight) in shares {
        let same = |known: &&Frame| known.file == frame.file && known.name == frame.name;
        let before = |known: &&Frame| known.line <= frame.line;
        let known = references.into_iter().flat_map(BTreeMap::keys);
        let begins = known
            .filter(same)
            .filter(before)
            .max_by_key(|known| known.line);
        *found.entry(begins.unwrap_or(frame).clone()).or_default() += weight;
    }
    found
}

/// The distances in words, for the progress.
fn told(result: &Value) -> String {
    let points = |value: &Value| value.as_f64().unwrap_or(f64::NAN) * 100.0;
    let mut text = format!(
        "floor {:.2} points (of counts {:.2}, by chance {:.2})",
        points(&result["floor"]),
        points(&result["floor_of_counts"]),
        points(&result["floor_expected_by_chance"])
    );
    for one in result["distances"].as_array().into_iter().flatten() {
        let name = one["sampler"].as_str().unwrap_or_default();
        text.push_str(&format!(
            "; {name} {:.2} (of counts {:.2})",
            points(&one["distance"]),
            points(&one["distance_of_counts"])
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_the_function_that_begins_before_it() {
        let frame = |name: &str, line| Frame {
            file: "a.py".into(),
            name: name.into(),
            line,
        };
        let reference = BTreeMap::from([(frame("run", 10), 1.0), (frame("run", 50), 1.0)]);
        let lines = [
            (frame("run", 12), 1.0),
            (frame("run", 14), 2.0),
            (frame("run", 51), 4.0),
            (frame("new", 9), 8.0),
        ];
        let shares = beginnings(&BTreeMap::from(lines), [&reference, &BTreeMap::new()]);
        let expected = [
            (frame("new", 9), 8.0),
            (frame("run", 10), 3.0),
            (frame("run", 50), 4.0),
        ];
        assert_eq!(shares, BTreeMap::from(expected));
    }
}
