//! The arguments of `bench` and `compare`.

use super::duration;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How to measure again and again.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Measuring")]
pub(crate) struct TrialArgs {
    /// Python to run once in each process before the statement; may be given several times.
    #[arg(short, long, value_name = "CODE")]
    pub(crate) setup: Vec<String>,
    /// How long it may take: 10, 30s, 2m [default: 10s, and at least what an answer needs].
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    /// Repetitions in a batch [default: as many as take 1 ms].
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: Option<u64>,
    /// Batches in a process [default: up to 12].
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) repeat: Option<u32>,
    /// The clock to go by.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) clock: ClockChoice,
    /// Switch the garbage collector off in the processes, as timeit does.
    #[arg(long)]
    pub(crate) no_gc: bool,
    /// Measure commands even if they end with another status than 0.
    #[arg(short, long)]
    pub(crate) ignore_failure: bool,
    /// The number that all draws follow from: hash seeds, paddings, orders [default: random].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The interpreter [default: the active virtual environment's, or the first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
}

/// Where measurements go.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct TrialOutputArgs {
    /// Keep the result under this name in `.pitstop`, for `pitstop compare`.
    #[arg(long, value_name = "NAME", value_parser = saved_name)]
    pub(crate) save: Option<String>,
    /// Also write the result to this file: .pit, or .json in the format of `--format`.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The format of a .json file.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: TrialFormat,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A format of measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrialFormat {
    /// Everything that was measured, as `--json` prints it.
    #[default]
    Pitstop,
    /// For `python -m pyperf`.
    Pyperf,
    /// As `pytest --benchmark-json` writes it.
    PytestBenchmark,
    /// As `hyperfine --export-json` writes it.
    Hyperfine,
    /// A file of results as asv keeps them.
    Asv,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClockChoice {
    /// CPU time for what only computes, else elapsed time without the wait for a CPU.
    #[default]
    Auto,
    /// Elapsed time.
    Wall,
    /// CPU time of the thread.
    Cpu,
}

/// Benchmarks that are written for other tools.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Benchmarks of other tools")]
pub(crate) struct SuiteArgs {
    /// What a file or directory is [default: what it looks like].
    #[arg(long = "as", value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) read_as: ReadAs,
    /// Only benchmarks with this in their name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReadAs {
    /// What it looks like.
    #[default]
    Auto,
    /// A program, run to its end.
    Script,
    /// Tests that use the fixture `benchmark`.
    Pytest,
    /// Benchmarks of asv: time_*, timeraw_*, peakmem_*, mem_*, track_*.
    Asv,
    /// A script with a `pyperf.Runner`.
    Pyperf,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop bench 'sorted(range(1000))'\n  \
    pitstop bench -s 'import json; x = [1] * 500' 'json.dumps(x)'\n  \
    pitstop bench package.module:function\n  \
    pitstop bench script.py\n  \
    pitstop bench --save base package.module:function\n  \
    pitstop bench -- git status --short\n  \
    pitstop bench --rate 200/s app:handle             latency under load\n  \
    pitstop bench tests/test_speed.py::test_parse     tests with the fixture `benchmark`\n  \
    pitstop bench benchmarks/                         time_* and the like, as asv has them\n  \
    pitstop bench bm_json.py                          a script of pyperf\n\n\
    Several words are the lines of one statement. A function is called without arguments, a\n\
    coroutine function is awaited. Scripts and commands run once a process; their output is\n\
    thrown away.")]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) trial: TrialArgs,
    #[command(flatten)]
    pub(crate) output: TrialOutputArgs,
    #[command(flatten)]
    pub(crate) suite: SuiteArgs,
    /// Measure latency under load: call a function so often a second, whether the last call is over
    /// or not, and count from when each call was due.
    #[arg(long, value_name = "RATE", value_parser = requests,
        conflicts_with_all = ["command", "counts", "number", "repeat", "clock"])]
    pub(crate) rate: Option<f64>,
    /// With --rate: threads that calls are shared out to. A coroutine function needs none.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "rate",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) threads: u32,
    /// Exactly so many processes [default: until the median is known to 1 %].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) processes: Option<u32>,
    /// Also count instructions of Python, allocations, and allocated bytes of a repetition, in extra
    /// processes.
    #[arg(long, conflicts_with = "command")]
    pub(crate) counts: bool,
    /// A statement, a function as `module:function`, or a script with its arguments.
    #[arg(value_name = "STATEMENT", required_unless_present = "command")]
    pub(crate) target: Vec<String>,
    /// A command and its arguments.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "target")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop compare -s 'x = list(range(999))' --a 'sorted(x)' --b 'x.copy().sort()'\n  \
    pitstop compare package.old:function package.new:function\n  \
    pitstop compare python3.12 python3.13 script.py\n  \
    pitstop compare main . package.module:function    a commit and the working tree\n  \
    pitstop compare 'python3.13' 'python3.13 PYTHON_JIT=1' package.module:function\n  \
    pitstop compare base new                          what `bench --save` kept\n  \
    pitstop compare before.json after.json            of pyperf, hyperfine, pytest-benchmark, asv\n  \
    pitstop compare HEAD~1 . -- make docs\n  \
    pitstop compare main . tests/test_speed.py        each benchmark of pytest, asv or pyperf\n\n\
    With something to run after them, A and B are sides: each an interpreter, an environment's\n\
    directory, a commit, `.` for the working tree, NAME=VALUE, or several of these in one word.\n\
    Exit status: 0 faster or equivalent, 1 B is slower, 4 inconclusive.")]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) trial: TrialArgs,
    #[command(flatten)]
    pub(crate) output: TrialOutputArgs,
    #[command(flatten)]
    pub(crate) suite: SuiteArgs,
    /// The smallest difference that matters, in per cent: found if it is there, and smaller ones
    /// are called equivalent.
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = effect)]
    pub(crate) min_effect: f64,
    /// How often the verdict may be wrong, in per cent.
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = error_rate)]
    pub(crate) error: f64,
    /// Each process draws its own layout, as in daily life. Takes many more pairs.
    #[arg(long)]
    pub(crate) random_layout: bool,
    /// The first statement or function.
    #[arg(
        long,
        value_name = "STATEMENT",
        requires = "b",
        conflicts_with = "words"
    )]
    pub(crate) a: Option<String>,
    /// The second statement or function.
    #[arg(long, value_name = "STATEMENT", requires = "a")]
    pub(crate) b: Option<String>,
    /// A, B, and what to run on both sides.
    #[arg(value_name = "A B [STATEMENT]", required_unless_present = "a")]
    pub(crate) words: Vec<String>,
    /// A command to run on both sides.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// `1`, `1%`, `0.5`: per cent, as a share.
pub(crate) fn effect(text: &str) -> Result<f64, String> {
    percent(text, 0.01, 100.0)
}

/// `5`, `1%`: per cent, as a share.
pub(crate) fn error_rate(text: &str) -> Result<f64, String> {
    percent(text, 0.001, 50.0)
}

fn percent(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    let number = number.parse::<f64>().ok();
    let number = number.filter(|number| (least..=most).contains(number));
    number
        .map(|number| number / 100.0)
        .ok_or_else(|| format!("use a percentage from {least} to {most}"))
}

/// A name for a file in `.pitstop`.
fn saved_name(text: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.starts_with(['.', '-']) || !text.chars().all(is_fine) {
        return Err("use letters, digits, `-`, `_` and `.`".into());
    }
    Ok(text.to_owned())
}

/// `200`, `200/s`, `1khz`: requests a second.
fn requests(text: &str) -> Result<f64, String> {
    let number = text
        .trim()
        .trim_end_matches("/s")
        .trim_end_matches("hz")
        .trim_end();
    let (number, factor) = match number.strip_suffix('k') {
        Some(number) => (number, 1000.0),
        None => (number, 1.0),
    };
    let rate = number.trim().parse::<f64>().ok().map(|rate| rate * factor);
    rate.filter(|rate| (0.01..=1_000_000.0).contains(rate))
        .ok_or_else(|| "use requests a second, like 200 or 200/s".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_names_and_rates_are_read() {
        assert_eq!(effect("0.5%"), Ok(0.005));
        assert!(effect("0").is_err() && error_rate("80").is_err() && effect("x").is_err());
        assert!(saved_name("a-1.b").is_ok() && saved_name("../a").is_err());
        assert_eq!(requests("200/s"), Ok(200.0));
        assert_eq!(requests("1khz"), Ok(1000.0));
        assert!(requests("0").is_err() && requests("fast").is_err());
    }
}
