//! `pitstop scale`: classes that counts make certain, and everything that can go wrong.

use pitstop_e2e::{Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python};
use serde_json::Value;

/// Options that keep a test short.
const SHORT: [&str; 7] = ["--time", "1s", "--processes", "3", "--seed", "7", "--json"];

fn scale(workbench: &Workbench, python: &Python, arguments: &[&str]) -> Finished {
    let mut command = workbench.command(&["scale", "--python"]);
    command.arg(&python.path).args(SHORT).args(arguments);
    Finished::of(&mut command, b"")
}

fn parsed(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"))
}

/// What was found, whether it is the last word or not.
fn found(python: &Python, arguments: &[&str]) -> Value {
    let finished = scale(&Workbench::new(), python, arguments);
    assert!([0, 4].contains(&finished.code()), "{finished}");
    let document = parsed(&finished);
    assert_eq!(document["schema"], "pitstop/scale@1");
    document
}

#[test]
fn counts_name_the_class_exactly_on_every_version() {
    on_each_python(|python| {
        let shuffled = "lambda n: random.Random(4).sample(range(n), n)";
        let sorted = found(
            python,
            &[
                "-s",
                "import random",
                "--max",
                "3000",
                "--make",
                shuffled,
                "sorted(x)",
            ],
        );
        assert_eq!(sorted["elements_class"], "O(n log n)", "{python} {sorted}");
        assert_eq!(sorted["bytecodes_class"], "O(1)", "{python} {sorted}");
        let pairs = "for i in range(n):\n  for j in range(i):\n    pass";
        let pairs = found(python, &["--max", "500", pairs]);
        assert_eq!(pairs["bytecodes_class"], "O(n²)", "{python} {pairs}");
        assert_eq!(pairs["elements_class"], Value::Null);
    });
}

#[test]
fn time_and_counts_together_name_it() {
    on_oldest_and_newest_python(|python| {
        let fib = "def fib(n):\n  return n if n < 2 else fib(n - 1) + fib(n - 2)";
        for (setup, statement, class) in [
            (fib, "fib(n)", "O(2ⁿ)"),
            ("", "i = n\nwhile i: i //= 2", "O(log n)"),
            (
                "",
                "for i in range(n):\n  for j in range(n): i ^ j",
                "O(n²)",
            ),
        ] {
            let document = found(python, &["-s", setup, statement]);
            assert_eq!(document["class"], class, "{python} {statement} {document}");
            let sizes = document["sizes"].as_array().expect("a list");
            assert!(sizes.len() >= 6, "{document}");
            let slope = &document["time"];
            let number = |name: &str| slope[name].as_f64().expect("a number");
            assert!(
                number("exponent_low") <= number("exponent")
                    && number("exponent") <= number("exponent_high")
            );
        }
    });
}

#[test]
fn a_function_gets_what_is_made_for_a_size() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write(
            "app.py",
            "def longest(words):\n    assert isinstance(words, list)\n    return [w for w in words if w]\n\
             async def later(n):\n    for i in range(n): pass\n",
        );
        let make = "lambda n: ['word'] * n";
        let finished = scale(&workbench, python, &["app:longest", "--make", make]);
        let document = parsed(&finished);
        assert_eq!(document["bytecodes_class"], "O(n)", "{finished}");
        assert_eq!(document["make"], make);
        assert_eq!(document["inputs"], "same");
        let finished = scale(&workbench, python, &["app:later", "--max", "2000"]);
        // An event loop runs a number of bytecodes of its own that is never the same.
        let document = parsed(&finished);
        let largest = document["sizes"].as_array().and_then(|sizes| sizes.last());
        assert!(largest.is_some_and(|size| size["n"] == 2000), "{finished}");
    });
}

#[test]
fn calls_that_change_their_input_or_keep_something_are_noticed() {
    on_oldest_and_newest_python(|python| {
        let make = "lambda n: list(range(n))";
        let changing = found(python, &["--make", make, "--max", "20000", "x.pop(0)"]);
        assert_eq!(changing["inputs"], "new", "{changing}");
        let caching = "from functools import lru_cache\n\
                       @lru_cache(None)\n\
                       def f(n):\n  return sum(i ^ 3 for i in range(n))";
        let caching = found(python, &["-s", caching, "f(n)"]);
        assert_eq!(caching["inputs"], "first_call", "{caching}");
        assert_eq!(caching["class"], "O(n)", "{caching}");
    });
}

#[test]
fn sizes_are_those_that_were_asked_for() {
    on_oldest_and_newest_python(|python| {
        let sizes = "10,20,40,80,160,320,640";
        let document = found(python, &["--sizes", sizes, "sum(range({n}))"]);
        let known: Vec<u64> = document["sizes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|size| size["n"].as_u64().expect("a number"))
            .collect();
        assert_eq!(known, [10, 20, 40, 80, 160, 320, 640]);
        let few = scale(&Workbench::new(), python, &["--sizes", "1,2,3", "range(n)"]);
        assert_eq!(parsed(&few.expect_code(4))["class"], Value::Null);
    });
}

#[test]
fn a_size_that_fails_ends_it_there() {
    on_oldest_and_newest_python(|python| {
        let deep = "def deep(n): return 0 if n == 0 else deep(n - 1)";
        let document = found(python, &["-s", deep, "deep(n)"]);
        assert_eq!(document["limit"]["reason"], "failed", "{document}");
        let error = document["limit"]["error"].as_str().expect("a text");
        assert!(error.contains("RecursionError"), "{error}");
        let dies = "import os\ndef f(n):\n  if n > 300: os.kill(os.getpid(), 9)";
        let document = found(python, &["-s", dies, "f(n)"]);
        assert_eq!(document["limit"]["reason"], "killed", "{document}");
        assert_eq!(document["limit"]["signal"], 9);
    });
}

#[test]
fn what_fails_is_told_with_its_reason_and_nothing_is_measured() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write("script.py", "pass\n");
        for (arguments, code, words) in [
            (vec!["sum([])"], 2, "does not depend on a size"),
            (vec!["script.py"], 2, "has no size"),
            (
                vec!["n", "--min", "9", "--max", "9"],
                2,
                "--max is not above",
            ),
            (vec!["n", "-o", "plot.png"], 2, "its ending names no format"),
            (vec!["n", "-o", "no/where.svg"], 2, "does not exist"),
            (vec!["n /"], 3, "SyntaxError"),
            (vec!["nosuch + n"], 3, "NameError"),
            (
                vec!["-s", "1/0", "n"],
                3,
                "the setup of `n` failed: ZeroDivisionError",
            ),
            (vec!["--make", "3", "x"], 3, "--make is a int"),
            (vec!["--make", "lambda n: 1/0", "x"], 3, "ZeroDivisionError"),
            (vec!["nosuch:f"], 3, "No module named 'nosuch'"),
            (
                vec!["-s", "import os", "os.kill(os.getpid(), 9 * (n > 0))"],
                3,
                "signal 9 at n = 1",
            ),
        ] {
            let finished = scale(&workbench, python, &arguments).expect_code(code);
            let text = finished.stderr_text();
            assert!(text.contains(words), "{arguments:?}\n{finished}");
            assert!(finished.stdout.is_empty(), "{finished}");
        }
    });
}

#[test]
fn a_text_fits_its_terminal_and_a_plot_is_a_file_of_its_own() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        for (columns, locale) in [("80", "C.UTF-8"), ("60", "POSIX")] {
            let mut command = workbench.command(&["scale", "--time", "1s", "--python"]);
            command.arg(&python.path).args(["-o", "plot.svg"]);
            command.arg("for i in range(n): i * i");
            command.env("COLUMNS", columns).env("LC_ALL", locale);
            let finished = Finished::of(&mut command, b"");
            assert!([0, 4].contains(&finished.code()), "{finished}");
            let text = finished.stdout_text();
            let width: usize = columns.parse().expect("a number");
            assert!(
                text.lines().all(|line| line.chars().count() <= width),
                "{text}"
            );
            assert_eq!(text.is_ascii(), locale == "POSIX", "{text}");
            for words in ["slope", "counted", "expect", "bytecodes O(n)", "n = "] {
                assert!(text.contains(words), "{words}: {text}");
            }
            let svg = std::fs::read_to_string(workbench.path().join("plot.svg"));
            let svg = svg.expect("it was written");
            assert!(svg.starts_with("<svg ") && svg.contains("<circle"), "{svg}");
        }
    });
}

#[test]
fn ctrl_c_ends_it_and_what_was_measured_is_printed() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        // The fourth process interrupts whoever measures it; sizes are known by then.
        let setup = "import os, signal\n\
                     with open('count', 'a') as file: file.write('x')\n\
                     if os.path.getsize('count') == 4: os.kill(os.getppid(), signal.SIGINT)";
        let mut command = workbench.command(&["scale", "--json", "--processes", "1000"]);
        command.args(["--seed", "7", "--python"]).arg(&python.path);
        command.args([
            "--sizes",
            "100,200,400,800,1600,3200",
            "-s",
            setup,
            "sum(range(n))",
        ]);
        let finished = Finished::of(&mut command, b"");
        assert_eq!(finished.signal(), Some(2), "{finished}");
        let document = parsed(&finished);
        assert_eq!(document["stopped"], true, "{document}");
        assert_eq!(document["sizes"].as_array().map(Vec::len), Some(6));
        // Where nothing is known yet there is nothing to print.
        let setup = "import os, signal\nos.kill(os.getppid(), signal.SIGINT)";
        let finished = scale(&workbench, python, &["-s", setup, "sum(range(n))"]).expect_code(3);
        assert!(finished.stdout.is_empty(), "{finished}");
        let text = finished.stderr_text();
        assert!(
            text.contains("stopped before anything was measured"),
            "{text}"
        );
    });
}
