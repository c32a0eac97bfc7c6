//! `pitstop imports`: what does a program import, and who needed it?

use crate::args::ImportsArgs;
use crate::contender::here;
use crate::exit::{End, Failure, Outcome};
use crate::print::answer;
use crate::say::say;
use crate::style::Choice;
use crate::trial::{Follower, explain};
use pitstop_analysis::imports::imports as judge;
use pitstop_analysis::trials::{Comparison, Question, compare_pairs};
use pitstop_bench::{Contender, Options, Work, import_runs};
use pitstop_model::{ExitStatus, Trials};
use pitstop_view::imports::Picture;
use std::hash::{BuildHasher, RandomState};

/// Runs the command.
pub(crate) fn imports(args: &ImportsArgs, style: Choice) -> Outcome {
    let program = program(args)?;
    let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    let mut follower = Follower::new()?;
    let runs = import_runs(&program, args.once, seed, &mut follower);
    let mut runs = runs.map_err(|error| explain(&error))?;
    let found = judge(&runs.runs, runs.usage.as_ref());
    let is_lazy_worth = runs.can_be_lazy && runs.lazy_failure.is_none() && !runs.stopped;
    let mut trials = Trials::default();
    if is_lazy_worth {
        match pairs(&program, args, seed, &mut follower) {
            Ok(measured) => trials = measured,
            Err(error) => runs.lazy_failure = Some(error.to_string()),
        }
    }
    drop(follower);
    let lazy: Option<Comparison<'_>> = compare_pairs(&trials, [0, 1], Question::default());
    if let Some(ended) = &runs.ended {
        say!("note: the program ended with {ended}");
    }
    let picture = Picture {
        name: &program.name,
        imports: &found,
        lazy: lazy.as_ref(),
        lazy_failure: runs.lazy_failure.as_deref(),
        least_share: args.min / 100.0,
        startup: args.startup,
        once: args.once,
    };
    let text = if args.json {
        pitstop_view::json::imports(&picture)
    } else {
        pitstop_view::imports::render(&picture, &style.for_stdout())
    };
    let end = answer(&text)?;
    if runs.stopped {
        return Ok(End::LikeProgram(ExitStatus::Signal(2)));
    }
    Ok(end)
}

fn program(args: &ImportsArgs) -> Result<Contender, Failure> {
    let flagged = [("-m", &args.program.module), ("-c", &args.program.code)];
    let flagged = flagged.into_iter().find_map(|(flag, words)| {
        let words = words.as_ref()?;
        Some(
            std::iter::once(flag.into())
                .chain(words.iter().cloned())
                .collect(),
        )
    });
    let is_script = flagged.is_none();
    let work = Work::Script {
        words: flagged.unwrap_or_else(|| args.program.program.clone()),
    };
    // Of `-m` and `-c` there is no file to be looked after.
    let side = if is_script {
        here(args.python.as_deref(), &work)?
    } else {
        here(args.python.as_deref(), &Work::Script { words: Vec::new() })?
    };
    Ok(Contender {
        name: work.text(),
        work,
        side,
    })
}

/// The program with all imports lazy against itself without, in pairs of processes.
fn pairs(
    program: &Contender,
    args: &ImportsArgs,
    seed: u64,
    follower: &mut Follower,
) -> Result<Trials, pitstop_bench::Error> {
    let with = |flags: [&str; 2]| {
        let mut side = program.clone();
        side.side.flags.extend(flags.map(Into::into));
        side
    };
    let eager = with(["-X", "lazy_imports=normal"]);
    let lazy = with(["-X", "lazy_imports=all"]);
    let options = Options {
        seed,
        budget: args.time,
        // What ends with an error did so without lazy imports too.
        ignore_failure: true,
        ..Options::default()
    };
    Ok(pitstop_bench::compare([&eager, &lazy], &options, follower)?.trials)
}
