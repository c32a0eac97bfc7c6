//! `pitstop doctor`: what can be measured here, one line a check.

use pitstop_e2e::{Finished, Python, Workbench, pythons, start};
use serde_json::Value;
use std::process::Command;

/// `pitstop doctor` where this interpreter is the only one on the path.
fn doctor(workbench: &Workbench, python: &Python, options: &[&str]) -> Command {
    let bin = workbench.path().join("bin");
    std::fs::create_dir_all(&bin).expect("a directory can be made");
    // A link that is there already leads to the same.
    let _ = std::os::unix::fs::symlink(&python.path, bin.join("python3"));
    let mut command = workbench.command(&["doctor"]);
    command.args(options).env("PATH", &bin);
    command
}

#[test]
fn a_healthy_machine_is_0_and_every_check_has_its_line() {
    let workbench = Workbench::new();
    let python = pythons().last().expect("there is an interpreter");
    let mut command = doctor(&workbench, python, &[]);
    let finished = Finished::of(command.env("COLUMNS", "140"), b"").expect_code(0);
    assert!(finished.stderr.is_empty(), "{finished}");
    let text = finished.stdout_text();
    for check in [
        "system",
        "attaching",
        "container",
        "CPUs",
        "clock",
        "results",
        "Python",
    ] {
        assert!(
            text.lines().any(|line| line.contains(check)),
            "{check}\n{text}"
        );
    }
    let json = Finished::of(&mut doctor(&workbench, python, &["--json"]), b"").expect_code(0);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(
        json["schema"]
            .as_str()
            .is_some_and(|name| name.starts_with("pitstop/doctor@1"))
    );
    let checks = json["checks"].as_array().expect("a list");
    let verdicts = text.lines().filter(|line| {
        ["ok", "limited", "bad"]
            .iter()
            .any(|word| line.trim_start().starts_with(word))
    });
    assert_eq!(verdicts.count(), checks.len(), "{text}\n{json:#}");
}

#[test]
fn interpreters_on_the_path_are_listed_with_their_versions() {
    for python in pythons() {
        let workbench = Workbench::new();
        let finished = Finished::of(&mut doctor(&workbench, python, &[]), b"").expect_code(0);
        let text = finished.stdout_text();
        let version = format!(" 3.{}.", python.minor);
        assert!(text.contains(&version), "{python}\n{text}");
    }
}

#[test]
fn a_process_can_be_examined() {
    let workbench = Workbench::new();
    for python in pythons() {
        let program = start("alternating_plain.py", python);
        let pid = program.pid().to_string();
        let mut command = doctor(&workbench, python, &["-p", &pid]);
        let finished = Finished::of(&mut command, b"").expect_code(0);
        let text = finished.stdout_text();
        assert!(
            text.contains(&format!("3.{}.", python.minor)),
            "{python}\n{text}"
        );
        program.finish().expect_code(0);
    }
    let finished = workbench
        .pitstop(&["doctor", "-p", "2147483646"])
        .expect_code(3);
    assert!(finished.stdout_text().contains("2147483646"), "{finished}");
}

#[test]
fn a_process_that_may_not_be_read_has_the_cure_that_fits() {
    let workbench = Workbench::new();
    // Of another user, and for root one that no right of a user opens: either is refused or not
    // there to be refused, as in a container that may look at everything.
    let finished = workbench.pitstop(&["doctor", "-p", "1"]);
    let text = finished.stdout_text();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, process) = text.split_once(" process ").expect("its line");
    if process.contains("cannot be read") {
        assert_eq!(finished.code(), 3, "{finished}");
        let (_, cure) = process.split_once("cure: ").expect("a cure");
        assert!(!cure.contains("pgrep"), "the id is right\n{finished}");
    }
}
