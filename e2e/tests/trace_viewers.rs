//! Files of traces in the programs they are made for.

use pitstop_e2e::{Finished, Viewers, Workbench, pythons};
use serde_json::Value;
use std::collections::HashMap;
use std::process::Command;

/// Two callers of one function, recursion, a built-in function with most of the time.
const PROGRAM: &str = r#"
def busy(n):
    return sum(range(n))
def first():
    for _ in range(3): busy(300_000)
def second():
    busy(300_000)
def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)
first(); second(); depth(20)
"#;

fn traced(name: &str) -> (Workbench, String) {
    let python = pythons().last().expect("there is an interpreter");
    let workbench = Workbench::with_python(python);
    workbench.write("program.py", PROGRAM);
    let words = ["trace", "--timeline", "-o", name, "program.py"];
    workbench.pitstop(&words).expect_code(0);
    let path = workbench.path().join(name);
    let path = path.to_str().expect("UTF-8").to_owned();
    (workbench, path)
}

fn text(finished: &Finished) -> String {
    finished.stdout_text()
}

/// The calls of each function, as gprof2dot prints them in its boxes.
fn calls_in_boxes(dot: &str) -> HashMap<String, String> {
    let boxes = dot
        .lines()
        .filter(|line| line.contains("[color=") && !line.contains("->"));
    boxes
        .filter_map(|line| {
            let label = line.split("label=\"").nth(1)?.split('"').next()?;
            let mut parts = label.split("\\n");
            let name = parts.next()?.rsplit(':').next()?.to_owned();
            Some((name, parts.last()?.trim_end_matches('×').to_owned()))
        })
        .collect()
}

#[test]
fn gprof2dot_finds_the_calls_in_pstats_and_callgrind_files() {
    let Some(viewers) = Viewers::find() else {
        return;
    };
    for (name, format) in [("run.prof", "pstats"), ("run.callgrind", "callgrind")] {
        let (_workbench, path) = traced(name);
        let words = ["-m", "gprof2dot", "-f", format, "-n", "0", "-e", "0", &path];
        let finished = Finished::of(&mut viewers.python(&words), b"").expect_code(0);
        let calls = calls_in_boxes(&text(&finished));
        for (function, count) in [
            ("busy", "4"),
            ("first", "1"),
            ("second", "1"),
            ("depth", "21"),
        ] {
            assert_eq!(
                calls.get(function).map(String::as_str),
                Some(count),
                "{format}: {finished}"
            );
        }
    }
}

#[test]
fn callgrind_annotate_finds_calls_at_the_lines_that_made_them() {
    let (workbench, _) = traced("run.callgrind");
    let annotate = |arguments: &[&str]| {
        let mut command = Command::new("callgrind_annotate");
        command
            .args(arguments)
            .args(["--threshold=100", "run.callgrind"]);
        command.current_dir(workbench.path()).env("LC_ALL", "C");
        command
    };
    if annotate(&["--version"]).output().is_err() {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "no callgrind_annotate"
        );
        return;
    }
    let finished = Finished::of(&mut annotate(&["--tree=caller"]), b"").expect_code(0);
    assert!(finished.stderr.is_empty(), "{finished}");
    let callers = text(&finished);
    for call in ["program.py:first (3x)", "program.py:second (1x)"] {
        assert!(callers.contains(call), "{callers}");
    }
    // Its source view has a call beside the line of the program that made it.
    let source = text(&Finished::of(&mut annotate(&["--auto=yes"]), b"").expect_code(0));
    let line = source
        .lines()
        .position(|line| line.contains("for _ in range(3): busy(300_000)"));
    let line = line.unwrap_or_else(|| panic!("no source in {source}"));
    let called = source.lines().nth(line + 1).unwrap_or_default();
    assert!(
        called.contains("=> ") && called.contains("(3x)"),
        "{source}"
    );
}

#[test]
fn gprof2dot_reads_collapsed_stacks_of_a_trace() {
    let Some(viewers) = Viewers::find() else {
        return;
    };
    let (_workbench, path) = traced("run.collapsed");
    let words = ["-m", "gprof2dot", "-f", "collapse", &path];
    let finished = Finished::of(&mut viewers.python(&words), b"").expect_code(0);
    assert!(
        text(&finished).contains("\"program.py:first\" -> \"program.py:busy\""),
        "{finished}"
    );
}

#[test]
fn snakeviz_shows_a_trace() {
    const SHOW: &str = r#"
import json, pstats, sys
from snakeviz.stats import json_stats, table_rows
stats = pstats.Stats(sys.argv[1])
rows = table_rows(stats)
tree = json_stats(stats)
busy = [value for key, value in tree.items() if key.endswith("(busy)")][0]
callers = sorted(key.rsplit("(", 1)[1] for key in busy["callers"])
print(len(rows) == len(tree), busy["stats"][:2], callers)
"#;
    let Some(viewers) = Viewers::find() else {
        return;
    };
    let (_workbench, path) = traced("run.prof");
    let finished = Finished::of(&mut viewers.python(&["-c", SHOW, &path]), b"").expect_code(0);
    assert_eq!(text(&finished).trim(), "True [4, 4] ['first)', 'second)']");
}

#[test]
fn a_trace_is_shown_again_by_thread_and_goes_to_a_timeline() {
    let (workbench, path) = traced("run.trace.json");
    let file: Value =
        serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("JSON");
    let events = file["traceEvents"].as_array().expect("a list");
    let busy = events
        .iter()
        .filter(|event| event["name"] == "busy" && event["ph"] == "X");
    assert_eq!(busy.count(), 4);
    assert_eq!(file["otherData"]["lost_calls"], 0);

    let shown = workbench.pitstop(&[
        "trace",
        "last",
        "-t",
        "MainThread",
        "(busy|depth)",
        "-s",
        "name",
    ]);
    let shown = shown.expect_code(0).stdout_text();
    assert!(shown.starts_with(" program.py · "), "{shown}");
    assert!(shown.contains("\n        4    "), "{shown}");
    assert!(shown.contains("\n     21/1    "), "{shown}");
    let callers = workbench.pitstop(&["trace", "last", "--callers", "busy", "--strip-dirs"]);
    let callers = callers.expect_code(0).stdout_text();
    for (calls, name) in [("3", "first"), ("1", "second")] {
        let has =
            |line: &str| line.contains(name) && line.split_whitespace().any(|word| word == calls);
        assert!(callers.lines().any(has), "{callers}");
    }
    let missing = workbench
        .pitstop(&["trace", "last", "-t", "nobody"])
        .expect_code(2);
    assert!(
        missing
            .stderr_text()
            .contains("there is no thread `nobody`"),
        "{missing}"
    );
    for view in ["tree", "lines"] {
        let finished = workbench.pitstop(&[view]).expect_code(0);
        assert!(finished.stdout_text().contains("busy"), "{finished}");
        assert!(!finished.stdout_text().contains("sample"), "{finished}");
    }
    for format in [
        "svg",
        "speedscope",
        "pprof-plain",
        "json",
        "dot",
        "callgrind",
        "collapsed",
    ] {
        let output = format!("out.{format}");
        workbench
            .pitstop(&["export", "last", &output, "-f", format])
            .expect_code(0);
    }
}
