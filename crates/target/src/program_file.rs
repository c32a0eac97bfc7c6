//! What a program can be, told from its file alone: for one that ended before it was looked at.

use crate::python::{FindError, name_of_program};
use crate::spawn::locate;
use crate::symbols::{Elf, Tables};
use std::ffi::OsStr;
use std::fs::File;

/// Says that a program that ran as `pid` and ended is no Python, where its file leaves no doubt:
/// machine code that neither has an interpreter in it nor asks for one.
///
/// `None` for an interpreter, and for everything that cannot be told: scripts, which run whatever
/// their first line names, and files that cannot be read.
pub fn is_no_python(program: &OsStr, pid: u32) -> Option<FindError> {
    let exe = locate(program)?.canonicalize().ok()?;
    let elf = Elf::parse(File::open(&exe).ok()?).ok()?;
    let symbols = elf.symbols(["_PyRuntime", "Py_GetVersion"], Tables::All);
    let has_interpreter =
        symbols.iter().any(Option::is_some) || elf.section(".PyRuntime").is_some();
    let asks_for_one = || {
        let needed = elf.needed();
        needed.iter().any(|name| name.starts_with("libpython"))
    };
    if has_interpreter || asks_for_one() {
        return None;
    }
    let what = name_of_program(&exe);
    Some(FindError::NotPython { pid, exe, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_code_without_an_interpreter_is_no_python() {
        let error = is_no_python("sh".as_ref(), 1).expect("a shell is no Python");
        assert!(matches!(error, FindError::NotPython { pid: 1, .. }));
    }

    #[test]
    fn what_cannot_be_told_is_not_denied() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = directory.path().join("script");
        std::fs::write(&script, "#!/bin/sh\n").expect("it can be written");
        assert!(is_no_python(script.as_os_str(), 1).is_none());
        assert!(is_no_python("no-such-program-anywhere".as_ref(), 1).is_none());
    }
}
