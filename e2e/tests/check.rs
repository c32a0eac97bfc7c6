//! `pitstop check` and `pitstop explain`: findings, formats, exit statuses, and pairs that do the
//! same on every version.

use pitstop_e2e::{Finished, Workbench, on_each_python, workspace};
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
