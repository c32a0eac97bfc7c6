//! `pitstop fix`: the changes that rules make, proved one by one.

use super::verify::{failure, manner};
use crate::args::FixArgs;
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::style::Choice;
use crate::trial::Follower;
use pitstop_analysis::proof::Verdict;
use pitstop_analysis::repair::{Outcome as Became, Repair, hindrance, may_stand};
use pitstop_fix::{Error, Options, Proposal, Workload, keep, proposals, prove};
use pitstop_model::{ExitStatus, Remedy};
use pitstop_rules::Selection;
use pitstop_source::Target;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file to repair, and the line that is meant.
struct Wanted {
    path: PathBuf,
    name: String,
    line: Option<u32>,
}

/// What is to be proved, and how; nothing with `--list`.
type Manner = Option<(Workload, Options)>;

/// Runs the command.
pub(crate) fn fix(args: &FixArgs, style: Choice) -> Outcome {
    let selection = Selection::new(&args.rule, &[]).map_err(|error| {
        let failure = Failure::new(Status::Usage, &error);
        match error.near {
            Some(near) => failure.cure(format!("write `{near}`")),
            None => failure.cure("give a code as PS101, a name as list-membership, or a category"),
        }
    })?;
    let files: Result<Vec<Wanted>, Failure> = args.files.iter().map(|word| wanted(word)).collect();
    let files = files?;
    let manner = if args.list {
        None
    } else {
        Some(manner(&args.command, &args.proof)?)
    };
    let mut follower = Follower::new()?;
    let mut repairs = Vec::new();
    let mut ignored = 0;
    let mut stopped = false;
    for file in &files {
        match repair_file(file, args, &selection, &manner, &mut follower, &mut repairs) {
            Ok(count) => ignored += count,
            Err(Error::Stopped) => {
                stopped = true;
                break;
            }
            Err(error) => {
                drop(follower);
                return Err(failure(&error));
            }
        }
    }
    drop(follower);
    let text = if args.json {
        pitstop_view::json::repairs(&repairs, ignored)
    } else {
        let style = style.for_stdout();
        let mut text = String::new();
        for repair in &repairs {
            text.push_str(&pitstop_view::repair::render(repair, &style));
            text.push('\n');
        }
        text + &pitstop_view::repair::summary(&repairs, ignored, &style)
    };
    answer(&text)?;
    if stopped {
        return Ok(End::LikeProgram(ExitStatus::Signal(2)));
    }
    Ok(End::With(status(&repairs)))
}

fn wanted(word: &str) -> Result<Wanted, Failure> {
    let (name, line) = match word.rsplit_once(':') {
        Some((name, line)) if !Path::new(word).exists() => match line.parse() {
            Ok(line) => (name, Some(line)),
            Err(_) => (word, None),
        },
        _ => (word, None),
    };
    let path = PathBuf::from(name);
    if !path.is_file() {
        let what = format!("there is no file `{name}`");
        return Err(Failure::new(Status::Usage, what).cure("name Python files: pitstop fix app.py"));
    }
    Ok(Wanted {
        path,
        name: name.to_owned(),
        line,
    })
}

/// Repairs a file, one finding after the other: what is kept moves the others. Returns how many
/// findings a comment ignores.
fn repair_file(
    file: &Wanted,
    args: &FixArgs,
    selection: &Selection,
    manner: &Manner,
    follower: &mut Follower,
    repairs: &mut Vec<Repair>,
) -> Result<usize, Error> {
    let mut seen = BTreeSet::new();
    // A line is meant as the file is now.
    let mut line = file.line;
    loop {
        let found = proposals(&file.path, &file.name, Target::NEWEST, selection)?;
        let next = found.all.into_iter().find(|proposal| {
            let is_meant = line.is_none_or(|line| proposal.finding.place.start.0 == line);
            is_meant && !seen.contains(&proposal.identity())
        });
        let Some(proposal) = next else {
            return Ok(found.ignored);
        };
        seen.insert(proposal.identity());
        let repair = repair(&proposal, args, manner, follower)?;
        if repair.outcome == Became::Kept && line.is_some() {
            // Done: what stands in that line now is something else.
            line = Some(0);
        }
        repairs.push(repair);
    }
}

/// Tries one change.
fn repair(
    proposal: &Proposal,
    args: &FixArgs,
    manner: &Manner,
    follower: &mut Follower,
) -> Result<Repair, Error> {
    let mut repair = Repair {
        finding: proposal.finding.clone(),
        diff: proposal.diff.clone(),
        proof: None,
        refusal: None,
        outcome: Became::NotTried,
    };
    let hindered = match &proposal.finding.remedy {
        Remedy::ByHand { why, .. } => Some(why.clone()),
        Remedy::Edit { class, .. } => hindrance(*class, args.accept_behaviour).map(str::to_owned),
    };
    let Some((workload, options)) = manner else {
        repair.refusal = hindered.or(Some("only the list was asked for".into()));
        return Ok(repair);
    };
    if hindered.is_some() {
        repair.refusal = hindered;
        return Ok(repair);
    }
    match prove(proposal, workload, options, follower) {
        Ok(proof) => {
            repair.outcome = match (may_stand(&proof), args.apply) {
                (true, true) => {
                    keep(proposal)?;
                    Became::Kept
                }
                (true, false) => Became::Proved,
                (false, _) => Became::Dropped,
            };
            repair.proof = Some(proof);
        }
        // A workload that fails fails for all of them.
        Err(error @ (Error::Stopped | Error::Workload { .. } | Error::Start { .. })) => {
            return Err(error);
        }
        Err(error) => {
            repair.outcome = Became::Dropped;
            repair.refusal = Some(error.to_string());
        }
    }
    Ok(repair)
}

fn status(repairs: &[Repair]) -> Status {
    let stands = |repair: &&Repair| matches!(repair.outcome, Became::Kept | Became::Proved);
    let tried: Vec<&Repair> = repairs
        .iter()
        .filter(|repair| repair.outcome != Became::NotTried)
        .collect();
    if tried.is_empty() || tried.iter().any(stands) {
        return Status::Fine;
    }
    let verdict = |repair: &&Repair| {
        repair
            .proof
            .as_ref()
            .map(pitstop_analysis::proof::Proof::verdict)
    };
    let cannot = |repair: &&Repair| matches!(verdict(repair), None | Some(Verdict::Refused));
    if tried.iter().all(cannot) {
        Status::CannotMeasure
    } else {
        Status::BadNews
    }
}
