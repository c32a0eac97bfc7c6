//! What a thread was doing at the moment of a sample, and what it was waiting for.

use crate::id::StringId;

/// What a thread was doing (sampling.md §6.6 of the design study).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ThreadState {
    /// Executing Python bytecode, holding the GIL.
    Python = 0,
    /// Inside a C function called from Python, holding the GIL.
    NativeWithGil = 1,
    /// Executing native code after releasing the GIL.
    NativeWithoutGil = 2,
    /// Ready to run Python, waiting for another thread to release the GIL.
    GilWait = 3,
    /// Waiting for a lock, condition, queue or thread to end.
    Lock = 4,
    /// Inside a blocking system call, on the descriptor that [`Wait`] names.
    Blocked = 5,
    /// Sleeping for a time it chose itself.
    Sleep = 6,
    /// Collecting garbage.
    GarbageCollection = 7,
    /// Ready to run, but no CPU was given to it.
    WaitingForCpu = 8,
    /// Could not be told.
    Unknown = 9,
}

impl ThreadState {
    /// Every state, in the order of its number, which is also the order views list them in.
    pub const ALL: [Self; 10] = [
        Self::Python,
        Self::NativeWithGil,
        Self::NativeWithoutGil,
        Self::GilWait,
        Self::Lock,
        Self::Blocked,
        Self::Sleep,
        Self::GarbageCollection,
        Self::WaitingForCpu,
        Self::Unknown,
    ];

    /// A short stable name for machine-readable output.
    pub fn key(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::NativeWithGil => "native_gil",
            Self::NativeWithoutGil => "native_no_gil",
            Self::GilWait => "gil_wait",
            Self::Lock => "lock",
            Self::Blocked => "blocked",
            Self::Sleep => "sleep",
            Self::GarbageCollection => "gc",
            Self::WaitingForCpu => "cpu_wait",
            Self::Unknown => "unknown",
        }
    }

    /// True while the thread uses a CPU.
    pub fn is_running(self) -> bool {
        matches!(
            self,
            Self::Python | Self::NativeWithGil | Self::NativeWithoutGil | Self::GarbageCollection
        )
    }

    /// True while the thread waits for something outside the CPU and the GIL: a lock, a
    /// descriptor, or the clock.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Lock | Self::Blocked | Self::Sleep)
    }

    /// True while the thread holds the GIL.
    pub fn holds_gil(self) -> bool {
        matches!(
            self,
            Self::Python | Self::NativeWithGil | Self::GarbageCollection
        )
    }
}

/// What kind of thing a descriptor is open on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Descriptor {
    /// The system call takes no descriptor, or it could not be told.
    None = 0,
    /// A regular file or directory.
    File = 1,
    /// A pipe or FIFO.
    Pipe = 2,
    /// A network or Unix socket.
    Socket = 3,
    /// A terminal or other character device.
    Device = 4,
    /// epoll, eventfd, timerfd, signalfd, inotify.
    Event = 5,
}

impl Descriptor {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::File,
        Self::Pipe,
        Self::Socket,
        Self::Device,
        Self::Event,
    ];
}

/// What a blocked thread was waiting for: one system call on one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// The system call's name: `read`, `recvfrom`, `futex`; empty when unknown.
    pub syscall: StringId,
    /// The file descriptor, or -1 where the call has none.
    pub fd: i32,
    /// What the descriptor is open on.
    pub descriptor: Descriptor,
    /// The descriptor's name: a path, `tcp 127.0.0.1:5432`, `pipe`; may be empty.
    pub name: StringId,
}
