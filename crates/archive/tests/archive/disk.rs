//! A disk that can fail: a sink in memory whose writes and truncations go wrong on demand.

use pitstop_archive::{Detail, Error, Loaded, Sink, read_from};
use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::Rc;

/// What is on the disk, and when it fails.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) bytes: Vec<u8>,
    /// Writes so far.
    pub(crate) writes: usize,
    /// Writes that fail, half done.
    pub(crate) failing: std::ops::Range<usize>,
    /// Whether truncations fail as well.
    pub(crate) cannot_truncate: bool,
}

/// A handle on the disk; all clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Disk(pub(crate) Rc<RefCell<State>>);

impl Disk {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.borrow().bytes.clone()
    }
}

impl Sink for Disk {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        let fails = disk.failing.contains(&disk.writes);
        disk.writes += 1;
        let bytes = if fails {
            &bytes[..bytes.len() / 2]
        } else {
            bytes
        };
        let offset = usize::try_from(offset).expect("a small file");
        let length = disk.bytes.len().max(offset + bytes.len());
        disk.bytes.resize(length, 0);
        disk.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        if fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        if disk.cannot_truncate {
            return Err(io::ErrorKind::Other.into());
        }
        disk.bytes
            .truncate(usize::try_from(length).expect("a small file"));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an archive out of memory, with the times of its samples.
pub(crate) fn load(bytes: &[u8]) -> Result<Loaded, Error> {
    read_from(bytes, Path::new("memory.pit"), Detail::Moments)
}
