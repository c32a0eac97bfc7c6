//! Running a program once more to look at chosen expressions: what type, how large, how often.
//!
//! The program is started by `guest/observe.py`, which leads those expressions through functions of
//! its own. It runs with its own arguments, environment and directory, but without our streams: what it prints
//! was printed before, and nobody is there to answer it.

use crate::record::END_PATIENCE;
use pitstop_model::{EvidenceKind, ExitStatus};
use pitstop_target::clock::now_ns;
use pitstop_target::launch::{Launch, launch};
use pitstop_target::spawn::{Exit, SpawnError};
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use thiserror::Error;

const GUEST: &str = include_str!("guest/observe.py");

/// How often we look whether it is to stop.
const ROUND: Duration = Duration::from_millis(50);
/// The most that is read of one process's answer.
const MOST_ANSWER_BYTES: u64 = 64 << 20;
/// The most processes that are read.
const MOST_PROCESSES: usize = 1000;
/// The most that is kept of what a program writes to standard error.
const MOST_WORDS_BYTES: u64 = 4 << 10;

/// What Python is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A script, a directory or a zip archive.
    Script(OsString),
    /// A module, as by `-m`.
    Module(OsString),
    /// Code, as by `-c`.
    Code(OsString),
}

/// The program.
#[derive(Clone, Debug)]
pub struct Rerun {
    /// The interpreter.
    pub python: OsString,
    /// What it runs.
    pub entry: Entry,
    /// What the program is given.
    pub args: Vec<OsString>,
    /// Where it starts.
    pub directory: PathBuf,
}

/// An expression or statement to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its file, absolute.
    pub file: String,
    /// Line, from 1, and byte in the line, from 0, of its first character.
    pub start: (u32, u32),
    /// The same behind its last character.
    pub end: (u32, u32),
    /// What is to be known.
    pub kinds: Vec<EvidenceKind>,
}

/// A type that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct TypeSeen {
    /// `list`, or `package.module.Name`.
    pub name: String,
    /// How many times it was looked at.
    pub count: u64,
    /// The least length, the quartiles and the greatest one, each look weighing the same; looks are
    /// spread over the time of the place. Empty for types whose length is not asked.
    pub sizes: Vec<u64>,
}

/// What was seen at a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Sighting {
    /// Its place in the plan.
    number: usize,
    /// Whether it is in the code that the interpreter ran.
    pub found: bool,
    /// How often it ran; at least so often unless `exact`.
    pub count: u64,
    /// Whether the count is exact.
    pub exact: bool,
    /// Types of its operand, the most frequent first.
    pub types: Vec<TypeSeen>,
    /// The memory of the largest operand, without what it refers to, in bytes.
    pub bytes: u64,
    /// Items that were used of results.
    pub used: u64,
    /// Items that results had.
    pub all: u64,
    /// How often a `try` was entered.
    pub tried: u64,
    /// How often one of its handlers was.
    pub raised: u64,
    /// The time of an import, in nanoseconds.
    pub import_ns: u64,
    /// Instances of a class that lived at once, as far as it was looked.
    pub instances: u64,
    /// Calls of a function.
    pub calls: u64,
    /// Calls with arguments that have no hash.
    pub keyless: u64,
    /// Calls with arguments that were there before.
    pub repeats: u64,
    /// The time of all calls that have a hash, in nanoseconds; with those inside of them.
    pub call_ns: u64,
    /// The time of repeated calls, in nanoseconds.
    pub repeat_ns: u64,
    /// Hits of a function that is cached already.
    pub hits: u64,
    /// Misses of it.
    pub misses: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// One for each site; all zero where nothing was seen.
    pub sightings: Vec<Sighting>,
    /// How it ended; nothing if it was ended by us.
    pub exit: Option<ExitStatus>,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// What it wrote to standard error last, if it did not end with status 0.
    pub words: String,
    /// What could not be looked at.
    pub notes: Vec<String>,
}

/// Why nothing was observed.
#[derive(Error, Debug)]
pub enum ObserveError {
    /// The program could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Files for it, or from it.
    #[error("no files can be exchanged with the program")]
    Files(#[source] io::Error),
}

#[derive(Serialize)]
struct PlannedSite<'a> {
    number: usize,
    file: &'a str,
    start: (u32, u32),
    end: (u32, u32),
    kinds: Vec<&'static str>,
}

#[derive(Serialize)]
struct Plan<'a> {
    answer: &'a Path,
    sites: Vec<PlannedSite<'a>>,
}

#[derive(Deserialize)]
struct Answer {
    places: Vec<Sighting>,
    notes: Vec<String>,
}

/// Runs the program and looks at the sites. `stop` is asked now and then whether to end it.
///
/// # Errors
/// If it cannot be started, or there is no place for its answers.
pub fn observe(
    rerun: &Rerun,
    sites: &[Site],
    stop: &mut dyn FnMut() -> bool,
) -> Result<Observed, ObserveError> {
    let directory = tempfile::Builder::new().prefix("pitstop-").tempdir();
    let directory = directory.map_err(ObserveError::Files)?;
    let guest = directory.path().join("observe.py");
    let plan = directory.path().join("plan");
    fs::write(&guest, GUEST).map_err(ObserveError::Files)?;
    fs::write(&plan, literal(directory.path(), sites)).map_err(ObserveError::Files)?;
    let errors = tempfile::tempfile_in(directory.path()).map_err(ObserveError::Files)?;
    let (kind, what) = match &rerun.entry {
        Entry::Script(what) => ("script", what),
        Entry::Module(what) => ("module", what),
        Entry::Code(what) => ("code", what),
    };
    let mut args = vec![
        guest.into_os_string(),
        plan.into_os_string(),
        kind.into(),
        what.clone(),
    ];
    args.extend(rerun.args.iter().cloned());
    let begun = now_ns();
    let mut launched = launch(Launch {
        program: rerun.python.clone(),
        args,
        environment: std::env::vars_os().collect(),
        directory: rerun.directory.clone(),
        cpu: None,
        fixed_addresses: false,
        stdin: Stdio::null(),
        stdout: Stdio::null(),
        stderr: errors.try_clone().map_err(ObserveError::Files)?.into(),
    })?;
    let mut is_ended = false;
    while !launched.ended_within(ROUND).map_err(ObserveError::Files)? {
        if stop() {
            is_ended = true;
            // It may still write down what it saw.
            launched.interrupt();
            let _ = launched.ended_within(END_PATIENCE);
            break;
        }
    }
    launched.kill();
    let ended = launched.wait().map_err(ObserveError::Files)?;
    let exit = match ended.exit {
        Exit::Code(code) => ExitStatus::Code(code),
        Exit::Signal { number, .. } => ExitStatus::Signal(number),
    };
    let mut observed = Observed {
        sightings: vec![Sighting::default(); sites.len()],
        exit: (!is_ended).then_some(exit),
        duration_ns: now_ns().saturating_sub(begun),
        ..Observed::default()
    };
    if exit != ExitStatus::Code(0) {
        observed.words = last_words(errors).map_err(ObserveError::Files)?;
    }
    for path in answers(directory.path()).map_err(ObserveError::Files)? {
        match read(&path) {
            Some(answer) => observed.take(answer),
            None => observed
                .notes
                .push("what one process saw cannot be read".into()),
        }
    }
    observed.notes.sort();
    observed.notes.dedup();
    Ok(observed)
}

/// The plan as a Python literal: JSON is one, with names for its three words.
fn literal(directory: &Path, sites: &[Site]) -> String {
    let sites = sites.iter().enumerate().map(|(number, site)| PlannedSite {
        number,
        file: &site.file,
        start: site.start,
        end: site.end,
        kinds: site.kinds.iter().map(|kind| kind.key()).collect(),
    });
    let plan = Plan {
        answer: directory,
        sites: sites.collect(),
    };
    serde_json::to_string(&plan).unwrap_or_default()
}

fn answers(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("seen")) && paths.len() < MOST_PROCESSES {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Option<Answer> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(MOST_ANSWER_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    serde_json::from_str(&text).ok()
}

fn last_words(mut errors: File) -> io::Result<String> {
    let length = errors.seek(SeekFrom::End(0))?;
    errors.seek(SeekFrom::Start(length.saturating_sub(MOST_WORDS_BYTES)))?;
    let mut bytes = Vec::new();
    errors.take(MOST_WORDS_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

impl Observed {
    /// Adds what one process saw.
    fn take(&mut self, answer: Answer) {
        self.notes.extend(answer.notes);
        for place in answer.places {
            if let Some(sighting) = self.sightings.get_mut(place.number) {
                sighting.add(place);
            }
        }
    }
}

impl Sighting {
    fn add(&mut self, mut other: Self) {
        other.types.retain(|seen| {
            seen.sizes.is_empty() || (seen.sizes.len() == 5 && seen.sizes.is_sorted())
        });
        self.exact = (self.exact || self.count == 0) && other.exact;
        self.number = other.number;
        self.found |= other.found;
        for (own, more) in [
            (&mut self.count, other.count),
            (&mut self.used, other.used),
            (&mut self.all, other.all),
            (&mut self.tried, other.tried),
            (&mut self.raised, other.raised),
            (&mut self.import_ns, other.import_ns),
            (&mut self.instances, other.instances),
            (&mut self.calls, other.calls),
            (&mut self.keyless, other.keyless),
            (&mut self.repeats, other.repeats),
            (&mut self.call_ns, other.call_ns),
            (&mut self.repeat_ns, other.repeat_ns),
            (&mut self.hits, other.hits),
            (&mut self.misses, other.misses),
        ] {
            *own = own.saturating_add(more);
        }
        self.bytes = self.bytes.max(other.bytes);
        // Quartiles of two processes cannot be put together: those of the one that looked more
        // stand for both.
        for seen in other.types {
            match self.types.iter_mut().find(|own| own.name == seen.name) {
                Some(own) if own.count >= seen.count => own.count += seen.count,
                Some(own) => {
                    let count = own.count + seen.count;
                    *own = TypeSeen { count, ..seen };
                }
                None => self.types.push(seen),
            }
        }
        self.types
            .sort_by(|a, b| (b.count, &a.name).cmp(&(a.count, &b.name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, count: u64, sizes: &[u64]) -> TypeSeen {
        TypeSeen {
            name: name.into(),
            count,
            sizes: sizes.to_vec(),
        }
    }

    #[test]
    fn what_processes_saw_adds_up() {
        let one = Sighting {
            count: 3,
            exact: true,
            types: vec![seen("list", 3, &[1, 2, 3, 4, 5]), seen("set", 9, &[0; 5])],
            bytes: 80,
            ..Sighting::default()
        };
        let other = Sighting {
            count: 700,
            exact: false,
            types: vec![seen("list", 40, &[5, 6, 7, 8, 9]), seen("odd", 1, &[3, 1])],
            bytes: 56,
            ..Sighting::default()
        };
        let mut sum = Sighting::default();
        sum.add(one);
        assert!(sum.exact);
        sum.add(other);
        assert!(!sum.exact);
        assert_eq!((sum.count, sum.bytes), (703, 80));
        let lists = &sum.types[0];
        assert_eq!((lists.count, lists.sizes[2]), (43, 7));
        assert_eq!(sum.types.len(), 2);
    }

    #[test]
    fn the_plan_is_a_literal() {
        let site = Site {
            file: "/home/of/gr\u{f6}\u{df}e \"x\".py".into(),
            start: (3, 0),
            end: (3, 9),
            kinds: vec![EvidenceKind::TypeAndSize],
        };
        let text = literal(Path::new("/home/of/d"), &[site]);
        assert_eq!(
            text,
            "{\"answer\":\"/home/of/d\",\"sites\":[{\"number\":0,\"file\":\"/home/of/gr\u{f6}\u{df}e \\\"x\\\".py\",\
             \"start\":[3,0],\"end\":[3,9],\"kinds\":[\"type-and-size\"]}]}"
        );
    }
}
