//! The arguments of `imports`.

use super::{ProgramArgs, duration};
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop imports app.py --help\n  \
    pitstop imports -c 'import requests'\n  \
    pitstop imports -m http.server --once\n  \
    pitstop imports --python python3.15 -m app\n\n\
    The program runs several times, with an empty input and its output thrown away: up to five\n\
    times with `-X importtime`, once to see what is called, and on CPython 3.15 in pairs with all\n\
    imports lazy and without.")]
pub(crate) struct ImportsArgs {
    /// Run the program only once: nothing is found out about what is needed.
    #[arg(long)]
    pub(crate) once: bool,
    /// How long pairs with lazy imports may take.
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) time: Duration,
    /// Leave out of the tree what takes less than this percentage of all imports.
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    pub(crate) min: f64,
    /// Also show what the interpreter imports at its start.
    #[arg(long)]
    pub(crate) startup: bool,
    /// The number that all draws follow from [default: random].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The interpreter [default: the active virtual environment's, or the first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
}
