//! What shows a program at work, and what tests it: from the command line, pyproject.toml, or the
//! last result.

use crate::contender::{is_function, is_script};
use crate::exit::{Failure, Status};
use crate::gate::config::{FILE, TEST_COMMAND, WORKLOAD};
use crate::gate::reader::{Document, Section};
use crate::kept;
use crate::open;
use crate::program::{check_script, interpreter};
use pitstop_fix::Workload;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What pyproject.toml says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// The command that shows the program at work.
    pub(crate) workload: Option<Vec<OsString>>,
    /// The command that tests it.
    pub(crate) tests: Option<Vec<OsString>>,
    /// The directory that both begin in: that of the file.
    pub(crate) directory: Option<PathBuf>,
}

/// Reads pyproject.toml here or above; nothing if there is none.
pub(crate) fn project() -> Result<Project, Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here
        .ancestors()
        .find(|directory| directory.join(FILE).is_file());
    let Some(directory) = found else {
        return Ok(Project::default());
    };
    let text = std::fs::read_to_string(directory.join(FILE)).map_err(|error| {
        Failure::new(Status::Usage, format!("`{FILE}` cannot be read")).because(error)
    })?;
    let mut project = parse(&text)?;
    project.directory = Some(directory.to_owned());
    Ok(project)
}

fn parse(text: &str) -> Result<Project, Failure> {
    let document = Document { file: FILE, text };
    let table = document.parse()?;
    let root = Section::root(document, table.get_ref());
    let Some(ours) = root.down(&["tool", "pitstop"])? else {
        return Ok(Project::default());
    };
    let command = |key: &str| -> Result<Option<Vec<OsString>>, Failure> {
        let Some(item) = ours.get(key) else {
            return Ok(None);
        };
        let example = "\"python app.py\", or a list of words";
        let words = if item.value().is_array() {
            item.strings(example)?
                .into_iter()
                .map(OsString::from)
                .collect()
        } else {
            words(item.string(example)?)
        };
        if words.is_empty() {
            return Err(item
                .wrong("is empty")
                .cure(format!("write {key} = {example}")));
        }
        Ok(Some(words))
    };
    Ok(Project {
        workload: command(WORKLOAD)?,
        tests: command(TEST_COMMAND)?,
        directory: None,
    })
}

/// The words of a line, as a shell splits it; a line that needs more of a shell gets one.
pub(crate) fn words(line: &str) -> Vec<OsString> {
    if line.contains(['|', '&', ';', '<', '>', '$', '`', '*', '(', ')', '\n']) {
        return ["sh", "-c", line].map(OsString::from).to_vec();
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (letter, Some(open)) if letter == open => quote = None,
            ('\\', None) => word.get_or_insert_default().extend(letters.next()),
            ('\\', Some('"')) => {
                let next = letters.next();
                if !matches!(next, Some('"' | '\\')) {
                    word.get_or_insert_default().push('\\');
                }
                word.get_or_insert_default().extend(next);
            }
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from).collect()
}

/// The workload: what was asked for, what the project says, or what ran last; and whether it is
/// the last.
pub(crate) fn workload(
    asked: &[OsString],
    project: &Project,
    python: Option<&OsStr>,
) -> Result<(Workload, bool), Failure> {
    if !asked.is_empty() {
        return Ok((command(asked.to_vec(), python)?, false));
    }
    if let Some(words) = &project.workload {
        return Ok((command(words.clone(), python)?, false));
    }
    let last = kept::last().filter(|file| file.exists());
    let last = last.and_then(|file| open::load(&file).ok());
    let words = last.map(|profile| profile.meta.command).unwrap_or_default();
    if words.is_empty() {
        return Err(Failure::new(Status::Usage, "there is no workload")
            .because(
                "no command is given, pyproject.toml has no `workload`, and nothing ran before",
            )
            .cure("name one: pitstop verify OLD NEW -- python app.py"));
    }
    let words = words.into_iter().map(OsString::from).collect();
    Ok((command(words, python)?, true))
}

/// Words as a command: scripts, functions and options of Python get an interpreter.
pub(crate) fn command(
    mut words: Vec<OsString>,
    python: Option<&OsStr>,
) -> Result<Workload, Failure> {
    let first = words
        .first()
        .map_or(String::new(), |word| word.to_string_lossy().into_owned());
    if is_function(&first) && words.len() == 1 {
        let (module, name) = first.split_once(':').unwrap_or((&first, ""));
        // As `python -m`: what is in the current directory can be imported.
        let code = format!("import {module}; {module}.{name}()");
        words = vec![interpreter(python)?, "-c".into(), code.into()];
    } else if is_script(&first) {
        check_script(Path::new(&first))?;
        words.insert(0, interpreter(python)?);
    } else if matches!(first.as_str(), "-m" | "-c") {
        words.insert(0, interpreter(python)?);
    } else if first.starts_with('-') {
        let what = format!("the workload begins with `{first}`");
        return Err(Failure::new(Status::Usage, what)
            .cure("name the program first: pitstop verify OLD NEW -- python app.py"));
    }
    Ok(Workload { words })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        let words = words(line).into_iter();
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn lines_are_split_as_shells_do() {
        assert_eq!(
            split("python  app.py 'a b' \"c\\\"d\" e\\ f ''"),
            ["python", "app.py", "a b", "c\"d", "e f", ""]
        );
        assert_eq!(split("a | b"), ["sh", "-c", "a | b"]);
        assert!(split("  ").is_empty());
    }

    #[test]
    fn a_project_names_its_commands() {
        let project =
            parse("[tool.pitstop]\nworkload = [\"a b\", \"c\"]\ntest-command = \"pytest -q\"\n");
        let project = project.expect("it can be read");
        assert_eq!(project.workload, Some(vec!["a b".into(), "c".into()]));
        assert_eq!(project.tests, Some(vec!["pytest".into(), "-q".into()]));
        let failure = parse("[tool.pitstop]\nworkload = 3\n").expect_err("a number");
        assert!(failure.what.contains("pyproject.toml:2"), "{failure:?}");
    }

    #[test]
    fn functions_scripts_and_options_get_an_interpreter() {
        let python = Some(OsStr::new("py"));
        let text = |words: &[&str]| {
            let words = words.iter().map(OsString::from).collect();
            command(words, python).map(|workload| workload.text())
        };
        assert_eq!(
            text(&["a.b:c"]).ok().as_deref(),
            Some("py -c 'import a.b; a.b.c()'")
        );
        assert_eq!(
            text(&["-m", "pytest"]).ok().as_deref(),
            Some("py -m pytest")
        );
        assert_eq!(text(&["make", "x.py"]).ok().as_deref(), Some("make x.py"));
        assert!(text(&["--calls", "3"]).is_err());
        assert!(text(&["no/such.py"]).is_err());
    }
}
