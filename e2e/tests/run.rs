//! `pitstop run`: the program is what it is without us, and the verdict says what happened.

use pitstop_e2e::{
    Finished, Python, Running, Workbench, fixture, on_each_python, on_oldest_and_newest_python,
    pythons, wait_until,
};
use serde_json::Value;
use std::ffi::OsStr;

/// Tells everything a program can know of its surroundings that a wrapper could spoil.
const SURROUNDINGS: &str = r#"
import json, os, resource, signal, sys

def status(*names):
    lines = [line.split() for line in open("/proc/self/status")]
    return {line[0]: line[1:] for line in lines if line[0].rstrip(":") in names}

print(json.dumps({
    "argv": sys.argv,
    "flags": str(sys.flags),
    "path": sys.path,
    "name": __name__,
    "file": globals().get("__file__"),
    "spec": getattr(globals().get("__spec__"), "name", None),
    "main_is_me": sys.modules["__main__"].__dict__ is globals(),
    "executable": sys.executable,
    "prefix": sys.prefix,
    "modules": sorted(sys.modules),
    "environment": {k: v for k, v in os.environ.items() if k != "_"},
    "directory": os.getcwd(),
    "descriptors": sorted(os.listdir("/proc/self/fd")),
    "signals": status("SigBlk", "SigIgn", "SigCgt"),
    "interrupt": str(signal.getsignal(signal.SIGINT)),
    "session": os.getsid(0) == os.getsid(os.getppid()),
    "affinity": sorted(os.sched_getaffinity(0)),
    "scheduler": os.sched_getscheduler(0),
    "nice": os.nice(0),
    "umask": os.umask(0),
    "limits": {k: resource.getrlimit(getattr(resource, k)) for k in dir(resource)
               if k.startswith("RLIMIT")},
    "traced": status("TracerPid", "NoNewPrivs", "Seccomp"),
}, indent=1, sort_keys=True))
"#;

fn newest() -> &'static Python {
    pythons().last().expect("there is an interpreter")
}

/// A program with and without us.
fn both(python: &Python, arguments: &[impl AsRef<OsStr>], stdin: &[u8]) -> (Finished, Finished) {
    let workbench = Workbench::new();
    let bare = Finished::of(&mut workbench.bare(python, arguments), stdin);
    let ours = Finished::of(&mut workbench.run_command(python, arguments), stdin);
    (bare, ours)
}

/// Ends alike, and prints the same; our text comes after the program's on standard error.
#[track_caller]
fn assert_alike(name: &str, (bare, ours): &(Finished, Finished)) {
    let ends = |finished: &Finished| (finished.status.code(), finished.signal());
    assert_eq!(ends(ours), ends(bare), "{name}\n{ours}");
    assert!(
        ours.stdout == bare.stdout,
        "{name}: standard output\n{bare}\n{ours}"
    );
    let kept = ours.stderr.starts_with(&bare.stderr);
    assert!(kept, "{name}: standard error\n{bare}\n{ours}");
}

fn verdict_of(workbench: &Workbench, python: &Python, arguments: &[&OsStr]) -> (Finished, Value) {
    let mut command = workbench.command(&["run", "--json", "verdict.json", "--python"]);
    let finished = Finished::of(command.arg(&python.path).args(arguments), b"");
    assert!(
        workbench.path().join("verdict.json").exists(),
        "no verdict\n{finished}"
    );
    let verdict = workbench.json("verdict.json");
    assert_eq!(verdict["schema"], "pitstop/verdict@1");
    (finished, verdict)
}

#[test]
fn the_exit_status_of_the_program_passes_through() {
    on_each_python(|python| {
        for name in [
            "sys_exit_3.py",
            "raise_error.py",
            "os_exit.py",
            "syntax_error.py",
            "instant_exit.py",
            "empty.py",
        ] {
            assert_alike(name, &both(python, &[fixture(name)], b""));
        }
    });
}

#[test]
fn a_signal_that_ends_the_program_ends_pitstop_too() {
    on_each_python(|python| {
        for (name, signal) in [
            ("kill_self_term.py", libc::SIGTERM),
            ("crash_segv.py", libc::SIGSEGV),
        ] {
            let (bare, ours) = both(python, &[fixture(name)], b"");
            assert_eq!(ours.signal(), Some(signal), "{name}\n{ours}");
            assert_alike(name, &(bare, ours));
        }
    });
}

#[test]
fn standard_output_is_the_programs_own_byte_for_byte() {
    on_each_python(|python| {
        assert_alike("bytes", &both(python, &[fixture("prints_binary.py")], b""));
    });
}

#[test]
fn standard_input_reaches_the_program() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    on_each_python(|python| {
        let (bare, ours) = both(python, &[fixture("reads_stdin.py")], &bytes);
        assert!(ours.stdout == bytes, "{} bytes", ours.stdout.len());
        assert_alike("copy", &(bare, ours));
    });
}

#[test]
fn a_script_finds_the_same_surroundings_as_without_us() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = workbench.write("surroundings.py", SURROUNDINGS);
        let arguments = [
            script.as_os_str(),
            "--flag".as_ref(),
            "-m".as_ref(),
            "a b".as_ref(),
        ];
        let bare = Finished::of(&mut workbench.bare(python, &arguments), b"");
        let ours = Finished::of(&mut workbench.run_command(python, &arguments), b"");
        assert_same_surroundings("a script", &bare, &ours);
    });
}

/// Fails with the parts that differ.
#[track_caller]
fn assert_same_surroundings(what: &str, bare: &Finished, ours: &Finished) {
    let parts = |finished: &Finished| -> Value {
        serde_json::from_slice(&finished.stdout).unwrap_or_else(|_| panic!("{what}\n{finished}"))
    };
    let (bare, ours) = (parts(bare), parts(ours));
    let parts = bare.as_object().expect("an object").iter();
    let different: Vec<String> = parts
        .filter(|(name, part)| ours[name.as_str()] != **part)
        .map(|(name, part)| format!("{name}\n  bare: {part}\n  ours: {}", ours[name.as_str()]))
        .collect();
    assert!(different.is_empty(), "{what}\n{}", different.join("\n"));
}

#[test]
fn code_and_modules_and_scripts_on_standard_input_run_as_python_runs_them() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        std::fs::create_dir(workbench.path().join("package")).expect("a directory can be made");
        workbench.write("package/__init__.py", "");
        workbench.write("package/part.py", SURROUNDINGS);
        workbench.write("package/__main__.py", SURROUNDINGS);
        let cases: [(&[&str], &str); 5] = [
            (&["-c", SURROUNDINGS, "-x", "--rate", "y"], ""),
            (&["-m", "package.part", "-x", "y"], ""),
            (&["-m", "package", "--help"], ""),
            (&["-", "-x", "y"], SURROUNDINGS),
            (&["package", "-o", "y"], ""),
        ];
        for (arguments, stdin) in cases {
            let bare = Finished::of(&mut workbench.bare(python, arguments), stdin.as_bytes());
            let mut command = workbench.run_command(python, arguments);
            let ours = Finished::of(&mut command, stdin.as_bytes());
            assert_same_surroundings(arguments[0], &bare, &ours);
        }
    });
}

#[test]
fn a_module_that_is_not_there_is_the_interpreters_own_error() {
    on_oldest_and_newest_python(|python| {
        assert_alike("a module", &both(python, &["-m", "no_such_module"], b""));
    });
}

#[test]
fn the_interpreter_is_the_first_python3_on_the_path() {
    on_each_python(|python| {
        let workbench = Workbench::with_python(python);
        let code = "import sys; print(sys.version_info[1])";
        let finished = workbench.pitstop(&["run", "-c", code]).expect_code(0);
        assert_eq!(finished.stdout_text(), format!("{}\n", python.minor));
    });
}

#[test]
fn the_interpreter_of_an_active_virtual_environment_comes_first() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let make = ["-m", "venv", "--without-pip", "environment"];
        Finished::of(&mut workbench.bare(python, &make), b"").expect_code(0);
        let environment = workbench.path().join("environment");
        let code = "import sys; print(sys.prefix)";
        let mut command = workbench.command(&["run", "-c", code]);
        let finished = Finished::of(command.env("VIRTUAL_ENV", &environment), b"").expect_code(0);
        let prefix = format!("{}\n", environment.display());
        assert_eq!(finished.stdout_text(), prefix);
    });
}

#[test]
fn a_program_that_is_not_there_is_127_and_one_that_cannot_run_126() {
    let workbench = Workbench::new();
    std::fs::create_dir(workbench.path().join("directory")).expect("a directory can be made");
    workbench.write("text", "no program");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["run", "missing.py"], 127, "missing.py"),
        (&["record", "missing.py"], 127, "missing.py"),
        (
            &["run", "--python", "./missing", "-c", "1"],
            127,
            "./missing",
        ),
        (&["record", "--", "./missing"], 127, "./missing"),
        (&["run", "directory"], 126, "directory"),
        (&["run", "--python", "./text", "-c", "1"], 126, "./text"),
    ];
    for (arguments, code, said) in cases {
        let finished = workbench.pitstop(arguments);
        assert_eq!(finished.code(), code, "{arguments:?}\n{finished}");
        assert!(
            finished.stderr_text().contains(said),
            "{arguments:?}\n{finished}"
        );
        assert!(finished.stdout.is_empty(), "{arguments:?}\n{finished}");
        assert!(!workbench.last_result().exists(), "{arguments:?}");
    }
}

#[test]
fn a_wrong_command_line_is_2_and_starts_nothing() {
    let workbench = Workbench::with_python(newest());
    let script = workbench.write("script.py", "open('started', 'w')");
    let script = script
        .to_str()
        .expect("a temporary directory has a plain name");
    let cases: [&[&str]; 9] = [
        &["run"],
        &["run", "--no-such-option", script],
        &["run", "--rate", "fast", script],
        &["run", "--duration", "0", script],
        &["run", "--format", "svg", script],
        &["run", "-o", "out.xyz", script],
        &["run", "-o", "out", "-f", "xyz", script],
        &["record", "-p", "1", script],
        &["record", "--gil", "--idle", script],
    ];
    let mut wrong = Vec::new();
    for arguments in cases {
        let finished = workbench.pitstop(arguments);
        let started = workbench.path().join("started").exists();
        if finished.code() != 2 || finished.stderr.is_empty() || started {
            wrong.push(format!("{arguments:?}: {finished}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_output_that_cannot_be_written_is_said_before_the_program_starts() {
    let workbench = Workbench::with_python(newest());
    let script = workbench.write("script.py", "open('started', 'w')");
    let script = script
        .to_str()
        .expect("a temporary directory has a plain name");
    for name in ["directory.svg", "directory.pit", "directory.json"] {
        std::fs::create_dir(workbench.path().join(name)).expect("a directory can be made");
    }
    let mut wrong = Vec::new();
    for arguments in [
        ["-o", "missing/out.svg"],
        ["-o", "missing/out.pit"],
        ["-o", "directory.svg"],
        ["-o", "directory.pit"],
        ["--json", "missing/out.json"],
        ["--json", "directory.json"],
        // No file can be made there, whoever asks.
        ["-o", "/proc/out.svg"],
        ["--json", "/proc/out.json"],
    ] {
        let finished = workbench.pitstop(&["run", arguments[0], arguments[1], script]);
        let started = workbench.path().join("started");
        if finished.code() != 2 || started.exists() {
            wrong.push(format!("{arguments:?}: {finished}"));
            let _ = std::fs::remove_file(started);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_program_of_a_fifth_of_a_second_gives_a_result() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("short.py");
        let (finished, verdict) = verdict_of(&workbench, python, &[script.as_os_str()]);
        let finished = finished.expect_code(0);
        let count = |name: &str| verdict["quality"][name].as_u64().expect("a number");
        let trusted = count("exact") + count("validated");
        assert!(trusted >= 20, "{trusted} trusted samples\n{finished}");
        let version = format!("3.{}.", python.minor);
        let said = verdict["run"]["python"].as_str().expect("a version");
        assert!(said.starts_with(&version), "{said}");
        workbench.last_profile().assert_lasted("work", 100);
    });
}

#[test]
fn a_program_that_ends_at_once_gives_a_clear_verdict() {
    on_each_python(|python| {
        for name in ["instant_exit.py", "empty.py"] {
            let workbench = Workbench::new();
            let script = fixture(name);
            let (finished, verdict) = verdict_of(&workbench, python, &[script.as_os_str()]);
            let finished = finished.expect_code(0);
            let kind = verdict["headline"]["kind"].as_str().expect("a headline");
            // Interpreters whose start-up runs code of installed packages have more to tell.
            let few = verdict["quality"]["samples"].as_u64() < Some(30);
            let honest = ["too_few_samples", "mostly_startup"].contains(&kind);
            assert!(honest || !few, "{name}: {kind}\n{finished}");
            let text = verdict["headline"]["text"].as_str().expect("a headline");
            assert!(!text.is_empty(), "{name}\n{finished}");
            // The command that would tell more.
            if kind == "too_few_samples" {
                assert!(
                    finished.stderr_text().contains("--rate"),
                    "{name}\n{finished}"
                );
            }
        }
    });
}

#[test]
fn the_numbers_of_a_short_verdict_agree_with_each_other() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("instant_exit.py");
        let (finished, verdict) = verdict_of(&workbench, python, &[script.as_os_str()]);
        let samples = verdict["quality"]["samples"].as_u64().expect("a number");
        // On a busy machine even this program may last long enough for another headline.
        if verdict["headline"]["kind"] == "too_few_samples" && samples > 0 {
            let text = verdict["headline"]["text"].as_str().expect("a headline");
            let number = |word: &str| word.replace(',', "").parse::<u64>().ok();
            let said = text.split(' ').find_map(number);
            assert_eq!(said, Some(samples), "{text}\n{finished}");
        }
    });
}

#[test]
fn the_version_of_a_program_that_does_not_compile_is_not_guessed() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("syntax_error.py");
        let (finished, verdict) = verdict_of(&workbench, python, &[script.as_os_str()]);
        let said = verdict["run"]["python"].as_str().unwrap_or_default();
        let right = said.is_empty() || said.starts_with(&format!("3.{}.", python.minor));
        assert!(right, "said to be {said}\n{finished}");
    });
}

#[test]
fn interrupting_ends_the_program_and_still_prints_the_verdict() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("alternating_plain.py");
        let running = Running::start(&mut workbench.run_command(python, &[script]));
        running.signal_group("INT");
        let finished = running.wait();
        // As a program that was interrupted ends: by the signal, not by a status.
        assert_eq!(finished.signal(), Some(libc::SIGINT), "{finished}");
        let said = finished.stderr_text();
        assert!(said.contains("alternating_plain.py"), "{finished}");
        assert!(said.contains("quality"), "{finished}");
        assert!(workbench.last_result().exists());
    });
}

#[test]
fn a_program_that_handles_the_interrupt_goes_on_to_its_own_end() {
    const CODE: &str = r#"
import os, signal, sys
def hear(*_):
    # One is enough: the group's signal may come once more, passed on, while this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(1, b"heard\n")
signal.signal(signal.SIGINT, hear)
print("ready", flush=True)
sys.stdin.read()
sys.exit(5)
"#;
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let running = Running::start(&mut workbench.run_command(python, &["-c", CODE]));
        running.signal_group("INT");
        let finished = running.finish().expect_code(5);
        // The whole group was told, and pitstop, told by a process, passes it on.
        assert!(finished.stdout_text().starts_with("heard\n"), "{finished}");
        assert!(finished.stderr_text().contains("quality"), "{finished}");
    });
}

#[test]
fn a_request_to_end_reaches_the_program_through_pitstop() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("alternating_plain.py");
        let running = Running::start(&mut workbench.run_command(python, &[script]));
        running.signal("TERM");
        let finished = running.wait();
        assert_eq!(finished.signal(), Some(libc::SIGTERM), "{finished}");
        assert!(finished.stderr_text().contains("quality"), "{finished}");
    });
}

#[test]
fn killing_pitstop_leaves_the_program_alone_and_the_recording_readable() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("known_shares.py");
        let running = Running::start(&mut workbench.run_command(python, &[script]));
        let archive = wait_until("an archive that holds samples", || {
            let directory = std::fs::read_dir(workbench.path().join(".cache/pitstop")).ok()?;
            let mut files = directory.flatten();
            let file = files.find(|file| file.file_name().to_string_lossy().starts_with("run-"))?;
            let whole = workbench.pitstop(&[
                "export".as_ref(),
                file.path().as_os_str(),
                "-".as_ref(),
                "-f".as_ref(),
                "collapsed".as_ref(),
            ]);
            let samples = whole.code() == 0 && whole.stdout_text().contains(";main ");
            samples.then(|| file.path())
        });
        running.signal("KILL");
        // It prints this at its end, which comes when its standard input is closed.
        let finished = running.finish();
        assert_eq!(finished.signal(), Some(libc::SIGKILL), "{finished}");
        assert!(
            finished.last_json()["burn_50"]["share"].is_f64(),
            "{finished}"
        );
        let profile = workbench.profile(&archive);
        assert!(profile.samples_in("main") > 0, "{:?}", profile.quality);
        assert!(profile.meta.interrupted);
    });
}

#[test]
fn the_verdict_goes_to_standard_error_only_and_quiet_prints_none() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("short.py");
        let finished = workbench.run(python, &[&script]).expect_code(0);
        assert_eq!(finished.stdout_text(), "ready\n");
        assert!(finished.stderr_text().contains("short.py"), "{finished}");
        let mut command = workbench.command(&["run", "-q", "--python"]);
        let finished = Finished::of(command.arg(&python.path).arg(&script), b"").expect_code(0);
        assert_eq!(
            (finished.stdout_text(), finished.stderr_text()),
            ("ready\n".into(), "".into())
        );
    });
}

#[test]
fn a_program_that_is_no_python_ends_as_it_would_and_is_said_to_be_none() {
    let workbench = Workbench::new();
    let finished = workbench.pitstop(&["record", "--", "/bin/sh", "-c", "echo out; exit 9"]);
    assert_eq!(
        (finished.code(), finished.stdout_text()),
        (9, "out\n".into()),
        "{finished}"
    );
    assert!(finished.stderr_text().contains("Python"), "{finished}");
    // One that ran well did so for its caller, too.
    let finished = workbench
        .pitstop(&["record", "--", "/bin/true"])
        .expect_code(0);
    let said = finished.stderr_text();
    assert!(
        said.contains("nothing was measured") && said.contains("now:"),
        "{finished}"
    );
    assert!(!workbench.last_result().exists(), "it is no result");
    let cache = std::fs::read_dir(workbench.path().join(".cache/pitstop")).expect("it is there");
    assert_eq!(cache.count(), 0, "and nothing is left of it");
}

#[test]
fn the_duration_ends_the_recording_and_asks_the_program_to_end() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let mut command = workbench.command(&["run", "-d", "300ms", "--python"]);
        command
            .arg(&python.path)
            .arg(fixture("alternating_plain.py"))
            .arg("20");
        let finished = Finished::of(&mut command, b"");
        assert_eq!(finished.signal(), Some(libc::SIGTERM), "{finished}");
        assert!(finished.stderr_text().contains("quality"), "{finished}");
        let profile = workbench.last_profile();
        assert!(profile.meta.interrupted);
        let told = |note: &String| note.contains("300ms, as --duration says");
        assert!(profile.meta.notes.iter().any(told), "{:?}", profile.meta);
        assert!(
            profile.meta.duration_ns < 5_000_000_000,
            "{:?}",
            profile.meta
        );
    });
}

#[test]
fn a_program_that_does_not_end_when_its_time_is_up_is_said_to_run_on() {
    const CODE: &str = "import os, signal, time\n\
        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
        print(os.getpid(), flush=True)\n\
        os.close(1); os.close(2)\n\
        time.sleep(60)\n";
    let workbench = Workbench::new();
    let mut command = workbench.command(&["run", "-d", "500ms", "--python"]);
    let finished = Finished::of(command.arg(&newest().path).args(["-c", CODE]), b"");
    let finished = finished.expect_code(0);
    let pid = finished.stdout_text();
    // It is no child of ours.
    let killed = std::process::Command::new("/bin/sh")
        .args(["-c", &format!("kill -KILL {pid}")])
        .status();
    assert!(killed.is_ok_and(|status| status.success()), "it runs on");
    // Lines are broken where the terminal ends.
    let said = finished.stderr_text();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("left running"), "{finished}");
    assert!(
        said.contains(&format!("kill -KILL {}", pid.trim())),
        "{finished}"
    );
    assert!(said.contains("still running"), "{finished}");
}

/// Runs a command on a terminal of its own, presses Ctrl-C when it says `ready`, and prints as JSON
/// how it ended and what was on the screen.
const TERMINAL: &str = r#"
import json, os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
screen, pressed = b"", False
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    screen += part
    if b"ready" in screen and not pressed:
        pressed = True
        os.write(terminal, b"\x03")
status = os.waitpid(pid, 0)[1]
print(json.dumps({"status": status, "screen": screen.decode("utf-8", "replace")}))
"#;

#[test]
fn control_c_on_a_terminal_reaches_the_program_once() {
    const CODE: &str = r#"
import os, signal, sys, time
heard = []
def hear(*_):
    heard.append(1)
    os.write(1, b"heard\n")
signal.signal(signal.SIGINT, hear)
os.write(1, b"ready\n")
while not heard:
    time.sleep(0.01)
# Long enough for a second one to arrive, were there any.
end = time.monotonic() + 0.3
while time.monotonic() < end:
    time.sleep(0.01)
sys.exit(7)
"#;
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let ours = workbench.run_command(python, &["-c", CODE]);
        let mut command = workbench.bare(newest(), &["-c", TERMINAL]);
        let finished = Finished::of(command.arg(ours.get_program()).args(ours.get_args()), b"");
        let end = finished.expect_code(0).last_json();
        let screen = end["screen"].as_str().expect("text");
        assert_eq!(end["status"], 7 << 8, "{screen}");
        // The terminal shows the key itself before the answer to it.
        let heard = screen
            .lines()
            .map(|line| line.trim().trim_start_matches("^C"));
        assert_eq!(heard.filter(|line| *line == "heard").count(), 1, "{screen}");
        assert!(screen.contains("quality"), "{screen}");
    });
}

#[test]
fn control_c_on_a_terminal_ends_the_program_with_its_verdict() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("alternating_plain.py");
        let ours = workbench.run_command(python, &[script.as_os_str(), "20".as_ref()]);
        let mut command = workbench.bare(newest(), &["-c", TERMINAL]);
        let finished = Finished::of(command.arg(ours.get_program()).args(ours.get_args()), b"");
        let end = finished.expect_code(0).last_json();
        let screen = end["screen"].as_str().expect("text");
        assert_eq!(end["status"], libc::SIGINT, "{screen}");
        assert!(screen.contains("KeyboardInterrupt"), "{screen}");
        assert!(screen.contains("quality"), "{screen}");
    });
}
