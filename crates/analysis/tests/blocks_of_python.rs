//! Where functions end, compared with what Python's own `inspect` says of its standard library.

use pitstop_analysis::block_length;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints `FIRST_LINE LENGTH PATH` of every code object of the standard library's files.
const ASK: &str = r#"
import inspect, os, sys, tokenize
home = os.path.dirname(os.__file__)
paths = [
    os.path.join(where, file) for where, _, files in os.walk(home) for file in files
    if file.endswith(".py") and "site-packages" not in where and "lib2to3" not in where
]
def codes(code):
    yield code
    for const in code.co_consts:
        if hasattr(const, "co_code"):
            yield from codes(const)
for path in sorted(paths):
    try:
        with tokenize.open(path) as file:
            lines = file.readlines()
        code = compile("".join(lines), path, "exec")
    except (OSError, SyntaxError, ValueError):
        continue
    for first in {code.co_firstlineno for code in codes(code)}:
        try:
            length = len(inspect.getblock(lines[first - 1:]))
        except Exception:
            continue
        print(first, length, path)
"#;

fn newest_python() -> Option<PathBuf> {
    if let Some(list) = std::env::var_os("PITSTOP_PYTHONS") {
        return std::env::split_paths(&list).last();
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Before 3.13 `inspect` answers a little differently.
    [15, 14, 13]
        .iter()
        .map(|minor| workspace.join(format!("target/pythons/3.{minor}/bin/python3.{minor}")))
        .find(|path| path.is_file())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
fn blocks_are_those_of_inspect() {
    let Some(python) = newest_python() else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"));
        eprintln!("SKIPPED: no Python 3.13 or later found; `cargo xtask pythons` installs it");
        return;
    };
    let mut command = Command::new(&python);
    command.args(["-X", "utf8", "-W", "ignore", "-c", ASK]);
    let output = command.output().expect("the interpreter starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answer = String::from_utf8(output.stdout).expect("UTF-8");
    let mut texts: HashMap<&str, String> = HashMap::new();
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in answer.lines() {
        let mut fields = line.splitn(3, ' ');
        let mut number = || fields.next()?.parse::<usize>().ok();
        let (first, expected) = (number().expect("a line"), number().expect("a length"));
        let path = fields.next().expect("a path");
        let text = texts.entry(path).or_insert_with(|| {
            let bytes = std::fs::read(path).expect("the file is there");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let lines: Vec<&str> = text.lines().skip(first - 1).collect();
        checked += 1;
        let found = block_length(&lines);
        if found != expected {
            wrong.push(format!("{path}:{first}: {found}, not {expected}"));
        }
    }
    assert!(checked > 5000, "only {checked} definitions were found");
    assert!(
        wrong.is_empty(),
        "{} of {checked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
