//! Interpreters that lie: whatever their memory says, no question panics, runs on for ever, or
//! asks for more memory than it may.

use crate::portrait;
use crate::recordings::{self, Recording};
use crate::world::{Beyond, World, within};
use pitstop_cpython::{
    Code, Gil, Layout, Memory, RawFrame, ReadError, Slice, Snapshot, WalkEnd, interpreters,
    is_code, is_finalizing, layout_fits, read_bytes, read_c_str, read_fingerprint, read_str,
    threads, walk,
};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;

const MAX_INTERPRETERS: u64 = 64;
const MAX_THREADS: u64 = 65_536;
/// What one fetch of a walk reads at most: the pages of a frame that lies across their border.
const FETCH_BYTES: u64 = 2 * 4096;
const FETCHES: u32 = 16;
/// Guesses of a snapshot: how many, and how many bytes each.
const GUESSES: u64 = 24;
const GUESS_BYTES: u64 = 4 * 4096;
/// A text that is not compact takes three reads: what it says of itself, where its characters
/// lie, and those, which have up to four bytes each.
const TEXT_READS: u64 = 3;
const TEXT_BYTES: u64 = TEXT_HEADER_BYTES + 4 * 4096;
const TEXT_HEADER_BYTES: u64 = 72 + 8;
const TABLE_BYTES: u64 = 1 << 20;
/// The object, three texts, a line table, and the length of the bytecode.
const CODE_READS: u64 = 1 + 3 * TEXT_READS + 2 + 1;
const CODE_BYTES: u64 = 3 * TEXT_BYTES + TABLE_BYTES + 512;

/// Asks everything there is to ask.
fn ask_everything(memory: &impl Memory, layout: &Layout, runtime: u64, depth: usize) {
    within(memory, 1, 8, |memory| {
        is_finalizing(memory, layout, runtime).ok()
    });
    let (reads, bytes) = (1 + 3 * MAX_INTERPRETERS, 8 + 24 * MAX_INTERPRETERS);
    let interpreters = within(memory, reads, bytes, |memory| {
        interpreters(memory, layout, runtime).unwrap_or_default()
    });
    // Of each interpreter 16 threads are listed, read, walked, and the code of a frame judged.
    let fit_reads = reads + MAX_INTERPRETERS * (1 + 16 * (1 + 1 + 8 + 4));
    within(memory, fit_reads, fit_reads * FETCH_BYTES, |memory| {
        layout_fits(memory, layout, runtime)
    });
    for interpreter in interpreters.iter().take(4) {
        ask_gil(memory, layout, interpreter.gil);
        let (reads, bytes) = (1 + MAX_THREADS, 8 + 512 * MAX_THREADS);
        let threads = within(memory, reads, bytes, |memory| {
            threads(memory, layout, interpreter.address).unwrap_or_default()
        });
        for thread in threads.iter().take(4) {
            if let Ok(prefix) = portrait::prefix(memory, layout, thread.address) {
                ask_stack(memory, layout, &prefix, depth);
            }
        }
    }
}

fn ask_gil(memory: &impl Memory, layout: &Layout, address: u64) {
    let mut bytes = vec![0; Gil::prefix_bytes(layout)];
    assert!(bytes.len() <= 512);
    if memory.read(address, &mut bytes).is_ok() {
        Gil::parse(layout, &bytes).holder();
    }
}

/// Walks twice, the second time from the guess, and resolves the first frames.
fn ask_stack(memory: &impl Memory, layout: &Layout, prefix: &[u8], depth: usize) {
    let mut snapshot = Snapshot::default();
    let mut frames = Vec::new();
    for _ in 0..2 {
        let reads = GUESSES + u64::from(FETCHES);
        let bytes = GUESSES * GUESS_BYTES + u64::from(FETCHES) * FETCH_BYTES;
        let end = within(memory, reads, bytes, |memory| {
            snapshot.begin(FETCHES);
            assert!(snapshot.guesses() as u64 <= GUESSES);
            let mut slices: Vec<Slice<'_>> = Vec::new();
            snapshot.slices(&mut slices);
            let filled = memory.read_many(&mut slices);
            snapshot.filled(filled);
            walk(memory, layout, prefix, &mut snapshot, &mut frames, depth)
        });
        check_stack(&frames, end, depth);
    }
    for frame in frames.iter().take(6) {
        ask_code(memory, layout, frame.code, &[frame.instruction]);
    }
}

fn check_stack(frames: &[RawFrame], end: WalkEnd, depth: usize) {
    assert!(frames.len() <= depth);
    // A circle is noticed after a few rounds; its frames lie in the fetched pages.
    let places = (GUESSES * GUESS_BYTES + u64::from(FETCHES) * FETCH_BYTES) / 8;
    assert!(frames.len() as u64 <= 4 * places, "{} frames", frames.len());
    if end == WalkEnd::TooDeep {
        assert!(depth < 1 << 40);
    }
    for frame in frames {
        assert!(frame.code >= 4096 && frame.code.is_multiple_of(8));
        assert!(frame.address >= 4096 && frame.address.is_multiple_of(8));
    }
}

fn ask_code(memory: &impl Memory, layout: &Layout, address: u64, instructions: &[u64]) {
    within(memory, 1, 256, |memory| {
        read_fingerprint(memory, layout, address).ok()
    });
    within(memory, 4, 24, |memory| is_code(memory, layout, address));
    let code = within(memory, CODE_READS, CODE_BYTES, |memory| {
        Code::read(memory, layout, address)
    });
    let Ok(code) = code else { return };
    for name in [&code.name, &code.qualname, &code.filename] {
        assert!(name.chars().count() <= 4097);
    }
    for &instruction in instructions.iter().chain(&[0, 2, u64::MAX, u64::MAX - 1]) {
        if let Some(offset) = code.offset_of(instruction) {
            code.line_at(offset);
            within(memory, 1, 1, |memory| code.opcode_at(memory, offset).ok());
        }
        code.line_at(instruction);
    }
}

fn ask_texts(memory: &impl Memory, layout: &Layout, address: u64, limit: u64) {
    let text = within(
        memory,
        TEXT_READS,
        TEXT_HEADER_BYTES + 4 * limit,
        |memory| read_str(memory, layout, address, limit).unwrap_or_default(),
    );
    // One character more says that there would be more.
    assert!(text.chars().count() as u64 <= limit + 1);
    let bytes = within(memory, 2, 8 + limit, |memory| {
        read_bytes(memory, layout, address, limit).unwrap_or_default()
    });
    assert!(bytes.len() as u64 <= limit);
    within(memory, limit / 64 + limit / 4096 + 2, limit, |memory| {
        read_c_str(memory, address, limit as usize).ok()
    });
}

/// Addresses where arithmetic is hard, and any other.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => any::<u64>(),
        2 => (0..1u64 << 47).prop_map(|address| address & !7),
        1 => 0x10_0000..0x10_4000u64,
        1 => 0..20_000u64,
        2 => (0..20_000u64).prop_map(|below| u64::MAX - below),
    ]
}

fn depth() -> impl Strategy<Value = usize> {
    prop_oneof![0..40usize, Just(1000), Just(1 << 20), Just(usize::MAX)]
}

/// What is put in place of a word of a recording.
#[derive(Clone, Debug)]
enum Change {
    Flip(u32),
    Put(u64),
    Add(i64),
    /// Points at, or close to, another word of the recording.
    Point(Index, i64),
    /// Says what another word says.
    Copy(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let hard = prop_oneof![
        Just(0),
        Just(u64::MAX),
        Just(i64::MAX as u64),
        Just(i64::MIN as u64),
        Just(1 << 40),
        Just(1 << 31),
        Just(u64::from(u32::MAX)),
        0..5000u64,
        (0..10_000u64).prop_map(|below| u64::MAX - below),
        any::<u64>(),
    ];
    prop_oneof![
        (0..64u32).prop_map(Change::Flip),
        hard.prop_map(Change::Put),
        (-64..64i64).prop_map(Change::Add),
        (any::<Index>(), -12..12i64).prop_map(|(at, by)| Change::Point(at, 8 * by)),
        any::<Index>().prop_map(Change::Copy),
    ]
}

fn beyond() -> impl Strategy<Value = Beyond> {
    prop_oneof![Just(Beyond::Unmapped), any::<u64>().prop_map(Beyond::Noise)]
}

fn forge<'a>(recording: &'a Recording, changes: &[(Index, Change)], beyond: Beyond) -> World<'a> {
    let word = |at: u64| {
        let mut bytes = [0; 8];
        // At the end of a range less than a word may be left.
        let _ = recording.memory.read(at, &mut bytes);
        u64::from_ne_bytes(bytes)
    };
    let known = &recording.words;
    let words = changes.iter().map(|(index, change)| {
        let at = *index.get(known);
        let new = match change {
            Change::Flip(bit) => word(at) ^ (1 << bit),
            Change::Put(new) => *new,
            Change::Add(by) => word(at).wrapping_add_signed(*by),
            Change::Point(other, by) => other.get(known).wrapping_add_signed(*by),
            Change::Copy(other) => word(*other.get(known)),
        };
        (at, new)
    });
    World {
        recorded: Some(&recording.memory),
        words: words.collect(),
        beyond,
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        cases,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn noise_is_survived(seed: u64, runtime in address(), depth in depth()) {
        let world = World::noise(seed);
        for recording in recordings::all() {
            let layout = &recording.layout;
            ask_everything(&world, layout, runtime, depth);
            ask_code(&world, layout, runtime, &[seed]);
            if let Ok(prefix) = portrait::prefix(&world, layout, runtime) {
                ask_stack(&world, layout, &prefix, depth);
            }
            // What describes itself that way gets no layout, or one that is bounded too.
            if let Some(layout) = portrait::layout(&world, runtime, recording.minor) {
                ask_everything(&world, &layout, runtime, depth);
            }
        }
    }

    #[test]
    fn texts_of_noise_have_the_length_they_may_have(
        seed: u64,
        address in address(),
        limit in prop_oneof![0..200u64, 0..100_000u64],
    ) {
        let world = World::noise(seed);
        for recording in recordings::all() {
            ask_texts(&world, &recording.layout, address, limit);
        }
    }

    #[test]
    fn a_forged_recording_is_survived(
        changes in proptest::collection::vec((any::<Index>(), change()), 1..24),
        beyond in beyond(),
        depth in depth(),
    ) {
        for recording in recordings::all() {
            let Recording { layout, runtime, .. } = recording;
            let world = forge(recording, &changes, beyond);
            ask_everything(&world, layout, *runtime, depth);
            if let Some(layout) = portrait::layout(&world, *runtime, recording.minor) {
                ask_everything(&world, &layout, *runtime, depth);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// Only the description is forged, so that many get through and shift everything else.
    #[test]
    fn a_forged_description_is_survived(
        changes in proptest::collection::vec((0..110u64, 0..1200u64), 1..6),
        depth in depth(),
    ) {
        for recording in recordings::all().iter().filter(|recording| recording.minor >= 13) {
            let runtime = recording.runtime;
            let words = changes.iter().map(|&(index, new)| (runtime + 24 + 8 * index, new));
            let world = World {
                recorded: Some(&recording.memory),
                words: words.collect(),
                beyond: Beyond::Noise(depth as u64),
            };
            if let Some(layout) = portrait::layout(&world, runtime, recording.minor) {
                ask_everything(&world, &layout, runtime, depth);
            }
        }
    }
}

/// Every word of every recording, one after the other, says something hard.
#[test]
fn each_word_may_lie() {
    for recording in recordings::all() {
        let Recording {
            layout, runtime, ..
        } = recording;
        for &at in &recording.words {
            for new in [0, 8, u64::MAX, i64::MAX as u64, 1 << 40, at] {
                let world = World {
                    recorded: Some(&recording.memory),
                    words: BTreeMap::from([(at, new)]),
                    beyond: Beyond::Unmapped,
                };
                ask_everything(&world, layout, *runtime, usize::MAX);
                portrait::layout(&world, *runtime, recording.minor);
            }
        }
    }
}

#[test]
fn a_circle_of_frames_is_called_one() {
    for recording in recordings::all() {
        let Recording {
            memory,
            layout,
            runtime,
            ..
        } = recording;
        let portrait = portrait::take(memory, layout, *runtime).expect("it was recorded whole");
        let main = &portrait.threads[1];
        let prefix =
            portrait::prefix(memory, layout, main.state.address).expect("it was recorded whole");
        let frames = &main.stack.frames;
        for (from, first) in frames.iter().enumerate() {
            for (to, second) in frames.iter().enumerate() {
                let previous = first.address + layout.frame.previous;
                let world = World {
                    recorded: Some(memory),
                    words: BTreeMap::from([(previous, second.address)]),
                    beyond: Beyond::Unmapped,
                };
                let stack = portrait::stack(&world, layout, &prefix);
                if to > from {
                    let whole = [&frames[..=from], &frames[to..]].concat();
                    assert_eq!((stack.frames, stack.end), (whole, WalkEnd::Complete));
                } else {
                    assert_eq!(stack.end, WalkEnd::Cycle, "3.{}", recording.minor);
                    assert!(stack.frames.starts_with(&frames[..=from]));
                }
            }
        }
    }
}

#[test]
fn a_circle_of_threads_lists_each_once() {
    for recording in recordings::all() {
        let Recording {
            memory,
            layout,
            runtime,
            ..
        } = recording;
        let portrait = portrait::take(memory, layout, *runtime).expect("it was recorded whole");
        let states: Vec<_> = portrait.threads.iter().map(|thread| thread.state).collect();
        for next in &states {
            let oldest = states[1].address + layout.thread.next;
            let world = World {
                recorded: Some(memory),
                words: BTreeMap::from([(oldest, next.address)]),
                beyond: Beyond::Unmapped,
            };
            let interpreter = portrait.interpreters[0].address;
            let listed = within(&world, 3, 8 + 2 * 512, |memory| {
                threads(memory, layout, interpreter)
            });
            assert_eq!(listed.as_ref(), Ok(&states), "3.{}", recording.minor);
        }
    }
}

/// Memory in which every list goes on for ever and never comes back: each mebibyte is like the
/// one before.
struct Endless {
    /// Where a thread state names its interpreter.
    interp: u64,
}

impl Endless {
    const STEP: u64 = 1 << 20;
    const START: u64 = 0x5000_0000_0000;
}

impl Memory for Endless {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        for (byte, at) in buffer.iter_mut().zip(address..) {
            let place = at % Self::STEP;
            let word = match place - place % 8 {
                within if within == self.interp => Self::START,
                _ => at - place + Self::STEP,
            };
            *byte = word.to_ne_bytes()[(at % 8) as usize];
        }
        Ok(())
    }
}

#[test]
fn endless_lists_end() {
    for recording in recordings::all() {
        let layout = &recording.layout;
        let memory = Endless {
            interp: layout.thread.interp,
        };
        let interpreters = interpreters(&memory, layout, Endless::START).unwrap();
        assert_eq!(interpreters.len() as u64, MAX_INTERPRETERS);
        let threads = threads(&memory, layout, Endless::START).unwrap();
        assert_eq!(threads.len() as u64, MAX_THREADS, "3.{}", recording.minor);
        ask_everything(&memory, layout, Endless::START, 1000);
        let prefix = portrait::prefix(&memory, layout, threads[0].address).unwrap();
        for (fetches, depth, expected) in [
            (1000, 100, WalkEnd::TooDeep),
            (10, 100, WalkEnd::Budget),
            (10, usize::MAX, WalkEnd::Budget),
        ] {
            let mut snapshot = Snapshot::default();
            let mut frames = Vec::new();
            snapshot.begin(fetches);
            let end = walk(&memory, layout, &prefix, &mut snapshot, &mut frames, depth);
            assert_eq!(end, expected, "3.{}", recording.minor);
            assert!(frames.len() <= depth.min(fetches as usize));
        }
    }
}
