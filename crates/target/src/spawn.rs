//! Starting a program as our child, as if we were not there.
//!
//! It gets our standard streams, terminal, process group, environment and working directory, so
//! its output is the same byte for byte and Ctrl-C reaches it. No shell is involved. It does not
//! die with us. Start it from a thread that was neither pinned nor boosted: those are inherited.

use crate::signals;
use crate::sys;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use thiserror::Error;

/// Why a program could not be started.
#[derive(Error, Debug)]
pub enum SpawnError {
    /// There is no such file, or none in `PATH`.
    #[error("program `{}` not found", .0.display())]
    NotFound(PathBuf),
    /// It is there, but its first line or its ELF header names an interpreter that is not.
    #[error("`{}` asks for an interpreter that does not exist", .0.display())]
    NoInterpreter(PathBuf),
    /// It is there and is no program, or not for us.
    #[error("`{}` cannot be executed", program.display())]
    NotExecutable {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// No process could be made.
    #[error("no process could be made for `{}`", program.display())]
    NoProcess {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl SpawnError {
    /// The exit status a shell would give: 127 not found, 126 not executable, 125 our own trouble.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::NotFound(_) => 127,
            Self::NoInterpreter(_) | Self::NotExecutable { .. } => 126,
            Self::NoProcess { .. } => 125,
        }
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Signal {
        /// Its number.
        number: i32,
        /// Whether a core file was written.
        core: bool,
    },
}

impl Exit {
    /// The status a shell would show: 128 and the number for a signal.
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal { number, .. } => 128 + number,
        }
    }

    /// Ends this process in the same way.
    pub fn pass_on(self) -> ! {
        match self {
            Self::Code(code) => std::process::exit(code),
            Self::Signal { number, .. } => signals::die_of(number),
        }
    }
}

/// What is known of a program that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// The most memory it had in RAM at once, in bytes; the largest of it and its own children.
    pub peak_rss_bytes: u64,
    /// CPU time in user mode, in nanoseconds, with that of the children it waited for.
    pub user_ns: u64,
    /// CPU time in the kernel, in nanoseconds, likewise.
    pub system_ns: u64,
}

/// A program that we started.
///
/// Dropping it leaves the program running.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    pidfd: Option<OwnedFd>,
    ended: Option<Ended>,
}

/// Starts `program`, looked up in `PATH` unless it has a slash.
///
/// # Errors
/// See [`SpawnError`].
pub fn start(program: &OsStr, args: &[OsString]) -> Result<Child, SpawnError> {
    start_with(program, args, &[])
}

/// The same, with these variables set in its environment.
///
/// # Errors
/// See [`SpawnError`].
pub fn start_with(
    program: &OsStr,
    args: &[OsString],
    environment: &[(OsString, OsString)],
) -> Result<Child, SpawnError> {
    let mut command = Command::new(program);
    command.args(args);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    sys::restore_descriptor_limit(&mut command);
    let child = command.spawn().map_err(|error| explain(program, error))?;
    // An ignored SIGCHLD, inherited from whoever started us, would hide how the program ends. The
    // program has inherited it by now, as it would have without us.
    let _ = sys::reset_signal(libc::SIGCHLD);
    let pid = child.id();
    Ok(Child::of(pid))
}

/// What the system's refusal to start a program means.
pub(crate) fn explain(program: &OsStr, source: io::Error) -> SpawnError {
    let name = PathBuf::from(program);
    match source.raw_os_error() {
        Some(libc::ENOENT) if locate(program).is_some() => SpawnError::NoInterpreter(name),
        // ENOTDIR: a part of the path is a file.
        Some(libc::ENOENT | libc::ENOTDIR) => SpawnError::NotFound(name),
        Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => SpawnError::NoProcess {
            program: name,
            source,
        },
        _ => SpawnError::NotExecutable {
            program: name,
            source,
        },
    }
}

/// The program's file, if it is where exec looks for it.
pub(crate) fn locate(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    }
    if program.is_empty() {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|part| part.join(program))
        .find(|file| file.exists())
}

impl Child {
    /// The child of that number, which nobody has waited for yet.
    pub(crate) fn of(pid: u32) -> Self {
        Self {
            pid,
            pidfd: sys::pidfd_open(pid).ok(),
            ended: None,
        }
    }

    /// Waits until it has ended, at most for `limit`, and leaves its status where it is.
    pub(crate) fn ended_within(&self, limit: Duration) -> io::Result<bool> {
        match &self.pidfd {
            Some(_) if self.ended.is_some() => Ok(true),
            Some(fd) => match sys::poll_readable(fd.as_fd(), Some(limit)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
                other => other,
            },
            None => {
                std::thread::sleep(limit.min(Duration::from_millis(1)));
                let state = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
                Ok(state.contains(") Z "))
            }
        }
    }

    /// Its process id; it stays valid until [`Child::wait`] or [`Child::try_wait`] has said how
    /// the program ended.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// Those of wait4.
    pub fn try_wait(&mut self) -> io::Result<Option<Ended>> {
        self.wait_at_most(Some(Duration::ZERO))
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// Those of wait4.
    pub fn wait(&mut self) -> io::Result<Ended> {
        loop {
            if let Some(ended) = self.wait_at_most(None)? {
                return Ok(ended);
            }
        }
    }

    /// Waits until it has ended, at most for `timeout`; a signal that we catch ends the waiting
    /// too.
    ///
    /// # Errors
    /// Those of wait4.
    pub fn wait_at_most(&mut self, timeout: Option<Duration>) -> io::Result<Option<Ended>> {
        if self.ended.is_some() {
            return Ok(self.ended);
        }
        // Not wait4 at once: it would take away the stop of a thread that we trace.
        if let Some(fd) = &self.pidfd {
            match sys::poll_readable(fd.as_fd(), timeout) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
                Err(error) => return Err(error),
            }
        } else if timeout != Some(Duration::ZERO) {
            let step = Duration::from_millis(20);
            std::thread::sleep(timeout.unwrap_or(step).min(step));
        }
        while let Some(waited) = sys::wait_for(self.pid, libc::WNOHANG)? {
            if let Some(exit) = exit_of(waited.status) {
                self.ended = Some(ended(exit, &waited.usage));
                return Ok(self.ended);
            }
        }
        Ok(None)
    }

    /// Sends it a signal. Nothing happens if it has ended.
    ///
    /// # Errors
    /// Those of kill.
    pub fn kill(&self, signal: i32) -> io::Result<()> {
        if self.ended.is_some() {
            Ok(())
        } else {
            sys::kill(self.pid, signal)
        }
    }
}

/// Takes a wait status apart. `None` for a stop, which is no end.
fn exit_of(status: i32) -> Option<Exit> {
    if libc::WIFEXITED(status) {
        return Some(Exit::Code(libc::WEXITSTATUS(status)));
    }
    libc::WIFSIGNALED(status).then(|| Exit::Signal {
        number: libc::WTERMSIG(status),
        core: libc::WCOREDUMP(status),
    })
}

fn ended(exit: Exit, usage: &libc::rusage) -> Ended {
    let ns = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1000;
    Ended {
        exit,
        peak_rss_bytes: usage.ru_maxrss as u64 * 1024, // kilobytes on Linux
        user_ns: ns(usage.ru_utime),
        system_ns: ns(usage.ru_stime),
    }
}
