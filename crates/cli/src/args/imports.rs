//! The arguments of `imports`.

use super::duration;
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
    /// Run a module, as `python -m` does.
    #[arg(short = 'm', value_name = "MODULE", num_args = 1.., allow_hyphen_values = true,
        conflicts_with_all = ["code", "program"])]
    pub(crate) module: Option<Vec<OsString>>,
    /// Run this code, as `python -c` does.
    #[arg(short = 'c', value_name = "CODE", num_args = 1.., allow_hyphen_values = true,
        conflicts_with = "program")]
    pub(crate) code: Option<Vec<OsString>>,
    /// The script and its arguments.
    #[arg(value_name = "SCRIPT", trailing_var_arg = true, allow_hyphen_values = true,
        required_unless_present_any = ["module", "code"])]
    pub(crate) program: Vec<OsString>,
}
