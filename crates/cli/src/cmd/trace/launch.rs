//! Running a program under the tracer.

use super::print;
use crate::args::{ListingArgs, TraceArgs, WatchArgs};
use crate::cmd::output::{check_writable, export_to, format_for, is_stdout};
use crate::cmd::record::Select;
use crate::exit::{End, Failure, Outcome, Status};
use crate::kept;
use crate::program::python_program;
use crate::say::say;
use crate::style::Choice;
use pitstop_collect::{SpawnError, TraceError, TraceOptions, Traced, Watch, trace};
use pitstop_export::Format;
use pitstop_model::{ExitStatus, Profile};
use pitstop_target::signals;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a person presses Ctrl-C before the program is asked to end: the first one is the
/// program's own.
const PATIENCE: u32 = 2;

/// Runs the program with all its calls traced, and shows what they took.
pub(crate) fn launch(args: TraceArgs, style: Choice) -> Outcome {
    let TraceArgs {
        listing,
        recording,
        program,
    } = args;
    for (is_given, option) in [
        (listing.json, "--json"),
        (listing.thread.is_some(), "--thread"),
    ] {
        if is_given {
            let what = format!("`{option}` is for recordings, and `trace` is to run a program");
            return Err(Failure::new(Status::Usage, what)
                .cure(format!("run it first, then: pitstop trace last {option}")));
        }
    }
    let program = python_program(program.wanted(recording.python.as_deref()))?;
    // Before the program starts: a typing error must not cost a run.
    let format = target(&listing)?;
    let options = TraceOptions {
        native: !recording.no_c_calls,
        lines: None,
        evidence: watch(&recording.watch),
        spans: recording.timeline.unwrap_or(0),
        most_bytes: recording.max_memory.map(|mib| u64::from(mib) << 20),
        archive: kept::begin().ok(),
        known_sources: program.known_sources,
    };
    let traced = run(&program.launch, &options)?;
    if let Some(refusal) = &traced.refusal {
        return refused("trace", refusal, traced.exit);
    }
    let kept = match (&options.archive, &traced.archive_error) {
        (Some(path), None) => kept::keep(path),
        (_, Some(error)) => Err(io::Error::other(error.to_string())),
        (None, None) => Err(io::Error::other("there is no place for it")),
    };
    if let Err(error) = kept {
        say!("note: the result could not be kept for later: {error}");
    }
    if !recording.quiet && listing.output.is_none() {
        let text = print::text_of(&traced.profile, &listing, style);
        // Standard error may be closed; the program's own output is unharmed.
        let _ = io::stderr().write_all(text.as_bytes());
    }
    if let Some(path) = &listing.output {
        write(&traced.profile, format, path)?;
        if !recording.quiet && !is_stdout(path) {
            say!("wrote {}", path.display());
        }
    }
    Ok(traced
        .exit
        .map_or(End::With(Status::Fine), End::LikeProgram))
}

/// What is watched instead of every call, if anything is.
fn watch(args: &WatchArgs) -> Option<Watch> {
    let is_wanted = !args.arguments.is_empty() || args.queries || args.blocking;
    is_wanted.then(|| Watch {
        arguments: args.arguments.clone(),
        queries: args.queries,
        blocking: args.blocking,
        slow_us: (args.slow_callback * 1000.0) as u32,
    })
}

/// The format of the file to write, if one is to be written and it is not our own.
fn target(listing: &ListingArgs) -> Result<Option<Format>, Failure> {
    match &listing.output {
        Some(path) => {
            check_writable(path)?;
            format_for(path, listing.format.as_deref())
        }
        None if listing.format.is_some() => {
            Err(Failure::new(Status::Usage, "--format needs a file to write").cure("add -o FILE"))
        }
        None => Ok(None),
    }
}

/// Runs a program with the probe inside.
pub(crate) fn run(
    launch: &pitstop_collect::Launch,
    options: &TraceOptions,
) -> Result<Traced, Failure> {
    // Ctrl-C is the program's: it gets it from the terminal, as it would without us.
    signals::ignore_terminal_signals()
        .map_err(|error| Failure::new(Status::Failed, "signals cannot be caught").because(error))?;
    let stop = AtomicBool::new(false);
    let result = trace(launch, options, &stop, &mut |_elapsed| {
        if signals::interrupts() >= PATIENCE {
            stop.store(true, Ordering::Relaxed);
        }
    });
    result.map_err(|error| {
        let status = match &error {
            TraceError::Spawn(spawn) => status_of(spawn),
            TraceError::Directory(_) | TraceError::Io(_) => Status::Failed,
        };
        Failure::of(status, &error)
    })
}

fn status_of(error: &SpawnError) -> Status {
    match error.exit_code() {
        127 => Status::NotFound,
        126 => Status::CannotExecute,
        _ => Status::Failed,
    }
}

/// The program ran, but nothing of it was traced by this command. Its status is its own all the
/// same.
pub(crate) fn refused(command: &str, refusal: &str, exit: Option<ExitStatus>) -> Outcome {
    let cure =
        format!("{command} needs CPython 3.8 to 3.15 with a GIL, started without -I, -E or -S");
    let Some(status) = exit else {
        return Err(
            Failure::new(Status::CannotMeasure, "the program was not traced")
                .because(refusal)
                .cure(cure),
        );
    };
    say!("note: nothing was traced: {refusal}");
    say!(" now: {cure}");
    Ok(End::LikeProgram(status))
}

fn write(profile: &Profile, format: Option<Format>, path: &Path) -> Result<(), Failure> {
    match format {
        Some(format) => export_to(profile, format, Select::default(), path),
        None => pitstop_archive::save(path, profile)
            .map(|_| ())
            .map_err(|error| Failure::of(Status::Failed, &error)),
    }
}
