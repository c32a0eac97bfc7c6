//! Names of system calls and what it means to be blocked in one: x86_64 and aarch64.
//!
//! The numbers are those of arch/x86/entry/syscalls/syscall_64.tbl and
//! include/uapi/asm-generic/unistd.h; a call keeps its number for ever. The table is sorted by the
//! first, and [`NONE`] stands where an architecture has no such call.

use CallClass::{Io, Lock, Other, Poll, Sleep, WaitChild};

/// What a thread that is blocked in a system call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallClass {
    /// A time that it chose itself.
    Sleep,
    /// Another thread or process to release something: a futex or semaphore.
    Lock,
    /// One of several descriptors to be ready.
    Poll,
    /// A file, pipe, socket or device.
    Io,
    /// A child process to end.
    WaitChild,
    /// Anything else: memory, signals, the making of processes.
    Other,
}

/// The name of a system call of this machine; `"unknown call"` for a number that has none.
pub fn syscall_name(number: i64) -> &'static str {
    find(number).map_or("unknown call", |call| call.name)
}

/// Which argument is the descriptor that the call works on.
pub fn fd_argument(number: i64) -> Option<usize> {
    find(number)?.has_fd.then_some(0)
}

/// What it means to be blocked in a call with these arguments.
pub fn class(number: i64, args: &[u64; 6]) -> CallClass {
    let Some(call) = find(number) else {
        return Other;
    };
    match call.name {
        "futex" if !waits(args[1]) => Other,
        // Waiting for no descriptor at all is the old way to sleep; up to 3.10 `time.sleep` does
        // it by `select`.
        "select" | "pselect6" if args[0] == 0 => Sleep,
        "poll" | "ppoll" if args[1] == 0 => Sleep,
        // CLONE_VFORK: waits until the child has started its program.
        "clone" if args[0] & 0x4000 != 0 => WaitChild,
        _ => call.class,
    }
}

/// Whether a futex operation waits, rather than wakes somebody (linux/futex.h).
fn waits(operation: u64) -> bool {
    const COMMAND: u64 = 0x7f;
    // FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2.
    matches!(operation & COMMAND, 0 | 6 | 9 | 11 | 13)
}

struct Call {
    name: &'static str,
    x86_64: u16,
    aarch64: u16,
    has_fd: bool,
    class: CallClass,
}

/// No such call on that architecture.
const NONE: u16 = u16::MAX;
/// The first argument is the descriptor.
const FD: bool = true;
/// No argument is, or none that tells anything.
const NO_FD: bool = false;

const fn call(
    name: &'static str,
    x86_64: u16,
    aarch64: u16,
    has_fd: bool,
    class: CallClass,
) -> Call {
    Call {
        name,
        x86_64,
        aarch64,
        has_fd,
        class,
    }
}

impl Call {
    /// The number on this machine.
    const fn number(&self) -> u16 {
        if cfg!(target_arch = "x86_64") {
            self.x86_64
        } else {
            self.aarch64
        }
    }
}

/// One more than the highest number.
const NUMBERS: usize = 512;

/// For each number the index in [`CALLS`] and one, or 0.
static BY_NUMBER: [u16; NUMBERS] = {
    let mut by_number = [0; NUMBERS];
    let mut index = 0;
    while index < CALLS.len() {
        let number = CALLS[index].number();
        if number != NONE {
            by_number[number as usize] = index as u16 + 1;
        }
        index += 1;
    }
    by_number
};

fn find(number: i64) -> Option<&'static Call> {
    let index = *BY_NUMBER.get(usize::try_from(number).ok()?)?;
    CALLS.get(usize::from(index).checked_sub(1)?)
}

#[rustfmt::skip]
const CALLS: [Call; 354] = [
    call("read", 0, 63, FD, Io),
    call("write", 1, 64, FD, Io),
    call("open", 2, NONE, NO_FD, Io),
    call("close", 3, 57, NO_FD, Io),
    call("stat", 4, NONE, NO_FD, Io),
    call("fstat", 5, 80, FD, Io),
    call("lstat", 6, NONE, NO_FD, Io),
    call("poll", 7, NONE, NO_FD, Poll),
    call("lseek", 8, 62, FD, Other),
    call("mmap", 9, 222, NO_FD, Other),
    call("mprotect", 10, 226, NO_FD, Other),
    call("munmap", 11, 215, NO_FD, Other),
    call("brk", 12, 214, NO_FD, Other),
    call("rt_sigaction", 13, 134, NO_FD, Other),
    call("rt_sigprocmask", 14, 135, NO_FD, Other),
    call("rt_sigreturn", 15, 139, NO_FD, Other),
    call("ioctl", 16, 29, FD, Io),
    call("pread64", 17, 67, FD, Io),
    call("pwrite64", 18, 68, FD, Io),
    call("readv", 19, 65, FD, Io),
    call("writev", 20, 66, FD, Io),
    call("access", 21, NONE, NO_FD, Io),
    call("pipe", 22, NONE, NO_FD, Other),
    call("select", 23, NONE, NO_FD, Poll),
    call("sched_yield", 24, 124, NO_FD, Other),
    call("mremap", 25, 216, NO_FD, Other),
    call("msync", 26, 227, NO_FD, Io),
    call("mincore", 27, 232, NO_FD, Other),
    call("madvise", 28, 233, NO_FD, Other),
    call("shmget", 29, 194, NO_FD, Other),
    call("shmat", 30, 196, NO_FD, Other),
    call("shmctl", 31, 195, NO_FD, Other),
    call("dup", 32, 23, NO_FD, Other),
    call("dup2", 33, NONE, NO_FD, Other),
    call("pause", 34, NONE, NO_FD, Other),
    call("nanosleep", 35, 101, NO_FD, Sleep),
    call("getitimer", 36, 102, NO_FD, Other),
    call("alarm", 37, NONE, NO_FD, Other),
    call("setitimer", 38, 103, NO_FD, Other),
    call("getpid", 39, 172, NO_FD, Other),
    call("sendfile", 40, 71, FD, Io),
    call("socket", 41, 198, NO_FD, Other),
    call("connect", 42, 203, FD, Io),
    call("accept", 43, 202, FD, Io),
    call("sendto", 44, 206, FD, Io),
    call("recvfrom", 45, 207, FD, Io),
    call("sendmsg", 46, 211, FD, Io),
    call("recvmsg", 47, 212, FD, Io),
    call("shutdown", 48, 210, FD, Io),
    call("bind", 49, 200, NO_FD, Other),
    call("listen", 50, 201, NO_FD, Other),
    call("getsockname", 51, 204, NO_FD, Other),
    call("getpeername", 52, 205, NO_FD, Other),
    call("socketpair", 53, 199, NO_FD, Other),
    call("setsockopt", 54, 208, NO_FD, Other),
    call("getsockopt", 55, 209, NO_FD, Other),
    call("clone", 56, 220, NO_FD, Other),
    call("fork", 57, NONE, NO_FD, Other),
    call("vfork", 58, NONE, NO_FD, WaitChild),
    call("execve", 59, 221, NO_FD, Other),
    call("exit", 60, 93, NO_FD, Other),
    call("wait4", 61, 260, NO_FD, WaitChild),
    call("kill", 62, 129, NO_FD, Other),
    call("uname", 63, 160, NO_FD, Other),
    call("semget", 64, 190, NO_FD, Other),
    call("semop", 65, 193, NO_FD, Lock),
    call("semctl", 66, 191, NO_FD, Other),
    call("shmdt", 67, 197, NO_FD, Other),
    call("msgget", 68, 186, NO_FD, Other),
    call("msgsnd", 69, 189, NO_FD, Io),
    call("msgrcv", 70, 188, NO_FD, Io),
    call("msgctl", 71, 187, NO_FD, Other),
    call("fcntl", 72, 25, FD, Io),
    call("flock", 73, 32, FD, Io),
    call("fsync", 74, 82, FD, Io),
    call("fdatasync", 75, 83, FD, Io),
    call("truncate", 76, 45, NO_FD, Io),
    call("ftruncate", 77, 46, FD, Io),
    call("getdents", 78, NONE, FD, Io),
    call("getcwd", 79, 17, NO_FD, Other),
    call("chdir", 80, 49, NO_FD, Other),
    call("fchdir", 81, 50, NO_FD, Other),
    call("rename", 82, NONE, NO_FD, Io),
    call("mkdir", 83, NONE, NO_FD, Io),
    call("rmdir", 84, NONE, NO_FD, Io),
    call("creat", 85, NONE, NO_FD, Io),
    call("link", 86, NONE, NO_FD, Io),
    call("unlink", 87, NONE, NO_FD, Io),
    call("symlink", 88, NONE, NO_FD, Io),
    call("readlink", 89, NONE, NO_FD, Io),
    call("chmod", 90, NONE, NO_FD, Io),
    call("fchmod", 91, 52, NO_FD, Io),
    call("chown", 92, NONE, NO_FD, Io),
    call("fchown", 93, 55, NO_FD, Io),
    call("lchown", 94, NONE, NO_FD, Other),
    call("umask", 95, 166, NO_FD, Other),
    call("gettimeofday", 96, 169, NO_FD, Other),
    call("getrlimit", 97, 163, NO_FD, Other),
    call("getrusage", 98, 165, NO_FD, Other),
    call("sysinfo", 99, 179, NO_FD, Other),
    call("times", 100, 153, NO_FD, Other),
    call("ptrace", 101, 117, NO_FD, Other),
    call("getuid", 102, 174, NO_FD, Other),
    call("syslog", 103, 116, NO_FD, Other),
    call("getgid", 104, 176, NO_FD, Other),
    call("setuid", 105, 146, NO_FD, Other),
    call("setgid", 106, 144, NO_FD, Other),
    call("geteuid", 107, 175, NO_FD, Other),
    call("getegid", 108, 177, NO_FD, Other),
    call("setpgid", 109, 154, NO_FD, Other),
    call("getppid", 110, 173, NO_FD, Other),
    call("getpgrp", 111, NONE, NO_FD, Other),
    call("setsid", 112, 157, NO_FD, Other),
    call("setreuid", 113, 145, NO_FD, Other),
    call("setregid", 114, 143, NO_FD, Other),
    call("getgroups", 115, 158, NO_FD, Other),
    call("setgroups", 116, 159, NO_FD, Other),
    call("setresuid", 117, 147, NO_FD, Other),
    call("getresuid", 118, 148, NO_FD, Other),
    call("setresgid", 119, 149, NO_FD, Other),
    call("getresgid", 120, 150, NO_FD, Other),
    call("getpgid", 121, 155, NO_FD, Other),
    call("setfsuid", 122, 151, NO_FD, Other),
    call("setfsgid", 123, 152, NO_FD, Other),
    call("getsid", 124, 156, NO_FD, Other),
    call("capget", 125, 90, NO_FD, Other),
    call("capset", 126, 91, NO_FD, Other),
    call("rt_sigpending", 127, 136, NO_FD, Other),
    call("rt_sigtimedwait", 128, 137, NO_FD, Other),
    call("rt_sigqueueinfo", 129, 138, NO_FD, Other),
    call("rt_sigsuspend", 130, 133, NO_FD, Other),
    call("sigaltstack", 131, 132, NO_FD, Other),
    call("utime", 132, NONE, NO_FD, Other),
    call("mknod", 133, NONE, NO_FD, Other),
    call("personality", 135, 92, NO_FD, Other),
    call("ustat", 136, NONE, NO_FD, Other),
    call("statfs", 137, 43, NO_FD, Io),
    call("fstatfs", 138, 44, NO_FD, Io),
    call("sysfs", 139, NONE, NO_FD, Other),
    call("getpriority", 140, 141, NO_FD, Other),
    call("setpriority", 141, 140, NO_FD, Other),
    call("sched_setparam", 142, 118, NO_FD, Other),
    call("sched_getparam", 143, 121, NO_FD, Other),
    call("sched_setscheduler", 144, 119, NO_FD, Other),
    call("sched_getscheduler", 145, 120, NO_FD, Other),
    call("sched_get_priority_max", 146, 125, NO_FD, Other),
    call("sched_get_priority_min", 147, 126, NO_FD, Other),
    call("sched_rr_get_interval", 148, 127, NO_FD, Other),
    call("mlock", 149, 228, NO_FD, Other),
    call("munlock", 150, 229, NO_FD, Other),
    call("mlockall", 151, 230, NO_FD, Other),
    call("munlockall", 152, 231, NO_FD, Other),
    call("vhangup", 153, 58, NO_FD, Other),
    call("modify_ldt", 154, NONE, NO_FD, Other),
    call("pivot_root", 155, 41, NO_FD, Other),
    call("prctl", 157, 167, NO_FD, Other),
    call("arch_prctl", 158, NONE, NO_FD, Other),
    call("adjtimex", 159, 171, NO_FD, Other),
    call("setrlimit", 160, 164, NO_FD, Other),
    call("chroot", 161, 51, NO_FD, Other),
    call("sync", 162, 81, NO_FD, Io),
    call("acct", 163, 89, NO_FD, Other),
    call("settimeofday", 164, 170, NO_FD, Other),
    call("mount", 165, 40, NO_FD, Io),
    call("umount2", 166, 39, NO_FD, Io),
    call("swapon", 167, 224, NO_FD, Other),
    call("swapoff", 168, 225, NO_FD, Other),
    call("reboot", 169, 142, NO_FD, Other),
    call("sethostname", 170, 161, NO_FD, Other),
    call("setdomainname", 171, 162, NO_FD, Other),
    call("iopl", 172, NONE, NO_FD, Other),
    call("ioperm", 173, NONE, NO_FD, Other),
    call("init_module", 175, 105, NO_FD, Other),
    call("delete_module", 176, 106, NO_FD, Other),
    call("quotactl", 179, 60, NO_FD, Other),
    call("gettid", 186, 178, NO_FD, Other),
    call("readahead", 187, 213, FD, Io),
    call("setxattr", 188, 5, NO_FD, Io),
    call("lsetxattr", 189, 6, NO_FD, Other),
    call("fsetxattr", 190, 7, NO_FD, Other),
    call("getxattr", 191, 8, NO_FD, Io),
    call("lgetxattr", 192, 9, NO_FD, Other),
    call("fgetxattr", 193, 10, NO_FD, Other),
    call("listxattr", 194, 11, NO_FD, Other),
    call("llistxattr", 195, 12, NO_FD, Other),
    call("flistxattr", 196, 13, NO_FD, Other),
    call("removexattr", 197, 14, NO_FD, Other),
    call("lremovexattr", 198, 15, NO_FD, Other),
    call("fremovexattr", 199, 16, NO_FD, Other),
    call("tkill", 200, 130, NO_FD, Other),
    call("time", 201, NONE, NO_FD, Other),
    call("futex", 202, 98, NO_FD, Lock),
    call("sched_setaffinity", 203, 122, NO_FD, Other),
    call("sched_getaffinity", 204, 123, NO_FD, Other),
    call("set_thread_area", 205, NONE, NO_FD, Other),
    call("io_setup", 206, 0, NO_FD, Other),
    call("io_destroy", 207, 1, NO_FD, Other),
    call("io_getevents", 208, 4, NO_FD, Io),
    call("io_submit", 209, 2, NO_FD, Io),
    call("io_cancel", 210, 3, NO_FD, Other),
    call("get_thread_area", 211, NONE, NO_FD, Other),
    call("lookup_dcookie", 212, 18, NO_FD, Other),
    call("epoll_create", 213, NONE, NO_FD, Other),
    call("remap_file_pages", 216, 234, NO_FD, Other),
    call("getdents64", 217, 61, FD, Io),
    call("set_tid_address", 218, 96, NO_FD, Other),
    call("restart_syscall", 219, 128, NO_FD, Other),
    call("semtimedop", 220, 192, NO_FD, Lock),
    call("fadvise64", 221, 223, FD, Io),
    call("timer_create", 222, 107, NO_FD, Other),
    call("timer_settime", 223, 110, NO_FD, Other),
    call("timer_gettime", 224, 108, NO_FD, Other),
    call("timer_getoverrun", 225, 109, NO_FD, Other),
    call("timer_delete", 226, 111, NO_FD, Other),
    call("clock_settime", 227, 112, NO_FD, Other),
    call("clock_gettime", 228, 113, NO_FD, Other),
    call("clock_getres", 229, 114, NO_FD, Other),
    call("clock_nanosleep", 230, 115, NO_FD, Sleep),
    call("exit_group", 231, 94, NO_FD, Other),
    call("epoll_wait", 232, NONE, FD, Poll),
    call("epoll_ctl", 233, 21, NO_FD, Other),
    call("tgkill", 234, 131, NO_FD, Other),
    call("utimes", 235, NONE, NO_FD, Other),
    call("mbind", 237, 235, NO_FD, Other),
    call("set_mempolicy", 238, 237, NO_FD, Other),
    call("get_mempolicy", 239, 236, NO_FD, Other),
    call("mq_open", 240, 180, NO_FD, Other),
    call("mq_unlink", 241, 181, NO_FD, Other),
    call("mq_timedsend", 242, 182, FD, Io),
    call("mq_timedreceive", 243, 183, FD, Io),
    call("mq_notify", 244, 184, NO_FD, Other),
    call("mq_getsetattr", 245, 185, NO_FD, Other),
    call("kexec_load", 246, 104, NO_FD, Other),
    call("waitid", 247, 95, NO_FD, WaitChild),
    call("add_key", 248, 217, NO_FD, Other),
    call("request_key", 249, 218, NO_FD, Other),
    call("keyctl", 250, 219, NO_FD, Other),
    call("ioprio_set", 251, 30, NO_FD, Other),
    call("ioprio_get", 252, 31, NO_FD, Other),
    call("inotify_init", 253, NONE, NO_FD, Other),
    call("inotify_add_watch", 254, 27, NO_FD, Other),
    call("inotify_rm_watch", 255, 28, NO_FD, Other),
    call("migrate_pages", 256, 238, NO_FD, Other),
    call("openat", 257, 56, NO_FD, Io),
    call("mkdirat", 258, 34, NO_FD, Io),
    call("mknodat", 259, 33, NO_FD, Other),
    call("fchownat", 260, 54, NO_FD, Io),
    call("futimesat", 261, NONE, NO_FD, Other),
    call("newfstatat", 262, 79, NO_FD, Io),
    call("unlinkat", 263, 35, NO_FD, Io),
    call("renameat", 264, 38, NO_FD, Io),
    call("linkat", 265, 37, NO_FD, Io),
    call("symlinkat", 266, 36, NO_FD, Io),
    call("readlinkat", 267, 78, NO_FD, Io),
    call("fchmodat", 268, 53, NO_FD, Io),
    call("faccessat", 269, 48, NO_FD, Io),
    call("pselect6", 270, 72, NO_FD, Poll),
    call("ppoll", 271, 73, NO_FD, Poll),
    call("unshare", 272, 97, NO_FD, Other),
    call("set_robust_list", 273, 99, NO_FD, Other),
    call("get_robust_list", 274, 100, NO_FD, Other),
    call("splice", 275, 76, FD, Io),
    call("tee", 276, 77, FD, Io),
    call("sync_file_range", 277, 84, FD, Io),
    call("vmsplice", 278, 75, FD, Io),
    call("move_pages", 279, 239, NO_FD, Other),
    call("utimensat", 280, 88, NO_FD, Io),
    call("epoll_pwait", 281, 22, FD, Poll),
    call("signalfd", 282, NONE, NO_FD, Other),
    call("timerfd_create", 283, 85, NO_FD, Other),
    call("eventfd", 284, NONE, NO_FD, Other),
    call("fallocate", 285, 47, FD, Io),
    call("timerfd_settime", 286, 86, NO_FD, Other),
    call("timerfd_gettime", 287, 87, NO_FD, Other),
    call("accept4", 288, 242, FD, Io),
    call("signalfd4", 289, 74, NO_FD, Other),
    call("eventfd2", 290, 19, NO_FD, Other),
    call("epoll_create1", 291, 20, NO_FD, Other),
    call("dup3", 292, 24, NO_FD, Other),
    call("pipe2", 293, 59, NO_FD, Other),
    call("inotify_init1", 294, 26, NO_FD, Other),
    call("preadv", 295, 69, FD, Io),
    call("pwritev", 296, 70, FD, Io),
    call("rt_tgsigqueueinfo", 297, 240, NO_FD, Other),
    call("perf_event_open", 298, 241, NO_FD, Other),
    call("recvmmsg", 299, 243, FD, Io),
    call("fanotify_init", 300, 262, NO_FD, Other),
    call("fanotify_mark", 301, 263, NO_FD, Other),
    call("prlimit64", 302, 261, NO_FD, Other),
    call("name_to_handle_at", 303, 264, NO_FD, Other),
    call("open_by_handle_at", 304, 265, NO_FD, Other),
    call("clock_adjtime", 305, 266, NO_FD, Other),
    call("syncfs", 306, 267, FD, Io),
    call("sendmmsg", 307, 269, FD, Io),
    call("setns", 308, 268, NO_FD, Other),
    call("getcpu", 309, 168, NO_FD, Other),
    call("process_vm_readv", 310, 270, NO_FD, Other),
    call("process_vm_writev", 311, 271, NO_FD, Other),
    call("kcmp", 312, 272, NO_FD, Other),
    call("finit_module", 313, 273, NO_FD, Other),
    call("sched_setattr", 314, 274, NO_FD, Other),
    call("sched_getattr", 315, 275, NO_FD, Other),
    call("renameat2", 316, 276, NO_FD, Io),
    call("seccomp", 317, 277, NO_FD, Other),
    call("getrandom", 318, 278, NO_FD, Other),
    call("memfd_create", 319, 279, NO_FD, Other),
    call("kexec_file_load", 320, 294, NO_FD, Other),
    call("bpf", 321, 280, NO_FD, Other),
    call("execveat", 322, 281, NO_FD, Other),
    call("userfaultfd", 323, 282, NO_FD, Other),
    call("membarrier", 324, 283, NO_FD, Other),
    call("mlock2", 325, 284, NO_FD, Other),
    call("copy_file_range", 326, 285, FD, Io),
    call("preadv2", 327, 286, FD, Io),
    call("pwritev2", 328, 287, FD, Io),
    call("pkey_mprotect", 329, 288, NO_FD, Other),
    call("pkey_alloc", 330, 289, NO_FD, Other),
    call("pkey_free", 331, 290, NO_FD, Other),
    call("statx", 332, 291, NO_FD, Io),
    call("io_pgetevents", 333, 292, NO_FD, Io),
    call("rseq", 334, 293, NO_FD, Other),
    call("pidfd_send_signal", 424, 424, NO_FD, Other),
    call("io_uring_setup", 425, 425, NO_FD, Other),
    call("io_uring_enter", 426, 426, FD, Io),
    call("io_uring_register", 427, 427, NO_FD, Other),
    call("open_tree", 428, 428, NO_FD, Other),
    call("move_mount", 429, 429, NO_FD, Other),
    call("fsopen", 430, 430, NO_FD, Other),
    call("fsconfig", 431, 431, NO_FD, Other),
    call("fsmount", 432, 432, NO_FD, Other),
    call("fspick", 433, 433, NO_FD, Other),
    call("pidfd_open", 434, 434, NO_FD, Other),
    call("clone3", 435, 435, NO_FD, Other),
    call("close_range", 436, 436, NO_FD, Other),
    call("openat2", 437, 437, NO_FD, Io),
    call("pidfd_getfd", 438, 438, NO_FD, Other),
    call("faccessat2", 439, 439, NO_FD, Io),
    call("process_madvise", 440, 440, NO_FD, Other),
    call("epoll_pwait2", 441, 441, FD, Poll),
    call("mount_setattr", 442, 442, NO_FD, Other),
    call("quotactl_fd", 443, 443, NO_FD, Other),
    call("landlock_create_ruleset", 444, 444, NO_FD, Other),
    call("landlock_add_rule", 445, 445, NO_FD, Other),
    call("landlock_restrict_self", 446, 446, NO_FD, Other),
    call("memfd_secret", 447, 447, NO_FD, Other),
    call("process_mrelease", 448, 448, NO_FD, Other),
    call("futex_waitv", 449, 449, NO_FD, Lock),
    call("set_mempolicy_home_node", 450, 450, NO_FD, Other),
    call("cachestat", 451, 451, NO_FD, Other),
    call("fchmodat2", 452, 452, NO_FD, Other),
    call("map_shadow_stack", 453, 453, NO_FD, Other),
    call("futex_wake", 454, 454, NO_FD, Other),
    call("futex_wait", 455, 455, NO_FD, Lock),
    call("futex_requeue", 456, 456, NO_FD, Other),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str) -> i64 {
        CALLS
            .iter()
            .find(|call| call.name == name)
            .unwrap()
            .number()
            .into()
    }

    #[test]
    fn numbers_are_those_of_this_machine() {
        for (number, name) in [
            (libc::SYS_read, "read"),
            (libc::SYS_futex, "futex"),
            (libc::SYS_epoll_pwait2, "epoll_pwait2"),
            (libc::SYS_clock_nanosleep, "clock_nanosleep"),
            (libc::SYS_io_uring_enter, "io_uring_enter"),
            (libc::SYS_getdents64, "getdents64"),
            (libc::SYS_newfstatat, "newfstatat"),
            (libc::SYS_futex_waitv, "futex_waitv"),
            (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
            (libc::SYS_waitid, "waitid"),
        ] {
            assert_eq!(syscall_name(number), name);
        }
        for number in [-1, 511, 512, i64::MAX, i64::MIN] {
            assert_eq!(syscall_name(number), "unknown call");
            assert_eq!(fd_argument(number), None);
            assert_eq!(class(number, &[0; 6]), Other);
        }
    }

    #[test]
    fn no_number_is_given_twice() {
        let mut x86_64: Vec<u16> = CALLS.iter().map(|call| call.x86_64).collect();
        let mut aarch64: Vec<u16> = CALLS.iter().map(|call| call.aarch64).collect();
        for numbers in [&mut x86_64, &mut aarch64] {
            numbers.retain(|&number| number != NONE);
            numbers.sort_unstable();
            assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn arguments_decide_where_the_name_does_not() {
        let futex = number("futex");
        assert_eq!(
            class(futex, &[0x1000, 0x189, 0, 0, 0, 0]),
            Lock,
            "wait for a bit set"
        );
        assert_eq!(
            class(futex, &[0x1000, 0x80, 0, 0, 0, 0]),
            Lock,
            "a private wait"
        );
        assert_eq!(class(futex, &[0x1000, 0x81, 0, 0, 0, 0]), Other, "a wake");
        assert_eq!(class(number("ppoll"), &[0; 6]), Sleep);
        assert_eq!(class(number("ppoll"), &[0x1000, 1, 0, 0, 0, 0]), Poll);
        assert_eq!(class(number("pselect6"), &[0; 6]), Sleep);
        assert_eq!(class(number("clone"), &[0x4111, 0, 0, 0, 0, 0]), WaitChild);
        assert_eq!(class(number("wait4"), &[0; 6]), WaitChild);
        assert_eq!(class(number("recvfrom"), &[0; 6]), Io);
        assert_eq!(fd_argument(number("recvfrom")), Some(0));
        assert_eq!(fd_argument(number("openat")), None);
    }
}
