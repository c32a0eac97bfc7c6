//! Keeping the source text of the files that samples fall into, while it can still be had.

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

/// Captures texts as their files first appear in the profile.
pub(crate) struct SourceKeeper {
    pid: u32,
    directory: PathBuf,
    known: HashMap<String, Arc<str>>,
    seen: usize,
    kept_bytes: u64,
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
            if let Some(text) = self.find(&path) {
                self.kept_bytes += text.text.len() as u64;
                profile.sources.insert(file, text);
            }
        }
        self.seen = count;
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
            .find_map(|path| self.from_disk(path).or_else(|| from_zip(path)))
    }

    fn from_disk(&self, path: &Path) -> Option<SourceText> {
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
fn from_zip(path: &Path) -> Option<SourceText> {
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
