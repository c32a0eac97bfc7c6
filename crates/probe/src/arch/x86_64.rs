//! x86_64.

use core::arch::asm;

/// Numbers of system calls: `arch/x86/entry/syscalls/syscall_64.tbl` of Linux.
pub(crate) mod number {
    pub(crate) const CLOSE: usize = 3;
    pub(crate) const MMAP: usize = 9;
    pub(crate) const MUNMAP: usize = 11;
    pub(crate) const GETPID: usize = 39;
    pub(crate) const FTRUNCATE: usize = 77;
    pub(crate) const GETPPID: usize = 110;
    pub(crate) const GETTID: usize = 186;
    pub(crate) const CLOCK_GETTIME: usize = 228;
    pub(crate) const OPENAT: usize = 257;
    pub(crate) const FALLOCATE: usize = 285;
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
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// What identifies the running thread while it lives: the first word of its control block is its
/// own address (System V ABI, thread-local storage).
#[inline(always)]
pub(crate) fn thread_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: every thread of a program with a C library has such a block.
    unsafe {
        asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly, pure));
    }
    pointer
}

/// The time stamp counter.
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    // SAFETY: every x86_64 processor has it, and Linux lets programs read it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Ends the program at once.
pub(crate) fn stop() -> ! {
    // SAFETY: an undefined instruction raises SIGILL and does nothing else.
    unsafe { asm!("ud2", options(noreturn, nostack)) }
}
