//! The field in which the kernel keeps the CPU of each thread, readable from outside.
//!
//! glibc 2.35 and later registers a `struct rseq` for every thread (linux/rseq.h). Its `cpu_id` is
//! made right by the kernel every time the thread is about to run in user mode on a CPU. So the
//! field is a proof: whoever occupies a CPU itself and reads that very number in another thread's
//! `cpu_id` knows that this thread is not in user mode at that moment. It could be there only on
//! the CPU the field names, and that one is taken. A thread that runs elsewhere shows another
//! number; one that is blocked shows where it ran last, and does not run.
//!
//! `/proc` says the same in field 39 of `stat`, at three times the price and one system call more:
//! this field travels in the same read as the stack it vouches for.

use crate::image::{self, Image};
use crate::maps::Mapping;
use crate::symbols::Tables;
use pitstop_cpython::Memory;

/// Where the threads of one process have their `struct rseq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RseqArea {
    /// Bytes from a thread's pointer to its `struct rseq`; negative on x86_64.
    pub offset: i64,
}

/// The offset of `cpu_id` in `struct rseq`, a `u32`, or a negative number while not registered.
const CPU_ID: u64 = 4;

impl RseqArea {
    /// Finds the area of the process `pid`. `None` where the C library has none: musl, glibc
    /// before 2.35, or one that was told not to (`GLIBC_TUNABLES=glibc.pthread.rseq=0`).
    pub fn find(pid: u32, memory: &impl Memory, maps: &[Mapping]) -> Option<Self> {
        image::files_with_code(maps)
            .iter()
            .filter(|file| is_loader(file.name()))
            .filter_map(|file| Image::open(pid, memory, file, maps).ok())
            .find_map(|image| Self::in_image(memory, &image))
    }

    /// Finds the area through the symbols of one file: the loader, or a statically linked program.
    pub fn in_image(memory: &impl Memory, image: &Image) -> Option<Self> {
        let [offset, size] = image.symbols(["__rseq_offset", "__rseq_size"], Tables::All);
        let mut bytes = [0; 8];
        memory.read(offset?, &mut bytes).ok()?;
        let offset = i64::from_ne_bytes(bytes);
        let mut bytes = [0; 4];
        memory.read(size?, &mut bytes).ok()?;
        // glibc says 0 when it did not register; an offset beyond the thread's block is no offset.
        let is_plausible = u32::from_ne_bytes(bytes) != 0 && offset.unsigned_abs() < 1 << 20;
        is_plausible.then_some(Self { offset })
    }

    /// Where the `u32` with a thread's CPU is, given its thread pointer; see [`thread_pointer`].
    #[inline]
    pub fn cpu_id_address(self, thread_pointer: u64) -> u64 {
        thread_pointer
            .wrapping_add_signed(self.offset)
            .wrapping_add(CPU_ID)
    }
}

/// The thread pointer of a thread whose `pthread_self()` is known.
///
/// On x86_64 both are the address of `struct pthread`. On aarch64 that struct lies below the thread
/// pointer by its size, which no symbol tells, so there is no answer there.
#[inline]
pub fn thread_pointer(pthread_self: u64) -> Option<u64> {
    cfg!(target_arch = "x86_64").then_some(pthread_self)
}

fn is_loader(name: &[u8]) -> bool {
    name.starts_with(b"ld-") || name.starts_with(b"ld.so")
}
