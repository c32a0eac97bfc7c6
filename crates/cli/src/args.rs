//! The command line, with its help.

mod bench;
mod check;
mod doctor;
mod dump;
mod exact;
mod explain;
mod fix;
mod gate;
mod history;
mod imports;
mod program;
mod scale;
mod trace;
mod verify;

use crate::style::Color;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use bench::{
    BenchArgs, ClockChoice, CompareArgs, ReadAs, TrialArgs, TrialFormat, TrialOutputArgs,
    error_rate,
};
pub(crate) use check::{CheckArgs, CheckFormat};
pub(crate) use doctor::DoctorArgs;
pub(crate) use dump::DumpArgs;
pub(crate) use exact::{ExactArgs, TimesArgs, exact_command};
pub(crate) use explain::ExplainArgs;
pub(crate) use fix::FixArgs;
pub(crate) use gate::{GateArgs, GateFormat};
pub(crate) use history::HistoryArgs;
pub(crate) use imports::ImportsArgs;
pub(crate) use program::ProgramArgs;
pub(crate) use scale::ScaleArgs;
pub(crate) use trace::{AfterProfile, ListingArgs, TraceArgs, WatchArgs};
pub(crate) use verify::{ProofArgs, VerifyArgs};

/// Finds out where the time of a Python program goes and what it was doing, without stopping it.
#[derive(Debug, Parser)]
#[command(
    name = "pitstop",
    version,
    max_term_width = 100,
    propagate_version = true
)]
#[command(after_help = "Examples:\n  \
    pitstop run script.py             run a program and say where its time goes\n  \
    pitstop record -p 4711 -d 30      watch a running program for 30 seconds\n  \
    pitstop dump -p 4711              what is it doing right now?\n  \
    pitstop bench 'sorted(range(99))'  how long does a statement take?\n  \
    pitstop compare main . app:work   is this branch faster than main?\n  \
    pitstop check src                 what in these files may be slow?\n  \
    pitstop verify HEAD .             does my change do the same, and is it faster?\n  \
    pitstop lines                     the costliest lines of the last result\n  \
    pitstop export last out.svg       the last result as a flame graph")]
pub(crate) struct Pitstop {
    /// Colours: NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE are respected too.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a Python program and say where its time goes.
    Run(RunArgs),
    /// Record a program, or a process that runs already, into a file.
    Record(RecordArgs),
    /// Show what every thread of a running process is doing right now.
    Dump(DumpArgs),
    /// Count and time every call of a program; show and convert files of cProfile.
    Trace(TraceArgs),
    /// Show what each line of a function or file cost.
    Lines(LinesArgs),
    #[command(name = exact::EXACT_COMMAND, hide = true)]
    LinesExact(ExactArgs),
    /// Show who calls what, and how long it takes.
    Tree(TreeArgs),
    /// Write a result in another tool's format.
    Export(ExportArgs),
    /// Measure how long a statement, function, script or command takes.
    Bench(BenchArgs),
    /// Say which of two is faster, and how sure that is.
    Compare(CompareArgs),
    /// Find what may be slow in Python files, without running them.
    Check(CheckArgs),
    /// Explain a rule of `check`, and measure its slow and its fast code here.
    Explain(ExplainArgs),
    /// Check the budgets of a project: time, memory, instructions, imports.
    Gate(GateArgs),
    /// Say how the time grows with the size of the input: O(n), O(n log n), O(n²)...
    Scale(ScaleArgs),
    /// Show what a program imports, how long that takes, and what nobody needed.
    Imports(ImportsArgs),
    /// Change slow code by rules, and keep only what is proved to be equal and faster.
    Fix(FixArgs),
    /// Prove that a change does the same and is faster: calls, tests, measurement.
    Verify(VerifyArgs),
    /// Find the changes in results that were kept over time.
    History(HistoryArgs),
    /// Say what can be measured on this machine, and what is in the way.
    Doctor(DoctorArgs),
}

/// How to sample.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArgs {
    /// Samples a second of each thread: 100, 1khz, 5khz, or `max`. Lowered by itself when sampling
    /// costs the program more than 2 %.
    #[arg(short, long, value_name = "HZ", default_value = "1khz", value_parser = rate)]
    pub(crate) rate: f64,
    /// Do not lower the rate, whatever it costs.
    #[arg(long)]
    pub(crate) keep_rate: bool,
    /// End the recording after this long: 30, 30s, 5m, 500ms.
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Stop the one thread that is read, for every sample. Slows the program down; never needed
    /// for true stacks.
    #[arg(long, conflicts_with = "method")]
    pub(crate) blocking: bool,
    /// How stacks are read.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) method: Method,
    /// Do not follow child processes.
    #[arg(long, visible_alias = "no-subprocesses")]
    pub(crate) no_children: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// By the rate: `cosched` up to 2 kHz, `double` above.
    #[default]
    Auto,
    /// From the CPU of the thread that is read, so that it cannot run meanwhile.
    Cosched,
    /// Twice from another CPU, compared.
    Double,
    /// Under the frame sequence counter of CPython 3.15, which costs a write of 8 bytes into the
    /// program for each sample; on other versions like `double`.
    Seqlock,
}

impl Default for SamplingArgs {
    /// What an empty command line means.
    fn default() -> Self {
        Self {
            rate: 1000.0,
            keep_rate: false,
            duration: None,
            blocking: false,
            method: Method::Auto,
            no_children: false,
        }
    }
}

/// Where the result goes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Also write the result to this file, in the format its ending names: .pit, .svg,
    /// .speedscope.json, .collapsed, .pb.gz (pprof), .prof (pstats), .callgrind, .dot, .json;
    /// `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The format of the file, if its ending does not name it.
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Also write the verdict to this file as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Print no verdict.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Which samples and how fine.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What to write")]
pub(crate) struct SelectionArgs {
    /// Only threads that hold the GIL.
    #[arg(long, conflicts_with = "busy")]
    pub(crate) gil: bool,
    /// Only threads that use or want a CPU.
    #[arg(long)]
    pub(crate) busy: bool,
    /// Waiting threads too. This is the default; the option is here for fingers that know it.
    #[arg(short, long, conflicts_with_all = ["gil", "busy"])]
    pub(crate) idle: bool,
    /// Tell lines apart, not only functions.
    #[arg(short = 'L', long, conflicts_with = "function")]
    pub(crate) line: bool,
    /// Tell functions apart, not lines. This is the default.
    #[arg(short = 'F', long)]
    pub(crate) function: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop run script.py --its-own-option\n  \
    pitstop run -m pytest tests/\n  \
    pitstop run -c 'import json; json.dumps(list(range(1000000)))'\n  \
    pitstop run --check report.py                    run it twice, say what changes would save\n  \
    pitstop run -r 100 -o flame.svg server.py\n\n\
    `-` reads the script from standard input.\n\n\
    The program keeps its standard streams, its exit status and its signals. The verdict goes to\n\
    standard error; the result is kept for `pitstop lines`, `pitstop tree` and `pitstop export`.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Run the program a second time, to see what its costly places work on, and say what changes
    /// there would save.
    #[arg(long)]
    pub(crate) check: bool,
    /// The interpreter to run the program with [default: the active virtual environment's, or the
    /// first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
}

#[derive(Args, Debug)]
#[command(mut_arg("program", |program| {
    program.required_unless_present_any(["module", "code", "pid"])
}))]
#[command(after_help = "Examples:\n  \
    pitstop record -o profile.svg -- python3.9 app.py\n  \
    pitstop record -p 4711 -d 30 -o profile.speedscope.json\n  \
    pitstop record --gil -o gil.collapsed script.py\n  \
    pitstop record -m pytest tests/\n\n\
    What does not end in .py is a program and started as it is; `-` reads a script from standard\n\
    input.")]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Record this process, which runs already, and its children.
    #[arg(short, long, value_name = "PID", conflicts_with_all = ["module", "code", "program"])]
    pub(crate) pid: Option<u32>,
    /// Follow child processes. This is the default.
    #[arg(short, long, conflicts_with = "no_children")]
    pub(crate) subprocesses: bool,
    /// The interpreter to run a script with [default: the active virtual environment's, or the
    /// first python3 on PATH].
    #[arg(long, value_name = "PATH", conflicts_with = "pid")]
    pub(crate) python: Option<OsString>,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop lines                        the costliest lines of the last result\n  \
    pitstop lines dedupe parse           two functions\n  \
    pitstop lines app.py --all           every line of a file\n  \
    pitstop lines -i run.pit dedupe      of another result\n  \
    pitstop lines app.py.lprof           what line_profiler, or `pitstop lines --exact`, wrote\n  \
    pitstop lines --exact app.py         run a program and time its hottest functions exactly\n\n\
    See pitstop lines --exact --help for what goes with --exact.")]
pub(crate) struct LinesArgs {
    /// Run a program and time lines exactly, as kernprof does.
    #[arg(long)]
    exact: bool,
    /// The result to look at.
    #[arg(short, long, value_name = "FILE", default_value = "last")]
    pub(crate) input: PathBuf,
    /// A line for each function at the end of exact times.
    #[arg(short = 'm', long, help_heading = "Exact times")]
    pub(crate) summarize: bool,
    /// Functions and files to show [default: wherever the costliest lines are]. A .pit file here
    /// is the result to look at; .lprof files are added up and shown.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Show every line of the chosen files.
    #[arg(long)]
    pub(crate) all: bool,
    /// How many of the costliest lines to show.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) number: usize,
    /// Show library code by itself instead of counting it at the line that called it.
    #[arg(long)]
    pub(crate) show_library: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) times: TimesArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop tree                         of the last result\n  \
    pitstop tree run.pit                 of another one\n  \
    pitstop tree --show-library --min 0  everything")]
pub(crate) struct TreeArgs {
    /// The result to look at.
    #[arg(value_name = "FILE", default_value = "last")]
    pub(crate) input: PathBuf,
    /// Show library functions instead of folding them.
    #[arg(long)]
    pub(crate) show_library: bool,
    /// Cut branches below this percentage of their thread's time.
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    pub(crate) min: f64,
    /// Show only this thread, by its name or id.
    #[arg(short, long, value_name = "THREAD")]
    pub(crate) thread: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop export last flame.svg\n  \
    pitstop export run.pit run.pb.gz && go tool pprof -top run.pb.gz\n  \
    pitstop export last run.prof && python -m pstats run.prof\n  \
    pitstop export last - -f collapsed | sort | head")]
pub(crate) struct ExportArgs {
    /// The result to read: a .pit file, or `last`.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The file to write, in the format its ending names; `-` is standard output.
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// The format of the file, if its ending does not name it.
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

/// `100`, `100hz`, `1khz`, `max`.
fn rate(text: &str) -> Result<f64, String> {
    let lower = text.trim().to_ascii_lowercase();
    if lower == "max" {
        return Ok(0.0);
    }
    let number = lower.strip_suffix("hz").unwrap_or(&lower);
    let (number, factor) = match number.strip_suffix('k') {
        Some(number) => (number, 1000.0),
        None => (number, 1.0),
    };
    let rate = number
        .trim()
        .parse::<f64>()
        .map_err(|_| "use a number like 100, 1khz or max")?;
    let rate = rate * factor;
    if (0.1..=1_000_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("a rate lies between 0.1 and 1000000 samples a second".into())
    }
}

/// `30`, `30s`, `500ms`, `5m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let units = [
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("", 1.0),
    ];
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .ok_or("use a time like 30, 500ms or 5m")?;
    let seconds = number
        .trim()
        .parse::<f64>()
        .map_err(|_| "use a time like 30, 500ms or 5m")?;
    Duration::try_from_secs_f64(seconds * factor)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a time is more than zero".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Pitstop::command().debug_assert();
    }

    #[test]
    fn a_process_that_runs_needs_no_program_and_takes_none() {
        let parsed = |words: &[&str]| Pitstop::try_parse_from([&["pitstop"], words].concat());
        assert!(parsed(&["record", "-p", "1"]).is_ok());
        assert!(parsed(&["record", "-m", "json.tool", "-h"]).is_ok());
        assert!(parsed(&["record", "-c", "pass", "-x"]).is_ok());
        for words in [
            &["record"][..],
            &["record", "-p", "1", "x.py"],
            &["record", "-p", "1", "-m", "x"],
            &["run"],
            &["imports"],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn rates_and_times_are_read_with_their_units() {
        assert_eq!(rate("1khz"), Ok(1000.0));
        assert_eq!(rate("250"), Ok(250.0));
        assert_eq!(rate("max"), Ok(0.0));
        assert!(rate("fast").is_err() && rate("0").is_err() && rate("-1").is_err());
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert!(duration("0").is_err() && duration("soon").is_err() && duration("-1s").is_err());
    }
}
