//! Stopping one thread for a moment, for `--blocking`. Nothing else here touches the target.
//!
//! Only the one thread stops. A `SIGSTOP` would stop the whole process and be seen by its parent;
//! `PTRACE_SEIZE` and `PTRACE_INTERRUPT` are seen by nobody.

use crate::{clock, process, procfs, sys};
use std::cell::RefCell;
use std::io;
use std::marker::PhantomData;

/// How long to wait for a thread to stop. It does as soon as it has a CPU, which on a busy machine
/// or under a quota takes its time.
const PATIENCE_NS: u64 = 1_000_000_000;
/// How long to wait for one that waits in the kernel without interruption, for a disk or for a
/// child made by `vfork`. Most such waits are short, some have no end.
const PATIENCE_IN_KERNEL_NS: u64 = 2_000_000;

thread_local! {
    /// Threads that did not stop in time. They will, and are then let go.
    static UNFINISHED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// A thread that stands still until this is dropped.
///
/// Must be dropped by the thread that made it: to the kernel a tracer is a thread, not a process.
/// The type is therefore not `Send`. When the tracer ends, the kernel lets everything go.
#[derive(Debug)]
pub struct Stopped {
    tid: u32,
    /// A signal that arrived in the meantime and still has to be delivered, or 0.
    signal: i32,
    _not_send: PhantomData<*const ()>,
}

impl Stopped {
    /// Stops the thread `tid`.
    ///
    /// # Errors
    /// `NotFound` when it ended; `PermissionDenied`, also when a debugger has it already;
    /// `ResourceBusy` when it waits inside the kernel where it cannot be stopped, and then it does
    /// not run either.
    pub fn stop(tid: u32) -> io::Result<Self> {
        let is_unfinished = UNFINISHED.with_borrow_mut(|tids| {
            tids.retain(|&tid| !let_go(tid, 0));
            tids.contains(&tid)
        });
        if is_unfinished {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        // A thread that cannot stop now would stop later, when nobody looks, so it is not asked.
        wait_until(|| match process::state_and_start(tid)?.0 {
            b'Z' | b'X' => Err(procfs::gone_error()),
            b'D' => Ok(Look::InKernel),
            _ => Ok(Look::Stopped(0)),
        })?;
        sys::ptrace_seize(tid).map_err(procfs::unify_gone)?;
        // From here on it is ours, and dropping this lets it go.
        let mut stopped = Self {
            tid,
            signal: 0,
            _not_send: PhantomData,
        };
        sys::ptrace_interrupt(tid).map_err(procfs::unify_gone)?;
        stopped.signal = wait_until(|| match look(tid) {
            Look::Gone => Err(procfs::gone_error()),
            other => Ok(other),
        })?;
        Ok(stopped)
    }

    /// The thread.
    pub fn tid(&self) -> u32 {
        self.tid
    }
}

/// Looks again and again until `look` sees a stop; returns the signal that came with it, or 0.
fn wait_until(look: impl Fn() -> io::Result<Look>) -> io::Result<i32> {
    let start = clock::now_ns();
    let mut seen_outside_ns = start;
    let mut pause_ns = 5_000;
    loop {
        let now = clock::now_ns();
        match look()? {
            Look::Stopped(signal) => return Ok(signal),
            Look::InKernel => {}
            Look::Running | Look::Gone => seen_outside_ns = now,
        }
        if now - start > PATIENCE_NS || now - seen_outside_ns > PATIENCE_IN_KERNEL_NS {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        clock::sleep_until(now + pause_ns);
        pause_ns = (2 * pause_ns).min(1_000_000);
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if !let_go(self.tid, self.signal) {
            UNFINISHED.with_borrow_mut(|tids| tids.push(self.tid));
        }
    }
}

/// Lets a thread go. Returns false if it has not stopped yet, for only a stopped one can be.
/// A group stop that is in force stays in force.
fn let_go(tid: u32, signal: i32) -> bool {
    if sys::ptrace_detach(tid, signal).is_ok() {
        return true;
    }
    match look(tid) {
        Look::Stopped(signal) => {
            // Fails only if it was killed in between.
            let _ = sys::ptrace_detach(tid, signal);
            true
        }
        Look::Gone => true,
        Look::Running | Look::InKernel => false,
    }
}

enum Look {
    /// It stands still; the number is a signal that waits to be delivered, or 0.
    Stopped(i32),
    /// It has not noticed yet.
    Running,
    /// It waits in the kernel without interruption.
    InKernel,
    /// It ended.
    Gone,
}

/// Asks for the thread's state without waiting. A blocking wait would never return for a main
/// thread that ended before the others.
fn look(tid: u32) -> Look {
    match sys::wait_for(tid, libc::__WALL | libc::WNOHANG) {
        Ok(Some(waited)) if libc::WIFSTOPPED(waited.status) => {
            // The third byte tells an event, which is our interrupt or a group stop, from a signal
            // that was about to be delivered.
            let is_event = waited.status >> 16 != 0;
            Look::Stopped(if is_event {
                0
            } else {
                libc::WSTOPSIG(waited.status)
            })
        }
        Ok(Some(_)) => Look::Gone,
        Ok(None) => match process::state_and_start(tid) {
            Ok((b'Z' | b'X', _)) | Err(_) => Look::Gone,
            Ok((b'D', _)) => Look::InKernel,
            Ok(_) => Look::Running,
        },
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Look::Running,
        Err(_) => Look::Gone,
    }
}
