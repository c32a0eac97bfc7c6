//! Programs of several processes: every one of them is in the profile.

use pitstop_e2e::{
    Finished, Profile, Python, Truth, Workbench, fixture, on_each_python,
    on_oldest_and_newest_python, start, start_with,
};
use std::ffi::OsStr;

fn run(python: &Python, name: &str, arguments: &[&str]) -> Profile {
    let workbench = Workbench::new();
    let script = fixture(name);
    let mut all = vec![script.as_os_str()];
    all.extend(arguments.iter().map(OsStr::new));
    workbench.run(python, &all).expect_code(0);
    workbench.last_profile()
}

/// The milliseconds that each process that has this function spent in it.
fn working(profile: &Profile, function: &str) -> Vec<u64> {
    let lasted = |process: usize| -> u64 {
        let rows = profile.rows_of_process(process);
        let rows = rows.filter(|row| profile.names(row).contains(&function));
        rows.map(|row| row.wall_ns).sum::<u64>() / 1_000_000
    };
    let processes = 0..profile.processes.len();
    processes.map(lasted).filter(|ms| *ms > 0).collect()
}

/// Every process has its interpreter's version, a parent among the others, and samples.
#[track_caller]
fn assert_complete(profile: &Profile, python: &Python, least: usize) {
    let processes = &profile.processes;
    assert!(
        processes.len() >= least,
        "{} of {least}: {processes:#?}",
        processes.len()
    );
    let version = format!("3.{}.", python.minor);
    for (index, process) in processes.iter().enumerate() {
        assert!(process.python.starts_with(&version), "{process:?}");
        assert_eq!(process.parent.is_none(), index == 0, "{process:?}");
        assert!(
            process.parent.is_none_or(|parent| parent < index),
            "{process:?}"
        );
        let samples: u64 = profile.rows_of_process(index).map(|row| row.samples).sum();
        assert!(samples > 0, "no samples of {process:?}");
    }
}

#[track_caller]
fn assert_possible(profile: &Profile, truth: &Truth) {
    for row in profile.rows().iter().filter(|row| row.is_trusted()) {
        if let Err(reason) = truth.judge(&profile.program_names(row)) {
            panic!("{} samples: {reason}", row.samples);
        }
    }
}

#[test]
fn a_child_that_runs_another_interpreter_is_followed() {
    on_each_python(|python| {
        let profile = run(python, "subprocess_python.py", &["0.6"]);
        assert_complete(&profile, python, 2);
        let burning = working(&profile, "burn_in_child");
        assert!(
            burning.len() == 1 && burning[0] > 200,
            "{burning:?} {:?}",
            profile.quality
        );
    });
}

#[test]
fn forked_children_are_followed() {
    let truth = Truth::of("forks.py");
    on_each_python(|python| {
        let profile = run(python, "forks.py", &["0.6"]);
        assert_complete(&profile, python, 3);
        assert_eq!(profile.processes.len(), 3, "{:#?}", profile.processes);
        assert_possible(&profile, &truth);
        for function in ["work_one", "work_two"] {
            let working = working(&profile, function);
            assert!(
                working.len() == 1 && working[0] > 200,
                "{function}: {working:?}"
            );
        }
        let waiting = profile
            .wall_ns(|row| row.state == "blocked" && profile.names(row).contains(&"wait_for"));
        assert!(
            waiting > 300_000_000,
            "the parent waits for them: {waiting}"
        );
    });
}

#[test]
fn a_server_that_forks_its_workers_is_followed() {
    on_each_python(|python| {
        let profile = run(python, "prefork_server.py", &["0.6"]);
        assert_complete(&profile, python, 4);
        let working = working(&profile, "handle_request");
        assert!(
            working.len() == 3 && working.iter().all(|ms| *ms > 150),
            "{working:?}"
        );
    });
}

fn assert_workers_are_followed(python: &Python, method: &str) {
    let profile = run(python, "multiprocessing_pool.py", &[method, "0.5"]);
    assert_complete(&profile, python, 3);
    let working = working(&profile, "burn");
    let all = working.len() == 2 && working.iter().all(|ms| *ms > 50);
    assert!(all, "{method}: {working:?} {:#?}", profile.processes);
}

#[test]
fn workers_of_multiprocessing_that_are_spawned_are_followed() {
    on_each_python(|python| assert_workers_are_followed(python, "spawn"));
}

#[test]
fn workers_of_multiprocessing_that_are_forked_are_followed() {
    on_oldest_and_newest_python(|python| {
        assert_workers_are_followed(python, "fork");
        assert_workers_are_followed(python, "forkserver");
    });
}

#[test]
fn children_that_live_for_a_tenth_of_a_second_are_not_missed() {
    const CODE: &str = r#"
import subprocess, sys
CHILD = """
import time
def burn_{0}(end):
    while time.perf_counter() < end:
        for _ in range(2000):
            pass
burn_{0}(time.perf_counter() + 0.1)
"""
for number in range(8):
    subprocess.check_call([sys.executable, "-S", "-c", CHILD.format(number)])
"#;
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.run(python, &["-c", CODE]).expect_code(0);
        let profile = workbench.last_profile();
        assert_complete(&profile, python, 9);
        for number in 0..8 {
            profile.assert_lasted(&format!("burn_{number}"), 10);
        }
    });
}

#[test]
fn a_program_behind_a_shell_is_followed() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let mut command = workbench.command(&["record", "--", "/bin/sh", "-c"]);
        let script = fixture("short.py");
        let line = format!("'{}' '{}'; exit 4", python.path.display(), script.display());
        Finished::of(command.arg(line), b"").expect_code(4);
        workbench.last_profile().assert_lasted("work", 80);
    });
}

#[test]
fn children_that_are_not_python_are_no_hindrance() {
    const CODE: &str = "
import subprocess, time
for _ in range(20):
    subprocess.check_call(['/bin/true'])
def work(end):
    while time.perf_counter() < end:
        for _ in range(2000):
            pass
work(time.perf_counter() + 0.2)
";
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.run(python, &["-c", CODE]).expect_code(0);
        workbench.last_profile().assert_lasted("work", 100);
    });
}

#[test]
fn children_are_left_out_if_asked() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let mut command = workbench.command(&["run", "--no-children", "--python"]);
        command
            .arg(&python.path)
            .arg(fixture("forks.py"))
            .arg("0.3");
        Finished::of(&mut command, b"").expect_code(0);
        let profile = workbench.last_profile();
        assert_eq!(profile.processes.len(), 1);
        assert_eq!(profile.samples_in("work_one"), 0);
        assert!(profile.samples_in("wait_for") > 0);
    });
}

#[test]
fn attaching_to_a_server_finds_the_workers_it_has() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let program = start_with("prefork_server.py", python, &["30"]);
        let pid = program.pid().to_string();
        let options = ["record", "-d", "500ms", "-o", "out.json", "-p", &pid];
        workbench.pitstop(&options).expect_code(0);
        let bytes = std::fs::read(workbench.path().join("out.json")).expect("it was written");
        let profile = Profile::parse(&bytes);
        assert_complete(&profile, python, 4);
        assert_eq!(working(&profile, "handle_request").len(), 3);
        // Still at work, and it ends as it is told to.
        program.signal("TERM");
        program.wait().expect_code(0);
    });
}

#[test]
fn a_worker_that_is_born_during_the_recording_is_found() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let program = start("prefork_server.py", python);
        let workers = children_of(program.pid());
        assert_eq!(workers.len(), 3);
        let pid = program.pid().to_string();
        let mut recorder = workbench.command(&["record", "-d", "1500ms", "-p", &pid]);
        let recorder = std::thread::spawn(move || Finished::of(&mut recorder, b""));
        let archive = workbench.path().join(".cache/pitstop");
        pitstop_e2e::wait_until("the recording", || {
            let mut files = std::fs::read_dir(&archive).ok()?.flatten();
            // More than its head: the processes that are there have been looked for.
            files.find(|file| file.metadata().is_ok_and(|meta| meta.len() > 64))
        });
        let kill = format!("kill -s KILL {}", workers[0]);
        let status = std::process::Command::new("/bin/sh")
            .args(["-c", &kill])
            .status();
        assert!(status.is_ok_and(|status| status.success()));
        recorder.join().expect("it does not panic").expect_code(0);
        let profile = workbench.last_profile();
        assert_eq!(profile.processes.len(), 5, "{:#?}", profile.processes);
        program.finish().expect_code(0);
    });
}

fn children_of(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let list = std::fs::read_to_string(path).expect("it runs");
    let numbers = list
        .split_whitespace()
        .map(|pid| pid.parse().expect("a number"));
    numbers.collect()
}

#[test]
fn a_child_that_nobody_waits_for_is_one_process() {
    const CODE: &str = "
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-S', '-c', 'pass'])
end = time.monotonic() + 0.6
while time.monotonic() < end:
    for _ in range(2000):
        pass
";
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.run(python, &["-c", CODE]).expect_code(0);
        let processes = workbench.last_profile().processes;
        assert!(processes.len() <= 2, "{} processes", processes.len());
    });
}
