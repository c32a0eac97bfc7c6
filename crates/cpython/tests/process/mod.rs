//! A process to read from: its memory, and the facts that it told about itself.

use pitstop_cpython::{Layout, Memory, ReadError, interpreters, self_described, tables};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `program.py`; killed when dropped.
pub(crate) struct Program {
    child: Child,
    /// What it said, a line each, split at tabs.
    pub(crate) facts: Vec<Vec<String>>,
    pub(crate) memory: ProcessMemory,
    pub(crate) layout: Layout,
    /// The address of its main interpreter.
    pub(crate) interpreter: u64,
}

impl Program {
    /// Starts a script and waits for its line "ready".
    pub(crate) fn start(python: &Path, script: &str) -> Self {
        let mut child = Command::new(python)
            .args(["-X", "utf8", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
        let mut facts: Vec<Vec<String>> = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            facts.push(line.unwrap().split('\t').map(str::to_owned).collect());
            if facts.last().unwrap()[0] == "ready" {
                break;
            }
        }
        let memory = ProcessMemory::open(child.id());
        let ready = facts.pop().expect("it says that it is ready");
        let runtime = u64::from_str_radix(&ready[1][2..], 16).unwrap();
        let layout = layout(&memory, runtime, ready[2].parse().unwrap());
        let interpreter = interpreters(&memory, &layout, runtime).unwrap()[0].address;
        Self {
            child,
            facts,
            memory,
            layout,
            interpreter,
        }
    }

    /// The facts of one sort, without the word that says which.
    pub(crate) fn facts(&self, sort: &str) -> Vec<&[String]> {
        let facts = self.facts.iter().filter(|fact| fact[0] == sort);
        facts.map(|fact| &fact[1..]).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn layout(memory: &ProcessMemory, runtime: u64, minor: u8) -> Layout {
    let mut header = [0; self_described::MAX_BYTES];
    memory.read(runtime, &mut header).unwrap();
    if self_described::parse_header(&header).is_ok() {
        return self_described::layout(&header).unwrap();
    }
    *tables::for_version(minor).unwrap()
}

/// The memory of a child, through `/proc`.
pub(crate) struct ProcessMemory(File);

impl ProcessMemory {
    fn open(pid: u32) -> Self {
        Self(File::open(format!("/proc/{pid}/mem")).unwrap())
    }
}

impl Memory for ProcessMemory {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.0
            .read_exact_at(buffer, address)
            .map_err(|_| ReadError::Unmapped(address))
    }
}

/// The interpreters to test with, one of each minor version: those in `PITSTOP_PYTHONS`, else
/// those in `target/pythons`. None, with a line that says so, where there are none; in CI that is
/// a failure.
#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
pub(crate) fn pythons() -> Vec<PathBuf> {
    let found: Vec<PathBuf> = match std::env::var_os("PITSTOP_PYTHONS") {
        Some(list) => std::env::split_paths(&list)
            .filter(|python| python.exists())
            .collect(),
        None => installed(),
    };
    if found.is_empty() {
        let message = "no Python found; `cargo xtask pythons` installs them";
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "{message}"
        );
        eprintln!("SKIPPED: {message}");
    }
    found
}

fn installed() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pythons");
    (8..=15)
        .map(|minor| root.join(format!("3.{minor}/bin/python3.{minor}")))
        .filter(|python| python.exists())
        .collect()
}
