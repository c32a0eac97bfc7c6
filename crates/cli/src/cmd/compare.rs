//! `pitstop compare`: which of two is faster, and how sure is that?

use crate::args::CompareArgs;
use crate::contender::{contender, here, is_function, is_script, side, work};
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::saved;
use crate::style::Choice;
use crate::suite::{self, Target};
use crate::trial::{Follower, explain, options};
use crate::worktree::Worktree;
use pitstop_analysis::trials::{
    Comparison, Question, Verdict, compare_pairs, compare_processes, correct_for_many, noise,
};
use pitstop_bench::{Contender, Options, Work};
use pitstop_model::Trials;
use std::path::{Path, PathBuf};

/// What is compared.
enum Subject {
    /// Two contenders, and the checkouts that they live in.
    Live(Box<[Contender; 2]>, Vec<Worktree>),
    /// Benchmarks of another tool, on two sides: names on one side only, and why something was
    /// passed over.
    Suite {
        pairs: Vec<[Contender; 2]>,
        _trees: Vec<Worktree>,
        alone: Vec<String>,
        passed_over: Vec<(String, String)>,
    },
    /// Two files.
    Files(PathBuf, PathBuf),
}

/// Runs the command.
pub(crate) fn compare(args: &CompareArgs, style: Choice) -> Outcome {
    saved::check(&args.output)?;
    match subject(args)? {
        Subject::Live(sides, _trees) => live(args, &sides, style),
        Subject::Suite {
            pairs,
            alone,
            passed_over,
            ..
        } => whole_suite(args, &pairs, &alone, &passed_over, style),
        Subject::Files(one, other) => files(args, [&one, &other], style),
    }
}

fn subject(args: &CompareArgs) -> Result<Subject, Failure> {
    let setup = &args.trial.setup;
    let python = args.trial.python.as_deref();
    if let (Some(a), Some(b)) = (&args.a, &args.b) {
        if !args.command.is_empty() {
            return Err(
                Failure::new(Status::Usage, "--a and --b name what to run already").cure(
                    "leave the command out, or name sides: pitstop compare main . -- COMMAND",
                ),
            );
        }
        return alone([a, b], setup, python);
    }
    let [a, b, target @ ..] = args.words.as_slice() else {
        return Err(Failure::new(Status::Usage, "there is only one side")
            .cure("name both: pitstop compare A B"));
    };
    if !target.is_empty() || !args.command.is_empty() {
        if !target.is_empty() && !args.command.is_empty() {
            return Err(
                Failure::new(Status::Usage, "there is a statement and a command")
                    .cure("leave one of them out"),
            );
        }
        let only = args.suite.only.as_deref();
        if let Some(target) = suite::target(target, args.suite.read_as, only)? {
            return of_suite([a, b], &target, python);
        }
        let work = work(target, &args.command, setup);
        let mut trees = Vec::new();
        let mut sides = Vec::new();
        for words in [a, b] {
            let (side, tree) = side(words, python, &work)?;
            trees.extend(tree);
            sides.push(contender(work.clone(), side));
        }
        let sides: [Contender; 2] = sides.try_into().unwrap_or_else(|_| unreachable!("two"));
        return Ok(Subject::Live(Box::new(sides), trees));
    }
    if let (Some(one), Some(other)) = (saved::file(a), saved::file(b)) {
        return Ok(Subject::Files(one, other));
    }
    let can_run =
        |word: &String| is_function(word) || (is_script(word) && Path::new(word).exists());
    if can_run(a) && can_run(b) {
        return alone([a, b], setup, python);
    }
    let strange = [a, b]
        .into_iter()
        .find(|word| saved::file(word).is_none() && !can_run(word));
    let strange = strange.unwrap_or(a);
    Err(Failure::new(
        Status::Usage,
        format!("`{strange}` is nothing to compare by itself"),
    )
    .because("it is no kept name, result file, module:function nor script")
    .cure(
        "two statements: --a STATEMENT --b STATEMENT; two interpreters or commits: name \
                 what to run after them",
    ))
}

/// Benchmarks of another tool on two sides.
fn of_suite(
    words: [&String; 2],
    target: &Target,
    python: Option<&std::ffi::OsStr>,
) -> Result<Subject, Failure> {
    let mut follower = Follower::new()?;
    let (mut sides, mut trees, mut passed_over) = (Vec::new(), Vec::new(), Vec::new());
    for words in words {
        let (side, tree) = side(words, python, &Work::Script { words: Vec::new() })?;
        trees.extend(tree);
        let found = target.find(&side, &mut follower)?;
        passed_over.extend(found.passed_over);
        sides.push((side, found.cases));
    }
    let [(one, cases), (other, others)]: [_; 2] =
        sides.try_into().unwrap_or_else(|_| unreachable!("two"));
    let (works, alone) = suite::matched(cases, others);
    let contender = |name: &String, work: Work, side: &pitstop_bench::Side| Contender {
        name: name.clone(),
        work,
        side: side.clone(),
    };
    let pairs: Vec<[Contender; 2]> = works
        .into_iter()
        .map(|(name, [a, b])| [contender(&name, a, &one), contender(&name, b, &other)])
        .collect();
    if pairs.is_empty() {
        let what = "the sides have no benchmark in common";
        return Err(Failure::new(Status::Usage, what)
            .because(format!("only on one of them: {}", alone.join(", ")))
            .cure("benchmarks are matched by name"));
    }
    Ok(Subject::Suite {
        pairs,
        _trees: trees,
        alone,
        passed_over,
    })
}

fn whole_suite(
    args: &CompareArgs,
    pairs: &[[Contender; 2]],
    alone: &[String],
    passed_over: &[(String, String)],
    style: Choice,
) -> Outcome {
    // Each may be wrong so seldom that any of them is wrong as seldom as was asked for.
    let question = Question {
        alpha: args.error / pairs.len() as f64,
        ..question(args)
    };
    let options = Options {
        alpha: question.alpha,
        least: question.least,
        matched: !args.random_layout,
        ..options(&args.trial)
    };
    let mut follower = Follower::new()?;
    let outcome = pitstop_bench::compare_all(pairs, &options, &mut follower);
    drop(follower);
    let outcome = outcome.map_err(|error| explain(&error))?;
    let trials = &outcome.trials;
    let comparisons: Vec<Comparison<'_>> = (0..trials.benchmarks.len() / 2)
        .filter_map(|at| compare_pairs(trials, [2 * at, 2 * at + 1], question))
        .collect();
    let disturbed = noise(trials);
    let live = Some((trials, &disturbed));
    let json = pitstop_view::json::comparisons(&comparisons, alone, live, outcome.stopped);
    let name = args.words.get(2..).unwrap_or_default().join(" ");
    saved::store(trials, &json, &name, &args.output)?;
    let text = if args.output.json {
        json
    } else {
        pitstop_view::trials::suite(&comparisons, alone, &style.for_stdout())
    };
    answer(&text)?;
    let is_broken = suite::report(&outcome.left_out, passed_over);
    if let Some(error) = &outcome.failure {
        return Err(explain(error).because("what is above was measured before it"));
    }
    let status = status(comparisons.iter().map(|known| known.verdict));
    Ok(End::With(if is_broken && status != Status::BadNews {
        Status::CannotMeasure
    } else {
        status
    }))
}

/// Two works in our own surroundings.
fn alone(
    texts: [&String; 2],
    setup: &[String],
    python: Option<&std::ffi::OsStr>,
) -> Result<Subject, Failure> {
    let mut sides = Vec::new();
    for text in texts {
        let work = work(std::slice::from_ref(text), &[], setup);
        let side = here(python, &work)?;
        sides.push(contender(work, side));
    }
    let sides: [Contender; 2] = sides.try_into().unwrap_or_else(|_| unreachable!("two"));
    Ok(Subject::Live(Box::new(sides), Vec::new()))
}

fn live(args: &CompareArgs, sides: &[Contender; 2], style: Choice) -> Outcome {
    let question = question(args);
    let options = Options {
        alpha: question.alpha,
        least: question.least,
        matched: !args.random_layout,
        ..options(&args.trial)
    };
    let mut follower = Follower::new()?;
    let outcome = pitstop_bench::compare([&sides[0], &sides[1]], &options, &mut follower);
    drop(follower);
    let outcome = outcome.map_err(|error| explain(&error))?;
    let trials = &outcome.trials;
    let Some(comparison) = compare_pairs(trials, [0, 1], question) else {
        return Err(outcome.failure.as_ref().map_or_else(
            || Failure::new(Status::CannotMeasure, "no pair was measured"),
            explain,
        ));
    };
    let disturbed = noise(trials);
    let verdict = comparison.verdict;
    let one = std::slice::from_ref(&comparison);
    let live = Some((trials, &disturbed));
    let json = pitstop_view::json::comparisons(one, &[], live, outcome.stopped);
    saved::store(trials, &json, &sides[0].name, &args.output)?;
    let text = if args.output.json {
        json
    } else {
        let style = style.for_stdout();
        pitstop_view::trials::comparison(&comparison, &disturbed, &trials.room, &style)
    };
    answer(&text)?;
    if let Some(error) = &outcome.failure {
        return Err(explain(error).because("what is above was measured before it"));
    }
    Ok(End::With(status([verdict])))
}

fn question(args: &CompareArgs) -> Question {
    Question {
        alpha: args.error,
        least: args.min_effect,
        ..Question::default()
    }
}

/// Bad news first, then doubt.
fn status(verdicts: impl IntoIterator<Item = Verdict>) -> Status {
    let mut status = Status::Fine;
    for verdict in verdicts {
        match verdict {
            Verdict::Slower => return Status::BadNews,
            Verdict::Inconclusive => status = Status::Inconclusive,
            Verdict::Faster | Verdict::Equivalent => {}
        }
    }
    status
}

fn files(args: &CompareArgs, paths: [&Path; 2], style: Choice) -> Outcome {
    if args.output.save.is_some() || args.output.output.is_some() {
        return Err(
            Failure::new(Status::Usage, "files are compared, nothing is measured")
                .cure("leave --save and --output out, use --json"),
        );
    }
    let (one, other) = (saved::load(paths[0])?, saved::load(paths[1])?);
    let question = question(args);
    let (mut comparisons, unmatched) = matched(&one, &other, question);
    if comparisons.is_empty() {
        return Err(
            Failure::new(Status::Usage, "the files have no benchmark in common")
                .because(format!("only in one of them: {}", unmatched.join(", ")))
                .cure("benchmarks are matched by name; a file with one each is matched as it is"),
        );
    }
    correct_for_many(&mut comparisons);
    let verdicts: Vec<Verdict> = comparisons.iter().map(|known| known.verdict).collect();
    let text = if args.output.json {
        pitstop_view::json::comparisons(&comparisons, &unmatched, None, false)
    } else {
        pitstop_view::trials::suite(&comparisons, &unmatched, &style.for_stdout())
    };
    answer(&text)?;
    Ok(End::With(status(verdicts)))
}

/// Benchmarks of the same name; of files with a single one each, those two. Also the names of what
/// is in one file only.
fn matched<'a>(
    one: &'a Trials,
    other: &'a Trials,
    question: Question,
) -> (Vec<Comparison<'a>>, Vec<String>) {
    let mut comparisons = Vec::new();
    let mut unmatched = Vec::new();
    if let ([_], [_]) = (one.benchmarks.as_slice(), other.benchmarks.as_slice()) {
        comparisons.extend(compare_processes((one, 0), (other, 0), question));
        return (comparisons, unmatched);
    }
    let mut used = vec![false; other.benchmarks.len()];
    for (at, benchmark) in one.benchmarks.iter().enumerate() {
        let same = other
            .benchmarks
            .iter()
            .enumerate()
            .position(|(place, known)| !used[place] && known.name == benchmark.name);
        match same {
            Some(place) => {
                used[place] = true;
                comparisons.extend(compare_processes((one, at), (other, place), question));
            }
            None => unmatched.push(benchmark.name.clone()),
        }
    }
    let left = other
        .benchmarks
        .iter()
        .zip(&used)
        .filter(|(_, used)| !**used);
    unmatched.extend(left.map(|(benchmark, _)| benchmark.name.clone()));
    (comparisons, unmatched)
}
