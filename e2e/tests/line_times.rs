//! `pitstop lines FILE.lprof`: what line_profiler wrote, as line_profiler shows it.

use pitstop_e2e::{Finished, Python, Workbench, line_profiler, on_each_python, pythons};
use std::path::Path;

/// Everything that decides about a line of text: nested blocks, comments, one-liners, what never
/// ran, code without a file, names that are not ASCII, numbers wider than their columns.
const PROGRAM: &str = r#"
import functools

@profile
def outer(n):
    """Adds up.

not indented
    """
    total = 0
    for i in range(n):
        total += i * i      # é
    if n > 3: total += 1
    return total
    # belongs to it
# does not

class Größe:
    @property
    @profile
    def p(self):
        return f"{'x'}" * 3

    @profile
    def never(self):
        if self:
            pass

    m = profile(lambda self: [
        1,
        2])

@profile
def one(): return 1

@profile
def generate(n):
    for i in range(n):
        yield i

def plain():
    @functools.lru_cache
    @profile
    def inner(
        a,
    ):
        return a \
            + 1
    return inner(1)

@profile
async def wait():
    return 1

outer(20_000)
größe = Größe()
größe.p, größe.m(), one(), list(generate(5)), plain()
try:
    wait().send(None)
except StopIteration:
    pass
code = compile("@profile\ndef made():\n    return 1\nmade()\n", "<string>", "exec")
exec(code, {"profile": profile})
"#;

const OPTIONS: &[&[&str]] = &[
    &[],
    &["-z"],
    &["-t"],
    &["-m"],
    &["-ztm", "-u", "1"],
    &["-u", "1e-9"],
    &["--skip-zero", "--sort", "--summarize", "--unit", "1e-7"],
];

/// `python -m MODULE ...` with line_profiler on its path.
fn module(workbench: &Workbench, python: &Python, path: &Path, arguments: &[&str]) -> Finished {
    let mut command = workbench.bare(python, &["-m"]);
    command.args(arguments).env("PYTHONPATH", path);
    Finished::of(&mut command, b"").expect_code(0)
}

/// A recording of the program by kernprof; `None` if it is not there.
fn recorded(workbench: &Workbench, python: &Python) -> Option<String> {
    let path = line_profiler(python)?;
    workbench.write("program.py", PROGRAM);
    let name = format!("3.{}.lprof", python.minor);
    let arguments = ["kernprof", "-l", "-o", &name, "program.py"];
    module(workbench, python, &path, &arguments);
    Some(name)
}

#[test]
fn text_equals_line_profilers_to_the_byte() {
    let viewer = pythons().last().expect("an interpreter");
    let Some(viewer_path) = line_profiler(viewer) else {
        return;
    };
    let workbench = Workbench::new();
    on_each_python(|python| {
        let Some(file) = recorded(&workbench, python) else {
            return;
        };
        for options in OPTIONS {
            let arguments = [&["line_profiler"], *options, &[file.as_str()]].concat();
            let theirs = module(&workbench, viewer, &viewer_path, &arguments);
            let arguments = [&["lines"], *options, &[file.as_str()]].concat();
            let ours = workbench.pitstop(&arguments).expect_code(0);
            assert_eq!(ours.stdout_text(), theirs.stdout_text(), "{options:?}");
            assert!(ours.stdout == theirs.stdout && ours.stderr.is_empty());
        }
    });
}

#[test]
fn several_files_add_up_and_a_missing_source_is_said_as_line_profiler_does() {
    let viewer = pythons().last().expect("an interpreter");
    let Some(viewer_path) = line_profiler(viewer) else {
        return;
    };
    let workbench = Workbench::new();
    let files: Vec<String> = pythons()
        .iter()
        .filter_map(|python| recorded(&workbench, python))
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let compare = || {
        let theirs = [&["line_profiler", "-m"], &files[..]].concat();
        let theirs = module(&workbench, viewer, &viewer_path, &theirs);
        let ours = workbench.pitstop(&[&["lines", "-m"], &files[..]].concat());
        assert_eq!(ours.expect_code(0).stdout_text(), theirs.stdout_text());
        theirs.stdout_text()
    };
    assert!(compare().contains("def outer(n):"));
    std::fs::remove_file(workbench.path().join("program.py")).expect("it was there");
    let said = compare();
    assert!(said.contains("Could not find file program.py"), "{said}");
}

#[test]
fn functions_are_chosen_by_name_and_shown_as_json() {
    let workbench = Workbench::new();
    let Some(file) = recorded(&workbench, pythons().last().expect("an interpreter")) else {
        return;
    };
    let shown = workbench.pitstop(&["lines", &file, "outer", "--json"]);
    let shown = shown.expect_code(0);
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(json["schema"], "pitstop/line-times@1");
    let [function] = &json["functions"].as_array().expect("functions")[..] else {
        panic!("{json:#}");
    };
    assert_eq!(function["function"], "outer");
    let lines = function["lines"].as_array().expect("lines");
    let adding = lines
        .iter()
        .find(|line| line["hits"] == 20_000)
        .expect("it ran");
    assert_eq!(adding["text"], "        total += i * i      # é");
    let other = workbench.pitstop(&["lines", &file, "nowhere"]);
    assert!(other.expect_code(2).stderr_text().contains("`nowhere`"));
}

#[test]
fn what_is_no_file_of_line_profiler_is_refused_in_words() {
    let workbench = Workbench::new();
    workbench.write("a.lprof", "not a pickle");
    // What would remove a file if it were unpickled.
    let hostile = b"\x80\x04cos\nremove\nX\x06\0\0\0victim\x85R.";
    std::fs::write(workbench.path().join("b.lprof"), hostile).expect("it can be written");
    workbench.write("victim", "");
    for (file, said) in [
        ("a.lprof", "does not begin as a pickle"),
        ("b.lprof", "instruction 0x52"),
        ("c.lprof", "No such file"),
    ] {
        let finished = workbench.pitstop(&["lines", file]).expect_code(2);
        let text = finished.stderr_text();
        assert!(text.contains(said) && text.contains(file), "{finished}");
        assert!(finished.stdout.is_empty());
    }
    assert!(workbench.path().join("victim").exists());
}
