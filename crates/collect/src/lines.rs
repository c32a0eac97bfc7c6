//! `pitstop lines --exact`: which functions are timed line by line.
//!
//! A [`LineSelection`] lies as the file `lines` beside the bootstrap, which reads it before the
//! program starts. Two things choose a code object:
//!
//! - the program does, with `@profile`: [`DECORATOR`] puts that name into its builtins and hands
//!   each code object to the engine;
//! - we do, by place: [`WantedCode`] is compared with a code object when it first runs, so nothing
//!   has to be imported for it, and what never runs costs nothing.
//!
//! A place is a file and the lines that a definition may begin in, because that is what a code
//! object of every version knows: `co_qualname` came with 3.11.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use thiserror::Error;

/// What a program's `profile` is: the text of a Python module with
/// `install(time_lines)`, where `time_lines(code)` is the engine's, and `set_up(path)`. It must be
/// `_pitstop_lines` in `sys.modules`: there the package `pitstop` of the program looks for it.
pub(crate) const DECORATOR: &str = include_str!("lines/decorator.py");
/// Its file beside the bootstrap.
pub(crate) const DECORATOR_FILE: &str = "_pitstop_lines.py";
/// Finds where the names given to `-p` are written.
const RESOLVE: &str = include_str!("lines/resolve.py");

/// A last line that stands for the end of the file.
pub const TO_THE_END: u32 = u32::MAX;

/// Code to time: what is defined in a part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WantedCode {
    /// The file: a real path (no link in it), or the name that the interpreter gives to what has
    /// none, as `<string>`. Compare with `co_filename`, and with its real path.
    pub file: String,
    /// `co_firstlineno` is at least this.
    pub first_line: u32,
    /// `co_firstlineno` is at most this.
    pub last_line: u32,
    /// `co_name` is this. Without it everything with a `def` is meant: not the module, bodies of
    /// classes, lambdas and comprehensions.
    pub name: Option<String>,
}

/// Which functions are timed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineSelection {
    /// What is chosen by its place, beside what the program decorates.
    pub wanted: Vec<WantedCode>,
    /// A Python file to run before the program, outside what is measured (kernprof's `--setup`).
    pub setup: Option<PathBuf>,
}

impl LineSelection {
    /// The file for the bootstrap: a Python literal, read with `eval` and no names.
    ///
    /// `{'setup': path or None, 'wanted': {file: [(first, last, name or None), ...]}}`
    pub fn to_literal(&self) -> String {
        let mut by_file: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for code in &self.wanted {
            let name = code.name.as_deref().map_or("None".to_owned(), quoted);
            let (first, last) = (code.first_line, code.last_line);
            let entries = by_file.entry(&code.file).or_default();
            entries.push(format!("({first}, {last}, {name})"));
        }
        let files: Vec<String> = by_file
            .iter()
            .map(|(file, entries)| format!("{}: [{}]", quoted(file), entries.join(", ")))
            .collect();
        let setup = self.setup.as_deref().map(Path::to_string_lossy);
        let setup = setup.map_or("None".to_owned(), |path| quoted(&path));
        format!("{{'setup': {setup}, 'wanted': {{{}}}}}\n", files.join(", "))
    }
}

/// A text as a Python string literal in ASCII.
fn quoted(text: &str) -> String {
    let mut literal = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => literal.extend(['\\', c]),
            ' '..='~' => literal.push(c),
            _ => literal.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    literal.push('\'');
    literal
}

/// Names to find the places of: what kernprof's `--prof-mod` takes.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    /// The interpreter that will run the program.
    pub interpreter: &'a OsStr,
    /// What the program will find first on `sys.path`: the script's directory, or the current one.
    pub directory: &'a Path,
    /// The file of the main program, if it has one.
    pub main: Option<&'a Path>,
    /// Also everything that the main program imports.
    pub imports: bool,
    /// Paths of files and directories, and dotted names of modules, classes and functions.
    pub names: &'a [String],
}

/// Where names lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The places that were found.
    pub wanted: Vec<WantedCode>,
    /// The names that led nowhere, each with the reason.
    pub missing: Vec<(String, String)>,
}

/// Why names could not be looked up.
#[derive(Error, Debug)]
pub enum ResolveError {
    /// The interpreter could not be started.
    #[error("`{}` cannot be started to look for modules", .interpreter.display())]
    Start {
        /// The interpreter.
        interpreter: OsString,
        /// The system's reason.
        source: io::Error,
    },
    /// The interpreter failed.
    #[error("`{}` failed while looking for modules: {said}", .interpreter.display())]
    Failed {
        /// The interpreter.
        interpreter: OsString,
        /// The last line of what it said.
        said: String,
    },
}

/// Finds the places that names lead to. Nothing is imported: files are found as the import system
/// would, and read.
///
/// # Errors
/// See [`ResolveError`]. A name that leads nowhere is no error but an entry of
/// [`Resolved::missing`].
pub fn resolve(query: &Names<'_>) -> Result<Resolved, ResolveError> {
    let interpreter = query.interpreter.to_owned();
    let output = Command::new(query.interpreter)
        .args(["-c", RESOLVE])
        .arg(query.directory)
        .arg(query.main.unwrap_or(Path::new("")))
        .arg(if query.imports { "1" } else { "0" })
        .args(query.names)
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(source) => {
            return Err(ResolveError::Start {
                interpreter,
                source,
            });
        }
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().last().unwrap_or("it said nothing");
        return Err(ResolveError::Failed {
            interpreter,
            said: said.to_owned(),
        });
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout), query.names))
}

fn parse(answer: &str, names: &[String]) -> Resolved {
    let mut resolved = Resolved::default();
    for line in answer.lines() {
        let mut fields = line.split('\t');
        let (kind, index) = (fields.next(), fields.next());
        let index = index.and_then(|index| index.parse::<usize>().ok());
        match (kind, index) {
            (Some("found"), Some(_)) => {
                let mut number = || fields.next()?.parse::<u32>().ok();
                let (Some(first_line), Some(last_line)) = (number(), number()) else {
                    continue;
                };
                let last_line = if last_line == 0 {
                    TO_THE_END
                } else {
                    last_line
                };
                let code = WantedCode {
                    file: unescaped(fields.next().unwrap_or_default()),
                    first_line,
                    last_line,
                    name: None,
                };
                if !resolved.wanted.contains(&code) {
                    resolved.wanted.push(code);
                }
            }
            (Some("missing"), Some(index)) => {
                let name = names.get(index).cloned().unwrap_or_default();
                let reason = unescaped(fields.next().unwrap_or_default());
                resolved.missing.push((name, reason));
            }
            _ => {}
        }
    }
    resolved
}

/// Undoes the three escapes of `resolve.py`.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, c == '\\') {
            (_, true) => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                other => plain.extend(other),
            },
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(file: &str, first_line: u32, last_line: u32, name: Option<&str>) -> WantedCode {
        WantedCode {
            file: file.to_owned(),
            first_line,
            last_line,
            name: name.map(str::to_owned),
        }
    }

    #[test]
    fn a_selection_is_a_literal_whatever_is_in_its_names() {
        let selection = LineSelection {
            wanted: vec![
                code("b.py", 1, TO_THE_END, None),
                code("a'\\\n.py", 3, 3, Some("<lambda>")),
                code("b.py", 7, 9, Some("f")),
            ],
            setup: Some("é.py".into()),
        };
        assert_eq!(
            selection.to_literal(),
            "{'setup': '\\U000000e9.py', 'wanted': {'a\\'\\\\\\U0000000a.py': \
             [(3, 3, '<lambda>')], 'b.py': [(1, 4294967295, None), (7, 9, 'f')]}}\n"
        );
        let empty = LineSelection::default().to_literal();
        assert_eq!(empty, "{'setup': None, 'wanted': {}}\n");
    }

    #[test]
    fn an_answer_is_read_with_its_escapes_and_without_repetitions() {
        let answer = "found\t0\t1\t0\ta\\tb\\n\\\\.py\nfound\t1\t1\t0\ta\\tb\\n\\\\.py\n\
                      missing\t1\tno module `x`\nnonsense\nfound\t0\tx\t1\tfile\n";
        let names = ["a".to_owned(), "x".to_owned()];
        let resolved = parse(answer, &names);
        assert_eq!(resolved.wanted, [code("a\tb\n\\.py", 1, TO_THE_END, None)]);
        let missing = [("x".to_owned(), "no module `x`".to_owned())];
        assert_eq!(resolved.missing, missing);
    }
}
