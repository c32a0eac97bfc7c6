//! Objects of a process that means harm: no panic, no endless walk, bounded text.

mod counted;

use counted::Counted;
use pitstop_cpython::{
    Layout, Memory, RawFrame, ReadError, ReprLimits, linecache_texts, locals, repr, tables,
    thread_names,
};
use proptest::prelude::*;

/// More reads than any question may make.
const BUDGET: usize = 20_000;
/// The distance from one object to the next.
const ROOM: u64 = 4096;
/// How many objects there are; every address belongs to one of them.
const OBJECTS: u64 = 64;

// The part that an object plays, by its number modulo 8; what is left is containers.
const TYPE: u64 = 0;
const STR: u64 = 1;
const OTHER_STR: u64 = 2;
const KEYS: u64 = 3;
const ANY: u64 = 4;

/// What is looked for, so that some of it is found.
const NAMES: [&str; 5] = ["threading", "_active", "_name", "linecache", "cache"];

/// A process made of objects that refer to each other at random. They are what they should be
/// just often enough to lead a reader on; with `noise` now and then a word is anything at all.
#[derive(Clone, Copy, Debug)]
struct World {
    layout: &'static Layout,
    seed: u64,
    noise: Option<u64>,
}

impl World {
    /// Where an object begins.
    fn object(dice: u64) -> u64 {
        (dice % OBJECTS + OBJECTS) * ROOM
    }

    /// The same for an object that plays a given part.
    fn object_for(part: u64, dice: u64) -> u64 {
        Self::object(dice & !7 | part)
    }

    fn word(&self, address: u64) -> u64 {
        let object = address / ROOM % OBJECTS;
        let offset = address % ROOM;
        let dice = mixed(self.seed ^ object << 32 ^ offset);
        if self.noise.is_some_and(|noise| dice.is_multiple_of(noise)) {
            return mixed(dice) >> (dice % 64);
        }
        let (layout, more) = (self.layout, mixed(dice));
        match object % 8 {
            // The sizes of the hash table in bytes and the kind of keys, or its slots.
            KEYS if offset == 8 => 0x0001_0505 | more & 0x0103_0000,
            _ if offset == layout.object.object_type => Self::object_for(TYPE, more),
            _ if offset == layout.interpreter.modules % ROOM => Self::object_for(ANY, more),
            TYPE => self.word_of_type(offset, more),
            STR | OTHER_STR => self.word_of_str(object, offset, more),
            KEYS if offset < layout.dict.indices => 20 + more % 13,
            KEYS if !more.is_multiple_of(3) => Self::object_for(STR, more >> 8),
            _ if offset == layout.object.dict_keys => Self::object_for(KEYS, more),
            _ if offset == layout.code.local_names => Self::object_for(ANY, more),
            _ if more.is_multiple_of(7) => more >> 32 & 15,
            _ if more.is_multiple_of(11) => 0,
            _ => Self::object(more >> 8) | more & u64::from(more.is_multiple_of(13)),
        }
    }

    fn word_of_type(&self, offset: u64, dice: u64) -> u64 {
        let instance = &self.layout.instance;
        // A subclass of everything leads on whatever is expected.
        let subclass_of = if dice.is_multiple_of(2) {
            0x3f << 24
        } else {
            1 << (24 + dice / 2 % 6)
        };
        match offset {
            _ if offset == self.layout.object.type_flags => {
                1 << 31 | subclass_of | dice >> 8 & 0x214
            }
            _ if offset == instance.type_dict_offset => [16, 16, 0, u64::MAX][dice as usize % 4],
            _ if offset == instance.type_basic_size => 16 + dice % 64 * 8,
            _ if offset == instance.type_cached_keys => Self::object_for(KEYS, dice),
            _ => Self::object(dice),
        }
    }

    fn word_of_str(&self, object: u64, offset: u64, dice: u64) -> u64 {
        let known = &self.layout.object;
        let name = NAMES[(object / 8 % 5) as usize].as_bytes();
        if offset == known.str_length {
            return if dice.is_multiple_of(9) {
                dice >> 20
            } else {
                name.len() as u64
            };
        }
        if offset == known.str_state & !7 {
            let state = [0xe4, 0xe4, 0xe4, 0xe4, 0xe4, 0x64, 0x68, 0x70][dice as usize % 8];
            return state << (8 * (known.str_state % 8)) | dice & 1;
        }
        let at = offset.saturating_sub(known.str_ascii_data) as usize;
        let mut bytes = [0; 8];
        for (byte, letter) in bytes.iter_mut().zip(name.get(at..).unwrap_or_default()) {
            *byte = *letter;
        }
        u64::from_le_bytes(bytes)
    }
}

impl Memory for World {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        for (index, byte) in buffer.iter_mut().enumerate() {
            let at = address.wrapping_add(index as u64);
            let word = self.word(at & !7);
            *byte = word.to_le_bytes()[(at % 8) as usize];
        }
        Ok(())
    }
}

/// Bits from which no pattern can be told (the finalizer of splitmix64).
fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn world() -> impl Strategy<Value = World> {
    let noise = prop::option::of(2..60u64);
    (8..=15u8, any::<u64>(), noise).prop_map(|(minor, seed, noise)| World {
        layout: tables::for_version(minor).unwrap(),
        seed,
        noise,
    })
}

fn address() -> impl Strategy<Value = u64> {
    prop_oneof![9 => (0..OBJECTS).prop_map(World::object), 1 => any::<u64>()]
}

fn within_budget<R>(memory: &World, ask: impl FnOnce(&Counted<&World>) -> R) -> R {
    let counted = Counted::new(memory);
    let answer = ask(&counted);
    let reads = counted.reads.get();
    assert!(reads <= BUDGET, "{reads} reads");
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn thread_names_end(world in world(), at in address()) {
        let _ = within_budget(&world, |memory| thread_names(memory, world.layout, at));
    }

    #[test]
    fn linecache_texts_end(world in world(), at in address()) {
        let texts = within_budget(&world, |memory| {
            linecache_texts(memory, world.layout, at, &|_| true)
        });
        for (_, text) in texts.unwrap_or_default() {
            prop_assert!(text.chars().count() <= 4 << 20);
        }
    }

    #[test]
    fn locals_end(world in world(), code in address(), address in address()) {
        let frame = RawFrame { code, instruction: 0, address };
        let variables = within_budget(&world, |memory| locals(memory, world.layout, frame));
        prop_assert!(variables.unwrap_or_default().len() <= 64);
    }

    #[test]
    fn repr_keeps_its_limits(
        world in world(),
        at in address(),
        depth in prop_oneof![0..4usize, Just(usize::MAX)],
        items in prop_oneof![0..20usize, Just(usize::MAX)],
        chars in prop_oneof![0..200usize, Just(usize::MAX)],
    ) {
        let limits = ReprLimits { depth, items, chars };
        let text = within_budget(&world, |memory| repr(memory, world.layout, at, limits));
        prop_assert!(text.chars().count() <= chars.min(65_536));
    }
}
