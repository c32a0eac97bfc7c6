//! Typed `u32` handles into the tables of a profile.

/// What all handles have in common: a position in one table.
pub trait Id: Copy + Eq {
    /// Makes the handle of the entry at `index`.
    fn from_index(index: usize) -> Self;
    /// The position of the entry in its table.
    fn index(self) -> usize;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl Id for $name {
            fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("a profile table holds fewer than 2^32 entries"))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// An interned text.
    StringId;
    /// A source file.
    FileId;
    /// A function (a code object, seen by name, file and first line).
    FunctionId;
    /// A line of a function.
    FrameId;
    /// A call stack: a frame and the stack below it.
    StackId;
    /// A process of the run.
    ProcessId;
    /// A thread of one process.
    ThreadId;
    /// What a thread was waiting for.
    WaitId;
    /// A row of the sample series.
    RowId;
    /// A call path of a traced thread.
    CallId;
}
