//! `pitstop check`: what in these files may be slow?

use crate::args::{CheckArgs, CheckFormat};
use crate::exit::{End, Failure, Outcome, Status};
use crate::findings::judged;
use crate::judge::Judging;
use crate::print::bytes;
use crate::python_files::python_files;
use crate::say::say;
use crate::style::Choice;
use crate::{kept, open};
use pitstop_model::{Finding, Findings, Judgement, Method, Place, Profile, RuleName};
use pitstop_rules::{Checked, Selection};
use pitstop_source::{SourceFile, Target};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A file of more bytes is data that happens to be Python.
const MOST_BYTES: u64 = 16 << 20;

/// What became of one file.
struct Result {
    path: String,
    bytes: u64,
    /// Its text, if there is something to show of it.
    text: Option<String>,
    checked: Checked,
    problems: Vec<(u32, u32, String)>,
    is_read: bool,
}

/// Runs the command.
pub(crate) fn check(args: &CheckArgs, style: Choice) -> Outcome {
    let selection = selection(&args.select, &args.ignore)?;
    if let Some(profile) = profile(args)? {
        return by_profile(args, &profile, &selection, style);
    }
    let (files, missed) = python_files(&args.paths)?;
    if files.is_empty() {
        let mut failure = Failure::new(Status::CannotMeasure, "there is no Python file to check");
        for (path, why) in &missed {
            failure = failure.because(format!("`{}`: {why}", path.display()));
        }
        return Err(failure
            .because(
                "of directories, hidden files, what git ignores and what is installed are left out",
            )
            .cure("name the files, or another directory"));
    }
    let results = all(&files, &selection, args.target_version, args.jobs);
    let mut sources = HashMap::new();
    let mut findings = Findings {
        rules: names(&selection),
        ..Findings::default()
    };
    for (path, why) in missed {
        findings
            .problems
            .push((place(&path.to_string_lossy(), 0, 0), why));
    }
    for result in results {
        findings.files += usize::from(result.is_read);
        findings.bytes += result.bytes;
        for (line, column, message) in result.problems {
            findings
                .problems
                .push((place(&result.path, line, column), message));
        }
        let remarks = result.checked.remarks.into_iter();
        findings
            .remarks
            .extend(remarks.map(|it| (place(&result.path, it.line, 1), it.message)));
        findings.findings.extend(result.checked.findings);
        findings.ignored.extend(result.checked.ignored);
        if let Some(text) = result.text {
            sources.insert(result.path, text);
        }
    }
    show(args, &findings, &sources, style)?;
    Ok(End::With(status(&findings, args.exit_zero)))
}

/// The profile to judge by: the one that was named, or the last one if it is of here.
fn profile(args: &CheckArgs) -> std::result::Result<Option<Profile>, Failure> {
    if args.no_profile {
        return Ok(None);
    }
    if let Some(path) = &args.profile {
        return open::open(path).map(Some);
    }
    let last = kept::last().filter(|path| path.exists());
    let last = last.and_then(|path| open::load(&path).ok());
    let here = std::env::current_dir().ok();
    let is_here = |profile: &Profile| here.as_deref() == Some(Path::new(&profile.meta.directory));
    match last.filter(|it| is_here(it) && it.meta.method == Method::Sampling) {
        None if args.run => Err(Failure::new(
            Status::Usage,
            "there is no program that ran last in this directory",
        )
        .cure("run it first: pitstop run --check script.py")),
        last => Ok(last),
    }
}

/// Judges what a profile found to cost something.
fn by_profile(
    args: &CheckArgs,
    profile: &Profile,
    selection: &Selection,
    style: Choice,
) -> Outcome {
    let is_all = args.paths == [PathBuf::from(".")];
    let judging = Judging {
        profile,
        selection,
        only: if is_all { &[] } else { &args.paths },
    };
    let candidates = judging.candidates();
    let judged = match args.run && !candidates.is_empty() {
        true => judged(candidates, profile, args.python.as_deref()),
        false => candidates.unseen(),
    };
    let findings = Findings {
        findings: judged.findings,
        rules: names(selection),
        files: judged.files,
        bytes: judged.bytes,
        ..Findings::default()
    };
    show(args, &findings, &judged.sources, style)?;
    for note in &judged.notes {
        say!("note: {note}");
    }
    if judged.cold > 0 {
        say!(
            "note: {} cost next to nothing in that run; all of them: pitstop check --no-profile",
            match judged.cold {
                1 => "one more place".to_owned(),
                many => format!("{many} more places"),
            }
        );
    }
    Ok(End::With(status(&findings, args.exit_zero)))
}

/// Prints findings as asked.
fn show(
    args: &CheckArgs,
    findings: &Findings,
    sources: &HashMap<String, String>,
    style: Choice,
) -> std::result::Result<(), Failure> {
    let format = if args.json {
        CheckFormat::Json
    } else {
        args.format
    };
    let text = match format {
        CheckFormat::Text => {
            let source = |path: &str| sources.get(path).map(String::as_str);
            pitstop_view::findings::findings(findings, source, &style.for_stdout())
        }
        CheckFormat::Json => pitstop_view::findings::json(findings),
        CheckFormat::Md => pitstop_export::findings::markdown(findings),
        CheckFormat::Github => pitstop_export::findings::github(findings),
        CheckFormat::Sarif => pitstop_export::findings::sarif(findings),
        CheckFormat::Junit => pitstop_export::findings::junit(findings),
    };
    bytes(text.as_bytes()).map(|_| ())
}

fn status(findings: &Findings, exit_zero: bool) -> Status {
    if findings.files == 0 {
        return Status::CannotMeasure;
    }
    let is_news = |finding: &Finding| {
        matches!(
            finding.judgement,
            Judgement::Confirmed { .. } | Judgement::Plausible { .. }
        )
    };
    match !findings.findings.iter().any(is_news) || exit_zero {
        true => Status::Fine,
        false => Status::BadNews,
    }
}

/// The rules that words choose.
pub(crate) fn selection(
    select: &[String],
    ignore: &[String],
) -> std::result::Result<Selection, Failure> {
    let selection = Selection::new(select, ignore).map_err(|error| {
        let failure = Failure::of(Status::Usage, &error);
        match error.near {
            Some(near) => {
                failure.cure(format!("did you mean `{near}`? All rules: pitstop explain"))
            }
            None => failure.cure("see all rules: pitstop explain"),
        }
    })?;
    if selection.rules().is_empty() {
        return Err(
            Failure::new(Status::Usage, "all rules that are selected are ignored too")
                .cure("leave one of --select and --ignore out"),
        );
    }
    Ok(selection)
}

fn names(selection: &Selection) -> Vec<RuleName> {
    let rules = selection.rules().iter().map(|rule| rule.meta());
    let name = |meta: &pitstop_rules::Meta| RuleName {
        code: meta.code.into(),
        slug: meta.slug.into(),
        title: meta.title.into(),
    };
    rules.map(name).collect()
}

fn place(file: &str, line: u32, column: u32) -> Place {
    Place {
        file: file.to_owned(),
        start: (line, column),
        end: (line, column),
        ..Place::default()
    }
}

/// All files, several at a time; in the order of the files.
fn all(files: &[PathBuf], selection: &Selection, target: Target, jobs: Option<u32>) -> Vec<Result> {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs
        .map_or(cpus, |jobs| jobs as usize)
        .min(files.len())
        .max(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = files.get(at) else {
                return done;
            };
            done.push((at, one(path, selection, target)));
        }
    };
    let mut done: Vec<(usize, Result)> = thread::scope(|scope| {
        let others: Vec<_> = (1..jobs).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            // A panic of a file is caught at the file.
            done.extend(other.join().unwrap_or_default());
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn one(path: &Path, selection: &Selection, target: Target) -> Result {
    let name = path.to_string_lossy().into_owned();
    let mut result = Result {
        path: name.clone(),
        bytes: 0,
        text: None,
        checked: Checked::default(),
        problems: Vec::new(),
        is_read: false,
    };
    let read = match path.metadata() {
        Ok(data) if data.len() > MOST_BYTES => Err(format!(
            "it has {} MB, and more than {} are not read",
            data.len() >> 20,
            MOST_BYTES >> 20
        )),
        _ => std::fs::read(path).map_err(|error| error.to_string()),
    };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(why) => {
            result.problems.push((0, 0, why));
            return result;
        }
    };
    result.bytes = bytes.len() as u64;
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let file = SourceFile::from_bytes(&bytes, target)
            .map_err(|error| (error.line(), 1, error.to_string()))?;
        let problems = file.problems();
        let checked = pitstop_rules::check(&file, &name, selection);
        let is_shown = !checked.findings.is_empty();
        Ok((problems, checked, is_shown.then(|| file.text().to_owned())))
    }));
    match looked {
        Ok(Ok((problems, checked, text))) => {
            let problems = problems.into_iter();
            let problems = problems.map(|it| (it.position.line, it.position.column, it.message));
            result.problems.extend(problems.take(1));
            (result.checked, result.text, result.is_read) = (checked, text, true);
        }
        Ok(Err(problem)) => result.problems.push(problem),
        Err(_) => result.problems.push((
            0,
            0,
            "Pitstop failed on this file, which is our mistake: please report it".into(),
        )),
    }
    result
}
