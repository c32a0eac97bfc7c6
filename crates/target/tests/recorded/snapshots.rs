//! A snapshot never shows other bytes than those that are there, however it is used.

use crate::world::{World, within};
use pitstop_cpython::{Memory, ReadError, Slice, Snapshot};
use proptest::prelude::*;
use std::cell::Cell;

/// What somebody does with a snapshot.
#[derive(Clone, Debug)]
enum Step {
    /// A new sample that may fetch so often, and of whose guesses so many are filled.
    Begin(u32, usize),
    Get(u64, usize),
}

/// Noise in which every fourth page is missing. Counts how often it is read.
struct Holes {
    world: World<'static>,
    reads: Cell<u32>,
}

impl Memory for Holes {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.reads.set(self.reads.get() + 1);
        let last = address.saturating_add((buffer.len() as u64).saturating_sub(1));
        let is_missing = (address >> 12..=last >> 12).any(|page| page % 4 == 3);
        if is_missing && !buffer.is_empty() {
            return Err(ReadError::Unmapped(address));
        }
        self.world.read(address, buffer)
    }
}

fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0x10_0000..0x10_8000u64,
        2 => 0x7fff_0000..0x7fff_8000u64,
        1 => 0..9000u64,
        3 => (0..40_000u64).prop_map(|below| u64::MAX - below),
        1 => any::<u64>(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..40u32, 0..30usize).prop_map(|(fetches, filled)| Step::Begin(fetches, filled)),
        4 => (address(), 0..130usize).prop_map(|(address, length)| Step::Get(address, length)),
    ]
}

fn begin(snapshot: &mut Snapshot, memory: &impl Memory, fetches: u32, at_most: usize) {
    snapshot.begin(fetches);
    let guesses = snapshot.guesses();
    assert!(guesses <= 24);
    let mut slices: Vec<Slice<'_>> = Vec::new();
    snapshot.slices(&mut slices);
    assert_eq!(slices.len(), guesses);
    let filled = within(memory, 24, 24 * 4 * 4096, |memory| {
        memory.read_many(&mut slices)
    });
    snapshot.filled(filled.min(at_most));
    assert!(!snapshot.missed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn what_it_shows_is_what_is_there(
        seed: u64,
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let memory = Holes { world: World::noise(seed), reads: Cell::new(0) };
        let mut snapshot = Snapshot::default();
        let mut fetches = 0;
        for step in steps {
            let (address, length) = match step {
                Step::Begin(granted, filled) => {
                    begin(&mut snapshot, &memory, granted, filled);
                    memory.reads.set(0);
                    fetches = granted;
                    continue;
                }
                Step::Get(address, length) => (address, length),
            };
            let mut shown = vec![0; length];
            let result = within(&memory, 1, 2 * 4096, |memory| {
                snapshot.get(memory, address, &mut shown)
            });
            prop_assert!(memory.reads.get() <= fetches);
            match result {
                Ok(()) => {
                    let mut truth = vec![0; length];
                    prop_assert_eq!(memory.world.read(address, &mut truth), Ok(()));
                    prop_assert_eq!(shown, truth);
                }
                Err(ReadError::Budget) => prop_assert_eq!(memory.reads.get(), fetches),
                Err(_) => {}
            }
        }
    }
}
