//! A file of results of asv, version 2: samples of a benchmark and its parameters, in seconds.
//!
//! Samples of several processes stand in one list, so which came from which is not known.

use super::{ReadError, all_seconds, batch, full_name, list, percentile, sorted, summary, text};
use pitstop_model::{Benchmark, Run, Structure, Subject, Trials};
use serde_json::{Map, Value, json};

/// The columns that are written, in asv's order.
const COLUMNS: [&str; 12] = [
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
    "stats_q_25",
    "stats_q_75",
    "number",
    "repeat",
    "samples",
];

pub(super) fn read(value: &Value) -> Result<Trials, ReadError> {
    let broken = |what| ReadError::Broken { tool: "asv", what };
    let columns: Vec<&str> = list(value, "result_columns")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    // asv's own files say `stats_number` and `stats_repeat`, older ones the bare words.
    let place = |name: &str| {
        let mut columns = columns.iter();
        columns.position(|column| column.trim_start_matches("stats_") == name)
    };
    let results = value.get("results").and_then(Value::as_object);
    let results = results.ok_or(broken("its results are no object"))?;
    let python = text(value, "python").unwrap_or_default();
    let mut trials = Trials::default();
    for (name, row) in results {
        let cell = |column: &str| place(column).and_then(|at| row.get(at));
        let Some(values) = cell("result").and_then(Value::as_array) else {
            continue; // Failed or skipped.
        };
        let names = combinations(cell("params"));
        for (at, value) in values.iter().enumerate() {
            let number = cell("number").and_then(|number| number.get(at)?.as_u64());
            let samples = cell("samples").and_then(|samples| samples.get(at)?.as_array());
            let samples = samples.filter(|samples| !samples.is_empty());
            let seconds: Vec<f64> = match samples {
                Some(samples) => samples.iter().filter_map(Value::as_f64).collect(),
                None => value.as_f64().into_iter().collect(),
            };
            let batches: Vec<_> = seconds
                .into_iter()
                .filter_map(|value| batch(value, number.unwrap_or(1), false))
                .collect();
            if batches.is_empty() {
                continue;
            }
            let name = match names.get(at) {
                Some(parameters) if !parameters.is_empty() => format!("{name}({parameters})"),
                _ => name.clone(),
            };
            trials.benchmarks.push(Benchmark {
                text: name.clone(),
                name,
                subject: Subject::Function,
                python: python.to_owned(),
                structure: Structure::Unknown,
                tool: "asv".into(),
                ..Benchmark::default()
            });
            trials.runs.push(Run {
                benchmark: (trials.benchmarks.len() - 1) as u32,
                batches,
                ..Run::default()
            });
        }
    }
    Ok(trials)
}

/// The most combinations of parameters that are named.
const MOST_COMBINATIONS: usize = 100_000;

/// The combinations of parameters, in asv's order: the last one changes fastest.
fn combinations(params: Option<&Value>) -> Vec<String> {
    let mut all = vec![String::new()];
    for axis in params.and_then(Value::as_array).into_iter().flatten() {
        let Some(values) = axis.as_array() else {
            continue;
        };
        if all.len().saturating_mul(values.len()) > MOST_COMBINATIONS {
            return Vec::new();
        }
        let word = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let joined = |before: &String| {
            let separator = if before.is_empty() { "" } else { ", " };
            values
                .iter()
                .map(|value| format!("{before}{separator}{}", word(value)))
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(joined).collect();
    }
    all
}

pub(super) fn write(trials: &Trials, unix_s: u64) -> Value {
    let mut results = Map::new();
    for (at, benchmark, samples) in all_seconds(trials) {
        let Some(all) = summary(&samples) else {
            continue;
        };
        let sorted = sorted(&samples);
        let loops = trials.runs_of(at).find_map(|run| run.steady().next());
        let row = json!([
            [all.median],
            [],
            null,
            unix_s * 1000,
            null,
            [all.min],
            [all.max],
            [percentile(&sorted, 0.25)],
            [percentile(&sorted, 0.75)],
            [loops.map_or(1, |batch| batch.loops)],
            [samples.len()],
            [samples],
        ]);
        results.insert(full_name(benchmark), row);
    }
    let python = trials.benchmarks.first().map(|benchmark| {
        let version = benchmark.python.split(' ').next().unwrap_or_default();
        version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
    });
    json!({
        "commit_hash": "",
        "env_name": "existing",
        "date": unix_s * 1000,
        "params": {},
        "python": python,
        "requirements": {},
        "env_vars": {},
        "result_columns": COLUMNS.map(|name| match name {
            "number" | "repeat" => format!("stats_{name}"),
            name => name.to_owned(),
        }),
        "results": results,
        "durations": {},
        "version": 2,
    })
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn parameters_become_names_and_failures_are_passed_over() {
        let text = r#"{"commit_hash": "abc", "env_name": "virtualenv-py3.12", "python": "3.12",
            "result_columns": ["result", "params", "version", "started_at", "duration",
                "stats_ci_99_a", "stats_ci_99_b", "stats_q_25", "stats_q_75", "stats_number",
                "stats_repeat", "samples", "profile"],
            "results": {
                "bench.time_sum": [[1e-3, 2e-3, null, 4e-3], [["10", "20"], ["'a'", "'b'"]],
                    "v", 1, 2.0, [null], [null], [null], [null], [100, 50, null, 20],
                    [2, 2, null, 2], [[1e-3, 1.1e-3], [2e-3], null, null]],
                "bench.time_broken": [null, []]},
            "version": 2}"#;
        let trials = read(text.as_bytes()).expect("asv wrote it");
        let names: Vec<&str> = trials.benchmarks.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "bench.time_sum(10, 'a')",
                "bench.time_sum(10, 'b')",
                "bench.time_sum(20, 'b')"
            ]
        );
        assert_eq!(trials.runs[0].batches.len(), 2);
        assert_eq!(trials.runs[0].batches[0].loops, 100);
    }
}
