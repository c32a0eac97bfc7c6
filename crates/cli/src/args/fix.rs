//! The command line of `pitstop fix`.

use super::ProofArgs;
use clap::Args;
use std::ffi::OsString;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop fix app.py -- python app.py               what could be changed, proved\n  \
    pitstop fix --apply app.py -- python app.py       and written where it is equal and faster\n  \
    pitstop fix --rule list-membership app.py:24\n  \
    pitstop fix --list app.py                         only the findings and their changes\n\n\
    One finding is one change. Each is made on a copy and proved as by pitstop verify; a change that\n\
    does something else, or is not faster, is dropped.\n\n\
    Exit status: 0 changes were proved or written, or there is nothing to change, 1 none of those\n\
    that were tried stands, 2 usage, 3 none could be proved.")]
pub(crate) struct FixArgs {
    /// Files, or lines of them as `FILE:LINE`.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<String>,
    /// Only rules of this code (`PS101`, `PS1`), name, or category; may be given several times.
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Vec<String>,
    /// Write changes that are equal and faster.
    #[arg(long)]
    pub(crate) apply: bool,
    /// Only show findings and their changes.
    #[arg(long, conflicts_with = "apply")]
    pub(crate) list: bool,
    /// Also try changes that change a corner of what the program does.
    #[arg(long)]
    pub(crate) accept_behaviour: bool,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The workload: a command, a script with arguments, or `module:function` [default: `workload`
    /// of pyproject.toml, or what `pitstop run` ran last].
    #[arg(value_name = "COMMAND", last = true)]
    pub(crate) command: Vec<OsString>,
}
