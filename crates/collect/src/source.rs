//! Keeping the source text of the files that samples fall into, while it can still be had.

use crate::interpreter::Interpreter;
use pitstop_cpython::{interpreters, linecache_texts};
use pitstop_model::{FileId, Id, Profile, SourceOrigin, SourceText};
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Larger files are not kept: they are generated, and nobody reads them.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// The most text kept of one run.
const MAX_TOTAL_BYTES: u64 = 64 << 20;
/// How often a program is asked for a text that is not on disk.
const LINECACHE_TRIES: u32 = 4;

/// Captures texts as their files first appear in the profile.
pub(crate) struct SourceKeeper {
    pid: u32,
    directory: PathBuf,
    known: HashMap<String, Arc<str>>,
    seen: usize,
    kept_bytes: u64,
    /// Files whose text is nowhere on disk, and how often the program was asked for it.
    missing: Vec<(FileId, u32)>,
    began: SystemTime,
}

impl SourceKeeper {
    /// `known` are texts that are not in any file: of `-c`, of a script on standard input.
    pub(crate) fn new(pid: u32, directory: &Path, known: &[(String, String)]) -> Self {
        Self {
            pid,
            directory: directory.to_owned(),
            known: known
                .iter()
                .map(|(name, text)| (name.clone(), Arc::from(text.as_str())))
                .collect(),
            seen: 0,
            kept_bytes: 0,
            missing: Vec::new(),
            began: SystemTime::now(),
        }
    }

    /// Captures the files that are new in the profile since the last call.
    pub(crate) fn capture_new(&mut self, profile: &mut Profile) {
        let count = profile.places.files().len();
        for index in self.seen..count {
            let file = FileId::from_index(index);
            let path = profile.text(profile.places.file(file).path).to_owned();
            if self.kept_bytes > MAX_TOTAL_BYTES {
                break;
            }
            match self.find(&path) {
                Some(text) => {
                    self.kept_bytes += text.text.len() as u64;
                    profile.sources.insert(file, text);
                }
                // Frozen modules have no text anywhere.
                None if path.starts_with("<frozen ") => {}
                None => self.missing.push((file, 0)),
            }
        }
        self.seen = count;
    }

    /// True if there are files whose text only the program itself may have.
    pub(crate) fn wants_linecache(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Looks for the missing texts in the `linecache` of a process: notebooks, doctests and code
    /// generators leave them there.
    pub(crate) fn capture_from(&mut self, interpreter: &Interpreter, profile: &mut Profile) {
        let path_of =
            |profile: &Profile, file| profile.text(profile.places.file(file).path).to_owned();
        let wanted: HashMap<String, FileId> = self
            .missing
            .iter()
            .map(|&(file, _)| (path_of(profile, file), file))
            .collect();
        let (memory, layout) = (&interpreter.memory, &interpreter.layout);
        for one in interpreters(memory, layout, interpreter.runtime).unwrap_or_default() {
            let is_wanted = |name: &str| wanted.contains_key(name);
            let found = linecache_texts(memory, layout, one.address, &is_wanted);
            for (name, text) in found.unwrap_or_default() {
                let Some(&file) = wanted.get(&name) else {
                    continue;
                };
                self.kept_bytes += text.len() as u64;
                let text = SourceText {
                    origin: SourceOrigin::Linecache,
                    text: Arc::from(text),
                };
                profile.sources.insert(file, text);
            }
        }
        for (_, tries) in &mut self.missing {
            *tries += 1;
        }
        let sources = &profile.sources;
        self.missing
            .retain(|&(file, tries)| tries < LINECACHE_TRIES && sources.get(file).is_none());
    }

    fn find(&self, path: &str) -> Option<SourceText> {
        if let Some(text) = self.known.get(path) {
            let origin = SourceOrigin::CommandLine;
            return Some(SourceText {
                origin,
                text: Arc::clone(text),
            });
        }
        if path.starts_with('<') {
            return None;
        }
        let inside = self.directory.join(path);
        // The target may live in a container: its files are seen through its own root.
        let relative = inside.strip_prefix("/").unwrap_or(&inside);
        let rooted = PathBuf::from(format!("/proc/{}/root", self.pid)).join(relative);
        [rooted, inside]
            .iter()
            .find_map(|path| self.on_disk(path).or_else(|| in_zip(path)))
    }

    fn on_disk(&self, path: &Path) -> Option<SourceText> {
        let meta = fs::metadata(path).ok()?;
        if !meta.is_file() || meta.len() > MAX_FILE_BYTES {
            return None;
        }
        let bytes = fs::read(path).ok()?;
        let changed = meta.modified().is_ok_and(|modified| modified > self.began);
        let origin = if changed {
            SourceOrigin::DiskChanged
        } else {
            SourceOrigin::Disk
        };
        Some(SourceText {
            origin,
            text: Arc::from(decode(&bytes)),
        })
    }
}

/// A module in a zip archive has a path that goes through the archive.
fn in_zip(path: &Path) -> Option<SourceText> {
    let archive = path
        .ancestors()
        .skip(1)
        .find(|ancestor| ancestor.is_file())?;
    let inside = path.strip_prefix(archive).ok()?.to_str()?;
    let mut zip = zip::ZipArchive::new(fs::File::open(archive).ok()?).ok()?;
    let entry = zip.by_name(inside).ok()?;
    if entry.size() > MAX_FILE_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    entry.take(MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
    Some(SourceText {
        origin: SourceOrigin::Zip,
        text: Arc::from(decode(&bytes)),
    })
}

/// Python source is UTF-8 unless it says otherwise (PEP 263); then Latin-1 is the best guess, as
/// it keeps every line and every ASCII character.
fn decode(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}
