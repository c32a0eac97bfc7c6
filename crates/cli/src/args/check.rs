//! The arguments of `check`.

use clap::{Args, ValueEnum};
use pitstop_source::Target;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop check                        everything below here that git does not ignore\n  \
    pitstop check --run                  run what ran last once more: what pays, and how much?\n  \
    pitstop check src app.py --select algorithm,text\n  \
    pitstop check --ignore deepcopy-in-loop --format sarif > pitstop.sarif\n  \
    pitstop explain PS101                what a finding means\n\n\
    A comment keeps a finding away, with a reason:  # pitstop: ignore[list-membership] five at most\n\
    Exit status: 0 nothing found, 1 findings, 2 usage, 3 nothing could be read.")]
pub(crate) struct CheckArgs {
    /// Files and directories; of directories the Python files that git does not ignore.
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only these rules: codes (PS101), beginnings of codes (PS1), names, categories.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Not these rules.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// Judge by this profile [default: the last result, if it ran in this directory].
    #[arg(long, value_name = "FILE", conflicts_with = "no_profile")]
    pub(crate) profile: Option<PathBuf>,
    /// Go by the source alone.
    #[arg(long)]
    pub(crate) no_profile: bool,
    /// Run the program of the profile once more, without its input and output, to see what costly
    /// places work on; then say which changes pay, and what they save.
    #[arg(long, conflicts_with = "no_profile")]
    pub(crate) run: bool,
    /// The interpreter for that [default: the one that ran the program].
    #[arg(long, value_name = "PATH", requires = "run")]
    pub(crate) python: Option<OsString>,
    /// The oldest Python that the files are for: 3.8 to 3.15.
    #[arg(long, value_name = "VERSION", default_value = "3.15", value_parser = target)]
    pub(crate) target_version: Target,
    /// How to say it.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: CheckFormat,
    /// Print JSON: the same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// End with status 0 whatever is found.
    #[arg(long)]
    pub(crate) exit_zero: bool,
    /// How many files to check at a time [default: one for each CPU].
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
}

/// A format of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Frames of code.
    #[default]
    Text,
    /// Everything, for programs.
    Json,
    /// A table for comments.
    Md,
    /// Annotations of GitHub Actions.
    Github,
    /// For code scanning.
    Sarif,
    /// For CI systems.
    Junit,
}

fn target(text: &str) -> Result<Target, String> {
    Target::parse(text).ok_or_else(|| "use a version from 3.8 to 3.15".into())
}
