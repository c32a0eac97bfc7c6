//! Samples on their way from the threads that read to the one that understands.
//!
//! Readers hold up the target, so they only copy addresses. A batch is two flat vectors that are
//! swapped with an empty pair: in a steady state nothing is allocated.

use pitstop_cpython::{Code, RawFrame, WalkEnd};
use pitstop_model::{Reading, Reason, Verdict};
use pitstop_target::threads::{SchedStat, SyscallState};
use std::ops::Range;

/// One thread at one moment, unresolved.
#[derive(Clone, Debug)]
pub(crate) struct RawSample {
    /// Which thread of the process, by the process's own numbering.
    pub(crate) thread: u32,
    /// When, on the monotonic clock.
    pub(crate) time_ns: u64,
    /// Its frames within [`Batch::frames`].
    pub(crate) frames: Range<u32>,
    /// How far the frames can be trusted, before names are known.
    pub(crate) verdict: Verdict,
    /// How they were read.
    pub(crate) reading: Reading,
    /// True if every code object in it was looked at along with it, so that none is another's.
    pub(crate) verified: bool,
    /// True if the thread held the GIL.
    pub(crate) holds_gil: bool,
    /// True if another thread held the GIL: only then can this one wait for it.
    pub(crate) gil_elsewhere: bool,
    /// True if its interpreter was collecting garbage.
    pub(crate) collecting: bool,
    /// What the scheduler and the kernel said of the thread, where they were asked.
    pub(crate) activity: Activity,
}

/// What was asked about a thread besides its stack. Asking costs time, so only what is needed is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Activity {
    /// CPU time, time spent waiting for a CPU, and time slices.
    pub(crate) sched: Option<SchedStat>,
    /// The system call the thread was blocked in.
    pub(crate) syscall: Option<SyscallState>,
}

/// Samples of one process that were not resolved yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// The samples in the order they were taken.
    pub(crate) samples: Vec<RawSample>,
    /// The frames of all of them, each innermost first.
    pub(crate) frames: Vec<RawFrame>,
    /// Code objects seen for the first time, by address. They are read along with the stack they
    /// were seen in, because a code object may be freed a moment later.
    pub(crate) codes: Vec<NewCode>,
    /// Where the stack added last lies.
    last: Range<u32>,
    /// The code objects of that stack need not be looked at again.
    settled: bool,
    /// The frames that were added since the code objects were looked at last begin here.
    fresh: u32,
}

/// How far a batch had come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) samples: usize,
    pub(crate) frames: usize,
}

/// A code object, and the sample from which on it is the one at its address.
#[derive(Clone, Debug)]
pub(crate) struct NewCode {
    /// Position in [`Batch::samples`].
    pub(crate) sample: usize,
    pub(crate) address: u64,
    pub(crate) code: Code,
}

impl Batch {
    /// Copies a stack into the batch. One that is the same as the one before lies where that does,
    /// if that is still to be looked at or need not be.
    pub(crate) fn add_frames(&mut self, frames: &[RawFrame]) -> Range<u32> {
        let last = self.last.start as usize..self.last.end as usize;
        let known = self.settled || self.last.start >= self.fresh;
        if known && self.frames.get(last) == Some(frames) {
            return self.last.clone();
        }
        let start = self.frames.len() as u32;
        self.frames.extend_from_slice(frames);
        self.last = start..self.frames.len() as u32;
        self.settled = false;
        self.last.clone()
    }

    /// Remembers how far the batch has come: what is added from now on is looked at together.
    pub(crate) fn mark(&mut self) -> Mark {
        self.fresh = self.frames.len() as u32;
        Mark {
            samples: self.samples.len(),
            frames: self.frames.len(),
        }
    }

    /// Takes back what was added since.
    pub(crate) fn take_back(&mut self, mark: Mark) {
        self.samples.truncate(mark.samples);
        self.frames.truncate(mark.frames);
        if self.last.end as usize > mark.frames {
            self.last = 0..0;
        }
    }

    /// Says whether the code objects of the stack added last need to be looked at again when it
    /// comes again.
    pub(crate) fn settle(&mut self, settled: bool) {
        self.settled = settled;
    }

    /// Empties the batch and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.samples.clear();
        self.frames.clear();
        self.codes.clear();
        (self.last, self.settled, self.fresh) = (0..0, false, 0);
    }
}

/// What the end of a walk says about the stack, given what the reading alone is worth.
pub(crate) fn verdict_of(end: WalkEnd, frames: usize, trusted: Verdict) -> Verdict {
    let reason = match end {
        WalkEnd::Complete => return trusted,
        // What was left on the C stack led there.
        WalkEnd::Entering if trusted == Verdict::Exact => return Verdict::Validated,
        WalkEnd::Entering => return trusted,
        WalkEnd::Unreadable => Reason::Unreadable,
        WalkEnd::NotAFrame => Reason::NotAFrame,
        WalkEnd::TooDeep => Reason::TooDeep,
        WalkEnd::Cycle => Reason::Cycle,
        WalkEnd::Budget => Reason::Budget,
        WalkEnd::Gone => Reason::Gone,
    };
    if frames == 0 {
        Verdict::Failed(reason)
    } else {
        Verdict::Partial(reason)
    }
}
