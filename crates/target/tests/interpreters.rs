//! Finding the interpreter in real processes.

mod programs;

use pitstop_cpython::{Memory, ReadError};
use pitstop_target::process::{OpenError, Process};
use pitstop_target::python::{FindError, How, VersionSource, find_python};
use pitstop_target::rseq;
use pitstop_target::threads::ThreadFiles;
use pitstop_target::{LiveMemory, affinity, maps};
use programs::Program;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const WAIT: &str = "import sys\nsys.stdout.write('ready\\n'); sys.stdout.flush()\nsys.stdin.read()";

#[test]
fn every_interpreter_is_found_with_its_version() {
    for python in programs::every_python() {
        let code = "import sys; sys.stdout.write('%d.%d.%d' % sys.version_info[:3])";
        let output = Command::new(&python).args(["-c", code]).output().unwrap();
        let truth = String::from_utf8(output.stdout).unwrap();
        let program = Program::start(Command::new(&python).args(["-c", WAIT]));
        let found = find_python(program.pid());
        let minor: u32 = truth.split('.').nth(1).unwrap().parse().unwrap();
        if truth.starts_with('2') || minor < 8 {
            match found {
                Err(FindError::Unsupported { version, .. }) => assert_eq!(version, truth),
                other => panic!("{truth}: {other:?}"),
            }
            continue;
        }
        let found = found.unwrap_or_else(|error| panic!("{truth}: {error}"));
        assert_eq!(found.version().to_string(), truth, "{found:?}");
        assert!(found.range.contains(&found.runtime), "{found:?}");
        let expected = match minor {
            ..=10 => VersionSource::Text,
            11 | 12 => VersionSource::Symbol,
            _ => VersionSource::Cookie,
        };
        assert_eq!(found.source, expected);
        assert_eq!(found.how, How::Symbol);
        assert_eq!(found.free_threaded.is_some(), minor >= 13);
    }
}

/// Where the shared library of an interpreter lies, if it has one.
fn library_of(python: &Path) -> Option<PathBuf> {
    let code = "import sysconfig as s, os.path\n\
        print(os.path.join(s.get_config_var('LIBDIR') or '', s.get_config_var('INSTSONAME') or ''))";
    let output = Command::new(python).args(["-c", code]).output().ok()?;
    let library = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    let name = library.file_name()?.to_str()?;
    (name.starts_with("libpython3") && name.contains(".so") && library.exists()).then_some(library)
}

/// Whether the program of an interpreter asks for its shared library. Some systems install one
/// beside a program that has everything in it.
fn uses_library(python: &Path) -> bool {
    let file = std::fs::File::open(python).unwrap();
    let needed = pitstop_target::symbols::Elf::parse(file).unwrap().needed();
    needed.iter().any(|name| name.starts_with("libpython"))
}

/// Changes a copy of the file an interpreter's code is in, and runs the interpreter from it.
fn run_changed(python: &Path, change: impl Fn(&mut Vec<u8>)) -> (tempfile::TempDir, Program) {
    let directory = tempfile::tempdir().unwrap();
    let library = library_of(python).filter(|_| uses_library(python));
    let original = library.as_deref().unwrap_or(python);
    let copy = directory.path().join(original.file_name().unwrap());
    let mut bytes = std::fs::read(original).unwrap();
    change(&mut bytes);
    programs::install(&bytes, &copy);
    let mut command = Command::new(if library.is_some() { python } else { &copy });
    if library.is_some() {
        command.env("LD_PRELOAD", &copy);
    }
    let home = python.parent().and_then(Path::parent).unwrap();
    let program = Program::start(command.env("PYTHONHOME", home).args(["-S", "-c", WAIT]));
    (directory, program)
}

#[test]
fn a_file_without_sections_is_found_by_the_cookie() {
    for python in programs::every_python() {
        let whole = Program::start(Command::new(&python).args(["-c", WAIT]));
        let Ok(expected) = find_python(whole.pid()) else {
            continue; // too old
        };
        if expected.source != VersionSource::Cookie {
            continue;
        }
        let (directory, program) = run_changed(&python, |bytes| {
            bytes[0x28..0x30].fill(0); // e_shoff
            bytes[0x3c..0x40].fill(0); // e_shnum, e_shstrndx
        });
        let found = find_python(program.pid()).unwrap();
        assert!(found.path.starts_with(directory.path()));
        assert_eq!((found.how, found.versions), (How::Scan, expected.versions));
    }
}

#[test]
fn a_file_without_the_symbol_is_found_by_the_section() {
    for python in programs::every_python() {
        let file = std::fs::read(&python).unwrap();
        let has_section = file.windows(12).any(|window| window == b"\0.PyRuntime\0");
        if uses_library(&python) || !has_section {
            continue; // a library cannot do without the symbol
        }
        let (_directory, program) = run_changed(&python, |bytes| {
            let name = b"\0_PyRuntime\0";
            for at in 0..bytes.len() - name.len() {
                if bytes[at..].starts_with(name) {
                    bytes[at + 1] = b'X';
                }
            }
        });
        assert_eq!(find_python(program.pid()).unwrap().how, How::Section);
    }
}

/// Runs tests of this file again as a user without privileges, with the system's own `python3`.
#[test]
fn the_same_works_without_privileges() {
    let system_python = "/usr/bin/python3";
    if !programs::is_root() || !Path::new(system_python).exists() {
        return; // it has been done, or cannot be
    }
    let output = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
        ])
        .arg(std::env::current_exe().unwrap())
        .args([
            "a_deleted",
            "a_program",
            "a_process",
            "a_file",
            "what_is",
            "every",
            "rseq",
        ])
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/")
        .env_remove("PITSTOP_TEST_PYTHONS")
        .output();
    let Ok(output) = output else {
        return; // no such program here
    };
    let text = String::from_utf8_lossy(&output.stdout);
    // Nothing is printed where that user may not even start this test.
    assert!(output.status.success() || text.is_empty(), "{text}");
}

#[test]
#[ignore = "runs inside `a_stranger_is_told_what_to_do`"]
fn stranger() {
    let pid = std::env::var("PITSTOP_TEST_PID").unwrap().parse().unwrap();
    let Err(FindError::NoPermission(denied)) = find_python(pid) else {
        panic!("it should be refused");
    };
    assert!(denied.why.contains("belongs to user 0"), "{denied}");
    assert!(denied.cure.contains("sudo"), "{denied}");
    assert!(matches!(Process::open(pid), Err(OpenError::Denied(same)) if same == denied));
    assert!(Process::open_unread(pid).unwrap().is_alive());
    let memory = LiveMemory::new(pid);
    assert_eq!(memory.read(0x1000, &mut [0]), Err(ReadError::Denied));
    let files = ThreadFiles::open(pid, pid).unwrap();
    assert!(files.schedstat().unwrap().run_ns > 0);
    assert_eq!(
        files.syscall().unwrap_err().kind(),
        std::io::ErrorKind::PermissionDenied
    );
}

#[test]
fn a_stranger_is_told_what_to_do() {
    if !programs::is_root() {
        return;
    }
    let program = Program::python("print('ready')\nimport sys\nsys.stdin.read()");
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "stranger", "--ignored"])
        .env("PITSTOP_TEST_PID", program.pid().to_string())
        .output();
    let Ok(output) = output else {
        return; // no such program here
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() || text.is_empty(), "{text}");
}

#[test]
fn a_deleted_program_is_found_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("myserver");
    programs::install(&std::fs::read(programs::python()).unwrap(), &copy);
    let home = programs::python().canonicalize().unwrap();
    let home = home.parent().and_then(Path::parent).unwrap();
    let mut command = Command::new(&copy);
    let program = Program::start(command.env("PYTHONHOME", home).args(["-S", "-c", WAIT]));
    let before = find_python(program.pid()).unwrap();
    std::fs::remove_file(&copy).unwrap();
    assert_eq!(find_python(program.pid()).unwrap(), before);
}

#[test]
fn a_program_that_took_the_name_is_not_taken_for_it() {
    // Only whoever may not look through the mapping itself can be fooled; the file is compared
    // with memory then. Root is served either way.
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("python");
    programs::install(&std::fs::read(programs::python()).unwrap(), &copy);
    let home = programs::python().canonicalize().unwrap();
    let home = home.parent().and_then(Path::parent).unwrap();
    let mut command = Command::new(&copy);
    let program = Program::start(command.env("PYTHONHOME", home).args(["-S", "-c", WAIT]));
    let before = find_python(program.pid()).unwrap();
    std::fs::remove_file(&copy).unwrap();
    std::fs::write(&copy, b"#!/bin/sh\n").unwrap();
    assert_eq!(find_python(program.pid()).unwrap(), before);
}

#[test]
fn what_is_no_python_is_named() {
    let sleep = Program::start(Command::new("sh").args(["-c", "echo ready; exec sleep 1000"]));
    // The shell may not have become `sleep` yet; both are no Python.
    match find_python(sleep.pid()) {
        Err(FindError::NotPython { pid, .. }) => assert_eq!(pid, sleep.pid()),
        other => panic!("{other:?}"),
    }
    let shell = Program::start(Command::new("sh").args(["-c", "echo ready; read x"]));
    let error = find_python(shell.pid()).unwrap_err().to_string();
    assert!(error.contains("is a shell"), "{error}");
}

#[test]
fn a_process_that_ended_is_gone() {
    let mut program = Program::python(WAIT);
    let pid = program.pid();
    program.end();
    assert!(matches!(find_python(pid), Err(FindError::Gone(gone)) if gone == pid));
    let mut zombie = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
    let process = Process::open_unread(zombie.id());
    if let Ok(process) = process {
        assert!(process.wait_for_end(None).unwrap());
    }
    assert!(matches!(find_python(zombie.id()), Err(FindError::Gone(_))));
    zombie.wait().unwrap();
}

#[test]
fn an_interpreter_that_was_loaded_and_not_started_is_not_ready() {
    let perl = Command::new("perl")
        .args(["-MDynaLoader", "-e", "1"])
        .status();
    if !perl.is_ok_and(|status| status.success()) {
        return; // no host program to load a library into
    }
    for python in programs::every_python() {
        let Some(library) = library_of(&python) else {
            continue; // linked statically, or too old to tell
        };
        let load =
            "$| = 1; DynaLoader::dl_load_file($ARGV[0], 0) or die; print qq(ready\\n); <STDIN>";
        let args = ["-MDynaLoader", "-e", load, library.to_str().unwrap()];
        let program = Program::start(Command::new("perl").args(args));
        match find_python(program.pid()) {
            Err(FindError::NotReady(pid)) => assert_eq!(pid, program.pid()),
            Err(FindError::Unsupported { .. }) => {}
            other => panic!("{}: {other:?}", library.display()),
        }
    }
}

#[test]
fn rseq_shows_the_cpu_of_a_spinning_thread() {
    let code = "import os, threading, sys\n\
        cpu = int(sys.argv[1])\n\
        os.sched_setaffinity(0, {cpu})\n\
        print(threading.get_ident())\n\
        print('ready', flush=True)\n\
        while True: pass";
    for cpu in affinity::allowed_cpus(std::process::id())
        .unwrap()
        .into_iter()
        .take(4)
    {
        let mut command = Command::new(programs::python());
        command
            .args(["-c", code, &cpu.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        let mut program = Program::from_child(child);
        let thread: u64 = program.line().parse().unwrap();
        program.expect("ready");
        let memory = LiveMemory::new(program.pid());
        let maps = maps::read(program.pid()).unwrap();
        let Some(area) = rseq::RseqArea::find(program.pid(), &memory, &maps) else {
            return; // musl, or a C library before 2.35
        };
        let Some(pointer) = rseq::thread_pointer(thread) else {
            return;
        };
        let mut number = [0; 4];
        memory
            .read(area.cpu_id_address(pointer), &mut number)
            .unwrap();
        assert_eq!(u32::from_ne_bytes(number), cpu);
    }
}
