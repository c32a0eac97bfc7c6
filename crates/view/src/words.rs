//! The words for what threads do and wait for: the same in every picture.

use pitstop_analysis::{Cost, Doing, WaitFor};
use pitstop_model::{Descriptor, ExitStatus, ThreadState};

/// The label of an activity.
pub(crate) fn label(doing: Doing) -> &'static str {
    match doing {
        Doing::Python => "Python",
        Doing::Native => "native",
        Doing::GarbageCollection => "GC",
        Doing::GilWait => "GIL wait",
        Doing::Waiting => "waiting",
        Doing::CpuWait => "CPU wait",
        Doing::Unknown => "unknown",
    }
}

/// One word for what a cost was mostly spent doing; for waiting, for how.
pub(crate) fn word(cost: &Cost, waits_for: Option<&WaitFor>) -> String {
    match cost.mostly() {
        Some(Doing::Waiting) => waits_for.map_or_else(|| "waiting".to_owned(), wait_word),
        Some(doing) => label(doing).to_owned(),
        None => String::new(),
    }
}

/// One word for how a thread waits: `sleep`, `lock`, the system call.
pub(crate) fn wait_word(wait: &WaitFor) -> String {
    match wait.state {
        ThreadState::Sleep => "sleep".to_owned(),
        ThreadState::Lock => "lock".to_owned(),
        _ if wait.is_for_child() => "child".to_owned(),
        _ if wait.syscall.is_empty() => "blocked".to_owned(),
        _ => wait.syscall.clone(),
    }
}

/// What a wait is, as a noun: `sleep`, `locks and threads`, `recvfrom on tcp 10.0.0.1:80`.
pub(crate) fn wait_noun(wait: &WaitFor) -> String {
    match wait.state {
        ThreadState::Sleep => "sleep".to_owned(),
        ThreadState::Lock => "locks".to_owned(),
        _ if wait.is_for_child() => "child processes".to_owned(),
        _ => {
            let call = if wait.syscall.is_empty() {
                "system call"
            } else {
                &wait.syscall
            };
            match thing(wait.descriptor, &wait.name) {
                Some(thing) => format!("{call} on {thing}"),
                None => call.to_owned(),
            }
        }
    }
}

/// What a thread does that waits: `sleeps`, ``waits for `recvfrom` on tcp 10.0.0.1:80``.
pub(crate) fn wait_verb(wait: Option<&WaitFor>) -> String {
    match wait {
        None => "waits".to_owned(),
        Some(wait) if wait.state == ThreadState::Sleep => "sleeps".to_owned(),
        Some(wait) => format!("waits for {}", awaited(wait)),
    }
}

/// How a place waits, after a comma: `asleep`, ``for `recvfrom` on tcp 10.0.0.1:80``.
pub(crate) fn wait_adverb(wait: &WaitFor) -> String {
    match wait.state {
        ThreadState::Sleep => "asleep".to_owned(),
        _ => format!("for {}", awaited(wait)),
    }
}

fn awaited(wait: &WaitFor) -> String {
    if wait.state == ThreadState::Lock {
        "a lock or thread".to_owned()
    } else if wait.is_for_child() {
        "a child process".to_owned()
    } else {
        blocked_in(&wait.syscall, wait.descriptor, &wait.name)
    }
}

/// `` `recvfrom` on tcp 10.0.0.1:80 ``, as far as it is known.
pub(crate) fn blocked_in(syscall: &str, descriptor: Descriptor, name: &str) -> String {
    let call = if syscall.is_empty() {
        "a system call".to_owned()
    } else {
        format!("`{syscall}`")
    };
    match thing(descriptor, name) {
        Some(thing) => format!("{call} on {thing}"),
        None => call,
    }
}

/// What a descriptor is open on: its name, else its kind.
fn thing(descriptor: Descriptor, name: &str) -> Option<&str> {
    if !name.is_empty() {
        return Some(name);
    }
    match descriptor {
        Descriptor::None => None,
        Descriptor::File => Some("a file"),
        Descriptor::Pipe => Some("a pipe"),
        Descriptor::Socket => Some("a socket"),
        Descriptor::Device => Some("a terminal or device"),
        Descriptor::Event => Some("an event descriptor"),
    }
}

/// How a program ended.
pub(crate) fn ending(exit: ExitStatus) -> String {
    match exit {
        ExitStatus::Code(code) => format!("exit {code}"),
        ExitStatus::Signal(signal) => match signal_name(signal) {
            Some(name) => format!("killed by {name}"),
            None => format!("killed by signal {signal}"),
        },
    }
}

/// The names of the signals whose numbers are the same on all Linux machines (signal(7)).
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}
