//! Sets: their items, in the order of their table, which is that of Python's `repr`.
//!
//! A slot without a key was never used; one whose hash is -1, which no object has, was emptied
//! (`Include/cpython/setobject.h`).

use super::Objects;
use crate::bytes::u64_at;
use crate::memory::{Memory, ReadError};

/// The most slots of a table that are looked at.
const MAX_SLOTS: u64 = 4096;
/// How many are read at a time.
const CHUNK: u64 = 64;

impl<M: Memory> Objects<'_, M> {
    /// How many items a `set` or `frozenset` has.
    pub(super) fn set_len(&self, set: u64) -> Result<u64, ReadError> {
        self.word(set, self.layout.object.set_used)
    }

    /// The items of a `set` or `frozenset`, at most `limit`.
    pub(super) fn set_items(&self, set: u64, limit: usize) -> Result<Vec<u64>, ReadError> {
        let layout = &self.layout.object;
        let size = layout.set_entry_size;
        let slots = self.word(set, layout.set_mask)?.saturating_add(1);
        let slots = slots.min(MAX_SLOTS);
        let table = self.word(set, layout.set_table)?;
        let mut bytes = vec![0; (CHUNK * size) as usize];
        let mut items = Vec::new();
        let mut start = 0;
        while start < slots && items.len() < limit {
            let count = CHUNK.min(slots - start);
            let bytes = &mut bytes[..(count * size) as usize];
            self.memory.read(table.wrapping_add(start * size), bytes)?;
            items.extend((0..count).filter_map(|index| {
                let key = u64_at(bytes, index * size + layout.set_entry_key);
                let hash = u64_at(bytes, index * size + layout.set_entry_hash);
                (key != 0 && hash != u64::MAX).then_some(key)
            }));
            start += count;
        }
        items.truncate(limit);
        Ok(items)
    }
}
