//! A limit in time on a process and all it started.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Kills a process group when its time is over, unless it is dropped before.
#[derive(Debug)]
pub(crate) struct Deadline {
    cancel: Option<Sender<()>>,
    expired: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Deadline {
    /// Starts the clock for the group led by `pid`.
    pub(crate) fn start(pid: u32, limit: Duration) -> Self {
        let (cancel, cancelled) = channel();
        let expired = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&expired);
        let thread = std::thread::spawn(move || {
            if cancelled.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                flag.store(true, Ordering::SeqCst);
                kill_group(pid);
            }
        });
        Self {
            cancel: Some(cancel),
            expired,
            thread: Some(thread),
        }
    }

    /// True if the time was over before the process was.
    pub(crate) fn expired(&self) -> bool {
        self.expired.load(Ordering::SeqCst)
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        drop(self.cancel.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic: it waits, stores and runs a command whose failure it ignores.
            let _ = thread.join();
        }
    }
}

/// Ends every process of the group led by `pid`, which must not have been waited for.
pub(crate) fn kill_group(pid: u32) {
    send_signal("KILL", &format!("-{pid}"));
}

/// Sends a signal by name (`INT`, `TERM`) to a process, or to a group named by `-` and its leader.
///
/// The shell's own `kill` does it, which needs neither unsafe code nor another package.
pub(crate) fn send_signal(name: &str, target: &str) {
    // It fails for a process that is gone already, which is what the caller wanted.
    let _ = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$0\" -- \"$1\"", name, target])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
