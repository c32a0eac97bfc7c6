//! The memory of a running process, read while it runs.
//!
//! Nothing is stopped, and nothing is written but what [`LiveMemory::write_word`] is asked to:
//! `process_vm_readv` copies pages as they are at that moment. A copy of more than one word is not atomic, and of more than one slice least of all;
//! telling a torn copy from a true one is the business of whoever asked.

use crate::sys;
use pitstop_cpython::{Memory, ReadError, Slice};
use std::io;

/// The memory of a running process.
///
/// It remembers a number, not the process. If the process ends and the number is given to
/// another, that one is read; whoever reads over a long time asks
/// [`Process::is_alive`](crate::process::Process::is_alive) now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveMemory {
    pid: u32,
}

impl LiveMemory {
    /// Names a process; nothing is read yet. The id of any of its threads serves as well.
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Writes one word. This changes another program: only for words that exist to be written
    /// from outside, and only if the user allowed it.
    ///
    /// # Errors
    /// Those of `process_vm_writev`.
    pub fn write_word(&self, address: u64, word: u64) -> io::Result<()> {
        sys::write_process_word(self.pid, address, word)
    }

    /// The id that was given.
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

impl Memory for LiveMemory {
    #[inline]
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let wanted = buffer.len();
        match sys::read_process(self.pid, &mut [Slice { address, buffer }]) {
            Ok(read) if read == wanted => Ok(()),
            Ok(read) => Err(ReadError::Unmapped(address.wrapping_add(read as u64))),
            Err(error) => Err(read_error(&error, address)),
        }
    }

    #[inline]
    fn read_many(&self, slices: &mut [Slice<'_>]) -> usize {
        let mut done = 0;
        for chunk in slices.chunks_mut(sys::MOST_SLICES) {
            let Ok(bytes) = sys::read_process(self.pid, chunk) else {
                break;
            };
            let filled = filled_whole(chunk, bytes);
            done += filled;
            if filled < chunk.len() {
                break;
            }
        }
        done
    }
}

/// How many slices, from the first, the given number of bytes fills.
#[inline]
fn filled_whole(slices: &[Slice<'_>], mut bytes: usize) -> usize {
    for (index, slice) in slices.iter().enumerate() {
        match bytes.checked_sub(slice.buffer.len()) {
            Some(rest) => bytes = rest,
            None => return index,
        }
    }
    slices.len()
}

#[cold]
fn read_error(error: &io::Error, address: u64) -> ReadError {
    match error.raw_os_error() {
        Some(libc::ESRCH) => ReadError::Gone,
        Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => ReadError::Denied,
        _ => ReadError::Unmapped(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn own() -> LiveMemory {
        LiveMemory::new(std::process::id())
    }

    #[test]
    fn reads_its_own_bytes() {
        let text = *b"the quick brown fox";
        let mut copy = [0; 19];
        own().read(text.as_ptr() as u64, &mut copy).unwrap();
        assert_eq!(copy, text);
    }

    #[test]
    fn says_what_is_not_mapped() {
        assert_eq!(own().read(8, &mut [0; 4]), Err(ReadError::Unmapped(8)));
        assert_eq!(
            own().read(u64::MAX - 2, &mut [0; 8]),
            Err(ReadError::Unmapped(u64::MAX - 2))
        );
        assert_eq!(
            own().read(8, &mut []),
            Ok(()),
            "nothing can be read anywhere"
        );
    }

    #[test]
    fn many_slices_stop_at_the_first_that_fails() {
        let numbers: Vec<u64> = (0..200).collect();
        let mut copies = vec![[0u8; 8]; 200];
        let address = |index: usize| (&raw const numbers[index]) as u64;
        let mut slices: Vec<Slice<'_>> = copies
            .iter_mut()
            .enumerate()
            .map(|(index, copy)| Slice {
                address: address(index),
                buffer: copy,
            })
            .collect();
        assert_eq!(own().read_many(&mut slices), 200);
        assert_eq!(slices[199].buffer, 199u64.to_ne_bytes());
        for bad in [0, 1, 63, 64, 65, 130, 199] {
            slices[bad].address = 8;
            assert_eq!(own().read_many(&mut slices), bad);
            slices[bad].address = address(bad);
        }
        assert_eq!(own().read_many(&mut []), 0);
    }

    #[test]
    fn a_dead_process_is_gone() {
        let mut child = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
        let memory = LiveMemory::new(child.id());
        child.wait().unwrap();
        assert_eq!(memory.read(4096, &mut [0; 8]), Err(ReadError::Gone));
        for never in [0, u32::MAX] {
            assert_eq!(
                LiveMemory::new(never).read(4096, &mut [0; 8]),
                Err(ReadError::Gone)
            );
        }
    }
}
