//! What to start: which interpreter, which script, and what is known of its text beforehand.

use crate::exit::{Failure, Status};
use pitstop_collect::Launch;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// A program to start.
pub(crate) struct Program {
    pub(crate) launch: Launch,
    /// Texts that are in no file, by the name the interpreter gives them.
    pub(crate) known_sources: Vec<(String, String)>,
}

/// A Python program as `run` and `trace` are told of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The interpreter, where one was named.
    pub(crate) python: Option<&'a OsStr>,
    /// A module and its arguments.
    pub(crate) module: Option<&'a [OsString]>,
    /// Code and its arguments.
    pub(crate) code: Option<&'a [OsString]>,
    /// A script and its arguments.
    pub(crate) words: &'a [OsString],
}

/// What is to be started, and what is known of its text.
pub(crate) fn python_program(wanted: Wanted<'_>) -> Result<Program, Failure> {
    let interpreter = interpreter(wanted.python)?;
    let mut known_sources = Vec::new();
    let mut words: Vec<OsString> = Vec::new();
    if let Some(module) = wanted.module {
        words.push("-m".into());
        words.extend(module.iter().cloned());
    } else if let Some(code) = wanted.code {
        words.push("-c".into());
        words.extend(code.iter().cloned());
        if let Some(code) = code.first().and_then(|code| code.to_str()) {
            known_sources.push(("<string>".into(), code.into()));
        }
    } else {
        let script = wanted
            .words
            .first()
            .map_or(OsStr::new(""), OsString::as_os_str);
        if script == "-" {
            known_sources.extend(text_on_stdin().map(|text| ("<stdin>".into(), text)));
        } else {
            check_script(Path::new(script))?;
            // Read now: the program may remove or change its own file.
            if let (Some(name), Ok(text)) = (script.to_str(), fs::read_to_string(script)) {
                let absolute = std::path::absolute(script).ok();
                let absolute = absolute.and_then(|path| path.to_str().map(str::to_owned));
                known_sources.extend(absolute.map(|path| (path, text.clone())));
                known_sources.push((name.to_owned(), text));
            }
        }
        words.extend(wanted.words.iter().cloned());
    }
    let shown = words.clone();
    Ok(Program {
        launch: Launch {
            program: interpreter,
            args: words,
            shown,
        },
        known_sources,
    })
}

/// What `pitstop record` was asked to start: a Python program as for `run`, or any program.
pub(crate) fn any_program(wanted: Wanted<'_>) -> Result<Program, Failure> {
    let is_python = wanted.python.is_some() || wanted.module.is_some() || wanted.code.is_some();
    let Some((first, rest)) = wanted.words.split_first().filter(|_| !is_python) else {
        return python_program(wanted);
    };
    let is_script = Path::new(first)
        .extension()
        .is_some_and(|ending| ending == "py");
    if is_script || first == "-" {
        return python_program(wanted);
    }
    if first.to_string_lossy().starts_with('-') {
        return Err(no_such_option(first, "record"));
    }
    let launch = Launch {
        program: first.clone(),
        args: rest.to_vec(),
        shown: wanted.words.to_vec(),
    };
    Ok(Program {
        launch,
        known_sources: Vec::new(),
    })
}

/// What is wrong with a first word that begins like an option and is none of ours.
fn no_such_option(word: &OsStr, command: &str) -> Failure {
    /// The options of `python` that stand for themselves or take a word (CPython, `python -h`).
    const OF_PYTHON: &str = "bBdEiIOPqRsSuvWxX?";
    let mut letters = word.to_str().unwrap_or_default().chars().skip(1);
    let is_pythons = letters
        .next()
        .is_some_and(|letter| OF_PYTHON.contains(letter));
    let failure = Failure::new(
        Status::Usage,
        format!("there is no option `{}`", word.display()),
    );
    if is_pythons {
        let example = format!("pitstop record -- python3 {} ...", word.display());
        failure.cure(format!("options of Python go to Python: {example}"))
    } else {
        failure.cure(format!("see the options: pitstop {command} --help"))
    }
}

/// Python runs files, and directories and zip archives with a `__main__.py`.
pub(crate) fn check_script(script: &Path) -> Result<(), Failure> {
    if script.to_string_lossy().starts_with('-') && !script.exists() {
        return Err(no_such_option(script.as_os_str(), "run"));
    }
    match fs::metadata(script) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let failure = Failure::new(
                Status::NotFound,
                format!("there is no script `{}`", script.display()),
            );
            let directory = env::current_dir().unwrap_or_default();
            Err(failure
                .because(format!("looked in `{}`", directory.display()))
                .cure("check the path, or use -m for a module"))
        }
        Err(error) => Err(Failure::new(
            Status::CannotExecute,
            format!("the script `{}` cannot be read", script.display()),
        )
        .because(error)),
        Ok(meta) if meta.is_dir() && !script.join("__main__.py").exists() => Err(Failure::new(
            Status::CannotExecute,
            format!(
                "`{}` is a directory without a `__main__.py`",
                script.display()
            ),
        )
        .cure("name a script in it")),
        Ok(_) => match fs::File::open(script) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::new(
                Status::CannotExecute,
                format!("the script `{}` cannot be read", script.display()),
            )
            .because(error)
            .cure("make it readable for this user")),
        },
    }
}

/// The interpreter asked for, the active virtual environment's, or the first on `PATH`.
pub(crate) fn interpreter(asked: Option<&OsStr>) -> Result<OsString, Failure> {
    if let Some(asked) = asked {
        return Ok(asked.to_owned());
    }
    if let Some(environment) = env::var_os("VIRTUAL_ENV").filter(|path| !path.is_empty()) {
        let python = PathBuf::from(environment).join("bin/python");
        if python.exists() {
            return Ok(python.into());
        }
    }
    let path = env::var_os("PATH").unwrap_or_default();
    ["python3", "python"]
        .iter()
        .find_map(|name| {
            env::split_paths(&path)
                .map(|part| part.join(name))
                .find(|file| file.is_file())
        })
        .map(Into::into)
        .ok_or_else(|| {
            Failure::new(Status::NotFound, "there is no `python3` on PATH")
                .cure("name an interpreter with --python")
        })
}

/// The script on standard input, if that is a file: it can be read twice.
fn text_on_stdin() -> Option<String> {
    let mut file = fs::File::open("/proc/self/fd/0").ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    file.rewind().ok()?;
    let mut text = String::new();
    file.take(4 << 20).read_to_string(&mut text).ok()?;
    Some(text)
}
