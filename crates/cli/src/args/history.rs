//! The arguments of `history`.

use super::error_rate;
use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop bench --save \"$(git rev-parse --short HEAD)\" package.module:function\n  \
    pitstop history                      all that `bench --save` kept in this directory\n  \
    pitstop history a1b2c3d before.json after.json\n  \
    pitstop history --only parse --json\n\n\
    Exit status: 0 no change, or faster at last; 1 the last change was for the worse; 4 too few\n\
    results to find any.")]
pub(crate) struct HistoryArgs {
    /// Only benchmarks with this text in their name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// How often a change may be found in results that only scatter, in per cent.
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = error_rate)]
    pub(crate) error: f64,
    /// The smallest change that matters, in per cent.
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = super::bench::effect)]
    pub(crate) min_effect: f64,
    /// The number that all shuffles follow from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Results: names that something was kept under, .pit and .json files [default: all kept].
    /// They are put in order of the time they were made at; files that do not say when, as they
    /// are given.
    #[arg(value_name = "RESULT")]
    pub(crate) results: Vec<String>,
}
