//! A thread that enters the interpreter from C code, at each stage of making its mark.
//!
//! `main` runs and has called C code, which calls Python again: `leaf`.

use pitstop_cpython::layout::Layout;
use pitstop_cpython::{Memory, RawFrame, ReadError, Snapshot, WalkEnd, tables, walk};
use std::collections::HashMap;

const DATA_STACK: u64 = 0x10_0000;
const MAIN: u64 = DATA_STACK + 0x100;
const LEAF: u64 = DATA_STACK + 0x200;
const TOP: u64 = DATA_STACK + 0x300;
const MAIN_CODE: u64 = 0x20_0000;
const LEAF_CODE: u64 = 0x20_1000;
const INNER_MARK: u64 = 0x30_0100;
const OUTER_MARK: u64 = 0x30_0800;
/// Where 3.12 keeps a frame of its own for each call from C code.
const INNER_ENTRY: u64 = 0x30_0200;
const OUTER_ENTRY: u64 = 0x30_0900;

/// Bytes, and zeros around them as far as the page.
#[derive(Clone, Default)]
struct Bytes(HashMap<u64, u8>);

impl Bytes {
    fn put(&mut self, address: u64, word: u64) {
        for (at, byte) in (address..).zip(word.to_ne_bytes()) {
            self.0.insert(at, byte);
        }
    }
}

impl Memory for Bytes {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        for (at, byte) in (address..).zip(buffer) {
            if !self.0.keys().any(|known| known / 4096 == at / 4096) {
                return Err(ReadError::Unmapped(at));
            }
            *byte = self.0.get(&at).copied().unwrap_or(0);
        }
        Ok(())
    }
}

struct Process {
    layout: &'static Layout,
    memory: Bytes,
    thread: Vec<u8>,
}

impl Process {
    /// `leaf` runs, called by C code that `main` called.
    fn running(minor: u8) -> Self {
        let layout = tables::for_version(minor).expect("a known version");
        let mut process = Self {
            layout,
            memory: Bytes::default(),
            thread: vec![0; 512],
        };
        process.set_thread(layout.thread.frame, INNER_MARK);
        process.set_thread(layout.thread.datastack_top.expect("from 3.11 on"), TOP);
        process.frame(MAIN, MAIN_CODE, 0, OUTER_ENTRY);
        process.frame(LEAF, LEAF_CODE, MAIN, INNER_ENTRY);
        process.mark(OUTER_MARK, MAIN, 0);
        process.mark(INNER_MARK, LEAF, OUTER_MARK);
        process
    }

    fn set_thread(&mut self, offset: u64, word: u64) {
        self.thread[offset as usize..][..8].copy_from_slice(&word.to_ne_bytes());
    }

    /// A frame that C code entered with: marked on 3.11, above a frame without code on 3.12.
    fn frame(&mut self, address: u64, code: u64, caller: u64, entry: u64) {
        let frame = &self.layout.frame;
        self.memory.put(address + frame.code, code);
        self.memory.put(address + frame.instruction, code + 0x100);
        if let Some(at) = frame.is_entry {
            self.memory.put(address + frame.previous, caller);
            self.memory.0.insert(address + at, 1);
        } else {
            self.memory.put(address + frame.previous, entry);
            self.memory.put(entry + frame.previous, caller);
            let owner = frame.owner.expect("from 3.11 on");
            let of_c = frame.owner_c_stack.expect("from 3.12 on");
            self.memory.0.insert(entry + owner, of_c);
        }
    }

    fn mark(&mut self, address: u64, current: u64, previous: u64) {
        let frame = &self.layout.frame;
        self.memory
            .put(address + frame.cframe_current_frame, current);
        let at = frame.cframe_previous.expect("of 3.11 and 3.12");
        self.memory.put(address + at, previous);
    }

    fn walk(&self) -> (Vec<u64>, WalkEnd) {
        let mut snapshot = Snapshot::default();
        snapshot.begin(16);
        let mut frames: Vec<RawFrame> = Vec::new();
        let end = walk(
            &self.memory,
            self.layout,
            &self.thread,
            &mut snapshot,
            &mut frames,
            100,
        );
        (frames.iter().map(|frame| frame.code).collect(), end)
    }
}

const MINORS: [u8; 2] = [11, 12];

#[test]
fn a_finished_mark_leads_to_the_new_frame() {
    for minor in MINORS {
        let (codes, end) = Process::running(minor).walk();
        assert_eq!(codes, [LEAF_CODE, MAIN_CODE], "3.{minor}");
        assert_eq!(end, WalkEnd::Complete, "3.{minor}");
    }
}

#[test]
fn what_was_left_on_the_c_stack_is_not_taken_for_a_frame() {
    // An odd number, a small one, an address of nothing, something that is not a frame.
    for left in [0x1235, 16, 0x7777_0000, OUTER_MARK + 0x40] {
        for minor in MINORS {
            let mut process = Process::running(minor);
            process.mark(INNER_MARK, left, OUTER_MARK);
            let (codes, end) = process.walk();
            assert_eq!(codes, [MAIN_CODE], "3.{minor}, {left:#x}");
            assert_eq!(end, WalkEnd::Entering, "3.{minor}, {left:#x}");
        }
    }
}

#[test]
fn a_frame_that_has_ended_is_not_the_current_one() {
    for minor in MINORS {
        let mut process = Process::running(minor);
        // It was called by `main` too, and nothing has been written over it.
        process.set_thread(process.layout.thread.datastack_top.expect("there"), LEAF);
        let (codes, end) = process.walk();
        assert_eq!(codes, [MAIN_CODE], "3.{minor}");
        assert_eq!(end, WalkEnd::Entering, "3.{minor}");
    }
}

#[test]
fn a_frame_of_another_caller_is_not_the_current_one() {
    for minor in MINORS {
        let mut process = Process::running(minor);
        let other = DATA_STACK + 0x80;
        process.frame(other, LEAF_CODE + 0x1000, 0, INNER_ENTRY + 0x200);
        process.frame(LEAF, LEAF_CODE, other, INNER_ENTRY);
        let (codes, end) = process.walk();
        assert_eq!(codes, [MAIN_CODE], "3.{minor}");
        assert_eq!(end, WalkEnd::Entering, "3.{minor}");
    }
}

#[test]
fn a_mark_that_leads_nowhere_at_all_is_said_to() {
    // Further in than the mark itself, or at no mark.
    for previous in [0, INNER_MARK - 0x80, 0x7777_0000, DATA_STACK] {
        for minor in MINORS {
            let mut process = Process::running(minor);
            process.mark(INNER_MARK, 0x1235, previous);
            let (codes, end) = process.walk();
            assert_eq!(codes, [0; 0], "3.{minor}, {previous:#x}");
            assert_eq!(end, WalkEnd::NotAFrame, "3.{minor}, {previous:#x}");
        }
    }
}
