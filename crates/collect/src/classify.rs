//! What a thread was doing, from what the interpreter, the scheduler and the kernel said of it.

use crate::batch::{Activity, RawSample};
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
/// the addresses of the GILs.
pub(crate) fn classify(
    sample: &RawSample,
    stack: Option<StackId>,
    in_c_call: bool,
    gils: &[Range<u64>],
    history: &mut History,
) -> Doing {
    let doing = match sample.activity.syscall {
        Some(SyscallState::Blocked { number, args, .. }) => blocked(number, args, gils),
        _ if sample.holds_gil => Doing {
            state: with_gil(sample, in_c_call),
            call: None,
        },
        // Not running, but in no system call either: the kernel is fetching a page for it.
        Some(SyscallState::Unknown) => Doing {
            state: ThreadState::Blocked,
            call: None,
        },
        Some(SyscallState::Running) => Doing {
            state: without_gil(sample, stack, in_c_call, history),
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
    history: &History,
) -> ThreadState {
    // Only C code can release the GIL for its own purposes.
    if !in_c_call && !sample.frames.is_empty() {
        return ThreadState::GilWait;
    }
    let site = history.sites.get(&stack).copied().unwrap_or_default();
    let wants_gil = match history.works_without_gil(sample) {
        Some(true) => false,
        Some(false) => site.waiting >= site.native,
        None => site.waiting > site.native,
    };
    if wants_gil {
        ThreadState::GilWait
    } else if starved(&sample.activity, history.sched) {
        ThreadState::WaitingForCpu
    } else {
        ThreadState::NativeWithoutGil
    }
}

/// What earlier samples of a thread told.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// What the scheduler said at its last sample.
    sched: Option<SchedStat>,
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

/// More CPU time than a thread needs to wake up a few times and ask for the GIL.
const TAKING_NS: u64 = 200_000;
/// It wakes up every 5 ms; each time costs it less than a tenth of that.
const TAKING_SHARE: u64 = 10;
/// Places beyond this are forgotten and learned again.
const MAX_SITES: usize = 16_384;

impl History {
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
        if sched.is_some() {
            self.sched = sched;
        }
    }
}

/// True if since its last sample the thread waited for a CPU longer than it had one.
fn starved(activity: &Activity, before: Option<SchedStat>) -> bool {
    let (Some(now), Some(before)) = (activity.sched, before) else {
        return false;
    };
    now.wait_ns.saturating_sub(before.wait_ns) > now.run_ns.saturating_sub(before.run_ns)
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
