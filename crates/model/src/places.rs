//! Where a cost can lie: files, functions, frames and stacks.
//!
//! A stack is one integer. [`Stack`] entries form a prefix tree: each names its innermost frame
//! and the stack that called it, and a parent always has a smaller id than its children. Two
//! samples share a stack exactly when their [`StackId`]s are equal.

use crate::id::{FileId, FrameId, FunctionId, Id, StackId, StringId};
use rustc_hash::FxHashMap;

/// Whose code a file is. Decides what a view folds away by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FileKind {
    /// The user's own code.
    Project = 0,
    /// Python's standard library, frozen modules included.
    StandardLibrary = 1,
    /// An installed package (`site-packages`, `dist-packages`).
    Package = 2,
    /// Code without a file: `-c`, stdin, `exec`, notebook cells.
    Generated = 3,
    /// Functions without Python code: built into the interpreter or an extension module.
    Native = 4,
}

impl FileKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 5] = [
        Self::Project,
        Self::StandardLibrary,
        Self::Package,
        Self::Generated,
        Self::Native,
    ];

    /// True for code that the user did not write: views fold it by default.
    pub fn is_library(self) -> bool {
        matches!(self, Self::StandardLibrary | Self::Package | Self::Native)
    }
}

/// A source file as the interpreter names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct File {
    /// `co_filename`, verbatim: absolute, relative, or something like `<string>`.
    pub path: StringId,
    /// The name to show: relative to the working directory, or to the library's root.
    pub short: StringId,
    /// Whose code it is.
    pub kind: FileKind,
}

/// A function, that is one code object as its source names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// `co_name`: `dedupe`, `<module>`, `<lambda>`.
    pub name: StringId,
    /// `co_qualname` (3.11 and later, else equal to `name`): `Report.dedupe`.
    pub qualname: StringId,
    /// The file it is written in.
    pub file: FileId,
    /// The line of its `def` (1-based; 0 when unknown).
    pub first_line: u32,
}

/// A line of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The function.
    pub function: FunctionId,
    /// The line being executed (1-based; 0 when the instruction has no line).
    pub line: u32,
}

/// An entry of the prefix tree of call stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stack {
    /// The caller's stack; `None` for an outermost frame. Always a smaller id than this entry's.
    pub parent: Option<StackId>,
    /// The innermost frame.
    pub frame: FrameId,
}

/// The tables of files, functions, frames and stacks. They only grow.
#[derive(Clone, Debug, Default)]
pub struct Places {
    files: Table<FileId, File>,
    functions: Table<FunctionId, Function>,
    frames: Table<FrameId, Frame>,
    stacks: Table<StackId, Stack>,
}

macro_rules! tables {
    ($($one:ident, $many:ident, $add:ident, $id:ty, $entry:ty;)*) => {$(
        /// The entry behind a handle. Panics on a handle of another profile.
        pub fn $one(&self, id: $id) -> $entry {
            self.$many.entries[id.index()]
        }
        /// All entries in the order of their handles.
        pub fn $many(&self) -> &[$entry] {
            &self.$many.entries
        }
        /// Returns the handle of `entry`, adding it if it is new.
        pub fn $add(&mut self, entry: $entry) -> $id {
            self.$many.intern(entry)
        }
    )*};
}

impl Places {
    tables! {
        file, files, add_file, FileId, File;
        function, functions, add_function, FunctionId, Function;
        frame, frames, add_frame, FrameId, Frame;
        stack, stacks, add_stack, StackId, Stack;
    }

    /// The stack whose frames are `frames`, given from outermost to innermost; `None` if empty.
    pub fn add_frames(&mut self, frames: impl IntoIterator<Item = FrameId>) -> Option<StackId> {
        frames.into_iter().fold(None, |parent, frame| {
            Some(self.add_stack(Stack { parent, frame }))
        })
    }

    /// The frames of a stack from innermost to outermost.
    pub fn frames_of(&self, stack: Option<StackId>) -> FramesOf<'_> {
        FramesOf {
            places: self,
            next: stack,
        }
    }

    /// The function of the innermost frame.
    pub fn leaf_function(&self, stack: StackId) -> FunctionId {
        self.frame(self.stack(stack).frame).function
    }
}

/// Iterates a stack from its innermost frame outwards. Made by [`Places::frames_of`].
pub struct FramesOf<'a> {
    places: &'a Places,
    next: Option<StackId>,
}

impl Iterator for FramesOf<'_> {
    type Item = FrameId;

    fn next(&mut self) -> Option<FrameId> {
        let stack = self.places.stack(self.next?);
        self.next = stack.parent;
        Some(stack.frame)
    }
}

/// An append-only table of distinct entries.
#[derive(Clone, Debug)]
struct Table<I, E> {
    entries: Vec<E>,
    by_entry: FxHashMap<E, I>,
}

impl<I, E> Default for Table<I, E> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            by_entry: FxHashMap::default(),
        }
    }
}

impl<I: Id, E: Copy + Eq + std::hash::Hash> Table<I, E> {
    fn intern(&mut self, entry: E) -> I {
        if let Some(&id) = self.by_entry.get(&entry) {
            return id;
        }
        let id = I::from_index(self.entries.len());
        self.entries.push(entry);
        self.by_entry.insert(entry, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_stacks_share_one_id_and_parents_come_first() {
        let mut places = Places::default();
        let frames: Vec<FrameId> = (0..3)
            .map(|line| {
                places.add_frame(Frame {
                    function: FunctionId(0),
                    line,
                })
            })
            .collect();
        let first = places.add_frames(frames.iter().copied());
        let again = places.add_frames(frames.iter().copied());
        assert_eq!(first, again);
        assert_eq!(places.stacks().len(), 3);
        for (index, stack) in places.stacks().iter().enumerate() {
            assert!(stack.parent.is_none_or(|parent| parent.index() < index));
        }
        let inside_out: Vec<FrameId> = places.frames_of(first).collect();
        assert_eq!(inside_out, frames.iter().rev().copied().collect::<Vec<_>>());
    }
}
