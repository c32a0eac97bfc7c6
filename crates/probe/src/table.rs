//! One hash table for all that is looked up: open addressing, in private memory.
//!
//! An entry holds 30 bits of the hash, what it names, and the unit it leads to. Entries are never
//! taken out: whoever looks one up checks what it leads to, and the next rebuilding leaves out
//! what no longer holds.

use crate::system;

/// What an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum What {
    /// A path by its parent and key.
    PathByKey = 0,
    /// A path by its parent, callable and call site.
    PathByCallable = 1,
    /// A callable by its address.
    CallableByAddress = 2,
    /// A callable by what it looks like.
    CallableByContent = 3,
}

const HASH_BITS: u32 = 30;
const HASH_MASK: u64 = (1 << HASH_BITS) - 1;
/// The first table: 128 KiB.
const FIRST_CAPACITY: usize = 1 << 14;
/// The largest: 4 GiB, for all paths that a file can hold.
const MOST_CAPACITY: usize = 1 << 29;

/// The table.
pub(crate) struct Table {
    entries: *mut u64,
    capacity: usize,
    used: usize,
}

/// Mixes two words (the finalizer of SplitMix64, which is a permutation).
#[inline]
pub(crate) fn mix(first: u64, second: u64) -> u64 {
    let mut hash = first ^ second.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

fn pack(hash: u64, what: What, unit: u32) -> u64 {
    (hash & HASH_MASK) << 34 | (what as u64) << 32 | u64::from(unit)
}

fn what(entry: u64) -> What {
    match (entry >> 32) & 3 {
        0 => What::PathByKey,
        1 => What::PathByCallable,
        2 => What::CallableByAddress,
        _ => What::CallableByContent,
    }
}

impl Table {
    pub(crate) const fn new() -> Self {
        Self {
            entries: core::ptr::null_mut(),
            capacity: 0,
            used: 0,
        }
    }

    /// The first unit under that hash for which `fits` holds; 0 if there is none.
    #[inline]
    pub(crate) fn find(&self, hash: u64, kind: What, mut fits: impl FnMut(u32) -> bool) -> u32 {
        if self.capacity == 0 {
            return 0;
        }
        let wanted = pack(hash, kind, 0) >> 32;
        let mut place = (hash & HASH_MASK) as usize & (self.capacity - 1);
        loop {
            // SAFETY: `place` is below the capacity; the GIL is held.
            let entry = unsafe { *self.entries.add(place) };
            if entry == 0 {
                return 0;
            }
            let unit = entry as u32;
            if entry >> 32 == wanted && fits(unit) {
                return unit;
            }
            place = (place + 1) & (self.capacity - 1);
        }
    }

    /// Adds an entry. `holds` says of an entry whether it still leads to what it names, and under
    /// which hash. False if there is no memory.
    pub(crate) fn add(
        &mut self,
        hash: u64,
        kind: What,
        unit: u32,
        holds: impl Fn(What, u32, u64) -> bool,
    ) -> bool {
        if self.used * 2 >= self.capacity && !self.rebuild(holds) {
            return false;
        }
        self.put(pack(hash, kind, unit));
        true
    }

    fn put(&mut self, entry: u64) {
        let mut place = (entry >> 34) as usize & (self.capacity - 1);
        // SAFETY: `place` is below the capacity, and half of the table is empty.
        unsafe {
            while *self.entries.add(place) != 0 {
                place = (place + 1) & (self.capacity - 1);
            }
            *self.entries.add(place) = entry;
        }
        self.used += 1;
    }

    fn rebuild(&mut self, holds: impl Fn(What, u32, u64) -> bool) -> bool {
        let keep = |entry: u64| entry != 0 && holds(what(entry), entry as u32, entry >> 34);
        // SAFETY: all indices are below the capacity.
        let at = |index: usize| unsafe { *self.entries.add(index) };
        let valid = (0..self.capacity).filter(|&index| keep(at(index))).count();
        let mut capacity = self.capacity.max(FIRST_CAPACITY);
        while valid * 4 > capacity {
            capacity *= 2;
        }
        if capacity > MOST_CAPACITY {
            return false;
        }
        let Ok(memory) = system::map_memory(capacity * 8) else {
            return false;
        };
        let mut new = Self {
            entries: memory as *mut u64,
            capacity,
            used: 0,
        };
        for index in 0..self.capacity {
            let entry = at(index);
            if keep(entry) {
                new.put(entry);
            }
        }
        let old = core::mem::replace(self, new);
        if old.capacity > 0 {
            // SAFETY: the old table is not used any more.
            unsafe { system::unmap(old.entries as usize, old.capacity * 8) };
        }
        true
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        for index in 0..self.capacity {
            // SAFETY: below the capacity.
            unsafe { *self.entries.add(index) = 0 };
        }
        self.used = 0;
    }
}

/// The hash that an entry keeps.
pub(crate) fn kept(hash: u64) -> u64 {
    hash & HASH_MASK
}
