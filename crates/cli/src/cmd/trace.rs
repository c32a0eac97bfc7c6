//! `pitstop trace`: every call of a program, counted and timed. Also reads what `cProfile` wrote.

mod input;
pub(crate) mod launch;
mod print;

use crate::args::{AfterProfile, TraceArgs};
use crate::exit::Outcome;
use crate::style::Choice;
use clap::Parser;
use std::ffi::OsString;

/// Runs the command: what its first word is decides whether it runs a program or shows profiles.
pub(crate) fn trace(mut args: TraceArgs, style: Choice) -> Outcome {
    let is_profile = match args.program.program.first() {
        Some(word) => input::is_profile(word)?,
        None => false,
    };
    if !is_profile {
        return launch::launch(args, style);
    }
    let name = OsString::from("pitstop trace");
    let rest = std::iter::once(name).chain(args.program.program.drain(1..));
    // As clap does for the line as a whole: says what is wrong and ends with status 2.
    let rest = AfterProfile::parse_from(rest);
    let style = rest.color.map_or(style, Choice::new);
    args.program.program.extend(rest.words);
    print::print(
        &args.program.program,
        &args.listing.and(rest.listing),
        style,
    )
}
