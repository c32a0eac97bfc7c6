//! What `hyperfine --export-json` writes: each run is a process, times in seconds.

use super::{ReadError, all_seconds, batch, full_name, list, mean, number, summary, text};
use pitstop_model::{Benchmark, Run, Structure, Subject, Trials};
use serde_json::{Value, json};

pub(super) fn read(value: &Value) -> Result<Trials, ReadError> {
    let broken = |what| ReadError::Broken {
        tool: "hyperfine",
        what,
    };
    let mut trials = Trials::default();
    for (at, result) in list(value, "results").iter().enumerate() {
        let command = text(result, "command").ok_or(broken("a result has no command"))?;
        let mut name = command.to_owned();
        if let Some(parameters) = result.get("parameters").and_then(Value::as_object) {
            for (key, value) in parameters {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                name = format!("{name} {key}={value}");
            }
        }
        trials.benchmarks.push(Benchmark {
            name,
            text: command.to_owned(),
            subject: Subject::Command,
            structure: Structure::Processes,
            tool: "hyperfine".into(),
            ..Benchmark::default()
        });
        let times = list(result, "times");
        if times.is_empty() {
            return Err(broken("a result has no times"));
        }
        let memory = list(result, "memory_usage_byte");
        let mean_ns = |key| (number(result, key).unwrap_or(0.0) * 1e9).max(0.0) as u64;
        for (pair, time) in times.iter().enumerate() {
            let time = time.as_f64().and_then(|time| batch(time, 1, false));
            trials.runs.push(Run {
                benchmark: at as u32,
                pair: pair as u32,
                batches: vec![time.ok_or(broken("a time is none"))?],
                peak_rss_bytes: memory.get(pair).and_then(Value::as_u64).unwrap_or(0),
                // It knows only their means.
                user_ns: mean_ns("user"),
                system_ns: mean_ns("system"),
                ..Run::default()
            });
        }
    }
    Ok(trials)
}

pub(super) fn write(trials: &Trials) -> Value {
    let results: Vec<Value> = all_seconds(trials)
        .filter_map(|(at, benchmark, times)| {
            let all = summary(&times)?;
            let runs: Vec<&Run> = trials.runs_of(at).collect();
            let part = |of: fn(&Run) -> u64| {
                // CPU time is known of whole processes; a process of several repetitions has none
                // that belongs to one.
                let is_alone = runs.iter().all(|run| run.batches.len() <= 1);
                let seconds: Vec<f64> = runs.iter().map(|run| of(run) as f64 / 1e9).collect();
                if is_alone { mean(&seconds) } else { 0.0 }
            };
            let memory: Vec<u64> = runs
                .iter()
                .flat_map(|run| run.steady().map(|_| run.peak_rss_bytes))
                .collect();
            let exit_codes = vec![0; times.len()];
            Some(json!({
                "command": full_name(benchmark),
                "mean": all.mean,
                "stddev": (all.count > 1).then_some(all.deviation),
                "median": all.median,
                "user": part(|run| run.user_ns),
                "system": part(|run| run.system_ns),
                "min": all.min,
                "max": all.max,
                "times": times,
                "memory_usage_byte": memory,
                "exit_codes": exit_codes,
            }))
        })
        .collect();
    json!({ "results": results })
}

#[cfg(test)]
mod tests {
    use super::super::{Format, read, write};

    #[test]
    fn a_file_of_hyperfine_comes_back_to_the_digit() {
        let text = r#"{"results": [{"command": "sleep 0.1", "mean": 0.1031, "stddev": 0.0004,
            "median": 0.103, "user": 0.001, "system": 0.002, "min": 0.1027, "max": 0.1036,
            "times": [0.1027, 0.103, 0.1036], "memory_usage_byte": [1000, 2000, 3000],
            "exit_codes": [0, 0, 0], "parameters": {"n": "3"}}]}"#;
        let trials = read(text.as_bytes()).expect("hyperfine wrote it");
        assert_eq!(trials.benchmarks[0].name, "sleep 0.1 n=3");
        assert_eq!(trials.runs.len(), 3);
        let again = write(&trials, Format::Hyperfine, 0);
        let value: serde_json::Value = serde_json::from_str(&again).expect("it is JSON");
        let result = &value["results"][0];
        for (at, time) in [0.1027, 0.103, 0.1036].into_iter().enumerate() {
            let back = result["times"][at].as_f64().expect("a number");
            assert!((back - time).abs() < 1e-15);
        }
        assert_eq!(result["memory_usage_byte"][1], 2000);
        assert!((result["user"].as_f64().expect("a number") - 0.001).abs() < 1e-12);
    }
}
