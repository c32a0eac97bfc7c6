//! The clocks a sampler lives by. All times are nanoseconds.

use crate::sys;

/// The monotonic clock. Starts somewhere, never jumps, does not count suspend.
#[inline]
pub fn now_ns() -> u64 {
    sys::clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0)
}

/// The CPU time of the calling thread.
#[inline]
pub fn thread_cpu_ns() -> u64 {
    sys::clock_ns(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or(0)
}

/// The CPU time of all threads of this process.
pub fn process_cpu_ns() -> u64 {
    sys::clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID).unwrap_or(0)
}

/// Sleeps until the monotonic clock shows `deadline_ns`. Returns whether it did: false when a
/// signal came first.
#[inline]
pub fn sleep_until(deadline_ns: u64) -> bool {
    sys::sleep_until(deadline_ns)
}

/// Lets the calling thread's sleeps end on time: within a nanosecond instead of the usual 50
/// microseconds. Threads it starts inherit that.
pub fn sleep_precisely() {
    // A kernel that refuses leaves sleeps as they were, which is only less precise.
    let _ = sys::set_timer_slack(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_ends_after_its_time() {
        sleep_precisely();
        let (start, cpu) = (now_ns(), thread_cpu_ns());
        let deadline = start + 2_000_000;
        while !sleep_until(deadline) {}
        let slept = now_ns() - start;
        assert!(now_ns() >= deadline);
        assert!(thread_cpu_ns() - cpu < slept, "sleeping costs no CPU time");
        assert!(sleep_until(start), "a time gone by is reached at once");
        assert!(process_cpu_ns() >= thread_cpu_ns() / 2);
    }
}
