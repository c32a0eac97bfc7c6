//! A process that plays: a guest worker that repeats a statement, or a command, once each time.

use crate::channel::{Channel, io_error, last_words, numbers};
use crate::error::Error;
use crate::job::{Contender, Side, Work};
use crate::layout::{environment, stack_bytes};
use crate::session::IsAsked;
use pitstop_model::{Batch, Layout, Run};
use pitstop_target::clock::now_ns;
use pitstop_target::launch::{Launch, Launched, launch};
use pitstop_target::spawn::{Exit, SpawnError};
use std::ffi::OsString;
use std::fs::File;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

/// The guest, as a module that an interpreter can import: its compiled form is kept beside it, so
/// that only the first process of a session compiles it.
const WORKER: &str = include_str!("guest/worker.py");
pub(crate) const WORKER_MODULE: &str = "_pitstop_worker";

/// The guests that the others turn to: for allocations, for load, and for what is written for other tools
/// (`_pitstop_` and [`crate::Suite::key`]).
const OTHERS: [(&str, &str); 5] = [
    ("_pitstop_allocations", include_str!("guest/allocations.py")),
    ("_pitstop_load", include_str!("guest/load.py")),
    ("_pitstop_pytest", include_str!("guest/pytest.py")),
    ("_pitstop_asv", include_str!("guest/asv.py")),
    ("_pitstop_pyperf", include_str!("guest/pyperf.py")),
];

/// The guest that counts, which borrows from the other.
const COUNTER: &str = include_str!("guest/counter.py");
const COUNTER_MODULE: &str = "_pitstop_counter";

/// The guest of `scale`.
const SCALER: &str = include_str!("guest/scaler.py");
pub(crate) const SCALER_MODULE: &str = "_pitstop_scaler";

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
        let guests = [
            (WORKER_MODULE, WORKER),
            (COUNTER_MODULE, COUNTER),
            (SCALER_MODULE, SCALER),
        ];
        for (module, text) in guests.into_iter().chain(OTHERS) {
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
            Work::Statement { .. } | Work::Function { .. } | Work::Case { .. } => {
                (side.python.clone(), self.guest_words(WORKER_MODULE, side))
            }
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

    /// The words behind the interpreter that start one of our modules in it.
    pub(crate) fn guest_words(&self, module: &str, side: &Side) -> Vec<OsString> {
        let directory = self.directory.path().to_string_lossy().into_owned();
        // The module takes itself off the path again before anything is measured.
        let code = format!(
            "import sys; sys.path.insert(0, {directory:?}); import {module} as w; \
             del sys.path[0]; sys.argv[:] = ['-c']; w.main()"
        );
        let mut args = side.flags.clone();
        args.extend(["-c".into(), code.into()]);
        args
    }

    /// The bytes of its words on the stack, to make both sides of a pair even.
    pub(crate) fn stack_bytes(&self, contender: &Contender) -> usize {
        let (program, args) = self.words(contender);
        stack_bytes(&program, &args, &contender.side)
    }

    fn launch(
        &self,
        contender: &Contender,
        layout: &Layout,
        even_bytes: usize,
        pipes: (Stdio, Stdio),
    ) -> Result<(Launched, File), Error> {
        let words = self.words(contender);
        let environment = environment(layout, &contender.side, even_bytes);
        self.start(
            &contender.name,
            &contender.side,
            words,
            (layout, environment),
            pipes,
        )
    }

    /// Starts the guest that counts, and tells it its job.
    pub(crate) fn counter<'a>(
        &self,
        contender: &'a Contender,
        layout: &Layout,
        stop: &'a dyn IsAsked,
        fields: &[&str],
    ) -> Result<Channel<'a>, Error> {
        let side = &contender.side;
        let words = (side.python.clone(), self.guest_words(COUNTER_MODULE, side));
        let environment = environment(layout, side, 0);
        let pipes = (Stdio::piped(), Stdio::piped());
        let started = self.start(&contender.name, side, words, (layout, environment), pipes);
        let (process, errors) = started?;
        let mut channel = Channel::open(&contender.name, process, errors, stop)?;
        channel.tell(fields)?;
        Ok(channel)
    }

    /// Starts a program with a layout and an environment; its standard error goes into a file.
    pub(crate) fn start(
        &self,
        name: &str,
        side: &Side,
        (program, args): (OsString, Vec<OsString>),
        (layout, environment): (&Layout, Vec<(OsString, OsString)>),
        (stdin, stdout): (Stdio, Stdio),
    ) -> Result<(Launched, File), Error> {
        let errors = tempfile::tempfile_in(self.directory.path());
        let errors = errors.map_err(io_error("make a temporary file"))?;
        let stderr = errors.try_clone().map_err(io_error("share a file"))?;
        let launched = launch(Launch {
            program,
            args,
            environment,
            directory: side.directory.clone(),
            cpu: layout.cpu,
            fixed_addresses: layout.fixed_addresses,
            stdin,
            stdout,
            stderr: stderr.into(),
        });
        let launched = launched.map_err(|source| Error::Start {
            name: name.to_owned(),
            source,
        })?;
        Ok((launched, errors))
    }
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

    /// How many repetitions it must be in a go, if its author says so.
    pub(crate) fn fixed_loops(&self) -> Option<u64> {
        match self {
            Self::Guest(guest) => (guest.fixed > 0).then_some(guest.fixed),
            Self::Command(_) => None,
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
    channel: Channel<'a>,
    layout: Layout,
    version: String,
    /// Repetitions that it must be in a go; 0 for any number.
    fixed: u64,
    /// What one of its repetitions counts for.
    inner: u64,
}

impl<'a> Guest<'a> {
    fn start(
        ground: &Ground,
        contender: &'a Contender,
        layout: Layout,
        even_bytes: usize,
        stop: &'a dyn IsAsked,
    ) -> Result<Self, Error> {
        let pipes = (Stdio::piped(), Stdio::piped());
        let (process, errors) = ground.launch(contender, &layout, even_bytes, pipes)?;
        let mut channel = Channel::open(&contender.name, process, errors, stop)?;
        let (kind, setup, text) = match &contender.work {
            Work::Function { setup, target } => ("function", setup.as_str(), target),
            Work::Statement { setup, text } => ("statement", setup.as_str(), text),
            Work::Case { suite, key, .. } => (suite.key(), "play", key),
            Work::Script { .. } | Work::Command { .. } => unreachable!("guests repeat Python"),
        };
        let collect = if ground.without_gc { "off" } else { "on" };
        channel.tell(&[kind, setup, text, collect])?;
        Ok(Self {
            channel,
            layout,
            version: String::new(),
            fixed: 0,
            inner: 1,
        })
    }

    fn ready(&mut self) -> Result<(), Error> {
        let line = self.channel.line()?;
        let mut words = line.split(' ');
        let is_ready = words.next() == Some("ready");
        let version = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(fixed), Some(inner), true) = (number(), number(), is_ready) else {
            return Err(self.channel.garbled(&line));
        };
        self.version = version.to_owned();
        (self.fixed, self.inner) = (fixed, inner.max(1));
        Ok(())
    }

    fn batch(&mut self, loops: u64) -> Result<Batch, Error> {
        self.channel.say(format!("r {loops}\n").as_bytes())?;
        let line = self.channel.line()?;
        if let Some(value) = line.strip_prefix("v ") {
            let value = value.parse::<f64>().ok();
            let value = value.filter(|value| value.is_finite() && *value >= 0.0);
            return Ok(Batch {
                loops: 1,
                wall_ns: value.ok_or_else(|| self.channel.no_amount(&line[2..]))?,
                ..Batch::default()
            });
        }
        let numbers = numbers(&line, "m");
        let Some(&[wall, cpu, all_cpu, delay, preemptions]) = numbers.as_deref() else {
            return Err(self.channel.garbled(&line));
        };
        Ok(Batch {
            loops: loops.saturating_mul(self.inner),
            wall_ns: wall.max(0) as f64,
            cpu_ns: cpu.max(0) as f64,
            all_cpu_ns: all_cpu.max(0) as f64,
            delay_ns: delay.max(0) as f64,
            preemptions: u32::try_from(preemptions).unwrap_or(0),
            warm_up: false,
        })
    }

    fn watch_gc(&mut self, loops: u64) -> Result<(u64, u64), Error> {
        self.channel.say(format!("g {loops}\n").as_bytes())?;
        let line = self.channel.line()?;
        match numbers(&line, "g").as_deref() {
            Some(&[collector, wall]) => Ok((collector.max(0) as u64, wall.max(0) as u64)),
            _ => Err(self.channel.garbled(&line)),
        }
    }

    fn finish(self) -> Result<Run, Error> {
        let ended = self.channel.finish()?;
        Ok(Run {
            layout: self.layout,
            peak_rss_bytes: ended.peak_rss_bytes,
            user_ns: ended.user_ns,
            system_ns: ended.system_ns,
            ..Run::default()
        })
    }
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
        let start = now_ns();
        let (mut process, mut errors) =
            ground.launch(contender, &self.layout, self.even_bytes, nothing)?;
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
