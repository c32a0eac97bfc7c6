//! What the two versions are, and what is run to see them at work.

use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A function, by its module or by its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Its module, as it is imported.
    pub module: Option<String>,
    /// Its file, absolute.
    pub file: Option<PathBuf>,
    /// Its qualified name in there: `Class.method`.
    pub name: String,
}

impl Target {
    /// As people write it.
    pub fn text(&self) -> String {
        match (&self.module, &self.file) {
            (Some(module), _) => format!("{module}:{}", self.name),
            (None, Some(file)) => {
                let file = file.file_name().unwrap_or_default().to_string_lossy();
                format!("{file}::{}", self.name)
            }
            (None, None) => self.name.clone(),
        }
    }
}

/// A checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Its root.
    pub root: PathBuf,
    /// The directory in it that things are run in.
    pub directory: PathBuf,
    /// Environment variables beyond our own.
    pub variables: Vec<(OsString, OsString)>,
}

/// What is proved about what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A function against another one.
    Functions {
        /// The one that the workload calls.
        old: Target,
        /// The one to take its place.
        new: Target,
    },
    /// A file against another version of it.
    Files {
        /// The old text.
        old: PathBuf,
        /// The new text.
        new: PathBuf,
    },
    /// A checkout against another one; the files in both that differ, from their roots.
    Trees {
        /// The old one.
        old: Tree,
        /// The new one.
        new: Tree,
        /// Python files that differ.
        files: Vec<PathBuf>,
    },
}

/// A version, ready to be run.
#[derive(Clone, Debug, Default)]
pub struct Version {
    /// As people name it.
    pub name: String,
    /// The directory things are run in.
    pub directory: PathBuf,
    /// Environment variables beyond our own.
    pub variables: Vec<(OsString, OsString)>,
}

/// The command that is run to see calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The program, then its arguments.
    pub words: Vec<OsString>,
}

impl Workload {
    /// As people write it.
    pub fn text(&self) -> String {
        let words = self.words.iter().map(|word| {
            let word = word.to_string_lossy();
            if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '\'') {
                format!("'{}'", word.replace('\'', "'\\''"))
            } else {
                word.into_owned()
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The words with `runner` before the script, if they start Python with one: the interpreter
    /// itself would read the script without asking us.
    pub(crate) fn with_runner(&self, runner: &Path) -> Vec<OsString> {
        let mut words = self.words.clone();
        let is_python = words.first().is_some_and(|program| is_python(program));
        if let Some(at) = script(&words).filter(|_| is_python) {
            words.insert(at, runner.into());
        }
        words
    }

    /// The interpreter, if the command names one.
    pub fn python(&self) -> Option<&OsStr> {
        let program = self.words.first()?;
        is_python(program).then_some(program.as_os_str())
    }
}

fn is_python(program: &OsStr) -> bool {
    let name = Path::new(program).file_name().unwrap_or_default();
    name.to_string_lossy().starts_with("python")
}

/// The position of the script behind an interpreter's options (CPython, Python/initconfig.c).
fn script(words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = words.get(at) {
        let word = word.to_string_lossy();
        match word.as_ref() {
            "-W" | "-X" | "--check-hash-based-pycs" => at += 2,
            "-" | "-c" | "-m" => return None,
            word if word.starts_with("-c") || word.starts_with("-m") => return None,
            word if word.starts_with('-') => at += 1,
            _ => return Some(at),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(text: &str) -> Workload {
        Workload {
            words: text.split(' ').map(OsString::from).collect(),
        }
    }

    #[test]
    fn the_runner_goes_before_the_script_and_nowhere_else() {
        let run = |text: &str| {
            let words = workload(text).with_runner(Path::new("R"));
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            words.join(" ")
        };
        assert_eq!(run("python3 app.py -m x"), "python3 R app.py -m x");
        assert_eq!(
            run("a/python3.9 -X dev -O app.py"),
            "a/python3.9 -X dev -O R app.py"
        );
        for same in [
            "python3 -m app x.py",
            "python -c x",
            "pytest tests",
            "sh python x.py",
            "python",
        ] {
            assert_eq!(run(same), same);
        }
    }

    #[test]
    fn words_are_shown_as_a_shell_takes_them() {
        let words = ["sh", "-c", "a 'b'"].map(OsString::from).to_vec();
        assert_eq!(Workload { words }.text(), "sh -c 'a '\\''b'\\'''");
    }
}
