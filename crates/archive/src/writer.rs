//! Writing an archive while the recording goes on.
//!
//! The writer keeps what must not be lost through a full disk: nothing counts as written before its
//! record is, and the next flush begins where the last whole record ended. It keeps no copy of the
//! tables, so its memory follows what is new since the last flush.

use crate::error::Error;
use crate::open::{HEAD, HEAD_BYTES, is_ours};
use crate::record::{Framer, MAX_PAYLOAD_BYTES};
use crate::sink::Sink;
use crate::v1::{self, DELTA, Delta, END, News, Untimed, Written};
use pitstop_model::{Id, Moment, Profile, RowId};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// As many samples as are kept with their times while nothing can be written: 24 MiB, four minutes
/// of four threads at 1 kHz. Beyond that the older half keeps its totals and loses its times.
const MAX_PENDING: usize = 1 << 20;

/// An archive being written. Dropping it unfinished leaves a file that reads as "cut short".
pub struct Writer<S: Sink = File> {
    sink: S,
    name: PathBuf,
    framer: Framer,
    written: Written,
    /// Where the next record goes: the end of the last whole one, in bytes.
    end: u64,
    /// True if there may be remains of a failed write behind `end`.
    torn: bool,
    /// Samples that will be written without their times.
    untimed: BTreeMap<RowId, (u64, u64)>,
    /// How many samples lost their times because nothing could be written.
    shed: u64,
}

impl Writer<File> {
    /// Begins an archive at `path`, readable by its owner only. An older archive there is replaced;
    /// any other file is not.
    ///
    /// # Errors
    /// [`Error::CannotRecordTo`] when `path` is no place for a recording, [`Error::Io`] when the
    /// operating system refuses.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let file = create_file(path)?;
        let writer = Self::new(file, path)?;
        // The name is to survive a power cut as well. Some file systems cannot sync a directory.
        if let Some(Ok(directory)) = path.parent().map(File::open) {
            let _ = directory.sync_all();
        }
        Ok(writer)
    }
}

impl<S: Sink> Writer<S> {
    /// Begins an archive in an empty sink; `name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Io`] when its first bytes cannot be written.
    pub fn new(sink: S, name: &Path) -> Result<Self, Error> {
        let framer = Framer::new().map_err(|cause| io_error(name, "compress for", cause))?;
        let mut writer = Self {
            sink,
            name: name.into(),
            framer,
            written: Written::default(),
            end: 0,
            torn: false,
            untimed: BTreeMap::new(),
            shed: 0,
        };
        writer.write(&HEAD)?;
        debug_assert_eq!(writer.end, HEAD_BYTES as u64);
        Ok(writer)
    }

    /// Writes what is new in `profile` since the last time, and `pending`, which is emptied.
    ///
    /// `profile` must be the one given before, grown. Its series' own `moments` are not looked at.
    ///
    /// # Errors
    /// [`Error::Io`] when nothing more can be written, as on a full disk. The file then still ends
    /// with a whole record, and what was not written stays in `pending` and `profile`: call again
    /// later. Should that go on until `pending` is long, the oldest samples are taken out of it
    /// and their totals kept here, to be written without their times. [`Error::TooLarge`] for a
    /// text of more than 16 MiB.
    ///
    /// # Panics
    /// When `profile` is another one than before, or lacks a row that `pending` names.
    pub fn append(&mut self, profile: &Profile, pending: &mut Vec<Moment>) -> Result<(), Error> {
        let (taken, result) = self.append_from(profile, pending);
        pending.drain(..taken);
        if result.is_err() {
            self.shed(pending);
        }
        result
    }

    /// Writes what is left, and that this is all; returns the size of the file in bytes, which is
    /// safe on disk then.
    ///
    /// # Errors
    /// As [`Writer::append`]; the file then reads as "cut short", whole up to its last record.
    pub fn finish(mut self, profile: &Profile, pending: &mut Vec<Moment>) -> Result<u64, Error> {
        self.append(profile, pending)?;
        let end = v1::end(&self.written);
        self.record(END, &end)?;
        // The whole file is there: remains that cannot be cut off now are passed over by readers.
        let _ = self.mend();
        self.sync()?;
        Ok(self.end)
    }

    /// Returns when everything written so far would survive a power cut. A killed program loses
    /// nothing without it.
    ///
    /// # Errors
    /// [`Error::Io`] with what the operating system says.
    pub fn sync(&mut self) -> Result<(), Error> {
        let synced = self.sink.sync();
        synced.map_err(|cause| io_error(&self.name, "write", cause))
    }

    /// The size of the file up to its last whole record, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.end
    }

    /// Writes delta after delta until nothing is new; returns how many of `moments` are written.
    fn append_from(&mut self, profile: &Profile, moments: &[Moment]) -> (usize, Result<(), Error>) {
        debug_assert_eq!(profile.check(), Ok(()));
        let mut taken = 0;
        loop {
            match self.append_one(profile, &moments[taken..]) {
                Ok(Some(more)) => taken += more,
                Ok(None) => return (taken, Ok(())),
                Err(error) => return (taken, Err(error)),
            }
        }
    }

    /// Writes one delta; returns how many of `moments` are in it, or `None` if nothing is new.
    fn append_one(
        &mut self,
        profile: &Profile,
        moments: &[Moment],
    ) -> Result<Option<usize>, Error> {
        let untimed = self.untimed.iter().take(v1::MAX_ENTRIES);
        let untimed: Vec<Untimed> = untimed
            .map(|(&row, &(samples, weight_ns))| Untimed {
                row,
                samples,
                weight_ns,
            })
            .collect();
        let note = (self.shed > 0).then(|| {
            let shed = self.shed;
            format!("{shed} samples count without their times: the archive could not be written")
        });
        let news = News {
            moments,
            untimed: &untimed,
            notes: note.as_slice(),
        };
        let delta = v1::encode(profile, &self.written, news);
        let delta = delta.map_err(|what| self.too_large(what))?;
        if delta.content.is_empty() {
            return Ok(None);
        }
        self.record(DELTA, &delta.content)?;
        for entry in &untimed[..delta.untimed] {
            self.untimed.remove(&entry.row);
        }
        let Delta { moments: taken, .. } = delta;
        self.written.commit(delta);
        Ok(Some(taken))
    }

    fn record(&mut self, kind: u8, content: &[u8]) -> Result<(), Error> {
        if content.len() > MAX_PAYLOAD_BYTES {
            return Err(self.too_large("what ran has a description of more than 64 MiB"));
        }
        let record = self.framer.frame(kind, content);
        let record = record.map_err(|cause| io_error(&self.name, "compress for", cause))?;
        self.write(&record)
    }

    /// Writes `bytes` behind the last whole record, whole or not at all.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let _ = self.mend();
        if let Err(cause) = self.sink.write_all_at(bytes, self.end) {
            self.torn = true;
            let _ = self.mend();
            return Err(io_error(&self.name, "write", cause));
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Cuts off the remains of a failed write. Where that fails too, they fail their checksum.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.sink.truncate(self.end)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Bounds what waits for better times.
    fn shed(&mut self, pending: &mut Vec<Moment>) {
        if pending.len() <= MAX_PENDING {
            return;
        }
        let surplus = pending.len() - MAX_PENDING / 2;
        for moment in pending.drain(..surplus) {
            let (samples, weight_ns) = self.untimed.entry(moment.row).or_default();
            *samples += 1;
            *weight_ns += moment.weight_ns;
        }
        self.shed += surplus as u64;
    }

    fn too_large(&self, what: &'static str) -> Error {
        Error::TooLarge {
            path: self.name.clone(),
            what,
        }
    }
}

/// Writes a whole profile as a finished archive; returns its size in bytes. Samples whose moments
/// the profile does not hold are written by their totals.
///
/// # Errors
/// As [`Writer::create`] and [`Writer::finish`].
pub fn save(path: &Path, profile: &Profile) -> Result<u64, Error> {
    let mut writer = Writer::create(path)?;
    let totals = profile.series.iter().enumerate();
    writer.untimed = totals
        .map(|(index, (_, samples, weight_ns))| (RowId::from_index(index), (samples, weight_ns)))
        .collect();
    for moment in &profile.series.moments {
        if let Some((samples, weight_ns)) = writer.untimed.get_mut(&moment.row) {
            *samples = samples.saturating_sub(1);
            *weight_ns = weight_ns.saturating_sub(moment.weight_ns);
        }
    }
    writer.untimed.retain(|_, totals| *totals != (0, 0));
    writer.append_from(profile, &profile.series.moments).1?;
    writer.finish(profile, &mut Vec::new())
}

/// Opens a file for a new recording, empty, and ours until it is closed.
fn create_file(path: &Path) -> Result<File, Error> {
    let refused = |why| Error::CannotRecordTo {
        path: path.into(),
        why,
    };
    let failed = |cause| io_error(path, "create", cause);
    // Asked before opening, since opening a FIFO would wait for its other end.
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(refused("it is a directory, add a file name to it"));
        }
        Ok(there) if !there.is_file() => {
            return Err(refused("it is a device or pipe, give the name of a file"));
        }
        _ => {}
    }
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let mut file = options.open(path).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => refused("its directory does not exist, create that first"),
        ErrorKind::NotADirectory => refused("a part of its path is a file, not a directory"),
        _ => failed(cause),
    })?;
    // Not every file system has locks; without them two recordings into one file go unnoticed.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(refused(
            "another recording is writing to it, give another name",
        ));
    }
    if !is_ours(&mut file).map_err(failed)? {
        return Err(refused(
            "there is a file that is not a pitstop archive, give another name or remove it",
        ));
    }
    file.set_len(0).map_err(failed)?;
    Ok(file)
}

fn io_error(path: &Path, action: &'static str, cause: io::Error) -> Error {
    Error::Io {
        path: path.into(),
        action,
        cause,
    }
}
