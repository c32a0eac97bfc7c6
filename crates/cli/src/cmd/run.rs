//! `pitstop run`: run a program, say where its time went.

use crate::args::{OutputArgs, RunArgs, SamplingArgs};
use crate::cmd::record::{Recorder, Select};
use crate::exit::Outcome;
use crate::program::python_program;
use crate::style::Choice;
use pitstop_collect::Subject;

/// Runs the command.
pub(crate) fn run(args: RunArgs, style: Choice) -> Outcome {
    let program = python_program(args.program.wanted(args.python.as_deref()))?;
    let RunArgs {
        sampling, output, ..
    } = args;
    Recorder {
        subject: Subject::Launch(program.launch),
        known_sources: program.known_sources,
        sampling: &sampling as &SamplingArgs,
        output: &output as &OutputArgs,
        select: Select::default(),
    }
    .record(style)
}
