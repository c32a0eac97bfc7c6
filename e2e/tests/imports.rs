//! `pitstop imports`: the tree of every version, what nobody needed, and everything that can go wrong.

use pitstop_e2e::{Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python};
use serde_json::Value;

const CODE: &str = "import json, colorsys\nprint(json.dumps([1, {}]))";

fn imports(workbench: &Workbench, python: &Python, arguments: &[&str]) -> Finished {
    let mut command = workbench.command(&["imports", "--json", "--time", "2s", "--python"]);
    command.arg(&python.path).args(arguments);
    Finished::of(&mut command, b"")
}

fn parsed(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"))
}

fn module<'a>(document: &'a Value, name: &str) -> &'a Value {
    let modules = document["modules"].as_array().expect("a list");
    let mut named = modules.iter().filter(|module| module["name"] == name);
    named.next().unwrap_or_else(|| panic!("{name} is missing"))
}

#[test]
fn the_tree_adds_up_and_tells_what_nobody_needed() {
    on_each_python(|python| {
        let finished = imports(&Workbench::new(), python, &["-c", CODE]).expect_code(0);
        let document = parsed(&finished);
        assert_eq!(document["schema"], "pitstop/imports@1");
        let modules = document["modules"].as_array().expect("a list");
        for (at, module) in modules.iter().enumerate() {
            let inside = modules.iter().filter(|other| other["parent"] == at);
            let inside: f64 = inside
                .map(|other| other["total_ns"].as_f64().unwrap_or(0.0))
                .sum();
            let own = module["own_ns"].as_f64().expect("a number");
            let total = module["total_ns"].as_f64().expect("a number");
            assert!((own + inside - total).abs() < 1.0, "{module}");
        }
        let decoder = module(&document, "json.decoder");
        let parent = decoder["parent"].as_u64().expect("it has one") as usize;
        assert_eq!(modules[parent]["name"], "json");
        assert_eq!(module(&document, "site")["startup"], true);
        assert_eq!(module(&document, "json")["unneeded"], false);
        assert_eq!(module(&document, "colorsys")["unneeded"], true);
        let (basis, kind) = if python.minor >= 15 {
            ("never_loaded", "measured")
        } else {
            ("never_called", "estimate")
        };
        assert_eq!(document["unneeded"]["basis"], basis, "{python}");
        assert_eq!(document["lazy"]["kind"], kind, "{python}");
    });
}

#[test]
fn scripts_and_modules_run_and_what_they_print_is_thrown_away() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write(
            "app.py",
            "import sys, colorsys\nimport helper\nhelper.work(sys.argv[1])\n",
        );
        workbench.write("helper.py", "import leaf\ndef work(x): print(x)\n");
        workbench.write("leaf.py", "");
        for start in [&["app.py", "word"][..], &["-m", "app", "word"]] {
            let mut arguments = vec!["--once"];
            arguments.extend(start);
            let finished = imports(&workbench, python, &arguments).expect_code(0);
            let document = parsed(&finished);
            let helper = module(&document, "leaf")["parent"].as_u64();
            let helper = helper.expect("it has one") as usize;
            assert_eq!(document["modules"][helper]["name"], "helper");
            assert_eq!(document["lazy"]["kind"], "unknown");
            assert_eq!(document["runs"], 1);
        }
        let finished = imports(&workbench, python, &["app.py", "word"]).expect_code(0);
        assert_eq!(module(&parsed(&finished), "helper")["unneeded"], false);
    });
}

#[test]
fn a_sitecustomize_of_the_program_still_runs() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.write("sitecustomize.py", "import colorsys\n");
        let mut command = workbench.command(&["imports", "--json", "--time", "1s", "--python"]);
        command
            .arg(&python.path)
            .env("PYTHONPATH", workbench.path());
        command.args([
            "-c",
            "import sys, os, bisect\n\
            assert 'colorsys' in sys.modules and not os.environ.get('PITSTOP_USAGE')\n\
            bisect.bisect([1], 2)",
        ]);
        let finished = Finished::of(&mut command, b"").expect_code(0);
        assert_eq!(
            module(&parsed(&finished), "bisect")["unneeded"],
            false,
            "{finished}"
        );
        assert!(!finished.stderr_text().contains("note:"), "{finished}");
    });
}

#[test]
fn what_fails_is_told_and_what_was_learned_is_kept() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let finished = imports(&workbench, python, &["-c", "import colorsys\n1/0"]);
        let finished = finished.expect_code(0);
        let text = finished.stderr_text();
        assert!(text.contains("status 1: ZeroDivisionError"), "{finished}");
        module(&parsed(&finished), "colorsys");
        let finished = imports(&workbench, python, &["-c", "import os\nos._exit(0)"]);
        assert_eq!(
            parsed(&finished.expect_code(0))["unneeded"]["basis"],
            Value::Null
        );
    });
    let workbench = Workbench::new();
    let run = |arguments: &[&str]| workbench.pitstop(arguments);
    run(&["imports", "no-such-script.py"]).expect_code(127);
    run(&["imports"]).expect_code(2);
    run(&["imports", "--python", "no-such-python", "-c", "1"]).expect_code(127);
    let finished = run(&["imports", "--python", "true", "-c", "1"]).expect_code(3);
    assert!(
        finished.stderr_text().contains("ended with status 0"),
        "{finished}"
    );
}

#[test]
fn a_text_fits_its_terminal() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let mut command = workbench.command(&["imports", "--time", "1s", "--python"]);
        command
            .arg(&python.path)
            .args(["-c", CODE])
            .env("COLUMNS", "60");
        let text = Finished::of(&mut command, b"").expect_code(0).stdout_text();
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
        let words = if python.minor >= 15 {
            "pair"
        } else {
            "an estimate"
        };
        for words in ["json.decoder", "colorsys", "unneeded", words] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("[1, {}]"), "{text}");
    });
}

#[test]
fn ctrl_c_ends_it_and_the_imports_so_far_are_printed() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        // The second of several runs interrupts whoever started it, and waits for its own end.
        workbench.write(
            "app.py",
            "import colorsys, os, signal\n\
             with open('count', 'a') as file: file.write('x')\n\
             if os.path.getsize('count') == 2:\n    \
                 os.kill(os.getppid(), signal.SIGINT)\n    signal.pause()\n",
        );
        let finished = imports(&workbench, python, &["app.py"]);
        assert_eq!(finished.signal(), Some(2), "{finished}");
        let document = parsed(&finished);
        assert_eq!(module(&document, "colorsys")["startup"], false);
    });
}
