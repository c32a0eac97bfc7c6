//! `pitstop record`: record a program or a running process into a file. Also the work that `run`
//! shares with it.

use crate::args::{Method, OutputArgs, RecordArgs, SamplingArgs, SelectionArgs};
use crate::cmd::output::{
    check_stdout, check_writable, export_run, format_for, is_stdout, write_text,
};
use crate::exit::{End, Failure, Outcome, Status};
use crate::findings::{self, Depth};
use crate::program;
use crate::progress::Line;
use crate::say::say;
use crate::style::Choice;
use crate::{kept, open};
use pitstop_analysis::Verdict;
use pitstop_collect::{
    AttachError, Options, RecordError, Recording, Subject, Way, record as collect,
};
use pitstop_export::{Format, Granularity, Selection};
use pitstop_model::{ExitStatus, Profile};
use pitstop_target::process::OpenError;
use pitstop_target::signals;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Signal numbers that are the same on every Linux.
const SIGHUP: i32 = 1;
const SIGTERM: i32 = 15;

/// Runs the command.
pub(crate) fn record(args: RecordArgs, style: Choice) -> Outcome {
    let RecordArgs {
        sampling,
        output,
        selection,
        pid,
        python,
        program,
        ..
    } = args;
    let (subject, known_sources) = match pid {
        Some(pid) => (Subject::Attach(pid), Vec::new()),
        None => {
            let program = program::any_program(program.wanted(python.as_deref()))?;
            (Subject::Launch(program.launch), program.known_sources)
        }
    };
    Recorder {
        subject,
        known_sources,
        sampling: &sampling,
        output: &output,
        select: Select::of(&selection),
        findings: Depth::None,
        python: None,
    }
    .record(style)
}

/// What part of a result to export, and how fine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Select {
    pub(crate) selection: Selection,
    pub(crate) granularity: Granularity,
}

impl Select {
    pub(crate) fn of(args: &SelectionArgs) -> Self {
        let selection = match (args.gil, args.busy) {
            (true, _) => Selection::Gil,
            (_, true) => Selection::Running,
            _ => Selection::All,
        };
        let granularity = if args.line {
            Granularity::Line
        } else {
            Granularity::Function
        };
        Self {
            selection,
            granularity,
        }
    }
}

/// A recording to make, and where its result goes.
pub(crate) struct Recorder<'a> {
    pub(crate) subject: Subject,
    pub(crate) known_sources: Vec<(String, String)>,
    pub(crate) sampling: &'a SamplingArgs,
    pub(crate) output: &'a OutputArgs,
    pub(crate) select: Select,
    pub(crate) findings: Depth,
    /// The interpreter that was asked for.
    pub(crate) python: Option<&'a OsStr>,
}

/// Where the archive of the recording is written.
struct Target {
    archive: Option<PathBuf>,
    /// The archive is the file the user asked for, not only the kept one.
    asked: bool,
}

impl Recorder<'_> {
    /// Records, keeps the result, prints the verdict, writes the files that were asked for.
    pub(crate) fn record(self, style: Choice) -> Outcome {
        // Before the program starts: a typing error must not cost a run.
        let export = self.export_format()?;
        self.check_outputs(export)?;
        let target = self.target(export);
        let recording = self.collect(target.archive.clone())?;
        if let Some(refusal) = &recording.refusal
            && !ended_early(refusal)
        {
            if let (false, Some(empty)) = (target.asked, &target.archive) {
                // The last result stays what it was; a file in the cache that remains harms nobody.
                let _ = std::fs::remove_file(empty);
            }
            return refused(refusal, recording.exit);
        }
        let kept = keep(&target);
        // What could not be written to the end is still whole in memory.
        let profile = match (&recording.archive_error, &kept) {
            (Some(_), _) => recording.profile,
            (None, kept) => {
                let kept = kept.as_ref().ok().map(PathBuf::as_path);
                self.reload(&target, kept, recording.profile)
            }
        };
        let mut verdict = Verdict::of(&profile);
        findings::add(&mut verdict, &profile, self.python, self.findings);
        if !self.output.quiet {
            let text = pitstop_view::verdict::render(&verdict, &style.for_stderr());
            // Standard error may be closed; the program's own output is unharmed.
            let _ = io::Write::write_all(&mut io::stderr(), text.as_bytes());
        }
        if let Err(error) = &kept {
            say!("note: the result could not be kept for later: {error}");
        }
        let mut written = target.asked;
        if let (Some(format), Some(path)) = (export, &self.output.output) {
            written = export_run(&profile, format, self.select, path)?;
        }
        if let Some(path) = self.output.output.as_ref().filter(|_| written) {
            self.announce(path);
        }
        if let Some(path) = &self.output.json {
            write_text(path, &pitstop_view::json::verdict(&verdict))?;
            self.announce(path);
        }
        if let Some(error) = &recording.archive_error
            && target.asked
        {
            return Err(Failure::of(Status::Failed, error));
        }
        Ok(recording
            .exit
            .map_or(End::With(Status::Fine), End::LikeProgram))
    }

    /// The foreign format to export to; `None` for an archive or no file at all.
    fn export_format(&self) -> Result<Option<Format>, Failure> {
        match &self.output.output {
            Some(path) => format_for(path, self.output.format.as_deref()),
            None if self.output.format.is_some() => Err(Failure::new(
                Status::Usage,
                "--format needs a file to write",
            )
            .cure("add -o FILE")),
            None => Ok(None),
        }
    }

    /// What can be known of the files to write before the program starts.
    fn check_outputs(&self, export: Option<Format>) -> Result<(), Failure> {
        let (output, json) = (&self.output.output, &self.output.json);
        let both = [output, json].map(|path| path.as_deref().is_some_and(is_stdout));
        if both == [true, true] {
            let what = "two results cannot both go to standard output";
            return Err(Failure::new(Status::Usage, what).cure("name a file for one of them"));
        }
        if both == [true, false] {
            check_stdout(export)?;
        }
        // The archive tells by itself, when it is created.
        let output = output.as_ref().filter(|_| export.is_some());
        for path in [output, json.as_ref()].into_iter().flatten() {
            check_writable(path)?;
        }
        Ok(())
    }

    fn target(&self, export: Option<Format>) -> Target {
        match (&self.output.output, export) {
            (Some(path), None) => Target {
                archive: Some(path.clone()),
                asked: true,
            },
            _ => Target {
                archive: kept::begin().ok(),
                asked: false,
            },
        }
    }

    pub(crate) fn collect(&self, archive: Option<PathBuf>) -> Result<Recording, Failure> {
        let attached = matches!(self.subject, Subject::Attach(_));
        let options = Options {
            rate_hz: self.sampling.rate,
            way: way(self.sampling),
            duration: self.sampling.duration,
            children: !self.sampling.no_children,
            govern: !self.sampling.keep_rate,
            archive,
            keep_moments: false,
            known_sources: self.known_sources.clone(),
        };
        // Ctrl-C is the program's; a second one ends the wait for it. What we attached to does not
        // hear ours, so there the first one ends the recording.
        let patience = if attached { 1 } else { 2 };
        let caught = signals::ignore_terminal_signals();
        let caught = caught.and_then(|()| match attached {
            true => signals::catch(&[SIGTERM, SIGHUP]),
            false => Ok(()),
        });
        caught.map_err(|error| {
            Failure::new(Status::Failed, "signals cannot be caught").because(error)
        })?;
        let stop = AtomicBool::new(false);
        // A program that writes to the same terminal would write into the progress line.
        let mut line = Line::new(attached || !io::stdout().is_terminal());
        let result = collect(&self.subject, &options, &stop, &mut |progress| {
            let told = attached && {
                let signals = signals::take();
                signals.has(SIGTERM) || signals.has(SIGHUP)
            };
            if told || signals::interrupts() >= patience {
                stop.store(true, Ordering::Relaxed);
            }
            line.show(&progress);
        });
        result.map_err(|error| explain(&error))
    }

    /// The recording in memory has totals only; the archive has the order in time too, which some
    /// answers are better for.
    fn reload(&self, target: &Target, kept: Option<&Path>, profile: Profile) -> Profile {
        let file = if target.asked {
            target.archive.as_deref()
        } else {
            kept
        };
        let loaded = file.and_then(|file| open::load(file).ok());
        loaded.unwrap_or(profile)
    }

    fn announce(&self, path: &Path) {
        if !self.output.quiet && !is_stdout(path) {
            say!(" wrote     {}", path.display());
        }
    }
}

/// Makes the recording the last result; returns where it is now.
fn keep(target: &Target) -> io::Result<PathBuf> {
    let Some(archive) = &target.archive else {
        return Err(io::Error::other("there is no place for it"));
    };
    if target.asked {
        kept::keep_copy(archive)?;
    } else {
        kept::keep(archive)?;
    }
    kept::last().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The program ended before its interpreter was up: that is a result, though a short one.
fn ended_early(refusal: &AttachError) -> bool {
    refusal.is_transient() || refusal.is_gone()
}

fn refused(refusal: &AttachError, exit: Option<ExitStatus>) -> Outcome {
    const CURE: &str = "see what can be measured here: pitstop doctor";
    let Some(status) = exit else {
        return Err(Failure::of(Status::CannotMeasure, refusal).cure(CURE));
    };
    // The program ran, and its status is its own whether it was measured or not.
    say!("note: nothing was measured: {refusal}");
    say!(" now: {CURE}");
    Ok(End::LikeProgram(status))
}

fn way(sampling: &SamplingArgs) -> Option<Way> {
    match (sampling.blocking, sampling.method) {
        (true, _) => Some(Way::Stopped),
        (false, Method::Cosched) => Some(Way::CoScheduled),
        (false, Method::Double) => Some(Way::Double),
        (false, Method::Seqlock) => Some(Way::SequenceLock),
        (false, Method::Auto) => None,
    }
}

fn explain(error: &RecordError) -> Failure {
    let status = match error {
        RecordError::Spawn(spawn) => match spawn.exit_code() {
            127 => Status::NotFound,
            126 => Status::CannotExecute,
            _ => Status::Failed,
        },
        RecordError::Open(_) | RecordError::Attach(_) | RecordError::Restless { .. } => {
            Status::CannotMeasure
        }
        RecordError::Archive(_) => Status::Usage,
        RecordError::Io(_) => Status::Failed,
    };
    let failure = Failure::of(status, error);
    match status {
        Status::CannotMeasure => failure.cure(cure_for_process(error)),
        _ => failure,
    }
}

/// What to do about a process that cannot be watched.
pub(crate) fn cure_for_process(error: &RecordError) -> &'static str {
    match error {
        RecordError::Open(OpenError::Denied(_)) => "see what is allowed here: pitstop doctor",
        RecordError::Open(_) => "look for the process: pgrep -af python",
        RecordError::Restless { .. } => "try again, or watch it for a while: pitstop record -p PID",
        _ => "name a process that runs CPython 3.8 to 3.15: pgrep -af python",
    }
}
