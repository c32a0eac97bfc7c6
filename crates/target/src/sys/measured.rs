//! System calls that make a program ready to be measured.

use super::linux::{MASK_WORDS, checked, checked_long, pid_of};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Asks personality(2) for the present value.
const ASK: libc::c_ulong = 0xffff_ffff;

/// Has `command` start its program on the CPUs of `mask`, and without randomized addresses. Where
/// the latter is refused it starts all the same; [`try_fixed_addresses`] says so beforehand.
pub(crate) fn prepare_measured(
    command: &mut Command,
    mask: Option<[u64; MASK_WORDS]>,
    fixed_addresses: bool,
) {
    let prepare = move || {
        if let Some(mask) = &mask {
            // SAFETY: pointer and length describe the closure's own copy; 0 is the calling thread.
            let set =
                unsafe { libc::sched_setaffinity(0, size_of_val(mask), mask.as_ptr().cast()) };
            checked(set)?;
        }
        if fixed_addresses {
            // SAFETY: personality takes an integer.
            let now = unsafe { libc::personality(ASK) };
            let wanted = now as libc::c_ulong | libc::ADDR_NO_RANDOMIZE as libc::c_ulong;
            // SAFETY: the same; a refusal leaves things as they are.
            unsafe { libc::personality(wanted) };
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls only, which allocate nothing and
    // take no lock.
    unsafe { command.pre_exec(prepare) };
}

/// Whether the kernel lets this process switch randomization off. It is switched on again at once;
/// a program that another thread starts in between has fixed addresses, which harms nothing.
pub(crate) fn try_fixed_addresses() -> bool {
    // SAFETY: personality takes an integer; this one only asks.
    let before = unsafe { libc::personality(ASK) };
    if before < 0 {
        return false;
    }
    let wanted = before as libc::c_ulong | libc::ADDR_NO_RANDOMIZE as libc::c_ulong;
    // SAFETY: the same.
    let taken = unsafe { libc::personality(wanted) } >= 0;
    // SAFETY: the same; this is the value it had.
    unsafe { libc::personality(before as libc::c_ulong) };
    taken
}

/// Sends `signal` to every process of a group.
pub(crate) fn kill_group(group: u32, signal: i32) -> io::Result<()> {
    let group = pid_of(group)?;
    // SAFETY: kill takes two integers; a negative one names a group.
    checked_long(unsafe { libc::kill(-group, signal) }.into())?;
    Ok(())
}
