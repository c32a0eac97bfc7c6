//! A process that plays: a guest worker that repeats a statement, or a command, once each time.

use crate::error::{Error, Phase};
use crate::job::{Contender, Work};
use crate::layout::{environment, stack_bytes};
use crate::session::IsAsked;
use pitstop_model::{Batch, Layout, Run};
use pitstop_target::clock::now_ns;
use pitstop_target::launch::{Launch, Launched, launch};
use pitstop_target::spawn::{Ended, Exit, SpawnError};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The guest, as a module that an interpreter can import: its compiled form is kept beside it, so
/// that only the first process of a session compiles it.
const WORKER: &str = include_str!("guest/worker.py");
const MODULE: &str = "_pitstop_worker";

/// The guest that counts, which borrows from the other.
const COUNTER: &str = include_str!("guest/counter.py");
const COUNTER_MODULE: &str = "_pitstop_counter";

/// The most that is kept of what a program writes to standard error.
const MOST_WORDS_BYTES: u64 = 8 << 10;

/// The longest traceback that is read.
const MOST_TRACEBACK_BYTES: usize = 1 << 20;

/// How often a running command is looked after; its end is seen at once.
const LOOK: Duration = Duration::from_millis(200);

/// Where the guest lies, for all processes of a session.
pub(crate) struct Ground {
    directory: TempDir,
    /// Commands that fail are measured all the same.
    pub(crate) ignore_failure: bool,
    /// The garbage collector is off in guests.
    pub(crate) without_gc: bool,
}

impl Ground {
    pub(crate) fn new(ignore_failure: bool, without_gc: bool) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("pitstop-").tempdir();
        let directory = directory.map_err(io_error("make a temporary directory"))?;
        for (module, text) in [(MODULE, WORKER), (COUNTER_MODULE, COUNTER)] {
            let file = directory.path().join(format!("{module}.py"));
            std::fs::write(file, text).map_err(io_error("write into a temporary directory"))?;
        }
        Ok(Self {
            directory,
            ignore_failure,
            without_gc,
        })
    }

    /// The words that start a contender's process.
    fn words(&self, contender: &Contender) -> (OsString, Vec<OsString>) {
        let side = &contender.side;
        match &contender.work {
            Work::Statement { .. } | Work::Function { .. } => self.guest_words(contender, MODULE),
            Work::Script { words } => {
                let mut args = side.flags.clone();
                args.extend(words.iter().cloned());
                (side.python.clone(), args)
            }
            Work::Command { words } => {
                let (program, args) = words.split_first().map_or_else(
                    || (OsString::new(), Vec::new()),
                    |(program, args)| (program.clone(), args.to_vec()),
                );
                (program, args)
            }
        }
    }

    /// The words that start an interpreter with one of our modules in it.
    fn guest_words(&self, contender: &Contender, module: &str) -> (OsString, Vec<OsString>) {
        let directory = self.directory.path().to_string_lossy().into_owned();
        // The module takes itself off the path again before anything is measured.
        let code = format!(
            "import sys; sys.path.insert(0, {directory:?}); import {module} as w; \
             del sys.path[0]; sys.argv[:] = ['-c']; w.main()"
        );
        let mut args = contender.side.flags.clone();
        args.extend(["-c".into(), code.into()]);
        (contender.side.python.clone(), args)
    }

    /// The bytes of its words on the stack, to make both sides of a pair even.
    pub(crate) fn stack_bytes(&self, contender: &Contender) -> usize {
        let (program, args) = self.words(contender);
        stack_bytes(&program, &args, &contender.side)
    }

    fn launch(
        &self,
        contender: &Contender,
        (program, args): (OsString, Vec<OsString>),
        layout: &Layout,
        even_bytes: usize,
        (stdin, stdout): (Stdio, Stdio),
    ) -> Result<(Launched, File), Error> {
        let errors = tempfile::tempfile_in(self.directory.path());
        let errors = errors.map_err(io_error("make a temporary file"))?;
        let stderr = errors.try_clone().map_err(io_error("share a file"))?;
        let launched = launch(Launch {
            program,
            args,
            environment: environment(layout, &contender.side, even_bytes),
            directory: contender.side.directory.clone(),
            cpu: layout.cpu,
            fixed_addresses: layout.fixed_addresses,
            stdin,
            stdout,
            stderr: stderr.into(),
        });
        let launched = launched.map_err(|source| Error::Start {
            name: contender.name.clone(),
            source,
        })?;
        Ok((launched, errors))
    }
}

fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, source }
}

/// The end of what was written to a file.
fn last_words(file: &mut File) -> String {
    let length = file.seek(SeekFrom::End(0)).unwrap_or(0);
    let from = length.saturating_sub(MOST_WORDS_BYTES);
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(from)).is_ok() {
        // What cannot be read is not said.
        let _ = file.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

/// A process that plays for a contender.
pub(crate) enum Player<'a> {
    Guest(Box<Guest<'a>>),
    Command(Box<Command<'a>>),
}

impl<'a> Player<'a> {
    /// Starts it, as far as it has a beginning.
    pub(crate) fn start(
        ground: &'a Ground,
        contender: &'a Contender,
        layout: Layout,
        even_bytes: usize,
        stop: &'a dyn IsAsked,
    ) -> Result<Self, Error> {
        if contender.work.is_guest() {
            let guest = Guest::start(ground, contender, layout, even_bytes, stop)?;
            return Ok(Self::Guest(Box::new(guest)));
        }
        Ok(Self::Command(Box::new(Command {
            ground,
            contender,
            layout,
            even_bytes,
            stop,
            run: Run {
                layout,
                ..Run::default()
            },
        })))
    }

    /// Waits until it can play.
    pub(crate) fn ready(&mut self) -> Result<(), Error> {
        match self {
            Self::Guest(guest) => guest.ready(),
            Self::Command(_) => Ok(()),
        }
    }

    /// Repeats so often, measured. A command counts each of its runs as one batch.
    pub(crate) fn batch(&mut self, loops: u64) -> Result<Batch, Error> {
        match self {
            Self::Guest(guest) => guest.batch(loops),
            Self::Command(command) => command.once(),
        }
    }

    /// Time in the garbage collector over so many repetitions, and how long they took.
    pub(crate) fn watch_gc(&mut self, loops: u64) -> Result<(u64, u64), Error> {
        match self {
            Self::Guest(guest) => guest.watch_gc(loops),
            Self::Command(_) => Ok((0, 0)),
        }
    }

    /// The version of a guest's interpreter.
    pub(crate) fn version(&self) -> &str {
        match self {
            Self::Guest(guest) => &guest.version,
            Self::Command(_) => "",
        }
    }

    /// Ends it; what it used comes without its batches.
    pub(crate) fn finish(self) -> Result<Run, Error> {
        match self {
            Self::Guest(guest) => guest.finish(),
            Self::Command(command) => Ok(command.run),
        }
    }
}

/// An interpreter with a worker in it.
pub(crate) struct Guest<'a> {
    contender: &'a Contender,
    process: Launched,
    commands: Option<ChildStdin>,
    answers: ChildStdout,
    errors: File,
    /// What was read and not looked at.
    rest: Vec<u8>,
    layout: Layout,
    stop: &'a dyn IsAsked,
    version: String,
}

impl<'a> Guest<'a> {
    fn start(
        ground: &Ground,
        contender: &'a Contender,
        layout: Layout,
        even_bytes: usize,
        stop: &'a dyn IsAsked,
    ) -> Result<Self, Error> {
        let (kind, setup, text) = match &contender.work {
            Work::Function { setup, target } => ("function", setup, target),
            Work::Statement { setup, text } => ("statement", setup, text),
            Work::Script { .. } | Work::Command { .. } => unreachable!("guests repeat Python"),
        };
        let collect = if ground.without_gc { "off" } else { "on" };
        let words = ground.guest_words(contender, MODULE);
        let start = (words, layout, even_bytes);
        Self::begin(
            ground,
            contender,
            start,
            stop,
            &[kind, setup, text, collect],
        )
    }

    /// Starts an interpreter with words that put one of our modules into it, and tells it its job.
    fn begin(
        ground: &Ground,
        contender: &'a Contender,
        (words, layout, even_bytes): ((OsString, Vec<OsString>), Layout, usize),
        stop: &'a dyn IsAsked,
        fields: &[&str],
    ) -> Result<Self, Error> {
        let pipes = (Stdio::piped(), Stdio::piped());
        let (mut process, errors) = ground.launch(contender, words, &layout, even_bytes, pipes)?;
        let missing = || io_error("talk to a process")(io::ErrorKind::BrokenPipe.into());
        let mut guest = Self {
            contender,
            commands: Some(process.stdin.take().ok_or_else(missing)?),
            answers: process.stdout.take().ok_or_else(missing)?,
            process,
            errors,
            rest: Vec::new(),
            layout,
            stop,
            version: String::new(),
        };
        let mut job = Vec::new();
        for field in fields {
            job.extend(format!("{}\n{field}", field.len()).into_bytes());
        }
        guest.say(&job)?;
        Ok(guest)
    }

    /// Starts the guest that counts.
    pub(crate) fn counter(
        ground: &Ground,
        contender: &'a Contender,
        layout: Layout,
        stop: &'a dyn IsAsked,
        fields: &[&str],
    ) -> Result<Self, Error> {
        let words = ground.guest_words(contender, COUNTER_MODULE);
        Self::begin(ground, contender, (words, layout, 0), stop, fields)
    }

    /// A write that fails means that the process is gone; reading tells how.
    fn say(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(commands) = &mut self.commands else {
            return Err(self.died());
        };
        match commands.write_all(bytes).and_then(|()| commands.flush()) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.died()),
        }
    }

    fn ready(&mut self) -> Result<(), Error> {
        let line = self.line()?;
        match line.strip_prefix("ready ") {
            Some(version) => {
                self.version = version.to_owned();
                Ok(())
            }
            None => Err(self.garbled(&line)),
        }
    }

    fn batch(&mut self, loops: u64) -> Result<Batch, Error> {
        self.say(format!("r {loops}\n").as_bytes())?;
        let line = self.line()?;
        let numbers = numbers(&line, "m");
        let Some(&[wall, cpu, all_cpu, delay, preemptions]) = numbers.as_deref() else {
            return Err(self.garbled(&line));
        };
        Ok(Batch {
            loops,
            wall_ns: wall.max(0) as f64,
            cpu_ns: cpu.max(0) as f64,
            all_cpu_ns: all_cpu.max(0) as f64,
            delay_ns: delay.max(0) as f64,
            preemptions: u32::try_from(preemptions).unwrap_or(0),
            warm_up: false,
        })
    }

    fn watch_gc(&mut self, loops: u64) -> Result<(u64, u64), Error> {
        self.say(format!("g {loops}\n").as_bytes())?;
        let line = self.line()?;
        match numbers(&line, "g").as_deref() {
            Some(&[collector, wall]) => Ok((collector.max(0) as u64, wall.max(0) as u64)),
            _ => Err(self.garbled(&line)),
        }
    }

    pub(crate) fn garbled(&self, answer: &str) -> Error {
        Error::Garbled {
            name: self.contender.name.clone(),
            answer: answer.chars().take(200).collect(),
        }
    }

    /// The next line of answers. An error of the guest's is an error here.
    pub(crate) fn line(&mut self) -> Result<String, Error> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                return match line.strip_prefix("error ") {
                    Some(error) => Err(self.raised(error)),
                    None => Ok(line),
                };
            }
            self.read()?;
        }
    }

    fn raised(&mut self, error: &str) -> Error {
        let (phase, length) = error.split_once(' ').unwrap_or((error, "0"));
        let length = length.parse::<usize>().unwrap_or(0);
        let length = length.min(MOST_TRACEBACK_BYTES);
        while self.rest.len() < length && self.read().is_ok() {}
        let text = &self.rest[..length.min(self.rest.len())];
        Error::Raised {
            name: self.contender.name.clone(),
            phase: match phase {
                "setup" => Phase::Setup,
                "import" => Phase::Import,
                _ => Phase::Statement,
            },
            traceback: String::from_utf8_lossy(text).trim_end().to_owned(),
        }
    }

    /// Reads more answers; Ctrl-C ends the waiting.
    fn read(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 4096];
        match self.answers.read(&mut buffer) {
            Ok(0) => Err(self.died()),
            Ok(length) => {
                self.rest.extend(&buffer[..length]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                if self.stop.is_asked() {
                    return Err(Error::Stopped);
                }
                Ok(())
            }
            Err(source) => Err(io_error("read from a process")(source)),
        }
    }

    fn died(&mut self) -> Error {
        drop(self.commands.take());
        match self.process.wait() {
            Ok(Ended { exit, .. }) => Error::Died {
                name: self.contender.name.clone(),
                exit,
                stderr: last_words(&mut self.errors),
            },
            Err(source) => io_error("wait for a process")(source),
        }
    }

    pub(crate) fn finish(mut self) -> Result<Run, Error> {
        // The end of its commands is its end.
        drop(self.commands.take());
        let ended = self
            .process
            .wait()
            .map_err(io_error("wait for a process"))?;
        Ok(Run {
            layout: self.layout,
            peak_rss_bytes: ended.peak_rss_bytes,
            user_ns: ended.user_ns,
            system_ns: ended.system_ns,
            ..Run::default()
        })
    }
}

/// The numbers of an answer that begins with this word.
fn numbers(line: &str, word: &str) -> Option<Vec<i64>> {
    let mut words = line.split(' ');
    if words.next() != Some(word) {
        return None;
    }
    words.map(|number| number.parse().ok()).collect()
}

/// A command, which is a new process each time.
pub(crate) struct Command<'a> {
    ground: &'a Ground,
    contender: &'a Contender,
    layout: Layout,
    even_bytes: usize,
    stop: &'a dyn IsAsked,
    run: Run,
}

impl Command<'_> {
    fn once(&mut self) -> Result<Batch, Error> {
        let (ground, contender) = (self.ground, self.contender);
        let nothing = (Stdio::null(), Stdio::null());
        let words = ground.words(contender);
        let start = now_ns();
        let (mut process, mut errors) =
            ground.launch(contender, words, &self.layout, self.even_bytes, nothing)?;
        loop {
            let over = process.ended_within(LOOK);
            if over.map_err(io_error("wait for a process"))? {
                break;
            }
            if self.stop.is_asked() {
                return Err(Error::Stopped);
            }
        }
        let end = now_ns();
        // Its first thread's, while it is not forgotten yet.
        let scheduling = format!("/proc/{}/schedstat", process.pid());
        let scheduling = std::fs::read_to_string(scheduling).unwrap_or_default();
        let delay = scheduling.split_whitespace().nth(1);
        let delay_ns = delay.and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0);
        let ended = process.wait().map_err(io_error("wait for a process"))?;
        if ended.exit != Exit::Code(0) && !ground.ignore_failure {
            return Err(Error::Failed {
                name: contender.name.clone(),
                exit: ended.exit,
                stderr: last_words(&mut errors),
            });
        }
        let run = &mut self.run;
        run.peak_rss_bytes = run.peak_rss_bytes.max(ended.peak_rss_bytes);
        run.user_ns += ended.user_ns;
        run.system_ns += ended.system_ns;
        let cpu_ns = (ended.user_ns + ended.system_ns) as f64;
        let wall_ns = (end - start) as f64;
        Ok(Batch {
            loops: 1,
            wall_ns,
            cpu_ns,
            all_cpu_ns: cpu_ns,
            delay_ns: delay_ns.min(wall_ns),
            preemptions: 0,
            warm_up: false,
        })
    }
}

/// Whether a program is simply not there.
pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(
        error,
        Error::Start {
            source: SpawnError::NotFound(_),
            ..
        }
    )
}
