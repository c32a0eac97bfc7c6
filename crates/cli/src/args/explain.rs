//! The arguments of `explain`.

use super::duration;
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop explain                      all rules\n  \
    pitstop explain list-membership      one, with its slow and fast code measured here\n  \
    pitstop explain PS108 --python python3.9\n  \
    pitstop explain PS101 --no-measure   only the words")]
pub(crate) struct ExplainArgs {
    /// A rule, by its code or name.
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// Measure nothing.
    #[arg(long)]
    pub(crate) no_measure: bool,
    /// How long the measurement of each size may take.
    #[arg(short, long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub(crate) time: Duration,
    /// The interpreter [default: the active virtual environment's, or the first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
