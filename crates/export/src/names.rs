//! What threads, processes and waits are called in exports, and names made safe for lines.
//!
//! Names carry no process or thread id: two runs of one program then give exports that can be
//! compared. Where names repeat, the second gets ` #2`, in the order they were first seen.

use pitstop_model::{Id, ProcessId, Profile, Thread, ThreadId, Wait};
use rustc_hash::FxHashMap;
use std::path::Path;

/// The names of all processes and threads of a profile.
pub(crate) struct Names {
    processes: Vec<String>,
    threads: Vec<String>,
    process_of: Vec<ProcessId>,
}

impl Names {
    /// Gives every process, and every thread within its process, a name of its own.
    pub(crate) fn new(profile: &Profile) -> Self {
        let timeline = &profile.timeline;
        let mut taken = FxHashMap::default();
        let processes = timeline
            .processes
            .iter()
            .map(|process| {
                let name = match program(profile.text(process.command)) {
                    "" => format!("process {}", process.pid),
                    program => clean(program),
                };
                numbered(&mut taken, name)
            })
            .collect();
        let mut taken: FxHashMap<usize, FxHashMap<String, u32>> = FxHashMap::default();
        let threads = timeline
            .threads
            .iter()
            .map(|thread| {
                let taken = taken.entry(thread.process.index()).or_default();
                numbered(taken, thread_name(profile, thread))
            })
            .collect();
        Self {
            processes,
            threads,
            process_of: timeline.threads.iter().map(|t| t.process).collect(),
        }
    }

    /// `app.py`, or `app.py #2` for the second process with that name.
    pub(crate) fn process(&self, id: ProcessId) -> &str {
        &self.processes[id.index()]
    }

    /// The thread's name within its process: `MainThread`.
    pub(crate) fn thread(&self, id: ThreadId) -> &str {
        &self.threads[id.index()]
    }

    /// The process of a thread.
    pub(crate) fn process_of(&self, id: ThreadId) -> ProcessId {
        self.process_of[id.index()]
    }

    /// `app.py/MainThread`.
    pub(crate) fn full(&self, id: ThreadId) -> String {
        format!("{}/{}", self.process(self.process_of(id)), self.thread(id))
    }
}

/// The title of an export: the one asked for, else the command line, else what was attached to.
pub(crate) fn title(profile: &Profile, asked: Option<&str>) -> String {
    if let Some(title) = asked {
        return clean(title);
    }
    if !profile.meta.command.is_empty() {
        return clean(&profile.meta.command.join(" "));
    }
    profile.timeline.processes.first().map_or_else(
        || "profile".to_owned(),
        |root| match profile.text(root.command) {
            "" => format!("process {}", root.pid),
            command => clean(command),
        },
    )
}

/// A wait in words: `recvfrom tcp 127.0.0.1:5432`; empty when nothing is known.
pub(crate) fn wait_text(profile: &Profile, wait: &Wait) -> String {
    let (call, name) = (profile.text(wait.syscall), profile.text(wait.name));
    clean(format!("{call} {name}").trim())
}

/// `text` on one line: control characters and line separators become spaces.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

fn thread_name(profile: &Profile, thread: &Thread) -> String {
    match profile.text(thread.name) {
        "" if thread.is_main => "MainThread".to_owned(),
        "" => "unnamed thread".to_owned(),
        name => clean(name),
    }
}

/// `name`, or `name #2` and so on when it is taken; a thread may itself be called `name #2`.
fn numbered(taken: &mut FxHashMap<String, u32>, name: String) -> String {
    let count = taken.entry(name.clone()).or_insert(0);
    *count += 1;
    match *count {
        1 => name,
        n => numbered(taken, format!("{name} #{n}")),
    }
}

/// The part of a command line people call the program by: the script or module, not the
/// interpreter. Arguments are joined by spaces, so a path with a space in it loses its first part.
fn program(command: &str) -> &str {
    let mut words = command.split_whitespace();
    let Some(first) = words.next() else {
        return "";
    };
    let interpreter = base_name(first);
    if !interpreter.starts_with("python") && !interpreter.starts_with("pypy") {
        return interpreter;
    }
    while let Some(word) = words.next() {
        match word {
            "-m" => return words.next().unwrap_or(interpreter),
            "-c" | "-" => return interpreter,
            "-X" | "-W" => {
                words.next();
            }
            option if option.starts_with('-') => {}
            script => return base_name(script),
        }
    }
    interpreter
}

fn base_name(word: &str) -> &str {
    Path::new(word)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_called_by_script_or_module() {
        for (command, name) in [
            ("python app.py 40000", "app.py"),
            ("/usr/bin/python3.13 -X dev -u src/app.py -v", "app.py"),
            ("python -m http.server 80", "http.server"),
            ("python3 -c import time; time.sleep(1)", "python3"),
            ("/opt/venv/bin/gunicorn app:app", "gunicorn"),
            ("python", "python"),
            ("", ""),
            ("/", "/"),
        ] {
            assert_eq!(program(command), name, "{command}");
        }
    }

    #[test]
    fn repeated_names_get_distinct_numbers() {
        let mut taken = FxHashMap::default();
        let mut name = |name: &str| numbered(&mut taken, name.to_owned());
        let names = [name("a"), name("a"), name("a #2"), name("a"), name("b")];
        assert_eq!(names, ["a", "a #2", "a #2 #2", "a #3", "b"]);
    }

    #[test]
    fn a_clean_name_is_one_line() {
        assert_eq!(clean("a\nb\r\tc\u{2028}d\u{85}e"), "a b  c d e");
    }
}
