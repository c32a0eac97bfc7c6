//! The command line of `pitstop gate`.

use super::duration;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// A format of a gate's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateFormat {
    /// For people.
    #[default]
    Text,
    /// `pitstop/gate@1`.
    Json,
    /// Markdown for a pull request.
    Md,
    /// Annotations of GitHub Actions.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit's XML.
    Junit,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop gate --init shop.parse:large app.py     measure them and write budgets\n  \
    pitstop gate                                    this branch against where it left main\n  \
    pitstop gate 'parse large'                      one budget\n  \
    pitstop gate --against v1.2\n  \
    pitstop gate --against none                     only limits that need no base\n  \
    pitstop gate -f github --report md=\"$GITHUB_STEP_SUMMARY\" --report sarif=gate.sarif\n\n\
    Budgets are tables of pyproject.toml:\n\n  \
    [tool.pitstop.budgets.\"parse large\"]\n  \
    run = \"shop.parse:large\"\n  \
    time = \"+3%\"\n  \
    bytecodes = \"+2%\"\n  \
    imports = { max = 150, forbid = [\"pandas\"] }\n\n\
    Exit status: 0 all kept, 1 a budget is broken, 2 usage, 3 something cannot be measured,\n\
    4 inconclusive.")]
pub(crate) struct GateArgs {
    /// The budgets to check [default: all]; with --init, what to write budgets for: functions as
    /// `module:function`, and scripts.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Compare with where this branch left that branch, tag or commit; `none` checks only limits
    /// that need no base [default: what the configuration says, the target of the pull request, or
    /// origin's main branch].
    #[arg(long, value_name = "COMMIT")]
    pub(crate) against: Option<String>,
    /// The configuration [default: pyproject.toml here or above].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Measure what is named, and write budgets for it and a workflow for CI. What is there already
    /// stays as it is.
    #[arg(long, requires = "names", conflicts_with_all = ["against", "report", "format", "json"])]
    pub(crate) init: bool,
    /// How long a check may take: 10, 30s, 2m [default: `time-budget` of the configuration, or
    /// 10s].
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    /// The number that all draws follow from [default: random].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The interpreter [default: the active virtual environment's, or the first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
    /// What to print.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: GateFormat,
    /// Print JSON.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Also write the answer to a file, in a format; may be given several times.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = report)]
    pub(crate) report: Vec<(GateFormat, PathBuf)>,
}

/// `sarif=gate.sarif`
fn report(text: &str) -> Result<(GateFormat, PathBuf), String> {
    let example = "write a format and a file: md=gate.md, github, json, junit, sarif, text";
    let (format, file) = text.split_once('=').ok_or(example)?;
    let format = GateFormat::from_str(format, true).map_err(|_| example)?;
    if file.is_empty() {
        return Err(example.into());
    }
    Ok((format, file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_format_and_a_file() {
        assert_eq!(report("md=a=b.md"), Ok((GateFormat::Md, "a=b.md".into())));
        assert!(report("md").is_err() && report("md=").is_err() && report("pdf=x").is_err());
    }
}
