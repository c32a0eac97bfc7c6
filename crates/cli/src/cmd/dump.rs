//! `pitstop dump`: what every thread of a process is doing right now.

use crate::args::DumpArgs;
use crate::cmd::record::cure_for_process;
use crate::exit::{Failure, Outcome, Status};
use crate::print::answer;
use crate::style::Choice;
use pitstop_collect::{DumpOptions, dump as take};

/// Runs the command.
pub(crate) fn dump(args: &DumpArgs, style: Choice) -> Outcome {
    let options = DumpOptions {
        locals: args.locals,
        blocking: args.blocking,
    };
    let dump = take(args.pid, &options).map_err(|error| {
        Failure::of(Status::CannotMeasure, &error).cure(cure_for_process(&error))
    })?;
    if args.json {
        return answer(&pitstop_view::json::dump(&dump));
    }
    answer(&pitstop_view::dump::render(&dump, &style.for_stdout()))
}
