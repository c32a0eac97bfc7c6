//! Recording: a program runs, and what it does becomes a Profile.

use crate::curve::Curve;
use crate::family::Family;
use crate::governor::Governor;
use crate::host;
use crate::interpreter::AttachError;
use crate::member::Sink;
use crate::paths::Paths;
use crate::sampler::{Sampler, Way};
use crate::source::SourceKeeper;
use pitstop_archive::Writer;
use pitstop_model::{CurvePoint, ExitStatus, Moment, Profile, RateChange};
use pitstop_target::clock::{now_ns, thread_cpu_ns};
use pitstop_target::process::OpenError;
use pitstop_target::signals;
use pitstop_target::spawn::{self, Child, Ended, Exit, SpawnError};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thiserror::Error;

/// Above this rate a reader on the target's own CPU costs more than the limit allows.
const CO_SCHEDULED_MAX_HZ: f64 = 2000.0;
/// Between two rounds of the collector; short at first, so that short programs lose nothing.
const EAGER_ROUND: Duration = Duration::from_millis(2);
const ROUND: Duration = Duration::from_millis(8);
const EAGER_FOR_NS: u64 = 1_000_000_000;
const CHILDREN_EVERY_NS: u64 = 10_000_000;
const QUIET_EVERY_NS: u64 = 25_000_000;
const REFRESH_EVERY_NS: u64 = 50_000_000;
const ARCHIVE_EVERY_NS: u64 = 1_000_000_000;
/// How long a program may take to end after it was asked to.
pub(crate) const END_PATIENCE: Duration = Duration::from_secs(5);
/// SIGTERM, the same on every Linux.
pub(crate) const TERMINATE: i32 = 15;
/// SIGHUP, likewise.
pub(crate) const HANG_UP: i32 = 1;
const PROGRESS_EVERY_NS: u64 = 100_000_000;
/// A chore that takes one unit of time rests for so many.
const CHORE_SHARE: u64 = 250;
/// Looking for children is more urgent: one that lives for a tenth of a second must be seen.
const CHILDREN_SHARE: u64 = 60;
/// Nothing rests for longer than this.
const MAX_PAUSE_NS: u64 = 400_000_000;

/// What to record.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A program that is started for this.
    Launch(Launch),
    /// A process that runs already, with its children.
    Attach(u32),
}

/// A program to start, with our own standard streams, environment and directory.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program, looked up in `PATH` unless it has a slash.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What to call it: the command as the user gave it.
    pub shown: Vec<OsString>,
}

impl Launch {
    pub(crate) fn words(&self) -> Vec<String> {
        self.shown
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }
}

/// How to record.
#[derive(Clone, Debug)]
pub struct Options {
    /// Samples a second of each thread; 0 means as many as can be had.
    pub rate_hz: f64,
    /// How stacks are read; `None` chooses by the rate.
    pub way: Option<Way>,
    /// End the recording after this long; the program goes on if it was attached to.
    pub duration: Option<Duration>,
    /// Follow child processes.
    pub children: bool,
    /// Let the rate fall by itself when it costs more than 2 %.
    pub govern: bool,
    /// Write the recording here while it goes on.
    pub archive: Option<PathBuf>,
    /// Keep the samples in time order in memory too.
    pub keep_moments: bool,
    /// Source text known beforehand, by the file name that the interpreter will use.
    pub known_sources: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate_hz: 1000.0,
            way: None,
            duration: None,
            children: true,
            govern: true,
            archive: None,
            keep_moments: false,
            known_sources: Vec::new(),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Recording {
    /// Everything that was found out.
    pub profile: Profile,
    /// How the launched program ended; `None` if it was attached to and still runs.
    pub exit: Option<ExitStatus>,
    /// Why the archive could not be written to the end; what was written before is whole.
    pub archive_error: Option<pitstop_archive::Error>,
    /// Why no process could be sampled, if none was.
    pub refusal: Option<AttachError>,
}

/// Why there is no recording at all.
#[derive(Error, Debug)]
pub enum RecordError {
    /// The program could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The process cannot be watched.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The process holds no interpreter that can be read.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// No moment was found at which the threads could be read.
    #[error("process {pid} never stood still for a moment in {attempts} attempts")]
    Restless {
        /// The process.
        pid: u32,
        /// How often it was looked at.
        attempts: u32,
    },
    /// The archive cannot be written.
    #[error(transparent)]
    Archive(#[from] pitstop_archive::Error),
    /// The operating system failed in another way.
    #[error("waiting for the program failed: {0}")]
    Io(#[from] io::Error),
}

/// How far a recording has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Since its start.
    pub elapsed: Duration,
    /// Samples taken.
    pub samples: u64,
    /// Processes alive.
    pub processes: usize,
    /// Threads seen in them.
    pub threads: usize,
    /// Resident memory of all processes in bytes.
    pub rss_bytes: u64,
}

/// Records a program until it ends, the time is up, or `stop` becomes true.
///
/// # Errors
/// [`RecordError`] when nothing could be recorded. A program that ran but could not be sampled
/// is a [`Recording`] with a [`Recording::refusal`].
pub fn record(
    subject: &Subject,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Recording, RecordError> {
    // Without it there are fewer descriptors to keep open, nothing worse.
    let _ = pitstop_target::raise_descriptor_limit();
    // Before the program starts: a bad output path must not cost a run.
    let archive = options
        .archive
        .as_ref()
        .map(|path| Writer::create(path))
        .transpose()?;
    let root = Root::open(subject)?;
    let mut session = Session::new(subject, options, archive, root);
    session.run(stop, progress)?;
    Ok(session.finish())
}

/// The process the recording is about.
enum Root {
    Child(Child),
    Attached(pitstop_target::process::Process),
}

impl Root {
    fn open(subject: &Subject) -> Result<Self, RecordError> {
        Ok(match subject {
            Subject::Launch(launch) => {
                // Caught from before the start, so that no early signal ends us alone.
                signals::catch(&[TERMINATE, HANG_UP])?;
                let child = spawn::start(&launch.program, &launch.args)?;
                signals::forward_to(Some(child.pid()))?;
                Self::Child(child)
            }
            Subject::Attach(pid) => {
                let process = pitstop_target::process::Process::open(*pid)?;
                crate::interpreter::attach_patiently(*pid)?;
                Self::Attached(process)
            }
        })
    }

    fn pid(&self) -> u32 {
        match self {
            Self::Child(child) => child.pid(),
            Self::Attached(process) => process.pid(),
        }
    }

    /// Waits at most `timeout`; true if it ended.
    fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        match self {
            Self::Child(child) => Ok(child.wait_at_most(Some(timeout))?.is_some()),
            Self::Attached(process) => process.wait_for_end(Some(timeout)),
        }
    }
}

struct Session<'a> {
    options: &'a Options,
    root: Root,
    profile: Profile,
    moments: Vec<Moment>,
    paths: Paths,
    sources: SourceKeeper,
    family: Family,
    sampler: Sampler,
    governor: Governor,
    curve: Curve,
    archive: Option<Writer>,
    archive_error: Option<pitstop_archive::Error>,
    start_ns: u64,
    ended: bool,
    /// The recording ended because of its `duration`.
    time_is_up: bool,
    /// The program that was started; `None` when attached to a running process.
    program: Option<OsString>,
}

/// Gives the parts that fill the profile to whoever needs them, leaving the rest of the session.
macro_rules! sink {
    ($session:ident) => {
        Sink {
            profile: &mut $session.profile,
            moments: &mut $session.moments,
            paths: &$session.paths,
            start_ns: $session.start_ns,
        }
    };
}

impl<'a> Session<'a> {
    fn new(subject: &Subject, options: &'a Options, archive: Option<Writer>, root: Root) -> Self {
        let start_ns = now_ns();
        let way = options.way.unwrap_or(
            if options.rate_hz > CO_SCHEDULED_MAX_HZ || options.rate_hz == 0.0 {
                Way::Double
            } else {
                Way::CoScheduled
            },
        );
        let directory = host::directory_of(root.pid());
        let mut profile = Profile::default();
        host::describe(&mut profile.meta, &directory, root.pid());
        if let Subject::Launch(launch) = subject {
            profile.meta.command = launch.words();
        }
        let rate = RateChange {
            time_ns: 0,
            rate_hz: options.rate_hz,
        };
        profile.meta.quality.rates.push(rate);
        let sampler = Sampler::start(way, interval_ns(options.rate_hz), host::cpu_count());
        Self {
            options,
            profile,
            moments: Vec::new(),
            paths: Paths::new(&directory),
            sources: SourceKeeper::new(root.pid(), &directory, &options.known_sources),
            family: Family::new(options.children),
            sampler,
            governor: Governor::new(options.rate_hz, start_ns),
            curve: Curve::default(),
            archive,
            archive_error: None,
            start_ns,
            ended: false,
            time_is_up: false,
            program: match subject {
                Subject::Launch(launch) => Some(launch.program.clone()),
                Subject::Attach(_) => None,
            },
            root,
        }
    }

    fn run(
        &mut self,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RecordError> {
        let pid = self.root.pid();
        self.family.add(pid, None, &mut sink!(self), self.start_ns);
        let mut due = Due::default();
        loop {
            let now = now_ns();
            let elapsed = now - self.start_ns;
            if due.children.is_due(now) {
                let begun = thread_cpu_ns();
                self.family.find_children(&mut sink!(self), now);
                self.family.bury(&self.sampler, &mut sink!(self), now);
                due.children.done(begun);
            }
            self.family.tend(&self.sampler, &mut sink!(self), now);
            if due.quiet.is_due(now) {
                let begun = thread_cpu_ns();
                self.family.check_quiet(now);
                due.quiet.done(begun);
            }
            self.drain(now);
            if due.refresh.is_due(now) {
                let begun = thread_cpu_ns();
                self.family.refresh(now);
                self.ask_for_sources();
                due.refresh.done(begun);
            }
            if self.curve.is_due(elapsed) {
                let (rss_bytes, cpu_ns) = self.family.measure();
                let seen = CurvePoint {
                    time_ns: elapsed,
                    rss_bytes,
                    cpu_ns,
                };
                self.curve.look(&mut self.profile.timeline.curve, seen);
            }
            self.govern(now);
            if due.archive.is_due(now) {
                let begun = thread_cpu_ns();
                self.append_to_archive();
                due.archive.done(begun);
            }
            if due.progress.is_due(now) {
                let begun = thread_cpu_ns();
                progress(self.progress(now));
                due.progress.done(begun);
            }
            let over = self.options.duration.is_some_and(|limit| {
                elapsed >= u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)
            });
            if over || stop.load(Ordering::Relaxed) {
                self.time_is_up = over;
                self.profile.meta.interrupted = true;
                return Ok(());
            }
            let round = if elapsed < EAGER_FOR_NS {
                EAGER_ROUND
            } else {
                ROUND
            };
            if self.root.wait(round)? {
                self.ended = true;
                return Ok(());
            }
        }
    }

    fn drain(&mut self, now: u64) {
        self.family.drain(&mut sink!(self), now);
        self.sources.capture_new(&mut self.profile);
        if self.options.keep_moments {
            if self.archive.is_none() {
                self.profile.series.moments.append(&mut self.moments);
            } else {
                self.profile.series.moments.extend_from_slice(&self.moments);
            }
        }
        if self.archive.is_none() {
            self.moments.clear();
        }
    }

    /// Asks the living processes for source texts that are not on disk.
    fn ask_for_sources(&mut self) {
        for interpreter in self.family.interpreters() {
            if self.sources.wants_linecache() {
                self.sources.capture_from(&interpreter, &mut self.profile);
            }
        }
    }

    fn govern(&mut self, now: u64) {
        if !self.options.govern || self.options.rate_hz == 0.0 {
            return;
        }
        let delay = self
            .sampler
            .shared
            .counters
            .delay_ns
            .load(Ordering::Relaxed);
        let running = self.family.members.len();
        let Some(change) = self.governor.judge(now, delay, running, self.start_ns) else {
            return;
        };
        self.sampler.set_interval_ns(interval_ns(change.rate_hz));
        self.profile.meta.quality.rates.push(change);
    }

    fn append_to_archive(&mut self) {
        let Some(writer) = &mut self.archive else {
            return;
        };
        fill_quality(&mut self.profile, &self.sampler);
        if let Err(error) = writer.append(&self.profile, &mut self.moments) {
            // The program goes on, and so does the recording in memory.
            let note = format!("the recording could not be written any further: {error}");
            self.profile.meta.notes.push(note);
            self.archive_error = Some(error);
            self.archive = None;
            self.moments.clear();
        }
    }

    fn progress(&self, now: u64) -> Progress {
        Progress {
            elapsed: Duration::from_nanos(now - self.start_ns),
            samples: self.profile.meta.quality.verdicts.total(),
            processes: self.family.members.len(),
            threads: self.family.thread_count(),
            rss_bytes: self
                .profile
                .timeline
                .curve
                .last()
                .map_or(0, |point| point.rss_bytes),
        }
    }

    fn finish(mut self) -> Recording {
        let end_ns = now_ns();
        self.sampler.stop();
        let elapsed = end_ns - self.start_ns;
        let (rss_bytes, _) = self.family.measure();
        let ended = self.take_ended();
        let status = ended.map(|ended| status_of(ended.exit));
        self.family
            .close(status, &self.sampler, &mut sink!(self), end_ns);
        self.drain(end_ns);
        self.sources.capture_new(&mut self.profile);
        let usage_cpu_ns = ended.map_or(0, |ended| ended.user_ns + ended.system_ns);
        let cpu_ns = self.family.ended_cpu_ns.max(usage_cpu_ns);
        let curve = &mut self.profile.timeline.curve;
        self.curve.close(curve);
        // The last point tells the CPU time at the end, ended children included.
        curve.push(CurvePoint {
            time_ns: elapsed,
            rss_bytes,
            cpu_ns,
        });
        let startup_ns = if self.program.is_some() {
            startup_ns(&self.profile)
        } else {
            0
        };
        let meta = &mut self.profile.meta;
        meta.duration_ns = elapsed;
        meta.cpu_ns = cpu_ns;
        meta.exit = status;
        meta.startup_ns = startup_ns;
        self.note_losses();
        fill_quality(&mut self.profile, &self.sampler);
        self.append_to_archive();
        if let Some(writer) = self.archive.take()
            && let Err(error) = writer.finish(&self.profile, &mut self.moments)
        {
            self.archive_error = Some(error);
        }
        let refusal = self.refusal();
        Recording {
            profile: self.profile,
            exit: status,
            archive_error: self.archive_error,
            refusal,
        }
    }

    /// Why nothing was sampled; `None` if something was, or there was no time to.
    fn refusal(&mut self) -> Option<AttachError> {
        if self.family.sampled > 0 {
            return None;
        }
        let seen = self.family.refusal.take();
        let too_early = seen
            .as_ref()
            .is_none_or(|seen| seen.is_transient() || seen.is_gone());
        // It was gone before anybody looked; but its file is still there. A child that was seen
        // may have been what this is about.
        match &self.program {
            Some(program) if too_early && self.profile.timeline.processes.len() == 1 => {
                let pid = self.root.pid();
                let told = pitstop_target::program_file::is_no_python(program, pid);
                told.map(AttachError::Find).or(seen)
            }
            _ => seen,
        }
    }

    /// How a launched program ended. When the time is up it is asked to end first, and the notes
    /// say that we did it; a program that does not is left alone, but what was learned is not held
    /// back for it.
    fn take_ended(&mut self) -> Option<Ended> {
        let Root::Child(child) = &mut self.root else {
            return None;
        };
        // If it cannot be asked it has ended.
        let asked = !self.ended && child.kill(TERMINATE).is_ok();
        let ended = child.wait_at_most(Some(END_PATIENCE)).ok().flatten();
        if asked {
            let pid = child.pid();
            let why = match (self.time_is_up, self.options.duration) {
                (true, Some(limit)) => format!("after {limit:?}, as --duration says"),
                _ => "because it was interrupted again".to_owned(),
            };
            let notes = &mut self.profile.meta.notes;
            notes.push(match ended {
                Some(_) => format!("Pitstop asked the program to end (SIGTERM) {why}"),
                None => format!(
                    "Pitstop asked the program to end (SIGTERM) {why}; it has not within {} s, and \
                     was left running: kill -KILL {pid} ends it",
                    END_PATIENCE.as_secs()
                ),
            });
        }
        // Its id may be another's from now on.
        let _ = signals::forward_to(None);
        ended
    }

    fn note_losses(&mut self) {
        let moved = self.sampler.shared.counters.moved.load(Ordering::Relaxed);
        let quality = &mut self.profile.meta.quality;
        quality.verdicts.add(
            pitstop_model::Verdict::Failed(pitstop_model::Reason::Moved),
            moved,
        );
        if let [first, changed @ ..] = quality.rates.as_slice()
            && !changed.is_empty()
        {
            let rates = changed.iter().map(|change| change.rate_hz);
            let least = rates.clone().fold(f64::INFINITY, f64::min);
            let most = rates.fold(0.0, f64::max);
            // Rates within a tenth of each other are one rate to a reader.
            let now = if most > 1.1 * least {
                format!("between {least:.0} and {most:.0} Hz")
            } else {
                format!("{least:.0} Hz")
            };
            let note = format!(
                "sampling cost more than 2 %, so its rate was lowered from {:.0} to {now}",
                first.rate_hz
            );
            self.profile.meta.notes.push(note);
        }
    }
}

pub(crate) fn status_of(exit: Exit) -> ExitStatus {
    match exit {
        Exit::Code(code) => ExitStatus::Code(code),
        Exit::Signal { number, .. } => ExitStatus::Signal(number),
    }
}

/// When things are due that do not happen in every round.
struct Due {
    children: Timer,
    quiet: Timer,
    refresh: Timer,
    archive: Timer,
    progress: Timer,
}

impl Default for Due {
    fn default() -> Self {
        Self {
            children: Timer::every(CHILDREN_EVERY_NS, CHILDREN_SHARE),
            quiet: Timer::every(QUIET_EVERY_NS, CHORE_SHARE),
            refresh: Timer::every(REFRESH_EVERY_NS, CHORE_SHARE),
            archive: Timer::every(ARCHIVE_EVERY_NS, CHORE_SHARE),
            progress: Timer::every(PROGRESS_EVERY_NS, CHORE_SHARE),
        }
    }
}

/// Something to do again and again. What takes long, because there are many threads or processes,
/// is done less often: each chore has its share of one CPU and no more.
struct Timer {
    every_ns: u64,
    next_ns: u64,
    share: u64,
}

impl Timer {
    fn every(every_ns: u64, share: u64) -> Self {
        Self {
            every_ns,
            next_ns: 0,
            share,
        }
    }

    fn is_due(&self, now_ns: u64) -> bool {
        now_ns >= self.next_ns
    }

    /// Says that it was done just now. `begun_cpu_ns` is the CPU time of this thread when it was
    /// begun: what counts is the work, not the waiting for a CPU.
    fn done(&mut self, begun_cpu_ns: u64) {
        let used = thread_cpu_ns().saturating_sub(begun_cpu_ns);
        let pause = used.saturating_mul(self.share);
        self.next_ns = now_ns() + pause.clamp(self.every_ns, MAX_PAUSE_NS.max(self.every_ns));
    }
}

fn interval_ns(rate_hz: f64) -> u64 {
    if rate_hz > 0.0 {
        (1e9 / rate_hz) as u64
    } else {
        0
    }
}

/// The time from the start to the first sample with a Python frame.
fn startup_ns(profile: &Profile) -> u64 {
    let first = profile
        .timeline
        .threads
        .iter()
        .map(|thread| thread.start_ns)
        .min();
    first.unwrap_or(profile.meta.duration_ns)
}

fn fill_quality(profile: &mut Profile, sampler: &Sampler) {
    let counters = &sampler.shared.counters;
    let quality = &mut profile.meta.quality;
    quality.ticks = counters.ticks.load(Ordering::Relaxed);
    quality.late_ticks = counters.late.load(Ordering::Relaxed);
    quality.delay_ns = counters.delay_ns.load(Ordering::Relaxed);
    quality.own_cpu_ns = host::own_cpu_ns();
    quality.own_rss_bytes = host::own_peak_rss_bytes();
}
