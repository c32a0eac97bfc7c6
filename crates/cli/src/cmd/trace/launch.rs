//! Running a program under the tracer.

use crate::args::TraceArgs;
use crate::exit::{Failure, Outcome, Status};
use crate::style::Choice;

/// Runs the program with all its calls traced, and shows what they took.
pub(crate) fn launch(args: TraceArgs, _style: Choice) -> Outcome {
    let words = args.module.or(args.code).unwrap_or(args.words);
    let program = words.first().map(|word| word.display().to_string());
    Err(Failure::new(
        Status::CannotMeasure,
        format!(
            "`{}` is no profile, and this pitstop cannot trace programs",
            program.unwrap_or_default()
        ),
    )
    .cure("make a profile with `python -m cProfile -o run.prof`, then: pitstop trace run.prof"))
}
