//! Starting a program and standing aside. Tests that change the state of a whole process run in a
//! process of their own: this test binary, started again with the name of an ignored test.

mod programs;

use pitstop_target::spawn::{Exit, SpawnError, start};
use pitstop_target::{raise_descriptor_limit, signals};
use programs::Program;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn run(program: &str, args: &[&str]) -> Result<Exit, SpawnError> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    start(OsStr::new(program), &args).map(|mut child| child.wait().unwrap().exit)
}

#[test]
fn the_exit_status_passes_through() {
    for code in [0, 1, 42, 255] {
        assert_eq!(
            run("sh", &["-c", &format!("exit {code}")]).unwrap(),
            Exit::Code(code)
        );
    }
    let killed = run("sh", &["-c", "kill -TERM $$"]).unwrap();
    assert_eq!(
        killed,
        Exit::Signal {
            number: libc::SIGTERM,
            core: false
        }
    );
    assert_eq!(killed.shell_code(), 143);
}

#[test]
fn what_cannot_be_started_is_told_as_a_shell_would() {
    let check = |program: &str, code: i32, text: &str| {
        let error = run(program, &[]).unwrap_err();
        assert_eq!(error.exit_code(), code, "{error:?}");
        assert!(error.to_string().contains(text), "{error}");
    };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    check("no-such-program-anywhere", 127, "not found");
    check(&path("missing"), 127, "not found");
    check("", 127, "not found");
    let plain = path("plain");
    std::fs::write(&plain, "text").unwrap();
    check(&plain, 126, "cannot be executed");
    check(&format!("{plain}/x"), 127, "not found");
    check(
        directory.path().to_str().unwrap(),
        126,
        "cannot be executed",
    );
    let orphan = path("orphan");
    programs::install(b"#!/no/such/interpreter\n", Path::new(&orphan));
    check(&orphan, 126, "asks for an interpreter");
}

#[test]
fn a_child_is_waited_for_in_every_way() {
    let mut child = start(OsStr::new("cat"), &["/dev/null".into()]).unwrap();
    let ended = child.wait().unwrap();
    assert_eq!(ended.exit, Exit::Code(0));
    assert!(ended.peak_rss_bytes > 100_000);
    assert_eq!(child.wait().unwrap(), ended, "the answer stays");
    assert_eq!(child.try_wait().unwrap(), Some(ended));
    child.kill(libc::SIGKILL).unwrap();

    let mut child = start(OsStr::new("sleep"), &["1000".into()]).unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    assert_eq!(
        child.wait_at_most(Some(Duration::from_millis(1))).unwrap(),
        None
    );
    child.kill(libc::SIGKILL).unwrap();
    assert_eq!(
        child.wait().unwrap().exit,
        Exit::Signal {
            number: libc::SIGKILL,
            core: false
        }
    );
}

#[test]
fn waiting_for_a_child_leaves_its_stops_alone() {
    use pitstop_target::stop::Stopped;
    let mut child = start(OsStr::new("sleep"), &["1000".into()]).unwrap();
    let pid = child.pid();
    let waiter = std::thread::spawn(move || child.wait().unwrap().exit);
    for _ in 0..200 {
        drop(Stopped::stop(pid).unwrap());
    }
    assert!(
        Command::new("kill")
            .arg(pid.to_string())
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(
        waiter.join().unwrap(),
        Exit::Signal {
            number: libc::SIGTERM,
            core: false
        }
    );
}

/// Runs an ignored test of this file in a process of its own.
fn inner(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        name,
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
}

/// Starts an inner test and passes over what the test harness prints.
fn start_inner(name: &str) -> Program {
    let child = inner(name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut program = Program::from_child(child);
    loop {
        let line = program.line();
        assert!(
            !line.is_empty() || program.child.try_wait().unwrap().is_none(),
            "it ended"
        );
        // The harness prints the name of the test first, on the same line.
        if line.ends_with("ready") {
            return program;
        }
    }
}

fn signal(program: &Program, name: &str) {
    let status = Command::new("kill")
        .args([name, &program.pid().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "runs inside `a_signal_to_us_alone_is_passed_on`"]
fn wrapper() {
    signals::ignore_terminal_signals().unwrap();
    signals::catch(&[libc::SIGTERM, libc::SIGHUP]).unwrap();
    let code = "import signal, sys\n\
        def on(number, frame): print('program got', number, flush=True); sys.exit(number)\n\
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, on)\n\
        print('ready', flush=True)\n\
        while True: signal.pause()";
    let args = ["-c".into(), code.into()];
    let mut child = start(programs::python().as_os_str(), &args).unwrap();
    signals::forward_to(Some(child.pid())).unwrap();
    let ended = child.wait().unwrap();
    signals::forward_to(None).unwrap();
    assert!(!signals::take().is_empty());
    assert!(signals::take().is_empty(), "they are taken once");
    ended.exit.pass_on();
}

#[test]
fn a_signal_to_us_alone_is_passed_on() {
    for (name, number) in [("-TERM", 15), ("-HUP", 1), ("-INT", 2)] {
        let mut program = start_inner("wrapper");
        signal(&program, name);
        program.expect(&format!("program got {number}"));
        assert_eq!(program.child.wait().unwrap().code(), Some(number));
    }
}

#[test]
#[ignore = "runs inside `a_death_by_signal_passes_through`"]
fn dying_wrapper() {
    let mut child = start(OsStr::new("sh"), &["-c".into(), "kill -SEGV $$".into()]).unwrap();
    child.wait().unwrap().exit.pass_on();
}

#[test]
fn a_death_by_signal_passes_through() {
    let status = inner("dying_wrapper")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(libc::SIGSEGV));
    assert!(!status.core_dumped());
}

#[test]
#[ignore = "runs inside `a_program_gets_the_descriptor_limit_that_we_got`"]
fn limits() {
    raise_descriptor_limit().unwrap();
    raise_descriptor_limit().unwrap();
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let own = own
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let numbers: Vec<&str> = own.split_whitespace().collect();
    assert_eq!(numbers[3], numbers[4], "soft is hard now");
    let mut child = start(
        OsStr::new("sh"),
        &["-c".into(), "echo limit $(ulimit -Sn)".into()],
    );
    child.as_mut().unwrap().wait().unwrap();
}

#[test]
fn a_program_gets_the_descriptor_limit_that_we_got() {
    let binary = std::env::current_exe().unwrap();
    let script = "ulimit -Sn 123 && exec \"$0\" --exact limits --ignored --nocapture";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(binary)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.lines().any(|line| line.ends_with("limit 123")),
        "{text}"
    );
}

#[test]
#[ignore = "runs inside `an_ignored_interrupt_stays_ignored`"]
fn background_wrapper() {
    signals::ignore_terminal_signals().unwrap();
    let script = "trap 2>&1 | cat; kill -INT $$; echo survived";
    let mut child = start(OsStr::new("sh"), &["-c".into(), script.into()]).unwrap();
    child.wait().unwrap().exit.pass_on();
}

#[test]
fn an_ignored_interrupt_stays_ignored() {
    let binary = std::env::current_exe().unwrap();
    let script = "trap '' INT; exec \"$0\" --exact background_wrapper --ignored --nocapture";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(binary)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(text.contains("survived"), "{text}");
    // And where it was not ignored, the program has its default again.
    let output = inner("background_wrapper").output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGINT));
}
