//! `pitstop run`: run a program, say where its time went.

use crate::args::{OutputArgs, RunArgs, SamplingArgs};
use crate::cmd::record::{Recorder, Select};
use crate::exit::Outcome;
use crate::findings::Depth;
use crate::program::python_program;
use crate::style::Choice;
use pitstop_collect::Subject;

/// Runs the command.
pub(crate) fn run(args: RunArgs, style: Choice) -> Outcome {
    let program = python_program(args.program.wanted(args.python.as_deref()))?;
    let RunArgs {
        sampling,
        output,
        check,
        python,
        ..
    } = args;
    Recorder {
        subject: Subject::Launch(program.launch),
        known_sources: program.known_sources,
        sampling: &sampling as &SamplingArgs,
        output: &output as &OutputArgs,
        select: Select::default(),
        findings: if check {
            Depth::Judged
        } else {
            Depth::Candidates
        },
        python: python.as_deref(),
    }
    .record(style)
}
