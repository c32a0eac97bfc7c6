//! What was each thread doing? Every state, told on every version, with what it waits for.

use pitstop_e2e::{
    Finished, Profile, Python, Row, Workbench, on_each_python, on_oldest_and_newest_python,
    start_with,
};
use serde_json::Value;

/// The share of its time that a thread must be seen in the state it is in.
const MOST: f64 = 0.8;

/// Records these threads of the program for a second, and returns its truth beside the profile.
fn record(python: &Python, threads: &[&str]) -> (Value, Profile) {
    let workbench = Workbench::new();
    let mut arguments = vec!["30"];
    arguments.extend(threads);
    let program = start_with("states.py", python, &arguments);
    let truth = program.preamble_json();
    let mut command = workbench.command(&["record", "-d", "800ms", "-p"]);
    command
        .arg(program.pid().to_string())
        .args(["-o", "out.json"]);
    Finished::of(&mut command, b"").expect_code(0);
    let bytes = std::fs::read(workbench.path().join("out.json")).expect("it was written");
    (truth, Profile::parse(&bytes))
}

/// The share of a thread's time that a condition holds for. Time without a CPU, which is up to
/// the machine and not to the program, is left out.
fn share(profile: &Profile, thread: usize, holds: impl Fn(&Row) -> bool) -> f64 {
    let counted = |row: &&Row| row.state != "cpu_wait";
    let rows = || profile.rows_of(thread).filter(counted);
    let all: u64 = rows().map(|row| row.wall_ns).sum();
    let held: u64 = rows().filter(|row| holds(row)).map(|row| row.wall_ns).sum();
    held as f64 / all.max(1) as f64
}

fn words(value: &Value) -> Vec<&str> {
    let words = value.as_array().expect("a list").iter();
    words.map(|word| word.as_str().expect("a word")).collect()
}

/// What a thread was seen doing, to be read in a failure.
fn seen(profile: &Profile, thread: usize) -> String {
    let rows = profile.rows_of(thread).map(|row| {
        let names = profile.names(row);
        let wait = profile.wait(row);
        format!(
            "{:>9} ns {} {wait:?} {} in {names:?}",
            row.wall_ns, row.state, row.verdict
        )
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// Every thread is where its truth says; collects what is not.
fn check(truth: &Value, profile: &Profile, strictly: bool, wrong: &mut Vec<String>) {
    for (name, expected) in truth.as_object().expect("threads by name") {
        let tid = expected["native_id"].as_u64().expect("an id");
        let thread = profile.thread_of_tid(tid);
        let mut states = vec![expected["state"].as_str().expect("a state")];
        if !strictly || name == "MainThread" {
            states.extend(words(&expected["allowed"]));
        }
        let in_state = share(profile, thread, |row| states.contains(&row.state.as_str()));
        if in_state < MOST {
            wrong.push(format!(
                "{name}: {in_state:.2} in {states:?}\n{}",
                seen(profile, thread)
            ));
            continue;
        }
        let syscalls = words(&expected["syscalls"]);
        let kind = expected["descriptor"].as_str().expect("a kind");
        // A sleep is told by its state; the call it is made of is no news.
        if syscalls.is_empty() || ["MainThread", "sleep"].contains(&name.as_str()) {
            continue;
        }
        let in_call = share(profile, thread, |row| {
            let Some(wait) = profile.wait(row) else {
                return false;
            };
            let kind_fits = wait.descriptor == kind || kind.is_empty();
            syscalls.contains(&wait.syscall.as_str()) && kind_fits
        });
        if in_call < MOST {
            let call = format!("{syscalls:?} on {kind:?}");
            wrong.push(format!(
                "{name}: {in_call:.2} in {call}\n{}",
                seen(profile, thread)
            ));
        }
    }
}

const WAITING: [&str; 12] = [
    "wait_for_lock",
    "wait_for_queue",
    "wait_for_condition",
    "wait_for_thread",
    "sleep",
    "read_pipe",
    "receive",
    "accept",
    "wait_epoll",
    "wait_select",
    "wait_child",
    "lock_file",
];

#[track_caller]
fn nothing(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn waiting_threads_wait_for_what_they_wait_for() {
    on_each_python(|python| {
        let (truth, profile) = record(python, &WAITING);
        let mut wrong = Vec::new();
        check(&truth, &profile, true, &mut wrong);
        nothing(&wrong);
    });
}

#[test]
fn a_thread_that_computes_runs_python_or_native_code_with_or_without_the_gil() {
    on_each_python(|python| {
        let mut wrong = Vec::new();
        for name in ["spin", "native_with_gil", "native_without_gil"] {
            let (mut truth, profile) = record(python, &[name]);
            // It still has to get past its `print`, for which it wants the GIL.
            truth
                .as_object_mut()
                .expect("threads by name")
                .remove("MainThread");
            check(&truth, &profile, true, &mut wrong);
        }
        nothing(&wrong);
    });
}

#[test]
fn all_states_are_told_apart_in_one_process() {
    on_oldest_and_newest_python(|python| {
        let (truth, profile) = record(python, &[]);
        let mut wrong = Vec::new();
        check(&truth, &profile, false, &mut wrong);
        nothing(&wrong);
    });
}

#[test]
fn threads_have_the_names_the_program_gave_them() {
    on_each_python(|python| {
        let (truth, profile) = record(python, &["spin", "sleep", "read_pipe", "wait_for_thread"]);
        for (name, expected) in truth.as_object().expect("threads by name") {
            let tid = expected["native_id"].as_u64().expect("an id");
            assert_eq!(profile.threads[profile.thread_of_tid(tid)].name, *name);
        }
        profile.thread_of_name("joined");
        let mains = profile.threads.iter().filter(|thread| thread.is_main);
        assert_eq!(mains.count(), 1);
    });
}

#[test]
fn a_thread_that_is_named_late_has_its_last_name() {
    const CODE: &str = r"
import sys, threading
def work():
    threading.current_thread().name = 'named later'
    gate.acquire()
gate = threading.Lock()
gate.acquire()
thread = threading.Thread(target=work, name='first', daemon=True)
thread.start()
while thread.name == 'first':
    pass
print('ready', flush=True)
sys.stdin.read()
";
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let mut command = workbench.bare(python, &["-c", CODE]);
        let program = pitstop_e2e::Running::start(&mut command);
        let pid = program.pid().to_string();
        let options = ["record", "-d", "200ms", "-p", &pid];
        workbench.pitstop(&options).expect_code(0);
        workbench.last_profile().thread_of_name("named later");
    });
}

#[test]
fn threads_that_fight_for_the_gil_wait_for_it() {
    // Nothing in it releases the GIL by itself.
    const CODE: &str = "
import threading, time
def spin(end):
    while time.monotonic() < end:
        for _ in range(20000):
            pass
end = time.monotonic() + 1.2
threads = [threading.Thread(target=spin, args=(end,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
";
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.run(python, &["-c", CODE]).expect_code(0);
        let profile = workbench.last_profile();
        let spinning = |row: &Row| profile.names(row).contains(&"spin");
        let time = |states: &[&str]| {
            profile.wall_ns(|row| spinning(row) && states.contains(&row.state.as_str())) as f64
        };
        let all = profile.wall_ns(|row| spinning(row) && row.state != "cpu_wait") as f64;
        let (waits, runs) = (time(&["gil_wait"]) / all, time(&["python"]) / all);
        let seen = || {
            let threads = 0..profile.threads.len();
            threads
                .map(|thread| seen(&profile, thread))
                .collect::<Vec<_>>()
                .join("\n\n")
        };
        // One runs and the other waits, whoever it is.
        assert!(waits > 0.35 && runs > 0.35, "{waits} {runs}\n{}", seen());
        assert!(waits + runs > 0.9, "{waits} {runs}\n{}", seen());
        let holds = time(&["python", "native_gil", "gc"]);
        let most = profile.meta.duration_ns as f64 * 1.03;
        assert!(holds < most, "{holds} of {most}: one holder at a time");
        let main = profile.threads.iter().position(|thread| thread.is_main);
        let main = main.expect("a main thread");
        let lock = share(&profile, main, |row| row.state == "lock");
        assert!(lock > 0.6, "{lock}\n{}", self::seen(&profile, main));
    });
}

#[test]
fn a_loop_over_rows_of_a_database_runs_native_code_and_waits_for_no_gil() {
    // `for` steps to the next row without the GIL, and nobody else could have it.
    const CODE: &str = "
import sqlite3, time
QUERY = '''with recursive counter(x) as (select 1 union all select x + 1 from counter where x < 3000000)
select x from counter where x % 50000 = 0'''
def rows(connection):
    for row in connection.execute(QUERY):
        pass
connection = sqlite3.connect(':memory:')
end = time.monotonic() + 1
while time.monotonic() < end:
    rows(connection)
";
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.run(python, &["-c", CODE]).expect_code(0);
        let profile = workbench.last_profile();
        let time = |states: &[&str]| {
            let in_rows = |row: &Row| profile.names(row).contains(&"rows");
            profile.wall_ns(|row| in_rows(row) && states.contains(&row.state.as_str())) as f64
        };
        let waits = profile.wall_ns(|row| row.state == "gil_wait");
        assert_eq!(waits, 0, "{}", seen(&profile, 0));
        let (native, python) = (time(&["native_no_gil"]), time(&["python", "native_gil"]));
        assert!(native > 0.9 * (native + python), "{}", seen(&profile, 0));
    });
}

#[test]
fn a_program_that_shares_its_cpu_waits_for_it() {
    // What the scheduler told the program itself is the truth, however busy the machine is.
    const CODE: &str = "
import json, os, subprocess, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
def used():
    with open('/proc/thread-self/schedstat') as file:
        return [int(word) for word in file.read().split()[:2]]
def burn(end):
    while time.monotonic() < end:
        for _ in range(20000):
            pass
others = [subprocess.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(2)]
before = used()
burn(time.monotonic() + 1.5)
after = used()
for other in others:
    other.kill()
    other.wait()
print(json.dumps({'ran': after[0] - before[0], 'waited': after[1] - before[1]}))
";
    on_each_python(|python| {
        let workbench = Workbench::new();
        let finished = workbench.run(python, &["-c", CODE]).expect_code(0);
        let truth = finished.last_json();
        let number = |name: &str| truth[name].as_f64().expect("a number");
        let expected = number("waited") / (number("waited") + number("ran"));
        let profile = workbench.last_profile();
        let burning = |row: &Row| profile.names(row).contains(&"burn");
        let all = profile.wall_ns(burning) as f64;
        let waits = profile.wall_ns(|row| burning(row) && row.state == "cpu_wait") as f64 / all;
        assert!(
            (waits - expected).abs() < 0.12,
            "{waits} of the time, not {expected}\n{}",
            seen(&profile, 0)
        );
    });
}
