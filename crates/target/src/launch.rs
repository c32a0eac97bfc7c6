//! Starting a program to be measured: with an environment of its own, on one CPU, and with the same
//! addresses each time.
//!
//! The opposite of [`spawn`](crate::spawn): such a program is an instrument, not a guest. It is in a
//! process group of its own, so that Ctrl-C reaches it through us only, it never outlives its
//! handle, and how it ended is told together with what it used.

use crate::affinity::cpu_mask;
use crate::spawn::{Child, Ended, SpawnError, explain};
use crate::sys;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// What to start, and how.
#[derive(Debug)]
pub struct Launch {
    /// The program, looked up in `PATH` unless it has a slash.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The directory it starts in.
    pub directory: PathBuf,
    /// The CPU it is kept on, with everything it starts; anywhere if `None`.
    pub cpu: Option<u32>,
    /// Switch the randomization of addresses off, if [`can_fix_addresses`].
    pub fixed_addresses: bool,
    /// Its standard input.
    pub stdin: Stdio,
    /// Its standard output.
    pub stdout: Stdio,
    /// Its standard error.
    pub stderr: Stdio,
}

/// A program that is measured. Dropping it kills its process group.
#[derive(Debug)]
pub struct Launched {
    child: Child,
    group: u32,
    is_over: bool,
    /// The writing end of its standard input, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The reading end of its standard output, if that is a pipe.
    pub stdout: Option<ChildStdout>,
}

/// Whether a program can be started without randomization of its addresses; some containers forbid
/// it.
pub fn can_fix_addresses() -> bool {
    sys::try_fixed_addresses()
}

/// Starts a program.
///
/// # Errors
/// See [`SpawnError`]. A CPU that it may not run on is an error of [`SpawnError::NotExecutable`].
pub fn launch(launch: Launch) -> Result<Launched, SpawnError> {
    let Launch {
        program,
        args,
        environment,
        directory,
        cpu,
        fixed_addresses,
        stdin,
        stdout,
        stderr,
    } = launch;
    let mut command = Command::new(&program);
    command
        .args(args)
        .env_clear()
        .envs(environment)
        .current_dir(directory)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0);
    let mask = cpu.map(|cpu| cpu_mask(&[cpu])).transpose();
    let mask = mask.map_err(|error| explain(&program, error))?;
    sys::prepare_measured(&mut command, mask, fixed_addresses);
    let mut child = command.spawn().map_err(|error| explain(&program, error))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let group = child.id();
    Ok(Launched {
        child: Child::of(group),
        group,
        is_over: false,
        stdin,
        stdout,
    })
}

impl Launched {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.group
    }

    /// Waits until it has ended; a signal that we catch does not end the waiting, ask
    /// [`Launched::kill`] for that from elsewhere or look with a time limit.
    ///
    /// # Errors
    /// Those of wait4.
    pub fn wait(&mut self) -> io::Result<Ended> {
        drop(self.stdin.take());
        let ended = self.child.wait()?;
        self.is_over = true;
        Ok(ended)
    }

    /// Waits until it has ended, at most for so long; a signal that we catch ends the waiting too.
    ///
    /// # Errors
    /// Those of wait4.
    pub fn wait_at_most(&mut self, limit: std::time::Duration) -> io::Result<Option<Ended>> {
        let ended = self.child.wait_at_most(Some(limit))?;
        self.is_over = ended.is_some();
        Ok(ended)
    }

    /// Waits until it has ended without taking its status away, at most for so long: what `/proc`
    /// says of it can still be read. Says whether it has.
    ///
    /// # Errors
    /// Those of poll.
    pub fn ended_within(&self, limit: std::time::Duration) -> io::Result<bool> {
        self.child.ended_within(limit)
    }

    /// Kills it and everything in its process group.
    pub fn kill(&self) {
        // The group may be empty by now.
        let _ = sys::kill_group(self.group, libc::SIGKILL);
    }

    /// Interrupts it and everything in its process group, as Ctrl-C would: a Python program may
    /// still finish what it wants to.
    pub fn interrupt(&self) {
        // The group may be empty by now.
        let _ = sys::kill_group(self.group, libc::SIGINT);
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if !self.is_over {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn shell(script: &str, cpu: Option<u32>, fixed_addresses: bool) -> Launch {
        Launch {
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            environment: vec![
                ("ONLY".into(), "this".into()),
                ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ],
            directory: "/".into(),
            cpu,
            fixed_addresses,
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::null(),
        }
    }

    fn output(what: Launch) -> (String, Ended) {
        let mut launched = launch(what).expect("there is a shell");
        let mut text = String::new();
        let mut stdout = launched.stdout.take().expect("it is a pipe");
        stdout.read_to_string(&mut text).expect("it is text");
        (text, launched.wait().expect("it ends"))
    }

    #[test]
    fn it_has_the_environment_directory_and_cpu_that_it_is_given() {
        let cpus = crate::affinity::allowed_cpus(std::process::id()).expect("we run somewhere");
        for cpu in cpus {
            let script = "echo $ONLY; pwd; grep Cpus_allowed_list /proc/self/status; echo $HOME";
            let (text, ended) = output(shell(script, Some(cpu), true));
            assert_eq!(text, format!("this\n/\nCpus_allowed_list:\t{cpu}\n\n"));
            assert!(ended.peak_rss_bytes > 0);
        }
        assert!(launch(shell("true", Some(8191), false)).is_err());
    }

    #[test]
    fn fixed_addresses_are_the_same_twice_and_others_are_not() {
        assert!(can_fix_addresses(), "this machine lets us");
        let stack = |fixed| output(shell("grep '[[]stack[]]' /proc/self/maps", None, fixed)).0;
        assert_eq!(stack(true), stack(true));
        assert_ne!(stack(false), stack(false));
    }

    #[test]
    fn it_does_not_outlive_its_handle() {
        let script = "sleep 60 & echo $!; wait";
        let mut launched = launch(shell(script, None, false)).expect("there is a shell");
        let mut stdout = launched.stdout.take().expect("it is a pipe");
        let mut line = [0; 32];
        let length = stdout.read(&mut line).expect("the pipe works");
        let pid = String::from_utf8_lossy(&line[..length]).trim().to_owned();
        let pid = pid.parse().expect("the shell says a number");
        let grandchild = crate::process::Process::open(pid).expect("it sleeps");
        drop(launched);
        // Its files are closed a moment before it is gone: only its own end is the end.
        let limit = std::time::Duration::from_secs(30);
        assert!(grandchild.wait_for_end(Some(limit)).expect("poll works"));
    }

    #[test]
    fn an_end_is_seen_before_its_status_is_taken() {
        let launched = launch(shell("exit 3", None, false)).expect("there is a shell");
        let limit = std::time::Duration::from_secs(30);
        assert!(launched.ended_within(limit).expect("poll works"));
        let scheduling = format!("/proc/{}/schedstat", launched.pid());
        assert!(std::fs::read_to_string(scheduling).is_ok());
        let mut launched = launched;
        let ended = launched.wait().expect("it ended");
        assert_eq!(ended.exit, crate::spawn::Exit::Code(3));
    }
}
