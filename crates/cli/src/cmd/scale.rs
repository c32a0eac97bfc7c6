//! `pitstop scale`: how does the time grow with the size of the input?

use crate::args::{ClockChoice, ScaleArgs};
use crate::contender::{here, is_script, work};
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::say::say;
use crate::style::Choice;
use crate::trial::{Follower, explain};
use pitstop_analysis::scaling::scaling;
use pitstop_bench::{ScaleJob, ScaleOptions, Work};
use pitstop_model::{Clock, ExitStatus};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Runs the command.
pub(crate) fn scale(args: &ScaleArgs, style: Choice) -> Outcome {
    if let Some(path) = &args.output {
        check(path)?;
    }
    let job = job(args)?;
    let options = options(args)?;
    let mut follower = Follower::new()?;
    let outcome = pitstop_bench::scale(&job, &options, &mut follower);
    drop(follower);
    let outcome = outcome.map_err(|error| explain(&error))?;
    let found = scaling(&outcome.scaled);
    let json = || pitstop_view::json::scale(&found, outcome.stopped);
    if let Some(path) = &args.output {
        let text = if path.extension().is_some_and(|ending| ending == "svg") {
            pitstop_export::scale_svg(&found)
        } else {
            json()
        };
        std::fs::write(path, text).map_err(|error| {
            let what = format!("`{}` cannot be written", path.display());
            Failure::new(Status::Failed, what).because(error)
        })?;
        say!(" wrote     {}", path.display());
    }
    let text = if args.json {
        json()
    } else {
        pitstop_view::scale::render(&found, &style.for_stdout())
    };
    answer(&text)?;
    if outcome.stopped {
        return Ok(End::LikeProgram(ExitStatus::Signal(2)));
    }
    Ok(End::With(if found.growth.is_none() || found.rising {
        Status::Inconclusive
    } else {
        Status::Fine
    }))
}

fn job(args: &ScaleArgs) -> Result<ScaleJob, Failure> {
    let work = work(&args.target, &[], &args.setup);
    let side = here(args.python.as_deref(), &work)?;
    let name = work.text();
    let (is_function, setup, text) = match work {
        Work::Statement { setup, text } => (false, setup, text),
        Work::Function { setup, target } => (true, setup, target),
        Work::Script { .. } | Work::Command { .. } | Work::Case { .. } => {
            let first = args.target.first().map_or("", String::as_str);
            let what = if is_script(first) {
                format!("the script `{first}` has no size")
            } else {
                format!("`{first}` has no size")
            };
            return Err(Failure::new(Status::Usage, what)
                .cure("name a function of it, as module:function, or a statement with n in it"));
        }
    };
    let make = args.make.clone().unwrap_or_default();
    if !is_function && make.is_empty() && !mentions(&text, "n") {
        return Err(
            Failure::new(Status::Usage, "the statement does not depend on a size")
                .because("there is no `n` in it, and no --make")
                .cure("write n where the size belongs: pitstop scale 'sum(range(n))'"),
        );
    }
    Ok(ScaleJob {
        name,
        setup,
        is_function,
        text,
        make,
        side,
    })
}

/// Whether a name stands in a text by itself.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.split(|c| !is_part(c)).any(|word| word == name)
}

fn options(args: &ScaleArgs) -> Result<ScaleOptions, Failure> {
    if args.max.is_some_and(|most| most <= args.min) {
        return Err(
            Failure::new(Status::Usage, "--max is not above --min").cure("leave one of them out")
        );
    }
    let mut sizes = args.sizes.clone();
    sizes.sort_unstable();
    sizes.dedup();
    Ok(ScaleOptions {
        seed: args.seed.unwrap_or_else(|| RandomState::new().hash_one(0)),
        budget: args.time,
        least: args.min,
        most: args.max,
        sizes,
        processes: args.processes as usize,
        clock: match args.clock {
            ClockChoice::Auto => None,
            ClockChoice::Wall => Some(Clock::Wall),
            ClockChoice::Cpu => Some(Clock::Cpu),
        },
        without_gc: args.no_gc,
    })
}

/// A place that cannot be written to must not cost a measurement.
fn check(path: &Path) -> Result<(), Failure> {
    let cannot = |why: &str, cure: String| {
        let what = format!("`{}` cannot be written", path.display());
        Failure::new(Status::Usage, what).because(why).cure(cure)
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    if !matches!(ending, Some("svg" | "json")) {
        return Err(cannot(
            "its ending names no format",
            "use .svg or .json".into(),
        ));
    }
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) if !parent.is_dir() => Err(cannot(
            "its directory does not exist",
            format!("mkdir -p {}", parent.display()),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_word_of_its_own() {
        assert!(mentions("sum(range(n))", "n") && mentions("f('{n}')", "n"));
        assert!(!mentions("len(names)", "n") && !mentions("", "n"));
    }
}
