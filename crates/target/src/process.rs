//! One process: is it there, what does it run, what has it used, when does it end.

use crate::permission::Denied;
use crate::procfs::{self, malformed, unify_gone};
use crate::{permission, sys, threads};
use rustc_hash::FxHashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// Why a process cannot be watched.
#[derive(Error, Debug)]
pub enum OpenError {
    /// Nothing has that id.
    #[error("there is no process {0}")]
    NoSuchProcess(u32),
    /// The id is that of a thread.
    #[error("{tid} is a thread of process {pid}; use {pid}")]
    IsThread {
        /// The id that was given.
        tid: u32,
        /// The process it belongs to.
        pid: u32,
    },
    /// It ended, and its parent has not asked how yet.
    #[error("process {0} has ended already and waits for its parent to notice")]
    Zombie(u32),
    /// Its memory cannot be read.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Something else went wrong.
    #[error("process {pid} cannot be opened")]
    Other {
        /// The process.
        pid: u32,
        /// The system's reason.
        source: io::Error,
    },
}

/// A process, held so that its id cannot come to mean another.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    /// Absent on kernels before 5.3; the start time serves there.
    pidfd: Option<OwnedFd>,
    start_ticks: u64,
}

impl Process {
    /// Takes hold of a running process whose memory may be read.
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub fn open(pid: u32) -> Result<Self, OpenError> {
        let process = Self::open_unread(pid)?;
        permission::can_read(pid)?;
        Ok(process)
    }

    /// Takes hold of a running process without asking whether its memory may be read.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_unread(pid: u32) -> Result<Self, OpenError> {
        let other = |source: io::Error| {
            if procfs::is_gone(&source) {
                OpenError::NoSuchProcess(pid)
            } else {
                OpenError::Other { pid, source }
            }
        };
        let status = procfs::read(format!("/proc/{pid}/status"), 1 << 16).map_err(other)?;
        let number = |name| procfs::line_value(&status, name).and_then(procfs::decimal);
        match number("Tgid").and_then(|group| u32::try_from(group).ok()) {
            Some(group) if group != pid => {
                return Err(OpenError::IsThread {
                    tid: pid,
                    pid: group,
                });
            }
            _ => {}
        }
        let pidfd = match sys::pidfd_open(pid) {
            Ok(fd) => Some(fd),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => None,
            Err(error) => return Err(other(error)),
        };
        // Read after the descriptor was opened, so that both speak of the same process.
        let (state, start_ticks) = state_and_start(pid).map_err(other)?;
        if is_over(state) {
            return Err(OpenError::Zombie(pid));
        }
        Ok(Self {
            pid,
            pidfd,
            start_ticks,
        })
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When it started, in clock ticks since boot. With the id it names a process for ever.
    pub fn start_ticks(&self) -> u64 {
        self.start_ticks
    }

    /// Whether it still runs. A process that ended is not alive even if its parent has not
    /// noticed.
    pub fn is_alive(&self) -> bool {
        match &self.pidfd {
            Some(fd) => matches!(
                sys::poll_readable(fd.as_fd(), Some(Duration::ZERO)),
                Ok(false)
            ),
            None => matches!(state_and_start(self.pid),
                Ok((state, start)) if start == self.start_ticks && !is_over(state)),
        }
    }

    /// Waits until it ends, at most `timeout` if one is given. Returns whether it ended; also
    /// returns, with false, when a signal arrives.
    ///
    /// # Errors
    /// Those of poll.
    pub fn wait_for_end(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let Some(fd) = &self.pidfd else {
            let step = timeout.unwrap_or(POLL_STEP).min(POLL_STEP);
            std::thread::sleep(step);
            return Ok(!self.is_alive());
        };
        match sys::poll_readable(fd.as_fd(), timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            answer => answer,
        }
    }

    /// The program file, as the target sees it. It may have been deleted since.
    ///
    /// # Errors
    /// `NotFound` when the process ended or is a kernel thread; `PermissionDenied`.
    pub fn exe(&self) -> io::Result<PathBuf> {
        exe(self.pid)
    }

    /// The command line.
    ///
    /// # Errors
    /// `NotFound` when the process ended.
    pub fn cmdline(&self) -> io::Result<Vec<OsString>> {
        cmdline(self.pid)
    }
}

/// How often a kernel without process descriptors is asked whether a process ended.
const POLL_STEP: Duration = Duration::from_millis(20);

/// The program file of `pid`, as the target sees it. It may have been deleted since.
///
/// # Errors
/// `NotFound` when the process ended or is a kernel thread; `PermissionDenied`.
pub fn exe(pid: u32) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).map_err(unify_gone)
}

/// The command line of `pid`, of at most a megabyte; empty for a kernel thread.
///
/// # Errors
/// `NotFound` when the process ended.
pub fn cmdline(pid: u32) -> io::Result<Vec<OsString>> {
    let text = procfs::read(format!("/proc/{pid}/cmdline"), 1 << 20)?;
    let text = text.strip_suffix(b"\0").unwrap_or(&text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    Ok(text
        .split(|&byte| byte == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect())
}

/// The processes that `pid` started and that still run or wait to be noticed.
///
/// # Errors
/// `NotFound` when the process ended.
pub fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for tid in threads::list(pid)? {
        match procfs::read(format!("/proc/{pid}/task/{tid}/children"), 1 << 20) {
            Ok(text) => {
                let mut fields = procfs::Fields(&text);
                found.extend(std::iter::from_fn(|| u32::try_from(fields.decimal()?).ok()));
            }
            // Either the thread just ended or the kernel has no such file.
            Err(_) if Path::new(&format!("/proc/{pid}/task/{tid}")).exists() => {
                return children_by_scan(pid);
            }
            Err(_) => {}
        }
    }
    Ok(found)
}

/// Finds children by asking every process for its parent (kernels without CONFIG_PROC_CHILDREN).
fn children_by_scan(pid: u32) -> io::Result<Vec<u32>> {
    let is_child = |&other: &u32| parent(other).is_ok_and(|parent| parent == pid);
    Ok(procfs::numbers_in("/proc")?
        .into_iter()
        .filter(is_child)
        .collect())
}

/// The process that started `pid`, or that it was handed to.
///
/// # Errors
/// `NotFound` when the process ended.
pub fn parent(pid: u32) -> io::Result<u32> {
    let text = procfs::read(format!("/proc/{pid}/stat"), 4096)?;
    procfs::stat_fields(&text)
        .and_then(|(_, mut fields)| u32::try_from(fields.decimal()?).ok())
        .ok_or_else(malformed)
}

/// The memory of `pid` that is in RAM, in bytes, as `ps` and `top` show it.
///
/// # Errors
/// `NotFound` when the process ended.
pub fn rss_bytes(pid: u32) -> io::Result<u64> {
    let text = procfs::read(format!("/proc/{pid}/statm"), 256)?;
    let mut fields = procfs::Fields(&text);
    fields
        .skip(1)
        .and_then(|()| fields.decimal())
        .map(|pages| pages.saturating_mul(sys::page_size()))
        .ok_or_else(malformed)
}

/// The CPU time of all threads of `pid`, ended ones too, in nanoseconds. It may lag by one tick of
/// the scheduler (up to 10 ms) for a thread that runs at this moment.
///
/// # Errors
/// `NotFound` when the process ended.
pub fn cpu_ns(pid: u32) -> io::Result<u64> {
    match sys::process_cpu_ns(pid) {
        Ok(time) => Ok(time),
        Err(_) => cpu_ns_by_ticks(pid),
    }
}

fn cpu_ns_by_ticks(pid: u32) -> io::Result<u64> {
    let text = procfs::read(format!("/proc/{pid}/stat"), 4096)?;
    let ticks = procfs::stat_fields(&text).and_then(|(_, mut fields)| {
        fields.skip(10)?; // 4 to 13 of proc_pid_stat(5)
        fields.decimal()?.checked_add(fields.decimal()?)
    });
    let ticks = ticks.ok_or_else(malformed)?;
    Ok(ticks.saturating_mul(1_000_000_000 / sys::ticks_per_second()))
}

/// The threads of `pid` by the ids that they have in its own pid namespace, which are the ids its
/// memory knows: `{tid there -> tid here}`. `None` when both are the same namespace.
///
/// # Errors
/// `NotFound` when the process ended.
pub fn namespace_tids(pid: u32) -> io::Result<Option<FxHashMap<u32, u32>>> {
    let mut map = FxHashMap::default();
    for tid in threads::list(pid)? {
        let Ok(status) = procfs::read(format!("/proc/{pid}/task/{tid}/status"), 1 << 16) else {
            continue; // ended meanwhile
        };
        match inner_tid(&status) {
            Some(inner) => map.insert(inner, tid),
            None => return Ok(None),
        };
    }
    Ok((!map.is_empty()).then_some(map))
}

/// The innermost id of an `NSpid:` line, if it has more than one. The line begins with the id in
/// the namespace of `/proc` and goes inward.
fn inner_tid(status: &[u8]) -> Option<u32> {
    let mut fields = procfs::Fields(procfs::line_value(status, "NSpid")?);
    fields.skip(1)?;
    let mut inner = fields.decimal()?;
    while let Some(further) = fields.decimal() {
        inner = further;
    }
    u32::try_from(inner).ok()
}

/// Where to open a file that the target calls `path`, from outside its mount namespace.
///
/// Symbolic links on the way that are absolute lead back to our own root; open what
/// `/proc/PID/maps` prints, which has none.
pub fn rooted(pid: u32, path: &Path) -> PathBuf {
    let mut rooted = OsString::from(format!("/proc/{pid}/root"));
    if !path.is_absolute() {
        rooted.push("/");
    }
    rooted.push(path);
    PathBuf::from(rooted)
}

/// The state letter of a process and when it started, in clock ticks since boot.
///
/// # Errors
/// `NotFound` when the process ended and was noticed.
pub fn state_and_start(pid: u32) -> io::Result<(u8, u64)> {
    let text = procfs::read(format!("/proc/{pid}/stat"), 4096)?;
    procfs::stat_fields(&text)
        .and_then(|(state, mut fields)| {
            fields.skip(18)?; // 4 to 21 of proc_pid_stat(5)
            Some((state, fields.decimal()?))
        })
        .ok_or_else(malformed)
}

/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// True for a thread of the kernel, which never was a program. A program that is about to end has
/// no memory and no file either.
///
/// # Errors
/// `NotFound` when the process ended and was noticed.
pub fn is_kernel_thread(pid: u32) -> io::Result<bool> {
    let text = procfs::read(format!("/proc/{pid}/stat"), 4096)?;
    let flags = procfs::stat_fields(&text).and_then(|(_, mut fields)| {
        fields.skip(5)?; // 4 to 8 of proc_pid_stat(5)
        fields.decimal()
    });
    flags
        .map(|flags| flags & KERNEL_THREAD != 0)
        .ok_or_else(malformed)
}

fn is_over(state: u8) -> bool {
    matches!(state, b'Z' | b'X' | b'x')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_no_threads_of_the_kernel() {
        assert!(matches!(is_kernel_thread(std::process::id()), Ok(false)));
        // `kthreadd`, where we are in the namespace that has it.
        if std::fs::read("/proc/2/comm").is_ok_and(|name| name == b"kthreadd\n") {
            assert!(matches!(is_kernel_thread(2), Ok(true)));
        }
    }
}
