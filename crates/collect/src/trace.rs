//! Tracing: a program runs with the probe inside, and what it counted becomes a Profile.
//!
//! The program is started as it is, by its own interpreter. A private directory with a
//! `sitecustomize` stands first in PYTHONPATH, which loads the probe before anything of the program
//! runs; so `__main__`, arguments, tracebacks and pickling are untouched, and child processes
//! inherit all that. Each process writes one file in that directory, in place: when the program is
//! over, however it ended, the files are read ([`pour`]).

mod clock;
mod directory;
mod pour;

use crate::host;
use crate::lines::LineSelection;
use crate::paths::Paths;
use crate::record::{END_PATIENCE, HANG_UP, Launch, TERMINATE, status_of};
use crate::source::SourceKeeper;
use directory::Directory;
use pitstop_model::{CurvePoint, ExitStatus, Method, Profile};
use pitstop_target::clock::now_ns;
use pitstop_target::signals;
use pitstop_target::spawn::{self, Child, SpawnError};
use pitstop_wire::option;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thiserror::Error;

/// How often the program is looked at while it runs.
const ROUND: Duration = Duration::from_millis(50);

/// What to watch instead of every call.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Functions whose arguments are compared: `module:qualname`, `qualname` or `name`.
    pub arguments: Vec<String>,
    /// Statements given to databases.
    pub queries: bool,
    /// What blocks event loops.
    pub blocking: bool,
    /// A callback of an event loop is slow from so many microseconds on.
    pub slow_us: u32,
}

impl Watch {
    /// As the probe is told.
    fn bits(&self) -> u32 {
        let bits = [
            (!self.arguments.is_empty(), option::ARGUMENTS),
            (self.queries, option::QUERIES),
            (self.blocking, option::BLOCKING),
        ];
        let wanted = bits.into_iter().filter(|(wanted, _)| *wanted);
        wanted.fold(0, |all, (_, bit)| all | bit)
    }
}

/// How to trace.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// Record calls of functions without Python code too.
    pub native: bool,
    /// Time the lines of these functions, instead of every call.
    pub lines: Option<LineSelection>,
    /// Watch arguments, queries or event loops, instead of every call.
    pub evidence: Option<Watch>,
    /// Keep this many calls in time, the last ones; rounded up to a power of two, 0 for none.
    pub spans: u32,
    /// The record of each process may take so many bytes; `None` for a share of the memory that is
    /// free. Calls that find no room in it are counted.
    pub most_bytes: Option<u64>,
    /// Write the result here.
    pub archive: Option<PathBuf>,
    /// Source text known beforehand, by the file name that the interpreter will use.
    pub known_sources: Vec<(String, String)>,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            native: true,
            lines: None,
            evidence: None,
            spans: 0,
            most_bytes: None,
            archive: None,
            known_sources: Vec::new(),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Traced {
    /// Everything that was found out.
    pub profile: Profile,
    /// How the program ended; `None` if it still runs, because the wait for it was ended.
    pub exit: Option<ExitStatus>,
    /// Why the archive could not be written.
    pub archive_error: Option<pitstop_archive::Error>,
    /// Why nothing was traced, if nothing was.
    pub refusal: Option<String>,
}

/// Why there is no trace at all.
#[derive(Error, Debug)]
pub enum TraceError {
    /// The program could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// There is no place for what the program writes.
    #[error("no directory can be made for the results")]
    Directory(#[source] io::Error),
    /// Waiting for the program failed.
    #[error("waiting for the program failed: {0}")]
    Io(#[from] io::Error),
}

/// Runs a Python program, and traces it and its children until it ends or `stop` becomes true.
///
/// # Errors
/// [`TraceError`] when nothing could be started. A program that ran but was not traced is a
/// [`Traced`] with a [`Traced::refusal`].
pub fn trace(
    launch: &Launch,
    options: &TraceOptions,
    stop: &AtomicBool,
    round: &mut dyn FnMut(Duration),
) -> Result<Traced, TraceError> {
    let directory = Directory::create(options).map_err(TraceError::Directory)?;
    signals::catch(&[TERMINATE, HANG_UP])?;
    let start_ns = now_ns();
    let environment = [directory.variable()];
    let child = spawn::start_with(&launch.program, &launch.args, &environment)?;
    signals::forward_to(Some(child.pid()))?;
    let mut run = Run {
        child,
        profile: Profile::default(),
        start_ns,
    };
    let place = host::directory_of(run.child.pid());
    let meta = &mut run.profile.meta;
    host::describe(meta, &place, run.child.pid());
    meta.method = match options.lines {
        Some(_) => Method::LineTiming,
        None => Method::Tracing,
    };
    meta.command = launch.words();
    if let Some(watch) = &options.evidence {
        run.profile.arguments.watched = !watch.arguments.is_empty();
        run.profile.queries.watched = watch.queries;
        run.profile.loops.watched = watch.blocking;
        run.profile.loops.slow_ns = u64::from(watch.slow_us) * 1000;
    }
    let mut sources = SourceKeeper::new(run.child.pid(), &place, &options.known_sources);
    let exit = run.wait(stop, round)?;
    let mut profile = run.profile;
    let poured = pour::pour(
        &directory,
        &mut profile,
        &Paths::new(&place),
        start_ns,
        exit,
    );
    if let Some(watch) = &options.evidence {
        note_unmet(&mut profile, &watch.arguments);
    }
    sources.capture_new(&mut profile);
    let archive_error = write_archive(&profile, options);
    Ok(Traced {
        profile,
        exit,
        archive_error,
        refusal: poured.refusal,
    })
}

/// Says which functions were to be watched and never began.
fn note_unmet(profile: &mut Profile, names: &[String]) {
    let met = |name: &str| {
        let last = name.rsplit([':', '.']).next().unwrap_or_default();
        let mut functions = profile.arguments.functions.iter();
        functions.any(|watched| {
            let function = profile.places.function(watched.function);
            profile.text(function.name) == last
        })
    };
    let unmet: Vec<String> = names
        .iter()
        .filter(|name| !met(name))
        .map(|name| format!("`{name}` was never called, or is no Python function of that name"))
        .collect();
    profile.meta.notes.extend(unmet);
}

struct Run {
    child: Child,
    profile: Profile,
    start_ns: u64,
}

impl Run {
    /// Waits for the end of the program; how it ended, if it did.
    fn wait(
        &mut self,
        stop: &AtomicBool,
        round: &mut dyn FnMut(Duration),
    ) -> io::Result<Option<ExitStatus>> {
        let mut ended = None;
        while ended.is_none() && !stop.load(Ordering::Relaxed) {
            ended = self.child.wait_at_most(Some(ROUND))?;
            round(Duration::from_nanos(now_ns() - self.start_ns));
        }
        let meta = &mut self.profile.meta;
        if ended.is_none() {
            // If it cannot be asked to end it has ended.
            let _ = self.child.kill(TERMINATE);
            ended = self.child.wait_at_most(Some(END_PATIENCE))?;
            meta.interrupted = true;
        }
        // Its id may be another's from now on.
        let _ = signals::forward_to(None);
        meta.duration_ns = now_ns() - self.start_ns;
        meta.exit = ended.map(|ended| status_of(ended.exit));
        meta.cpu_ns = ended.map_or(0, |ended| ended.user_ns + ended.system_ns);
        self.profile.timeline.curve.push(CurvePoint {
            time_ns: meta.duration_ns,
            rss_bytes: ended.map_or(0, |ended| ended.peak_rss_bytes),
            cpu_ns: meta.cpu_ns,
        });
        Ok(meta.exit)
    }
}

fn write_archive(profile: &Profile, options: &TraceOptions) -> Option<pitstop_archive::Error> {
    let path = options.archive.as_ref()?;
    pitstop_archive::save(path, profile).err()
}
