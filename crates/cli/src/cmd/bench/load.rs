//! `pitstop bench --rate`: how long do calls take when they come by the clock?

use crate::args::BenchArgs;
use crate::contender::{contender, here, work};
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::saved;
use crate::style::Choice;
use crate::trial::{Follower, explain, options};
use pitstop_analysis::trials::{Load, latency, noise};
use pitstop_bench::{LoadOptions, Work};
use pitstop_model::ExitStatus;

/// Processes, if nobody says how many: as many as tell how far they differ, and not so many that
/// each has no time for a backlog to grow.
const PROCESSES: u32 = 5;

/// Runs the command.
pub(super) fn load(args: &BenchArgs, rate: f64, style: Choice) -> Outcome {
    let work = work(&args.target, &args.command, &args.trial.setup);
    if !matches!(work, Work::Function { .. }) {
        let what = format!("`{}` cannot be called at a rate", work.text());
        return Err(Failure::new(Status::Usage, what)
            .because("--rate is for functions")
            .cure("make a function of it: pitstop bench --rate 200/s module:function"));
    }
    let contender = contender(work.clone(), here(args.trial.python.as_deref(), &work)?);
    let general = options(&args.trial);
    let processes = args.processes.unwrap_or(PROCESSES);
    let load = LoadOptions {
        seed: general.seed,
        rate,
        threads: args.threads,
        processes: processes as usize,
        each: general.budget / processes,
        without_gc: general.without_gc,
    };
    let mut follower = Follower::new()?;
    let outcome = pitstop_bench::load(&contender, &load, &mut follower);
    drop(follower);
    let outcome = outcome.map_err(|error| explain(&error))?;
    let known = Load {
        rate,
        late: outcome.late,
        elapsed_ns: outcome.elapsed_ns,
        cpu_ns: outcome.cpu_ns,
        servers: outcome.servers,
    };
    let trials = &outcome.trials;
    let Some(latency) = latency(trials, &known) else {
        return Err(Failure::new(Status::CannotMeasure, "nothing was called")
            .cure("give it more time: --time 30s, or a higher rate"));
    };
    let json = pitstop_view::json::latency(&latency, outcome.stopped);
    saved::store(trials, &json, &contender.name, &args.output)?;
    let text = if args.output.json {
        json
    } else {
        pitstop_view::trials::latency(&latency, &noise(trials), &style.for_stdout())
    };
    let end = answer(&text)?;
    if outcome.stopped {
        return Ok(End::LikeProgram(ExitStatus::Signal(2)));
    }
    Ok(end)
}
