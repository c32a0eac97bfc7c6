//! Memory of a process that means harm, and a meter for what is asked of it.

use pitstop_cpython::{Memory, ReadError};
use pitstop_target::recorded::RecordedMemory;
use std::cell::Cell;
use std::collections::BTreeMap;

/// What lies where a world has nothing of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Beyond {
    /// Nothing.
    Unmapped,
    /// Numbers that depend on their address and on this one, and look as a walker likes them.
    Noise(u64),
}

/// A recording with other words in some places, or no recording at all.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(crate) recorded: Option<&'a RecordedMemory>,
    pub(crate) words: BTreeMap<u64, u64>,
    pub(crate) beyond: Beyond,
}

impl World<'_> {
    /// Noise everywhere.
    pub(crate) fn noise(seed: u64) -> Self {
        Self {
            recorded: None,
            words: BTreeMap::new(),
            beyond: Beyond::Noise(seed),
        }
    }
}

impl Memory for World<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let known = self.recorded.map(|memory| memory.read(address, buffer));
        match (known, self.beyond) {
            (Some(Ok(())), _) => {}
            (_, Beyond::Unmapped) => return Err(ReadError::Unmapped(address)),
            (_, Beyond::Noise(seed)) => make_noise(seed, address, buffer),
        }
        let end = address.saturating_add(buffer.len() as u64);
        for (&at, word) in self.words.range(address.saturating_sub(7)..end) {
            for (byte, at) in word.to_ne_bytes().into_iter().zip(at..) {
                let index = at.checked_sub(address).map(|index| index as usize);
                if let Some(place) = index.and_then(|index| buffer.get_mut(index)) {
                    *place = byte;
                }
            }
        }
        Ok(())
    }
}

fn make_noise(seed: u64, address: u64, buffer: &mut [u8]) {
    let mut at = address;
    let mut rest = buffer;
    while !rest.is_empty() {
        let within = (at % 8) as usize;
        let word = noise(seed, at - at % 8).to_ne_bytes();
        let length = rest.len().min(8 - within);
        let (piece, tail) = rest.split_at_mut(length);
        piece.copy_from_slice(&word[within..within + length]);
        rest = tail;
        at = at.wrapping_add(length as u64);
    }
}

/// One word of noise: anything, a small number, a pointer far away, or one nearby, which sooner or
/// later closes a circle.
fn noise(seed: u64, address: u64) -> u64 {
    let word = mixed(seed ^ mixed(address));
    let choice = mixed(word) % 8;
    match choice {
        0 => word,
        1 => word % 300,
        2 => word & !7,
        3 => (address & !0xffff).wrapping_add(word & 0xfff8),
        4 => u64::MAX - (word & 0x3ff8),
        _ => 0x10_0000 + (word & 0x3ff8),
    }
}

/// SplitMix64's finalizer (Steele, Lea, Flood 2014).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Memory that counts.
#[derive(Debug)]
pub(crate) struct Metered<M> {
    memory: M,
    reads: Cell<u64>,
    bytes: Cell<u64>,
}

impl<M: Memory> Memory for Metered<M> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.reads.set(self.reads.get() + 1);
        self.bytes.set(self.bytes.get() + buffer.len() as u64);
        self.memory.read(address, buffer)
    }
}

/// Asks a question that may take so many reads and bytes, and no more.
#[track_caller]
pub(crate) fn within<M: Memory, T>(
    memory: M,
    reads: u64,
    bytes: u64,
    ask: impl FnOnce(&Metered<M>) -> T,
) -> T {
    let metered = Metered {
        memory,
        reads: Cell::new(0),
        bytes: Cell::new(0),
    };
    let answer = ask(&metered);
    let used = (metered.reads.get(), metered.bytes.get());
    assert!(
        used.0 <= reads && used.1 <= bytes,
        "{used:?} reads and bytes where ({reads}, {bytes}) are allowed"
    );
    answer
}
