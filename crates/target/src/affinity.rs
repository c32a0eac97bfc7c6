//! Where a thread runs and how soon it is woken.

use crate::sys::{self, MASK_WORDS};
use std::io;

/// Keeps the calling thread on one CPU.
///
/// Threads and programs that it starts inherit that, so pin only threads that start none.
///
/// # Errors
/// `InvalidInput` when there is no such CPU or a container excludes it.
pub fn pin_current_thread(cpu: u32) -> io::Result<()> {
    let mut mask = [0; MASK_WORDS];
    let word = (cpu / 64) as usize;
    let bits = mask.get_mut(word).ok_or(io::ErrorKind::InvalidInput)?;
    *bits = 1 << (cpu % 64);
    sys::set_own_affinity(&mask[..=word])
}

/// Lets the calling thread run on any of `cpus`.
///
/// # Errors
/// `InvalidInput` when none of them can be had.
pub fn allow_current_thread(cpus: &[u32]) -> io::Result<()> {
    sys::set_own_affinity(&cpu_mask(cpus)?)
}

/// The bits of some CPUs.
pub(crate) fn cpu_mask(cpus: &[u32]) -> io::Result<[u64; MASK_WORDS]> {
    let mut mask = [0; MASK_WORDS];
    for &cpu in cpus {
        let bits = mask
            .get_mut((cpu / 64) as usize)
            .ok_or(io::ErrorKind::InvalidInput)?;
        *bits |= 1u64 << (cpu % 64);
    }
    Ok(mask)
}

/// The CPUs that a process or thread may run on, ascending.
///
/// # Errors
/// An error for which [`is_gone`](crate::is_gone) holds when it ended.
pub fn allowed_cpus(pid: u32) -> io::Result<Vec<u32>> {
    let mask = sys::affinity(pid)?;
    let is_set = |cpu: &u32| mask[(cpu / 64) as usize] >> (cpu % 64) & 1 == 1;
    Ok((0..64 * MASK_WORDS as u32).filter(is_set).collect())
}

/// The CPU that the calling thread runs on at this moment. No system call on usual machines.
#[inline]
pub fn current_cpu() -> Option<u32> {
    sys::current_cpu().ok()
}

/// What [`boost_current_thread`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boost {
    /// The lowest real-time priority: it runs the moment it wakes.
    Fifo,
    /// Short time slices, which bring early wake-ups (Linux 6.12 and later).
    Slice,
    /// A better nice value.
    Nice,
    /// Nothing: it waits its turn like everybody.
    None,
}

/// The shortest slice that the kernel takes (kernel/sched/syscalls.c: 0.1 ms).
const SHORTEST_SLICE_NS: u64 = 100_000;

/// Has the calling thread woken as promptly as the system permits. Threads and programs that it
/// starts do not inherit priority or slice.
///
/// A boosted thread must be short: at real-time priority nothing else runs on its CPU meanwhile.
pub fn boost_current_thread() -> Boost {
    if sys::set_own_fifo().is_ok() {
        Boost::Fifo
    } else if sys::set_own_slice(SHORTEST_SLICE_NS).is_ok_and(|taken| taken) {
        Boost::Slice
    } else if sys::set_own_nice(-10).is_ok() {
        Boost::Nice
    } else {
        Boost::None
    }
}

/// How often the calling thread left a CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// Because it waited for something.
    pub voluntary: u64,
    /// Because another was put there.
    pub involuntary: u64,
}

/// How often the calling thread left a CPU so far.
#[inline]
pub fn own_switches() -> Switches {
    sys::own_usage().map_or(Switches::default(), |usage| Switches {
        voluntary: usage.ru_nvcsw as u64,
        involuntary: usage.ru_nivcsw as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs on a thread of its own, because what is set stays set.
    fn on_a_thread(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn a_pinned_thread_runs_where_it_was_put() {
        on_a_thread(|| {
            let cpus = allowed_cpus(std::process::id()).unwrap();
            for &cpu in &cpus {
                pin_current_thread(cpu).unwrap();
                assert_eq!(current_cpu(), Some(cpu));
            }
            allow_current_thread(&cpus).unwrap();
            assert!(cpus.contains(&current_cpu().unwrap()));
        });
    }

    #[test]
    fn a_cpu_that_is_not_there_is_refused() {
        on_a_thread(|| {
            for cpu in [8000, 8191, 8192, u32::MAX] {
                assert!(pin_current_thread(cpu).is_err(), "{cpu}");
                assert!(allow_current_thread(&[cpu]).is_err(), "{cpu}");
            }
        });
    }

    #[test]
    fn a_boost_says_what_it_got_and_does_not_spread() {
        on_a_thread(|| {
            let boost = boost_current_thread();
            let policy = std::fs::read_to_string("/proc/thread-self/sched").unwrap_or_default();
            let policy = policy
                .lines()
                .find(|line| line.starts_with("policy"))
                .map(str::to_owned);
            if let (Boost::Fifo, Some(line)) = (boost, policy) {
                assert!(line.ends_with(" 1"), "SCHED_FIFO is 1: {line}");
            }
            on_a_thread(|| {
                let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
                let policy = stat
                    .rsplit(')')
                    .next()
                    .unwrap()
                    .split_whitespace()
                    .nth(38)
                    .unwrap();
                assert_eq!(policy, "0", "a new thread is an ordinary one");
            });
        });
    }

    #[test]
    fn slices_are_taken_or_refused_but_never_pretended() {
        on_a_thread(|| {
            // Both answers are right, depending on the kernel; an error is not.
            sys::set_own_slice(SHORTEST_SLICE_NS).unwrap();
        });
    }

    #[test]
    fn sleeping_is_a_voluntary_switch() {
        on_a_thread(|| {
            let before = own_switches();
            crate::clock::sleep_until(crate::clock::now_ns() + 1_000_000);
            assert!(own_switches().voluntary > before.voluntary);
        });
    }
}
