//! Repeated measurements in the formats of other tools, read and written.
//!
//! What a format cannot say is lost on the way: only pyperf's and our own keep values by process.
//! A file whose values come from one process, or that does not tell, is marked so when it is read,
//! and nothing made from it will be called significant.

mod asv;
mod hyperfine;
mod own;
mod pyperf;
mod pytest_benchmark;

use pitstop_model::{Batch, Benchmark, Clock, Date, Run, Trials};
use pitstop_stats::{mean, percentile, sorted, summary};
use serde_json::Value;
use thiserror::Error;

/// A format of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// pyperf's JSON, version 1.0.
    Pyperf,
    /// What `pytest --benchmark-json` writes.
    PytestBenchmark,
    /// What `hyperfine --export-json` writes.
    Hyperfine,
    /// A file of results of asv, version 2.
    Asv,
}

/// Why a file is no measurement.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// It is no JSON.
    #[error("not a file of JSON: {0}")]
    NotJson(String),
    /// It is JSON of another kind.
    #[error("not a result of pitstop, pyperf, pytest-benchmark, hyperfine or asv")]
    Unknown,
    /// It is of a known kind and makes no sense.
    #[error("not a lawful result of {tool}: {what}")]
    Broken {
        /// Whose format it is.
        tool: &'static str,
        /// What is wrong.
        what: &'static str,
    },
}

/// Reads measurements of any known format.
///
/// # Errors
/// See [`ReadError`].
pub fn read(bytes: &[u8]) -> Result<Trials, ReadError> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| ReadError::NotJson(error.to_string()))?;
    let has = |key: &str| value.get(key).is_some();
    let schema = value.get("schema").and_then(Value::as_str);
    let trials = if schema.is_some_and(|schema| schema.starts_with("pitstop/bench@")) {
        own::read(&value)?
    } else if has("result_columns") && has("results") {
        asv::read(&value)?
    } else if has("results") {
        hyperfine::read(&value)?
    } else if has("machine_info") && has("benchmarks") {
        pytest_benchmark::read(&value)?
    } else if has("benchmarks") && has("version") {
        pyperf::read(&value)?
    } else {
        return Err(ReadError::Unknown);
    };
    Ok(trials)
}

/// Writes measurements; `unix_s` is when, in seconds since the epoch.
pub fn write(trials: &Trials, format: Format, unix_s: u64) -> String {
    let value = match format {
        Format::Pyperf => pyperf::write(trials, unix_s),
        Format::PytestBenchmark => pytest_benchmark::write(trials, unix_s),
        Format::Hyperfine => hyperfine::write(trials),
        Format::Asv => asv::write(trials, unix_s),
    };
    let text = serde_json::to_string_pretty(&value);
    text.expect("a tree of values always serializes") + "\n"
}

/// A text of an object.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// A number of an object.
fn number(value: &Value, key: &str) -> Option<f64> {
    value.get(key).and_then(Value::as_f64)
}

/// A list of an object; empty if it is not there.
fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Seconds of one repetition as a batch; `None` if that is no possible time.
fn batch(seconds: f64, loops: u64, warm_up: bool) -> Option<Batch> {
    let wall_ns = seconds * 1e9 * loops.max(1) as f64;
    (wall_ns.is_finite() && wall_ns >= 0.0).then_some(Batch {
        loops: loops.max(1),
        wall_ns,
        warm_up,
        ..Batch::default()
    })
}

/// Seconds of one repetition, for all steady batches of a run, by the benchmark's clock.
fn seconds(run: &Run, clock: Clock) -> Vec<f64> {
    run.steady().map(|batch| batch.ns(clock) / 1e9).collect()
}

/// All benchmarks with the seconds of all their steady batches; those without any are left out, and
/// those that measure no time, which the formats have no place for.
fn all_seconds(trials: &Trials) -> impl Iterator<Item = (usize, &Benchmark, Vec<f64>)> {
    trials
        .benchmarks
        .iter()
        .enumerate()
        .filter_map(|(at, benchmark)| {
            let runs = trials.runs_of(at).filter(|_| benchmark.unit.is_empty());
            let values: Vec<f64> = runs.flat_map(|run| seconds(run, benchmark.clock)).collect();
            (!values.is_empty()).then_some((at, benchmark, values))
        })
}

/// A name on one line, as most formats want it; never empty.
fn line(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    match words.is_empty() {
        true => "unnamed".to_owned(),
        false => words.join(" "),
    }
}

/// A name that tells two sides of one benchmark apart.
fn full_name(benchmark: &Benchmark) -> String {
    match benchmark.variant.is_empty() {
        true => line(&benchmark.name),
        false => line(&format!("{} ({})", benchmark.name, benchmark.variant)),
    }
}

/// `2026-11-20` and `12:00:00`, UTC.
fn date_and_time(unix_s: u64) -> (String, String) {
    let second = unix_s % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    (
        Date::of_unix(unix_s).to_string(),
        format!("{hour:02}:{minute:02}:{second:02}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::{Structure, Subject};
    use pitstop_stats::median;
    use proptest::prelude::*;

    pub(super) fn sample() -> Trials {
        let mut trials = Trials::default();
        for (at, name) in ["sorted(x)", "größe\nof two lines"].into_iter().enumerate() {
            trials.benchmarks.push(Benchmark {
                name: name.into(),
                text: name.into(),
                subject: Subject::Statement,
                python: "3.13.0 python3".into(),
                tool: "pitstop".into(),
                ..Benchmark::default()
            });
            for pair in 0..6u32 {
                let batch = |number: u32| Batch {
                    loops: 100,
                    wall_ns: f64::from(3_000_000 + 1000 * pair + 17 * number),
                    warm_up: number == 0,
                    ..Batch::default()
                };
                trials.runs.push(Run {
                    benchmark: at as u32,
                    pair,
                    batches: (0..4).map(batch).collect(),
                    peak_rss_bytes: 10 << 20,
                    user_ns: 20_000_000,
                    system_ns: 4_000_000,
                    ..Run::default()
                });
            }
        }
        trials
    }

    fn medians(trials: &Trials) -> Vec<f64> {
        all_seconds(trials)
            .map(|(_, _, values)| median(&values))
            .collect()
    }

    #[test]
    fn every_format_comes_back_with_its_medians() {
        let trials = sample();
        for format in [
            Format::Pyperf,
            Format::PytestBenchmark,
            Format::Hyperfine,
            Format::Asv,
        ] {
            let text = write(&trials, format, 1_760_000_000);
            let back = read(text.as_bytes()).expect("we wrote it");
            assert_eq!(back.benchmarks.len(), 2, "{format:?}");
            for (ours, theirs) in medians(&trials).iter().zip(medians(&back)) {
                assert!((ours / theirs - 1.0).abs() < 1e-12, "{format:?}");
            }
            let names = || back.benchmarks.iter().map(|benchmark| &benchmark.name);
            assert!(names().any(|name| name == "sorted(x)"), "{format:?}");
            let structure = back.benchmarks[0].structure;
            let expected = match format {
                Format::Pyperf | Format::Hyperfine => Structure::Processes,
                Format::PytestBenchmark => Structure::OneProcess,
                Format::Asv => Structure::Unknown,
            };
            assert_eq!(structure, expected, "{format:?}");
            let again = write(&back, format, 1_760_000_000);
            assert_eq!(
                medians(&read(again.as_bytes()).expect("it is lawful")),
                medians(&back)
            );
        }
    }

    #[test]
    fn pyperf_keeps_processes_and_warm_up() {
        let text = write(&sample(), Format::Pyperf, 0);
        let back = read(text.as_bytes()).expect("we wrote it");
        assert_eq!(back.runs_of(0).count(), 6);
        assert_eq!(back.runs[0].batches.len(), 4);
        assert!(back.runs[0].batches[0].warm_up);
        assert_eq!(back.runs[0].peak_rss_bytes, 10 << 20);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date_and_time(0), ("1970-01-01".into(), "00:00:00".into()));
        let leap = date_and_time(951_782_399);
        assert_eq!(leap, ("2000-02-28".into(), "23:59:59".into()));
        assert_eq!(date_and_time(951_782_400).0, "2000-02-29");
        assert_eq!(date_and_time(1_795_521_600).0, "2026-11-24");
    }

    #[test]
    fn other_files_are_refused_with_their_reason() {
        assert!(matches!(read(b"PITSTOP"), Err(ReadError::NotJson(_))));
        assert_eq!(read(b"{}"), Err(ReadError::Unknown));
        assert_eq!(read(b"[1]"), Err(ReadError::Unknown));
        for broken in [
            r#"{"version": "1.0", "benchmarks": [{"runs": [{"values": ["x"]}]}]}"#,
            r#"{"version": "1.0", "benchmarks": [{"metadata": {"unit": "byte"}, "runs": []}]}"#,
            r#"{"results": [{"command": "x"}]}"#,
            r#"{"machine_info": {}, "benchmarks": [{"name": "x"}]}"#,
            r#"{"schema": "pitstop/bench@1", "benchmarks": [{"name": "x"}]}"#,
        ] {
            let error = read(broken.as_bytes());
            assert!(
                matches!(error, Err(ReadError::Broken { .. })),
                "{broken}: {error:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_whatever_makes_reading_fail(text in r#"[\[\]{}:,"a-z0-9.-]{0,60}"#) {
            let _ = read(text.as_bytes());
        }
    }
}
