//! A conversation with a guest: commands go into its standard input, answers come out of its
//! standard output, one a line.

use crate::error::{Error, Phase};
use crate::session::IsAsked;
use pitstop_target::launch::Launched;
use pitstop_target::spawn::Ended;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::{ChildStdin, ChildStdout};

/// The most that is kept of what a program writes to standard error.
const MOST_WORDS_BYTES: u64 = 8 << 10;

/// The longest traceback that is read.
const MOST_TRACEBACK_BYTES: usize = 1 << 20;

/// A guest that is talked to.
pub(crate) struct Channel<'a> {
    name: &'a str,
    process: Launched,
    commands: Option<ChildStdin>,
    answers: ChildStdout,
    errors: File,
    /// What was read and not looked at.
    rest: Vec<u8>,
    stop: &'a dyn IsAsked,
}

impl<'a> Channel<'a> {
    /// Takes over the pipes of a process, whose standard error goes into a file.
    pub(crate) fn open(
        name: &'a str,
        mut process: Launched,
        errors: File,
        stop: &'a dyn IsAsked,
    ) -> Result<Self, Error> {
        let missing = || io_error("talk to a process")(io::ErrorKind::BrokenPipe.into());
        Ok(Self {
            name,
            commands: Some(process.stdin.take().ok_or_else(missing)?),
            answers: process.stdout.take().ok_or_else(missing)?,
            process,
            errors,
            rest: Vec::new(),
            stop,
        })
    }

    /// Tells the guest its job: each field with its length before it.
    pub(crate) fn tell(&mut self, fields: &[&str]) -> Result<(), Error> {
        let mut job = Vec::new();
        for field in fields {
            job.extend(format!("{}\n{field}", field.len()).into_bytes());
        }
        self.say(&job)
    }

    /// A write that fails means that the process is gone; reading tells how.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(commands) = &mut self.commands else {
            return Err(self.died());
        };
        match commands.write_all(bytes).and_then(|()| commands.flush()) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.died()),
        }
    }

    /// The error of an answer that nobody asked for.
    pub(crate) fn garbled(&self, answer: &str) -> Error {
        Error::Garbled {
            name: self.name.to_owned(),
            answer: answer.chars().take(200).collect(),
        }
    }

    /// The error of a measured number that is none, or negative.
    pub(crate) fn no_amount(&self, value: &str) -> Error {
        Error::NoAmount {
            name: self.name.to_owned(),
            value: value.chars().take(40).collect(),
        }
    }

    /// The next line of answers. An error of the guest's is an error here.
    pub(crate) fn line(&mut self) -> Result<String, Error> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                if let Some(error) = line.strip_prefix("error ") {
                    return Err(self.raised(error));
                }
                if let Some(length) = line.strip_prefix("skip ") {
                    let why = self.text(length);
                    return Err(Error::Skipped {
                        name: self.name.to_owned(),
                        why,
                    });
                }
                return Ok(line);
            }
            self.read()?;
        }
    }

    fn raised(&mut self, error: &str) -> Error {
        let (phase, length) = error.split_once(' ').unwrap_or((error, "0"));
        let traceback = self.text(length);
        Error::Raised {
            name: self.name.to_owned(),
            phase: match phase {
                "setup" => Phase::Setup,
                "make" => Phase::Make,
                "import" => Phase::Import,
                _ => Phase::Statement,
            },
            traceback,
        }
    }

    /// The text of so many bytes that follows a line; less if the guest ends before.
    pub(crate) fn text(&mut self, length: &str) -> String {
        let length = length.trim().parse::<usize>().unwrap_or(0);
        let length = length.min(MOST_TRACEBACK_BYTES);
        while self.rest.len() < length && self.read().is_ok() {}
        let length = length.min(self.rest.len());
        let text: Vec<u8> = self.rest.drain(..length).collect();
        String::from_utf8_lossy(&text).trim_end().to_owned()
    }

    /// So many bytes that follow a line.
    pub(crate) fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        while self.rest.len() < length {
            self.read()?;
        }
        Ok(self.rest.drain(..length).collect())
    }

    /// Reads more answers; Ctrl-C ends the waiting.
    fn read(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 16 << 10];
        match self.answers.read(&mut buffer) {
            Ok(0) => Err(self.died()),
            Ok(length) => {
                self.rest.extend(&buffer[..length]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                if self.stop.is_asked() {
                    return Err(Error::Stopped);
                }
                Ok(())
            }
            Err(source) => Err(io_error("read from a process")(source)),
        }
    }

    fn died(&mut self) -> Error {
        drop(self.commands.take());
        match self.process.wait() {
            Ok(Ended { exit, .. }) => Error::Died {
                name: self.name.to_owned(),
                exit,
                stderr: last_words(&mut self.errors),
            },
            Err(source) => io_error("wait for a process")(source),
        }
    }

    /// The end of its commands is its end.
    pub(crate) fn finish(mut self) -> Result<Ended, Error> {
        drop(self.commands.take());
        self.process.wait().map_err(io_error("wait for a process"))
    }
}

/// The numbers of an answer that begins with this word.
pub(crate) fn numbers(line: &str, word: &str) -> Option<Vec<i64>> {
    let mut words = line.split(' ');
    if words.next() != Some(word) {
        return None;
    }
    words.map(|number| number.parse().ok()).collect()
}

/// An error of the operating system, with what was tried.
pub(crate) fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, source }
}

/// The end of what was written to a file.
pub(crate) fn last_words(file: &mut File) -> String {
    let length = file.seek(SeekFrom::End(0)).unwrap_or(0);
    let from = length.saturating_sub(MOST_WORDS_BYTES);
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(from)).is_ok() {
        // What cannot be read is not said.
        let _ = file.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
