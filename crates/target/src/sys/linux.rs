//! Linux system calls behind safe functions, one unsafe operation a block.
//!
//! Functions here translate types and errors and decide nothing. Ids are `u32` outside and the
//! kernel's `pid_t` inside; one that does not fit names no process.

use libc::{c_int, c_long, c_void, pid_t};
use pitstop_cpython::Slice;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The most slices one [`read_process`] takes.
pub(crate) const MOST_SLICES: usize = 64;

/// The parts of a time in the local time zone; `None` when its year does not fit.
pub(crate) fn local_time(unix_s: i64) -> Option<libc::tm> {
    let seconds: libc::time_t = unix_s;
    let mut time = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: `seconds` is initialised, `time` is writable and of the right type, and neither is
    // kept. The C library locks what it reads of the time zone.
    let filled = unsafe { libc::localtime_r(&raw const seconds, time.as_mut_ptr()) };
    if filled.is_null() {
        return None;
    }
    // SAFETY: every field is a number or a pointer, for which zero bytes are valid, and the call
    // above has filled them in.
    Some(unsafe { time.assume_init() })
}

pub(super) fn pid_of(pid: u32) -> io::Result<pid_t> {
    // Zero means "myself" or "everyone" to most calls, which nobody here ever means.
    match pid_t::try_from(pid) {
        Ok(pid) if pid > 0 => Ok(pid),
        _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}

/// Turns the -1 of a C function into the error it stands for.
pub(super) fn checked(result: c_int) -> io::Result<c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

pub(super) fn checked_long(result: c_long) -> io::Result<c_long> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Reads up to [`MOST_SLICES`] slices in one system call, without allocation. Returns the number
/// of bytes read; they fill the slices in order.
#[inline]
pub(crate) fn read_process(pid: u32, slices: &mut [Slice<'_>]) -> io::Result<usize> {
    let mut local = [const { MaybeUninit::<libc::iovec>::uninit() }; MOST_SLICES];
    let mut remote = [const { MaybeUninit::<libc::iovec>::uninit() }; MOST_SLICES];
    let count = slices.len().min(MOST_SLICES);
    for ((slice, here), there) in slices.iter_mut().zip(&mut local).zip(&mut remote) {
        let iov_len = slice.buffer.len();
        here.write(libc::iovec {
            iov_base: slice.buffer.as_mut_ptr().cast(),
            iov_len,
        });
        let iov_base = ptr::without_provenance_mut(slice.address as usize);
        there.write(libc::iovec { iov_base, iov_len });
    }
    let pid = pid_of(pid)?;
    // SAFETY: the loop above wrote the first `count` entries of both arrays. The local ones
    // describe buffers that `slices` borrows exclusively until this function returns, and the
    // kernel writes nowhere else; the remote ones are addresses in another process.
    let read = unsafe {
        libc::process_vm_readv(
            pid,
            local.as_ptr().cast(),
            count as libc::c_ulong,
            remote.as_ptr().cast(),
            count as libc::c_ulong,
            0,
        )
    };
    if read < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(read as usize)
    }
}

/// Writes one word into another process.
pub(crate) fn write_process_word(pid: u32, address: u64, word: u64) -> io::Result<()> {
    let mut word = word;
    let local = libc::iovec {
        iov_base: (&raw mut word).cast(),
        iov_len: size_of::<u64>(),
    };
    let remote = libc::iovec {
        iov_base: ptr::without_provenance_mut(address as usize),
        iov_len: size_of::<u64>(),
    };
    let pid = pid_of(pid)?;
    // SAFETY: both arrays have one entry. The local one describes a live variable of this function,
    // which the kernel only reads; the remote one is an address in another process.
    let written =
        unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    if written == size_of::<u64>() as isize {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The size of a page in bytes.
pub(crate) fn page_size() -> u64 {
    static SIZE: OnceLock<u64> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: sysconf takes no pointers.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        u64::try_from(size).unwrap_or(4096).max(1)
    })
}

/// The number of clock ticks a second that `/proc` counts CPU time in.
pub(crate) fn ticks_per_second() -> u64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        // SAFETY: sysconf takes no pointers.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        u64::try_from(ticks).unwrap_or(100).max(1)
    })
}

/// The effective user id of this process.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Opens a descriptor that stands for the process `pid` and becomes readable when it ends.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    let pid = pid_of(pid)?;
    // SAFETY: pidfd_open takes two integers and returns a descriptor, close-on-exec by itself.
    let fd = checked_long(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel just made this descriptor and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// Waits until `fd` is readable; `None` waits without end. Returns whether it is.
pub(crate) fn poll_readable(fd: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<bool> {
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = timeout.map(|limit| libc::timespec {
        tv_sec: limit.as_secs().min(i32::MAX as u64) as libc::time_t,
        tv_nsec: limit.subsec_nanos() as _,
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: one pollfd is passed and it outlives the call; `limit` is NULL or points at the
    // local above; a NULL signal mask leaves the mask alone.
    let ready = checked(unsafe { libc::ppoll(&raw mut entry, 1, limit, ptr::null()) })?;
    Ok(ready > 0)
}

/// The CPU time of all threads of a process, ended ones too, in nanoseconds.
pub(crate) fn process_cpu_ns(pid: u32) -> io::Result<u64> {
    let pid = pid_of(pid)?;
    let mut clock = 0;
    // SAFETY: the second argument points at a local of the right type.
    let error = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    clock_ns(clock)
}

/// Reads a clock, in nanoseconds.
pub(crate) fn clock_ns(clock: libc::clockid_t) -> io::Result<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the second argument points at a local of the right type.
    checked(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Sleeps until the monotonic clock shows `deadline_ns`. Returns whether it did: false when a
/// signal came first.
pub(crate) fn sleep_until(deadline_ns: u64) -> bool {
    let deadline = libc::timespec {
        tv_sec: (deadline_ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (deadline_ns % 1_000_000_000) as _,
    };
    // SAFETY: the deadline is a live local; with an absolute time the remainder may be NULL.
    let error = unsafe {
        libc::clock_nanosleep(
            libc::CLOCK_MONOTONIC,
            libc::TIMER_ABSTIME,
            &raw const deadline,
            ptr::null_mut(),
        )
    };
    error == 0
}

/// Lets the calling thread's sleeps end within `slack_ns` of their time.
pub(crate) fn set_timer_slack(slack_ns: u64) -> io::Result<()> {
    // SAFETY: PR_SET_TIMERSLACK takes one integer.
    checked(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, slack_ns as libc::c_ulong) })?;
    Ok(())
}

/// Words of a CPU mask: 8192 CPUs, the most a kernel can be built for.
pub(crate) const MASK_WORDS: usize = 128;

/// The CPUs the thread `tid` may run on, as a bit mask.
pub(crate) fn affinity(tid: u32) -> io::Result<[u64; MASK_WORDS]> {
    let tid = pid_of(tid)?;
    let mut mask = [0u64; MASK_WORDS];
    // SAFETY: the kernel writes at most the given number of bytes, the size of the local.
    checked(unsafe { libc::sched_getaffinity(tid, size_of_val(&mask), (&raw mut mask).cast()) })?;
    Ok(mask)
}

/// Lets the calling thread run on the CPUs of `mask` only.
pub(crate) fn set_own_affinity(mask: &[u64]) -> io::Result<()> {
    // SAFETY: the kernel reads exactly the bytes of the borrowed slice.
    checked(unsafe { libc::sched_setaffinity(0, size_of_val(mask), mask.as_ptr().cast()) })?;
    Ok(())
}

/// The CPU the calling thread runs on at this moment.
#[inline]
pub(crate) fn current_cpu() -> io::Result<u32> {
    // SAFETY: sched_getcpu takes nothing.
    checked(unsafe { libc::sched_getcpu() }).map(|cpu| cpu as u32)
}

/// Gives the calling thread the lowest real-time priority. New threads and processes do not
/// inherit it.
pub(crate) fn set_own_fifo() -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the parameter is a live local; 0 is the calling thread.
    checked(unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) })?;
    Ok(())
}

/// `struct sched_attr` in its first version (linux/sched/types.h).
#[repr(C)]
#[derive(Default)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
}

/// Asks for time slices of `slice_ns`, which since Linux 6.12 brings earlier wake-ups. Returns
/// whether the kernel took the number.
pub(crate) fn set_own_slice(slice_ns: u64) -> io::Result<bool> {
    const RESET_ON_FORK: u64 = 1;
    let mut attributes = SchedAttr {
        size: size_of::<SchedAttr>() as u32,
        flags: RESET_ON_FORK,
        runtime_ns: slice_ns,
        ..SchedAttr::default()
    };
    // SAFETY: the struct is a live local and says its own size; 0 is the calling thread.
    checked_long(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) })?;
    attributes.runtime_ns = 0;
    // SAFETY: the kernel writes at most the size passed, which is that of the local.
    checked_long(unsafe {
        libc::syscall(
            libc::SYS_sched_getattr,
            0,
            &raw mut attributes,
            size_of::<SchedAttr>() as u32,
            0,
        )
    })?;
    Ok(attributes.runtime_ns == slice_ns)
}

/// Sets the calling thread's nice value.
pub(crate) fn set_own_nice(nice: i32) -> io::Result<()> {
    // SAFETY: setpriority takes integers; 0 with PRIO_PROCESS is the calling thread on Linux.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })?;
    Ok(())
}

/// What getrusage says about the calling thread.
pub(crate) fn own_usage() -> io::Result<libc::rusage> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the kernel fills the struct the pointer leads to.
    checked(unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) })?;
    // SAFETY: getrusage succeeded, so the struct is filled.
    Ok(unsafe { usage.assume_init() })
}

/// Sends `signal` to the process `pid`.
pub(crate) fn kill(pid: u32, signal: i32) -> io::Result<()> {
    let pid = pid_of(pid)?;
    // SAFETY: kill takes two integers.
    checked(unsafe { libc::kill(pid, signal) })?;
    Ok(())
}

/// What [`wait_for`] saw.
pub(crate) struct Waited {
    /// The raw wait status.
    pub(crate) status: c_int,
    /// What the child used, filled when it ended.
    pub(crate) usage: libc::rusage,
}

/// Calls wait4 for one child or tracee. `None` when nothing is to report and `options` has
/// WNOHANG.
pub(crate) fn wait_for(pid: u32, options: c_int) -> io::Result<Option<Waited>> {
    let pid = pid_of(pid)?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers lead to live locals of the right types.
    let waited =
        checked(unsafe { libc::wait4(pid, &raw mut status, options, usage.as_mut_ptr()) })?;
    // SAFETY: all-zero bytes are a valid rusage, and the kernel only fills it further.
    let usage = unsafe { usage.assume_init() };
    Ok((waited != 0).then_some(Waited { status, usage }))
}

fn ptrace(request: libc::c_uint, tid: u32, data: usize) -> io::Result<()> {
    let tid = pid_of(tid)?;
    // SAFETY: the requests made below take an integer in `data` and no address.
    checked_long(unsafe { libc::ptrace(request as _, tid, ptr::null_mut::<c_void>(), data) })?;
    Ok(())
}

/// Becomes the tracer of the thread `tid` without stopping it.
pub(crate) fn ptrace_seize(tid: u32) -> io::Result<()> {
    ptrace(libc::PTRACE_SEIZE as _, tid, 0)
}

/// Asks a seized thread to stop.
pub(crate) fn ptrace_interrupt(tid: u32) -> io::Result<()> {
    ptrace(libc::PTRACE_INTERRUPT as _, tid, 0)
}

/// Lets a stopped thread go, handing it `signal` unless that is 0.
pub(crate) fn ptrace_detach(tid: u32, signal: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_DETACH as _, tid, signal as usize)
}

/// The soft limit on descriptors before [`raise_descriptor_limit`] raised it.
static FORMER_LIMIT: OnceLock<libc::rlimit> = OnceLock::new();

/// Raises this process's soft limit on open descriptors to its hard limit, once. Three are kept
/// open for every watched thread. Programs started by [`crate::spawn`] get the former limit.
///
/// # Errors
/// Those of getrlimit and setrlimit; the limit is then unchanged.
pub fn raise_descriptor_limit() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer leads to a live local.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur >= limit.rlim_max || FORMER_LIMIT.set(limit).is_err() {
        return Ok(());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the pointer leads to a live local.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    Ok(())
}

/// Makes `command` start its program with the descriptor limit this process was started with.
pub(crate) fn restore_descriptor_limit(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let Some(&limit) = FORMER_LIMIT.get() else {
        return;
    };
    let restore = move || {
        // SAFETY: the pointer leads to the closure's own copy. A failure leaves the higher limit,
        // no reason to not start the program.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes one system call, which allocates nothing
    // and takes no lock.
    unsafe { command.pre_exec(restore) };
}

/// Signals seen and not yet taken, one bit each.
static SEEN: AtomicU64 = AtomicU64::new(0);
/// How often SIGINT came.
static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
/// The process that gets the signals somebody sends to us, or 0.
static HEIR: AtomicI32 = AtomicI32::new(0);

/// Notes a signal, and passes it on if a process sent it to us alone.
///
/// The terminal's signals (`si_code` SI_KERNEL) reach the whole foreground group, the program
/// included; a second one would be noticed.
extern "C" fn note_signal(signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    SEEN.fetch_or(1 << (signal & 63), Ordering::Relaxed);
    if signal == libc::SIGINT {
        INTERRUPTS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the kernel passes a valid siginfo to every SA_SIGINFO handler.
    let code = unsafe { (*info).si_code };
    let heir = HEIR.load(Ordering::Relaxed);
    if heir > 0 && code <= 0 {
        // SAFETY: errno lives as long as the thread.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: the pointer is the calling thread's own errno.
        let before = unsafe { *errno };
        // SAFETY: kill takes two integers and is async-signal-safe.
        unsafe { libc::kill(heir, signal) };
        // SAFETY: the same pointer; the interrupted code must find its errno unchanged.
        unsafe { *errno = before };
    }
}

/// Installs the handler above for `signal`, unless the signal is ignored, as a shell makes it for
/// background jobs; returns whether it was installed.
pub(crate) fn catch_signal(signal: i32) -> io::Result<bool> {
    let mut former = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a NULL new action only asks; the old one goes to a live local.
    checked(unsafe { libc::sigaction(signal, ptr::null(), former.as_mut_ptr()) })?;
    // SAFETY: all-zero bytes are a valid sigaction, and sigaction filled it.
    let former = unsafe { former.assume_init() };
    if former.sa_sigaction == libc::SIG_IGN {
        return Ok(false);
    }
    // SAFETY: all-zero bytes are a valid sigaction with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = note_signal;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler has the signature SA_SIGINFO asks for and touches only atomics, errno
    // and async-signal-safe calls.
    checked(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) })?;
    Ok(true)
}

/// Gives `signal` its default effect again.
pub(crate) fn reset_signal(signal: i32) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid sigaction; its handler is SIG_DFL.
    let action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer leads to a live local and SIG_DFL is always a valid handler.
    checked(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) })?;
    Ok(())
}

/// The signals caught since the last call, one bit each.
pub(crate) fn take_signals() -> u64 {
    SEEN.swap(0, Ordering::Relaxed)
}

/// The signals that the next [`take_signals`] will return.
pub(crate) fn seen_signals() -> u64 {
    SEEN.load(Ordering::Relaxed)
}

/// How often SIGINT was caught so far.
pub(crate) fn interrupts() -> u32 {
    INTERRUPTS.load(Ordering::Relaxed)
}

/// Passes caught signals that a process sent to us on to `pid` from now on; `None` stops that.
pub(crate) fn set_heir(pid: Option<u32>) {
    let pid = pid.and_then(|pid| pid_of(pid).ok()).unwrap_or(0);
    HEIR.store(pid, Ordering::Relaxed);
}

/// Forbids this process to leave a core file behind.
pub(crate) fn forbid_core_file() {
    let limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer leads to a live local. A failure only means that a core file may come.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
}

/// Unblocks `signal` in the calling thread and sends it to that thread.
pub(crate) fn raise_unblocked(signal: i32) {
    change_mask(libc::SIG_UNBLOCK, &[signal]);
    // SAFETY: raise takes one integer.
    unsafe { libc::raise(signal) };
}

/// Has `signals` delivered to other threads than the calling one.
pub(crate) fn block_signals(signals: &[i32]) {
    change_mask(libc::SIG_BLOCK, signals);
}

fn change_mask(how: c_int, signals: &[i32]) {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the pointer leads to a live local.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for &signal in signals {
        // SAFETY: the set was emptied above; a number that is no signal is refused.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: the set is a live local; the former mask is not asked for.
    unsafe { libc::pthread_sigmask(how, set.as_ptr(), ptr::null_mut()) };
}
