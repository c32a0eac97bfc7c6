//! Framing: bytes in checked records, one after the other.
//!
//! ```text
//! ┌──────┬───────┬────────────┬───────────┬─────────────────────┐
//! │ kind │ codec │ length     │ crc32     │ payload             │
//! │ u8   │ u8    │ u32 LE     │ u32 LE    │ `length` bytes      │
//! └──────┴───────┴────────────┴───────────┴─────────────────────┘
//!  the checksum covers kind, codec, length and payload
//! ```
//!
//! A record is whole or it is not there: the reader stops at the first one whose checksum does not
//! hold, since nothing behind it can be placed.

use crate::column::Flaw;
use std::borrow::Cow;
use std::io::{self, Read};

/// The bytes before a record's payload.
pub(crate) const HEADER_BYTES: usize = 10;

/// The most bytes the payload of one record may have, before and after decompression. A writer
/// stays far below; the limit is what a forged file can make a reader allocate at once.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// Payloads below this stay as they are: zstd's own frame would eat what it saves.
const WORTH_COMPRESSING_BYTES: usize = 64;

/// zstd's default. Level 9 makes the hour of `tests/hour.rs` 1 % smaller, in over twice the time.
const LEVEL: i32 = 3;

const CODEC_PLAIN: u8 = 0;
const CODEC_ZSTD: u8 = 1;

/// Makes records.
pub(crate) struct Framer {
    zstd: zstd::bulk::Compressor<'static>,
}

impl Framer {
    pub(crate) fn new() -> io::Result<Self> {
        let zstd = zstd::bulk::Compressor::new(LEVEL)?;
        Ok(Self { zstd })
    }

    /// The bytes of one record, compressed where that helps.
    pub(crate) fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<Vec<u8>> {
        debug_assert!(payload.len() <= MAX_PAYLOAD_BYTES);
        if payload.len() >= WORTH_COMPRESSING_BYTES {
            let small = self.zstd.compress(payload)?;
            if small.len() < payload.len() {
                return Ok(assemble(kind, CODEC_ZSTD, &small));
            }
        }
        Ok(assemble(kind, CODEC_PLAIN, payload))
    }
}

fn assemble(kind: u8, codec: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload is at most 64 MiB");
    let mut record = Vec::with_capacity(HEADER_BYTES + payload.len());
    record.extend([kind, codec]);
    record.extend(length.to_le_bytes());
    let sum = checksum(&record, payload);
    record.extend(sum.to_le_bytes());
    record.extend_from_slice(payload);
    record
}

fn checksum(fields: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(fields);
    hasher.update(payload);
    hasher.finalize()
}

/// A record whose checksum holds.
#[derive(Debug)]
pub(crate) struct Record {
    /// Where it begins, in bytes from the start of the file.
    pub(crate) offset: u64,
    pub(crate) kind: u8,
    codec: u8,
    payload: Vec<u8>,
}

impl Record {
    /// The payload as it was before compression.
    pub(crate) fn content(&self) -> Result<Cow<'_, [u8]>, Flaw> {
        match self.codec {
            CODEC_PLAIN => Ok(Cow::Borrowed(&self.payload)),
            CODEC_ZSTD => zstd::bulk::decompress(&self.payload, MAX_PAYLOAD_BYTES)
                .map(Cow::Owned)
                .map_err(|_| Flaw("cannot be decompressed to 64 MiB or less")),
            _ => Err(Flaw("is compressed in an unknown way")),
        }
    }
}

/// What a reader finds where a record should begin.
pub(crate) enum Next {
    /// A whole record.
    Record(Record),
    /// The end of the file, exactly after the last record.
    End,
    /// The file ends within a record.
    Cut,
    /// Bytes that are no record.
    Garbage,
}

/// Reads records.
pub(crate) struct Records<R> {
    source: R,
    /// The bytes read so far.
    position: u64,
    /// The end of the last whole record.
    whole: u64,
}

impl<R: Read> Records<R> {
    /// Reads on from `position`, counted from the start of the file.
    pub(crate) fn new(source: R, position: u64) -> Self {
        Self {
            source,
            position,
            whole: position,
        }
    }

    /// The next record, if it is whole. Nothing may be read after anything else came.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
        let header = self.read(HEADER_BYTES)?;
        let Some((fields, sum)) = header.split_at_checked(6).filter(|(_, sum)| sum.len() == 4)
        else {
            return Ok(if header.is_empty() {
                Next::End
            } else {
                Next::Cut
            });
        };
        let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let length = number(&fields[2..]) as usize;
        if length > MAX_PAYLOAD_BYTES {
            return Ok(Next::Garbage);
        }
        let payload = self.read(length)?;
        if payload.len() < length {
            return Ok(Next::Cut);
        }
        if checksum(fields, &payload) != number(sum) {
            return Ok(Next::Garbage);
        }
        let offset = std::mem::replace(&mut self.whole, self.position);
        Ok(Next::Record(Record {
            offset,
            kind: fields[0],
            codec: fields[1],
            payload,
        }))
    }

    /// The end of the last whole record, in bytes from the start of the file.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    /// Reads to the end of the file; returns how many bytes lie behind the last whole record.
    pub(crate) fn lost(mut self) -> io::Result<u64> {
        let rest = io::copy(&mut self.source, &mut io::sink())?;
        Ok(self.position - self.whole + rest)
    }

    /// The next `count` bytes, or fewer at the end of the file. Memory follows what is there, not
    /// what was asked for.
    fn read(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.source
            .by_ref()
            .take(count as u64)
            .read_to_end(&mut bytes)?;
        self.position += bytes.len() as u64;
        Ok(bytes)
    }
}
