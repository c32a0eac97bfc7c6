//! How often a function is called with the same arguments, and what that costs.
//!
//! A table of keys for each watched function, in the file. It is exact up to [`MOST_KEYS`]
//! combinations. Beyond them their number is estimated (HyperLogLog), and of those that found no
//! room the ones that come most often are kept (SpaceSaving).

use super::keys::{Key, mark, show};
use super::watch::Call;
use super::{Local, lose};
use crate::arena;
use crate::object::{Object, Writer};
use crate::state::{api, entry, header, ticks};
use crate::table::mix;
use pitstop_wire::{
    KeyRecord, OVERFLOW_KEYS, REGISTERS, REUSE_BUCKETS, UNIT_BYTES, Watched, key, reuse_bucket,
};

/// A table begins with so many places.
pub(super) const FIRST_CAPACITY: u32 = 256;
/// Combinations that are kept apart: 16 MiB.
const MOST_KEYS: u32 = 1 << 17;
/// Combinations that are written down when they come for the second time.
const EARLY_TEXTS: u32 = 64;
/// Those that come more often are written down later.
const MOST_TEXTS: u32 = 4096;
/// How many of the results of a key are compared, at first; then each time their number doubles.
const COMPARED: u64 = 16;
/// How far outwards a call of the same function is looked for.
const NESTING: usize = 64;

/// Where a parameter lies: a slot of the frame, and what it is.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Slot {
    pub(super) index: u16,
    pub(super) kind: u16,
}

/// Kinds of parameters.
pub(super) mod kind {
    /// In a cell, once the frame has begun.
    pub(in super::super) const CELL: u16 = 1;
    /// `*arguments`: a tuple made for the call.
    pub(in super::super) const REST: u16 = 2;
    /// `**keywords`: a dict made for the call.
    pub(in super::super) const KEYWORDS: u16 = 4;
}

/// A place of parameters in memory.
#[derive(Clone, Copy)]
pub(super) struct Parameters {
    /// The locals of the frame.
    pub(super) locals: *const u64,
    pub(super) slots: *const Slot,
    pub(super) count: usize,
    /// Bits of a slot that are no part of the address, and the one that says that the reference is
    /// somebody else's.
    pub(super) tags: u64,
}

impl Parameters {
    /// The object, and whether the frame holds a reference of its own.
    pub(super) unsafe fn get(&self, index: usize) -> (*mut Object, bool, u16) {
        // SAFETY: the plan was made for this code object.
        unsafe {
            let slot = *self.slots.add(index);
            let value = *self.locals.add(slot.index as usize);
            let mut object = (value & !self.tags) as *mut Object;
            let mut owned = value & self.tags == 0;
            if slot.kind & kind::CELL != 0 && !object.is_null() && (*object).kind == api().cell_type
            {
                // `ob_ref` of `PyCellObject`.
                object = crate::object::field(object, 16);
                owned = false;
            }
            (object, owned, slot.kind)
        }
    }
}

unsafe fn key_of(parameters: &Parameters, number: u64) -> Key {
    let mut key = Key::new();
    for index in 0..parameters.count {
        // SAFETY: the GIL is held, the frame is about to run.
        unsafe {
            let (object, owned, kind) = parameters.get(index);
            if kind & kind::REST != 0 && !object.is_null() {
                let size = (api().tuple_size)(object);
                key.number(size as u64);
                for index in 0..size {
                    key.parameter((api().tuple_item)(object, index), false, number);
                }
            } else if kind & kind::KEYWORDS != 0 {
                let before = key.marks;
                key.object(object);
                key.marks = before | key.marks & !mark::UNHASHABLE;
            } else {
                key.parameter(object, owned, number);
            }
        }
    }
    // 0 is an empty place.
    key.hash |= u64::from(key.hash == 0);
    key
}

/// A watched function begins. Fills in what its end will need.
#[inline]
pub(super) unsafe fn begin(
    local: *mut Local,
    call: &mut Call,
    watched: *mut Watched,
    parameters: &Parameters,
) {
    // SAFETY: the GIL is held; the entry is one of the file.
    unsafe {
        (*watched).calls += 1;
        let number = (*watched).calls;
        let key = key_of(parameters, number);
        if key.marks != 0 {
            count_marks(watched, key.marks);
        }
        let (record, is_tracked) = record(watched, key.hash);
        (call.hash, call.keys) = (key.hash, (*watched).keys);
        (call.record, call.is_tracked) = (record, is_tracked);
        call.is_repeat = false;
        if record != 0 {
            let record = entry::<KeyRecord>(record);
            (*record).calls += 1;
            if (*record).last != 0 {
                count_reuse(watched, number - (*record).last);
            }
            (*record).last = number;
            if is_tracked && (*record).flags & key::ANSWERED != 0 {
                (*watched).hits += 1;
                call.is_repeat = true;
            }
            if (*record).text.unit == 0 && matches!((*record).calls, 2 | 16 | 256 | 4096) {
                write_down(watched, record, parameters);
            }
        }
        nest(local, call);
        call.began = ticks();
    }
}

#[cold]
unsafe fn count_marks(watched: *mut Watched, marks: u32) {
    // SAFETY: the entry is one of the file.
    unsafe {
        (*watched).by_identity += u64::from(marks & mark::BY_IDENTITY != 0);
        (*watched).own_equality += u64::from(marks & mark::OWN_EQUALITY != 0);
        (*watched).unhashable += u64::from(marks & mark::UNHASHABLE != 0);
        (*watched).temporary += u64::from(marks & mark::TEMPORARY != 0);
    }
}

unsafe fn count_reuse(watched: *mut Watched, distance: u64) {
    // SAFETY: the counts have so many buckets.
    unsafe {
        let counts = entry::<u64>((*watched).reuse);
        *counts.add(reuse_bucket(distance).min(REUSE_BUCKETS - 1)) += 1;
    }
}

/// Finds out whether a call of the same function runs further out: time counts once.
#[inline]
unsafe fn nest(local: *mut Local, call: &mut Call) {
    // SAFETY: the calls below the depth are running.
    unsafe {
        let depth = (*local).depth;
        (call.is_nested, call.in_repeat) = (false, false);
        for back in 1..=depth.min(NESTING) {
            let outer = &(*local).calls[depth - back];
            if outer.watched == call.watched {
                call.is_nested = true;
                call.in_repeat = outer.in_repeat || outer.is_repeat;
                return;
            }
        }
    }
}

/// It ends, with a result or (null) an exception. `now` was read before anything else.
#[inline]
pub(super) unsafe fn end(call: &Call, watched: *mut Watched, result: *mut Object, now: u64) {
    // SAFETY: the GIL is held; the entry is one of the file.
    unsafe {
        let spent = now.wrapping_sub(call.began);
        if !call.is_nested {
            (*watched).ticks += spent;
        }
        if call.is_repeat && !call.in_repeat {
            (*watched).repeat_ticks += spent;
        }
        if result.is_null() {
            (*watched).raised += 1;
        }
        if !call.is_tracked {
            (*watched).untracked_calls += 1;
            (*watched).untracked_ticks += spent;
        }
        let mut unit = call.record;
        if unit == 0 {
            return;
        }
        // The table was moved, or a place among the frequent ones was given to another key.
        if call.keys != (*watched).keys || (*entry::<KeyRecord>(unit)).hash != call.hash {
            unit = if call.is_tracked {
                find(watched, call.hash).0
            } else {
                0
            };
            if unit == 0 || (*entry::<KeyRecord>(unit)).hash != call.hash {
                return;
            }
        }
        let record = entry::<KeyRecord>(unit);
        (*record).ticks += spent;
        if call.is_repeat {
            (*record).repeat_ticks += spent;
        }
        if !result.is_null() {
            compare(watched, record, result);
        }
    }
}

/// Holds a result against the first one with the same key.
unsafe fn compare(watched: *mut Watched, record: *mut KeyRecord, result: *mut Object) {
    // SAFETY: the GIL is held.
    unsafe {
        let is_first = (*record).flags & key::ANSWERED == 0;
        let calls = (*record).calls;
        if !is_first && calls > COMPARED && !calls.is_power_of_two() {
            return;
        }
        let mut told = Key::new();
        told.object(result);
        let by_identity = told.marks & mark::BY_IDENTITY != 0;
        if is_first {
            (*record).flags |= key::ANSWERED;
            if by_identity {
                (*record).flags |= key::RESULT_BY_IDENTITY;
            }
            (*record).result = told.hash;
        } else if (*record).result == told.hash {
            (*watched).agreed += 1;
        } else if by_identity || (*record).flags & key::RESULT_BY_IDENTITY != 0 {
            (*watched).unknown += 1;
        } else {
            (*watched).differed += 1;
            (*record).differed += 1;
        }
    }
}

/// The place of a key in the table, and whether the key is there.
unsafe fn find(watched: *const Watched, hash: u64) -> (u32, bool) {
    // SAFETY: half of the table is empty.
    unsafe {
        let mask = (*watched).key_capacity - 1;
        let mut place = mix(hash, 0) as u32 & mask;
        loop {
            let unit = (*watched).keys + place;
            let record = entry::<KeyRecord>(unit);
            if (*record).hash == hash {
                return (unit, true);
            }
            if (*record).hash == 0 {
                return (unit, false);
            }
            place = (place + 1) & mask;
        }
    }
}

/// The record of a key, made if need be; 0 if there is no room. The second says that it is one of
/// the table.
#[inline]
unsafe fn record(watched: *mut Watched, hash: u64) -> (u32, bool) {
    // SAFETY: as for `find`.
    unsafe {
        let (unit, is_known) = find(watched, hash);
        if is_known {
            return (unit, true);
        }
        insert(watched, hash, unit)
    }
}

#[cold]
#[inline(never)]
unsafe fn insert(watched: *mut Watched, hash: u64, mut unit: u32) -> (u32, bool) {
    // SAFETY: as for `find`.
    unsafe {
        if (*watched).registers != 0 {
            return (overflow(watched, hash), false);
        }
        if (*watched).key_count * 2 >= (*watched).key_capacity {
            if (*watched).key_count >= MOST_KEYS || !grow(watched) {
                estimate(watched);
                return (overflow(watched, hash), false);
            }
            unit = find(watched, hash).0;
        }
        (*watched).key_count += 1;
        (*entry::<KeyRecord>(unit)).hash = hash;
        (unit, true)
    }
}

unsafe fn grow(watched: *mut Watched) -> bool {
    // SAFETY: the old table stays as it is, unused.
    unsafe {
        let (old, capacity) = ((*watched).keys, (*watched).key_capacity);
        let new = arena::take(capacity * 2);
        if new == 0 {
            return false;
        }
        ((*watched).keys, (*watched).key_capacity) = (new, capacity * 2);
        for place in 0..capacity {
            let record = entry::<KeyRecord>(old + place);
            if (*record).hash != 0 {
                let (unit, _) = find(watched, (*record).hash);
                *entry::<KeyRecord>(unit) = *record;
            }
        }
        crate::state::renew_anchor();
        true
    }
}

/// The table is full: from now on combinations are estimated.
unsafe fn estimate(watched: *mut Watched) {
    // SAFETY: units that were given out are ours.
    unsafe {
        let registers = arena::take((REGISTERS / UNIT_BYTES) as u32);
        let more = arena::take(OVERFLOW_KEYS);
        if registers == 0 || more == 0 {
            lose();
            return;
        }
        ((*watched).registers, (*watched).overflow) = (registers, more);
        for place in 0..(*watched).key_capacity {
            let record = entry::<KeyRecord>((*watched).keys + place);
            if (*record).hash != 0 {
                register(watched, (*record).hash);
            }
        }
    }
}

/// HyperLogLog (Flajolet and others, 2007): ten bits choose the register, which keeps the longest
/// run of zeros of the rest.
unsafe fn register(watched: *const Watched, hash: u64) {
    // SAFETY: there are so many registers.
    unsafe {
        let hash = mix(hash, 11);
        let place = (hash >> 54) as usize;
        let run = ((hash << 10) | 1 << 9).leading_zeros() as u8 + 1;
        let register = entry::<u8>((*watched).registers).add(place);
        *register = (*register).max(run);
    }
}

/// SpaceSaving (Metwally and others, 2005): a new key takes the place of the rarest, with its count.
unsafe fn overflow(watched: *mut Watched, hash: u64) -> u32 {
    // SAFETY: there are so many records.
    unsafe {
        if (*watched).registers == 0 {
            lose();
            return 0;
        }
        register(watched, hash);
        let first = (*watched).overflow;
        let (mut rarest, mut fewest) = (first, u64::MAX);
        for unit in first..first + OVERFLOW_KEYS {
            let record = entry::<KeyRecord>(unit);
            if (*record).hash == hash {
                return unit;
            }
            let calls = if (*record).hash == 0 {
                0
            } else {
                (*record).calls
            };
            if calls < fewest {
                (rarest, fewest) = (unit, calls);
            }
        }
        *entry::<KeyRecord>(rarest) = KeyRecord {
            hash,
            calls: fewest,
            ..KeyRecord::default()
        };
        rarest
    }
}

/// Writes the arguments down for people to read.
#[cold]
unsafe fn write_down(watched: *mut Watched, record: *mut KeyRecord, parameters: &Parameters) {
    // SAFETY: the GIL is held, the frame is about to run.
    unsafe {
        let is_early = (*watched).texts < EARLY_TEXTS;
        let is_frequent = (*record).calls > 2 && (*watched).texts < MOST_TEXTS;
        if !(is_early || is_frequent || (*record).calls > 256) {
            return;
        }
        let mut buffer = [0; 240];
        let mut writer = Writer::new(&mut buffer);
        for index in 0..parameters.count {
            let (object, _, kind) = parameters.get(index);
            let is_empty = match kind & (kind::REST | kind::KEYWORDS) {
                kind::REST => (api().tuple_size)(object) == 0,
                kind::KEYWORDS => (api().dict_size)(object) == 0,
                _ => false,
            };
            if is_empty {
                continue;
            }
            if writer.length() > 0 {
                writer.bytes(b", ");
            }
            show(&mut writer, object, 0);
        }
        let length = writer.length();
        (*record).text = arena::keep(&buffer[..length]);
        (*watched).texts += 1;
    }
}

/// Makes the entry of a function; 0 if there is no room.
pub(super) unsafe fn add(callable: u32, flags: u32, plan: &[u8]) -> u32 {
    // SAFETY: units that were given out are ours.
    unsafe {
        let unit = arena::take((size_of::<Watched>() / UNIT_BYTES) as u32);
        let keys = arena::take(FIRST_CAPACITY);
        let reuse = arena::take((REUSE_BUCKETS * 8 / UNIT_BYTES) as u32);
        if unit == 0 || keys == 0 || reuse == 0 {
            lose();
            return 0;
        }
        *entry::<Watched>(unit) = Watched {
            callable,
            next: (*header()).evidence.watched,
            flags,
            keys,
            key_capacity: FIRST_CAPACITY,
            reuse,
            plan: arena::keep(plan),
            ..Watched::default()
        };
        (*header()).evidence.watched = unit;
        crate::state::renew_anchor();
        unit
    }
}

/// Counts from zero again. Answers of before are not forgotten: a cache would have been inherited.
pub(super) unsafe fn start_over() {
    // SAFETY: entries are linked as they were made.
    unsafe {
        let mut unit = (*header()).evidence.watched;
        while unit != 0 {
            let watched = entry::<Watched>(unit);
            let old = *watched;
            *watched = Watched {
                callable: old.callable,
                next: old.next,
                flags: old.flags,
                keys: old.keys,
                key_capacity: old.key_capacity,
                key_count: old.key_count,
                registers: old.registers,
                overflow: old.overflow,
                reuse: old.reuse,
                texts: old.texts,
                plan: old.plan,
                ..Watched::default()
            };
            for place in 0..REUSE_BUCKETS {
                *entry::<u64>(old.reuse).add(place) = 0;
            }
            for place in 0..old.key_capacity {
                let record = entry::<KeyRecord>(old.keys + place);
                ((*record).calls, (*record).ticks, (*record).repeat_ticks) = (0, 0, 0);
                ((*record).last, (*record).differed) = (0, 0);
            }
            unit = old.next;
        }
    }
}
