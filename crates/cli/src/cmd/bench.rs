//! `pitstop bench`: how long does it take?

mod load;

use crate::args::BenchArgs;
use crate::contender::{contender, here, work};
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::saved;
use crate::style::Choice;
use crate::suite::{self, Target};
use crate::trial::{Follower, explain, options};
use pitstop_analysis::trials::{Counted, measured, noise};
use pitstop_bench::{Contender, Counting, Options, Work, count};
use pitstop_model::ExitStatus;

/// More benchmarks than these are shown as a table.
const MOST_PAGES: usize = 3;

/// Runs the command.
pub(crate) fn bench(args: &BenchArgs, style: Choice) -> Outcome {
    saved::check(&args.output)?;
    if let Some(rate) = args.rate {
        return load::load(args, rate, style);
    }
    let only = args.suite.only.as_deref();
    if let Some(target) = suite::target(&args.target, args.suite.read_as, only)? {
        return whole_suite(args, &target, style);
    }
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
    let (stopped, energy) = (outcome.stopped, outcome.energy_joules);
    let json = pitstop_view::json::bench(trials, &benchmarks, &disturbed, stopped, energy);
    saved::store(trials, &json, &contender.name, &args.output)?;
    let text = if args.output.json {
        json
    } else {
        pitstop_view::trials::bench(&benchmarks, &disturbed, energy, &style.for_stdout())
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

/// All benchmarks of another tool's files.
fn whole_suite(args: &BenchArgs, target: &Target, style: Choice) -> Outcome {
    if args.counts {
        let what = "--counts is for statements, functions and scripts";
        return Err(Failure::new(Status::Usage, what).cure("leave it out here"));
    }
    let side = here(
        args.trial.python.as_deref(),
        &Work::Script { words: Vec::new() },
    )?;
    let mut follower = Follower::new()?;
    let found = target.find(&side, &mut follower)?;
    let contenders = pitstop_bench::contenders(&found, &side);
    let options = Options {
        processes: args.processes.map(|processes| processes as usize),
        ..options(&args.trial)
    };
    let outcome = pitstop_bench::bench(&contenders, &options, &mut follower);
    drop(follower);
    let outcome = outcome.map_err(|error| explain(&error))?;
    let trials = &outcome.trials;
    let benchmarks: Vec<_> = (0..trials.benchmarks.len())
        .filter_map(|at| measured(trials, at))
        .collect();
    let disturbed = noise(trials);
    let (stopped, energy) = (outcome.stopped, outcome.energy_joules);
    let json = pitstop_view::json::bench(trials, &benchmarks, &disturbed, stopped, energy);
    saved::store(trials, &json, &args.target.join(" "), &args.output)?;
    let style = style.for_stdout();
    let text = if args.output.json {
        json
    } else if benchmarks.len() > MOST_PAGES {
        pitstop_view::trials::bench_table(&benchmarks, &disturbed, energy, &style)
    } else {
        pitstop_view::trials::bench(&benchmarks, &disturbed, energy, &style)
    };
    let end = answer(&text)?;
    let is_broken = suite::report(&outcome.left_out, &found.passed_over);
    if outcome.stopped {
        return Ok(End::LikeProgram(ExitStatus::Signal(2)));
    }
    if let Some(error) = &outcome.failure {
        return Err(explain(error).because("what is above was measured before it"));
    }
    Ok(if is_broken {
        End::With(Status::CannotMeasure)
    } else {
        end
    })
}

/// What one repetition does.
fn counted(contender: &Contender, follower: &mut Follower) -> Result<Counted, Failure> {
    let mut values = |counting| {
        let counts = count(contender, counting, follower).map_err(|error| explain(&error))?;
        Ok::<_, Failure>(counts.values)
    };
    let allocations = match Counting::Allocations.is_possible() {
        true => values(Counting::Allocations)?,
        false => Vec::new(),
    };
    Ok(Counted {
        allocations,
        bytecodes: values(Counting::Bytecodes)?,
        peak_allocated_bytes: values(Counting::Memory)?,
    })
}
