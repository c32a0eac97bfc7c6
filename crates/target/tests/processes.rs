//! Processes and threads seen from outside, live.

mod programs;

use pitstop_target::descriptors::{DescriptorKind, describe};
use pitstop_target::image::{Image, files_with_code};
use pitstop_target::process::{self, OpenError, Process};
use pitstop_target::stop::Stopped;
use pitstop_target::symbols::Tables;
use pitstop_target::syscalls::{CallClass, class, fd_argument, syscall_name};
use pitstop_target::threads::{self, SyscallState, ThreadFiles};
use pitstop_target::{LiveMemory, is_gone, maps};
use programs::Program;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Asks again until something is so. It becomes so by itself; the limit only ends a broken test.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_000_000 {
        if is_so() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("never {what}");
}

/// One thread in each of the usual ways to wait, and their ids in the order of the names.
const THREADS: &str = "
import threading, time, os, select, sys
lock = threading.Lock(); lock.acquire()
r, w = os.pipe()
def sleeping(): time.sleep(1000)
def locked(): lock.acquire()
def reading(): os.read(r, 1)
def polling():
    p = select.poll(); p.register(r, 1); p.poll()
for f in (sleeping, locked, reading, polling):
    t = threading.Thread(target=f, daemon=True); t.start(); print(t.native_id)
print(r)
print('ready', flush=True)
sys.stdin.read()
";

fn threads_program() -> (Program, Vec<u32>, i32) {
    let child = Command::new(programs::python())
        .args(["-u", "-c", THREADS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut program = Program::from_child(child);
    let tids = (0..4).map(|_| program.line().parse().unwrap()).collect();
    let fd = program.line().parse().unwrap();
    program.expect("ready");
    (program, tids, fd)
}

#[test]
fn each_way_to_wait_is_told_from_the_others() {
    let (program, tids, pipe) = threads_program();
    let pid = program.pid();
    assert_eq!(threads::list(pid).unwrap().len(), 5);
    let expected = [
        CallClass::Sleep,
        CallClass::Lock,
        CallClass::Io,
        CallClass::Poll,
    ];
    for (&tid, expected) in tids.iter().zip(expected) {
        let files = ThreadFiles::open(pid, tid).unwrap();
        let call = || match files.syscall().unwrap() {
            SyscallState::Blocked { number, args, .. } => Some((number, args)),
            _ => None,
        };
        // The thread announced itself just before it began to wait.
        until("waits as it should", || {
            call().is_some_and(|(number, args)| class(number, &args) == expected)
        });
        assert_eq!(files.stat().unwrap().state, b'S');
        let Some((number, args)) = call() else {
            panic!("{expected:?} went on");
        };
        assert_ne!(syscall_name(number), "unknown call");
        if expected == CallClass::Io {
            let fd = args[fd_argument(number).unwrap()] as i32;
            assert_eq!((syscall_name(number), fd), ("read", pipe));
            assert_eq!(describe(pid, fd).kind, DescriptorKind::Pipe);
        }
    }
}

#[test]
fn a_waiting_thread_uses_no_cpu_and_a_spinning_one_does() {
    let (program, tids, _) = threads_program();
    let files = ThreadFiles::open(program.pid(), tids[1]).unwrap();
    until("waits", || {
        matches!(files.syscall().unwrap(), SyscallState::Blocked { .. })
    });
    let before = files.schedstat().unwrap();
    assert!(before.run_ns > 0 && before.slices > 0);
    assert_eq!(files.schedstat().unwrap(), before);

    let program = Program::python("print('ready')\nwhile True: pass");
    let files = ThreadFiles::open(program.pid(), program.pid()).unwrap();
    let start = files.schedstat().unwrap();
    until("ran on", || {
        files.schedstat().unwrap().run_ns > start.run_ns
    });
    assert_eq!(files.syscall().unwrap(), SyscallState::Running);
    assert_eq!(files.stat().unwrap().state, b'R');
    let cpus = pitstop_target::affinity::allowed_cpus(program.pid()).unwrap();
    assert!(cpus.contains(&files.stat().unwrap().processor));
    until("used CPU time", || {
        process::cpu_ns(program.pid()).unwrap() > 0
    });
    assert!(process::rss_bytes(program.pid()).unwrap() > 1 << 20);
}

#[test]
fn a_pinned_thread_shows_its_cpu_in_field_39() {
    let code = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nprint('ready', flush=True)\nsys.stdin.read()";
    for cpu in pitstop_target::affinity::allowed_cpus(std::process::id()).unwrap() {
        let mut command = Command::new(programs::python());
        let program = Program::start(command.args(["-c", code, &cpu.to_string()]));
        let stat = ThreadFiles::open(program.pid(), program.pid())
            .unwrap()
            .stat()
            .unwrap();
        assert_eq!(stat.processor, cpu);
        let (_, start_ticks) = process::state_and_start(program.pid()).unwrap();
        assert_eq!(stat.start_ticks, start_ticks);
        assert!(stat.minor_faults > 0);
    }
}

#[test]
fn a_name_with_parentheses_confuses_nobody() {
    let code = "open('/proc/self/comm', 'w').write('a) R (b 1 2')\nprint('ready')\nimport sys\nsys.stdin.read()";
    let program = Program::python(code);
    let files = ThreadFiles::open(program.pid(), program.pid()).unwrap();
    assert_eq!(files.comm().unwrap(), "a) R (b 1 2");
    until("waits", || files.stat().unwrap().state == b'S');
    assert_eq!(process::parent(program.pid()).unwrap(), std::process::id());
}

#[test]
fn everything_says_gone_after_the_end() {
    let mut program = Program::python("print('ready')\nimport sys\nsys.stdin.read()");
    let pid = program.pid();
    let files = ThreadFiles::open(pid, pid).unwrap();
    let opened_later = ThreadFiles::open(pid, pid).unwrap();
    files.schedstat().unwrap();
    files.syscall().unwrap();
    files.stat().unwrap();
    let process = Process::open(pid).unwrap();
    assert!(process.is_alive());
    assert!(!process.wait_for_end(Some(Duration::ZERO)).unwrap());
    program.end();
    assert!(!process.is_alive());
    assert!(process.wait_for_end(None).unwrap());
    for files in [&files, &opened_later] {
        assert!(is_gone(&files.schedstat().unwrap_err()));
        assert!(is_gone(&files.syscall().unwrap_err()));
        assert!(is_gone(&files.stat().unwrap_err()));
        assert!(is_gone(&files.comm().unwrap_err()));
    }
    assert!(is_gone(&ThreadFiles::open(pid, pid).unwrap_err()));
    assert!(is_gone(&threads::list(pid).unwrap_err()));
    assert!(is_gone(&maps::read(pid).unwrap_err()));
    assert!(is_gone(&process::exe(pid).unwrap_err()));
    assert!(is_gone(&process::cmdline(pid).unwrap_err()));
    assert!(is_gone(&process::children(pid).unwrap_err()));
    assert!(is_gone(&process::rss_bytes(pid).unwrap_err()));
    assert!(is_gone(&process::cpu_ns(pid).unwrap_err()));
    assert!(is_gone(&process::namespace_tids(pid).unwrap_err()));
    assert!(matches!(
        Process::open(pid),
        Err(OpenError::NoSuchProcess(_))
    ));
}

#[test]
fn what_is_no_living_process_is_called_what_it_is() {
    let (program, tids, _) = threads_program();
    match Process::open(tids[0]) {
        Err(OpenError::IsThread { tid, pid }) => assert_eq!((tid, pid), (tids[0], program.pid())),
        other => panic!("{other:?}"),
    }
    let mut zombie = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
    let pid = zombie.id();
    until("ended", || process::state_and_start(pid).unwrap().0 == b'Z');
    assert!(matches!(Process::open(pid), Err(OpenError::Zombie(_))));
    zombie.wait().unwrap();
    for never in [0, u32::MAX] {
        assert!(matches!(
            Process::open(never),
            Err(OpenError::NoSuchProcess(_))
        ));
    }
}

#[test]
fn children_of_every_thread_are_found() {
    let code = "import subprocess, threading, sys\n\
        print('ready')\n\
        def start(): print(subprocess.Popen(['sleep', '1000']).pid)\n\
        start()\n\
        def in_thread(): start(); sys.stdin.readline()\n\
        t = threading.Thread(target=in_thread); t.start(); t.join()";
    let mut program = Program::python(code);
    let mut expected: Vec<u32> = (0..2).map(|_| program.line().parse().unwrap()).collect();
    let mut found = process::children(program.pid()).unwrap();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let child = Process::open_unread(found[0]).unwrap();
    until("became sleep", || {
        child
            .cmdline()
            .is_ok_and(|words| words == ["sleep", "1000"])
    });
    assert!(child.exe().unwrap().is_absolute());
    for pid in found {
        assert!(
            Command::new("kill")
                .arg(pid.to_string())
                .status()
                .unwrap()
                .success()
        );
    }
    program
        .child
        .stdin
        .take()
        .unwrap()
        .write_all(b"\n")
        .unwrap();
}

#[test]
fn another_program_after_exec_is_seen() {
    let code = "import os, sys\nprint('ready')\nsys.stdin.readline()\n\
        os.execvp('sleep', ['sleep', '1000'])";
    let mut program = Program::python(code);
    let process = Process::open(program.pid()).unwrap();
    let before = process.exe().unwrap();
    let start = process.start_ticks();
    program
        .child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"\n")
        .unwrap();
    until("became sleep", || {
        process.exe().is_ok_and(|exe| exe != before)
    });
    assert!(process.is_alive(), "the process is the same");
    assert_eq!(
        Process::open_unread(program.pid()).unwrap().start_ticks(),
        start
    );
}

#[test]
fn threads_in_a_pid_namespace_have_two_ids() {
    assert_eq!(process::namespace_tids(std::process::id()).unwrap(), None);
    let python = programs::python();
    let code = "import os, sys\nprint(os.getpid())\nprint('ready')\nsys.stdin.read()";
    let mut command = Command::new("unshare");
    command
        .args(["--pid", "--fork", "--kill-child"])
        .arg(python)
        .args(["-u", "-c", code]);
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = child else {
        return; // no such program here
    };
    let mut program = Program::from_child(child);
    let Ok(inner) = program.line().parse::<u32>() else {
        return; // not permitted to us
    };
    program.expect("ready");
    let outer = process::children(program.pid()).unwrap()[0];
    let map = process::namespace_tids(outer).unwrap().unwrap();
    assert_eq!(map.get(&inner), Some(&outer));
    assert!(pitstop_target::find_python(outer).is_ok());
}

#[test]
fn a_program_in_another_mount_namespace_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let python = programs::python().canonicalize().unwrap();
    let home = python.parent().and_then(std::path::Path::parent).unwrap();
    // The program exists only where the target sees it.
    let script = "mount -t tmpfs none \"$1\" && cp \"$2\" \"$1/app\" && \
        PYTHONHOME=\"$3\" exec \"$1/app\" -S -u -c \"$4\"";
    let code = "print('ready')\nimport sys\nsys.stdin.read()";
    let child = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([directory.path(), &python, home])
        .arg(code)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = child else {
        return;
    };
    let mut program = Program::from_child(child);
    if program.line() != "ready" {
        return; // not permitted to us
    }
    assert!(!directory.path().join("app").exists());
    let exe = process::exe(program.pid()).unwrap();
    assert!(process::rooted(program.pid(), &exe).exists());
    assert!(pitstop_target::find_python(program.pid()).is_ok());
}

#[test]
fn symbols_of_a_mapped_library_are_where_the_loader_put_them() {
    let maps = maps::read(std::process::id()).unwrap();
    let memory = LiveMemory::new(std::process::id());
    let expected = libc::getpid as *const () as u64;
    let files = files_with_code(&maps);
    let is_library = |name: &[u8]| name.starts_with(b"libc.") || name.starts_with(b"ld-musl");
    let Some(library) = files.iter().find(|file| is_library(file.name())) else {
        return; // linked statically
    };
    let image = Image::open(std::process::id(), &memory, library, &maps).unwrap();
    let found = image.symbols(["getpid", "no_such_function"], Tables::All);
    assert_eq!(found, [Some(expected), None]);
    assert!(image.range().contains(&expected));
    assert!(image.parts(false).any(|part| part.contains(&expected)));
    assert!(!image.parts(true).any(|part| part.contains(&expected)));
}

const HANDLER: &str = "import signal, sys\n\
    signal.signal(signal.SIGUSR1, lambda *_: print('signal'))\n\
    print('ready')\n\
    while True: pass";

#[test]
fn a_stopped_thread_does_not_run_and_goes_on_afterwards() {
    let mut program = Program::python(HANDLER);
    let pid = program.pid();
    let files = ThreadFiles::open(pid, pid).unwrap();
    for _ in 0..50 {
        let stopped = Stopped::stop(pid).unwrap();
        assert_eq!(stopped.tid(), pid);
        assert_eq!(files.stat().unwrap().state, b't');
        let before = files.schedstat().unwrap();
        assert_eq!(files.schedstat().unwrap().run_ns, before.run_ns);
        drop(stopped);
        until("went on", || {
            files.schedstat().unwrap().run_ns > before.run_ns
        });
    }
    // A signal that comes meanwhile is not lost.
    let stopped = Stopped::stop(pid).unwrap();
    let kill = |signal: &str| {
        let status = Command::new("kill")
            .args([signal, &pid.to_string()])
            .status();
        assert!(status.unwrap().success());
    };
    kill("-USR1");
    drop(stopped);
    program.expect("signal");
    // Signals that race with the stop are not lost either.
    for _ in 0..20 {
        kill("-USR1");
        drop(Stopped::stop(pid).unwrap());
        program.expect("signal");
    }
}

#[test]
fn only_the_one_thread_stops() {
    let (program, tids, _) = threads_program();
    let states = || -> Vec<u8> {
        let state = |&tid| {
            ThreadFiles::open(program.pid(), tid)
                .unwrap()
                .stat()
                .unwrap()
                .state
        };
        tids.iter().map(state).collect()
    };
    until("wait all", || states() == b"SSSS");
    let stopped = Stopped::stop(tids[2]).unwrap();
    assert_eq!(states(), b"SStS");
    drop(stopped);
    until("wait again", || states() == b"SSSS");
}

#[test]
fn a_thread_that_starts_programs_all_the_time_can_be_stopped() {
    let program =
        Program::python("import subprocess\nprint('ready')\nwhile True: subprocess.run(['true'])");
    for _ in 0..200 {
        match Stopped::stop(program.pid()) {
            Ok(stopped) => drop(stopped),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy),
        }
    }
    let files = ThreadFiles::open(program.pid(), program.pid()).unwrap();
    let start = files.schedstat().unwrap().run_ns;
    // Whatever did not stop in time is let go by the next stop.
    until("went on", || {
        drop(Stopped::stop(program.pid()));
        files.schedstat().unwrap().run_ns > start
    });
}

#[test]
fn a_stop_of_the_user_stays() {
    let mut program = Program::python(HANDLER);
    let pid = program.pid();
    let files = ThreadFiles::open(pid, pid).unwrap();
    let kill = |signal: &str| {
        Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .unwrap();
    };
    kill("-STOP");
    until("stopped", || files.stat().unwrap().state == b'T');
    drop(Stopped::stop(pid).unwrap());
    until("stopped again", || files.stat().unwrap().state == b'T');
    kill("-CONT");
    kill("-USR1");
    program.expect("signal");
}

#[test]
fn stopping_the_dead_is_an_error() {
    let mut program = Program::python(HANDLER);
    let stopped = Stopped::stop(program.pid()).unwrap();
    program.end();
    drop(stopped);
    assert!(is_gone(&Stopped::stop(program.pid()).unwrap_err()));
    assert!(is_gone(&Stopped::stop(u32::MAX).unwrap_err()));
}

#[test]
fn only_one_tracer_may_have_a_thread() {
    let program = Program::python(HANDLER);
    let _stopped = Stopped::stop(program.pid()).unwrap();
    let pid = program.pid();
    let second = std::thread::spawn(move || Stopped::stop(pid).map(drop))
        .join()
        .unwrap();
    assert_eq!(
        second.unwrap_err().kind(),
        std::io::ErrorKind::PermissionDenied
    );
}
