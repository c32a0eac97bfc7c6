//! `cargo xtask tidy`: the house style, where a machine can tell.
//!
//! - nothing is left for later in a comment, and no debugging print stays;
//! - a file has at most [`MAX_LINES`] lines, generated ones aside;
//! - every Rust file begins with `//!`, the sentence that says what it is about;
//! - `unsafe` stands in `wire`, `target` and `probe` only;
//! - no file knows where somebody's machine keeps things.

use crate::{process, workspace};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

const MAX_LINES: usize = 700;

/// Endings of files that people write and read.
const SOURCES: &[&str] = &[
    "rs", "py", "c", "h", "sh", "toml", "md", "ts", "css", "html",
];

/// Endings of files whose length is limited; documents and pages may be long.
const LIMITED: &[&str] = &["rs", "py", "c", "h", "sh", "ts"];

/// Words that must not be left behind. In two halves, so that this file is tidy itself.
const LEFT_BEHIND: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("dbg", "!("),
];

/// Directories of somebody's machine. In two halves for the same reason.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
];

/// A path under a machine's directory that is a protocol: perf's symbol maps.
const PROTOCOLS: &[&str] = &[concat!("/tm", "p/perf-")];

const UNSAFE_ROOMS: &[&str] = &["crates/wire/", "crates/target/", "crates/probe/"];

/// The command.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    let root = workspace::root();
    // Everything git knows or would take: what is ignored is nobody's style.
    let list = process::output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root),
    )?;
    let mut complaints = Vec::new();
    let mut count = 0;
    for name in list
        .lines()
        .filter(|name| SOURCES.contains(&ending(name)) || is_script(name))
    {
        // A file that git still knows and that is gone cannot be untidy.
        if let Ok(text) = std::fs::read_to_string(root.join(name)) {
            complaints.extend(judge(name, &text));
            count += 1;
        }
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!("tidy: {count} files keep the house style");
        return Ok(());
    }
    bail!("{} things are untidy", complaints.len())
}

/// What is wrong with one file, each with its place.
fn judge(name: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let is_generated = text
        .lines()
        .take(10)
        .any(|line| line.contains("@generated"));
    let lines = text.lines().count();
    if lines > MAX_LINES && !is_generated && LIMITED.contains(&ending(name)) {
        complaints.push(format!(
            "{name}: {lines} lines, {MAX_LINES} are enough for one subject"
        ));
    }
    let is_rust = ending(name) == "rs";
    if is_rust && !text.starts_with("//!") {
        complaints.push(format!(
            "{name}: does not begin with `//!` and what it is about"
        ));
    }
    let may_be_unsafe = UNSAFE_ROOMS.iter().any(|room| name.starts_with(room));
    for (index, line) in text.lines().enumerate() {
        let mut complain = |what: &str| complaints.push(format!("{name}:{}: {what}", index + 1));
        for word in LEFT_BEHIND.iter().filter(|word| line.contains(*word)) {
            complain(&format!("`{word}` was left behind"));
        }
        for path in MACHINE_PATHS
            .iter()
            .filter(|path| knows_machine(line, path))
        {
            complain(&format!("`{path}` is a path of somebody's machine"));
        }
        if is_rust && !may_be_unsafe && says_unsafe(line) {
            complain("`unsafe` outside wire, target and probe");
        }
    }
    complaints
}

/// True if the line names that directory, at the beginning of a path.
fn knows_machine(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let inside = line[..at].ends_with(|before: char| {
            before.is_alphanumeric() || matches!(before, '/' | '.' | '-' | '_' | '}' | '$')
        });
        !inside
            && PROTOCOLS
                .iter()
                .all(|protocol| !line[at..].starts_with(protocol))
    })
}

/// True if the keyword stands in the line's code: not in a comment, a string or a longer word.
fn says_unsafe(line: &str) -> bool {
    let code = without_strings(line);
    let code = code.split("//").next().unwrap_or_default();
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|word| word == "unsafe")
}

/// The line without what stands in quotes.
fn without_strings(line: &str) -> String {
    let mut code = String::new();
    let mut in_string = false;
    let mut escaped = false;
    for character in line.chars() {
        if character == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = character == '\\' && !escaped;
        if !in_string {
            code.push(character);
        }
    }
    code
}

fn ending(name: &str) -> &str {
    Path::new(name)
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
}

fn is_script(name: &str) -> bool {
    name == ".ci/run"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(name: &str, text: &str) -> usize {
        judge(name, text).len()
    }

    #[test]
    fn a_rust_file_says_what_it_is_about() {
        assert_eq!(complaints("a.rs", "//! Words.\nfn main() {}\n"), 0);
        assert_eq!(complaints("a.rs", "fn main() {}\n"), 1);
        assert_eq!(complaints("a.py", "print()\n"), 0);
    }

    #[test]
    fn what_was_left_behind_is_found() {
        for word in LEFT_BEHIND {
            assert_eq!(complaints("a.py", &format!("x = 1  # {word} later\n")), 1);
        }
    }

    #[test]
    fn machine_paths_are_found_and_lookalikes_are_not() {
        for path in MACHINE_PATHS {
            assert_eq!(complaints("a.md", &format!("see `{path}x`\n")), 1, "{path}");
            assert_eq!(
                complaints("a.md", &format!("see `proc/1{path}x`\n")),
                0,
                "{path}"
            );
        }
        assert_eq!(complaints("a.md", &format!("{}1.map", PROTOCOLS[0])), 0);
    }

    #[test]
    fn unsafe_is_a_keyword_and_not_a_word() {
        assert!(says_unsafe("let x = unsafe { f() };"));
        assert!(!says_unsafe("// unsafe { f() }"));
        assert!(!says_unsafe("#![forbid(unsafe_code)]"));
        assert!(!says_unsafe("let text = \"unsafe { }\";"));
        assert!(!says_unsafe("let text = \"//! say \\\"so\\\" unsafe\";"));
        let text = "//! Words.\nunsafe fn f() {}\n";
        assert_eq!(complaints("crates/model/src/a.rs", text), 1);
        assert_eq!(complaints("crates/target/src/a.rs", text), 0);
    }

    #[test]
    fn only_generated_files_may_be_long() {
        let long = format!("//! Words.\n{}", "\n".repeat(MAX_LINES));
        assert_eq!(complaints("a.rs", &long), 1);
        assert_eq!(complaints("a.md", &long), 0);
        assert_eq!(complaints("a.rs", &format!("//! @generated\n{long}")), 0);
    }
}
