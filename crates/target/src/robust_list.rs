//! Where a thread's descriptor lies, told by the kernel.
//!
//! Each thread registers the head of its list of robust mutexes with the kernel when it starts
//! (`set_robust_list`). Both glibc and musl keep that head inside the thread descriptor whose
//! address `pthread_self()` returns; so the head tells which descriptor belongs to which thread id.

use std::io;

/// The address of the robust list head of a thread, also of another process's.
///
/// # Errors
/// `ESRCH` when the thread is gone, `EPERM` when the process may not be read.
pub fn robust_list_head(tid: u32) -> io::Result<u64> {
    let mut head: u64 = 0;
    let mut length: usize = 0;
    let tid = i64::from(tid);
    // SAFETY: get_robust_list(2) writes one pointer and one size to the two addresses given, which
    // are those of live local variables of that size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_get_robust_list,
            tid,
            &raw mut head,
            &raw mut length,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_a_head_of_its_own() {
        let own = || robust_list_head(std::process::id()).expect("the main thread is there");
        assert_ne!(own(), 0);
        assert_eq!(own(), own());
    }
}
