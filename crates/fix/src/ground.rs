//! Where our parts inside of Python lie, and how processes with them are run to their end.

use crate::error::{Error, io_error};
use crate::subject::Version;
use pitstop_bench::Control;
use pitstop_target::launch::{Launch, launch};
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The package that our parts are.
const PACKAGE: &str = "_pitstop_proof";

/// The parts.
const PARTS: [(&str, &str); 8] = [
    ("__init__", "\"\"\"Proves changes of programs.\"\"\"\n"),
    ("changes", include_str!("guest/changes.py")),
    ("events", include_str!("guest/events.py")),
    ("loading", include_str!("guest/loading.py")),
    ("record", include_str!("guest/record.py")),
    ("replay", include_str!("guest/replay.py")),
    ("rows", include_str!("guest/rows.py")),
    ("speed", include_str!("guest/speed.py")),
];

/// What every process of a workload runs at its start.
const SITE: &str = include_str!("guest/site_record.py");

/// What runs scripts.
const RUNNER: &str = include_str!("guest/script.py");

/// How often a running process is looked after; its end is seen at once.
const LOOK: Duration = Duration::from_millis(200);

/// The most that is kept of what a program writes to standard error.
const MOST_WORDS_BYTES: u64 = 8 << 10;

/// A directory for all processes of a proof, and who follows it.
pub(crate) struct Ground<'a> {
    directory: TempDir,
    control: RefCell<&'a mut dyn Control>,
    start: Instant,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// As a shell shows it.
    pub(crate) status: i32,
    /// What it wrote to standard output, if that was kept.
    pub(crate) stdout: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub(crate) stderr: String,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(control: &'a mut dyn Control) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("pitstop-").tempdir();
        let directory = directory.map_err(io_error("make a temporary directory"))?;
        let ground = Self {
            directory,
            control: RefCell::new(control),
            start: Instant::now(),
        };
        for name in ["site", PACKAGE] {
            std::fs::create_dir(ground.path(name)).map_err(io_error("make a directory"))?;
        }
        for (name, text) in PARTS {
            ground.write(&format!("{PACKAGE}/{name}.py"), text.as_bytes())?;
        }
        ground.write(&format!("{PACKAGE}/script.py"), RUNNER.as_bytes())?;
        ground.write("site/sitecustomize.py", SITE.as_bytes())?;
        Ok(ground)
    }

    /// A path of ours.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of ours.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        let path = self.path(name);
        let written = std::fs::write(&path, bytes);
        written.map_err(io_error("write into a temporary directory"))?;
        Ok(path)
    }

    /// What runs scripts.
    pub(crate) fn runner(&self) -> PathBuf {
        self.path(&format!("{PACKAGE}/script.py"))
    }

    /// Lends the one who follows.
    pub(crate) fn control(&self) -> std::cell::RefMut<'_, &'a mut dyn Control> {
        self.control.borrow_mut()
    }

    /// Tells what goes on.
    pub(crate) fn tell(&self, name: &str, done: usize) -> Result<(), Error> {
        let mut control = self.control();
        let elapsed = self.start.elapsed();
        control.progress(&pitstop_bench::Progress {
            elapsed,
            budget: elapsed,
            done,
            ratio: None,
            name: name.to_owned(),
        });
        if control.is_stopped() {
            return Err(Error::Stopped);
        }
        Ok(())
    }

    /// Code for `-c` that imports a part, with nothing of the program's in its way, and leaves the
    /// path as it was.
    pub(crate) fn import(&self, part: &str) -> String {
        let directory = self.directory.path().to_string_lossy().into_owned();
        format!(
            "import sys; _path = sys.path[:]; \
             sys.path[:] = [{directory:?}] + [part for part in _path if part]; \
             from {PACKAGE} import {part} as _part; sys.path[:] = _path"
        )
    }

    /// The variables that bring the job of a version into every Python process.
    pub(crate) fn with_job(&self, version: &Version, job: &Path) -> Vec<(OsString, OsString)> {
        let mut variables = version.variables.clone();
        let mut path = self.path("site").into_os_string();
        let before = variables
            .iter()
            .rev()
            .find(|(name, _)| name == "PYTHONPATH");
        let before = before.map(|(_, value)| value.clone());
        let before = before.or_else(|| std::env::var_os("PYTHONPATH"));
        if let Some(before) = before.filter(|before| !before.is_empty()) {
            path.push(":");
            path.push(before);
        }
        variables.retain(|(name, _)| name != "PYTHONPATH");
        variables.push(("PYTHONPATH".into(), path));
        variables.push(("PITSTOP_PROOF".into(), job.into()));
        variables
    }

    /// Runs a program to its end. `input` is its standard input; standard output is kept if
    /// `keep`, and thrown away otherwise.
    pub(crate) fn run(
        &self,
        words: &[OsString],
        directory: &Path,
        variables: &[(OsString, OsString)],
        (input, keep): (&[u8], bool),
        limit: Duration,
    ) -> Result<Ran, Error> {
        let (program, args) = words
            .split_first()
            .map_or((OsStr::new(""), &[][..]), |known| {
                (known.0.as_os_str(), known.1)
            });
        let file = || {
            tempfile::tempfile_in(self.directory.path()).map_err(io_error("make a temporary file"))
        };
        let (mut errors, mut output, mut stdin) = (file()?, file()?, file()?);
        stdin
            .write_all(input)
            .map_err(io_error("write a temporary file"))?;
        stdin.rewind().map_err(io_error("write a temporary file"))?;
        let share = |file: &File| file.try_clone().map_err(io_error("share a file"));
        let ours = std::env::vars_os();
        let environment = ours
            .filter(|(name, _)| !variables.iter().any(|(other, _)| other == name))
            .chain(variables.iter().cloned())
            .collect();
        let launched = launch(Launch {
            program: program.to_owned(),
            args: args.to_vec(),
            environment,
            directory: directory.to_owned(),
            cpu: None,
            fixed_addresses: false,
            stdin: stdin.into(),
            stdout: if keep {
                share(&output)?.into()
            } else {
                Stdio::null()
            },
            stderr: share(&errors)?.into(),
        });
        let mut process = launched.map_err(|source| Error::Start {
            name: program.to_string_lossy().into_owned(),
            source,
        })?;
        let start = Instant::now();
        loop {
            let over = process.ended_within(LOOK);
            if over.map_err(io_error("wait for a process"))? {
                break;
            }
            self.tell(&program.to_string_lossy(), 0)?;
            if start.elapsed() > limit {
                return Err(Error::TooLong {
                    command: crate::Workload {
                        words: words.to_vec(),
                    }
                    .text(),
                    seconds: limit.as_secs(),
                });
            }
        }
        let ended = process.wait().map_err(io_error("wait for a process"))?;
        let mut stdout = Vec::new();
        if keep {
            output.rewind().map_err(io_error("read a temporary file"))?;
            output
                .read_to_end(&mut stdout)
                .map_err(io_error("read a temporary file"))?;
        }
        Ok(Ran {
            status: ended.exit.shell_code(),
            stdout,
            stderr: last_words(&mut errors),
        })
    }
}

/// The end of what was written to a file.
fn last_words(file: &mut File) -> String {
    let length = file.seek(SeekFrom::End(0)).unwrap_or(0);
    let from = length.saturating_sub(MOST_WORDS_BYTES);
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(from)).is_ok() {
        // What cannot be read is not said.
        let _ = file.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
