//! One thread of the target, and everything remembered about reading it cheaply.

use crate::batch::Activity;
use crate::interpreter::Interpreter;
use pitstop_cpython::layout::FrameStyle;
use pitstop_cpython::{
    Layout, MAX_THREAD_BYTES, Memory, RawFrame, Slice, Snapshot, ThreadState, WalkEnd,
    thread_prefix_bytes, walk,
};
use pitstop_target::threads::{SchedStat, SyscallState, ThreadFiles};
use rustc_hash::FxHashMap;

/// Frames beyond this are cut off with a verdict that says so.
pub(crate) const MAX_DEPTH: usize = 4096;
/// The most pages one walk may fetch beyond its guess: enough for [`MAX_DEPTH`] frames.
pub(crate) const MAX_FETCHES: u32 = 256;
/// Remembered frame sizes beyond this are forgotten and read again.
const MAX_FRAME_SIZES: usize = 65_536;

/// A thread of the target.
pub(crate) struct ThreadReader {
    /// Its number within its process.
    pub(crate) index: u32,
    /// What its thread state says of it.
    pub(crate) state: ThreadState,
    /// The interpreter it belongs to.
    pub(crate) interpreter: u64,
    /// Its files in `/proc`; `None` when the operating system's thread could not be told.
    pub(crate) files: Option<ThreadFiles>,
    /// What the scheduler said last.
    pub(crate) sched: Option<SchedStat>,
    /// What it was blocked in when it was last scheduled out; valid while `sched` stays the same.
    pub(crate) blocked: Option<SyscallState>,
    /// When it was first seen not to have run since; `None` while it runs.
    pub(crate) quiet_since_ns: Option<u64>,
    /// What the scheduler said when the first copy was taken of the blocked thread. While it says
    /// the same, the thread has not run and the copy is still its stack.
    captured: Option<SchedStat>,
    /// The operating system says that the thread has ended.
    pub(crate) gone: bool,
    /// Sizes of code objects' frames, in words, by address.
    frame_words: FxHashMap<u64, u64>,
    /// Whether the instruction at an address of a code object can run Python code.
    call_sites: FxHashMap<(u64, u64), bool>,
    first: Copy,
    second: Copy,
}

/// One copy of a thread's stack.
#[derive(Default)]
struct Copy {
    prefix: Vec<u8>,
    snapshot: Snapshot,
    frames: Vec<RawFrame>,
    end: Option<WalkEnd>,
}

/// Which of the two copies of a thread's stack is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    First,
    Second,
}

impl ThreadReader {
    pub(crate) fn new(
        index: u32,
        interpreter: u64,
        state: ThreadState,
        files: Option<ThreadFiles>,
        layout: &Layout,
    ) -> Self {
        let prefix = vec![0; thread_prefix_bytes(layout).min(MAX_THREAD_BYTES)];
        let first = Copy {
            prefix: prefix.clone(),
            ..Copy::default()
        };
        let second = Copy {
            prefix,
            ..Copy::default()
        };
        Self {
            index,
            state,
            interpreter,
            files,
            sched: None,
            blocked: None,
            quiet_since_ns: None,
            captured: None,
            gone: false,
            frame_words: FxHashMap::default(),
            call_sites: FxHashMap::default(),
            first,
            second,
        }
    }

    fn copy(&mut self, which: Which) -> &mut Copy {
        match which {
            Which::First => &mut self.first,
            Which::Second => &mut self.second,
        }
    }

    /// Prepares a copy: what the last walk used is what will be fetched.
    pub(crate) fn begin(&mut self, which: Which) {
        self.copy(which).snapshot.begin(MAX_FETCHES);
    }

    /// Prepares both copies alike.
    pub(crate) fn begin_twice(&mut self) {
        self.begin(Which::First);
        self.begin(Which::Second);
    }

    /// The word at `offset` of the thread state in the first copy.
    pub(crate) fn word(&self, offset: u64) -> u64 {
        let at = offset as usize;
        let bytes = self.first.prefix.get(at..at + 8);
        bytes.map_or(0, |bytes| {
            u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
        })
    }

    /// Reads only the thread state of the first copy; false if it is gone.
    pub(crate) fn read_prefix(&mut self, memory: &impl Memory) -> bool {
        memory
            .read(self.state.address, &mut self.first.prefix)
            .is_ok()
    }

    /// Reads one copy on its own and walks it; false if the thread state is gone.
    pub(crate) fn read_alone(&mut self, which: Which, interpreter: &Interpreter) -> bool {
        self.begin(which);
        let mut batch = Vec::with_capacity(8);
        self.slices(which, &mut batch);
        let filled = interpreter.memory.read_many(&mut batch);
        if self.take_filled(which, filled).is_none() {
            return false;
        }
        self.walk(which, &interpreter.memory, &interpreter.layout);
        true
    }

    /// Appends this thread's ranges to a batch of slices to read.
    pub(crate) fn slices<'a>(&'a mut self, which: Which, batch: &mut Vec<Slice<'a>>) {
        let address = self.state.address;
        let copy = self.copy(which);
        batch.push(Slice {
            address,
            buffer: &mut copy.prefix,
        });
        copy.snapshot.slices(batch);
    }

    /// Appends both copies' ranges. The thread state is read first and last and the stack twice in
    /// between, so that what lies between two equal thread states has to be equal too.
    pub(crate) fn slices_twice<'a>(&'a mut self, batch: &mut Vec<Slice<'a>>) {
        let address = self.state.address;
        let Self { first, second, .. } = self;
        batch.push(Slice {
            address,
            buffer: &mut first.prefix,
        });
        first.snapshot.slices(batch);
        second.snapshot.slices(batch);
        batch.push(Slice {
            address,
            buffer: &mut second.prefix,
        });
    }

    /// Takes this thread's share of `filled` slices of [`ThreadReader::slices_twice`]; returns the
    /// rest, or `None` if they were not all filled.
    pub(crate) fn take_filled_twice(&mut self, filled: usize) -> Option<usize> {
        let (first, second) = (
            self.first.snapshot.guesses(),
            self.second.snapshot.guesses(),
        );
        let rest = filled.checked_sub(first + second + 2)?;
        self.first.snapshot.filled(first);
        self.second.snapshot.filled(second);
        Some(rest)
    }

    /// Takes this thread's share of `filled` slices that a batch read could fill; returns the
    /// rest. `None` if not even the thread state could be read: the thread is gone.
    pub(crate) fn take_filled(&mut self, which: Which, filled: usize) -> Option<usize> {
        let copy = self.copy(which);
        let own = filled.checked_sub(1)?;
        let guesses = copy.snapshot.guesses();
        copy.snapshot.filled(own.min(guesses));
        Some(own.saturating_sub(guesses))
    }

    /// True if the thread state read last is still that of this thread.
    pub(crate) fn is_same_thread(&self, layout: &Layout) -> bool {
        let prefix = &self.first.prefix;
        pitstop_cpython::interpreter_of(layout, prefix) == self.interpreter
            && pitstop_cpython::pthread_of(layout, prefix) == self.state.pthread
            && pitstop_cpython::native_id_of(layout, prefix) == self.state.native_id
    }

    /// Walks the frames of a copy; true if that needed memory beyond what was read in the batch.
    pub(crate) fn walk(&mut self, which: Which, memory: &impl Memory, layout: &Layout) -> bool {
        let Copy {
            prefix,
            snapshot,
            frames,
            end,
        } = self.copy(which);
        *end = Some(walk(memory, layout, prefix, snapshot, frames, MAX_DEPTH));
        snapshot.missed()
    }

    /// The frames of the first copy, innermost first.
    pub(crate) fn frames(&self) -> &[RawFrame] {
        &self.first.frames
    }

    /// How the walk of the first copy ended.
    pub(crate) fn end(&self) -> WalkEnd {
        self.first.end.unwrap_or(WalkEnd::Gone)
    }

    /// True if both copies show the same stack.
    pub(crate) fn copies_agree(&self) -> bool {
        // Two torn walks can fail alike; a walk that is cut off at the limit is true as far as it goes.
        let ended = matches!(
            self.first.end,
            Some(WalkEnd::Complete | WalkEnd::Entering | WalkEnd::TooDeep)
        );
        ended
            && self.first.end == self.second.end
            && is_same_stack(&self.first.frames, &self.second.frames)
    }

    /// Checks the structure of the first copy, as far as the interpreter allows. Two torn copies
    /// can agree when a program alternates between two stacks in step with the reading; but then
    /// frames of one stack usually do not fit on those of the other.
    pub(crate) fn is_plausible(&mut self, interpreter: &Interpreter) -> bool {
        if !self.is_still_current(interpreter) {
            return false;
        }
        let frames = std::mem::take(&mut self.first.frames);
        let fits = self.fits_together(&frames, interpreter);
        self.first.frames = frames;
        fits
    }

    /// Checks what can be known about frames of one stack that belong together.
    pub(crate) fn fits_together(&mut self, frames: &[RawFrame], interpreter: &Interpreter) -> bool {
        self.is_contiguous(frames, interpreter) && self.callers_stand_at_calls(frames, interpreter)
    }

    /// Looks once more at the innermost frame: still the current one, still of the same code. Memory
    /// of a frame that ended is used again, also at the same address.
    pub(crate) fn is_still_current(&self, interpreter: &Interpreter) -> bool {
        let (Some(frame), true) = (
            self.first.frames.first(),
            interpreter.layout.frame.style == FrameStyle::Direct,
        ) else {
            return true;
        };
        let (mut code, mut current) = ([0; 8], [0; 8]);
        let read = interpreter.memory.read_many(&mut [
            Slice {
                address: frame.address.wrapping_add(interpreter.layout.frame.code),
                buffer: &mut code,
            },
            Slice {
                address: self
                    .state
                    .address
                    .wrapping_add(interpreter.layout.thread.frame),
                buffer: &mut current,
            },
        ]);
        read == 2
            && u64::from_ne_bytes(code) & !3 == frame.code
            && u64::from_ne_bytes(current) == self.word(interpreter.layout.thread.frame)
    }

    /// From 3.13 on the instruction of a caller can be looked at: it must be one that can run
    /// Python code. Before, it may be an inline cache entry, which tells nothing.
    fn callers_stand_at_calls(&mut self, frames: &[RawFrame], interpreter: &Interpreter) -> bool {
        if interpreter.layout.minor < 13 {
            return true;
        }
        let call_sites = &mut self.call_sites;
        frames.iter().skip(1).all(|caller| {
            let site = (caller.code, caller.instruction);
            if let Some(&can_call) = call_sites.get(&site) {
                return can_call;
            }
            let mut opcode = [0];
            if interpreter
                .memory
                .read(caller.instruction, &mut opcode)
                .is_err()
            {
                return false;
            }
            if call_sites.len() > MAX_FRAME_SIZES {
                call_sites.clear();
            }
            let can_call = !interpreter.opcodes.never_calls(opcode[0]);
            call_sites.insert(site, can_call);
            can_call
        })
    }

    /// From 3.12 on the size of a frame is known: on the data stack each frame begins where its
    /// caller's frame ends. A frame of an earlier call, left above a freshly pushed caller,
    /// usually does not.
    fn is_contiguous(&mut self, frames: &[RawFrame], interpreter: &Interpreter) -> bool {
        let Some(at) = interpreter.layout.code.frame_size else {
            return true;
        };
        for pair in frames.windows(2) {
            let (callee, caller) = (pair[0], pair[1]);
            // Frames of generators lie elsewhere, and so does the first frame of a new chunk.
            if callee.address <= caller.address || callee.address - caller.address > 16_384 {
                continue;
            }
            let words = match self.frame_words.get(&caller.code) {
                Some(&words) => words,
                None => {
                    let mut bytes = [0; 4];
                    if interpreter
                        .memory
                        .read(caller.code.wrapping_add(at), &mut bytes)
                        .is_err()
                    {
                        return false;
                    }
                    let words = u64::from(u32::from_ne_bytes(bytes));
                    if self.frame_words.len() > MAX_FRAME_SIZES {
                        self.frame_words.clear();
                    }
                    self.frame_words.insert(caller.code, words);
                    words
                }
            };
            if callee.address != caller.address + 8 * words {
                // The size may be that of an earlier code object at the same address.
                self.frame_words.remove(&caller.code);
                return false;
            }
        }
        true
    }

    /// Asks the scheduler about the thread, and the kernel what it is blocked in if it was
    /// scheduled since that was last asked.
    pub(crate) fn look(&mut self, now_ns: u64) -> Activity {
        let Some(files) = &self.files else {
            return Activity::default();
        };
        let sched = match files.schedstat() {
            Ok(sched) => sched,
            Err(error) => {
                self.gone = pitstop_target::is_gone(&error);
                return Activity::default();
            }
        };
        let unchanged = self.sched == Some(sched);
        if !unchanged || self.blocked.is_none() {
            let syscall = files.syscall().ok();
            self.blocked = syscall.filter(|state| !matches!(state, SyscallState::Running));
            self.quiet_since_ns = None;
            if self.blocked.is_some() {
                // The thread may have come to rest between the two questions: ask again, so that
                // the pair belongs together.
                let settled = files.schedstat().ok();
                if settled != Some(sched) {
                    self.sched = settled;
                    return Activity {
                        sched: settled,
                        syscall,
                    };
                }
                self.quiet_since_ns = Some(now_ns);
            }
            self.sched = Some(sched);
            return Activity {
                sched: Some(sched),
                syscall,
            };
        }
        Activity {
            sched: Some(sched),
            syscall: self.blocked,
        }
    }

    /// True if the thread has not been scheduled since it was last looked at, and was blocked.
    pub(crate) fn still_blocked(&self) -> bool {
        let Some(files) = &self.files else {
            return false;
        };
        self.blocked.is_some() && files.schedstat().ok() == self.sched
    }

    /// Remembers that the first copy is the stack of the thread as it was last looked at.
    pub(crate) fn set_captured(&mut self) {
        self.captured = if self.blocked.is_some() {
            self.sched
        } else {
            None
        };
    }

    /// Forgets the first copy.
    pub(crate) fn clear_captured(&mut self) {
        self.captured = None;
    }

    /// True if the first copy is still the thread's stack, because it has not run since.
    pub(crate) fn is_captured(&self) -> bool {
        self.captured.is_some() && self.blocked.is_some() && self.captured == self.sched
    }
}

/// True if two copies show the same stack. The innermost instruction may differ: a thread that
/// runs moves on within its frame, and any of its lines is true.
pub(crate) fn is_same_stack(first: &[RawFrame], second: &[RawFrame]) -> bool {
    first.len() == second.len()
        && first.iter().zip(second).enumerate().all(|(depth, (a, b))| {
            a.code == b.code
                && a.address == b.address
                && (depth == 0 || a.instruction == b.instruction)
        })
}
