//! `pitstop record`: into a file, from a program or from a process that runs already.

use pitstop_e2e::{
    Finished, Profile, Python, Running, Truth, Workbench, fixture, on_each_python,
    on_oldest_and_newest_python, pythons, start, start_with, wait_until,
};
use std::ffi::OsStr;
use std::io::Read;
use std::process::{Command, Stdio};

fn newest() -> &'static Python {
    pythons().last().expect("there is an interpreter")
}

/// `pitstop record -p PID` with options.
fn attach(workbench: &Workbench, pid: u32, options: &[&str]) -> Finished {
    let mut command = workbench.command(&["record", "-p", &pid.to_string()]);
    Finished::of(command.args(options), b"")
}

fn state_of(pid: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("State:"))?;
    Some(line.trim().to_owned())
}

#[test]
fn attaching_records_a_running_program_and_leaves_it_unharmed() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let program = start("known_shares.py", python);
        let finished = attach(&workbench, program.pid(), &["-d", "1", "-o", "out.json"]);
        let finished = finished.expect_code(0);
        let said = finished.stderr_text();
        assert!(
            said.contains("quality") && said.contains("out.json"),
            "{finished}"
        );
        assert!(finished.stdout.is_empty(), "{finished}");
        let state = state_of(program.pid()).expect("it still runs");
        assert!(state.starts_with(['R', 'S']), "{state}");
        let own = program.finish().expect_code(0).last_json();
        assert!(own["burn_50"]["share"].is_f64(), "{own}");
        let bytes = std::fs::read(workbench.path().join("out.json")).expect("it was written");
        let profile = Profile::parse(&bytes);
        profile.assert_lasted("main", 800);
        assert!(profile.meta.interrupted);
        let lasted = profile.meta.duration_ns;
        assert!((900_000_000..20_000_000_000).contains(&lasted), "{lasted}");
        let version = format!("3.{}.", python.minor);
        assert!(
            profile.processes[0].python.starts_with(&version),
            "{:?}",
            profile.processes
        );
    });
}

#[test]
fn the_thread_that_is_attached_to_leads_to_its_process() {
    let workbench = Workbench::new();
    let program = start_with("many_threads.py", newest(), &["4"]);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", program.pid())).expect("it runs");
    let own = program.pid().to_string();
    let thread = tasks
        .flatten()
        .map(|task| task.file_name().to_string_lossy().into_owned())
        .find(|tid| *tid != own)
        .expect("it has threads");
    let thread = thread.parse().expect("a number");
    let finished = attach(&workbench, thread, &["-d", "200ms"]);
    // Either is an answer; silence, or a half of the threads, is none.
    match finished.code() {
        0 => assert_eq!(workbench.last_profile().threads.len(), 5, "{finished}"),
        3 => assert!(
            finished.stderr_text().contains(&own),
            "names the process\n{finished}"
        ),
        _ => panic!("{finished}"),
    }
}

#[test]
fn every_format_is_written_and_loads() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let files = [
            "out.pit",
            "out.svg",
            "out.speedscope.json",
            "out.collapsed",
            "out.pb.gz",
            "out.prof",
            "out.json",
        ];
        for file in files {
            let mut command = workbench.command(&["record", "-o", file, "--"]);
            command.arg(&python.path).arg(fixture("short.py"));
            let finished = Finished::of(&mut command, b"").expect_code(0);
            assert_eq!(finished.stdout_text(), "ready\n", "{finished}");
            let said = finished.stderr_text();
            assert!(said.contains(&format!("wrote     {file}")), "{finished}");
            assert!(said.contains("quality"), "the page of `run`\n{finished}");
            let bytes = std::fs::read(workbench.path().join(file)).expect("it was written");
            loads(&workbench, file, &bytes);
        }
    });
}

/// Panics unless the file is what its ending says.
fn loads(workbench: &Workbench, file: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match file {
        "out.pit" => assert!(workbench.profile("out.pit").samples_in("work") > 0),
        "out.json" => assert!(Profile::parse(bytes).samples_in("work") > 0),
        "out.svg" => {
            assert!(text.contains("<svg") && text.contains("work"), "{text}");
            python_says(
                workbench,
                newest(),
                "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])",
                file,
            );
        }
        "out.speedscope.json" => {
            let json: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
            let schema = "https://www.speedscope.app/file-format-schema.json";
            assert_eq!(json["$schema"], schema);
            assert!(!json["profiles"].as_array().expect("profiles").is_empty());
        }
        "out.collapsed" => {
            for line in text.lines() {
                let (stack, number) = line.rsplit_once(' ').expect("a stack and a number");
                assert!(!stack.is_empty() && number.parse::<u64>().is_ok(), "{line}");
            }
            assert!(text.contains("work"), "{text}");
        }
        "out.prof" => {
            for python in pythons() {
                let code = "import pstats, sys; s = pstats.Stats(sys.argv[1]); s.print_stats(); \
                            s.print_callers(); \
                            assert any(f[2] == 'work' for f in s.stats), s.stats";
                python_says(workbench, python, code, file);
            }
        }
        _ => {
            let code = "import gzip, sys; d = gzip.open(sys.argv[1]).read(); \
                        assert b'work' in d and b'samples' in d, d";
            python_says(workbench, newest(), code, file);
        }
    }
}

fn python_says(workbench: &Workbench, python: &Python, code: &str, file: &str) {
    let mut command = workbench.bare(python, &["-c", code, file]);
    Finished::of(&mut command, b"").expect_code(0);
}

#[test]
fn modules_code_and_scripts_are_recorded_as_run_runs_them() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.write(
            "part.py",
            "import sys; print(sys.argv[1:], sys.version_info[1])",
        );
        let said = format!("['-x', 'y'] {}\n", python.minor);
        let script = "import sys; print(sys.argv[1:], sys.version_info[1])";
        for (arguments, stdin) in [
            (&["-m", "part", "-x", "y"] as &[&str], ""),
            (&["-c", script, "-x", "y"], ""),
            (&["part.py", "-x", "y"], ""),
            (&["-", "-x", "y"], script),
        ] {
            let mut command = workbench.command(&["record", "--python"]);
            command.arg(&python.path).args(arguments);
            let finished = Finished::of(&mut command, stdin.as_bytes()).expect_code(0);
            assert_eq!(finished.stdout_text(), said, "{arguments:?}\n{finished}");
            assert!(finished.stderr_text().contains("quality"), "{finished}");
        }
    });
}

#[test]
fn options_of_python_are_sent_to_python() {
    let workbench = Workbench::new();
    for option in ["-S", "-X", "-u", "-O"] {
        for command in ["run", "record"] {
            let finished = workbench.pitstop(&[command, option, "dev", "app.py"]);
            let finished = finished.expect_code(2);
            let cure = format!("record -- python3 {option}");
            assert!(finished.stderr_text().contains(&cure), "{finished}");
        }
    }
}

#[test]
fn go_reads_the_pprof_file() {
    let workbench = Workbench::new();
    let go = Command::new("go")
        .arg("version")
        .stdout(Stdio::null())
        .status();
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    if go.is_err() && !ci {
        return;
    }
    let mut command = workbench.command(&["record", "-o", "out.pb.gz", "--"]);
    command
        .arg(&newest().path)
        .arg(fixture("alternating_plain.py"))
        .arg("0.5");
    Finished::of(&mut command, b"").expect_code(0);
    let mut pprof = Command::new("go");
    pprof
        .args(["tool", "pprof", "-top", "out.pb.gz"])
        .current_dir(workbench.path());
    pprof.env("HOME", workbench.path());
    let finished = Finished::of(&mut pprof, b"").expect_code(0);
    for name in ["leaf_a", "leaf_b", "hot_a", "<module>"] {
        assert!(finished.stdout_text().contains(name), "{name}\n{finished}");
    }
}

#[test]
fn what_cannot_be_recorded_is_3_with_a_cure() {
    let workbench = Workbench::new();
    let mut sleeper = Command::new("cat")
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut ended = Command::new("true").spawn().expect("it starts");
    let zombie = ended.id();
    wait_until("a zombie", || {
        state_of(zombie).filter(|state| state.starts_with('Z'))
    });
    let cases = [
        ("no process", 2_147_483_646),
        ("no Python", sleeper.id()),
        ("zombie", zombie),
    ];
    let mut wrong = Vec::new();
    for (what, pid) in cases {
        for command in [&["record", "-d", "1", "-p"] as &[&str], &["dump", "-p"]] {
            let mut arguments = command.to_vec();
            let number = pid.to_string();
            arguments.push(&number);
            let finished = workbench.pitstop(&arguments);
            let said = finished.stderr_text();
            if finished.code() != 3 || !said.contains(&number) || !said.contains("now:") {
                wrong.push(format!("{what}, {command:?}: {finished}"));
            }
        }
    }
    ended.wait().expect("it can be waited for");
    drop(sleeper.stdin.take());
    sleeper.wait().expect("it can be waited for");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_request_to_end_ends_the_recording_with_its_result() {
    on_oldest_and_newest_python(|python| {
        for signal in ["TERM", "INT", "HUP"] {
            let workbench = Workbench::new();
            let program = start("known_shares.py", python);
            let pid = program.pid().to_string();
            let recorder = start_recorder(&workbench, &["record", "-p", &pid]);
            recorder.wait_for_samples(&workbench);
            recorder.signal(signal);
            let finished = recorder.finish().expect_code(0);
            assert!(
                finished.stderr_text().contains("quality"),
                "{signal}\n{finished}"
            );
            let state = state_of(program.pid()).expect("it still runs");
            assert!(state.starts_with(['R', 'S']), "{signal}: {state}");
            program.finish().expect_code(0);
            assert!(workbench.last_profile().samples_in("main") > 0, "{signal}");
        }
    });
}

#[test]
fn a_program_that_is_killed_during_the_recording_leaves_a_result() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let program = start("alternating_plain.py", python);
        let pid = program.pid().to_string();
        let recorder = start_recorder(&workbench, &["record", "-p", &pid]);
        recorder.wait_for_samples(&workbench);
        program.signal("KILL");
        let finished = recorder.finish().expect_code(0);
        assert!(finished.stderr_text().contains("quality"), "{finished}");
        drop(program);
        let profile = workbench.last_profile();
        assert!(profile.samples_in("main") > 0);
        assert!(!profile.meta.interrupted, "it ended by itself");
    });
}

#[test]
fn both_programs_of_an_exec_are_in_one_profile() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("exec_other.py");
        let arguments = [script.as_os_str(), OsStr::new("0.5")];
        workbench.run(python, &arguments).expect_code(0);
        let profile = workbench.last_profile();
        for function in ["before_exec", "hot_a", "hot_b"] {
            profile.assert_lasted(function, 50);
        }
        let truth = Truth::of("exec_other.py");
        for row in profile.rows().iter().filter(|row| row.is_trusted()) {
            truth
                .judge(&profile.program_names(row))
                .expect("a possible stack");
        }
    });
}

#[test]
fn an_archive_that_cannot_grow_is_said_and_the_verdict_is_still_printed() {
    let workbench = Workbench::new();
    let bare = workbench.command(&["record", "-o", "out.pit", "-r", "1khz", "--"]);
    let mut command = Command::new("/bin/sh");
    // The signal ignored, a write over the limit fails: as on a full disk, without needing one.
    command.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]);
    command.arg(bare.get_program()).args(bare.get_args());
    command
        .arg(&newest().path)
        .arg(fixture("qualified_names.py"))
        .arg("1");
    command.current_dir(workbench.path());
    command.env("XDG_CACHE_HOME", workbench.path().join(".cache"));
    let finished = Finished::of(&mut command, b"");
    let said = finished.stderr_text();
    assert_eq!(finished.code(), 125, "{finished}");
    assert!(
        said.contains("out.pit") && said.contains("File too large"),
        "{finished}"
    );
    assert!(!said.contains("panicked"), "{finished}");
    assert_eq!(
        finished.stdout_text(),
        "ready\n",
        "the program ran\n{finished}"
    );
}

#[test]
fn a_result_that_cannot_be_kept_does_not_harm_the_program() {
    let workbench = Workbench::new();
    let bare = workbench.command(&["run", "--python"]);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]);
    command.arg(bare.get_program()).args(bare.get_args());
    command
        .arg(&newest().path)
        .arg(fixture("qualified_names.py"))
        .arg("1");
    command.current_dir(workbench.path());
    command.env("XDG_CACHE_HOME", workbench.path().join(".cache"));
    let finished = Finished::of(&mut command, b"").expect_code(0);
    assert!(finished.stderr_text().contains("quality"), "{finished}");
    assert!(
        finished.stderr_text().contains("File too large"),
        "{finished}"
    );
}

#[test]
fn an_export_to_a_full_device_is_said_after_the_verdict() {
    let workbench = Workbench::new();
    for option in [
        &["-o", "/dev/full", "-f", "svg"] as &[&str],
        &["--json", "/dev/full"],
    ] {
        let mut command = workbench.command(&["run", "--python"]);
        command
            .arg(&newest().path)
            .args(option)
            .arg(fixture("short.py"));
        let finished = Finished::of(&mut command, b"").expect_code(125);
        let said = finished.stderr_text();
        assert!(
            said.contains("quality") && said.contains("No space left"),
            "{finished}"
        );
        assert!(
            workbench.last_result().exists(),
            "it was measured, and is kept"
        );
    }
}

#[test]
fn the_gil_and_busy_selections_leave_out_what_waits() {
    let workbench = Workbench::new();
    let program = start_with("states.py", newest(), &["20", "spin", "sleep", "read_pipe"]);
    for (option, states) in [
        ("--gil", &["python", "native_gil", "gc"] as &[&str]),
        (
            "--busy",
            &[
                "python",
                "native_gil",
                "gc",
                "native_no_gil",
                "gil_wait",
                "cpu_wait",
            ],
        ),
    ] {
        let options = ["-d", "300ms", option, "-o", "out.json"];
        attach(&workbench, program.pid(), &options).expect_code(0);
        let bytes = std::fs::read(workbench.path().join("out.json")).expect("it was written");
        let profile = Profile::parse(&bytes);
        assert!(profile.total.samples > 0, "{option}");
        for row in profile.rows() {
            assert!(
                states.contains(&row.state.as_str()),
                "{option}: {}",
                row.state
            );
        }
    }
}

/// The binary while it records.
struct Recorder {
    child: std::process::Child,
    stderr: std::thread::JoinHandle<Vec<u8>>,
}

fn start_recorder(workbench: &Workbench, arguments: &[&str]) -> Recorder {
    let mut command = workbench.command(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut pipe = child.stderr.take().expect("standard error is a pipe");
    let stderr = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    });
    Recorder { child, stderr }
}

impl Recorder {
    /// Returns once the archive in the making can be read and has samples.
    fn wait_for_samples(&self, workbench: &Workbench) {
        let name = format!("run-{}.pit", self.child.id());
        let archive = workbench.path().join(".cache/pitstop").join(name);
        wait_until("samples in the archive", || {
            let arguments = ["export".as_ref(), archive.as_os_str()];
            let mut command = workbench.command(&arguments);
            let finished = Finished::of(command.args(["-", "-f", "collapsed"]), b"");
            (finished.code() == 0 && !finished.stdout.is_empty()).then_some(())
        });
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.child.id());
        let status = Command::new("/bin/sh").args(["-c", &kill]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    fn finish(mut self) -> Finished {
        let status = wait_until("the end of the recording", || {
            self.child.try_wait().expect("a child can be waited for")
        });
        let stderr = self.stderr.join().expect("reading a pipe does not panic");
        Finished {
            status,
            stdout: Vec::new(),
            stderr,
        }
    }
}

#[test]
fn a_program_that_ends_by_itself_ends_the_recording() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let mut command = workbench.bare(python, &[fixture("alternating_plain.py")]);
        let program = Running::start(&mut command);
        let pid = program.pid().to_string();
        let recorder = start_recorder(&workbench, &["record", "-p", &pid]);
        recorder.wait_for_samples(&workbench);
        program.finish().expect_code(0);
        let finished = recorder.finish().expect_code(0);
        let said = finished.stderr_text();
        assert!(said.contains("quality"), "{finished}");
        assert!(
            said.contains(" ended") && !said.contains("still running"),
            "{finished}"
        );
    });
}
