//! The findings that a verdict ends with.

use crate::exit::Failure;
use crate::judge::{Candidates, Judged, Judging, rerun};
use crate::pair;
use crate::program::interpreter;
use crate::say::say;
use pitstop_analysis::Verdict;
use pitstop_model::{Interval, Profile};
use pitstop_rules::{Rule, Selection};
use pitstop_target::signals;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

/// How long a pair is measured at most.
const PAIR_BUDGET: Duration = Duration::from_secs(8);

/// How far findings are looked into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// No findings.
    #[default]
    None,
    /// Candidates at costly places.
    Candidates,
    /// Looked at in another run, and judged.
    Judged,
}

/// Adds findings to a verdict. What goes wrong costs findings, and nothing else.
pub(crate) fn add(verdict: &mut Verdict, profile: &Profile, python: Option<&OsStr>, depth: Depth) {
    if depth == Depth::None {
        return;
    }
    let Ok(selection) = Selection::new(&[], &[]) else {
        return;
    };
    let judging = Judging {
        profile,
        selection: &selection,
        only: &[],
    };
    let candidates = judging.candidates();
    let judged = match depth {
        Depth::Judged if !candidates.is_empty() => judged(candidates, profile, python),
        _ => candidates.unseen(),
    };
    verdict.notes.extend(judged.notes);
    verdict.findings = judged.findings;
}

/// Looks at the candidates in another run; at the profile only, if there can be none.
pub(crate) fn judged(candidates: Candidates, profile: &Profile, python: Option<&OsStr>) -> Judged {
    let without = |candidates: Candidates, why: String| {
        let mut judged = candidates.unseen();
        judged
            .notes
            .push(format!("no finding was confirmed: {why}"));
        judged
    };
    let program = match python_of(profile, python) {
        Ok(python) => rerun(profile, python),
        Err(failure) => Err(words(&failure)),
    };
    let program = match program {
        Ok(program) => program,
        Err(why) => return without(candidates, why),
    };
    say!(
        "second run: looking at {}, without the program's input and output",
        match candidates.len() {
            1 => "one place".to_owned(),
            many => format!("{many} places"),
        }
    );
    let own = program.python.clone();
    let mut stop = || signals::interrupts() > 0;
    let mut factor = |rule: &'static dyn Rule, size: u64| -> Result<Option<Interval>, Failure> {
        let measured = pair::measure(rule, size, Some(&own), PAIR_BUDGET)?;
        Ok(measured.and_then(|measured| measured.interval))
    };
    let again = candidates.clone();
    match candidates.seen(&program, &mut stop, &mut factor) {
        Ok(judged) => judged,
        Err(failure) => without(again, words(&failure)),
    }
}

/// A failure in one sentence.
fn words(failure: &Failure) -> String {
    let mut all = vec![failure.what.clone()];
    all.extend(failure.why.iter().cloned());
    all.join(": ")
}

/// The interpreter that ran the program, as far as that is known.
fn python_of(profile: &Profile, asked: Option<&OsStr>) -> Result<OsString, Failure> {
    if asked.is_none()
        && let Some(process) = profile.timeline.processes.first()
        && let Some(word) = profile.strings.get(process.command).split(' ').next()
        && Path::new(word)
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("python"))
        && (!word.contains('/') || Path::new(&profile.meta.directory).join(word).exists())
    {
        return Ok(word.into());
    }
    interpreter(asked)
}
