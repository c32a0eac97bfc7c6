//! `pitstop lines --exact` of programs that trace themselves, as debuggers and coverage tools do.
//! Up to 3.11 there is one hook for all of them.

use pitstop_e2e::{Finished, Python, Workbench, on_each_python};
use serde_json::Value;
use std::collections::BTreeMap;

/// Runs the program alone and with its lines timed; both must print the same.
fn compared(python: &Python, source: &str) -> (Workbench, BTreeMap<u64, u64>, Vec<String>) {
    let workbench = Workbench::new();
    workbench.write("program.py", source);
    let alone = workbench.bare(python, &["program.py"]);
    let alone = Finished::of(&mut { alone }, b"").expect_code(0);
    let mut command = workbench.command(&["lines", "--exact", "-q", "-o", "out.json"]);
    command.arg("--python").arg(&python.path).arg("program.py");
    let timed = Finished::of(&mut command, b"").expect_code(0);
    assert_eq!(timed.stdout_text(), alone.stdout_text(), "{python}");
    let json: Value = workbench.json("out.json");
    let number = |value: &Value| value.as_u64().expect("a number");
    let functions = json["functions"].as_array().expect("functions");
    let hits = functions
        .iter()
        .flat_map(|function| function["lines"].as_array().expect("lines"))
        .map(|line| (number(&line["line"]), number(&line["hits"])))
        .collect();
    let notes = workbench.last_profile().meta.notes;
    (workbench, hits, notes)
}

const HEAD: &str = "\
import builtins, sys, threading
profile = getattr(builtins, 'profile', lambda f: f)
@profile
def work(n):
    total = 0
    for i in range(n):
        total += i
    return total
@profile
def generate(n):
    for i in range(n):
        yield i
seen = []
def tracer(frame, event, argument):
    if frame.f_code.co_filename == __file__ and frame.f_code.co_name != 'tracer':
        seen.append((frame.f_code.co_name, event, frame.f_lineno))
        return tracer
def show():
    print(seen); seen.clear()
";

/// Hits of the lines of `work` and `generate` after so many calls with 3.
fn hits(works: u64, generates: u64) -> BTreeMap<u64, u64> {
    BTreeMap::from([
        (5, works),
        (6, 4 * works),
        (7, 3 * works),
        (8, works),
        (11, 4 * generates),
        (12, 3 * generates),
    ])
}

#[test]
fn a_program_that_sets_a_trace_function_sees_what_it_would_and_loses_no_hit() {
    let source = format!(
        "{HEAD}\
         work(3); list(generate(3))\n\
         sys.settrace(tracer)\n\
         print(sys.gettrace() is tracer)\n\
         work(3); list(generate(3))\n\
         sys.settrace(None)\n\
         print(sys.gettrace()); show()\n\
         work(3); list(generate(3))\n\
         def once(frame, event, argument):\n\
         \x20   seen.append((frame.f_code.co_name, event)); return None\n\
         sys.settrace(once); work(3); sys.settrace(None); show()\n\
         threading.settrace(tracer)\n\
         t = threading.Thread(target=work, args=(3,)); t.start(); t.join(); threading.settrace(None)\n\
         show(); work(3)\n\
         try: sys.settrace()\n\
         except TypeError as error: print('one argument' in str(error))\n"
    );
    on_each_python(|python| {
        let (_workbench, seen, notes) = compared(python, &source);
        assert_eq!(seen, hits(6, 3), "{python}");
        assert!(notes.is_empty(), "{python}: {notes:?}");
    });
}

#[test]
fn a_trace_function_may_raise_and_change_what_it_sees() {
    let source = format!(
        "{HEAD}\
         def angry(frame, event, argument):\n\
         \x20   if frame.f_code.co_name == 'work':\n\
         \x20       if event == 'line' and frame.f_lineno == 7: raise ValueError('no')\n\
         \x20       return angry\n\
         sys.settrace(angry)\n\
         try: work(3)\n\
         except ValueError as error:\n\
         \x20   names = []; tb = error.__traceback__\n\
         \x20   while tb: names.append(tb.tb_frame.f_code.co_name); tb = tb.tb_next\n\
         \x20   print(error, names, sys.gettrace())\n\
         def refuses(frame, event, argument):\n\
         \x20   if frame.f_code.co_name == 'work': raise KeyError(event)\n\
         sys.settrace(refuses)\n\
         try: work(3)\n\
         except KeyError as error: print(error, sys.gettrace())\n\
         def changes(frame, event, argument):\n\
         \x20   if frame.f_code.co_name == 'work':\n\
         \x20       if event == 'line' and frame.f_lineno == 8: frame.f_locals['total'] = 77\n\
         \x20       return changes\n\
         sys.settrace(changes); print(work(3)); sys.settrace(None)\n\
         print(work(3))\n"
    );
    on_each_python(|python| {
        let (_workbench, seen, notes) = compared(python, &source);
        // The first call ends before its first addition; the second does not take place, except
        // that from 3.12 on we are told of its beginning.
        let [entered, looped, added, returned] = [5, 6, 7, 8].map(|line| seen[&line]);
        assert_eq!((entered, looped, returned), (3, 9, 2), "{python}");
        assert!(matches!(added, 6 | 7), "{python}: {added}");
        assert!(notes.is_empty(), "{python}: {notes:?}");
    });
}

#[test]
fn a_debugger_steps_through_a_timed_function() {
    let source = format!(
        "{HEAD}\
         import bdb\n\
         class Stepper(bdb.Bdb):\n\
         \x20   def user_line(self, frame):\n\
         \x20       if frame.f_code.co_name == 'work': seen.append(frame.f_lineno)\n\
         \x20       self.set_step()\n\
         print(Stepper().runcall(work, 3)); show()\n\
         work(3)\n"
    );
    on_each_python(|python| {
        let (_workbench, seen, _) = compared(python, &source);
        let works: BTreeMap<u64, u64> = hits(2, 0).into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(seen, works, "{python}");
    });
}

#[test]
fn lines_that_another_tool_keeps_from_us_are_not_missing_silently() {
    let taken = format!(
        "{HEAD}\
         import ctypes\n\
         work(3)\n\
         ctypes.pythonapi.PyEval_SetTrace.argtypes = [ctypes.c_void_p, ctypes.py_object]\n\
         ctypes.pythonapi.PyEval_SetTrace(None, None)\n\
         work(3)\n"
    );
    // The next use of `sys.settrace` finds it out and mends it.
    let mended = format!("{taken}sys.settrace(None)\nwork(3)\n");
    let in_thread = format!(
        "{HEAD}\
         import ctypes\n\
         ctypes.pythonapi.PyEval_SetTrace.argtypes = [ctypes.c_void_p, ctypes.py_object]\n\
         def body(): ctypes.pythonapi.PyEval_SetTrace(None, None); work(3)\n\
         t = threading.Thread(target=body); t.start(); t.join()\n\
         work(3)\n"
    );
    let silent = format!(
        "{HEAD}\
         def quiet(frame, event, argument):\n\
         \x20   frame.f_trace_lines = False; return quiet\n\
         sys.settrace(quiet); work(3); sys.settrace(None)\n\
         work(3)\n"
    );
    on_each_python(|python| {
        for (source, calls, left) in [
            (&taken, 2, 1),
            (&mended, 3, 2),
            (&in_thread, 2, 1),
            (&silent, 2, 1),
        ] {
            let (_workbench, seen, notes) = compared(python, source);
            if python.minor >= 12 {
                assert_eq!((seen[&5], notes.len()), (calls, 0), "{python}: {notes:?}");
            } else {
                assert_eq!(seen[&5], left, "{python}");
                let is_said = |note: &&String| note.ends_with("lines are missing");
                assert_eq!(
                    notes.iter().filter(is_said).count(),
                    1,
                    "{python}: {notes:?}"
                );
            }
        }
    });
}
