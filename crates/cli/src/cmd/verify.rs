//! `pitstop verify`: does a change do the same, and is it faster?

use crate::args::{ProofArgs, VerifyArgs};
use crate::contender::{is_function, is_script, own_packages};
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::program::interpreter;
use crate::say::say;
use crate::style::Choice;
use crate::trial::{Follower, explain};
use crate::workload::{command, project, words, workload};
use crate::worktree::{Worktree, check_out, commit, line};
use pitstop_analysis::proof::{Proof, Verdict};
use pitstop_fix::{Error, Options, Subject, Target, Tree, Workload};
use pitstop_model::ExitStatus;
use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// Runs the command.
pub(crate) fn verify(args: &VerifyArgs, style: Choice) -> Outcome {
    let (subject, names, _trees) = subject(&args.old, &args.new)?;
    let (workload, options) = manner(&args.command, &args.proof)?;
    let mut follower = Follower::new()?;
    let proof = pitstop_fix::verify(&subject, names, &workload, &options, &mut follower);
    drop(follower);
    let proof = match proof {
        Err(Error::Stopped) => return Ok(End::LikeProgram(ExitStatus::Signal(2))),
        other => other.map_err(|error| failure(&error))?,
    };
    let text = if args.json {
        pitstop_view::json::proof(&proof)
    } else {
        pitstop_view::proof::render(&proof, &style.for_stdout())
    };
    answer(&text)?;
    Ok(End::With(status(&proof)))
}

/// What shows the program at work, and how a change of it is proved.
pub(super) fn manner(asked: &[OsString], args: &ProofArgs) -> Result<(Workload, Options), Failure> {
    let project = project()?;
    let python = args.python.as_deref();
    let (workload, is_last) = workload(asked, &project, python)?;
    if is_last {
        say!("note: the workload is what ran last: {}", workload.text());
    }
    let directory = std::env::current_dir().map_err(|error| {
        Failure::new(Status::CannotMeasure, "the current directory is gone").because(error)
    })?;
    let tests = match &args.tests {
        Some(line) => Some(command(words(line), python)?),
        None if args.no_tests => None,
        None => project
            .tests
            .map(|words| command(words, python))
            .transpose()?,
    };
    let options = Options {
        python: interpreter(python)?,
        directory,
        variables: Vec::new(),
        calls: args.calls as usize,
        seed: args.seed.unwrap_or_else(|| RandomState::new().hash_one(0)),
        tolerance: args.tolerance.unwrap_or(0.0),
        effects: args.effects,
        equality_only: args.equality_only,
        least: args.least,
        time: args.time,
        tests,
        limit: args.limit,
    };
    Ok((workload, options))
}

fn status(proof: &Proof) -> Status {
    match proof.verdict() {
        Verdict::Accepted | Verdict::Equal => Status::Fine,
        Verdict::Rejected | Verdict::NotFaster => Status::BadNews,
        Verdict::Refused => Status::CannotMeasure,
        Verdict::Inconclusive => Status::Inconclusive,
    }
}

type Found = (Subject, [String; 2], Vec<Worktree>);

/// What both words name; they have to be of one kind.
fn subject(old: &str, new: &str) -> Result<Found, Failure> {
    let names = || [old.to_owned(), new.to_owned()];
    if let (Some(one), Some(other)) = (target(old)?, target(new)?) {
        return Ok((
            Subject::Functions {
                old: one,
                new: other,
            },
            names(),
            Vec::new(),
        ));
    }
    let is_file = |word: &str| is_script(word) && Path::new(word).is_file();
    if is_file(old) && is_file(new) {
        let [old, new] = [old, new].map(PathBuf::from);
        return Ok((Subject::Files { old, new }, names(), Vec::new()));
    }
    for word in [old, new] {
        if is_script(word) && !Path::new(word).exists() {
            return Err(
                Failure::new(Status::Usage, format!("there is no file `{word}`"))
                    .cure("check the path"),
            );
        }
    }
    trees(old, new)
}

/// The function that a word names, if it does.
fn target(word: &str) -> Result<Option<Target>, Failure> {
    if let Some((file, name)) = word.split_once("::") {
        let path = Path::new(file);
        if !path.is_file() {
            return Err(
                Failure::new(Status::Usage, format!("there is no file `{file}`"))
                    .because(format!("`{word}` names a function in it"))
                    .cure("check the path"),
            );
        }
        let path = path.canonicalize().map_err(|error| {
            Failure::new(Status::Usage, format!("`{file}` cannot be read")).because(error)
        })?;
        return Ok(Some(Target {
            module: None,
            file: Some(path),
            name: name.to_owned(),
        }));
    }
    if !is_function(word) {
        return Ok(None);
    }
    let parts = word.split_once(':');
    Ok(parts.map(|(module, name)| Target {
        module: Some(module.to_owned()),
        file: None,
        name: name.to_owned(),
    }))
}

/// Two checkouts; `.` is the working tree.
fn trees(old: &str, new: &str) -> Result<Found, Failure> {
    let strange = |word: &str| {
        Failure::new(
            Status::Usage,
            format!("`{word}` is no version of anything here"),
        )
        .because("it is no commit, no Python file, and no function of one")
        .cure("see the examples: pitstop verify --help")
    };
    let mut commits = Vec::new();
    for word in [old, new] {
        if word == "." {
            commits.push(None);
        } else {
            commits.push(Some(commit(word).ok_or_else(|| strange(word))?));
        }
    }
    if commits.iter().all(Option::is_none) {
        return Err(
            Failure::new(Status::Usage, "both versions are the working tree")
                .cure("compare it with a commit: pitstop verify HEAD ."),
        );
    }
    let top = line(&["rev-parse", "--show-toplevel"]).ok_or_else(|| {
        Failure::new(Status::CannotMeasure, "this is no git repository")
            .cure("name two files or two functions instead")
    })?;
    let mut arguments = vec!["diff", "--name-only", "--no-renames", "--diff-filter=M"];
    let here = std::env::current_dir().unwrap_or_default();
    // Git compares a commit with the working tree, never the other way round; which files differ
    // is the same in both directions.
    arguments.extend(commits.iter().flatten().map(String::as_str));
    // From the root, wherever we are.
    arguments.extend(["--", ":(top)*.py"]);
    let changed = line(&arguments).unwrap_or_default();
    let files: Vec<PathBuf> = changed.lines().map(PathBuf::from).collect();
    let mut sides = Vec::new();
    let mut checkouts = Vec::new();
    let mut names = Vec::new();
    for (word, commit) in [old, new].into_iter().zip(&commits) {
        let Some(commit) = commit else {
            names.push("working tree".to_owned());
            sides.push(Tree {
                root: top.clone().into(),
                directory: here.clone(),
                variables: own_packages(&here).into_iter().collect(),
            });
            continue;
        };
        let tree = check_out(word, commit)?;
        names.push(format!("{word} ({})", tree.commit));
        sides.push(Tree {
            root: tree.root.clone(),
            directory: tree.directory.clone(),
            variables: own_packages(&tree.directory).into_iter().collect(),
        });
        checkouts.push(tree);
    }
    let [old, new]: [Tree; 2] = sides
        .try_into()
        .unwrap_or_else(|_| unreachable!("two words"));
    let names: [String; 2] = names
        .try_into()
        .unwrap_or_else(|_| unreachable!("two words"));
    Ok((Subject::Trees { old, new, files }, names, checkouts))
}

/// An error of the proof as people read it.
pub(super) fn failure(error: &Error) -> Failure {
    if let Error::Bench(error) = error {
        return explain(error).because("the versions are equal in every call that was compared");
    }
    let status = match error {
        Error::Start { source, .. } => match source.exit_code() {
            127 => Status::NotFound,
            126 => Status::CannotExecute,
            _ => Status::Failed,
        },
        Error::Io { .. } | Error::Guest { .. } => Status::Failed,
        Error::NoChange | Error::NoFunction | Error::Syntax { .. } => Status::Usage,
        _ => Status::CannotMeasure,
    };
    let mut failure = Failure::of(status, error);
    let words = error.last_words().unwrap_or_default();
    let lines: Vec<&str> = words
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    for line in lines.iter().rev().take(12).rev() {
        failure = failure.because(line);
    }
    match error {
        Error::NoChange => failure.cure("name two versions that differ"),
        Error::NoFunction => {
            failure.cure("changes outside of functions are measured: pitstop compare OLD NEW")
        }
        Error::Workload { .. } => failure.cure("run it by itself first, and mend it"),
        Error::TooLong { .. } => failure.cure("give a smaller workload, or more time: --limit 30m"),
        _ => failure,
    }
}
