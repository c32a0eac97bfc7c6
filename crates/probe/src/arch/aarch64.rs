//! aarch64.

use core::arch::asm;

/// Numbers of system calls: `include/uapi/asm-generic/unistd.h` of Linux.
pub(crate) mod number {
    pub(crate) const CLOSE: usize = 57;
    pub(crate) const MMAP: usize = 222;
    pub(crate) const MUNMAP: usize = 215;
    pub(crate) const GETPID: usize = 172;
    pub(crate) const FTRUNCATE: usize = 46;
    pub(crate) const GETPPID: usize = 173;
    pub(crate) const GETTID: usize = 178;
    pub(crate) const CLOCK_GETTIME: usize = 113;
    pub(crate) const OPENAT: usize = 56;
    pub(crate) const FALLOCATE: usize = 47;
}

/// A system call; negative results are error numbers.
///
/// # Safety
/// Whatever the call does must be sound.
#[inline]
pub(crate) unsafe fn syscall(number: usize, arguments: [usize; 6]) -> isize {
    let result: isize;
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the registers are those of the kernel's convention; the rest is the caller's word.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    result
}

/// What identifies the running thread while it lives: its thread pointer.
#[inline(always)]
pub(crate) fn thread_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: reading the register has no effect.
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, preserves_flags, nomem));
    }
    pointer
}

/// The virtual counter, which has one constant rate on all processors.
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    let ticks: u64;
    // SAFETY: Linux lets programs read it.
    unsafe {
        asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nostack, preserves_flags, nomem));
    }
    ticks
}

/// Ends the program at once.
pub(crate) fn stop() -> ! {
    // SAFETY: a breakpoint raises SIGTRAP and does nothing else.
    unsafe { asm!("brk #1", options(noreturn, nostack)) }
}
