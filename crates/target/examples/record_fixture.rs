//! Makes `fixtures/recorded/cpython-3.N.mem`: the memory of a program whose stack is known.
//!
//! ```text
//! cargo run -p pitstop-target --example record_fixture [minor version ...]
//! ```
//!
//! Interpreters come from `PITSTOP_PYTHONS` (paths separated by colons), else from
//! `target/pythons`. What is kept are the bytes that the walkers read. A walk reads whole pages
//! of the heap, where anything may lie: of those only the words stay on which the answer depends.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the terminal"
)]

#[path = "../tests/recorded/portrait.rs"]
mod portrait;

use pitstop_cpython::{Layout, Memory, ReadError};
use pitstop_target::recorded::{RecordedMemory, Recorder};
use pitstop_target::threads::{self, SyscallState, ThreadFiles};
use pitstop_target::version::Version;
use pitstop_target::{LiveMemory, find_python};
use portrait::Portrait;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PROGRAM: &str = include_str!("../../../fixtures/recorded/known_stack.py");
/// Runs the program under the name that its code objects shall have.
const START: &str =
    "import sys; exec(compile(sys.stdin.read(), '/app/known_stack.py', 'exec'), globals())";
const PAGE: u64 = 4096;
/// The largest recording that may be checked in.
const MAX_FILE_BYTES: usize = 64 << 10;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut is_fine = true;
    for python in pythons() {
        match record(&python, &wanted) {
            Ok(Some(line)) => println!("{line}"),
            Ok(None) => {}
            Err(error) => {
                eprintln!("{}: {error}", python.display());
                is_fine = false;
            }
        }
    }
    ExitCode::from(u8::from(!is_fine))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pythons() -> Vec<PathBuf> {
    if let Some(list) = std::env::var_os("PITSTOP_PYTHONS") {
        return std::env::split_paths(&list).collect();
    }
    (8..=15)
        .map(|minor| workspace().join(format!("target/pythons/3.{minor}/bin/python3.{minor}")))
        .filter(|path| path.exists())
        .collect()
}

/// Records one interpreter, if it is wanted, and says what was written.
fn record(python: &Path, wanted: &[String]) -> Result<Option<String>> {
    let (program, callers) = Program::start(python)?;
    let image = find_python(program.pid())?;
    let version = image.version();
    let minor = format!("{}.{}", version.major, version.minor);
    if !wanted.is_empty() && !wanted.contains(&minor) {
        return Ok(None);
    }
    program.wait_until_blocked()?;
    let memory = record_portrait(LiveMemory::new(program.pid()), image.runtime, version)?;
    let bytes = with_facts(memory, image.runtime, version, &callers)?;
    let name = format!("cpython-{minor}.mem");
    if tells_where(&bytes, python)? {
        return Err(format!("`{name}` would tell where the interpreter lies").into());
    }
    if bytes.len() > MAX_FILE_BYTES {
        return Err(format!("`{name}` would have {} bytes", bytes.len()).into());
    }
    std::fs::write(workspace().join("fixtures/recorded").join(&name), &bytes)?;
    Ok(Some(format!("{name}: {version}, {} bytes", bytes.len())))
}

/// True if the path of the interpreter, or the beginning of it, was recorded along.
fn tells_where(bytes: &[u8], python: &Path) -> Result<bool> {
    let path = python.canonicalize()?;
    let directory: PathBuf = path.components().take(2).collect();
    let directory = directory.as_os_str().as_encoded_bytes();
    let is_neutral = directory == b"/usr";
    let mut places = bytes.windows(directory.len());
    Ok(!is_neutral && places.any(|piece| piece == directory))
}

fn record_portrait(live: LiveMemory, runtime: u64, version: Version) -> Result<RecordedMemory> {
    let recorder = Recorder::new(live);
    let layout =
        portrait::layout(&recorder, runtime, version.minor).ok_or("its layout is not known")?;
    let truth = portrait::take(&recorder, &layout, runtime)?;
    let mut memory = recorder.finish();
    blank(&mut memory, &layout, runtime, &truth)?;
    Ok(memory)
}

fn with_facts(
    mut memory: RecordedMemory,
    runtime: u64,
    version: Version,
    callers: &str,
) -> Result<Vec<u8>> {
    memory.set_fact("version", version.to_string());
    memory.set_fact("minor", version.minor.to_string());
    memory.set_address("runtime", runtime);
    memory.set_fact("callers", callers);
    let mut bytes = Vec::new();
    memory.save(&mut bytes)?;
    Ok(bytes)
}

/// Sets the words of whole pages to zero that the portrait does not depend on.
fn blank(
    memory: &mut RecordedMemory,
    layout: &Layout,
    runtime: u64,
    truth: &Portrait,
) -> Result<()> {
    for address in words_of_pages(memory, layout, runtime)? {
        let mut word = [0; 8];
        memory.read(address, &mut word)?;
        memory.insert(address, &[0; 8]);
        if portrait::take(memory, layout, runtime).as_ref() != Ok(truth) {
            memory.insert(address, &word);
        }
    }
    Ok(())
}

/// The words that are read as a part of a whole page and in no other way.
fn words_of_pages(memory: &RecordedMemory, layout: &Layout, runtime: u64) -> Result<BTreeSet<u64>> {
    let noting = Noting {
        memory,
        reads: RefCell::default(),
    };
    portrait::take(&noting, layout, runtime)?;
    let (pages, others): (Vec<_>, Vec<_>) = noting
        .reads
        .into_inner()
        .into_iter()
        .partition(|&(address, length)| address % PAGE == 0 && length % PAGE == 0);
    let words = |reads: Vec<(u64, u64)>| {
        reads
            .into_iter()
            .flat_map(|(address, length)| (address & !7..address + length).step_by(8))
            .collect::<BTreeSet<u64>>()
    };
    // What else was kept of `_PyRuntime` describes it.
    let description = words(vec![(runtime, PAGE)]);
    let mut found = words(pages);
    let others = words(others);
    found.retain(|word| !others.contains(word) && !description.contains(word));
    Ok(found)
}

/// Memory that remembers which of its bytes were read.
struct Noting<'a> {
    memory: &'a RecordedMemory,
    reads: RefCell<Vec<(u64, u64)>>,
}

impl Memory for Noting<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> std::result::Result<(), ReadError> {
        self.memory.read(address, buffer)?;
        let length = buffer.len() as u64;
        self.reads.borrow_mut().push((address, length));
        Ok(())
    }
}

/// The running program; it is killed when dropped.
struct Program(Child);

impl Program {
    /// Starts it, and waits until its stack stands. Returns what it says of its second thread too.
    fn start(python: &Path) -> Result<(Self, String)> {
        let child = Command::new(python)
            .args(["-I", "-S", "-c", START])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut program = Self(child);
        let mut input = program.0.stdin.take().ok_or("it has no input")?;
        input.write_all(PROGRAM.as_bytes())?;
        drop(input);
        let output = program.0.stdout.take().ok_or("it has no output")?;
        let mut callers = String::new();
        for line in BufReader::new(output).lines() {
            let line = line?;
            if line == "ready" {
                return Ok((program, callers));
            }
            if let Some(rest) = line.strip_prefix("callers ") {
                callers = rest.to_owned();
            }
        }
        Err("it ended before it was ready".into())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// From "ready" to the system call there are a few instructions left.
    fn wait_until_blocked(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let mut blocked = 0;
            for tid in threads::list(self.pid())? {
                let state = ThreadFiles::open(self.pid(), tid)?.syscall()?;
                blocked += u32::from(matches!(state, SyscallState::Blocked { .. }));
            }
            if blocked == 2 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("its two threads do not come to rest".into())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
