//! Bytes at an address: the one way the walkers see another process.

use thiserror::Error;

/// Bytes at an address of some process: running, dumped or recorded.
pub trait Memory {
    /// Fills `buffer` with the bytes at `address`, all of them or none.
    ///
    /// # Errors
    /// Says why the bytes cannot be had; the content of `buffer` is then unspecified.
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError>;

    /// Fills several slices in the given order with as few system calls as possible. Returns how
    /// many of them, from the first, were filled whole.
    fn read_many(&self, slices: &mut [Slice<'_>]) -> usize {
        for (index, slice) in slices.iter_mut().enumerate() {
            if self.read(slice.address, slice.buffer).is_err() {
                return index;
            }
        }
        slices.len()
    }
}

impl<M: Memory + ?Sized> Memory for &M {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        (**self).read(address, buffer)
    }

    fn read_many(&self, slices: &mut [Slice<'_>]) -> usize {
        (**self).read_many(slices)
    }
}

/// One range to read, for [`Memory::read_many`].
#[derive(Debug)]
pub struct Slice<'a> {
    /// Where the bytes lie in the target.
    pub address: u64,
    /// Where they go; its length says how many.
    pub buffer: &'a mut [u8],
}

/// Why bytes could not be read.
#[derive(Error, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing is mapped there.
    #[error("no memory at address {0:#x}")]
    Unmapped(u64),
    /// The process ended.
    #[error("the process is gone")]
    Gone,
    /// The operating system refuses.
    #[error("not permitted")]
    Denied,
    /// The caller's limit on reads was reached.
    #[error("the read budget is used up")]
    Budget,
}
