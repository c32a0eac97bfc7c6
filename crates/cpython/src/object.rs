//! Python objects, read from outside: what they are, what they hold, how they are spelled.
//!
//! ```text
//! names   linecache   locals      what a profile asks for
//!     \       |       /   \
//!      instance          repr     attributes; text
//!            \          /
//!     dict   set   number   kind   the parts of CPython's objects
//! ```
//!
//! The process runs on while it is read, so an object may be freed and its place reused between
//! two reads. Nothing here believes a pointer: what does not look like the object that it should
//! be is reported as unmapped, every length has a limit, and all reads of one question together
//! have one too.

mod dict;
mod instance;
mod kind;
mod number;
mod quote;
mod repr;
mod set;

use crate::bounded::Bounded;
use crate::layout::Layout;
use crate::memory::{Memory, ReadError};
use crate::runtime::read_u64;
use crate::text;
pub(crate) use dict::Entry;
use kind::{Kind, LIST, TUPLE, UNICODE};
pub(crate) use repr::Speller;
pub use repr::{ReprLimits, repr};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::rc::Rc;

/// The objects of one process while one question is answered.
pub(crate) struct Objects<'a, M> {
    pub(crate) memory: Bounded<'a, M>,
    pub(crate) layout: &'a Layout,
    /// Types already read: many objects, few types.
    kinds: RefCell<FxHashMap<u64, Rc<Kind>>>,
}

impl<'a, M: Memory> Objects<'a, M> {
    /// Reads nothing yet.
    pub(crate) fn new(memory: &'a M, layout: &'a Layout) -> Self {
        Self {
            memory: Bounded::new(memory),
            layout,
            kinds: RefCell::default(),
        }
    }

    /// The pointer or number at `address` + `offset`.
    pub(crate) fn word(&self, address: u64, offset: u64) -> Result<u64, ReadError> {
        read_u64(&self.memory, address.wrapping_add(offset))
    }

    /// The text of a `str`, at most `max_chars` of it.
    pub(crate) fn str(&self, object: u64, max_chars: u64) -> Result<String, ReadError> {
        self.expect(object, UNICODE)?;
        text::read_str(&self.memory, self.layout, object, max_chars)
    }

    /// How many items a tuple or list has and where they lie.
    pub(crate) fn sequence(&self, object: u64) -> Result<(u64, u64), ReadError> {
        let layout = &self.layout.object;
        let kind = self.kind(object)?;
        let items = if kind.is_a(TUPLE) {
            object.wrapping_add(layout.tuple_items)
        } else if kind.is_a(LIST) {
            self.word(object, layout.list_items)?
        } else {
            return Err(ReadError::Unmapped(object));
        };
        let count = self.word(object, layout.var_size)?;
        // No address space holds more; such a number is not a length.
        if count > 1 << 44 {
            return Err(ReadError::Unmapped(object));
        }
        Ok((count, items))
    }

    /// The items of a tuple or list, at most `limit` of them.
    pub(crate) fn items(&self, object: u64, limit: usize) -> Result<Vec<u64>, ReadError> {
        let (count, items) = self.sequence(object)?;
        self.words(items, count.min(limit as u64) as usize)
    }

    /// `count` words from `address` on.
    pub(crate) fn words(&self, address: u64, count: usize) -> Result<Vec<u64>, ReadError> {
        let mut bytes = vec![0; 8 * count];
        if count > 0 {
            self.memory.read(address, &mut bytes)?;
        }
        let words = bytes.as_chunks::<8>().0.iter();
        Ok(words.map(|word| u64::from_ne_bytes(*word)).collect())
    }

    /// What `read` makes of each of `items`. What is not as it should be is left out, and when
    /// the budget is used up so is the rest.
    pub(crate) fn each<T, R>(
        &self,
        items: impl IntoIterator<Item = T>,
        mut read: impl FnMut(T) -> Result<R, ReadError>,
    ) -> Result<Vec<R>, ReadError> {
        let mut found = Vec::new();
        for item in items {
            match read(item) {
                Ok(result) => found.push(result),
                Err(ReadError::Unmapped(_)) => {}
                Err(ReadError::Budget) => break,
                Err(error @ (ReadError::Gone | ReadError::Denied)) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Makes sure that an object's type has a flag.
    fn expect(&self, object: u64, flag: u64) -> Result<(), ReadError> {
        if self.kind(object)?.is_a(flag) {
            Ok(())
        } else {
            Err(ReadError::Unmapped(object))
        }
    }
}
