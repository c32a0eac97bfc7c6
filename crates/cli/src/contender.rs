//! From words on the command line to what is measured, and where.

use crate::exit::{Failure, Status};
use crate::program::{check_script, interpreter};
use crate::worktree::{self, Worktree};
use pitstop_bench::{Contender, Side, Work};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The work that words name: a function, a script with arguments, or the lines of a statement.
pub(crate) fn work(words: &[String], command: &[OsString], setup: &[String]) -> Work {
    if !command.is_empty() {
        return Work::Command {
            words: command.to_vec(),
        };
    }
    let setup = setup.join("\n");
    match words {
        [target] if is_function(target) => Work::Function {
            setup,
            target: target.clone(),
        },
        [script, ..] if is_script(script) => Work::Script {
            words: words.iter().map(OsString::from).collect(),
        },
        _ => Work::Statement {
            setup,
            text: words.join("\n"),
        },
    }
}

/// `package.module:name.of.thing`, all of it names.
pub(crate) fn is_function(word: &str) -> bool {
    let is_name = |name: &str| {
        let mut characters = name.chars();
        characters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && characters.all(|c| c.is_alphanumeric() || c == '_')
    };
    word.split_once(':').is_some_and(|(module, name)| {
        module.split('.').all(is_name) && name.split('.').all(is_name)
    })
}

pub(crate) fn is_script(word: &str) -> bool {
    Path::new(word)
        .extension()
        .is_some_and(|ending| ending == "py")
}

/// Our own surroundings.
pub(crate) fn here(python: Option<&OsStr>, work: &Work) -> Result<Side, Failure> {
    if let Work::Script { words } = work
        && let Some(script) = words.first()
    {
        check_script(Path::new(script))?;
    }
    Ok(Side {
        python: python_for(work, python)?,
        directory: current_directory()?,
        ..Side::default()
    })
}

fn current_directory() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| {
        Failure::new(Status::CannotMeasure, "the current directory is gone").because(error)
    })
}

/// A contender with the name that its work gives it.
pub(crate) fn contender(work: Work, side: Side) -> Contender {
    Contender {
        name: work.text(),
        work,
        side,
    }
}

/// A side that words describe, and the checkout that it lives in.
pub(crate) fn side(
    words: &str,
    python: Option<&OsStr>,
    work: &Work,
) -> Result<(Side, Option<Worktree>), Failure> {
    let mut side = Side {
        directory: current_directory()?,
        variant: words.to_owned(),
        ..Side::default()
    };
    let mut tree = None;
    let mut chosen = python.map(OsStr::to_owned);
    for word in words.split_whitespace() {
        if let Some((name, value)) = assignment(word) {
            side.variables.push((name.into(), value.into()));
        } else if word.starts_with('-') {
            side.flags.push(word.into());
        } else if word == "." {
            // The working tree, as it is.
            side.variables.extend(own_packages(&side.directory));
        } else if let Some(program) = as_interpreter(word) {
            chosen = Some(program);
        } else if let Some(commit) = worktree::commit(word) {
            let checkout = worktree::check_out(word, &commit)?;
            side.directory.clone_from(&checkout.directory);
            side.variables.extend(own_packages(&side.directory));
            side.variant = format!("{words} {}", checkout.commit);
            tree = Some(checkout);
        } else {
            return Err(unknown(word));
        }
    }
    side.python = python_for(work, chosen.as_deref())?;
    Ok((side, tree))
}

/// The interpreter for some work; commands bring their own.
pub(crate) fn python_for(work: &Work, asked: Option<&OsStr>) -> Result<OsString, Failure> {
    if matches!(work, Work::Command { .. }) {
        return Ok(OsString::new());
    }
    let python = interpreter(asked)?;
    Ok(behind_shim(&python).unwrap_or(python))
}

fn is_shim(path: &Path) -> bool {
    let directory = path.parent().and_then(Path::file_name);
    directory.is_some_and(|name| name == "shims")
}

/// The interpreter that a version manager's shim would start. A shim is a shell script that takes
/// longer than Python itself to start.
fn behind_shim(python: &OsStr) -> Option<OsString> {
    let path = if python.to_string_lossy().contains('/') {
        PathBuf::from(python)
    } else {
        let search = std::env::var_os("PATH")?;
        let mut found = std::env::split_paths(&search).map(|part| part.join(python));
        found.find(|file| file.is_file())?
    };
    if !is_shim(&path) {
        return None;
    }
    let question = ["-c", "import sys; print(sys.executable)"];
    let output = Command::new(&path).args(question).output().ok();
    let output = output.filter(|output| output.status.success())?;
    let answer = String::from_utf8(output.stdout).ok()?;
    let real = Path::new(answer.trim());
    real.is_file().then(|| real.into())
}

/// What makes a directory's own packages come first.
pub(crate) fn own_packages(directory: &Path) -> Option<(OsString, OsString)> {
    Some(("PYTHONPATH".into(), worktree::python_path(directory)?))
}

fn unknown(word: &str) -> Failure {
    Failure::new(Status::Usage, format!("`{word}` is no side to compare"))
        .because("it is no interpreter, environment, commit, NAME=VALUE, nor `.`")
        .cure("see the examples: pitstop compare --help")
}

/// `NAME=VALUE` with a name as environments have them.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = !name.is_empty() && name.chars().all(is_fine);
    is_name.then_some((name, value))
}

/// The interpreter that a word names: a path to one, a virtual environment, or a name on `PATH`.
fn as_interpreter(word: &str) -> Option<OsString> {
    let path = Path::new(word);
    if path.join("bin/python").exists() {
        return Some(path.join("bin/python").into());
    }
    let name = path.file_name()?.to_string_lossy().into_owned();
    let sounds_right = name.starts_with("python") || name.starts_with("pypy");
    if !sounds_right {
        return None;
    }
    if word.contains('/') {
        // Both sides start in directories of their own.
        return path
            .is_file()
            .then(|| std::path::absolute(path).ok())?
            .map(Into::into);
    }
    let search = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&search).map(|part| part.join(word));
    // A shim whose version is not chosen here leads nowhere.
    let mut found = found.filter(|file| file.is_file());
    found.find_map(|file| {
        if is_shim(&file) {
            return behind_shim(file.as_os_str());
        }
        Some(file.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[&str]) -> Work {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        work(&words, &[], &["import x".to_owned()])
    }

    #[test]
    fn words_are_told_apart_as_people_mean_them() {
        assert!(matches!(texts(&["a.b:c"]), Work::Function { .. }));
        assert!(matches!(texts(&["x[1:2]"]), Work::Statement { .. }));
        assert!(matches!(texts(&["lambda: 0"]), Work::Statement { .. }));
        assert!(matches!(texts(&["bench.py", "3"]), Work::Script { .. }));
        let Work::Statement { setup, text } = texts(&["for i in x:", "  pass"]) else {
            panic!("it is a statement");
        };
        assert_eq!(
            (setup.as_str(), text.as_str()),
            ("import x", "for i in x:\n  pass")
        );
    }

    #[test]
    fn settings_and_flags_are_no_programs() {
        assert_eq!(assignment("PYTHON_JIT=1"), Some(("PYTHON_JIT", "1")));
        assert_eq!(assignment("a-b=1"), None);
        assert_eq!(as_interpreter("make"), None);
        assert_eq!(as_interpreter("no/such/python3"), None);
    }
}
