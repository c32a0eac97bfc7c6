//! `pitstop lines --exact`: run a program and time lines of it, as kernprof does.

mod choice;

use crate::args::ExactArgs;
use crate::cmd::line_times::{self, Show};
use crate::cmd::output::check_writable;
use crate::cmd::trace::launch::{refused, run};
use crate::exit::{End, Failure, Outcome, Status};
use crate::kept;
use crate::program::{Program, python_program};
use crate::say::say;
use crate::style::Choice;
use pitstop_analysis::LineStats;
use pitstop_collect::TraceOptions;
use pitstop_collect::lines::LineSelection;
use pitstop_export::Format;
use pitstop_model::Profile;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Runs the command.
pub(crate) fn exact(args: &ExactArgs, style: Choice) -> Outcome {
    check(args)?;
    let program = python_program(args.program.wanted(args.python.as_deref()))?;
    let output = output(args, &program);
    if let Some(path) = &output {
        check_writable(path)?;
    }
    let setup = setup(args)?;
    let chosen = match choice::choose(args, &program)? {
        choice::Choice::Time(wanted) => wanted,
        choice::Choice::End(end) => return Ok(end),
    };
    let options = TraceOptions {
        lines: Some(LineSelection {
            wanted: chosen,
            setup,
        }),
        archive: kept::begin().ok(),
        known_sources: program.known_sources.clone(),
        ..TraceOptions::default()
    };
    let traced = run(&program.launch, &options)?;
    if let Some(refusal) = &traced.refusal {
        return refused("lines --exact", refusal, traced.exit);
    }
    let kept = match (&options.archive, &traced.archive_error) {
        (Some(path), None) => kept::keep(path),
        (_, Some(error)) => Err(io::Error::other(error.to_string())),
        (None, None) => Err(io::Error::other("there is no place for it")),
    };
    if let Err(error) = kept {
        say!("note: the result could not be kept for later: {error}");
    }
    let profile = &traced.profile;
    if args.quiet == 0 {
        print(profile, args, style)?;
    }
    if let Some(path) = &output {
        let written = write(profile, path)?;
        if args.quiet == 0 {
            match written {
                true => say!(" wrote     {}", path.display()),
                false => say!("note: nothing was written to `{}`", path.display()),
            }
        }
    }
    Ok(traced
        .exit
        .map_or(End::With(Status::Fine), End::LikeProgram))
}

/// Says what makes no sense here, before anything runs.
fn check(args: &ExactArgs) -> Result<(), Failure> {
    let refuse = |what: &str, cure: &str| Err(Failure::new(Status::Usage, what).cure(cure));
    if args.no_line_by_line || args.line_by_line == Some(false) {
        return refuse(
            "without lines, kernprof is cProfile, and `lines --exact` is about lines",
            "count and time calls: pitstop trace script.py",
        );
    }
    if args.config.is_some() {
        return refuse(
            "configuration files of line_profiler are not read",
            "give what is in it as options",
        );
    }
    if args.quiet > 1 {
        return refuse(
            "-qq would silence the program, whose output is its own here",
            "redirect it: pitstop lines --exact -q script.py > /dev/null",
        );
    }
    if args.quiet > 0 {
        return Ok(());
    }
    if args.output_interval.is_some() {
        say!(
            "note: --output-interval has no effect: what was measured survives whatever ends the \
             program"
        );
    }
    Ok(())
}

fn setup(args: &ExactArgs) -> Result<Option<PathBuf>, Failure> {
    let Some(setup) = &args.setup else {
        return Ok(None);
    };
    // The program may begin in another directory than it will be in.
    match std::path::absolute(setup) {
        Ok(absolute) if absolute.is_file() => Ok(Some(absolute)),
        _ => Err(Failure::new(
            Status::Usage,
            format!("there is no setup file `{}`", setup.display()),
        )
        .cure("check the path given to --setup")),
    }
}

/// The file to write: the one asked for, or with `-l` the one that kernprof writes.
fn output(args: &ExactArgs, program: &Program) -> Option<PathBuf> {
    if args.outfile.is_some() || !args.kernprof {
        return args.outfile.clone();
    }
    let shown = &program.launch.shown;
    let name = match (&args.program.module, &args.program.code) {
        (Some(_), _) => shown.get(1).cloned(),
        (_, Some(_)) => Some("command".into()),
        _ if shown.first().is_some_and(|word| word == "-") => Some("stdin".into()),
        _ => shown
            .first()
            .and_then(|script| Path::new(script).file_name().map(OsStr::to_owned)),
    };
    let mut name = name?;
    name.push(".lprof");
    Some(name.into())
}

/// The times, on standard error beside the program's own output, or where kernprof's `-v` puts them.
fn print(profile: &Profile, args: &ExactArgs, style: Choice) -> Result<(), Failure> {
    let stats = LineStats::of(profile);
    for note in &profile.meta.notes {
        say!("note: {note}");
    }
    if stats.functions.is_empty() {
        say!("note: no line was timed: no chosen function ran");
        say!(" now: name functions with -p, decorate them with @profile, or leave out -l and -b");
        return Ok(());
    }
    let listings = line_times::listings(profile, &stats);
    let show = Show {
        times: &args.times,
        summarize: args.summarize,
        json: false,
        names: &[],
    };
    let to_stdout = args.verbose > 0;
    let (style, terminal) = if to_stdout {
        (style.for_stdout(), io::stdout().is_terminal())
    } else {
        (style.for_stderr(), io::stderr().is_terminal())
    };
    let text = line_times::text(&stats, &listings, &show, style, terminal);
    if !to_stdout {
        // Standard error may be closed; the program's own output is unharmed.
        let _ = io::stderr().write_all(text.as_bytes());
        return Ok(());
    }
    crate::print::answer(&text).map(drop)
}

/// Writes the result: an archive, JSON, or whatever the name a file of line_profiler. False if
/// there is nothing that such a file could hold.
fn write(profile: &Profile, path: &Path) -> Result<bool, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::of(Status::Failed, error);
    match path.extension().and_then(OsStr::to_str) {
        Some("pit") => pitstop_archive::save(path, profile)
            .map(|_| true)
            .map_err(|error| failed(&error)),
        Some("json") => {
            let stats = LineStats::of(profile);
            let listings = line_times::listings(profile, &stats);
            let text = pitstop_view::json::line_times(&stats, &listings);
            std::fs::write(path, text).map(|()| true).map_err(|error| {
                let what = format!("`{}` cannot be written", path.display());
                Failure::new(Status::Failed, what).because(error)
            })
        }
        _ => match pitstop_export::write_file(profile, Format::Lprof, &Default::default(), path) {
            Ok(()) => Ok(true),
            Err(pitstop_export::Error::NoLines) => Ok(false),
            Err(error) => Err(failed(&error)),
        },
    }
}
