//! `pitstop bench`: every kind of target on every interpreter, and everything that can go wrong.

use pitstop_e2e::{Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python};
use serde_json::Value;
use std::process::Command;

/// Options that keep a test short; what is measured is not compared with anything.
const SHORT: [&str; 5] = ["--time", "300ms", "--seed", "7", "--json"];

fn bench(workbench: &Workbench, python: &Python, arguments: &[&str]) -> Finished {
    let mut command = workbench.command(&["bench", "--python"]);
    command.arg(&python.path).args(SHORT).args(arguments);
    Finished::of(&mut command, b"")
}

fn parsed(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"))
}

#[test]
fn a_statement_is_measured_by_process_on_every_version() {
    on_each_python(|python| {
        let setup = "import random; x = [3, 1, 2] * 50\ndef f(): return sorted(x)";
        let finished = bench(
            &Workbench::new(),
            python,
            &["-s", setup, "f()", "x.count(1)"],
        );
        let document = parsed(&finished.expect_code(0));
        assert_eq!(document["schema"], "pitstop/bench@1");
        let benchmark = &document["benchmarks"][0];
        let version = benchmark["python"].as_str().expect("a text");
        assert!(
            version.starts_with(&format!("3.{}.", python.minor)),
            "{version}"
        );
        assert_eq!(benchmark["text"], "f()\nx.count(1)");
        assert_eq!(benchmark["structure"], "processes");
        let numbers = ["min_ns", "median_ns", "p95_ns", "p99_ns", "max_ns"];
        let numbers = numbers.map(|name| benchmark[name].as_f64().expect("a number"));
        assert!(numbers.is_sorted() && numbers[0] > 100.0, "{numbers:?}");
        assert!(
            benchmark["peak_rss_bytes"]
                .as_u64()
                .is_some_and(|bytes| bytes > 1 << 20)
        );
        assert!(benchmark["gc_share"].as_f64().is_some());
        let runs = benchmark["runs"].as_array().expect("a list");
        assert!(!runs.is_empty());
        let seeds: Vec<_> = runs.iter().map(|run| run["hash_seed"].as_u64()).collect();
        assert!(
            seeds.windows(2).all(|pair| pair[0] != pair[1]),
            "each draws its own"
        );
    });
}

#[test]
fn functions_plain_and_async_are_called() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write(
            "work.py",
            "import asyncio\n\
             def plain():\n    return sum(range(100))\n\
             async def later():\n    await asyncio.sleep(0)\n\
             class Thing:\n    @staticmethod\n    def method():\n        return 1\n\
             constant = 1\n",
        );
        for target in ["work:plain", "work:later", "work:Thing.method"] {
            let document = parsed(&bench(&workbench, python, &[target]).expect_code(0));
            assert_eq!(document["benchmarks"][0]["subject"], "function", "{target}");
        }
        let finished = bench(&workbench, python, &["work:constant"]).expect_code(3);
        assert!(
            finished.stderr_text().contains("cannot be called"),
            "{finished}"
        );
    });
}

#[test]
fn scripts_and_commands_run_once_a_process() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.write("script.py", "import sys\nprint(sys.argv[1])\n");
        let document = parsed(&bench(&workbench, python, &["script.py", "x"]).expect_code(0));
        let benchmark = &document["benchmarks"][0];
        assert_eq!(benchmark["subject"], "script");
        assert_eq!(benchmark["batches"], benchmark["processes"]);
        assert!(benchmark["median_ns"].as_f64().is_some_and(|ns| ns > 1e6));
    });
    let workbench = Workbench::new();
    let mut command = workbench.command(&["bench", "--time", "200ms", "--json", "--", "true"]);
    let document = parsed(&Finished::of(&mut command, b"").expect_code(0));
    assert_eq!(document["benchmarks"][0]["subject"], "command");
}

#[test]
fn the_clock_follows_what_is_done() {
    on_oldest_and_newest_python(|python| {
        let clock = |statement: &str| {
            let finished = bench(&Workbench::new(), python, &["-s", "import time", statement]);
            let document = parsed(&finished.expect_code(0));
            let benchmark = document["benchmarks"][0].clone();
            let number = |name: &str| benchmark[name].as_f64().expect("a number");
            let name = benchmark["clock"].as_str().expect("a text").to_owned();
            (name, number("median_ns"), number("cpu_ns"))
        };
        let (name, sleeping, computing) = clock("time.sleep(0.002)");
        assert_eq!(name, "wall_without_delay");
        assert!(sleeping >= 2e6 && computing < 1e6, "{sleeping} {computing}");
        assert_eq!(clock("sum(range(1000))").0, "cpu");
    });
}

#[test]
fn what_fails_is_told_with_its_reason_and_nothing_is_measured() {
    on_each_python(|python| {
        for (arguments, words) in [
            (
                vec!["-s", "1/0", "1"],
                "setup of `1` failed: ZeroDivisionError",
            ),
            (
                vec!["1/0"],
                "the statement of `1/0` failed: ZeroDivisionError",
            ),
            (vec!["x ="], "SyntaxError"),
            (vec!["return 1"], "SyntaxError"),
            (vec!["nosuch_module:f"], "No module named 'nosuch_module'"),
            (vec!["json:nosuch"], "has no attribute 'nosuch'"),
            (vec!["raise SystemExit(3)"], "SystemExit: 3"),
            (
                vec!["-s", "import os", "os._exit(3)"],
                "ended with status 3",
            ),
            (
                vec!["-s", "import os", "os.kill(os.getpid(), 9)"],
                "ended by signal 9",
            ),
        ] {
            let finished = bench(&Workbench::new(), python, &arguments).expect_code(3);
            let text = finished.stderr_text();
            assert!(
                text.contains(words) && text.contains("now:"),
                "{arguments:?}\n{finished}"
            );
            assert!(finished.stdout.is_empty(), "{finished}");
        }
    });
}

#[test]
fn a_crash_in_the_middle_keeps_what_was_measured() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        // The sixth process dies: a file counts them.
        let setup = "import os\n\
                     with open('count', 'a') as file: file.write('x')\n\
                     if os.path.getsize('count') == 6: os.kill(os.getpid(), 11)";
        let arguments = ["-s", setup, "sum(range(100))", "--processes", "20"];
        let finished = bench(&workbench, python, &arguments).expect_code(3);
        assert_eq!(
            parsed(&finished)["benchmarks"][0]["processes"],
            4,
            "the pilot was the first"
        );
        assert!(
            finished.stderr_text().contains("ended by signal 11"),
            "{finished}"
        );
    });
}

#[test]
fn commands_that_are_not_there_or_fail_are_told_apart() {
    let workbench = Workbench::new();
    let run = |arguments: &[&str]| {
        let mut command = workbench.command(&["bench", "--time", "100ms"]);
        Finished::of(command.args(arguments), b"")
    };
    let finished = run(&["--", "no-such-command-here"]).expect_code(127);
    assert!(finished.stderr_text().contains("not found"), "{finished}");
    let finished = run(&["--", "sh", "-c", "echo why >&2; exit 5"]).expect_code(3);
    let text = finished.stderr_text();
    assert!(
        text.contains("status 5") && text.contains("why"),
        "{finished}"
    );
    run(&["-i", "--", "sh", "-c", "exit 5"]).expect_code(0);
    run(&["no-such-script.py"]).expect_code(127);
    run(&[]).expect_code(2);
}

#[test]
fn the_same_seed_draws_the_same_layouts() {
    on_oldest_and_newest_python(|python| {
        let draws = || {
            let arguments = ["--processes", "4", "sum(range(100))"];
            let document = parsed(&bench(&Workbench::new(), python, &arguments).expect_code(0));
            let runs = document["benchmarks"][0]["runs"]
                .as_array()
                .expect("a list")
                .clone();
            let draw = |run: &Value| (run["hash_seed"].clone(), run["padding_bytes"].clone());
            runs.iter().map(draw).collect::<Vec<_>>()
        };
        assert_eq!(draws(), draws());
    });
}

#[test]
fn it_reads_nothing_and_prints_nothing_of_the_statement() {
    on_each_python(|python| {
        let statement = "print('noise'); sys.stdin.read(); os.write(1, b'noise')";
        let arguments = ["-s", "import sys, os", statement];
        let finished = bench(&Workbench::new(), python, &arguments).expect_code(0);
        assert!(parsed(&finished)["benchmarks"][0]["median_ns"].is_number());
    });
}

#[test]
fn ctrl_c_ends_it_and_what_was_learned_is_printed() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        // The tenth process interrupts whoever measures it.
        let setup = "import os, signal\n\
                     with open('count', 'a') as file: file.write('x')\n\
                     if os.path.getsize('count') == 10: os.kill(os.getppid(), signal.SIGINT)";
        let arguments = ["-s", setup, "sum(range(100))", "--processes", "1000"];
        let finished = bench(&workbench, python, &arguments);
        assert_eq!(finished.signal(), Some(2), "{finished}");
        let document = parsed(&finished);
        assert_eq!(document["stopped"], true);
        let processes = document["benchmarks"][0]["processes"].as_u64();
        assert!(
            processes.is_some_and(|count| (7..=10).contains(&count)),
            "{processes:?}"
        );
    });
}

#[test]
fn saved_results_are_compared_by_name_and_by_file() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        for (name, statement) in [("base", "sum(range(100))"), ("new", "sum(range(2000))")] {
            let file = format!("{name}.json");
            let arguments = ["--processes", "8", "--save", name, "-o", &file, statement];
            bench(&workbench, python, &arguments).expect_code(0);
        }
        for sides in [["base", "new"], ["base.json", "new.json"]] {
            let finished = workbench.pitstop(&["compare", sides[0], sides[1], "--json"]);
            let document = parsed(&finished.expect_code(1));
            let comparison = &document["comparisons"][0];
            assert_eq!(comparison["verdict"], "slower");
            assert_eq!(comparison["compared"], "processes");
            assert!(
                comparison["ratio"]
                    .as_f64()
                    .is_some_and(|ratio| ratio > 3.0)
            );
        }
        // Eight processes need not be enough to call it equivalent to itself; it is never worse.
        let itself = workbench.pitstop(&["compare", "base", "base"]);
        assert!([0, 4].contains(&itself.code()), "{itself}");
    });
}

#[test]
fn a_text_fits_its_terminal_and_says_where_numbers_come_from() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let mut command: Command = workbench.command(&["bench", "--time", "200ms", "--python"]);
        command
            .arg(&python.path)
            .arg("sum(range(100))")
            .env("COLUMNS", "60");
        let finished = Finished::of(&mut command, b"").expect_code(0);
        let text = finished.stdout_text();
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
        for words in [
            "median",
            "p95",
            "p99",
            "a second",
            "peak memory",
            // A loaded machine has time for one only.
            "process",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    });
}

#[test]
fn counts_are_added_on_request_and_are_exact() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let counts = |statement: &str| {
            let mut command = workbench.command(&["bench", "--json", "--counts"]);
            let short = ["--processes", "1", "--time", "100ms", "--python"];
            command.args(short).arg(&python.path).arg(statement);
            let finished = Finished::of(&mut command, b"").expect_code(0);
            let document: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
            let counts = &document["benchmarks"][0]["counts"];
            let all = counts["bytecodes"].as_array().expect("a list").clone();
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{counts}");
            assert!(counts["peak_allocated_bytes"][0].is_u64(), "{counts}");
            if cfg!(target_arch = "x86_64") {
                assert!(counts["allocations"][0].is_u64(), "{counts}");
            }
            all[0].as_u64().expect("a number")
        };
        let [ten, twenty, thirty] =
            [10, 20, 30].map(|n| counts(&format!("for i in range({n}): pass")));
        assert!(ten < twenty, "{ten} {twenty}");
        assert_eq!(twenty - ten, thirty - twenty, "each turn executes the same");
        assert_eq!(counts("pass"), 0);
    });
}

#[test]
#[cfg(target_arch = "x86_64")]
fn allocations_are_counted_exactly() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let count = |statement: &str| {
            let finished = bench(&workbench, python, &["--counts", statement]).expect_code(0);
            let values = parsed(&finished)["benchmarks"][0]["counts"]["allocations"].clone();
            let values: Vec<u64> = serde_json::from_value(values).expect("numbers");
            assert_eq!(values.len(), 3);
            assert!(
                values.windows(2).all(|pair| pair[0] == pair[1]),
                "{values:?}"
            );
            values[0]
        };
        assert_eq!(count("pass"), 0);
        // Objects of a size that no free list keeps: two of them are twice as many.
        let one = count("x = bytes(1000)");
        assert!(one >= 1, "{one}");
        let many = count("x = [bytes(1000) for _ in [1] * 100]") as i64;
        let more = count("x = [bytes(1000) for _ in [1] * 300]") as i64 - many;
        // Two hundred more, and the growing of a list.
        assert!((200..220).contains(&more), "{more}");
    });
}
