//! The recordings, loaded.

use crate::portrait;
use pitstop_cpython::{Layout, Memory, ReadError, Slice};
use pitstop_target::recorded::RecordedMemory;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

/// Memory of one interpreter that ran `known_stack.py`.
pub(crate) struct Recording {
    pub(crate) minor: u8,
    pub(crate) runtime: u64,
    pub(crate) layout: Layout,
    pub(crate) memory: RecordedMemory,
    /// The words of memory that walkers read and that are not zero.
    pub(crate) words: Vec<u64>,
}

/// One recording of each minor version, oldest first.
pub(crate) fn all() -> &'static [Recording] {
    static ALL: OnceLock<Vec<Recording>> = OnceLock::new();
    ALL.get_or_init(|| (8..=15).map(load).collect())
}

fn load(minor: u8) -> Recording {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/recorded")
        .join(format!("cpython-3.{minor}.mem"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let memory = RecordedMemory::load(&bytes).expect("it was saved whole");
    assert_eq!(memory.fact("minor"), Some(minor.to_string().as_str()));
    let runtime = memory.address("runtime").expect("it was noted");
    let layout = portrait::layout(&memory, runtime, minor).expect("its layout is known");
    let words = words(&memory, &layout, runtime);
    Recording {
        minor,
        runtime,
        layout,
        memory,
        words,
    }
}

fn words(memory: &RecordedMemory, layout: &Layout, runtime: u64) -> Vec<u64> {
    let noting = Noting {
        memory,
        words: RefCell::default(),
    };
    portrait::layout(&noting, runtime, layout.minor).expect("its layout is known");
    portrait::take(&noting, layout, runtime).expect("it was recorded whole");
    noting.words.into_inner().into_iter().collect()
}

struct Noting<'a> {
    memory: &'a RecordedMemory,
    words: RefCell<BTreeSet<u64>>,
}

impl Memory for Noting<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.memory.read(address, buffer)?;
        let chunks = (address..).step_by(8).zip(buffer.chunks(8));
        let used = chunks.filter(|(_, chunk)| chunk.iter().any(|&byte| byte != 0));
        self.words.borrow_mut().extend(used.map(|(at, _)| at));
        Ok(())
    }

    fn read_many(&self, _slices: &mut [Slice<'_>]) -> usize {
        0
    }
}
