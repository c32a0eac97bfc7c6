//! What every processor has under another name: system calls, the thread pointer, the counter.

#[cfg(target_arch = "x86_64")]
#[path = "arch/x86_64.rs"]
mod this;

#[cfg(target_arch = "aarch64")]
#[path = "arch/aarch64.rs"]
mod this;

pub(crate) use this::{number, stop, syscall, thread_pointer, ticks};
