//! What the kernel says about one thread, asked again and again.
//!
//! The three files are opened once and re-read by `pread`: a cached `schedstat` costs about half a
//! microsecond where open, read and close of `stat` cost six.

use crate::procfs::{self, Fields, gone_error, malformed, unify_gone};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

/// How long a thread ran and how long it waited for a CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchedStat {
    /// Nanoseconds on a CPU.
    pub run_ns: u64,
    /// Nanoseconds ready to run, waiting for a CPU.
    pub wait_ns: u64,
    /// How often it was put on a CPU.
    pub slices: u64,
}

/// Where a thread is with respect to system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallState {
    /// On a CPU or ready to be.
    Running,
    /// Blocked inside a system call.
    Blocked {
        /// Its number, of this machine's architecture; see [`crate::syscalls`].
        number: i64,
        /// Its arguments.
        args: [u64; 6],
        /// The user-mode stack pointer.
        sp: u64,
        /// The user-mode program counter.
        pc: u64,
    },
    /// Blocked, but not in a system call: a page fault, a stop.
    Unknown,
}

/// A part of what `stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadStat {
    /// The state letter: `R` running or ready, `S` asleep, `D` asleep without interruption, ...
    pub state: u8,
    /// The CPU it runs on or ran on last.
    pub processor: u32,
    /// Page faults that needed no I/O.
    pub minor_faults: u64,
    /// Page faults that needed I/O.
    pub major_faults: u64,
    /// Clock ticks in user mode.
    pub user_ticks: u64,
    /// Clock ticks in the kernel.
    pub system_ticks: u64,
    /// When it started, in clock ticks since boot. With the id it names a thread for ever.
    pub start_ticks: u64,
}

/// The files of one thread, opened when first asked for and kept.
///
/// All methods fail with the kind `NotFound` once the thread ended.
#[derive(Debug)]
pub struct ThreadFiles {
    pid: u32,
    tid: u32,
    schedstat: OnceLock<File>,
    syscall: OnceLock<File>,
    stat: OnceLock<File>,
}

impl ThreadFiles {
    /// Names the thread `tid` of the process `pid`.
    ///
    /// # Errors
    /// `NotFound` when there is no such thread.
    pub fn open(pid: u32, tid: u32) -> io::Result<Self> {
        std::fs::metadata(path(pid, tid, "")).map_err(unify_gone)?;
        let (schedstat, syscall, stat) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Self {
            pid,
            tid,
            schedstat,
            syscall,
            stat,
        })
    }

    /// The process it belongs to.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The thread's id.
    pub fn tid(&self) -> u32 {
        self.tid
    }

    /// Times on a CPU and waiting for one; the cheapest of the three.
    ///
    /// # Errors
    /// `NotFound` when the thread ended, or the kernel was built without `CONFIG_SCHED_INFO`.
    #[inline]
    pub fn schedstat(&self) -> io::Result<SchedStat> {
        // Three 64-bit numbers, two blanks and a line end are 63 bytes.
        let mut buffer = [0; 64];
        let text = self.read(&self.schedstat, "schedstat", &mut buffer)?;
        parse_schedstat(text).ok_or_else(malformed)
    }

    /// The system call the thread is blocked in.
    ///
    /// # Errors
    /// `NotFound` when the thread ended; `PermissionDenied` where memory cannot be read either.
    pub fn syscall(&self) -> io::Result<SyscallState> {
        // One 32-bit number and eight of at most 18 characters, each with a blank.
        let mut buffer = [0; 192];
        let text = self.read(&self.syscall, "syscall", &mut buffer)?;
        parse_syscall(text).ok_or_else(malformed)
    }

    /// State, CPU and counters; the dearest of the three.
    ///
    /// # Errors
    /// `NotFound` when the thread ended.
    pub fn stat(&self) -> io::Result<ThreadStat> {
        let mut buffer = [0; 1024];
        let text = self.read(&self.stat, "stat", &mut buffer)?;
        parse_stat(text).ok_or_else(malformed)
    }

    /// The thread's name, at most 15 bytes.
    ///
    /// # Errors
    /// `NotFound` when the thread ended.
    pub fn comm(&self) -> io::Result<String> {
        let text = procfs::read(path(self.pid, self.tid, "comm"), 256)?;
        Ok(String::from_utf8_lossy(text.strip_suffix(b"\n").unwrap_or(&text)).into_owned())
    }

    #[inline]
    fn read<'b>(
        &self,
        cell: &OnceLock<File>,
        name: &str,
        buffer: &'b mut [u8],
    ) -> io::Result<&'b [u8]> {
        let file = match cell.get() {
            Some(file) => file,
            None => self.open_file(cell, name)?,
        };
        match file.read_at(buffer, 0) {
            Ok(0) => Err(gone_error()),
            Ok(count) => Ok(&buffer[..count]),
            Err(error) => Err(unify_gone(error)),
        }
    }

    #[cold]
    fn open_file<'c>(&self, cell: &'c OnceLock<File>, name: &str) -> io::Result<&'c File> {
        let file = File::open(path(self.pid, self.tid, name)).map_err(unify_gone)?;
        Ok(cell.get_or_init(|| file))
    }
}

/// The ids of all threads of a process, in the order of their making.
///
/// # Errors
/// `NotFound` when the process ended.
pub fn list(pid: u32) -> io::Result<Vec<u32>> {
    procfs::numbers_in(format!("/proc/{pid}/task"))
}

fn path(pid: u32, tid: u32, name: &str) -> String {
    format!("/proc/{pid}/task/{tid}/{name}")
}

#[inline]
fn parse_schedstat(text: &[u8]) -> Option<SchedStat> {
    let mut fields = Fields(text);
    let (run_ns, wait_ns) = (fields.decimal()?, fields.decimal()?);
    Some(SchedStat {
        run_ns,
        wait_ns,
        slices: fields.decimal()?,
    })
}

fn parse_syscall(text: &[u8]) -> Option<SyscallState> {
    let mut fields = Fields(text);
    let number = match fields.word()? {
        b"running" => return Some(SyscallState::Running),
        word if word.starts_with(b"-") => return Some(SyscallState::Unknown),
        word => i64::try_from(procfs::decimal(word)?).ok()?,
    };
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = fields.hex()?;
    }
    let (sp, pc) = (fields.hex()?, fields.hex()?);
    Some(SyscallState::Blocked {
        number,
        args,
        sp,
        pc,
    })
}

fn parse_stat(text: &[u8]) -> Option<ThreadStat> {
    // Field numbers as in proc_pid_stat(5).
    let (state, mut fields) = procfs::stat_fields(text)?;
    fields.skip(6)?; // 4 to 9
    let minor_faults = fields.decimal()?; // 10
    fields.skip(1)?;
    let major_faults = fields.decimal()?; // 12
    fields.skip(1)?;
    let user_ticks = fields.decimal()?; // 14
    let system_ticks = fields.decimal()?; // 15
    fields.skip(6)?; // 16 to 21
    let start_ticks = fields.decimal()?; // 22
    fields.skip(16)?; // 23 to 38
    let processor = u32::try_from(fields.decimal()?).ok()?; // 39
    Some(ThreadStat {
        state,
        processor,
        minor_faults,
        major_faults,
        user_ticks,
        system_ticks,
        start_ticks,
    })
}
