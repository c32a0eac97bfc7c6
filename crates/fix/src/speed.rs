//! How much faster: the recorded calls by themselves, and the whole workload, in pairs of processes.

use crate::error::Error;
use crate::ground::Ground;
use crate::replay::{Job, optimizing};
use crate::sides::Sides;
use crate::subject::Workload;
use crate::verify::Options;
use pitstop_analysis::proof::Speed;
use pitstop_analysis::trials::{Question, compare_pairs};
use pitstop_bench::{Contender, Side, Work};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How long the calls of one repetition may take, in nanoseconds: of longer ones fewer are measured.
const MOST_NS: u64 = 500_000_000;

/// A call to measure.
pub(crate) struct Measured<'a> {
    pub(crate) id: &'a str,
    /// How long it takes with the old version.
    pub(crate) took_ns: u64,
    /// It needs fresh arguments each time.
    pub(crate) is_fresh: bool,
}

/// The interpreter that the calls were recorded with.
pub(crate) struct Recorded<'a> {
    pub(crate) python: &'a Path,
    pub(crate) optimize: u32,
    pub(crate) files: &'a [PathBuf],
}

fn options(options: &Options, line: Option<f64>) -> pitstop_bench::Options {
    let defaults = pitstop_bench::Options::default();
    pitstop_bench::Options {
        seed: options.seed,
        budget: options.time.unwrap_or(defaults.budget),
        budget_is_strict: options.time.is_some(),
        line,
        ..defaults
    }
}

fn compare(
    ground: &Ground<'_>,
    sides: [&Contender; 2],
    options: &pitstop_bench::Options,
    what: String,
) -> Result<Option<Speed>, Error> {
    let mut control = ground.control();
    let outcome = pitstop_bench::compare(sides, options, *control).map_err(Error::Bench)?;
    let question = Question::default();
    let Some(found) = compare_pairs(&outcome.trials, [0, 1], question) else {
        return Ok(None);
    };
    // A ratio of times is new over old; how much faster is the other way round.
    let range = found
        .interval
        .map(|interval| (1.0 / interval.high, 1.0 / interval.low));
    Ok(Some(Speed {
        what,
        factor: 1.0 / found.ratio,
        range,
        pairs: found.pairs,
        times_ns: [0, 1].map(|at| found.sides[at].time.median),
        sure: 1.0 - question.alpha,
    }))
}

/// Chooses calls all over the recording until they take long enough, at least one.
fn choose<'a, 'b>(calls: &'b [Measured<'a>]) -> Vec<&'b Measured<'a>> {
    let mut chosen = Vec::new();
    let mut sum = 0;
    // Every eighth, then those between them.
    let order = (0..8).flat_map(|first| calls.iter().skip(first).step_by(8));
    for call in order {
        if !chosen.is_empty() && sum + call.took_ns > MOST_NS {
            continue;
        }
        sum += call.took_ns;
        chosen.push(call);
    }
    chosen
}

/// Measures the recorded calls.
pub(crate) fn of_calls(
    ground: &Ground<'_>,
    sides: &Sides,
    recorded: &Recorded<'_>,
    calls: &[Measured<'_>],
    settings: &Options,
) -> Result<Option<Speed>, Error> {
    let chosen = choose(calls);
    if chosen.is_empty() {
        return Ok(None);
    }
    let ids: Vec<Value> = chosen.iter().map(|call| call.id.into()).collect();
    let fresh = chosen.iter().filter(|call| call.is_fresh);
    let fresh: Vec<Value> = fresh.map(|call| call.id.into()).collect();
    let mut contenders = Vec::new();
    for (at, version) in sides.versions.iter().enumerate() {
        let mut job: Job = sides.jobs[at].clone();
        job.watch.clear();
        let files: Vec<Value> = recorded
            .files
            .iter()
            .map(|file| file.to_string_lossy().into_owned().into())
            .collect();
        job.more.insert("records".into(), files.into());
        job.more.insert("ids".into(), ids.clone().into());
        job.more.insert("fresh".into(), fresh.clone().into());
        let text = serde_json::to_vec(&job).unwrap_or_default();
        let path = ground.write(&format!("speed-{at}.json"), &text)?;
        let setup = format!(
            "{}; _calls = _part.prepare({:?})",
            ground.import("speed"),
            path.to_string_lossy()
        );
        contenders.push(Contender {
            name: version.name.clone(),
            work: Work::Statement {
                setup,
                text: "_calls()".into(),
            },
            side: Side {
                python: recorded.python.into(),
                flags: optimizing(recorded.optimize),
                variables: version.variables.clone(),
                directory: version.directory.clone(),
                variant: version.name.clone(),
            },
        });
    }
    let what = format!("{} of the recorded calls", chosen.len());
    let options = options(settings, None);
    compare(ground, [&contenders[0], &contenders[1]], &options, what)
}

/// Measures the whole workload.
pub(crate) fn of_workload(
    ground: &Ground<'_>,
    sides: &Sides,
    workload: &Workload,
    fails: bool,
    settings: &Options,
) -> Result<Option<Speed>, Error> {
    let mut old = sides.jobs[0].clone();
    old.watch.clear();
    let mut contenders = Vec::new();
    for (at, job) in [&old, &sides.whole].into_iter().enumerate() {
        let version = &sides.versions[at];
        let (words, variables) = if sides.needs_job {
            let text = serde_json::to_vec(job).unwrap_or_default();
            let path = ground.write(&format!("whole-{at}.json"), &text)?;
            let words = workload.with_runner(&ground.runner());
            (words, ground.with_job(version, &path))
        } else {
            (workload.words.clone(), version.variables.clone())
        };
        contenders.push(Contender {
            name: workload.text(),
            work: Work::Command { words },
            side: Side {
                variables,
                directory: version.directory.clone(),
                variant: version.name.clone(),
                ..Side::default()
            },
        });
    }
    // New over old below this is faster by the factor that is asked for.
    let line = 1.0 / settings.least - 1.0;
    let options = pitstop_bench::Options {
        ignore_failure: fails,
        ..options(settings, Some(line))
    };
    let what = workload.text();
    compare(ground, [&contenders[0], &contenders[1]], &options, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_calls_are_measured_a_few_at_a_time() {
        let calls = |took_ns| -> Vec<Measured<'static>> {
            let call = || Measured {
                id: "0:0",
                took_ns,
                is_fresh: false,
            };
            (0..20).map(|_| call()).collect()
        };
        assert_eq!(choose(&calls(1000)).len(), 20);
        assert_eq!(choose(&calls(100_000_000)).len(), 5);
        assert_eq!(choose(&calls(MOST_NS * 3)).len(), 1);
        assert!(choose(&[]).is_empty());
    }
}
