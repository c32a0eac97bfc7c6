//! Signals while a program runs as our child.
//!
//! Ctrl-C reaches every process of the terminal's foreground group: the program and us. The program
//! decides what it means; we note it, keep running, and report when the program has ended. What a
//! process sends to us alone (`kill`, a service manager, a CI runner) is passed on to the program
//! at once, from within the handler.
//!
//! Signals are caught rather than ignored, because a program inherits what is ignored and would
//! then never see a Ctrl-C. A signal that was ignored when we started stays ignored for both.

use crate::sys;
use std::io;

/// The signals caught between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals(u64);

impl Signals {
    /// Whether `signal` came.
    pub fn has(self, signal: i32) -> bool {
        (0..64).contains(&signal) && self.0 >> signal & 1 == 1
    }

    /// Whether none came.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Survives Ctrl-C and Ctrl-\ from now on; see [`interrupts`] and [`take`].
///
/// # Errors
/// Those of sigaction.
pub fn ignore_terminal_signals() -> io::Result<()> {
    catch(&[libc::SIGINT, libc::SIGQUIT])
}

/// Passes SIGTERM and SIGHUP, and SIGINT and SIGQUIT if they are caught, on to the process `pid`
/// whenever another process sends them to us. `None` when the program has ended: its id may soon
/// be another's.
///
/// A SIGTERM or SIGHUP that was caught before is passed on now, so that nothing is lost when
/// [`catch`] is called for them before the program starts.
///
/// # Errors
/// Those of sigaction.
pub fn forward_to(pid: Option<u32>) -> io::Result<()> {
    sys::set_heir(pid);
    let Some(pid) = pid else {
        return Ok(());
    };
    let signals = [libc::SIGTERM, libc::SIGHUP];
    catch(&signals)?;
    let seen = Signals(sys::seen_signals());
    for signal in signals.into_iter().filter(|&signal| seen.has(signal)) {
        // A program that ended meanwhile has no use for it.
        let _ = sys::kill(pid, signal);
    }
    Ok(())
}

/// Catches some signals, so that they interrupt sleeps and waits instead of ending us.
///
/// # Errors
/// Those of sigaction.
pub fn catch(signals: &[i32]) -> io::Result<()> {
    signals
        .iter()
        .try_for_each(|&signal| sys::catch_signal(signal).map(drop))
}

/// The signals caught since the last call.
pub fn take() -> Signals {
    Signals(sys::take_signals())
}

/// How often Ctrl-C was pressed so far.
pub fn interrupts() -> u32 {
    sys::interrupts()
}

/// Has signals delivered to other threads than the calling one. Every thread but the main one does
/// this first, so that it is the main thread whose waits they interrupt.
pub fn leave_to_main_thread() {
    sys::block_signals(&[libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP]);
}

/// Ends this process by the signal that ended the program, so that whoever started us sees the
/// same. Leaves no core file: the program's own is the one of interest.
pub fn die_of(signal: i32) -> ! {
    sys::forbid_core_file();
    // If the signal cannot be raised, the shell's convention says the same.
    let _ = sys::reset_signal(signal);
    sys::raise_unblocked(signal);
    std::process::exit(128 + signal)
}
