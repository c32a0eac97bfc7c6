//! The arguments of `pitstop trace`.

use super::ProgramArgs;
use clap::{Args, Parser};
use pitstop_view::calls::{Restriction, SortKey};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop trace script.py                    run it, and count and time every call\n  \
    pitstop trace -o run.prof -m pytest tests  the same for a module, as a file of cProfile\n  \
    pitstop trace run.prof                     a file of cProfile, or of pitstop\n  \
    pitstop trace run.prof -s tottime 20       the 20 functions with most time of their own\n  \
    pitstop trace run.prof json .5             the first half of those with `json` in their name\n  \
    pitstop trace run.prof --callers dedupe    who calls it, and what that takes\n  \
    pitstop trace a.prof b.prof -o sum.prof    both added together\n  \
    pitstop trace run.prof -o calls.dot        a picture of the calls, for Graphviz\n\n\
    In place of a script: profiles (.prof, .pit, `last`), then restrictions: how many functions to\n\
    list, what part of them (0 to 1), or a pattern that their names match.\n\n\
    Sort keys, and any unique beginning of one: calls, cumulative, cumtime, filename, line, module,\n\
    name, ncalls, nfl, pcalls, stdname, time, tottime; or the numbers -1, 0, 1, 2 of old scripts.")]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) listing: ListingArgs,
    #[command(flatten)]
    pub(crate) recording: RecordingArgs,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
}

/// How to trace a program.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tracing a program")]
pub(crate) struct RecordingArgs {
    /// The interpreter to run the program with [default: the active virtual environment's, or the
    /// first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
    /// Record calls of Python functions only: half the cost, and the time of built-in functions
    /// counts to their callers.
    #[arg(long)]
    pub(crate) no_c_calls: bool,
    /// Also keep when each of the last calls began and ended, for a timeline.
    #[arg(long, value_name = "CALLS", num_args = 0..=1, require_equals = true,
        default_missing_value = "1000000", value_parser = clap::value_parser!(u32).range(1..=50_000_000))]
    pub(crate) timeline: Option<u32>,
    /// The most memory, in MiB, for the call paths of each process: 16,384 paths fit into one.
    /// What finds no room is counted [default: a sixteenth of the memory that is free].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..=16_384))]
    pub(crate) max_memory: Option<u32>,
    /// Print nothing.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

/// What to watch instead of every call.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Watching something else than every call")]
pub(crate) struct WatchArgs {
    /// How often is this function called with the same arguments? Name it `name`, `Class.method` or
    /// `module:Class.method`; may be given more than once.
    #[arg(long = "args", value_name = "FUNCTION", value_parser = function_name,
        conflicts_with_all = ["timeline", "no_c_calls"])]
    pub(crate) arguments: Vec<String>,
    /// Which statements go to databases, how often, and from which line?
    #[arg(long, conflicts_with_all = ["timeline", "no_c_calls"])]
    pub(crate) queries: bool,
    /// What keeps event loops of asyncio waiting?
    #[arg(long, conflicts_with_all = ["timeline", "no_c_calls"])]
    pub(crate) blocking: bool,
    /// With --blocking: a callback is slow from so many milliseconds on.
    #[arg(long, value_name = "MS", default_value = "50", requires = "blocking",
        value_parser = milliseconds)]
    pub(crate) slow_callback: f64,
}

/// What to list, and where it goes.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Listing")]
pub(crate) struct ListingArgs {
    /// What to sort by, most significant first; several with commas [default: cumulative].
    #[arg(
        short,
        long,
        value_name = "KEY",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) sort: Vec<SortKey>,
    /// Turn the order round.
    #[arg(long)]
    pub(crate) reverse: bool,
    /// Show who calls the functions whose names match this pattern.
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub(crate) callers: Option<String>,
    /// Show what the functions call whose names match this pattern.
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub(crate) callees: Option<String>,
    /// Leave out the directories of files; functions that become equal are added up.
    #[arg(long)]
    pub(crate) strip_dirs: bool,
    /// Only this thread of a recording, by its name or id.
    #[arg(short, long, value_name = "THREAD")]
    pub(crate) thread: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the result to this file instead, in the format its ending names.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The format of the file, if its ending does not name it.
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
}

impl ListingArgs {
    /// These, and those given later on the line. Where both say something, the later ones hold.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.sort.extend(later.sort);
        self.reverse |= later.reverse;
        self.strip_dirs |= later.strip_dirs;
        self.json |= later.json;
        Self {
            callers: later.callers.or(self.callers),
            callees: later.callees.or(self.callees),
            thread: later.thread.or(self.thread),
            output: later.output.or(self.output),
            format: later.format.or(self.format),
            ..self
        }
    }
}

/// What follows the name of a profile: options may stand anywhere. (What follows the name of a
/// program is the program's.)
#[derive(Debug, Parser)]
#[command(name = "pitstop trace", max_term_width = 100)]
pub(crate) struct AfterProfile {
    #[command(flatten)]
    pub(crate) listing: ListingArgs,
    /// More profiles, and restrictions.
    #[arg(value_name = "FILE | RESTRICTION")]
    pub(crate) words: Vec<OsString>,
    /// Colours.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) color: Option<crate::style::Color>,
}

/// A name of a function, as `module:qualname` or a part of that.
fn function_name(text: &str) -> Result<String, String> {
    let last = text.rsplit([':', '.']).next().unwrap_or_default();
    if last.is_empty() || text.contains(['\0', ' ', '(']) || text.matches(':').count() > 1 {
        return Err("a function is named `name`, `Class.method` or `module:Class.method`".into());
    }
    Ok(text.to_owned())
}

/// A time in milliseconds.
fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.01..=3_600_000.0).contains(&number) => Ok(number),
        _ => Err("give milliseconds, from 0.01 to 3600000".into()),
    }
}

/// A pattern, checked here so that a typing error is named with its option.
fn pattern(text: &str) -> Result<String, String> {
    match Restriction::pattern(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
