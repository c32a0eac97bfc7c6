//! Memory that counts how often it is read.

use pitstop_cpython::{Memory, ReadError, Slice};
use std::cell::Cell;

/// Memory that counts what is read of it, as system calls of at most 64 slices.
pub(crate) struct Counted<M> {
    pub(crate) memory: M,
    pub(crate) reads: Cell<usize>,
}

impl<M> Counted<M> {
    pub(crate) fn new(memory: M) -> Self {
        Self {
            memory,
            reads: Cell::new(0),
        }
    }
}

impl<M: Memory> Memory for Counted<M> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.reads.set(self.reads.get() + 1);
        self.memory.read(address, buffer)
    }

    fn read_many(&self, slices: &mut [Slice<'_>]) -> usize {
        self.reads
            .set(self.reads.get() + slices.len().div_ceil(64).max(1));
        self.memory.read_many(slices)
    }
}
