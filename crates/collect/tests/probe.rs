//! The probe as it is embedded: what it needs of the program that loads it, and what it shows.

use std::path::Path;
use std::process::Command;

/// What may be undefined in it: the lookup by name, and what compilers take from any C library.
const ALLOWED: &[&str] = &[
    "bcmp", "dlsym", "memcmp", "memcpy", "memmove", "memset", "strlen",
];

/// The library, found beside the build script's other output by the name it has there.
const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libpitstop_probe.so"));

/// Symbols of the library, as the names that `nm` prints with these arguments.
fn names(arguments: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("probe.so");
    std::fs::write(&path, LIBRARY).expect("a file can be written");
    let output = nm(&path, arguments);
    let lines = output
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    lines
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect()
}

fn nm(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new("nm").args(arguments).arg(path).output();
    let output = output.expect("`nm` of binutils is there, as every linker needs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn it_needs_nothing_that_a_program_may_not_have() {
    let undefined = names(&["-D", "--undefined-only"]);
    assert!(undefined.contains(&"dlsym".to_owned()), "{undefined:?}");
    for name in &undefined {
        assert!(ALLOWED.contains(&name.as_str()), "`{name}` is not allowed");
    }
}

#[test]
fn it_shows_only_what_the_interpreter_looks_for() {
    assert_eq!(names(&["-D", "--defined-only"]), ["PyInit_pitstop_probe"]);
}

#[test]
fn it_is_small() {
    // Calls and lines are 75 kB of it, arguments, queries and event loops as much again.
    assert!(LIBRARY.len() < 200_000, "{} bytes", LIBRARY.len());
}
