//! Our own document `pitstop/bench@1`, read back.

use super::{ReadError, list, number, text};
use pitstop_model::{Batch, Benchmark, Clock, Layout, Run, Structure, Subject, Trials};
use serde_json::Value;

pub(super) fn read(value: &Value) -> Result<Trials, ReadError> {
    let broken = |what| ReadError::Broken {
        tool: "pitstop",
        what,
    };
    let mut trials = Trials::default();
    if let Some(room) = value.get("room") {
        let share = |key| number(room, key).unwrap_or(0.0);
        trials.room.duration_ns = share("duration_ns") as u64;
        trials.room.seed = room.get("seed").and_then(Value::as_u64).unwrap_or(0);
        trials.room.steal_share = share("steal_share");
        trials.room.busy_share = share("busy_share");
        trials.room.cpu_pressure = number(room, "cpu_pressure");
        trials.room.memory_pressure = number(room, "memory_pressure");
        trials.room.cpus = share("cpus") as u32;
    }
    for (at, benchmark) in list(value, "benchmarks").iter().enumerate() {
        let word = |key: &'static str| text(benchmark, key).unwrap_or_default();
        let find = |key: &'static str, of: &[&str]| of.iter().position(|known| *known == word(key));
        let clocks = Clock::ALL.map(Clock::key);
        let subjects = Subject::ALL.map(Subject::key);
        let structures = Structure::ALL.map(Structure::key);
        trials.benchmarks.push(Benchmark {
            name: word("name").to_owned(),
            text: word("text").to_owned(),
            setup: word("setup").to_owned(),
            subject: Subject::ALL[find("subject", &subjects).unwrap_or(0)],
            python: word("python").to_owned(),
            variant: word("variant").to_owned(),
            // What a later version may call otherwise is not known.
            structure: Structure::ALL[find("structure", &structures).unwrap_or(2)],
            tool: word("tool").to_owned(),
            clock: Clock::ALL[find("clock", &clocks).unwrap_or(0)],
            // Times had none before others were known.
            unit: match word("unit") {
                "ns" => String::new(),
                unit => unit.to_owned(),
            },
        });
        let runs = list(benchmark, "runs");
        if runs.is_empty() {
            return Err(broken("a benchmark has no runs"));
        }
        for run in runs {
            let run = one_run(at, run).ok_or(broken("a batch has no possible time"))?;
            trials.runs.push(run);
        }
    }
    Ok(trials)
}

fn one_run(benchmark: usize, run: &Value) -> Option<Run> {
    let whole = |key: &str| run.get(key).and_then(Value::as_u64).unwrap_or(0);
    let narrow = |key: &str| u32::try_from(whole(key)).unwrap_or(u32::MAX);
    let cpu = run.get("cpu").and_then(Value::as_u64);
    let batches: Option<Vec<Batch>> = list(run, "batches").iter().map(one_batch).collect();
    Some(Run {
        benchmark: benchmark as u32,
        pair: narrow("pair"),
        layout: Layout {
            hash_seed: narrow("hash_seed"),
            padding_bytes: narrow("padding_bytes"),
            cpu: cpu.and_then(|cpu| u32::try_from(cpu).ok()),
            fixed_addresses: run.get("fixed_addresses") == Some(&Value::Bool(true)),
        },
        batches: batches?,
        peak_rss_bytes: whole("peak_rss_bytes"),
        user_ns: whole("user_ns"),
        system_ns: whole("system_ns"),
        gc_ns: whole("gc_ns"),
        gc_of_ns: whole("gc_of_ns"),
    })
}

fn one_batch(batch: &Value) -> Option<Batch> {
    let time = |key| number(batch, key).filter(|ns| ns.is_finite() && *ns >= 0.0);
    let loops = batch.get("loops").and_then(Value::as_u64)?;
    let preemptions = batch.get("preemptions").and_then(Value::as_u64);
    (loops > 0).then_some(Batch {
        loops,
        wall_ns: time("wall_ns")?,
        cpu_ns: time("cpu_ns").unwrap_or(0.0),
        all_cpu_ns: time("all_cpu_ns").unwrap_or(0.0),
        delay_ns: time("delay_ns").unwrap_or(0.0),
        preemptions: preemptions.map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX)),
        warm_up: batch.get("warm_up") == Some(&Value::Bool(true)),
    })
}
