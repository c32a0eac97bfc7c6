//! The arguments of `pitstop lines --exact`, which are kernprof's, and those of its text, which are
//! line_profiler's.

use super::ProgramArgs;
use clap::{ArgAction, Args};
use std::ffi::OsString;
use std::path::PathBuf;

/// How exact times are printed: the options of `python -m line_profiler`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Exact times")]
pub(crate) struct TimesArgs {
    /// The unit of the times that are shown, in seconds.
    #[arg(short, long, value_name = "SECONDS", default_value = "1e-6", value_parser = unit)]
    pub(crate) unit: f64,
    /// Leave out functions that never ran.
    #[arg(short = 'z', long)]
    pub(crate) skip_zero: bool,
    /// Functions with the least time first.
    #[arg(short = 't', long)]
    pub(crate) sort: bool,
    /// Colours, as --color always.
    #[arg(short, long)]
    pub(crate) rich: bool,
    /// Also show the own time of lines and what they waited at an await or yield.
    #[arg(long)]
    pub(crate) wide: bool,
}

/// `pitstop lines --exact`: it is its own command inside, because what follows the script is the
/// script's.
#[derive(Args, Debug)]
#[command(
    about = "Run a program and time lines of it exactly, as kernprof does",
    long_about = None,
    override_usage = "pitstop lines --exact [OPTIONS] {SCRIPT | -m MODULE | -c CODE | -} [ARGUMENTS]...",
    after_help = "Examples:\n  \
    pitstop lines --exact script.py            time the functions that are hot, or decorated\n  \
    pitstop lines --exact -p pkg.mod script.py the functions of a module, class or package\n  \
    pitstop lines --exact -lv script.py        as kernprof -lv: decorated with @profile only\n  \
    pitstop lines --exact -o run.lprof -m pkg  the result for python -m line_profiler too\n\n\
    Without -p, and if the script decorates nothing with @profile, the program runs twice: first\n\
    it is sampled, to find the functions that take the time; if the last result is of the same\n\
    program, that is known already."
)]
pub(crate) struct ExactArgs {
    /// Time only what the program decorates with @profile and what -p names, and write
    /// SCRIPT.lprof, as kernprof -l does.
    #[arg(short = 'l')]
    pub(crate) kernprof: bool,
    /// The same with a value; without lines it is `pitstop trace`.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "yes", value_parser = boolean)]
    pub(crate) line_by_line: Option<bool>,
    #[arg(long, hide = true, conflicts_with = "line_by_line")]
    pub(crate) no_line_by_line: bool,
    /// Time only what the program decorates with @profile and what -p names. `profile` is in the
    /// builtins in any case.
    #[arg(short = 'b')]
    pub(crate) builtin_short: bool,
    /// The same with a value.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "yes", value_parser = boolean)]
    pub(crate) builtin: Option<bool>,
    #[arg(long, hide = true, conflicts_with = "builtin")]
    pub(crate) no_builtin: bool,
    /// Run this Python file before the program, outside what is measured.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) setup: Option<PathBuf>,
    /// Time these too: files, packages, modules, classes, functions, by path or dotted name;
    /// several with commas. An empty text forgets those before it; `pkg.__init__` is the module of
    /// a package without its submodules.
    #[arg(short, long, value_name = "NAME", action = ArgAction::Append)]
    pub(crate) prof_mod: Vec<String>,
    /// Accepted, without effect: code is recognised when it first runs, so nothing needs to be
    /// imported before the program does.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "yes", value_parser = boolean)]
    pub(crate) preimports: Option<bool>,
    #[arg(long, hide = true, conflicts_with = "preimports")]
    pub(crate) no_preimports: bool,
    /// Time what the program imports too.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "yes", value_parser = boolean)]
    pub(crate) prof_imports: Option<bool>,
    #[arg(long, hide = true, conflicts_with = "prof_imports")]
    pub(crate) no_prof_imports: bool,
    /// Write the result to this file: .pit, .json, and with any other ending as line_profiler does.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) outfile: Option<PathBuf>,
    /// Print the times to standard output, as kernprof does; without it they go to standard error.
    #[arg(short, long, visible_alias = "view", action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print no times and no messages.
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) quiet: u8,
    /// A line for each function at the end.
    #[arg(long, help_heading = "Exact times")]
    pub(crate) summarize: bool,
    /// Accepted, without effect: what was measured survives whatever ends the program.
    #[arg(short = 'i', long, value_name = "SECONDS", num_args = 0..=1,
        default_missing_value = "1")]
    pub(crate) output_interval: Option<u64>,
    /// Refused: line_profiler.toml and pyproject.toml are not read.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) config: Option<PathBuf>,
    #[arg(long, hide = true)]
    pub(crate) no_config: bool,
    /// The interpreter to run the program with [default: the active virtual environment's, or the
    /// first python3 on PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<OsString>,
    #[command(flatten)]
    pub(crate) times: TimesArgs,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
}

/// The name of the command inside.
pub(crate) const EXACT_COMMAND: &str = "lines-exact";

/// Makes `lines --exact ...` the command inside.
pub(crate) fn exact_command(mut words: Vec<OsString>) -> Vec<OsString> {
    let mut takes_value = false;
    let command = words.iter().skip(1).position(|word| {
        let is_value = std::mem::replace(&mut takes_value, word == "--color");
        !is_value && !word.to_string_lossy().starts_with('-')
    });
    let Some(at) = command.map(|at| at + 1).filter(|&at| words[at] == "lines") else {
        return words;
    };
    // In front of the words of the program: behind them it would be a word of theirs.
    if let Some(flag) = words.iter().skip(at).position(|word| word == "--exact") {
        words.remove(at + flag);
        words[at] = EXACT_COMMAND.into();
    }
    words
}

/// `1e-6`, `0.001`: seconds.
fn unit(text: &str) -> Result<f64, String> {
    let unit = text.trim().parse::<f64>().ok();
    unit.filter(|unit| *unit > 0.0 && unit.is_finite())
        .ok_or_else(|| "use a number of seconds like 1e-6 or 0.001".into())
}

/// What kernprof takes for yes and no, in any case.
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "true" | "t" | "yes" | "y" => Ok(true),
        "0" | "off" | "false" | "f" | "no" | "n" => Ok(false),
        _ => Err("use yes or no".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let words = exact_command(words);
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn exact_makes_lines_another_command() {
        for (line, expected) in [
            ("pitstop lines --exact a.py", "pitstop lines-exact a.py"),
            (
                "pitstop --color lines lines -l --exact",
                "pitstop --color lines lines-exact -l",
            ),
            (
                "pitstop --color=never lines --exact",
                "pitstop --color=never lines-exact",
            ),
            ("pitstop lines a.py", "pitstop lines a.py"),
            ("pitstop run lines --exact", "pitstop run lines --exact"),
            (
                "pitstop lines --exact a.py --exact",
                "pitstop lines-exact a.py --exact",
            ),
            ("pitstop", "pitstop"),
        ] {
            assert_eq!(rewritten(line), expected);
        }
    }

    #[test]
    fn units_and_booleans_are_those_of_kernprof() {
        assert_eq!(unit("1e-3"), Ok(1e-3));
        assert!(unit("0").is_err() && unit("inf").is_err() && unit("ms").is_err());
        for (text, value) in [("Y", true), ("on", true), ("False", false), ("0", false)] {
            assert_eq!(boolean(text), Ok(value));
        }
        assert!(boolean("script.py").is_err());
    }
}
