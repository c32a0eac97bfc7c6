//! The arguments of `scale`.

use super::{ClockChoice, duration};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop scale 'sum(range(n))'\n  \
    pitstop scale --make 'lambda n: list(range(n))' 'sorted(x)'\n  \
    pitstop scale package.module:function --make 'lambda n: \"a\" * n'\n  \
    pitstop scale -s 'import random' --make 'lambda n: random.sample(range(9 * n), n)' app:dedupe\n  \
    pitstop scale app:solve --max 30 -o growth.svg\n\n\
    A function gets what --make gives for a size, or the size. A statement finds the size as `n`\n\
    and as `{n}`, and what --make gives as `x`. Every size runs in a process of its own.\n\
    Exit status: 0 a class is named, 4 too few sizes or still rising.")]
pub(crate) struct ScaleArgs {
    /// An expression that gives a function from a size to an input.
    #[arg(short, long, value_name = "FUNCTION")]
    pub(crate) make: Option<String>,
    /// Python to run once in each process before anything else; may be given several times.
    #[arg(short, long, value_name = "CODE")]
    pub(crate) setup: Vec<String>,
    /// How long it may take: 10, 30s, 2m. Larger sizes fit into more time.
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) time: Duration,
    /// The smallest size.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) min: u64,
    /// The largest size [default: what the time allows].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) max: Option<u64>,
    /// These sizes and no others, whatever they take: 100,200,400,...
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', conflicts_with_all = ["min", "max"],
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) sizes: Vec<u64>,
    /// Processes.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) processes: u32,
    /// The clock to go by.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) clock: ClockChoice,
    /// Switch the garbage collector off in the processes.
    #[arg(long)]
    pub(crate) no_gc: bool,
    /// The number that all draws follow from: hash seeds, paddings, orders [default: random].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The interpreter [default: the active virtual environment's, or the first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
    /// Also draw the growth into this file: .svg, or .json with what --json prints.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// A function as `module:function`, or the lines of a statement.
    #[arg(value_name = "STATEMENT", required = true)]
    pub(crate) target: Vec<String>,
}
