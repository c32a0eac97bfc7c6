//! The command line of `pitstop verify`.

use super::duration;
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;

/// How to prove.
#[derive(Args, Debug)]
#[command(next_help_heading = "Proving")]
pub(crate) struct ProofArgs {
    /// Calls that are recorded of each function: the first half as they come, of the others a
    /// random choice.
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) calls: u32,
    /// Take floats as equal whose difference is this share of them at most, as 1e-9 [default: they
    /// are equal to the bit].
    #[arg(long, value_name = "SHARE", value_parser = tolerance)]
    pub(crate) tolerance: Option<f64>,
    /// Also repeat calls that change files, talk to the network, or start programs.
    #[arg(long)]
    pub(crate) effects: bool,
    /// Do not measure.
    #[arg(long)]
    pub(crate) equality_only: bool,
    /// How much faster the whole workload has to be.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.02, value_parser = factor)]
    pub(crate) least: f64,
    /// How long each of the two measurements may take: 10, 30s, 2m [default: 10s, and at least
    /// what an answer needs].
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    /// How long the workload or the tests may take.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(crate) limit: Duration,
    /// The command that runs the tests [default: `test-command` of pyproject.toml].
    #[arg(long, value_name = "COMMAND", conflicts_with = "no_tests")]
    pub(crate) tests: Option<String>,
    /// Run no tests.
    #[arg(long)]
    pub(crate) no_tests: bool,
    /// The number that all draws follow from [default: random].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The interpreter for workloads that name none [default: the active virtual environment's, or
    /// the first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop verify HEAD . -- python app.py            what I changed since the last commit\n  \
    pitstop verify main my-branch -- pytest tests/bench\n  \
    pitstop verify app.py app_fast.py -- python app.py\n  \
    pitstop verify shop:parse shop:parse_fast -- shop:main\n  \
    pitstop verify lib/a.py::Index.find lib/b.py::find -- python app.py\n  \
    pitstop verify HEAD . --equality-only             do calls give the same? no measurement\n\n\
    The workload runs once with the old version while calls of the changed functions are recorded.\n\
    They are repeated with both versions in fresh processes; the tests run before and after; both\n\
    versions are measured in pairs. In pyproject.toml:\n\n  \
    [tool.pitstop]\n  \
    workload = \"python app.py small.csv\"\n  \
    test-command = \"pytest -q\"\n\n\
    Exit status: 0 equal and faster, 1 something differs or is not faster, 2 usage, 3 nothing could\n\
    be proved, 4 equal and whether it is faster stays open.")]
pub(crate) struct VerifyArgs {
    /// The old version: a commit, a file, or a function as `module:function` or
    /// `file.py::function`.
    #[arg(value_name = "OLD")]
    pub(crate) old: String,
    /// The new version; `.` is the working tree.
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
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

fn tolerance(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok();
    share
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| "use a share below 1, like 1e-9".into())
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.trim_end_matches(['x', '×']).parse::<f64>().ok();
    factor
        .filter(|factor| (1.0..1000.0).contains(factor))
        .ok_or_else(|| "use a factor from 1, like 1.02".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_factors_have_bounds() {
        assert_eq!(tolerance("1e-9"), Ok(1e-9));
        assert!(tolerance("1").is_err() && tolerance("-1").is_err() && tolerance("nan").is_err());
        assert_eq!(factor("1.5x"), Ok(1.5));
        assert!(factor("0.9").is_err() && factor("fast").is_err());
    }
}
