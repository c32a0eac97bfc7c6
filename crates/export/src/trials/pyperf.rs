//! pyperf's JSON, version 1.0: values by process, in seconds of one repetition.

use super::{ReadError, batch, date_and_time, full_name, list, seconds};
use pitstop_model::{Benchmark, Run, Structure, Subject, Trials};
use serde_json::{Value, json};

fn broken(what: &'static str) -> ReadError {
    ReadError::Broken {
        tool: "pyperf",
        what,
    }
}

pub(super) fn read(value: &Value) -> Result<Trials, ReadError> {
    let mut trials = Trials::default();
    for (at, suite) in list(value, "benchmarks").iter().enumerate() {
        // What is common to all stands outside; what is nearer wins.
        let levels = |run: Option<&'_ Value>, key: &str| -> Option<Value> {
            [run, Some(suite), Some(value)]
                .into_iter()
                .flatten()
                .find_map(|level| level.get("metadata")?.get(key).cloned())
        };
        let word = |key: &str| {
            let value = levels(None, key);
            value.and_then(|value| value.as_str().map(str::to_owned))
        };
        if word("unit").is_some_and(|unit| unit != "second") {
            return Err(broken("its values are no times but sizes or counts"));
        }
        let name = word("name").unwrap_or_else(|| format!("benchmark {}", at + 1));
        let version = word("python_version").unwrap_or_default();
        let path = word("python_executable").unwrap_or_default();
        trials.benchmarks.push(Benchmark {
            text: word("timeit_stmt")
                .or_else(|| word("command"))
                .unwrap_or_else(|| name.clone()),
            setup: word("timeit_setup").unwrap_or_default(),
            name,
            subject: Subject::Statement,
            python: format!("{version} {path}").trim().to_owned(),
            structure: Structure::Processes,
            tool: "pyperf".into(),
            ..Benchmark::default()
        });
        for (pair, run) in list(suite, "runs").iter().enumerate() {
            let whole = |key: &str| levels(Some(run), key).and_then(|value| value.as_u64());
            let inner = whole("inner_loops").unwrap_or(1).max(1);
            let loops = whole("loops").unwrap_or(1).max(1).saturating_mul(inner);
            let values = list(run, "values");
            // A run without values only looked for the number of loops.
            if values.is_empty() {
                continue;
            }
            let mut batches = Vec::new();
            for warm_up in list(run, "warmups") {
                let loops = warm_up.get(0).and_then(Value::as_u64);
                let value = warm_up.get(1).and_then(Value::as_f64);
                let (Some(loops), Some(value)) = (loops, value) else {
                    return Err(broken("a warm-up is no pair of loops and time"));
                };
                batches.extend(batch(value, loops.saturating_mul(inner), true));
            }
            for value in values {
                let value = value.as_f64().and_then(|value| batch(value, loops, false));
                batches.push(value.ok_or(broken("a value is no time"))?);
            }
            trials.runs.push(Run {
                benchmark: at as u32,
                pair: pair as u32,
                batches,
                peak_rss_bytes: whole("mem_max_rss").unwrap_or(0),
                ..Run::default()
            });
        }
    }
    Ok(trials)
}

pub(super) fn write(trials: &Trials, unix_s: u64) -> Value {
    let (date, time) = date_and_time(unix_s);
    let benchmarks: Vec<Value> = trials
        .benchmarks
        .iter()
        .enumerate()
        .map(|(at, benchmark)| {
            let runs: Vec<Value> = trials
                .runs_of(at)
                .map(|run| one_run(run, benchmark, &format!("{date} {time}.000000")))
                .filter(|run| !list(run, "values").is_empty() && benchmark.unit.is_empty())
                .collect();
            let mut metadata = json!({
                "name": full_name(benchmark),
                "unit": "second",
                "description": format!("measured by pitstop, {}", benchmark.clock.key()),
            });
            if let Some((version, path)) = benchmark.python.split_once(' ') {
                metadata["python_version"] = version.into();
                metadata["python_executable"] = path.into();
            }
            json!({ "metadata": metadata, "runs": runs })
        })
        .filter(|benchmark| !list(benchmark, "runs").is_empty())
        .collect();
    json!({ "version": "1.0", "metadata": {}, "benchmarks": benchmarks })
}

fn one_run(run: &Run, benchmark: &Benchmark, date: &str) -> Value {
    let steady = run.steady().next();
    let loops = steady.map_or(1, |batch| batch.loops);
    let warm_ups: Vec<Value> = run
        .batches
        .iter()
        .filter(|batch| batch.warm_up)
        .map(|batch| json!([batch.loops, batch.ns(benchmark.clock) / 1e9]))
        .collect();
    let mut metadata = json!({ "date": date, "loops": loops });
    if run.peak_rss_bytes > 0 {
        metadata["mem_max_rss"] = run.peak_rss_bytes.into();
    }
    if run.layout.hash_seed > 0 {
        metadata["python_hash_seed"] = run.layout.hash_seed.into();
    }
    let total: f64 = run.batches.iter().map(|batch| batch.wall_ns / 1e9).sum();
    metadata["duration"] = total.into();
    // pyperf takes positive values only.
    let values: Vec<f64> = seconds(run, benchmark.clock)
        .into_iter()
        .filter(|value| *value > 0.0)
        .collect();
    let mut value = json!({ "metadata": metadata, "values": values });
    if !warm_ups.is_empty() {
        value["warmups"] = warm_ups.into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn metadata_is_looked_up_from_the_inside_out() {
        // The shape of a file written by pyperf 2.10.0.
        let text = r#"{"version": "1.0",
            "metadata": {"name": "telco", "unit": "second", "loops": 8, "inner_loops": 2},
            "benchmarks": [{"metadata": {"python_version": "3.12.1 (64-bit)"}, "runs": [
                {"metadata": {"calibrate_loops": 8}, "warmups": [[1, 0.0230], [2, 0.0225]]},
                {"values": [0.02275, 0.02253], "warmups": [[8, 0.02249]],
                 "metadata": {"loops": 4, "mem_max_rss": 9999}}]}]}"#;
        let trials = read(text.as_bytes()).expect("pyperf wrote it");
        assert_eq!(trials.benchmarks[0].name, "telco");
        assert_eq!(trials.runs.len(), 1, "calibration is no measurement");
        let run = &trials.runs[0];
        assert_eq!((run.batches.len(), run.batches[1].loops), (3, 8));
        assert_eq!(run.peak_rss_bytes, 9999);
        assert!((run.batches[1].wall_ns - 0.02275e9 * 8.0).abs() < 1.0);
    }
}
