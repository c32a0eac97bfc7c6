//! May we read that process, and if not, what would let us.
//!
//! The kernel answers EPERM for a dozen reasons and names none. The reasons are told apart here
//! from what can be seen, most particular first, so that the user gets one cure and not a list.
//! Kernel lockdown is not among them: it does not govern `process_vm_readv`.

use crate::{procfs, sys};
use pitstop_cpython::Slice;
use std::io;
use thiserror::Error;

/// Reading a process is not permitted.
#[derive(Error, Clone, Debug, PartialEq, Eq)]
#[error("reading the memory of process {pid} is not permitted: {why}; {cure}")]
pub struct Denied {
    /// The process.
    pub pid: u32,
    /// The reason, as a clause.
    pub why: String,
    /// The one thing to do, as a clause in the imperative.
    pub cure: String,
}

/// Says whether the memory of `pid` can be read, by trying. A process that is not there is not
/// refused: whoever reads it will hear that it is gone.
///
/// # Errors
/// [`Denied`] with the reason and the cure.
pub fn can_read(pid: u32) -> Result<(), Denied> {
    match try_read(pid) {
        Ok(()) => Ok(()),
        Err(_) => Err(explain(pid)),
    }
}

/// The reason why `pid` cannot be read, for callers that were just refused.
pub fn explain(pid: u32) -> Denied {
    let (why, cure) = diagnose(&Facts::gather(pid));
    Denied { pid, why, cure }
}

/// Reads one byte. The kernel checks the permission before the address, so that "nothing mapped
/// there" is a yes.
fn try_read(pid: u32) -> io::Result<()> {
    let mut byte = [0];
    let slice = Slice {
        address: sys::page_size(),
        buffer: &mut byte,
    };
    match sys::read_process(pid, &mut [slice]) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EFAULT | libc::ESRCH)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What a diagnosis is made from.
#[derive(Clone, Debug, Default)]
struct Facts {
    own_user: u32,
    has_ptrace_capability: bool,
    /// Effective capabilities of the target that we lack.
    target_has_more: bool,
    target_user: Option<u32>,
    same_user_namespace: bool,
    /// The call fails even on ourselves.
    call_is_blocked: bool,
    yama_scope: Option<u32>,
}

impl Facts {
    fn gather(pid: u32) -> Self {
        let own = procfs::read("/proc/self/status", 1 << 16).unwrap_or_default();
        let target = procfs::read(format!("/proc/{pid}/status"), 1 << 16).unwrap_or_default();
        let capabilities = |text: &[u8]| procfs::line_value(text, "CapEff").and_then(procfs::hex);
        let own_capabilities = capabilities(&own).unwrap_or(0);
        let effective_user = |text: &[u8]| {
            let mut fields = procfs::Fields(procfs::line_value(text, "Uid")?);
            fields.skip(1)?;
            u32::try_from(fields.decimal()?).ok()
        };
        let namespace = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/user")).ok();
        let theirs = namespace(&pid.to_string());
        let yama = procfs::read("/proc/sys/kernel/yama/ptrace_scope", 16);
        Self {
            own_user: sys::effective_user(),
            has_ptrace_capability: own_capabilities & CAP_SYS_PTRACE != 0,
            target_has_more: capabilities(&target).unwrap_or(0) & !own_capabilities != 0,
            target_user: effective_user(&target),
            same_user_namespace: theirs.is_none() || theirs == namespace("self"),
            call_is_blocked: try_read(std::process::id()).is_err(),
            yama_scope: yama
                .ok()
                .and_then(|text| procfs::decimal(text.trim_ascii()))
                .and_then(|scope| u32::try_from(scope).ok()),
        }
    }
}

/// linux/capability.h: CAP_SYS_PTRACE is number 19.
const CAP_SYS_PTRACE: u64 = 1 << 19;

fn diagnose(facts: &Facts) -> (String, String) {
    let sudo = "run the same command with `sudo`".to_owned();
    if facts.call_is_blocked {
        return (
            "a seccomp filter of this container blocks `process_vm_readv`".to_owned(),
            "start the container with `--cap-add=SYS_PTRACE`".to_owned(),
        );
    }
    if facts.yama_scope == Some(3) {
        return (
            "`kernel.yama.ptrace_scope` is 3, which forbids it to everyone until a restart"
                .to_owned(),
            "take that line out of `/etc/sysctl.d` and restart the machine".to_owned(),
        );
    }
    if facts.own_user == 0 && !facts.has_ptrace_capability {
        return (
            "root in this container lacks CAP_SYS_PTRACE".to_owned(),
            "start the container with `--cap-add=SYS_PTRACE`".to_owned(),
        );
    }
    if !facts.same_user_namespace {
        return (
            "it runs in a container of another user namespace".to_owned(),
            if facts.own_user == 0 {
                "run the same command inside that container".to_owned()
            } else {
                sudo
            },
        );
    }
    if facts.own_user == 0 {
        return (
            "a security module (SELinux, AppArmor, Landlock) refuses it".to_owned(),
            "look for the refusal in `journalctl -k` and permit ptrace there".to_owned(),
        );
    }
    if let Some(user) = facts.target_user.filter(|&user| user != facts.own_user) {
        return (
            format!("it belongs to user {user} and you are {}", facts.own_user),
            sudo,
        );
    }
    match facts.yama_scope {
        Some(1) => (
            "`kernel.yama.ptrace_scope` is 1, so only a parent may".to_owned(),
            "run `sudo sysctl kernel.yama.ptrace_scope=0`, or start the program through `pitstop`"
                .to_owned(),
        ),
        Some(2) => (
            "`kernel.yama.ptrace_scope` is 2, so only an administrator may".to_owned(),
            sudo,
        ),
        _ if facts.target_has_more => ("it has capabilities that you lack".to_owned(), sudo),
        _ => ("it made itself unreadable (not dumpable)".to_owned(), sudo),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Facts {
        Facts {
            own_user: 1000,
            target_user: Some(1000),
            same_user_namespace: true,
            ..Facts::default()
        }
    }

    #[track_caller]
    fn check(facts: &Facts, why: &str, cure: &str) {
        let found = diagnose(facts);
        assert!(found.0.contains(why), "{found:?}");
        assert!(found.1.contains(cure), "{found:?}");
    }

    #[test]
    fn each_reason_has_its_own_cure() {
        check(
            &Facts {
                yama_scope: Some(1),
                ..user()
            },
            "only a parent",
            "ptrace_scope=0",
        );
        check(
            &Facts {
                yama_scope: Some(2),
                ..user()
            },
            "administrator",
            "sudo",
        );
        check(
            &Facts {
                yama_scope: Some(3),
                ..user()
            },
            "everyone",
            "restart the machine",
        );
        check(
            &Facts {
                target_user: Some(33),
                ..user()
            },
            "belongs to user 33",
            "sudo",
        );
        check(
            &Facts {
                target_has_more: true,
                ..user()
            },
            "capabilities",
            "sudo",
        );
        check(
            &Facts {
                same_user_namespace: false,
                ..user()
            },
            "container",
            "sudo",
        );
        check(
            &Facts {
                call_is_blocked: true,
                ..user()
            },
            "seccomp",
            "--cap-add=SYS_PTRACE",
        );
        check(&user(), "not dumpable", "sudo");
        let root = Facts {
            own_user: 0,
            target_user: Some(0),
            ..user()
        };
        check(&root, "lacks CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE");
        check(
            &Facts {
                has_ptrace_capability: true,
                ..root
            },
            "security module",
            "journalctl",
        );
    }

    #[test]
    fn we_may_read_ourselves() {
        assert_eq!(can_read(std::process::id()), Ok(()));
        let facts = Facts::gather(std::process::id());
        assert!(facts.same_user_namespace && !facts.call_is_blocked && !facts.target_has_more);
        assert_eq!(facts.target_user, Some(facts.own_user));
    }
}
