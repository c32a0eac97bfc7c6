//! Where an archive is written to: a file, or a stand-in that fails on purpose.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be written at a place, cut and made durable.
///
/// Writing names its offset, rather than going on where the last write stopped, so that a record
/// that went wrong half way is simply written again over its own remains.
pub trait Sink {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the operating system says; an unknown part of `bytes` may have been written.
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes everything from `length` on disappear.
    ///
    /// # Errors
    /// What the operating system says; then the length is what it was.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Returns when everything written would survive a power cut.
    ///
    /// # Errors
    /// What the operating system says; then nothing is known about what would survive.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
