//! What `pytest --benchmark-json` writes: rounds of one process, seconds of one iteration.

use super::{
    ReadError, all_seconds, batch, date_and_time, full_name, list, number, percentile, sorted,
    summary, text,
};
use pitstop_model::{Benchmark, Run, Structure, Subject, Trials};
use serde_json::{Value, json};

pub(super) fn read(value: &Value) -> Result<Trials, ReadError> {
    let broken = |what| ReadError::Broken {
        tool: "pytest-benchmark",
        what,
    };
    let machine = value.get("machine_info");
    let python = machine.and_then(|machine| text(machine, "python_version"));
    let mut trials = Trials::default();
    for (at, benchmark) in list(value, "benchmarks").iter().enumerate() {
        let name = text(benchmark, "fullname").or_else(|| text(benchmark, "name"));
        let name = name.ok_or(broken("a benchmark has no name"))?;
        let stats = benchmark.get("stats");
        let stats = stats.ok_or(broken("a benchmark has no stats"))?;
        let iterations = number(stats, "iterations").unwrap_or(1.0).max(1.0) as u64;
        let mut batches = Vec::new();
        for value in list(stats, "data") {
            let value = value
                .as_f64()
                .and_then(|value| batch(value, iterations, false));
            batches.push(value.ok_or(broken("a round is no time"))?);
        }
        if batches.is_empty() {
            // Saved without its data: the median stands for all rounds.
            let median = number(stats, "median").and_then(|value| batch(value, iterations, false));
            batches.push(median.ok_or(broken("a benchmark has neither data nor a median"))?);
        }
        trials.benchmarks.push(Benchmark {
            name: name.to_owned(),
            text: name.to_owned(),
            subject: Subject::Function,
            python: python.unwrap_or_default().to_owned(),
            structure: Structure::OneProcess,
            tool: "pytest-benchmark".into(),
            ..Benchmark::default()
        });
        trials.runs.push(Run {
            benchmark: at as u32,
            batches,
            ..Run::default()
        });
    }
    Ok(trials)
}

pub(super) fn write(trials: &Trials, unix_s: u64) -> Value {
    let (date, time) = date_and_time(unix_s);
    let benchmarks: Vec<Value> = all_seconds(trials)
        .filter_map(|(at, benchmark, data)| {
            let loops = trials.runs_of(at).find_map(|run| run.steady().next());
            let name = full_name(benchmark);
            Some(json!({
                "group": null,
                "name": name,
                "fullname": name,
                "params": null,
                "param": null,
                "extra_info": { "clock": benchmark.clock.key(), "tool": benchmark.tool },
                "options": {
                    "disable_gc": false,
                    "timer": "perf_counter",
                    "min_rounds": 5,
                    "max_time": 1.0,
                    "min_time": 5e-6,
                    "warmup": false,
                },
                "stats": stats(&data, loops.map_or(1, |batch| batch.loops))?,
            }))
        })
        .collect();
    let python = trials.benchmarks.first().map(|benchmark| {
        let version = benchmark.python.split(' ').next();
        version.unwrap_or_default().to_owned()
    });
    json!({
        "machine_info": {
            "node": "",
            "processor": "",
            "machine": std::env::consts::ARCH,
            "python_compiler": "",
            "python_implementation": "CPython",
            "python_implementation_version": python,
            "python_version": python,
            "python_build": ["", ""],
            "release": "",
            "system": "Linux",
            "cpu": {},
        },
        "commit_info": {
            "id": null, "time": null, "author_time": null, "dirty": false,
            "project": "", "branch": "",
        },
        "benchmarks": benchmarks,
        "datetime": format!("{date}T{time}+00:00"),
        "version": "5.3.1",
    })
}

/// The statistics as pytest-benchmark defines them: quartiles of type 7, outliers beyond one
/// deviation or 1.5 interquartile ranges.
fn stats(data: &[f64], iterations: u64) -> Option<Value> {
    let all = summary(data)?;
    let sorted = sorted(data);
    let (q1, q3) = (percentile(&sorted, 0.25), percentile(&sorted, 0.75));
    let iqr = q3 - q1;
    let outside = |low: f64, high: f64| {
        let is_outside = |value: &&f64| **value < low || **value > high;
        sorted.iter().filter(is_outside).count()
    };
    let (low, high) = (q1 - 1.5 * iqr, q3 + 1.5 * iqr);
    let by_iqr = outside(low, high);
    let by_deviation = outside(all.mean - all.deviation, all.mean + all.deviation);
    Some(json!({
        "min": all.min,
        "max": all.max,
        "mean": all.mean,
        "stddev": all.deviation,
        "rounds": all.count,
        "median": all.median,
        "iqr": iqr,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": by_iqr,
        "stddev_outliers": by_deviation,
        "outliers": format!("{by_deviation};{by_iqr}"),
        "ld15iqr": sorted.iter().copied().find(|value| *value >= low),
        "hd15iqr": sorted.iter().copied().rfind(|value| *value <= high),
        "ops": if all.mean > 0.0 { 1.0 / all.mean } else { 0.0 },
        "total": all.mean * all.count as f64,
        "data": data,
        "iterations": iterations,
    }))
}
