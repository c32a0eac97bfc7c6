//! What to run, in the words that `python` takes: the same for every command that starts a program.

use crate::program::Wanted;
use clap::Args;
use std::ffi::{OsStr, OsString};

/// A program.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProgramArgs {
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

impl ProgramArgs {
    /// It, in this interpreter.
    pub(crate) fn wanted<'a>(&'a self, python: Option<&'a OsStr>) -> Wanted<'a> {
        Wanted {
            python,
            module: self.module.as_deref(),
            code: self.code.as_deref(),
            words: &self.program,
        }
    }
}
