//! `pitstop trace`: every call is counted, below the path that made it, whatever the program does.

use pitstop_e2e::{Finished, Profile, Python, Workbench, on_each_python};
use std::collections::BTreeMap;

/// A program that was traced.
struct Traced {
    finished: Finished,
    profile: Profile,
}

fn trace_with(python: &Python, source: &str, options: &[&str], arguments: &[&str]) -> Traced {
    let workbench = Workbench::new();
    let script = workbench.write("program.py", source);
    let mut command = workbench.command(&["trace", "--python"]);
    command
        .arg(&python.path)
        .args(options)
        .arg(&script)
        .args(arguments);
    let finished = Finished::of(&mut command, b"");
    let profile = workbench.last_profile();
    Traced { finished, profile }
}

fn trace(python: &Python, source: &str) -> Traced {
    let traced = trace_with(python, source, &[], &[]);
    let said = traced.finished.stderr_text();
    assert_eq!(traced.finished.code(), 0, "{python}: {said}");
    traced
}

impl Traced {
    /// Calls and resumptions of each path of the program, all threads added up, without functions
    /// that are not Python. Paths begin behind `<module>`.
    fn paths(&self) -> BTreeMap<String, u64> {
        self.paths_where(|_| true)
    }

    fn paths_where(&self, holds: impl Fn(usize) -> bool) -> BTreeMap<String, u64> {
        let mut paths = BTreeMap::new();
        for row in self.profile.rows().iter().filter(|row| holds(row.thread)) {
            let stack = self.profile.stack(row).unwrap_or_default();
            let is_last_ours = stack
                .last()
                .is_some_and(|last| last.path.ends_with("program.py"));
            let names: Vec<&str> = stack
                .iter()
                .filter(|function| function.path.ends_with("program.py"))
                .map(|function| function.name.as_str())
                .filter(|name| *name != "<module>")
                .collect();
            if is_last_ours && !names.is_empty() {
                *paths.entry(names.join(" ")).or_default() += row.samples;
            }
        }
        paths
    }

    /// Calls of what has this name, on all paths.
    fn calls(&self, qualname: &str) -> u64 {
        let rows = self.profile.rows().iter();
        let is_last = |row: &&pitstop_e2e::Row| {
            let stack = self.profile.stack(row).unwrap_or_default();
            stack.last().is_some_and(|last| last.qualname == qualname)
        };
        rows.filter(is_last).map(|row| row.samples).sum()
    }

    /// Calls of what has this name, made by the program itself and not by a library.
    fn own_calls(&self, qualname: &str) -> u64 {
        let rows = self.profile.rows().iter();
        let is_own = |row: &&pitstop_e2e::Row| {
            let stack = self.profile.stack(row).unwrap_or_default();
            matches!(stack[..], [.., caller, last]
                if last.qualname == qualname && caller.path.ends_with("program.py"))
        };
        rows.filter(is_own).map(|row| row.samples).sum()
    }
}

/// What `pitstop trace last --json` says of the trace of a program.
fn shown(python: &Python, source: &str) -> serde_json::Value {
    let workbench = Workbench::new();
    let script = workbench.write("program.py", source);
    let mut command = workbench.command(&["trace", "-q", "--python"]);
    Finished::of(command.arg(&python.path).arg(&script), b"").expect_code(0);
    let shown = workbench
        .pitstop(&["trace", "last", "--json"])
        .expect_code(0);
    serde_json::from_slice(&shown.stdout).expect("it is JSON")
}

fn expect(python: &Python, traced: &Traced, paths: &[(&str, u64)]) {
    let expected: BTreeMap<String, u64> = paths
        .iter()
        .map(|(path, n)| ((*path).to_owned(), *n))
        .collect();
    assert_eq!(traced.paths(), expected, "{python}");
    let notes = &traced.profile.meta.notes;
    assert!(notes.is_empty(), "{python}: {notes:?}");
}

#[test]
fn every_thread_has_a_tree_of_its_own() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "import threading\n\
             def leaf(): pass\n\
             def one():\n    for _ in range(3000): leaf()\n\
             def two():\n    for _ in range(2000): leaf()\n\
             a, b = threading.Thread(target=one), threading.Thread(target=two)\n\
             a.start(); b.start()\n\
             for _ in range(1000): leaf()\n\
             a.join(); b.join()\n",
        );
        let expected = [
            ("leaf", 1000),
            ("one", 1),
            ("one leaf", 3000),
            ("two", 1),
            ("two leaf", 2000),
        ];
        expect(python, &traced, &expected);
        let of_main = traced.paths_where(|thread| traced.profile.threads[thread].is_main);
        assert_eq!(
            of_main,
            BTreeMap::from([("leaf".to_owned(), 1000)]),
            "{python}"
        );
        let working = (0..traced.profile.threads.len())
            .map(|thread| traced.paths_where(|one| one == thread).len())
            .filter(|count| *count > 0);
        assert_eq!(working.count(), 3, "{python}");
    });
}

#[test]
fn recursion_makes_a_path_and_not_a_circle() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "def down(n):\n    return n and down(n - 1)\ndown(3); down(1)\n",
        );
        let expected = [
            ("down", 2),
            ("down down", 2),
            ("down down down", 1),
            ("down down down down", 1),
        ];
        expect(python, &traced, &expected);
    });
}

#[test]
fn a_function_that_calls_itself_twice_does_not_fill_the_memory() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(22)\n",
        );
        assert_eq!(traced.calls("fib"), 57_313, "{python}");
        let paths = traced.profile.rows().len();
        assert!(paths < 5000, "{python}: {paths} paths");
    });
}

#[test]
fn two_lambdas_on_one_line_stay_apart() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "a, b = (lambda: 1), (lambda: 2)\nfor _ in range(5): a()\nfor _ in range(7): b()\n",
        );
        let mut counts: Vec<u64> = traced
            .profile
            .functions
            .iter()
            .filter(|function| function.name == "<lambda>")
            .map(|function| function.self_samples)
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, [5, 7], "{python}");
    });
}

#[test]
fn code_that_is_made_again_and_again_is_one_function() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "for i in range(20000):\n    exec('def made(): pass\\nmade()')\n",
        );
        assert_eq!(traced.calls("made"), 20_000, "{python}");
        let functions = traced.profile.functions.len();
        assert!(functions < 400, "{python}: {functions} functions");
    });
}

#[test]
fn generators_balance_however_they_end() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "def numbers():\n    yield 1\n    yield 2\n\
             def guarded():\n    try:\n        yield 1\n    finally:\n        pass\n\
             def work():\n\
             \x20   list(numbers())\n\
             \x20   unused = numbers(); del unused\n\
             \x20   closed = guarded(); next(closed); closed.close()\n\
             \x20   dropped = guarded(); next(dropped); del dropped\n\
             \x20   thrown = guarded(); next(thrown)\n\
             \x20   try: thrown.throw(ValueError)\n\
             \x20   except ValueError: pass\n\
             def after(): pass\n\
             work(); after()\n",
        );
        // list: a start and two resumptions; the others: a start, and what ends them. Up to 3.11
        // one that never began is begun to be ended.
        let numbers = if python.minor < 12 { 4 } else { 3 };
        let expected = [
            ("after", 1),
            ("work", 1),
            ("work guarded", 6),
            ("work numbers", numbers),
        ];
        expect(python, &traced, &expected);
    });
}

#[test]
fn coroutines_wait_beside_their_own_time() {
    on_each_python(|python| {
        let shown = shown(
            python,
            "import asyncio\n\
             async def nap():\n    await asyncio.sleep(0.1)\n\
             async def main():\n    await asyncio.gather(nap(), nap(), nap())\n\
             asyncio.run(main())\n",
        );
        let functions = shown["functions"].as_array().expect("a list");
        let nap = functions
            .iter()
            .find(|one| one["name"] == "nap")
            .expect("it was called");
        // Three starts and three resumptions; the time between them is nobody's own.
        assert_eq!(nap["calls"], 6, "{python}");
        assert!(
            nap["own_ns"].as_u64().expect("a number") < 50_000_000,
            "{python}: {nap}"
        );
        let waited = shown["trace"]["waited_ns"].as_u64().expect("a number");
        assert!(waited >= 300_000_000, "{python}: {waited}");
    });
}

#[test]
fn exceptions_close_what_they_leave() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "def fail(n):\n    if n: fail(n - 1)\n    raise KeyError\n\
             def catch():\n    try: fail(2)\n    except KeyError: pass\n\
             def native():\n    try: int('x')\n    except ValueError: pass\n\
             \x20   try: [].pop()\n    except IndexError: pass\n\
             for _ in range(3000): catch(); native()\n",
        );
        let expected = [
            ("catch", 3000),
            ("catch fail", 3000),
            ("catch fail fail", 3000),
            ("catch fail fail fail", 3000),
            ("native", 3000),
        ];
        expect(python, &traced, &expected);
        assert_eq!(
            traced.calls("<method 'pop' of 'list' objects>"),
            3000,
            "{python}"
        );
    });
}

#[test]
fn children_are_traced_however_they_begin_and_end() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "import multiprocessing, os, signal, subprocess, sys\n\
             def work(n): return n\n\
             def main():\n\
             \x20   for method in ('fork', 'spawn', 'forkserver'):\n\
             \x20       with multiprocessing.get_context(method).Pool(2) as pool:\n\
             \x20           pool.map(work, range(10), chunksize=1)\n\
             \x20           pool.close(); pool.join()\n\
             \x20   subprocess.run([sys.executable, '-c', 'def in_child(): pass\\nin_child(); in_child()'])\n\
             \x20   for end in (lambda: os._exit(0), lambda: os.kill(os.getpid(), signal.SIGKILL),\n\
             \x20           lambda: os.kill(os.getpid(), signal.SIGTERM)):\n\
             \x20       child = os.fork()\n\
             \x20       if child == 0:\n\
             \x20           for n in range(100): work(n)\n\
             \x20           end()\n\
             \x20       os.waitpid(child, 0)\n\
             \x20   work(0)\n\
             if __name__ == '__main__':\n    main()\n",
        );
        assert_eq!(traced.calls("work"), 3 * 10 + 3 * 100 + 1, "{python}");
        assert_eq!(traced.calls("in_child"), 2, "{python}");
        let notes = &traced.profile.meta.notes;
        assert!(notes.is_empty(), "{python}: {notes:?}");
    });
}

#[test]
fn the_program_is_the_one_that_it_is_without_us() {
    on_each_python(|python| {
        let source = "import __main__, pickle, sys, os, traceback\n\
             class Thing: pass\n\
             print(type(pickle.loads(pickle.dumps(Thing()))) is Thing, __name__, __main__.Thing is Thing)\n\
             print(sys.argv[1:], sys.path[0] == os.path.dirname(os.path.abspath(__file__)))\n\
             print(sys.getprofile(), sys.gettrace(), 'sitecustomize' in sys.modules)\n\
             print(sorted(name for name in sys.modules if 'pitstop' in name))\n\
             def f(): return traceback.format_stack()\n\
             print(len(f()), sys.stdin.read())\n\
             sys.exit(3)\n";
        let traced = trace_with(python, source, &["-q"], &["one", "-two"]);
        let workbench = Workbench::new();
        let script = workbench.write("program.py", source);
        let arguments = [script.as_os_str(), "one".as_ref(), "-two".as_ref()];
        let bare = Finished::of(&mut workbench.bare(python, &arguments), b"");
        assert_eq!(
            traced.finished.stdout_text(),
            bare.stdout_text(),
            "{python}"
        );
        assert_eq!(traced.finished.stderr_text(), "", "{python}");
        assert_eq!(traced.finished.code(), 3, "{python}");
    });
}

#[test]
fn a_program_may_trace_and_profile_itself() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "import sys\n\
             seen = []\n\
             def hook(frame, event, argument):\n    seen.append(event)\n\
             def leaf(): pass\n\
             def work():\n    for _ in range(10): leaf()\n\
             work()\n\
             sys.setprofile(hook); work(); assert sys.getprofile() is hook; sys.setprofile(None)\n\
             assert seen.count('call') >= 11 and 'c_call' in seen, seen\n\
             assert sys.getprofile() is None\n\
             sys.settrace(lambda *_: None); work(); sys.settrace(None)\n\
             def bad(*_): raise ValueError\n\
             try: sys.setprofile(bad); work()\n\
             except ValueError: pass\n\
             assert sys.getprofile() is None\n\
             work()\n",
        );
        let paths = traced.paths();
        assert_eq!(
            (paths["work"], paths["work leaf"]),
            (4, 40),
            "{python}: {paths:?}"
        );
    });
}

#[test]
fn other_tools_work_beside_us() {
    on_each_python(|python| {
        if python.minor < 12 {
            return;
        }
        let traced = trace(
            python,
            "import sys, cProfile\n\
             monitoring = sys.monitoring\n\
             lines = []\n\
             monitoring.use_tool_id(1, 'coverage')\n\
             def line(code, number):\n    lines.append(number)\n    return monitoring.DISABLE\n\
             monitoring.register_callback(1, monitoring.events.LINE, line)\n\
             monitoring.set_events(1, monitoring.events.LINE)\n\
             def leaf(): pass\n\
             def work():\n    for _ in range(100): leaf()\n\
             work()\n\
             profile = cProfile.Profile()\n\
             profile.enable(); work(); profile.disable()\n\
             monitoring.restart_events()\n\
             monitoring.set_events(1, 0); monitoring.free_tool_id(1)\n\
             work()\n\
             assert lines\n\
             calls = [e for e in profile.getstats() if getattr(e.code, 'co_name', '') == 'leaf']\n\
             assert calls[0].callcount == 100, calls\n",
        );
        let paths = traced.paths();
        assert_eq!((paths["work"], paths["work leaf"]), (3, 300), "{python}");
    });
}

#[test]
fn native_callables_have_the_names_of_cprofile() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "import time, math\n\
             items = []\n\
             for _ in range(4): items.append(len(items)); time.sleep(0); math.sqrt(4)\n\
             dict.fromkeys('ab'); ','.join('ab')\n",
        );
        for label in [
            "<method 'append' of 'list' objects>",
            "<built-in method builtins.len>",
            "<built-in method time.sleep>",
            "<built-in method math.sqrt>",
        ] {
            assert_eq!(traced.own_calls(label), 4, "{python}: {label}");
        }
        assert_eq!(
            traced.own_calls("<method 'join' of 'str' objects>"),
            1,
            "{python}"
        );
        assert_eq!(
            traced.own_calls("<built-in method fromkeys>"),
            1,
            "{python}"
        );
        let without = trace_with(python, "len([])\n", &["--no-c-calls"], &[]);
        assert_eq!(
            without.own_calls("<built-in method builtins.len>"),
            0,
            "{python}"
        );
        assert_eq!(without.calls("<module>"), 1, "{python}");
    });
}

#[test]
fn callers_have_the_line_of_the_call() {
    on_each_python(|python| {
        let traced = trace(
            python,
            "def leaf(): pass\n\
             def work():\n    leaf()\n    leaf(); leaf()\n\n    len([])\n\
             work()\n",
        );
        let mut lines = BTreeMap::new();
        for row in traced.profile.rows() {
            let names = traced.profile.names(row);
            let at = traced.profile.lines(row);
            if let [_, "work", name] = names[..] {
                *lines.entry((name.to_owned(), at[1])).or_insert(0) += row.samples;
            }
        }
        let expected = [(("leaf", 3), 1), (("leaf", 4), 2), (("len", 6), 1)];
        let expected: BTreeMap<_, _> = expected
            .into_iter()
            .map(|((name, line), count)| ((name.to_owned(), line), count))
            .collect();
        assert_eq!(lines, expected, "{python}");
    });
}

#[test]
fn the_result_can_be_written_as_a_file_of_cprofile() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = workbench.write("program.py", "def f(): pass\nfor _ in range(12): f()\n");
        let mut command = workbench.command(&["trace", "-o", "run.prof", "--python"]);
        Finished::of(command.arg(&python.path).arg(&script), b"").expect_code(0);
        let read = "import pstats, sys\n\
            stats = pstats.Stats('run.prof').stats\n\
            print({key[2]: value[:2] for key, value in stats.items()}['f'])\n";
        let finished = Finished::of(&mut workbench.bare(python, &["-c", read]), b"").expect_code(0);
        assert_eq!(finished.stdout_text(), "(12, 12)\n", "{python}");
    });
}

#[test]
fn code_modules_and_standard_input_are_traced_like_scripts() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write("tool.py", "def f(): pass\nf(); f()\n");
        let ways: [(&[&str], &[u8]); 3] = [
            (&["-m", "tool"], b""),
            (&["-c", "def f(): pass\nf(); f()"], b""),
            (&["-"], b"def f(): pass\nf(); f()\n"),
        ];
        for (way, stdin) in ways {
            let mut command = workbench.command(&["trace", "-q", "--python"]);
            Finished::of(command.arg(&python.path).args(way), stdin).expect_code(0);
            let profile = workbench.last_profile();
            let calls: u64 = profile
                .functions
                .iter()
                .filter(|function| function.name == "f")
                .map(|function| function.self_samples)
                .sum();
            assert_eq!(calls, 2, "{python}: {way:?}");
        }
    });
}

#[test]
fn threads_have_the_names_that_the_program_gave_them_last() {
    const PROGRAM: &str = "\
import threading, _thread
def work(): pass
def renames():
    work()
    threading.current_thread().name = 'late \u{fc}'
def waits():
    work()
    ready.set()
    forever.acquire()
class Odd(threading.Thread):
    @property
    def _name(self): return 'of a property, which is Python'
    @_name.setter
    def _name(self, name): pass
ready, forever = threading.Event(), threading.Lock()
forever.acquire()
for thread in [threading.Thread(target=work, name='given'), threading.Thread(target=renames),
               Odd(target=work)]:
    thread.start(); thread.join()
daemon = threading.Thread(target=waits, daemon=True)
daemon.start(); ready.wait()
daemon.name = 'a daemon'
done = threading.Lock(); done.acquire()
def bare(): work(); done.release()
_thread.start_new_thread(bare, ())
done.acquire()
threading.main_thread().name = 'boss'
work()
";
    on_each_python(|python| {
        for options in [&[][..], &["--no-c-calls"]] {
            let traced = trace_with(python, PROGRAM, options, &[]);
            assert_eq!(traced.finished.code(), 0, "{}", traced.finished);
            let mut names: Vec<String> = traced
                .profile
                .threads
                .iter()
                .map(|thread| {
                    let number = format!("Thread {}", thread.tid);
                    if thread.name == number {
                        "by number".to_owned()
                    } else {
                        thread.name.clone()
                    }
                })
                .collect();
            names.sort();
            let expected = [
                "a daemon",
                "boss",
                "by number",
                "by number",
                "given",
                "late \u{fc}",
            ];
            assert_eq!(names, expected, "{python} {options:?}");
        }
    });
}
