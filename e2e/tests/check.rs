//! `pitstop check` and `pitstop explain`: findings, formats, exit statuses, and pairs that do the
//! same on every version.

use pitstop_e2e::{Finished, Workbench, on_each_python, on_oldest_and_newest_python, workspace};
use serde_json::Value;

const SLOW: &str = "def f(rows):\n    seen = []\n    for row in rows:\n        if row not in seen:\n            \
                    seen.append(row)\n";

fn parsed(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"))
}

#[test]
fn findings_end_with_1_and_nothing_with_0() {
    let workbench = Workbench::new();
    workbench.write("slow.py", SLOW);
    workbench.write("fine.py", "x = 1\n");
    let document = parsed(&workbench.pitstop(&["check", "--json"]).expect_code(1));
    let found = &document["findings"][0];
    assert_eq!(document["files"], 2);
    assert_eq!(
        (&found["rule"], &found["verdict"]),
        (&"PS101".into(), &"plausible".into())
    );
    assert_eq!(
        (&found["file"], &found["line"]),
        (&"slow.py".into(), &4.into())
    );
    assert_eq!(found["remedy"]["edits"][0]["text"], "set()");
    workbench.pitstop(&["check", "fine.py"]).expect_code(0);
    workbench.pitstop(&["check", "--exit-zero"]).expect_code(0);
    workbench
        .pitstop(&["check", "--ignore", "PS101"])
        .expect_code(0);
    for format in ["text", "md", "github", "sarif", "junit"] {
        let finished = workbench.pitstop(&["check", "-f", format]).expect_code(1);
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        assert!(text.contains("PS101"), "{finished}");
    }
}

#[test]
fn what_cannot_be_read_is_told_and_stops_nobody() {
    let workbench = Workbench::new();
    workbench.write("broken.py", "def f(:\n");
    workbench.write("foreign.py", "# coding: koi8-r\n");
    workbench.write("slow.py", SLOW);
    let document = parsed(&workbench.pitstop(&["check", "--json"]).expect_code(1));
    let problems = document["problems"].as_array().expect("a list");
    let files: Vec<_> = problems
        .iter()
        .map(|problem| problem["file"].as_str())
        .collect();
    assert_eq!(files, [Some("broken.py"), Some("foreign.py")]);
    workbench.pitstop(&["check", "foreign.py"]).expect_code(3);
    workbench.pitstop(&["check", "missing.py"]).expect_code(2);
    workbench
        .pitstop(&["check", "--select", "list-memebrship"])
        .expect_code(2);
    workbench.pitstop(&["explain", "nonsense"]).expect_code(2);
    let listed = workbench.pitstop(&["explain"]).expect_code(0);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("list-membership"));
}

#[test]
fn slow_and_fast_of_every_pair_do_the_same_on_every_version() {
    let pairs = workspace().join("crates/rules/pairs");
    let pairs = std::fs::read_dir(pairs).expect("the pairs are there");
    let mut pairs: Vec<_> = pairs.map(|entry| entry.expect("an entry").path()).collect();
    pairs.sort();
    assert!(pairs.len() >= 8);
    let code = "import sys\nfor name in sys.argv[1:]:\n    space = {}\n    \
                exec(open(name).read(), space)\n    for n in (1, 2, 50):\n        \
                data = space['setup'](n)\n        before = repr(data)\n        \
                assert space['slow'](data) == space['fast'](data), name\n        \
                assert repr(data) == before, name\nprint('same')";
    on_each_python(|python| {
        let workbench = Workbench::new();
        let mut command = workbench.bare(python, &["-c", code]);
        let finished = Finished::of(command.args(&pairs), b"").expect_code(0);
        assert_eq!(finished.stdout, b"same\n", "{finished}");
    });
}

/// One hot cause, and the same shape where it costs nothing.
const HOT_AND_COLD: &str = r#"
import time


def unique(rows):
    seen = []
    for row in rows:
        if row not in seen:
            seen.append(row)
    return seen


def small(rows):
    known = []
    for row in rows:
        if row not in known:
            known.append(row)
    return known


def main():
    small(["a", "b"])
    ended = time.perf_counter() + 0.7
    while time.perf_counter() < ended:
        unique(range(1500))


main()
"#;

#[test]
fn a_profile_tells_hot_from_cold_and_a_second_run_what_is_there() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.write("app.py", HOT_AND_COLD);
        let path = python.path.to_string_lossy().into_owned();
        workbench
            .pitstop(&["run", "--python", &path, "--json", "v.json", "app.py"])
            .expect_code(0);
        let text = std::fs::read_to_string(workbench.path().join("v.json")).expect("it is written");
        let verdict: Value = serde_json::from_str(&text).expect("it is JSON");
        let found = verdict["findings"].as_array().expect("a list");
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0]["verdict"], "plausible");
        assert_eq!(
            (&found[0]["rule"], &found[0]["line"]),
            (&"PS101".into(), &8.into())
        );
        assert_eq!(next(&verdict), "pitstop check --run");

        // All that stands in the source, and what that run says of it.
        let all = parsed(
            &workbench
                .pitstop(&["check", "--no-profile", "--json"])
                .expect_code(1),
        );
        assert_eq!(all["findings"].as_array().map(Vec::len), Some(2));
        let seen = workbench.pitstop(&["check", "--run", "--json"]);
        let document = parsed(&seen);
        let finding = &document["findings"][0];
        assert_eq!(
            document["findings"].as_array().map(Vec::len),
            Some(1),
            "{seen}"
        );
        // On a busy machine there may be no time for pairs; what was seen does not depend on it.
        assert!(
            ["confirmed", "not-measured"].contains(&finding["verdict"].as_str().unwrap_or("")),
            "{seen}"
        );
        assert!(
            evidence(finding, "type-and-size").starts_with("list of "),
            "{seen}"
        );
        assert!(
            evidence(finding, "count").starts_with("ran at least "),
            "{seen}"
        );
        let said = String::from_utf8_lossy(&seen.stderr).into_owned();
        assert!(
            said.contains("one more place cost next to nothing"),
            "{seen}"
        );
    });
}

fn next(verdict: &Value) -> String {
    verdict["next"][0]["command"]
        .as_str()
        .unwrap_or("")
        .to_owned()
}

fn evidence(finding: &Value, kind: &str) -> String {
    let all = finding["evidence"].as_array().cloned().unwrap_or_default();
    let one = all.iter().find(|seen| seen["kind"] == kind);
    one.and_then(|seen| seen["text"].as_str())
        .unwrap_or("")
        .to_owned()
}

#[test]
fn without_a_last_run_there_is_nothing_to_run_again() {
    let workbench = Workbench::new();
    workbench.write("slow.py", SLOW);
    let finished = workbench.pitstop(&["check", "--run"]).expect_code(2);
    let said = String::from_utf8_lossy(&finished.stderr).into_owned();
    assert!(said.contains("pitstop run --check script.py"), "{finished}");
}
