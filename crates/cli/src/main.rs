//! `pitstop`: the command line. Reads what is asked for and hands it to the room that knows.
#![forbid(unsafe_code)]

mod args;
mod cmd;
mod contender;
mod exit;
mod findings;
mod gate;
mod judge;
mod kept;
mod mercurial;
mod open;
mod pair;
mod print;
mod program;
mod progress;
mod python_files;
mod saved;
mod say;
mod style;
mod suite;
mod trial;
mod workload;
mod worktree;

use args::{Command, Pitstop, exact_command};
use clap::Parser;
use exit::Failure;
use say::say;

fn main() {
    let pitstop = Pitstop::parse_from(exact_command(std::env::args_os().collect()));
    let style = style::Choice::new(pitstop.color);
    let result = match pitstop.command {
        Command::Run(args) => cmd::run::run(args, style),
        Command::Record(args) => cmd::record::record(args, style),
        Command::Dump(args) => cmd::dump::dump(&args, style),
        Command::Trace(args) => cmd::trace::trace(args, style),
        Command::LinesExact(args) => cmd::exact::exact(&args, style),
        Command::Lines(args) => cmd::lines::lines(args, style),
        Command::Tree(args) => cmd::tree::tree(&args, style),
        Command::Export(args) => cmd::export::export(&args, style),
        Command::Bench(args) => cmd::bench::bench(&args, style),
        Command::Compare(args) => cmd::compare::compare(&args, style),
        Command::Check(args) => cmd::check::check(&args, style),
        Command::Explain(args) => cmd::explain::explain(&args, style),
        Command::Gate(args) => cmd::gate::gate(&args, style),
        Command::Scale(args) => cmd::scale::scale(&args, style),
        Command::Imports(args) => cmd::imports::imports(&args, style),
        Command::Fix(args) => cmd::fix::fix(&args, style),
        Command::Verify(args) => cmd::verify::verify(&args, style),
        Command::History(args) => cmd::history::history(&args, style),
        Command::Doctor(args) => cmd::doctor::doctor(&args, style),
    };
    match result {
        Ok(end) => end.leave(),
        Err(failure) => {
            report(&failure, style);
            std::process::exit(failure.status.code());
        }
    }
}

/// What failed, why, and what to do now: on standard error, in that order.
fn report(failure: &Failure, style: style::Choice) {
    let style = style.for_stderr();
    let (red, bold, reset) = if style.color {
        ("\x1b[31m", "\x1b[1m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    say!("{red}error{reset}: {bold}{}{reset}", failure.what);
    for cause in &failure.why {
        say!("   why: {cause}");
    }
    if let Some(cure) = &failure.cure {
        say!("   now: {cure}");
    }
}
