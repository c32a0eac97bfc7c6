//! What a thread was doing, from what the interpreter, the scheduler and the kernel said of it.

use crate::batch::RawSample;
use pitstop_model::{StackId, ThreadState};
use pitstop_target::syscalls::{self, CallClass};
use pitstop_target::threads::{SchedStat, SyscallState};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// What a thread was doing, and the system call it was blocked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Doing {
    pub(crate) state: ThreadState,
    pub(crate) call: Option<Call>,
}

/// A blocking system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    /// Its number.
    pub(crate) number: i64,
    /// The descriptor it waits on, if it takes one.
    pub(crate) fd: Option<i32>,
}

/// Tells what a thread was doing at a sample, and remembers what later samples need to know.
///
/// `in_c_call` says that its innermost Python frame stands at a call of a C function, `gils` are
/// the addresses of the GILs, `weight_ns` the time that the sample stands for.
pub(crate) fn classify(
    sample: &RawSample,
    stack: Option<StackId>,
    in_c_call: bool,
    gils: &[Range<u64>],
    weight_ns: u64,
    history: &mut History,
) -> Doing {
    history.look(sample);
    let doing = match sample.activity.syscall {
        Some(SyscallState::Blocked { number, args, .. }) => blocked(number, args, gils),
        _ if sample.holds_gil => Doing {
            state: if history.waited_for_cpu(weight_ns) {
                ThreadState::WaitingForCpu
            } else {
                with_gil(sample, in_c_call)
            },
            call: None,
        },
        // Not running, but in no system call either: the kernel is fetching a page for it.
        Some(SyscallState::Unknown) => Doing {
            state: ThreadState::Blocked,
            call: None,
        },
        Some(SyscallState::Running) => Doing {
            state: without_gil(sample, stack, in_c_call, weight_ns, history),
            call: None,
        },
        None => Doing {
            state: ThreadState::Unknown,
            call: None,
        },
    };
    history.remember(sample, stack, doing.state);
    doing
}

fn with_gil(sample: &RawSample, in_c_call: bool) -> ThreadState {
    match (sample.collecting, in_c_call, sample.frames.is_empty()) {
        (true, _, _) => ThreadState::GarbageCollection,
        (false, false, false) => ThreadState::Python,
        _ => ThreadState::NativeWithGil,
    }
}

/// A thread that wants a CPU and does not hold the GIL either runs native code that released it,
/// or wants the CPU only to ask for the GIL: waiters wake every 5 ms to ask, and once more to take
/// it. A waiter uses next to no CPU time. Where that cannot be told yet, at the first sample after
/// it had the GIL, what was seen at the same place before decides.
fn without_gil(
    sample: &RawSample,
    stack: Option<StackId>,
    in_c_call: bool,
    weight_ns: u64,
    history: &mut History,
) -> ThreadState {
    let site = history.sites.get(&stack).copied().unwrap_or_default();
    // Only C code can release the GIL for its own purposes. Mostly that is a call; but operators,
    // loops and subscripts run C code, too, and then the thread uses its CPU.
    let at_a_call = in_c_call || sample.frames.is_empty() || sample.gil_is_free;
    let wants_gil = match history.works_without_gil(sample) {
        Some(true) => false,
        _ if !at_a_call => true,
        Some(false) => site.waiting >= site.native,
        None => site.waiting > site.native,
    };
    if wants_gil {
        ThreadState::GilWait
    } else if history.waited_for_cpu(weight_ns) {
        ThreadState::WaitingForCpu
    } else {
        ThreadState::NativeWithoutGil
    }
}

/// What earlier samples of a thread told.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// What the scheduler said last.
    sched: Option<SchedStat>,
    /// Samples since then.
    samples: u64,
    /// Time for which it waited for a CPU that no sample stands for yet.
    cpu_wait_ns: u64,
    /// When it was first seen without the GIL after having had it, and the CPU time it had used.
    without_gil_since: Option<(u64, u64)>,
    /// What was certain at each place where it was seen without the GIL.
    sites: FxHashMap<Option<StackId>, Site>,
}

/// How often a thread was certainly waiting for the GIL or certainly running without it.
#[derive(Clone, Copy, Debug, Default)]
struct Site {
    waiting: u32,
    native: u32,
}

/// A sample keeps the thread that it is taken of from its CPU for about so long, which is no news.
const SAMPLING_NS: u64 = 50_000;
/// A thread that waited for a CPU before it came to rest owes no more than this.
const MOST_CPU_WAIT_NS: u64 = 1_000_000_000;
/// More CPU time than a thread needs to wake up a few times and ask for the GIL.
const TAKING_NS: u64 = 200_000;
/// It wakes up every 5 ms; each time costs it less than a tenth of that.
const TAKING_SHARE: u64 = 10;
/// Places beyond this are forgotten and learned again.
const MAX_SITES: usize = 16_384;

impl History {
    /// Notes for how long the thread waited for a CPU since the scheduler was asked last.
    ///
    /// What a thread without a CPU was about to do is the same as if it had one, so a stack does not
    /// tell. The scheduler tells how long it waited, but not when: so that time is given to as many
    /// samples as it takes, those that come next.
    fn look(&mut self, sample: &RawSample) {
        if let Some(now) = sample.activity.sched
            && self.sched != Some(now)
        {
            if let Some(before) = self.sched {
                let waited = now.wait_ns.saturating_sub(before.wait_ns);
                let waited = waited.saturating_sub(self.samples * SAMPLING_NS);
                self.cpu_wait_ns = (self.cpu_wait_ns + waited).min(MOST_CPU_WAIT_NS);
            }
            self.sched = Some(now);
            self.samples = 0;
        }
        self.samples += 1;
    }

    /// True if a sample that stands for so long stands for waiting for a CPU.
    fn waited_for_cpu(&mut self, weight_ns: u64) -> bool {
        let waited = weight_ns > 0 && self.cpu_wait_ns >= weight_ns.div_ceil(2);
        if waited {
            self.cpu_wait_ns = self.cpu_wait_ns.saturating_sub(weight_ns);
        }
        waited
    }

    /// Whether the thread has used CPU time worth speaking of since it was first seen without the
    /// GIL; `None` if this is the first time.
    fn works_without_gil(&self, sample: &RawSample) -> Option<bool> {
        let (since_ns, run_ns) = self.without_gil_since?;
        let used = sample.activity.sched?.run_ns.saturating_sub(run_ns);
        let elapsed = sample.time_ns.saturating_sub(since_ns);
        Some(used >= TAKING_NS.max(elapsed / TAKING_SHARE))
    }

    fn remember(&mut self, sample: &RawSample, stack: Option<StackId>, state: ThreadState) {
        let sched = sample.activity.sched;
        let blocked = matches!(sample.activity.syscall, Some(SyscallState::Blocked { .. }));
        if sample.holds_gil {
            self.without_gil_since = None;
        } else {
            let certain_wait = blocked && state == ThreadState::GilWait;
            let certain_native = !blocked && self.works_without_gil(sample) == Some(true);
            if certain_wait || certain_native {
                if self.sites.len() > MAX_SITES {
                    self.sites.clear();
                }
                let site = self.sites.entry(stack).or_default();
                site.waiting += u32::from(certain_wait);
                site.native += u32::from(certain_native);
            }
            if self.without_gil_since.is_none() {
                self.without_gil_since = sched.map(|sched| (sample.time_ns, sched.run_ns));
            }
        }
    }
}

fn blocked(number: i64, args: [u64; 6], gils: &[Range<u64>]) -> Doing {
    let state = match syscalls::class(number, &args) {
        CallClass::Lock if gils.iter().any(|gil| gil.contains(&args[0])) => ThreadState::GilWait,
        CallClass::Lock => ThreadState::Lock,
        CallClass::Sleep => ThreadState::Sleep,
        _ => ThreadState::Blocked,
    };
    let call = match state {
        ThreadState::GilWait | ThreadState::Sleep => None,
        _ => {
            let fd = syscalls::fd_argument(number)
                .and_then(|index| args.get(index))
                .and_then(|&argument| i32::try_from(argument.cast_signed()).ok())
                .filter(|&fd| fd >= 0);
            Some(Call { number, fd })
        }
    };
    Doing { state, call }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::{Reading, Verdict};

    const MS: u64 = 1_000_000;

    /// A sample at `time_ms` of a thread that had run and waited for a CPU for so long by then.
    fn sample(time_ms: u64, run_ms: u64, wait_ms: u64) -> RawSample {
        RawSample {
            thread: 0,
            time_ns: time_ms * MS,
            frames: 0..3,
            verdict: Verdict::Exact,
            reading: Reading::CoScheduled,
            verified: false,
            holds_gil: false,
            gil_is_free: false,
            collecting: false,
            activity: crate::batch::Activity {
                sched: Some(SchedStat {
                    run_ns: run_ms * MS,
                    wait_ns: wait_ms * MS,
                    slices: time_ms,
                }),
                syscall: Some(SyscallState::Running),
            },
        }
    }

    /// The states of samples a millisecond apart, at an operator.
    fn states(samples: impl Iterator<Item = RawSample>) -> Vec<ThreadState> {
        let mut history = History::default();
        samples
            .map(|sample| classify(&sample, None, false, &[], MS, &mut history).state)
            .collect()
    }

    fn count(states: &[ThreadState], state: ThreadState) -> usize {
        states.iter().filter(|known| **known == state).count()
    }

    #[test]
    fn an_operator_that_computes_without_the_gil_is_native_and_no_wait() {
        let alone = states((0..100).map(|at| RawSample {
            gil_is_free: true,
            ..sample(at, at, 0)
        }));
        assert_eq!(count(&alone, ThreadState::NativeWithoutGil), 100);
        // Another thread has the GIL meanwhile: what tells is the CPU time that it uses.
        let beside = states((0..100).map(|at| sample(at, at, 0)));
        assert!(count(&beside, ThreadState::NativeWithoutGil) > 95);
        let waiting = states((0..100).map(|at| sample(at, 0, 0)));
        assert_eq!(count(&waiting, ThreadState::GilWait), 100);
    }

    #[test]
    fn a_holder_of_the_gil_without_a_cpu_waits_for_one_as_long_as_the_scheduler_says() {
        // Out of four milliseconds it has a CPU for one; the scheduler is asked every fourth time.
        let starved = states((0..400).map(|at| RawSample {
            holds_gil: true,
            activity: crate::batch::Activity {
                syscall: None,
                ..sample(at / 4 * 4, at / 4, at / 4 * 3).activity
            },
            ..sample(at, 0, 0)
        }));
        let waits = count(&starved, ThreadState::WaitingForCpu);
        assert!((280..=300).contains(&waits), "{waits} of 300");
        assert_eq!(count(&starved, ThreadState::Python), 400 - waits);
        let served = states((0..400).map(|at| RawSample {
            holds_gil: true,
            ..sample(at, at, 0)
        }));
        assert_eq!(count(&served, ThreadState::Python), 400);
    }
}
