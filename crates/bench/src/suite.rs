//! Benchmarks that are written for another tool: found by a guest in the files they stand in, and
//! then measured as everything else is, each by itself.

use crate::channel::Channel;
use crate::error::Error;
use crate::job::{Contender, Side, Work};
use crate::layout::environment;
use crate::player::{Ground, WORKER_MODULE};
use crate::session::{Control, Stop};
use pitstop_model::Layout;
use std::process::Stdio;

/// The most benchmarks that are taken from one suite.
const MOST_CASES: usize = 20_000;

/// Whose way of writing benchmarks it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Tests that use the fixture `benchmark`, as pytest-benchmark's do.
    Pytest,
    /// Files for airspeed velocity: `time_*`, `timeraw_*`, `peakmem_*`, `mem_*`, `track_*`.
    Asv,
    /// A script that gives its benchmarks to a `pyperf.Runner`.
    Pyperf,
}

impl Suite {
    /// What people call it; also the end of the name of its guest.
    pub fn key(self) -> &'static str {
        match self {
            Self::Pytest => "pytest",
            Self::Asv => "asv",
            Self::Pyperf => "pyperf",
        }
    }
}

/// What is in a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What can be measured, in order: its name and the work.
    pub cases: Vec<(String, Work)>,
    /// What cannot, and why.
    pub passed_over: Vec<(String, String)>,
}

/// Finds the benchmarks of a suite. The words are files, directories, or a script and its
/// arguments; they are looked for in the side's directory.
///
/// # Errors
/// See [`Error`].
pub fn find(
    suite: Suite,
    words: &[String],
    side: &Side,
    control: &mut dyn Control,
) -> Result<Findings, Error> {
    let ground = Ground::new(false, false)?;
    let stop = Stop::new(control);
    let name = words.join(" ");
    let layout = Layout::default();
    let command = (side.python.clone(), ground.guest_words(WORKER_MODULE, side));
    // Hash seeds are not drawn: two searches must find the same in the same order.
    let environment = environment(&layout, side, 0);
    let pipes = (Stdio::piped(), Stdio::piped());
    let started = ground.start(&name, side, command, (&layout, environment), pipes);
    let (process, errors) = started?;
    let mut guest = Channel::open(&name, process, errors, &stop)?;
    guest.tell(&[suite.key(), "find", &words.join("\0"), "on"])?;
    let mut findings = Findings::default();
    for _ in 0..MOST_CASES {
        let line = guest.line()?;
        if line == "end" {
            guest.finish()?;
            return Ok(findings);
        }
        let Some((kind, length)) = line.split_once(' ') else {
            return Err(guest.garbled(&line));
        };
        let text = guest.text(length);
        let known = match kind {
            "b" => case(suite, &text).map(|case| findings.cases.push(case)),
            "s" => text.split_once('\0').map(|(name, reason)| {
                let passed_over = (name.to_owned(), reason.to_owned());
                findings.passed_over.push(passed_over);
            }),
            _ => None,
        };
        if known.is_none() {
            return Err(guest.garbled(&line));
        }
    }
    Ok(findings)
}

/// `NAME 0 UNIT 0 COMMAND 0 KEY`, the last two in words.
fn case(suite: Suite, text: &str) -> Option<(String, Work)> {
    let mut fields = text.splitn(4, '\0');
    let (name, unit) = (fields.next()?.to_owned(), fields.next()?.to_owned());
    let (command, key) = (fields.next()?, fields.next()?);
    if !command.is_empty() {
        let words = command.split('\u{1}').map(Into::into).collect();
        return Some((name, Work::Command { words }));
    }
    let key = key.replace('\u{2}', "\0");
    let work = Work::Case {
        suite,
        name: name.clone(),
        unit,
        key,
    };
    Some((name, work))
}

/// Contenders of all that was found.
pub fn contenders(findings: &Findings, side: &Side) -> Vec<Contender> {
    let one = |(name, work): &(String, Work)| Contender {
        name: name.clone(),
        work: work.clone(),
        side: side.clone(),
    };
    findings.cases.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_with_its_unit_and_a_command_is_one() {
        let (name, work) = case(
            Suite::Asv,
            "a.track_x\0items\0\0/x/a.py\u{2}a.track_x\u{2}0",
        )
        .expect("it is one");
        let Work::Case { unit, key, .. } = work else {
            panic!("it is a case")
        };
        assert_eq!((name.as_str(), unit.as_str()), ("a.track_x", "items"));
        assert_eq!(key, ["/x/a.py", "a.track_x", "0"].join("\0"));
        let (_, work) =
            case(Suite::Pyperf, "start\0\0python3\u{1}-c\u{1}pass\0start").expect("it is one");
        let words = ["python3", "-c", "pass"].map(Into::into).to_vec();
        assert_eq!(work, Work::Command { words });
        assert_eq!(case(Suite::Asv, "name only"), None);
    }
}
