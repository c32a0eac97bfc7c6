//! `pitstop verify`: right changes are equal, wrong ones are rejected for what is wrong with them, and
//! what cannot be proved is said.

use pitstop_e2e::{
    Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python, pythons, workspace,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::Command;

/// A workbench with the programs of `fixtures/proofs`.
fn with_proofs(python: &Python) -> Workbench {
    let workbench = Workbench::with_python(python);
    let directory = workspace().join("fixtures/proofs");
    for entry in std::fs::read_dir(&directory)
        .expect("the programs are there")
        .flatten()
    {
        let text = std::fs::read_to_string(entry.path()).expect("it can be read");
        workbench.write(&entry.file_name().to_string_lossy(), &text);
    }
    workbench
}

fn verify(workbench: &Workbench, arguments: &[&str]) -> Finished {
    let all: Vec<&str> = ["verify", "--json", "--seed", "1"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    workbench.pitstop(&all)
}

fn parsed(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"))
}

fn functions(document: &Value) -> &Vec<Value> {
    document["functions"].as_array().expect("a list")
}

fn function<'a>(document: &'a Value, name: &str) -> &'a Value {
    let mut named = functions(document)
        .iter()
        .filter(|known| known["name"] == name);
    named
        .next()
        .unwrap_or_else(|| panic!("{name} is missing: {document:#}"))
}

/// Why calls of a function were left out.
fn reasons(function: &Value) -> String {
    let left_out = function["left_out"].as_array().expect("a list");
    let reasons = left_out.iter().filter_map(|known| known["reason"].as_str());
    reasons.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_right_pair_is_equal_on_every_python() {
    on_each_python(|python| {
        let workbench = with_proofs(python);
        let files = [
            "right_slow.py",
            "right_fast.py",
            "--equality-only",
            "--",
            "right_calls.py",
        ];
        let document = parsed(&verify(&workbench, &files).expect_code(0));
        assert_eq!(document["schema"], "pitstop/proof@1");
        assert_eq!(document["verdict"], "equal");
        let functions = functions(&document);
        assert!(functions.len() >= 15, "{document:#}");
        for function in functions {
            assert_eq!(function["difference"], Value::Null, "{function:#}");
            assert_eq!(
                function["left_out"].as_array().map(Vec::len),
                Some(0),
                "{function:#}"
            );
            assert!(function["compared"].as_u64() > Some(0), "{function:#}");
            assert_eq!(function["compared"], function["calls"], "{function:#}");
        }
    });
}

/// What `wrong_fast.py` says of its functions: kind and pass by qualified name.
fn expected() -> BTreeMap<String, (String, String)> {
    let path = workspace().join("fixtures/proofs/wrong_fast.py");
    let text = std::fs::read_to_string(path).expect("it can be read");
    let (mut class, mut wanted) = (String::new(), None);
    let mut all = BTreeMap::new();
    for line in text.lines() {
        let name = |rest: &str| rest.split(['(', ':']).next().unwrap_or_default().to_owned();
        if let Some(rest) = line.strip_prefix("class ") {
            class = name(rest) + ".";
        } else if let Some((kind, pass)) = line
            .trim_start()
            .strip_prefix("# expect: ")
            .and_then(|rest| rest.split_once(' '))
        {
            wanted = Some((kind.to_owned(), pass.to_owned()));
        } else if let Some(rest) = line.trim_start().strip_prefix("def ")
            && let Some(wanted) = wanted.take()
        {
            let prefix = if line.starts_with(' ') {
                class.as_str()
            } else {
                ""
            };
            all.insert(format!("{prefix}{}", name(rest)), wanted);
        }
    }
    all
}

#[test]
fn every_wrong_optimization_is_rejected_for_what_is_wrong_with_it() {
    let expected = expected();
    assert!(expected.len() >= 30);
    on_oldest_and_newest_python(|python| {
        let workbench = with_proofs(python);
        let files = [
            "wrong_slow.py",
            "wrong_fast.py",
            "--equality-only",
            "--",
            "wrong_calls.py",
        ];
        let document = parsed(&verify(&workbench, &files).expect_code(1));
        assert_eq!(document["verdict"], "rejected");
        let found: BTreeMap<String, (String, String)> = functions(&document)
            .iter()
            .map(|function| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let name = text(&function["name"]).replace("wrong_slow.py::", "");
                let difference = &function["difference"];
                (name, (text(&difference["kind"]), text(&difference["pass"])))
            })
            .collect();
        assert_eq!(found, expected);
        // What the old version does not do outside is not even tried.
        assert!(!workbench.path().join("logged.txt").exists());
    });
}

#[test]
fn a_few_wrong_ones_are_rejected_on_every_python_in_between() {
    let rest = pythons()
        .iter()
        .filter(|python| (9..=14).contains(&python.minor));
    for python in rest {
        let workbench = Workbench::with_python(python);
        workbench.write(
            "old.py",
            "def f(n):\n    return [n]\n\ndef g(n):\n    yield n\n",
        );
        workbench.write(
            "new.py",
            "import functools\n@functools.lru_cache()\ndef f(n):\n    return [n]\n\n\
             def g(n):\n    return [n]\n",
        );
        workbench.write("app.py", "import old\nold.f(1)\nlist(old.g(1))\n");
        let arguments = ["old.py", "new.py", "--equality-only", "--", "app.py"];
        let document = parsed(&verify(&workbench, &arguments).expect_code(1));
        let kind = |name: &str| function(&document, name)["difference"]["kind"].clone();
        assert_eq!(
            (kind("old.py::f"), kind("old.py::g")),
            ("cache".into(), "laziness".into()),
            "{python}"
        );
    }
}

#[test]
fn methods_of_every_kind_and_coroutines_are_repeated() {
    const OLD: &str = "
class Box:
    def __init__(self, size):
        self.size = size
    def grow(self, by):
        self.size += by
        return self.size
    @staticmethod
    def twice(n):
        return n + n
    @classmethod
    def of(cls, size):
        return cls(size)
    @property
    def half(self):
        return self.size / 2
    @half.setter
    def half(self, value):
        self.size = value * 2
async def wait(n):
    return n + 1
";
    let new = OLD
        .replace(
            "self.size += by\n        return self.size",
            "self.size = self.size + by\n        return self.size",
        )
        .replace("return n + n", "return n << 1")
        .replace("return cls(size)", "return Box(size)")
        .replace("self.size / 2", "self.size // 2")
        .replace("self.size = value * 2", "self.size = 2 * value")
        .replace("return n + 1", "return 1 + n");
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::with_python(python);
        workbench.write("old.py", OLD);
        workbench.write("new.py", &new);
        workbench.write(
            "app.py",
            "import asyncio, old\nbox = old.Box.of(3)\nbox.grow(2)\nbox.twice(4)\nbox.half\n\
             box.half = 5\nasyncio.run(old.wait(1))\n",
        );
        let arguments = ["old.py", "new.py", "--equality-only", "--", "app.py"];
        let document = parsed(&verify(&workbench, &arguments).expect_code(1));
        for function in functions(&document) {
            assert!(
                function["compared"].as_u64() > Some(0),
                "{python} {function:#}"
            );
            let is_half = function["name"] == "old.py::Box.half";
            assert_eq!(
                function["difference"]["kind"] == "type",
                is_half,
                "{function:#}"
            );
        }
        assert_eq!(functions(&document).len(), 5, "{document:#}");
    });
}

#[test]
fn a_class_that_gets_slots_does_the_same() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::with_python(python);
        let text = "class Point:\n    def __init__(self, x):\n        self.x = x\n    \
                    def move(self):\n        self.x += 1\n        return self\n";
        workbench.write("old.py", text);
        let new = text.replace("class Point:\n", "class Point:\n    __slots__ = ('x',)\n");
        workbench.write("new.py", &new);
        workbench.write("app.py", "import old\nold.Point(3).move()\n");
        let arguments = ["old.py", "new.py", "--equality-only", "--", "app.py"];
        let document = parsed(&verify(&workbench, &arguments).expect_code(0));
        let moved = function(&document, "old.py::Point.move");
        assert_eq!(
            (moved["why"].as_str(), moved["compared"].as_u64()),
            (Some("class"), Some(1))
        );
    });
}

#[test]
fn what_cannot_be_repeated_is_left_out_with_its_reason() {
    const OLD: &str = "
import random, time
STATE = []
def clock():
    return time.perf_counter()
def dice():
    return random.random()
def stateful():
    return len(STATE)
def of_lambda(f):
    return f()
def writes(n):
    with open('written.txt', 'a') as file:
        file.write('x')
    return n
def of_set(words):
    return list(set(words))
def plain(n):
    return n + 1
";
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::with_python(python);
        workbench.write("old.py", OLD);
        workbench.write("new.py", &OLD.replace("return ", "return 0 or "));
        workbench.write(
            "app.py",
            "import old\nold.STATE.append(1)\nold.clock(), old.dice(), old.stateful()\n\
             old.of_lambda(lambda: 1), old.writes(1), old.plain(1)\n\
             old.of_set(['a%d' % n for n in range(9)])\n",
        );
        let arguments = ["old.py", "new.py", "--equality-only", "--", "app.py"];
        let finished = verify(&workbench, &arguments).expect_code(3);
        let document = parsed(&finished);
        assert_eq!(document["verdict"], "refused");
        for (name, why) in [
            ("clock", "the clock"),
            ("stateful", "depends on more than its arguments"),
            ("of_lambda", "arguments cannot be copied"),
            ("writes", "--effects"),
        ] {
            let function = function(&document, &format!("old.py::{name}"));
            assert!(reasons(function).contains(why), "{name}: {function:#}");
            assert_eq!(function["compared"], 0, "{name}");
        }
        let of_set = function(&document, "old.py::of_set");
        assert_eq!(of_set["compared"], 0, "{of_set:#}");
        // The random generator is set as it was: such a call repeats.
        for name in ["dice", "plain"] {
            let function = function(&document, &format!("old.py::{name}"));
            assert_eq!(function["compared"], 1, "{name}: {function:#}");
        }
        // The workload wrote once; nothing that was repeated did.
        let written = std::fs::read_to_string(workbench.path().join("written.txt"));
        assert_eq!(written.ok().as_deref(), Some("x"));
    });
}

#[test]
fn effects_are_repeated_and_compared_if_asked_for() {
    let python = pythons().last().expect("there is one");
    let workbench = Workbench::with_python(python);
    let text = "def save(lines):\n    with open('out.txt', 'w') as file:\n        \
                for line in lines:\n            file.write(line)\n";
    workbench.write("old.py", text);
    workbench.write(
        "right.py",
        &text.replace(
            "for line in lines:\n            file.write(line)",
            "file.writelines(lines)",
        ),
    );
    workbench.write(
        "wrong.py",
        &text.replace("file.write(line)", "file.write(line + '\\n')"),
    );
    workbench.write("app.py", "import old\nold.save(['a', 'b'])\n");
    let run = |new: &str, code: i32| {
        let arguments = [
            "old.py",
            new,
            "--effects",
            "--equality-only",
            "--",
            "app.py",
        ];
        parsed(&verify(&workbench, &arguments).expect_code(code))
    };
    assert_eq!(run("right.py", 0)["verdict"], "equal");
    let document = run("wrong.py", 1);
    let difference = &function(&document, "old.py::save")["difference"];
    assert_eq!(difference["kind"], "events", "{document:#}");
}

#[test]
fn functions_of_the_script_itself_and_of_modules_are_found_by_name() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::with_python(python);
        workbench.write(
            "app.py",
            "def slow(n):\n    return sum([1 for _ in range(n)])\ndef fast(n):\n    return n\n\
             def wrong(n):\n    return n + (n > 2)\n\
             if __name__ == '__main__':\n    print(slow(3))\n",
        );
        for (new, code) in [("app.py::fast", 0), ("app.py::wrong", 1)] {
            let arguments = ["app.py::slow", new, "--equality-only", "--", "app.py"];
            verify(&workbench, &arguments).expect_code(code);
        }
        workbench.write("use.py", "import app\napp.slow(2)\n");
        let arguments = ["app:slow", "app:fast", "--equality-only", "--", "use.py"];
        let document = parsed(&verify(&workbench, &arguments).expect_code(0));
        assert_eq!(function(&document, "app:slow")["compared"], 1);
        // A workload can be a function, too.
        workbench.write("job.py", "import app\ndef main():\n    app.slow(2)\n");
        let arguments = ["app:slow", "app:wrong", "--equality-only", "--", "job:main"];
        verify(&workbench, &arguments).expect_code(0);
    });
}

fn git(workbench: &Workbench, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .current_dir(workbench.path())
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn commits_are_compared_with_each_other_and_with_the_working_tree() {
    let python = pythons().last().expect("there is one");
    let workbench = Workbench::with_python(python);
    let text = "def f(items):\n    out = []\n    for item in items:\n        out.append(item * 2)\n    return out\n";
    std::fs::create_dir_all(workbench.path().join("src/pack")).expect("a directory");
    workbench.write("src/pack/__init__.py", "");
    workbench.write("src/pack/core.py", text);
    workbench.write("app.py", "from pack.core import f\nprint(f([1, 2]))\n");
    workbench.write("tests.py", "from pack.core import f\nassert f([]) == []\n");
    workbench.write(
        "pyproject.toml",
        "[tool.pitstop]\nworkload = \"python3 app.py\"\ntest-command = [\"python3\", \"tests.py\"]\n",
    );
    workbench.write(".gitignore", ".bin\n.cache\n");
    git(&workbench, &["init", "-q", "-b", "main"]);
    git(&workbench, &["add", "."]);
    git(&workbench, &["commit", "-q", "-m", "one"]);
    workbench.write(
        "src/pack/core.py",
        "def f(items):\n    return [item * 2 for item in items]\n",
    );
    let document = parsed(&verify(&workbench, &["HEAD", ".", "--equality-only"]).expect_code(0));
    let found = function(&document, "src/pack/core.py::f");
    assert_eq!(
        (found["compared"].as_u64(), found["line"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(document["tests"]["equal"], true);
    git(&workbench, &["commit", "-q", "-a", "-m", "two"]);
    verify(&workbench, &["HEAD~1", "HEAD", "--equality-only"]).expect_code(0);
    // Equal in what the workload does, and not in what the tests do.
    workbench.write(
        "src/pack/core.py",
        "def f(items):\n    return [item * 2 for item in items] or None\n",
    );
    let document = parsed(&verify(&workbench, &["HEAD", ".", "--equality-only"]).expect_code(1));
    assert_eq!(document["verdict"], "rejected");
    assert_eq!(functions(&document)[0]["difference"], Value::Null);
    assert_eq!(
        (
            document["tests"]["old"]["status"].as_i64(),
            document["tests"]["new"]["status"].as_i64()
        ),
        (Some(0), Some(1))
    );
    git(&workbench, &["worktree", "prune"]);
}

#[test]
fn what_is_equal_and_far_faster_is_accepted_and_what_is_slower_is_not() {
    let python = pythons().last().expect("there is one");
    let workbench = Workbench::with_python(python);
    // A thousandfold difference is seen on any machine.
    let slow = "def f(n):\n    for _ in range(n * 100000):\n        pass\n    return n\n";
    workbench.write("slow.py", slow);
    workbench.write("fast.py", "def f(n):\n    return n\n");
    workbench.write("app.py", "import slow\nslow.f(40)\n");
    let arguments = ["slow.py", "fast.py", "--", "app.py"];
    let document = parsed(&verify(&workbench, &arguments).expect_code(0));
    assert_eq!(document["verdict"], "accepted");
    for speed in ["calls_speed", "whole_speed"] {
        assert!(
            document[speed]["factor_low"].as_f64() > Some(1.02),
            "{document:#}"
        );
    }
    workbench.write("app.py", "import fast\nfast.f(40)\n");
    let arguments = ["fast.py", "slow.py", "--", "app.py"];
    let document = parsed(&verify(&workbench, &arguments).expect_code(1));
    assert_eq!(document["verdict"], "not_faster");
}

#[test]
fn a_version_that_never_ends_or_crashes_is_rejected() {
    let python = pythons().last().expect("there is one");
    let workbench = Workbench::with_python(python);
    workbench.write("old.py", "def f(n):\n    return n\n");
    workbench.write("new.py", "import os\ndef f(n):\n    os.abort()\n");
    workbench.write("app.py", "import old\nold.f(1)\n");
    let arguments = ["old.py", "new.py", "--equality-only", "--", "app.py"];
    let document = parsed(&verify(&workbench, &arguments).expect_code(1));
    let difference = &function(&document, "old.py::f")["difference"];
    assert_eq!(difference["kind"], "crash", "{document:#}");
    assert_eq!(difference["new"], "was killed by signal 6");
}

#[test]
fn errors_say_what_to_do() {
    let python = pythons().last().expect("there is one");
    let workbench = Workbench::with_python(python);
    workbench.write("old.py", "def f(n):\n    return n\n");
    workbench.write("new.py", "def f(n):\n    return +n\n");
    workbench.write("same.py", "def f(n):\n    return n  # a comment\n");
    workbench.write("broken.py", "def f(n:\n");
    workbench.write("app.py", "pass\n");
    workbench.write("fails.py", "raise SystemExit(9)\n");
    let cases: [(&[&str], i32, &str); 8] = [
        (
            &["old.py", "gone.py", "--", "app.py"],
            2,
            "there is no file `gone.py`",
        ),
        (
            &["old.py", "same.py", "--", "app.py"],
            2,
            "no function differs",
        ),
        (&["old.py", "old.py", "--", "app.py"], 2, "do not differ"),
        (
            &["old.py", "broken.py", "--", "app.py"],
            2,
            "cannot be read as Python",
        ),
        (
            &["old.py", "new.py", "--", "fails.py"],
            3,
            "ended with status 9",
        ),
        (
            &["old.py", "new.py", "--", "no-such-program"],
            127,
            "cannot be started",
        ),
        (&["old.py", "new.py"], 2, "there is no workload"),
        (
            &[".", ".", "--", "app.py"],
            2,
            "both versions are the working tree",
        ),
    ];
    for (arguments, code, words) in cases {
        let finished = verify(&workbench, arguments).expect_code(code);
        let said = finished.stderr_text();
        assert!(
            said.contains(words) && said.contains("error:"),
            "{arguments:?}: {finished}"
        );
    }
    let arguments = ["verify", "old.py", "new.py", "--", "app.py"];
    let finished = workbench.pitstop(&arguments.map(OsStr::new)).expect_code(3);
    let said = finished.stdout_text();
    assert!(
        said.contains("the workload never calls old.py::f"),
        "{finished}"
    );
    assert!(
        said.contains("pitstop verify OLD NEW -- COMMAND"),
        "{finished}"
    );
}
