//! Running a program to see what it imports: a few times with the interpreter's own stop-watch,
//! once with a look at what is called, and, where imports can be lazy, once with all of them lazy.

use crate::channel::{io_error, last_words};
use crate::error::Error;
use crate::job::{Contender, Work};
use crate::layout::{draw, environment};
use crate::player::Ground;
use crate::session::{Control, IsAsked, Stop};
use pitstop_analysis::imports::{ImportLine, Usage, import_lines};
use pitstop_stats::Rng;
use pitstop_target::spawn::Exit;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The hook, which interpreters look for by this name.
const HOOK: &str = include_str!("guest/usage.py");
const HOOK_FILE: &str = "sitecustomize.py";

/// The most that is read of what a program writes to standard error.
const MOST_STDERR_BYTES: u64 = 64 << 20;

/// How often a running program is looked after; its end is seen at once.
const LOOK: Duration = Duration::from_millis(100);

/// A program that takes less is run several times: the first run reads files from the disk.
const SHORT: Duration = Duration::from_secs(1);
const RUNS: usize = 5;

/// What running it gave.
#[derive(Debug, Default)]
pub struct ImportRuns {
    /// The lines of each run.
    pub runs: Vec<Vec<ImportLine>>,
    /// What was called.
    pub usage: Option<Usage>,
    /// The interpreter can import lazily.
    pub can_be_lazy: bool,
    /// Why there is no run with all imports lazy although there could be: how it failed.
    pub lazy_failure: Option<String>,
    /// How a program ended that did not end well.
    pub ended: Option<String>,
    /// Somebody stopped it.
    pub stopped: bool,
}

struct Runner<'a> {
    program: &'a Contender,
    ground: Ground,
    stop: Stop<'a>,
    rng: Rng,
}

/// How a run ended, and what it wrote to standard error.
struct Ran {
    exit: Option<Exit>,
    took: Duration,
    stderr: String,
    words: String,
}

/// Runs a program, whose work is a script, or the words of `-m` or `-c`. `once`: never again after the
/// first time.
///
/// # Errors
/// See [`Error`]; also if nothing at all was imported, since then it was no Python.
pub fn import_runs(
    program: &Contender,
    once: bool,
    seed: u64,
    control: &mut dyn Control,
) -> Result<ImportRuns, Error> {
    let mut runner = Runner {
        program,
        ground: Ground::new(true, false)?,
        stop: Stop::new(control),
        rng: Rng::new(seed),
    };
    let mut found = ImportRuns::default();
    let ran = runner.run(&["-X", "importtime"], &[])?;
    let lines = import_lines(&ran.stderr);
    if lines.is_empty() {
        return Err(match ran.exit {
            Some(exit) => Error::Died {
                name: program.name.clone(),
                exit,
                stderr: ran.words,
            },
            None => Error::Stopped,
        });
    }
    found.runs.push(lines);
    found.ended = ran.exit.and_then(|exit| ended(exit, &ran.words));
    found.stopped = ran.exit.is_none();
    if once || found.stopped {
        return Ok(found);
    }
    if ran.took < SHORT {
        for _ in 1..RUNS {
            let ran = runner.run(&["-X", "importtime"], &[])?;
            if ran.exit.is_none() {
                found.stopped = true;
                return Ok(found);
            }
            found.runs.push(import_lines(&ran.stderr));
        }
    }
    found.usage = runner.usage(&[])?;
    found.can_be_lazy = runner.can_be_lazy()?;
    if found.can_be_lazy {
        runner.add_lazy(&mut found)?;
    }
    Ok(found)
}

impl Runner<'_> {
    /// Runs it once; without an exit if somebody stopped it.
    fn run(&mut self, flags: &[&str], variables: &[(OsString, OsString)]) -> Result<Ran, Error> {
        let mut side = self.program.side.clone();
        side.flags.extend(flags.iter().map(OsString::from));
        side.variables.extend(variables.iter().cloned());
        let mut args = side.flags.clone();
        if let Work::Script { words } = &self.program.work {
            args.extend(words.iter().cloned());
        }
        let layout = draw(&mut self.rng, None, false);
        let environment = environment(&layout, &side, 0);
        let words = (side.python.clone(), args);
        let nothing = (Stdio::null(), Stdio::null());
        let start = Instant::now();
        let started = self.ground.start(
            &self.program.name,
            &side,
            words,
            (&layout, environment),
            nothing,
        );
        let (mut process, mut errors) = started?;
        let mut exit = None;
        while exit.is_none() {
            let over = process.ended_within(LOOK);
            if over.map_err(io_error("wait for a process"))? {
                let ended = process.wait().map_err(io_error("wait for a process"))?;
                exit = Some(ended.exit);
            } else if self.stop.is_asked() {
                break;
            }
        }
        let took = start.elapsed();
        drop(process);
        Ok(Ran {
            exit,
            took,
            stderr: text_of(&mut errors),
            words: last_words(&mut errors),
        })
    }

    /// Runs it with the hook; `None` if it ended in a way that the hook does not see.
    fn usage(&mut self, flags: &[&str]) -> Result<Option<Usage>, Error> {
        let directory = tempfile::Builder::new().prefix("pitstop-").tempdir();
        let directory = directory.map_err(io_error("make a temporary directory"))?;
        let write = std::fs::write(directory.path().join(HOOK_FILE), HOOK);
        write.map_err(io_error("write into a temporary directory"))?;
        let report = directory.path().join("usage");
        let mut path = directory.path().as_os_str().to_owned();
        let before = self.program.side.variables.iter();
        let before = before.rev().find(|(name, _)| name == "PYTHONPATH");
        let before = before.map(|(_, value)| value.clone());
        let before = before.or_else(|| std::env::var_os("PYTHONPATH"));
        if let Some(before) = before.filter(|path| !path.is_empty()) {
            path.push(":");
            path.push(before);
        }
        let variables = [
            ("PYTHONPATH".into(), path),
            ("PITSTOP_USAGE".into(), report.clone().into()),
        ];
        self.run(flags, &variables)?;
        Ok(read_usage(report))
    }

    /// Whether the interpreter takes the option.
    fn can_be_lazy(&mut self) -> Result<bool, Error> {
        let program = self.program;
        let question = Contender {
            work: Work::Script {
                words: vec![
                    "-c".into(),
                    "import sys; sys.exit(not hasattr(sys, 'set_lazy_imports'))".into(),
                ],
            },
            ..program.clone()
        };
        let mut never = Never;
        let mut asking = Runner {
            program: &question,
            ground: Ground::new(true, false)?,
            stop: Stop::new(&mut never),
            rng: Rng::new(0),
        };
        Ok(asking.run(&[], &[])?.exit == Some(Exit::Code(0)))
    }

    /// What a run with all imports lazy never loads is not needed: nothing touched its name.
    fn add_lazy(&mut self, found: &mut ImportRuns) -> Result<(), Error> {
        let flags = ["-X", "lazy_imports=all"];
        let ran = self.run(&flags, &[])?;
        let lazy_end = ran.exit.and_then(|exit| ended(exit, &ran.words));
        if lazy_end.is_some() && found.ended.is_none() {
            found.lazy_failure = lazy_end;
            return Ok(());
        }
        let (Some(lazy), Some(eager)) = (self.usage(&flags)?, &found.usage) else {
            return Ok(());
        };
        let loaded: std::collections::HashSet<String> =
            lazy.called.union(&lazy.uncalled).cloned().collect();
        let all = eager.called.union(&eager.uncalled);
        let unloaded = all
            .filter(|name| !loaded.contains(*name))
            .cloned()
            .collect();
        found.usage = Some(Usage {
            // Loaded is needed here, whatever was called.
            called: loaded,
            uncalled: std::collections::HashSet::new(),
            unloaded,
        });
        Ok(())
    }
}

/// Nobody follows.
struct Never;

impl Control for Never {
    fn progress(&mut self, _progress: &crate::Progress) {}

    fn is_stopped(&mut self) -> bool {
        false
    }
}

fn text_of(file: &mut File) -> String {
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(0)).is_ok() {
        // What cannot be read is not there.
        let _ = file.take(MOST_STDERR_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read_usage(report: PathBuf) -> Option<Usage> {
    let text = std::fs::read_to_string(report).ok()?;
    let mut usage = Usage::default();
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("c", name)) => usage.called.insert(name.to_owned()),
            Some(("u", name)) => usage.uncalled.insert(name.to_owned()),
            _ => continue,
        };
    }
    Some(usage)
}

/// How a program ended that did not end well, with its last word that is no import.
fn ended(exit: Exit, words: &str) -> Option<String> {
    let said = words
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty() && !line.starts_with("import time:"));
    let said = said.map_or(String::new(), |line| format!(": {}", line.trim()));
    match exit {
        Exit::Code(0) => None,
        Exit::Code(code) => Some(format!("status {code}{said}")),
        Exit::Signal { number, .. } => Some(format!("signal {number}{said}")),
    }
}
