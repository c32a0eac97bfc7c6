//! What a thread was doing, from what the interpreter, the scheduler and the kernel said of it.

use crate::batch::RawSample;
use crate::cpu_wait::CpuWait;
use pitstop_model::{StackId, ThreadState};
use pitstop_target::syscalls::{self, CallClass};
use pitstop_target::threads::SyscallState;
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
/// `weight_ns` is the time that the sample stands for, `in_c_call` says that its innermost Python
/// frame stands at a call of a C function, `gils` are the addresses of the GILs.
pub(crate) fn classify(
    sample: &RawSample,
    weight_ns: u64,
    stack: Option<StackId>,
    in_c_call: bool,
    gils: &[Range<u64>],
    history: &mut History,
) -> Doing {
    let mut doing = match sample.activity.syscall {
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
    let sched = sample.activity.sched;
    let is_ready = doing.state.is_running();
    if history.cpu_wait.is_waiting(sched, weight_ns, is_ready) {
        doing.state = ThreadState::WaitingForCpu;
    }
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
///
/// Which instruction it stands at says little: operators, `for` and `with` run C code too. Without
/// somebody else who has the GIL, only a thread that was seen waiting for it at this place is
/// taken to be on its way to it.
fn without_gil(
    sample: &RawSample,
    stack: Option<StackId>,
    in_c_call: bool,
    history: &History,
) -> ThreadState {
    let site = history.site(stack);
    let wants_gil = match history.works_without_gil(sample) {
        Some(true) => false,
        Some(false) if sample.gil_elsewhere => site.waiting >= site.native,
        // Between two instructions of Python the GIL is given up only because another wants it.
        None if sample.gil_elsewhere && !in_c_call && !sample.frames.is_empty() => {
            site.waiting >= site.native
        }
        Some(false) | None => site.waiting > site.native,
    };
    if wants_gil {
        ThreadState::GilWait
    } else {
        ThreadState::NativeWithoutGil
    }
}

/// What earlier samples of a thread told.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// How long it waited for a CPU.
    cpu_wait: CpuWait,
    /// When it was first seen without the GIL after having had it, and the CPU time it had used.
    without_gil_since: Option<(u64, u64)>,
    /// What was certain at each place where it was seen without the GIL.
    sites: FxHashMap<Option<StackId>, Site>,
    /// The same of all places together, for those that are new.
    anywhere: Site,
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
    /// What was seen at a place, or elsewhere if nothing was.
    fn site(&self, stack: Option<StackId>) -> Site {
        self.sites.get(&stack).copied().unwrap_or(self.anywhere)
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
                for site in [site, &mut self.anywhere] {
                    site.waiting += u32::from(certain_wait);
                    site.native += u32::from(certain_native);
                }
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
    use crate::batch::Activity;
    use pitstop_model::{Reading, Verdict};
    use pitstop_target::threads::SchedStat;

    const GIL: Range<u64> = 0x1000..0x1040;
    const MS: u64 = 1_000_000;
    const PLACE: Option<StackId> = Some(StackId(7));

    /// A moment of a thread with a stack: `ms` after the start, with so much CPU time used.
    fn moment(ms: u64, run_us: u64) -> RawSample {
        RawSample {
            thread: 0,
            time_ns: ms * MS,
            frames: 0..3,
            verdict: Verdict::Exact,
            reading: Reading::CoScheduled,
            verified: false,
            holds_gil: false,
            gil_elsewhere: false,
            collecting: false,
            activity: Activity {
                sched: Some(SchedStat {
                    run_ns: run_us * 1000,
                    wait_ns: 0,
                    slices: ms,
                }),
                syscall: Some(SyscallState::Running),
            },
        }
    }

    fn holding(sample: RawSample) -> RawSample {
        RawSample {
            holds_gil: true,
            activity: Activity {
                syscall: None,
                ..sample.activity
            },
            ..sample
        }
    }

    fn beside_a_holder(sample: RawSample) -> RawSample {
        RawSample {
            gil_elsewhere: true,
            ..sample
        }
    }

    /// Blocked on the GIL itself.
    fn on_gil(sample: RawSample) -> RawSample {
        let mut sample = beside_a_holder(sample);
        sample.activity.syscall = Some(SyscallState::Blocked {
            // `futex`, on x86_64 and aarch64.
            number: if cfg!(target_arch = "x86_64") {
                202
            } else {
                98
            },
            args: [GIL.start + 8, 0x189, 0, 0, 0, 0],
            sp: 0,
            pc: 0,
        });
        sample
    }

    /// What a thread was doing at these moments, all at one place that is no call.
    fn states(moments: &[RawSample]) -> Vec<ThreadState> {
        let mut history = History::default();
        let gils = [GIL];
        let mut tell = |sample| classify(sample, MS, PLACE, false, &gils, &mut history).state;
        moments.iter().map(&mut tell).collect()
    }

    #[test]
    fn an_operator_that_lets_the_gil_go_is_native_code() {
        let moments = [
            holding(moment(0, 0)),
            moment(1, 900),
            moment(2, 1800),
            moment(3, 2700),
        ];
        let native = ThreadState::NativeWithoutGil;
        let expected = [ThreadState::Python, native, native, native];
        assert_eq!(states(&moments), expected);
    }

    #[test]
    fn beside_a_holder_the_cpu_time_tells_native_code_from_waiting() {
        let at_work = [0, 1, 2, 3].map(|ms| beside_a_holder(moment(ms, ms * 900)));
        let (wait, native) = (ThreadState::GilWait, ThreadState::NativeWithoutGil);
        assert_eq!(states(&at_work), [wait, native, native, native]);
        let asking = [0, 1, 2, 3].map(|ms| beside_a_holder(moment(ms, ms * 2)));
        assert_eq!(states(&asking), [wait; 4]);
    }

    #[test]
    fn a_thread_on_its_way_to_a_free_gil_has_been_waiting_for_it() {
        let moments = [
            holding(moment(0, 0)),
            on_gil(moment(1, 1)),
            on_gil(moment(2, 1)),
            moment(3, 2),
        ];
        let wait = ThreadState::GilWait;
        assert_eq!(states(&moments)[1..], [wait; 3]);
    }

    #[test]
    fn without_another_thread_there_is_no_waiting_for_the_gil() {
        // Short calls: it had the GIL again in between, and used hardly any CPU time since.
        let moments: Vec<RawSample> = (0..20)
            .map(|ms| match ms % 2 {
                0 => holding(moment(ms, ms * 10)),
                _ => moment(ms, ms * 10),
            })
            .collect();
        assert!(!states(&moments).contains(&ThreadState::GilWait));
    }

    #[test]
    fn a_holder_of_the_gil_without_a_cpu_waits_for_one() {
        let moments: Vec<RawSample> = (0..300)
            .map(|ms| {
                let mut sample = holding(moment(ms, ms * 250));
                if let Some(sched) = &mut sample.activity.sched {
                    sched.wait_ns = ms * 750_000;
                }
                sample
            })
            .collect();
        let states = states(&moments);
        let waits = states
            .iter()
            .filter(|&&state| state == ThreadState::WaitingForCpu);
        let waits = waits.count();
        assert!((210..=226).contains(&waits), "{waits} of 300");
        assert!(states.contains(&ThreadState::Python));
    }
}
