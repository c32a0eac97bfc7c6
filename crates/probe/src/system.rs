//! The few things asked of the kernel, and the clock.

use crate::arch::{self, number};
use core::ffi::CStr;

const AT_FDCWD: usize = -100_isize as usize;
const O_RDWR: usize = 2;
const O_CREAT: usize = 0o100;
const O_EXCL: usize = 0o200;
const O_CLOEXEC: usize = 0o2_000_000;
const PROT_READ_WRITE: usize = 3;
const MAP_SHARED: usize = 1;
const MAP_PRIVATE: usize = 2;
const MAP_FIXED: usize = 0x10;
const MAP_ANONYMOUS: usize = 0x20;
/// The same on x86_64 and aarch64: no swap space is set aside for what is not touched.
const MAP_NORESERVE: usize = 0x4000;
const CLOCK_MONOTONIC: usize = 1;

/// An error number of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

fn result(value: isize) -> Result<usize, Errno> {
    usize::try_from(value).map_err(|_| Errno(-value as i32))
}

/// Creates a file that must not be there, or opens one that is.
pub(crate) fn open(path: &CStr, create: bool) -> Result<usize, Errno> {
    let flags = O_RDWR | O_CLOEXEC | if create { O_CREAT | O_EXCL } else { 0 };
    let path = path.as_ptr() as usize;
    // SAFETY: the path ends with a NUL and lives longer than the call.
    result(unsafe { arch::syscall(number::OPENAT, [AT_FDCWD, path, flags, 0o600, 0, 0]) })
}

/// Closes a file that we opened.
pub(crate) fn close(file: usize) {
    // SAFETY: the descriptor is ours.
    unsafe { arch::syscall(number::CLOSE, [file, 0, 0, 0, 0, 0]) };
}

/// Gives a file its length.
pub(crate) fn truncate(file: usize, bytes: usize) -> Result<(), Errno> {
    // SAFETY: the file is ours.
    result(unsafe { arch::syscall(number::FTRUNCATE, [file, bytes, 0, 0, 0, 0]) }).map(|_| ())
}

/// Makes the file system keep room for a part of a file.
pub(crate) fn allocate(file: usize, offset: usize, bytes: usize) -> Result<(), Errno> {
    // SAFETY: the file is ours; mode 0 changes no contents.
    result(unsafe { arch::syscall(number::FALLOCATE, [file, 0, offset, bytes, 0, 0]) }).map(|_| ())
}

/// Maps a file for everyone to see, at `place` or where the kernel likes.
///
/// # Safety
/// With a place, whatever is mapped there is replaced and must not be in use.
pub(crate) unsafe fn map_file(
    file: usize,
    bytes: usize,
    place: Option<usize>,
) -> Result<usize, Errno> {
    let fixed = if place.is_some() { MAP_FIXED } else { 0 };
    let flags = MAP_SHARED | MAP_NORESERVE | fixed;
    let arguments = [place.unwrap_or(0), bytes, PROT_READ_WRITE, flags, file, 0];
    // SAFETY: as the caller promises.
    result(unsafe { arch::syscall(number::MMAP, arguments) })
}

/// Maps private memory, all zero.
pub(crate) fn map_memory(bytes: usize) -> Result<usize, Errno> {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    let arguments = [0, bytes, PROT_READ_WRITE, flags, usize::MAX, 0];
    // SAFETY: a new mapping harms nobody.
    result(unsafe { arch::syscall(number::MMAP, arguments) })
}

/// Gives private memory back.
///
/// # Safety
/// Nothing of it may be in use.
pub(crate) unsafe fn unmap(address: usize, bytes: usize) {
    // SAFETY: as the caller promises.
    unsafe { arch::syscall(number::MUNMAP, [address, bytes, 0, 0, 0, 0]) };
}

fn identity(number: usize) -> u32 {
    // SAFETY: the calls for ids take nothing and do nothing.
    unsafe { arch::syscall(number, [0; 6]) as u32 }
}

/// The process.
pub(crate) fn process() -> u32 {
    identity(number::GETPID)
}

/// Its parent.
pub(crate) fn parent() -> u32 {
    identity(number::GETPPID)
}

/// The thread.
pub(crate) fn thread() -> u32 {
    identity(number::GETTID)
}

/// `clock_gettime` of the C library, which needs no system call.
pub(crate) type ClockGetTime = unsafe extern "C" fn(i32, *mut [i64; 2]) -> i32;

/// Nanoseconds of the monotonic clock.
pub(crate) fn now_ns(clock: Option<ClockGetTime>) -> u64 {
    let mut time = [0_i64; 2];
    match clock {
        // SAFETY: the function writes one `timespec`, which is two long integers.
        Some(clock) => unsafe {
            clock(CLOCK_MONOTONIC as i32, &mut time);
        },
        None => {
            let place = (&raw mut time) as usize;
            // SAFETY: likewise.
            unsafe { arch::syscall(number::CLOCK_GETTIME, [CLOCK_MONOTONIC, place, 0, 0, 0, 0]) };
        }
    }
    time[0] as u64 * 1_000_000_000 + time[1] as u64
}
