//! Finding the interpreter in real processes.

mod programs;

use pitstop_cpython::Memory;
use pitstop_target::python::{FindError, How, VersionSource, find_python};
use pitstop_target::rseq;
use pitstop_target::{LiveMemory, affinity, maps};
use programs::Program;
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

#[test]
fn a_deleted_program_is_found_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("myserver");
    std::fs::copy(programs::python(), &copy).unwrap();
    let home = programs::python().canonicalize().unwrap();
    let home = home.parent().and_then(std::path::Path::parent).unwrap();
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
    std::fs::copy(programs::python(), &copy).unwrap();
    let home = programs::python().canonicalize().unwrap();
    let home = home.parent().and_then(std::path::Path::parent).unwrap();
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
    let process = pitstop_target::process::Process::open_unread(zombie.id());
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
    let code = "import sysconfig as s, os.path\n\
        print(os.path.join(s.get_config_var('LIBDIR') or '', s.get_config_var('INSTSONAME') or ''))";
    for python in programs::every_python() {
        let output = Command::new(&python).args(["-c", code]).output().unwrap();
        let library = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !library.contains("libpython3") || !std::path::Path::new(&library).exists() {
            continue; // linked statically, or too old to tell
        }
        let load =
            "$| = 1; DynaLoader::dl_load_file($ARGV[0], 0) or die; print qq(ready\\n); <STDIN>";
        let args = ["-MDynaLoader", "-e", load, &library];
        let program = Program::start(Command::new("perl").args(args));
        match find_python(program.pid()) {
            Err(FindError::NotReady(pid)) => assert_eq!(pid, program.pid()),
            Err(FindError::Unsupported { .. }) => {}
            other => panic!("{library}: {other:?}"),
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
