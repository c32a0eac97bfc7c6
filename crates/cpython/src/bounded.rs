//! Memory that can be read only so often.
//!
//! Objects lead to objects, and those of a foreign process may lead anywhere, round in circles
//! too. Whatever follows them reads through this: bounds on single lists keep an honest program's
//! objects short, and this one bound on everything keeps a hostile one's finite.

use crate::memory::{Memory, ReadError, Slice};
use std::cell::Cell;

/// How often one question about objects may read.
pub(crate) const MAX_READS: u32 = 20_000;

/// How many bytes one question about objects may read.
pub(crate) const MAX_BYTES: usize = 64 << 20;

/// How many slices count as one read: as many as one system call takes.
pub(crate) const BATCH: usize = 64;

/// Memory with a budget.
#[derive(Debug)]
pub(crate) struct Bounded<'a, M> {
    memory: &'a M,
    reads_left: Cell<u32>,
    bytes_left: Cell<usize>,
}

impl<'a, M: Memory> Bounded<'a, M> {
    /// Grants [`MAX_READS`] and [`MAX_BYTES`].
    pub(crate) fn new(memory: &'a M) -> Self {
        Self {
            memory,
            reads_left: Cell::new(MAX_READS),
            bytes_left: Cell::new(MAX_BYTES),
        }
    }

    fn spend(&self, bytes: usize) -> Result<(), ReadError> {
        let reads = self.reads_left.get().checked_sub(1);
        let bytes = self.bytes_left.get().checked_sub(bytes);
        let (Some(reads), Some(bytes)) = (reads, bytes) else {
            return Err(ReadError::Budget);
        };
        self.reads_left.set(reads);
        self.bytes_left.set(bytes);
        Ok(())
    }
}

impl<M: Memory> Memory for Bounded<'_, M> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.spend(buffer.len())?;
        self.memory.read(address, buffer)
    }

    fn read_many(&self, slices: &mut [Slice<'_>]) -> usize {
        let mut done = 0;
        for batch in slices.chunks_mut(BATCH) {
            let bytes = batch.iter().map(|slice| slice.buffer.len()).sum();
            if self.spend(bytes).is_err() {
                break;
            }
            let filled = self.memory.read_many(batch);
            done += filled;
            if filled < batch.len() {
                break;
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeros;

    impl Memory for Zeros {
        fn read(&self, _address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
            buffer.fill(0);
            Ok(())
        }
    }

    #[test]
    fn the_budget_ends() {
        let memory = Bounded::new(&Zeros);
        let mut buffer = [0; 8];
        for _ in 0..MAX_READS {
            assert_eq!(memory.read(0, &mut buffer), Ok(()));
        }
        assert_eq!(memory.read(0, &mut buffer), Err(ReadError::Budget));
    }

    #[test]
    fn so_does_that_of_bytes() {
        let memory = Bounded::new(&Zeros);
        let mut buffer = vec![0; MAX_BYTES / 2];
        assert_eq!(memory.read(0, &mut buffer), Ok(()));
        assert_eq!(memory.read(0, &mut buffer), Ok(()));
        assert_eq!(memory.read(0, &mut [0]), Err(ReadError::Budget));
    }

    #[test]
    fn a_batch_counts_once() {
        let memory = Bounded::new(&Zeros);
        let mut buffers = vec![[0u8; 8]; BATCH + 1];
        let mut slices: Vec<Slice<'_>> = buffers
            .iter_mut()
            .map(|buffer| Slice { address: 0, buffer })
            .collect();
        assert_eq!(memory.read_many(&mut slices), BATCH + 1);
        assert_eq!(memory.reads_left.get(), MAX_READS - 2);
        memory.reads_left.set(1);
        assert_eq!(memory.read_many(&mut slices), BATCH);
    }
}
