//! Dicts: their entries in order, and one entry by name.
//!
//! A dict keeps its entries in an array in the order in which they were added, behind a hash table
//! of indices into that array. The hash table is never used here: the hashes of strings are keyed
//! with a secret of the process, and an array is quickly read whole.
//!
//! ```text
//! PyDictKeysObject { ... | indices | entries: [hash] key value, [hash] key value, ... }
//! ```
//!
//! Instances of a class share the keys; each has its values in an array of its own then, in the
//! order of the entries. A value of NULL is an entry that was removed or never set.

use super::Objects;
use super::kind::DICT;
use crate::bounded::BATCH;
use crate::bytes::{u8_at, u64_at};
use crate::memory::{Memory, ReadError, Slice};
use crate::text::StrHeader;

/// The most entries of one dict that are looked at.
const MAX_ENTRIES: u64 = 65_536;
/// How many are read at a time.
const CHUNK: u64 = BATCH as u64;
/// The most bytes of a `PyDictKeysObject` in front of its indices.
const MAX_KEYS_BYTES: usize = 64;

/// A key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: u64,
    /// The value, never NULL.
    pub(crate) value: u64,
}

/// Where entries lie.
#[derive(Clone, Copy, Debug)]
struct Entries {
    first: u64,
    count: u64,
    size: u64,
    key: u64,
    value: u64,
    /// Where the values lie if they are not in the entries.
    values: Option<u64>,
}

impl<M: Memory> Objects<'_, M> {
    /// The entries of a dict, at most `limit`.
    pub(crate) fn dict_entries(&self, dict: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let entries = self.entries_of_dict(dict)?;
        let mut found = Vec::new();
        self.scan(&entries, |chunk| {
            found.extend_from_slice(chunk);
            Ok((found.len() >= limit).then_some(()))
        })?;
        found.truncate(limit);
        Ok(found)
    }

    /// The value of a dict under a key that is an ASCII string.
    pub(crate) fn dict_lookup(&self, dict: u64, name: &str) -> Result<Option<u64>, ReadError> {
        let entries = self.entries_of_dict(dict)?;
        self.scan(&entries, |chunk| self.find(chunk, name))
    }

    /// The same for values beside shared keys.
    pub(crate) fn values_lookup(
        &self,
        keys: u64,
        values: u64,
        name: &str,
    ) -> Result<Option<u64>, ReadError> {
        let entries = Entries {
            values: Some(values),
            ..self.entries_of_keys(keys)?
        };
        self.scan(&entries, |chunk| self.find(chunk, name))
    }

    /// How many items a dict has.
    pub(crate) fn dict_len(&self, dict: u64) -> Result<u64, ReadError> {
        self.word(dict, self.layout.object.dict_used)
    }

    fn entries_of_dict(&self, dict: u64) -> Result<Entries, ReadError> {
        let object = &self.layout.object;
        self.expect(dict, DICT)?;
        let keys = self.word(dict, object.dict_keys)?;
        let values = match self.word(dict, object.dict_values)? {
            0 => None,
            values => Some(values.wrapping_add(self.layout.dict.values)),
        };
        Ok(Entries {
            values,
            ..self.entries_of_keys(keys)?
        })
    }

    fn entries_of_keys(&self, keys: u64) -> Result<Entries, ReadError> {
        let layout = &self.layout.dict;
        let mut buffer = [0; MAX_KEYS_BYTES];
        let bytes = &mut buffer[..(layout.indices as usize).min(MAX_KEYS_BYTES)];
        self.memory.read(keys, bytes)?;
        let index_bytes = match (layout.log2_index_bytes, layout.slot_count) {
            (Some(at), _) => 1u64.checked_shl(u32::from(u8_at(bytes, at))),
            (None, Some(at)) => {
                let slots = u64_at(bytes, at);
                slots.checked_mul(index_width(slots))
            }
            (None, None) => None,
        };
        let count = u64_at(bytes, layout.entry_count);
        let index_bytes = index_bytes
            .filter(|index_bytes| *index_bytes <= 1 << 40 && count <= *index_bytes)
            .ok_or(ReadError::Unmapped(keys))?;
        let strings_only = layout.kind.is_some_and(|at| u8_at(bytes, at) != 0);
        let (size, key, value) = if strings_only {
            (
                layout.str_entry_size,
                layout.str_entry_key,
                layout.str_entry_value,
            )
        } else {
            (layout.entry_size, layout.entry_key, layout.entry_value)
        };
        Ok(Entries {
            first: keys.wrapping_add(layout.indices).wrapping_add(index_bytes),
            count: count.min(MAX_ENTRIES),
            size,
            key,
            value,
            values: None,
        })
    }

    /// Shows the entries to `visit`, a chunk at a time, until it has found something.
    fn scan<T>(
        &self,
        entries: &Entries,
        mut visit: impl FnMut(&[Entry]) -> Result<Option<T>, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        let mut bytes = vec![0; (CHUNK * entries.size) as usize];
        let mut chunk = Vec::new();
        let mut start = 0;
        while start < entries.count {
            let count = CHUNK.min(entries.count - start);
            let bytes = &mut bytes[..(count * entries.size) as usize];
            let at = entries.first.wrapping_add(start * entries.size);
            self.memory.read(at, bytes)?;
            let values = match entries.values {
                Some(values) => self.words(values.wrapping_add(start * 8), count as usize)?,
                None => Vec::new(),
            };
            chunk.clear();
            chunk.extend((0..count).filter_map(|index| {
                let offset = index * entries.size;
                let value = match entries.values {
                    Some(_) => values[index as usize],
                    None => u64_at(bytes, offset + entries.value),
                };
                let key = u64_at(bytes, offset + entries.key);
                (key != 0 && value != 0).then_some(Entry { key, value })
            }));
            if let Some(found) = visit(&chunk)? {
                return Ok(Some(found));
            }
            start += count;
        }
        Ok(None)
    }

    /// The value of the entry whose key is the string `name`.
    fn find(&self, entries: &[Entry], name: &str) -> Result<Option<u64>, ReadError> {
        let data = self.layout.object.str_ascii_data as usize;
        // Enough to compare the text without a second read. A key that cannot be read so far is
        // shorter, and another one.
        let size = data.saturating_add(name.len()).min(4096);
        let mut buffers = vec![0; size * entries.len()];
        let mut rest = 0;
        while rest < entries.len() {
            let mut slices: Vec<Slice<'_>> = buffers[size * rest..]
                .chunks_exact_mut(size)
                .zip(&entries[rest..])
                .map(|(buffer, entry)| Slice {
                    address: entry.key,
                    buffer,
                })
                .collect();
            let filled = self.memory.read_many(&mut slices);
            for (slice, entry) in slices.iter().zip(&entries[rest..]).take(filled) {
                if self.is_text(slice.buffer, name) {
                    return Ok(Some(entry.value));
                }
            }
            rest += filled;
            if let Some(entry) = entries.get(rest) {
                self.readable(entry.key)?;
                rest += 1;
            }
        }
        Ok(None)
    }

    /// True if a copied object is that string.
    fn is_text(&self, bytes: &[u8], name: &str) -> bool {
        let data = self.layout.object.str_ascii_data;
        let wanted = StrHeader {
            length: name.len() as u64,
            width: 1,
            data,
            is_pointer: false,
        };
        StrHeader::parse(self.layout, bytes) == Some(wanted)
            && bytes.get(data as usize..) == Some(name.as_bytes())
    }

    /// Tells an address that cannot be read, which is fine, from memory that cannot be.
    fn readable(&self, address: u64) -> Result<(), ReadError> {
        match self.memory.read(address, &mut [0; 8]) {
            Ok(()) | Err(ReadError::Unmapped(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// How many bytes an index takes in a hash table of that many slots, up to 3.10: `DK_IXSIZE` of
/// `Objects/dictobject.c`.
fn index_width(slots: u64) -> u64 {
    match slots {
        ..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}
