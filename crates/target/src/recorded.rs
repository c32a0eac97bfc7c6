//! Memory that was recorded, so that a walk of a live interpreter can be repeated in a test.
//!
//! A [`Recorder`] stands between a walker and a process and keeps every byte that was read. What it
//! kept is a small file of ranges and a few facts (`runtime = 7f0148f4e540`), and replays on any
//! machine. The file is flat: integers are little-endian, texts and ranges have their length in
//! front.
//!
//! ```text
//! "PSMEM1\r\n"  facts:u32  { length:u32 key  length:u32 value }*  ranges:u32  { address:u64  length:u64  bytes }*
//! ```

use pitstop_cpython::{Memory, ReadError, Slice};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Write};
use thiserror::Error;

/// Files begin with this.
const MAGIC: &[u8; 8] = b"PSMEM1\r\n";

/// Why bytes are no recorded memory.
#[derive(Error, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// They do not begin as such a file does.
    #[error("not a file of recorded memory")]
    Magic,
    /// They end too early.
    #[error("recorded memory is cut off")]
    CutOff,
    /// A text is not UTF-8.
    #[error("a fact in recorded memory is not text")]
    Text,
    /// Ranges overlap, touch, or are not in order.
    #[error("ranges of recorded memory are not in order")]
    Order,
}

/// Ranges of memory, and facts about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedMemory {
    facts: BTreeMap<String, String>,
    /// Ascending; never overlapping, touching or empty.
    ranges: Vec<(u64, Vec<u8>)>,
}

impl RecordedMemory {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(LoadError::Magic)?;
        let mut facts = BTreeMap::new();
        for _ in 0..take_u32(&mut rest)? {
            let key = take_text(&mut rest)?;
            facts.insert(key, take_text(&mut rest)?);
        }
        let mut ranges: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut free_from = 0u64;
        for index in 0..take_u32(&mut rest)? {
            let address = take_u64(&mut rest)?;
            let length = usize::try_from(take_u64(&mut rest)?).map_err(|_| LoadError::CutOff)?;
            let bytes = take(&mut rest, length)?;
            let is_after = index == 0 || address > free_from;
            free_from = address.checked_add(length as u64).ok_or(LoadError::Order)?;
            if !is_after || length == 0 {
                return Err(LoadError::Order);
            }
            ranges.push((address, bytes.to_vec()));
        }
        Ok(Self { facts, ranges })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn save(&self, out: &mut impl Write) -> io::Result<()> {
        let text = |out: &mut dyn Write, text: &str| {
            out.write_all(&(text.len() as u32).to_le_bytes())?;
            out.write_all(text.as_bytes())
        };
        out.write_all(MAGIC)?;
        out.write_all(&(self.facts.len() as u32).to_le_bytes())?;
        for (key, value) in &self.facts {
            text(out, key)?;
            text(out, value)?;
        }
        out.write_all(&(self.ranges.len() as u32).to_le_bytes())?;
        for (address, bytes) in &self.ranges {
            out.write_all(&address.to_le_bytes())?;
            out.write_all(&(bytes.len() as u64).to_le_bytes())?;
            out.write_all(bytes)?;
        }
        Ok(())
    }

    /// What was noted under `key`.
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.facts.get(key).map(String::as_str)
    }

    /// An address that was noted under `key`.
    pub fn address(&self, key: &str) -> Option<u64> {
        u64::from_str_radix(self.fact(key)?, 16).ok()
    }

    /// Notes something, in place of what was noted under the same key.
    pub fn set_fact(&mut self, key: &str, value: impl Into<String>) {
        self.facts.insert(key.to_owned(), value.into());
    }

    /// Notes an address.
    pub fn set_address(&mut self, key: &str, address: u64) {
        self.set_fact(key, format!("{address:x}"));
    }

    /// The number of bytes in all ranges.
    pub fn size_bytes(&self) -> usize {
        self.ranges.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Puts bytes at an address, over what is there.
    ///
    /// # Panics
    /// When they reach beyond the last address.
    pub fn insert(&mut self, address: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = address
            .checked_add(bytes.len() as u64)
            .expect("bytes have addresses");
        // Every range that overlaps or touches the new bytes becomes one with them.
        let first = self
            .ranges
            .partition_point(|(at, known)| at + (known.len() as u64) < address);
        let after = self.ranges.partition_point(|(at, _)| *at <= end);
        let mut start = address;
        let mut merged = Vec::new();
        if let Some((at, _)) = self.ranges[first..after].first() {
            start = start.min(*at);
        }
        for (at, known) in self.ranges.drain(first..after) {
            place(&mut merged, (at - start) as usize, &known);
        }
        place(&mut merged, (address - start) as usize, bytes);
        self.ranges.insert(first, (start, merged));
    }
}

/// Copies `bytes` to a place in `target`, which grows as needed.
fn place(target: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    target.resize(target.len().max(at + bytes.len()), 0);
    target[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Memory for RecordedMemory {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        if buffer.is_empty() {
            return Ok(());
        }
        let unmapped = ReadError::Unmapped(address);
        let after = self.ranges.partition_point(|(at, _)| *at <= address);
        let index = after.checked_sub(1).ok_or(unmapped)?;
        let (at, bytes) = &self.ranges[index];
        let start = usize::try_from(address - at).map_err(|_| unmapped)?;
        let end = start.checked_add(buffer.len()).ok_or(unmapped)?;
        buffer.copy_from_slice(bytes.get(start..end).ok_or(unmapped)?);
        Ok(())
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], LoadError> {
    let (taken, left) = rest.split_at_checked(length).ok_or(LoadError::CutOff)?;
    *rest = left;
    Ok(taken)
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, LoadError> {
    let bytes = take(rest, 4)?.try_into().map_err(|_| LoadError::CutOff)?;
    Ok(u32::from_le_bytes(bytes))
}

fn take_u64(rest: &mut &[u8]) -> Result<u64, LoadError> {
    let bytes = take(rest, 8)?.try_into().map_err(|_| LoadError::CutOff)?;
    Ok(u64::from_le_bytes(bytes))
}

fn take_text(rest: &mut &[u8]) -> Result<String, LoadError> {
    let length = take_u32(rest)? as usize;
    String::from_utf8(take(rest, length)?.to_vec()).map_err(|_| LoadError::Text)
}

/// Memory that remembers what was read from it. Of bytes read twice the later reading is kept.
#[derive(Debug)]
pub struct Recorder<M> {
    memory: M,
    recorded: RefCell<RecordedMemory>,
}

impl<M: Memory> Recorder<M> {
    /// Starts with nothing recorded.
    pub fn new(memory: M) -> Self {
        Self {
            memory,
            recorded: RefCell::default(),
        }
    }

    /// What was read so far.
    pub fn finish(self) -> RecordedMemory {
        self.recorded.into_inner()
    }
}

impl<M: Memory> Memory for Recorder<M> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.memory.read(address, buffer)?;
        self.recorded.borrow_mut().insert(address, buffer);
        Ok(())
    }

    fn read_many(&self, slices: &mut [Slice<'_>]) -> usize {
        let count = self.memory.read_many(slices);
        let mut recorded = self.recorded.borrow_mut();
        for slice in &slices[..count] {
            recorded.insert(slice.address, slice.buffer);
        }
        count
    }
}

/// Memory of which one read fails, to walk every path that an error can take.
#[derive(Debug)]
pub struct FailingAt<M> {
    memory: M,
    left: Cell<u64>,
    error: ReadError,
}

impl<M: Memory> FailingAt<M> {
    /// Lets `nth` reads pass, fails the next one with `error`, and lets all others pass. Each
    /// slice of a [`Memory::read_many`] is one read.
    pub fn new(memory: M, nth: u64, error: ReadError) -> Self {
        Self {
            memory,
            left: Cell::new(nth),
            error,
        }
    }

    /// Whether the read that was to fail was reached.
    pub fn has_failed(&self) -> bool {
        self.left.get() == u64::MAX
    }
}

impl<M: Memory> Memory for FailingAt<M> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        match self.left.get() {
            u64::MAX => self.memory.read(address, buffer),
            0 => {
                self.left.set(u64::MAX);
                Err(self.error)
            }
            left => {
                self.left.set(left - 1);
                self.memory.read(address, buffer)
            }
        }
    }
}
