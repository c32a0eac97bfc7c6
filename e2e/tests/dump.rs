//! `pitstop dump`: what every thread does right now.

use pitstop_e2e::{
    Finished, Judgement, Python, Running, Truth, Workbench, fixture, on_each_python,
    on_oldest_and_newest_python, pythons, start, start_with,
};
use serde_json::Value;
use std::collections::BTreeMap;

fn dump(pid: u32, options: &[&str]) -> Value {
    let workbench = Workbench::new();
    let mut command = workbench.command(&["dump", "--json", "-p", &pid.to_string()]);
    let finished = Finished::of(command.args(options), b"").expect_code(0);
    let dump: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
    assert_eq!(dump["schema"], "pitstop/dump@1");
    assert_eq!(dump["pid"], pid);
    dump
}

fn threads(dump: &Value) -> &[Value] {
    dump["threads"].as_array().expect("a list")
}

/// The functions of a thread, innermost first.
fn functions(thread: &Value) -> Vec<&str> {
    let frames = thread["frames"].as_array().expect("a list").iter();
    let names = frames.map(|frame| frame["function"].as_str().expect("a name"));
    names
        .map(|name| name.rsplit('.').next().unwrap_or(name))
        .collect()
}

fn state_of(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, rest) = stat.rsplit_once(") ").expect("a name in parentheses");
    rest.chars().next().expect("a state")
}

#[test]
fn every_thread_is_in_the_function_it_is_in() {
    on_each_python(|python| {
        let program = start("states.py", python);
        let truth = program.preamble_json();
        let dump = dump(program.pid(), &[]);
        let by_tid: BTreeMap<u64, &Value> = threads(&dump)
            .iter()
            .map(|thread| (thread["tid"].as_u64().expect("an id"), thread))
            .collect();
        let python_version = dump["python"].as_str().expect("a version");
        assert!(
            python_version.starts_with(&format!("3.{}.", python.minor)),
            "{python_version}"
        );
        for (name, expected) in truth.as_object().expect("threads by name") {
            let tid = expected["native_id"].as_u64().expect("an id");
            let thread = by_tid
                .get(&tid)
                .unwrap_or_else(|| panic!("no {name} in {dump:#}"));
            let stack = functions(thread);
            let own = if name == "MainThread" {
                "main"
            } else {
                name.as_str()
            };
            assert!(stack.contains(&own), "{name}: {thread:#}");
            // Where nothing of the library lies in between it is the innermost.
            let direct = [
                "wait_for_lock",
                "sleep",
                "read_pipe",
                "receive",
                "wait_epoll",
                "wait_select",
                "lock_file",
                "spin",
                "native_with_gil",
                "native_without_gil",
            ];
            if direct.contains(&own) {
                assert_eq!(stack[0], own, "{thread:#}");
            }
            assert_eq!(
                thread["frames"][0]["line"].as_u64().map(|line| line > 0),
                Some(true)
            );
            let verdict = thread["verdict"].as_str().expect("a verdict");
            assert!(["exact", "validated"].contains(&verdict), "{thread:#}");
            // One look cannot tell "almost always", but a wait is a wait at any moment.
            let syscalls = expected["syscalls"].as_array().expect("a list");
            if !syscalls.is_empty() && name != "MainThread" {
                assert_eq!(thread["state"], expected["state"], "{name}: {thread:#}");
                let named = syscalls.contains(&thread["wait"]["syscall"]);
                // A sleep is told by its state.
                assert!(named || name == "sleep", "{name}: {thread:#}");
            }
        }
        let holders = threads(&dump)
            .iter()
            .filter(|thread| thread["holds_gil"] == true);
        assert!(holders.count() <= 1, "{dump:#}");
        assert!(!['T', 't'].contains(&state_of(program.pid())));
    });
}

#[test]
fn threads_have_the_names_the_program_gave_them() {
    on_each_python(|python| {
        let program = start_with("states.py", python, &["30", "sleep", "read_pipe", "spin"]);
        let truth = program.preamble_json();
        let dump = dump(program.pid(), &[]);
        for (name, expected) in truth.as_object().expect("threads by name") {
            let thread = threads(&dump)
                .iter()
                .find(|one| one["tid"] == expected["native_id"]);
            assert_eq!(thread.expect("it is there")["name"], name.as_str());
        }
        assert_eq!(
            threads(&dump)[0]["name"],
            "MainThread",
            "the main thread comes first"
        );
    });
}

#[test]
fn stacks_of_a_spinning_program_are_possible() {
    let truth = Truth::of("alternating_recursive.py");
    on_each_python(|python| {
        let program = start("alternating_recursive.py", python);
        for options in [&[] as &[&str], &["--blocking"], &[], &["--blocking"]] {
            let dump = dump(program.pid(), options);
            let thread = &threads(&dump)[0];
            let verdict = thread["verdict"].as_str().expect("a verdict");
            assert!(
                ["exact", "validated"].contains(&verdict),
                "{options:?} {thread:#}"
            );
            let mut stack = functions(thread);
            stack.reverse();
            assert_eq!(
                truth.judge(&stack),
                Ok(Judgement::Possible),
                "{options:?} {thread:#}"
            );
            assert!(
                !['T', 't'].contains(&state_of(program.pid())),
                "{options:?}"
            );
        }
        program.finish().expect_code(0);
    });
}

#[test]
fn lines_and_their_text_are_shown() {
    on_each_python(|python| {
        let program = start_with("states.py", python, &["30", "sleep"]);
        let dump = dump(program.pid(), &[]);
        let sleeper = threads(&dump)
            .iter()
            .find(|thread| functions(thread)[0] == "sleep");
        let frame = &sleeper.expect("it sleeps")["frames"][0];
        assert_eq!(frame["source"], "time.sleep(3600)", "{frame:#}");
        let text = std::fs::read_to_string(fixture("states.py")).expect("readable");
        let line = frame["line"].as_u64().expect("a number") as usize;
        assert_eq!(
            text.lines().nth(line - 1).map(str::trim),
            Some("time.sleep(3600)")
        );
    });
}

const LOCALS: &str = r#"
import sys

class Order:
    __slots__ = ("price",)

def work(number, text, *rest, **named):
    truth, nothing, real = True, None, 2.5
    big = 10 ** 30
    listed, pair, table = [1, 2, 3], (4, "five"), {"six": 7}
    wide, raw = "größe 函数 🐍", b"\x00bytes"
    itself = []
    itself.append(itself)
    order = Order()
    long_text = "x" * 100000
    many = list(range(100000))
    counter = 8
    def inner():
        return counter
    print("ready", flush=True)
    sys.stdin.read()
    return inner

work(-41, "apples", 1, 2, key="value")
"#;

fn locals(python: &Python) -> Value {
    let workbench = Workbench::new();
    let script = workbench.write("locals.py", LOCALS);
    let program = Running::start(&mut workbench.bare(python, &[script]));
    let dump = dump(program.pid(), &["--locals"]);
    let frames = threads(&dump)[0]["frames"].as_array().expect("a list");
    let work = frames.iter().find(|frame| frame["function"] == "work");
    let locals = work.unwrap_or_else(|| panic!("no `work` in {dump:#}"))["locals"].clone();
    program.finish().expect_code(0);
    locals
}

#[test]
fn local_variables_are_shown_with_their_values() {
    on_each_python(|python| {
        let locals = locals(python);
        for (name, value) in [
            ("number", "-41"),
            ("text", "'apples'"),
            ("truth", "True"),
            ("nothing", "None"),
            ("real", "2.5"),
            ("listed", "[1, 2, 3]"),
            ("pair", "(4, 'five')"),
            ("table", "{'six': 7}"),
            ("rest", "(1, 2)"),
            ("named", "{'key': 'value'}"),
            ("wide", "'größe 函数 🐍'"),
        ] {
            assert_eq!(locals[name], value, "{name} of {locals:#}");
        }
        // A cell of a closure: its value, or that it is a cell, but there.
        assert!(locals["counter"].is_string(), "{locals:#}");
        assert!(
            locals["order"]
                .as_str()
                .is_some_and(|text| text.contains("Order")),
            "{locals:#}"
        );
        assert!(
            locals["big"].is_string() && locals["raw"].is_string(),
            "{locals:#}"
        );
    });
}

#[test]
fn large_and_circular_values_are_shortened() {
    on_each_python(|python| {
        let locals = locals(python);
        for name in ["long_text", "many", "itself"] {
            let text = locals[name]
                .as_str()
                .unwrap_or_else(|| panic!("no {name} in {locals:#}"));
            assert!((1..1000).contains(&text.chars().count()), "{name}: {text}");
        }
    });
}

#[test]
fn a_dump_for_people_names_threads_functions_and_waits() {
    on_oldest_and_newest_python(|python| {
        let program = start_with("states.py", python, &["30", "sleep", "read_pipe"]);
        let workbench = Workbench::new();
        let finished = workbench.pitstop(&["dump", "-p", &program.pid().to_string()]);
        let finished = finished.expect_code(0);
        assert!(finished.stderr.is_empty(), "{finished}");
        let text = finished.stdout_text();
        for word in ["read_pipe", "sleep", "MainThread", "states.py", "pipe"] {
            assert!(text.contains(word), "{word}\n{text}");
        }
        let mut command = workbench.command(&["dump", "-p", &program.pid().to_string()]);
        let narrow = Finished::of(command.env("COLUMNS", "60").env("LC_ALL", "C"), b"");
        for line in narrow.expect_code(0).stdout_text().lines() {
            assert!(line.is_ascii() && line.len() <= 60, "{line}");
        }
    });
}

#[test]
fn a_stopped_program_can_be_dumped_and_stays_stopped() {
    let python = pythons().last().expect("there is an interpreter");
    let program = start("alternating_plain.py", python);
    program.signal("STOP");
    pitstop_e2e::wait_until("a stopped program", || {
        (state_of(program.pid()) == 'T').then_some(())
    });
    for options in [&[] as &[&str], &["--blocking"]] {
        let dump = dump(program.pid(), options);
        assert!(
            functions(&threads(&dump)[0]).contains(&"main"),
            "{options:?} {dump:#}"
        );
        assert_eq!(state_of(program.pid()), 'T', "{options:?}");
    }
    program.signal("CONT");
    program.finish().expect_code(0);
}
