//! Telling archives from other files, and their versions from each other.

use crate::error::Error;
use crate::reader::{Detail, Loaded};
use crate::v1;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

/// What every archive begins with; the next byte is the version.
const MAGIC: &[u8; 7] = b"PITSTOP";

/// The bytes before the first record: the magic and the version.
pub(crate) const HEAD_BYTES: usize = MAGIC.len() + 1;

/// The version that is written, and the newest that can be read.
pub(crate) const NEWEST: u8 = 1;

/// The first bytes of every new archive.
pub(crate) const HEAD: [u8; HEAD_BYTES] = *b"PITSTOP\x01";

/// Reads an archive from a file.
///
/// # Errors
/// [`Error::NotFound`] and [`Error::Io`] when there is nothing to read, [`Error::NotAnArchive`]
/// and [`Error::NewerVersion`] when it is not for us, [`Error::Damaged`] when a whole record says
/// something impossible. A recording that was cut short is *not* an error: see
/// [`Loaded::complete`].
pub fn read(path: &Path, detail: Detail) -> Result<Loaded, Error> {
    let file = File::open(path).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => Error::NotFound { path: path.into() },
        _ => failed(path, cause),
    })?;
    let is_directory = file.metadata().is_ok_and(|metadata| metadata.is_dir());
    if is_directory {
        return Err(Error::NotAnArchive {
            path: path.into(),
            looks: "it is a directory",
        });
    }
    read_from(BufReader::with_capacity(1 << 16, file), path, detail)
}

/// Reads an archive from wherever its bytes come from; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn read_from(mut source: impl Read, name: &Path, detail: Detail) -> Result<Loaded, Error> {
    let head = first_bytes(&mut source).map_err(|cause| failed(name, cause))?;
    match version(&head) {
        Some(1) => v1::read(source, name, detail),
        Some(version) if version > NEWEST => Err(Error::NewerVersion {
            path: name.into(),
            version,
        }),
        _ => Err(Error::NotAnArchive {
            path: name.into(),
            looks: looks_like(&head),
        }),
    }
}

/// Whether a file that begins with these bytes may be written over by a new recording.
pub(crate) fn is_ours(file: &mut impl Read) -> io::Result<bool> {
    let head = first_bytes(file)?;
    Ok(head.is_empty() || head.starts_with(MAGIC))
}

fn first_bytes(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    source.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn version(head: &[u8]) -> Option<u8> {
    head.strip_prefix(MAGIC)?.first().copied()
}

fn looks_like(head: &[u8]) -> &'static str {
    let known: [(&[u8], &str); 9] = [
        (
            b"\x1f\x8b",
            "it looks like gzip (a pprof profile, or a compressed file)",
        ),
        (b"\x28\xb5\x2f\xfd", "it looks like zstd"),
        (b"PK\x03\x04", "it looks like a zip file"),
        (b"\x7fELF", "it looks like an executable or a core file"),
        (b"SQLite f", "it looks like an SQLite database"),
        (b"memray", "it looks like a memray capture"),
        (b"{", "it looks like JSON"),
        (b"[", "it looks like JSON"),
        (b"#!", "it looks like a script"),
    ];
    if head.is_empty() {
        return "it is empty, the recording ended before anything was written";
    }
    if MAGIC.starts_with(head) {
        return "it was cut within its first bytes, nothing was recorded";
    }
    let looks = known.iter().find(|(magic, _)| head.starts_with(magic));
    looks.map_or("it begins with other bytes", |(_, looks)| looks)
}

fn failed(path: &Path, cause: io::Error) -> Error {
    Error::Io {
        path: path.into(),
        action: "read",
        cause,
    }
}
