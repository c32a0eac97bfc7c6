//! `pitstop bench`: how long does it take?

use crate::args::BenchArgs;
use crate::contender::{contender, here, work};
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::saved;
use crate::style::Choice;
use crate::trial::{Follower, explain, options};
use pitstop_analysis::trials::{Counted, measured, noise};
use pitstop_bench::{Contender, Counting, Options, count};
use pitstop_model::ExitStatus;

/// Runs the command.
pub(crate) fn bench(args: &BenchArgs, style: Choice) -> Outcome {
    saved::check(&args.output)?;
    let work = work(&args.target, &args.command, &args.trial.setup);
    let side = here(args.trial.python.as_deref(), &work)?;
    let contender = contender(work, side);
    let options = Options {
        processes: args.processes.map(|processes| processes as usize),
        ..options(&args.trial)
    };
    let mut follower = Follower::new()?;
    let outcome = pitstop_bench::bench(std::slice::from_ref(&contender), &options, &mut follower);
    let counted = match &outcome {
        Ok(outcome) if args.counts && !outcome.stopped && outcome.failure.is_none() => {
            Some(counted(&contender, &mut follower)?)
        }
        _ => None,
    };
    drop(follower);
    let outcome = outcome.map_err(|error| explain(&error))?;
    let trials = &outcome.trials;
    let mut benchmarks: Vec<_> = (0..trials.benchmarks.len())
        .filter_map(|at| measured(trials, at))
        .collect();
    if benchmarks.is_empty() {
        return Err(Failure::new(Status::CannotMeasure, "nothing was measured"));
    }
    if let Some(first) = benchmarks.first_mut() {
        first.counted = counted;
    }
    let disturbed = noise(trials);
    let json = pitstop_view::json::bench(trials, &benchmarks, &disturbed, outcome.stopped);
    saved::store(trials, &json, &contender.name, &args.output)?;
    let text = if args.output.json {
        json
    } else {
        pitstop_view::trials::bench(&benchmarks, &disturbed, &style.for_stdout())
    };
    let end = answer(&text)?;
    if let Some(error) = &outcome.failure {
        return Err(explain(error).because("what is above was measured before it"));
    }
    if outcome.stopped {
        return Ok(End::LikeProgram(ExitStatus::Signal(2)));
    }
    Ok(end)
}

/// What one repetition does.
fn counted(contender: &Contender, follower: &mut Follower) -> Result<Counted, Failure> {
    let mut values = |counting| {
        let counts = count(contender, counting, follower).map_err(|error| explain(&error))?;
        Ok::<_, Failure>(counts.values)
    };
    Ok(Counted {
        bytecodes: values(Counting::Bytecodes)?,
        peak_allocated_bytes: values(Counting::Memory)?,
    })
}
