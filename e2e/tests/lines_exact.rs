//! `pitstop lines --exact`: every hit of every chosen line, with times that add up.

use pitstop_e2e::{
    Finished, Python, Workbench, line_profiler, on_each_python, on_oldest_and_newest_python,
    pyperformance, pythons, workspace,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Runs `lines --exact -q -o out.json` with more arguments, and returns what it measured.
fn exact(workbench: &Workbench, python: &Python, arguments: &[&str]) -> (Value, Finished) {
    let mut command = command(workbench, python, &["-q", "-o", "out.json"]);
    let finished = Finished::of(command.args(arguments), b"").expect_code(0);
    assert!(finished.stderr.is_empty(), "{finished}");
    (workbench.json("out.json"), finished)
}

fn command(workbench: &Workbench, python: &Python, arguments: &[&str]) -> std::process::Command {
    let mut command = workbench.command(&["lines", "--exact", "--python"]);
    command.arg(&python.path).args(arguments);
    command
}

/// What was measured of a program that decorates functions with `@profile`.
fn decorated(python: &Python, program: &str) -> (Value, Finished) {
    let workbench = Workbench::new();
    workbench.write("program.py", program);
    exact(&workbench, python, &["program.py"])
}

fn function<'a>(json: &'a Value, name: &str) -> &'a Value {
    let functions = json["functions"].as_array().expect("functions");
    let mut named = functions.iter().filter(|function| {
        let full = function["function"].as_str().expect("a name");
        full.rsplit('.').next() == Some(name)
    });
    let found = named
        .next()
        .unwrap_or_else(|| panic!("no {name} in {json:#}"));
    assert!(named.next().is_none(), "two are called {name}: {json:#}");
    found
}

/// Hits by line.
fn hits(function: &Value) -> BTreeMap<u64, u64> {
    let lines = function["lines"].as_array().expect("lines");
    let number = |value: &Value| value.as_u64().expect("a number");
    lines
        .iter()
        .map(|line| (number(&line["line"]), number(&line["hits"])))
        .collect()
}

fn sum(function: &Value, field: &str) -> u64 {
    let lines = function["lines"].as_array().expect("lines");
    lines
        .iter()
        .map(|line| line[field].as_u64().expect("a number"))
        .sum()
}

#[test]
fn recursion_adds_up_to_the_wall_time() {
    on_each_python(|python| {
        let (json, finished) = decorated(
            python,
            "\
import time
@profile
def recurse(n):
    time.sleep(0.001)
    if n:
        recurse(n - 1)
start = time.perf_counter_ns()
recurse(20)
print(time.perf_counter_ns() - start)
",
        );
        let wall = finished.last_json().as_u64().expect("a number");
        let recurse = function(&json, "recurse");
        assert_eq!(hits(recurse), BTreeMap::from([(4, 21), (5, 21), (6, 20)]));
        assert_eq!(recurse["calls"], 21);
        for field in ["time_ns", "own_ns"] {
            let total = sum(recurse, field);
            assert!(
                total <= wall && total >= wall / 10 * 9,
                "{field} {total} of {wall}"
            );
        }
    });
}

#[test]
fn one_line_definitions_have_their_line() {
    on_each_python(|python| {
        let (json, _) = decorated(
            python,
            "\
@profile
def one(): return 1
double = profile(lambda x: x + x)
for _ in range(1000): one(), double(1)
",
        );
        let one = function(&json, "one");
        // Up to 3.11 a body on the line of its `def` is one line event, later too.
        assert_eq!(hits(one), BTreeMap::from([(2, 1000)]), "{one:#}");
        assert_eq!(one["calls"], 1000);
        let double = function(&json, "<lambda>");
        assert_eq!(hits(double), BTreeMap::from([(3, 1000)]), "{double:#}");
    });
}

#[test]
fn generators_count_once_and_their_pauses_are_waits() {
    on_each_python(|python| {
        let (json, finished) = decorated(
            python,
            "\
import time
@profile
def generate(n):
    try:
        for i in range(n):
            yield i
    except KeyError:
        yield -1
    finally:
        closed.append(n)
closed = []
def pause():
    start = time.perf_counter_ns()
    time.sleep(0.02)
    return time.perf_counter_ns() - start
waited = 0
for _ in generate(3):
    waited += pause()
early = generate(5)
next(early)
waited += pause()
early.close()
thrown = generate(7)
next(thrown)
assert thrown.throw(KeyError()) == -1
del thrown
assert closed == [3, 5, 7], closed
print(waited)
",
        );
        let generate = function(&json, "generate");
        let waited = finished.last_json().as_u64().expect("a number");
        assert_eq!(generate["calls"], 3, "{generate:#}");
        let hits = hits(generate);
        assert_eq!((hits[&6], hits[&8], hits[&10]), (5, 1, 3), "{generate:#}");
        let (total, waits) = (sum(generate, "time_ns"), sum(generate, "waited_ns"));
        assert!(waits >= waited, "{waits} of {waited}: {generate:#}");
        assert!(total < waited / 2, "{total} of {waited}: {generate:#}");
    });
}

#[test]
fn awaited_time_is_waiting_of_each_coroutine() {
    on_each_python(|python| {
        let (json, _) = decorated(
            python,
            "\
import asyncio
@profile
async def work(n):
    await asyncio.sleep(0.05)
    total = sum(range(1000))
    await asyncio.sleep(0.05)
    return total
async def main():
    await asyncio.gather(*(work(n) for n in range(3)))
asyncio.run(main())
",
        );
        let work = function(&json, "work");
        assert_eq!(work["calls"], 3);
        let expected = BTreeMap::from([(4, 3), (5, 3), (6, 3), (7, 3)]);
        assert_eq!(hits(work), expected, "{work:#}");
        for line in [0, 2] {
            let waited = work["lines"][line]["waited_ns"].as_u64().expect("a number");
            // Three at a time, each of them: they overlap, and each is counted.
            assert!(waited >= 3 * 49_000_000, "{work:#}");
        }
        assert_eq!(work["lines"][1]["waited_ns"], 0, "{work:#}");
        assert!(sum(work, "time_ns") < 100_000_000, "{work:#}");
    });
}

#[test]
fn threads_lose_no_hit() {
    on_each_python(|python| {
        let (json, finished) = decorated(
            python,
            "\
import sys, threading
sys.setswitchinterval(1e-5)
@profile
def count(n):
    total = 0
    for i in range(n):
        total += i
    return total
threads = [threading.Thread(target=count, args=(20_000,)) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
",
        );
        assert!(finished.stderr.is_empty(), "{finished}");
        let count = function(&json, "count");
        let expected = BTreeMap::from([(5, 4), (6, 80_004), (7, 80_000), (8, 4)]);
        assert_eq!(hits(count), expected, "{count:#}");
        assert_eq!(count["calls"], 4);
    });
}

#[test]
fn ten_million_outermost_calls_of_a_decorated_function() {
    on_oldest_and_newest_python(|python| {
        let (json, _) = decorated(
            python,
            "\
@profile
def small(x):
    return x
for i in range(10_000_000):
    small(i)
",
        );
        let small = function(&json, "small");
        assert_eq!(hits(small), BTreeMap::from([(3, 10_000_000)]));
        assert_eq!(small["calls"], 10_000_000);
    });
}

#[test]
fn exceptions_leave_the_times_whole() {
    on_each_python(|python| {
        let (json, finished) = decorated(
            python,
            "\
import time
@profile
def raises(n):
    if n:
        time.sleep(0.001)
        return inner(n)
@profile
def inner(n):
    raise ValueError(n)
start = time.perf_counter_ns()
for n in range(10):
    try:
        raises(n)
    except ValueError:
        pass
time.sleep(0.05)
print(time.perf_counter_ns() - start)
",
        );
        let wall = finished.last_json().as_u64().expect("a number");
        let (raises, inner) = (function(&json, "raises"), function(&json, "inner"));
        assert_eq!(hits(raises), BTreeMap::from([(4, 10), (5, 9), (6, 9)]));
        assert_eq!(hits(inner), BTreeMap::from([(9, 9)]));
        let total = sum(raises, "time_ns");
        assert!(
            total > 9_000_000 && total < wall - 50_000_000,
            "{total} of {wall}"
        );
        assert!(
            sum(raises, "own_ns") + sum(inner, "own_ns") <= total,
            "{json:#}"
        );
    });
}

/// Every line of every function of a recording by kernprof: file name, line of the definition, and
/// hits by line.
fn kernprofs_hits(
    workbench: &Workbench,
    file: &str,
) -> BTreeMap<(String, u64), BTreeMap<u64, u64>> {
    let shown = workbench.pitstop(&["lines", file, "--json"]).expect_code(0);
    by_place(&serde_json::from_slice(&shown.stdout).expect("JSON"))
}

fn by_place(json: &Value) -> BTreeMap<(String, u64), BTreeMap<u64, u64>> {
    let functions = json["functions"].as_array().expect("functions");
    let place = |function: &Value| {
        let path = function["path"].as_str().expect("a path");
        let line = function["line"].as_u64().expect("a number");
        (path.to_owned(), line)
    };
    let ran = functions
        .iter()
        .map(|function| (place(function), hits(function)));
    ran.filter(|(_, hits)| !hits.is_empty()).collect()
}

#[test]
fn hits_equal_line_profilers_on_the_programs_of_pyperformance() {
    let Some(benchmarks) = pyperformance() else {
        return;
    };
    let benchmarks = benchmarks.to_str().expect("UTF-8").to_owned();
    let driver = workspace().join("fixtures/bench/decorated.py");
    let driver = driver.to_str().expect("UTF-8");
    on_each_python(|python| {
        let Some(path) = line_profiler(python) else {
            return;
        };
        let workbench = Workbench::new();
        for name in [
            "deltablue",
            "richards",
            "raytrace",
            "nbody",
            "deepcopy",
            "json_dumps",
        ] {
            let mut kernprof = workbench.bare(python, &["-m", "kernprof", "-l", "-o", "k.lprof"]);
            kernprof
                .args([driver, &benchmarks, name])
                .env("PYTHONPATH", &path);
            Finished::of(&mut kernprof, b"").expect_code(0);
            let theirs = kernprofs_hits(&workbench, "k.lprof");
            let (json, _) = exact(&workbench, python, &["-b", driver, &benchmarks, name]);
            let ours = by_place(&json);
            assert!(!ours.is_empty());
            for (place, lines) in &theirs {
                assert_eq!(ours.get(place), Some(lines), "{name}: {place:?}");
            }
            assert_eq!(ours.len(), theirs.len(), "{name}");
        }
    });
}

#[test]
fn what_is_written_opens_in_line_profiler_with_the_same_text() {
    let viewer = pythons().last().expect("an interpreter");
    let Some(path) = line_profiler(viewer) else {
        return;
    };
    let workbench = Workbench::new();
    workbench.write(
        "program.py",
        "@profile\ndef f(n):\n    for i in range(n):\n        i * i\nf(1000)\nprint('own output')\n",
    );
    on_each_python(|python| {
        let finished = Finished::of(
            &mut command(&workbench, python, &["-lv", "program.py"]),
            b"",
        );
        let ours = finished.expect_code(0).stdout_text();
        let mut view = workbench.bare(viewer, &["-m", "line_profiler", "program.py.lprof"]);
        let theirs = Finished::of(view.env("PYTHONPATH", &path), b"").expect_code(0);
        let table = ours.strip_prefix("own output\n").expect("it comes first");
        assert_eq!(table, theirs.stdout_text());
        assert!(table.contains("     4      1000 "), "{table}");
    });
}

#[test]
fn without_a_choice_the_hot_functions_are_found_and_remembered() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let program = "\
import time
def cold():
    return 1
def hot(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))
print('run')
cold()
hot(0.3)
";
        workbench.write("program.py", program);
        let run = || {
            let arguments = ["-v", "program.py"];
            Finished::of(&mut command(&workbench, python, &arguments), b"").expect_code(0)
        };
        let first = run();
        let (out, said) = (first.stdout_text(), first.stderr_text());
        assert_eq!(out.matches("run\n").count(), 2, "{first}");
        assert!(said.contains("second run: timing hot"), "{first}");
        assert!(out.contains("Function: hot at line 4"), "{first}");
        assert!(!out.contains("Function: cold"), "{first}");
        let second = run();
        assert_eq!(second.stdout_text().matches("run\n").count(), 1, "{second}");
        assert!(
            second.stdout_text().contains("Function: hot at line 4"),
            "{second}"
        );
        let longer = format!("# another first line\n{program}");
        workbench.write("program.py", &longer);
        let third = run();
        assert_eq!(third.stdout_text().matches("run\n").count(), 2, "{third}");
        assert!(
            third.stdout_text().contains("Function: hot at line 5"),
            "{third}"
        );
        // What was timed is the last result; it can be shown again.
        let shown = workbench.pitstop(&["lines"]).expect_code(0).stdout_text();
        assert!(third.stdout_text().ends_with(&shown), "{shown}");
    });
}

#[test]
fn functions_are_chosen_by_module_class_or_path() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write(
            "helper.py",
            "class A:\n    def f(self):\n        return 1\n    def g(self):\n        return 2\n\
             def h():\n    return [x for x in range(3)]\n",
        );
        workbench.write(
            "program.py",
            "import helper\ndef main():\n    a = helper.A()\n    a.f(); a.g(); helper.h()\nmain()\n",
        );
        let names = |arguments: &[&str]| -> Vec<String> {
            let (json, _) = exact(&workbench, python, arguments);
            let functions = json["functions"].as_array().expect("functions").iter();
            let last = |one: &Value| {
                let name = one["function"].as_str().expect("a name");
                name.rsplit('.').next().unwrap_or_default().to_owned()
            };
            let mut names: Vec<String> = functions.map(last).collect();
            names.sort();
            names
        };
        assert_eq!(names(&["-p", "helper", "program.py"]), ["f", "g", "h"]);
        assert_eq!(names(&["-p", "helper.A", "program.py"]), ["f", "g"]);
        assert_eq!(
            names(&["-p", "helper.A.g,helper.h", "program.py"]),
            ["g", "h"]
        );
        assert_eq!(names(&["-p", "program.py", "program.py"]), ["main"]);
        let with_imports = ["-p", "program.py", "--prof-imports", "program.py"];
        assert_eq!(names(&with_imports), ["f", "g", "h", "main"]);
        assert_eq!(names(&["-p", "helper.h", "-m", "program"]), ["h"]);
        let code = "def f():\n    return 1\nf()";
        assert_eq!(names(&["-l", "-c", code]), ["f"]);
    });
}

#[test]
fn profile_is_in_builtins_line_profiler_and_pitstop_and_setup_runs_before() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write("setup.py", "import sys\nsys.prepared = 7\n");
        workbench.write(
            "program.py",
            "\
import sys, pickle
from line_profiler import profile as theirs
from pitstop import profile as ours
class A:
    @theirs
    def f(self): return 1
    @ours
    def g(self):
        return 2
    @profile
    def h(self):
        return 3
a = pickle.loads(pickle.dumps(A()))
assert type(a) is A and A.__module__ == '__main__'
assert (a.f(), a.g(), a.h(), sys.prepared) == (1, 2, 3, 7)
",
        );
        let (json, _) = exact(&workbench, python, &["-l", "-s", "setup.py", "program.py"]);
        for (name, line) in [("f", 6), ("g", 9), ("h", 12)] {
            assert_eq!(
                hits(function(&json, name)),
                BTreeMap::from([(line, 1)]),
                "{json:#}"
            );
        }
    });
}

#[test]
fn an_installed_line_profiler_uses_our_profile() {
    on_each_python(|python| {
        let Some(path) = line_profiler(python) else {
            return;
        };
        let workbench = Workbench::new();
        workbench.write(
            "program.py",
            "from line_profiler import profile\n@profile\ndef f():\n    return 1\nf()\n",
        );
        let mut command = command(
            &workbench,
            python,
            &["-l", "-q", "-o", "out.json", "program.py"],
        );
        Finished::of(command.env("PYTHONPATH", &path), b"").expect_code(0);
        let json = workbench.json("out.json");
        assert_eq!(hits(function(&json, "f")), BTreeMap::from([(4, 1)]));
    });
}

#[test]
fn the_program_ends_as_it_would_and_what_it_measured_stays() {
    on_oldest_and_newest_python(|python| {
        let ends = [
            ("raise SystemExit(3)", 3),
            ("import os; os._exit(4)", 4),
            ("import os; os.kill(os.getpid(), 15)", 143),
            ("1 / 0", 1),
        ];
        for (end, code) in ends {
            let workbench = Workbench::new();
            let program = format!("@profile\ndef f():\n    return 1\nf()\n{end}\n");
            workbench.write("program.py", &program);
            let mut command = command(&workbench, python, &["-q", "-o", "out.json", "program.py"]);
            Finished::of(&mut command, b"").expect_code(code);
            let json = workbench.json("out.json");
            assert_eq!(
                hits(function(&json, "f")),
                BTreeMap::from([(3, 1)]),
                "{end}"
            );
        }
    });
}

#[test]
fn what_makes_no_sense_is_said_before_anything_runs() {
    let workbench = Workbench::new();
    workbench.write("program.py", "open('ran', 'w')\n");
    for (arguments, said) in [
        (&["--line-by-line=no"] as &[&str], "pitstop trace"),
        (&["--config", "a.toml"], "configuration files"),
        (&["-qq"], "redirect it"),
        (&["-s", "none.py"], "no setup file `none.py`"),
        (&["-p", "no_such_module"], "no module `no_such_module`"),
        (&["--prof-imports"], "needs -p"),
        (&["-u", "0"], "a number of seconds"),
        (&["-o", "no/such/file.lprof"], "mkdir -p no/such"),
    ] {
        let arguments = [&["lines", "--exact"], arguments, &["program.py"]].concat();
        let finished = workbench.pitstop(&arguments).expect_code(2);
        assert!(finished.stderr_text().contains(said), "{said}\n{finished}");
    }
    assert!(!workbench.path().join("ran").exists());
}
