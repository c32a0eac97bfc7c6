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

/// A time of the clock on the wall as C's `ctime` writes it, in the local time zone:
/// `Tue Nov 24 14:13:37 2026`. `None` for a time whose year does not fit.
pub fn local_time(unix_s: i64) -> Option<String> {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let time = sys::local_time(unix_s)?;
    let name = |names: &[&'static str], index: i32| {
        let index = usize::try_from(index).ok()?;
        names.get(index).copied()
    };
    Some(format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        name(&DAYS, time.tm_wday)?,
        name(&MONTHS, time.tm_mon)?,
        time.tm_mday,
        time.tm_hour,
        time.tm_min,
        time.tm_sec,
        i64::from(time.tm_year) + 1900
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_reads_like_ctime() {
        // The zone is the machine's: within a day of UTC, and of the same form.
        let text = local_time(951_825_600).expect("the year 2000 fits");
        let days = ["Mon Feb 28 ", "Tue Feb 29 ", "Wed Mar  1 "];
        assert!(days.iter().any(|day| text.starts_with(day)), "{text}");
        assert!(text.ends_with(" 2000") && text.len() == 24, "{text}");
        assert_eq!(local_time(i64::MAX), None);
    }

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
