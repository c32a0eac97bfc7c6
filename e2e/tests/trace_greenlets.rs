//! `pitstop trace` and `lines --exact` of programs with greenlets: stacks that take turns in one
//! thread are told apart, in every thread.

use pitstop_e2e::{Finished, Profile, Python, Workbench, on_each_python, package};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What runs in each thread: two greenlets call each other in turn, from different depths.
const TURNS: &str = "\
import threading, time
def leaf(): pass
def wrapped(): leaf()
def turns(n):
    import greenlet
    mate = {}
    def ping():
        for _ in range(n):
            leaf()
            mate['pong'].switch()
    def pong():
        while True:
            wrapped()
            mate['ping'].switch()
    mate['ping'], mate['pong'] = greenlet.greenlet(ping), greenlet.greenlet(pong)
    mate['ping'].switch()
    leaf()
    mate['pong'].throw()
";

struct Traced {
    profile: Profile,
    finished: Finished,
}

fn trace(python: &Python, packages: &Path, source: &str, options: &[&str]) -> Traced {
    let workbench = Workbench::new();
    let script = workbench.write("program.py", source);
    let mut command = workbench.command(&["trace", "-q", "--python"]);
    command.arg(&python.path).args(options).arg(&script);
    command.env("PYTHONPATH", packages);
    let finished = Finished::of(&mut command, b"").expect_code(0);
    let profile = workbench.last_profile();
    let notes = &profile.meta.notes;
    assert!(notes.is_empty(), "{python}: {notes:?}");
    Traced { profile, finished }
}

/// Calls of the program's own functions by path, in the threads for which that holds. What stands
/// around them, of libraries, is left out.
fn paths(profile: &Profile, holds: impl Fn(usize) -> bool) -> BTreeMap<String, u64> {
    let mut paths = BTreeMap::new();
    for row in profile.rows().iter().filter(|row| holds(row.thread)) {
        let stack = profile.stack(row).unwrap_or_default();
        let is_ours = |path: &str| path.ends_with("program.py");
        let names: Vec<&str> = stack
            .iter()
            // A comprehension is a function up to 3.11.
            .filter(|function| is_ours(&function.path) && !function.name.starts_with('<'))
            .map(|function| function.name.as_str())
            .collect();
        let is_counted = stack
            .last()
            .is_some_and(|last| is_ours(&last.path) && !last.name.starts_with('<'));
        if is_counted && !names.is_empty() {
            *paths.entry(names.join(" ")).or_default() += row.samples;
        }
    }
    paths
}

fn expected(outer: &str, n: u64) -> BTreeMap<String, u64> {
    let expected = [
        (outer.trim_end().to_owned(), 1),
        (format!("{outer}leaf"), 1),
        ("ping".into(), 1),
        ("ping leaf".into(), n),
        ("pong".into(), 1),
        ("pong wrapped".into(), n),
        ("pong wrapped leaf".into(), n),
    ];
    expected.into_iter().collect()
}

#[test]
fn greenlets_of_every_thread_have_paths_of_their_own() {
    let source = format!(
        "{TURNS}\
         threads = [threading.Thread(target=turns, args=(n,), name=str(n)) for n in (1000, 1500)]\n\
         for t in threads: t.start()\n\
         for t in threads: t.join()\n\
         turns(500)\n"
    );
    on_each_python(|python| {
        let Some(packages) = package(python, "greenlet") else {
            return;
        };
        for options in [&[][..], &["--no-c-calls"]] {
            let profile = trace(python, &packages, &source, options).profile;
            for (n, name) in [(1000, "1000"), (1500, "1500"), (500, "MainThread")] {
                let is_it = |thread: usize| profile.threads[thread].name == name;
                assert_eq!(
                    paths(&profile, is_it),
                    expected("turns ", n),
                    "{python} {options:?} {name}"
                );
            }
        }
    });
}

/// A thread that ran before, and the main thread, which is inside a call then, while another one
/// imports the package.
#[test]
fn threads_that_ran_before_the_import_are_followed_too() {
    let source = format!(
        "{TURNS}\
         begun, imported, done = threading.Event(), threading.Event(), threading.Event()\n\
         def early():\n\
         \x20   leaf(); begun.set(); imported.wait(); turns(300)\n\
         def imports():\n\
         \x20   import greenlet\n\
         \x20   imported.set(); first.join()\n\
         first = threading.Thread(target=early, name='early'); first.start(); begun.wait()\n\
         second = threading.Thread(target=imports); second.start(); second.join()\n\
         turns(200)\n"
    );
    on_each_python(|python| {
        let Some(packages) = package(python, "greenlet") else {
            return;
        };
        let profile = trace(python, &packages, &source, &[]).profile;
        let main = paths(&profile, |thread| profile.threads[thread].is_main);
        assert_eq!(main, expected("turns ", 200), "{python}");
        let early = paths(&profile, |thread| profile.threads[thread].name == "early");
        let mut all = expected("early turns ", 300);
        all.insert("early".into(), 1);
        all.insert("early leaf".into(), 1);
        assert_eq!(early, all, "{python}");
    });
}

/// More greenlets than are found at once, and each one's end by an exception in another.
#[test]
fn hundreds_of_greenlets_are_counted_to_the_last() {
    const SOURCE: &str = "\
import greenlet
def leaf(): pass
def work(n):
    for _ in range(n):
        leaf()
        hub.switch()
    raise KeyError
hub = greenlet.getcurrent()
def body():
    try: work(3)
    except KeyError: leaf()
for _ in range(3):
    tasks = [greenlet.greenlet(body) for _ in range(2000)]
    while tasks:
        for task in tasks: task.switch()
        tasks = [task for task in tasks if not task.dead]
";
    on_each_python(|python| {
        let Some(packages) = package(python, "greenlet") else {
            return;
        };
        let profile = trace(python, &packages, SOURCE, &["--no-c-calls"]).profile;
        let expected = [
            ("body", 6000),
            ("body leaf", 6000),
            ("body work", 6000),
            ("body work leaf", 18_000),
        ];
        let expected = expected.map(|(path, n)| (path.to_owned(), n)).into();
        assert_eq!(paths(&profile, |_| true), expected, "{python}");
    });
}

/// What one greenlet sleeps is no time of the other, however loaded the machine is: all is told
/// by the same clock.
#[test]
fn time_belongs_to_the_greenlet_that_spends_it() {
    const SOURCE: &str = "\
import greenlet, time
def sleeper():
    for _ in range(5):
        begun = time.perf_counter_ns()
        time.sleep(0.02)
        slept.append(time.perf_counter_ns() - begun)
        other.switch()
def waiter():
    while True:
        task.switch()
slept = []
task, other = greenlet.greenlet(sleeper), greenlet.greenlet(waiter)
begun = time.perf_counter_ns()
task.switch()
wall = time.perf_counter_ns() - begun
print([wall, sum(slept)])
";
    on_each_python(|python| {
        let Some(packages) = package(python, "greenlet") else {
            return;
        };
        let traced = trace(python, &packages, SOURCE, &[]);
        let times: Vec<u64> = serde_json::from_value(traced.finished.last_json()).expect("two");
        let [wall, slept] = times[..] else {
            panic!("two numbers")
        };
        let sleeper = traced.profile.total_ns("sleeper");
        let waiter = traced.profile.total_ns("waiter");
        // A hundredth for the ratio of the two clocks.
        let most = (wall - slept) + wall / 100;
        assert!(waiter <= most, "{python}: {waiter} of {wall} - {slept}");
        assert!(
            sleeper >= slept - slept / 100,
            "{python}: {sleeper} {slept}"
        );
    });
}

#[test]
fn a_program_that_takes_the_switches_for_itself_is_told_what_that_costs() {
    const SOURCE: &str = "\
import greenlet
def body(): pass
greenlet.greenlet(body).switch()
greenlet.settrace(lambda *_: None)
greenlet.greenlet(body).switch()
";
    on_each_python(|python| {
        let Some(packages) = package(python, "greenlet") else {
            return;
        };
        let workbench = Workbench::new();
        let script = workbench.write("program.py", SOURCE);
        let mut command = workbench.command(&["trace", "-q", "--python"]);
        command.arg(&python.path).arg(&script);
        command.env("PYTHONPATH", packages);
        Finished::of(&mut command, b"").expect_code(0);
        let notes = workbench.last_profile().meta.notes;
        let is_said = notes.iter().any(|note| note.contains("took our hook away"));
        assert!(is_said, "{python}: {notes:?}");
    });
}

#[test]
fn lines_of_greenlets_are_hit_and_timed_apart() {
    const SOURCE: &str = "\
import greenlet, threading, time, json
@profile
def sleeper(mate, n):
    for _ in range(n):
        begun = time.perf_counter_ns()
        time.sleep(0.002)
        slept.append(time.perf_counter_ns() - begun)
        mate['waiter'].switch()
@profile
def waiter(mate):
    while True:
        mate['sleeper'].switch()
slept = []
def work(n):
    mate = {}
    mate['sleeper'] = greenlet.greenlet(lambda: sleeper(mate, n))
    mate['waiter'] = greenlet.greenlet(lambda: waiter(mate))
    begun = time.perf_counter_ns()
    mate['sleeper'].switch()
    walls.append(time.perf_counter_ns() - begun)
walls = []
work(10)
thread = threading.Thread(target=work, args=(20,)); thread.start(); thread.join()
print(json.dumps([sum(walls), sum(slept)]))
";
    on_each_python(|python| {
        let Some(packages) = package(python, "greenlet") else {
            return;
        };
        let workbench = Workbench::new();
        workbench.write("program.py", SOURCE);
        let mut command = workbench.command(&["lines", "--exact", "-q", "-o", "out.json"]);
        command.arg("--python").arg(&python.path).arg("program.py");
        command.env("PYTHONPATH", packages);
        let finished = Finished::of(&mut command, b"").expect_code(0);
        let lines = |name: &str| -> BTreeMap<u64, (u64, u64)> {
            let json: Value = workbench.json("out.json");
            let functions = json["functions"].as_array().expect("functions").clone();
            let is_it = |function: &&Value| {
                let full = function["function"].as_str().unwrap_or_default();
                full.ends_with(name)
            };
            let function = functions.iter().find(is_it).expect("it was timed");
            let number = |value: &Value| value.as_u64().expect("a number");
            function["lines"]
                .as_array()
                .expect("lines")
                .iter()
                .map(|line| {
                    let told = (number(&line["hits"]), number(&line["time_ns"]));
                    (number(&line["line"]), told)
                })
                .collect()
        };
        let sleeper = lines("sleeper");
        let hits: Vec<u64> = sleeper.values().map(|(hits, _)| *hits).collect();
        assert_eq!(hits, [32, 30, 30, 30, 30], "{python}: {sleeper:?}");
        let waiter = lines("waiter");
        assert_eq!(waiter[&12].0, 30, "{python}: {waiter:?}");
        let times: Vec<u64> = serde_json::from_value(finished.last_json()).expect("two");
        let [wall, slept] = times[..] else {
            panic!("two numbers")
        };
        let waited: u64 = waiter.values().map(|(_, time)| *time).sum();
        let most = (wall - slept) + wall / 100;
        assert!(waited <= most, "{python}: {waited} of {wall} - {slept}");
    });
}
