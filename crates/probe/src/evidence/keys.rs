//! What arguments are told by. Nothing of the program is asked: no `__hash__`, `__eq__`, `__repr__`.
//!
//! Numbers, text, bytes and None are told by type and value, tuples and other containers by what
//! is in them, everything else by its identity. Equal keys are taken for equal arguments: of a
//! million different ones two have the same 64 bits with a chance of one in 30 million.

use crate::object::{Object, Type, Writer, field, is};
use crate::state::{api, state};
use crate::table::mix;

/// Bits of [`Key::marks`].
pub(super) mod mark {
    pub(in super::super) const BY_IDENTITY: u32 = 1;
    pub(in super::super) const OWN_EQUALITY: u32 = 2;
    pub(in super::super) const UNHASHABLE: u32 = 4;
    pub(in super::super) const TEMPORARY: u32 = 8;
}

/// How deep containers are looked into.
const MOST_DEPTH: u32 = 3;
/// How many objects are looked at for one key.
const MOST_OBJECTS: u32 = 2000;

/// A key while it is put together.
pub(super) struct Key {
    pub(super) hash: u64,
    pub(super) marks: u32,
    budget: u32,
}

impl Key {
    pub(super) fn new() -> Self {
        Self {
            hash: 0x243f_6a88_85a3_08d3,
            marks: 0,
            budget: MOST_OBJECTS,
        }
    }

    /// Adds a number of our own.
    #[inline(always)]
    pub(super) fn number(&mut self, number: u64) {
        self.hash = mix(self.hash.rotate_left(17), number);
    }

    /// Adds an object.
    ///
    /// # Safety
    /// The GIL is held.
    #[inline(always)]
    pub(super) unsafe fn object(&mut self, object: *mut Object) {
        // SAFETY: as the caller promises.
        let hash = unsafe { self.hash_of(object, 0) };
        self.number(hash);
    }

    #[inline(always)]
    unsafe fn hash_of(&mut self, object: *mut Object, depth: u32) -> u64 {
        // SAFETY: objects of these types have these layouts.
        unsafe {
            let api = api();
            if object.is_null() {
                return 1;
            }
            if is(object, api.long_type) {
                return long(object);
            }
            if is(object, api.unicode_type) {
                // `PyASCIIObject.hash` (`Include/cpython/unicodeobject.h`).
                let known: i64 = field(object, 24);
                let known = if known == -1 {
                    (api.hash)(object) as i64
                } else {
                    known
                };
                return known as u64 ^ 0x5bd1_e995;
            }
            self.hash_of_other(object, depth)
        }
    }

    unsafe fn hash_of_other(&mut self, object: *mut Object, depth: u32) -> u64 {
        // SAFETY: likewise.
        unsafe {
            let api = api();
            if is(object, api.float_type) {
                return mix(field(object, 16), 3);
            }
            if is(object, api.bytes_type) {
                return (api.hash)(object) as u64 ^ 0x85eb_ca6b;
            }
            if object == api.none || is(object, api.bool_type) {
                return mix(object as u64, 4);
            }
            self.budget = self.budget.saturating_sub(1);
            let is_searched = depth < MOST_DEPTH && self.budget > 0;
            if is_searched && is(object, api.tuple_type) {
                return self.sequence(object, depth, (api.tuple_size)(object), api.tuple_item, 5);
            }
            if is(object, api.list_type) {
                self.marks |= mark::UNHASHABLE;
                if is_searched {
                    let size = (api.list_size)(object);
                    return self.sequence(object, depth, size, api.list_item, 6);
                }
            }
            if is(object, api.dict_type) {
                self.marks |= mark::UNHASHABLE;
                if is_searched {
                    return self.dict(object, depth);
                }
            }
            let is_set = is(object, api.set_type);
            if is_set || is(object, api.frozen_set_type) {
                if is_set {
                    self.marks |= mark::UNHASHABLE;
                }
                if is_searched && api.set_next.is_some() {
                    return self.set(object, depth);
                }
            }
            self.identity(object)
        }
    }

    unsafe fn identity(&mut self, object: *mut Object) -> u64 {
        // SAFETY: every object has a type.
        unsafe {
            let api = api();
            let kind = (*object).kind.cast::<Type>();
            self.marks |= mark::BY_IDENTITY;
            if (*kind).hash == api.no_hash as usize {
                self.marks |= mark::UNHASHABLE;
            } else if (*kind).hash != (*api.base_type.cast::<Type>()).hash
                && !is(object, api.type_type)
            {
                self.marks |= mark::OWN_EQUALITY;
            }
            mix(object as u64, 7)
        }
    }

    unsafe fn sequence(
        &mut self,
        object: *mut Object,
        depth: u32,
        size: isize,
        item: unsafe extern "C" fn(*mut Object, isize) -> *mut Object,
        seed: u64,
    ) -> u64 {
        let mut hash = mix(size as u64, seed);
        for index in 0..size {
            if self.budget == 0 {
                return self.too_large(object);
            }
            self.budget -= 1;
            // SAFETY: the index is below the size, and nothing runs that could change it.
            let item = unsafe { item(object, index) };
            // SAFETY: it is an object.
            hash = mix(hash, unsafe { self.hash_of(item, depth + 1) });
        }
        hash
    }

    /// What is too large to be looked at whole is told by its identity.
    #[cold]
    fn too_large(&mut self, object: *mut Object) -> u64 {
        self.marks |= mark::BY_IDENTITY | mark::OWN_EQUALITY;
        mix(object as u64, 8)
    }

    unsafe fn dict(&mut self, object: *mut Object, depth: u32) -> u64 {
        // SAFETY: nothing runs that could change it.
        unsafe {
            let next = api().dict_next;
            let (mut at, mut key, mut value) = (0, core::ptr::null_mut(), core::ptr::null_mut());
            let mut sum: u64 = 9;
            while next(object, &mut at, &mut key, &mut value) != 0 {
                if self.budget == 0 {
                    return self.too_large(object);
                }
                self.budget -= 1;
                let name = self.hash_of(key, depth + 1);
                sum = sum.wrapping_add(mix(name, self.hash_of(value, depth + 1)));
            }
            mix(sum, 9)
        }
    }

    unsafe fn set(&mut self, object: *mut Object, depth: u32) -> u64 {
        // SAFETY: nothing runs that could change it.
        unsafe {
            let Some(next) = api().set_next else {
                return self.identity(object);
            };
            let (mut at, mut item, mut hash) = (0, core::ptr::null_mut(), 0);
            let mut sum: u64 = 10;
            while next(object, &mut at, &mut item, &mut hash) != 0 {
                if self.budget == 0 {
                    return self.too_large(object);
                }
                self.budget -= 1;
                sum = sum.wrapping_add(mix(self.hash_of(item, depth + 1), 10));
            }
            mix(sum, 10)
        }
    }

    /// Adds the value of a parameter, which lies in a frame. `owned` says that the frame holds a
    /// reference of its own. What nobody else holds cannot come again: its address may, for
    /// another object.
    ///
    /// # Safety
    /// As for [`Key::object`].
    #[inline(always)]
    pub(super) unsafe fn parameter(&mut self, object: *mut Object, owned: bool, number: u64) {
        let before = self.marks;
        self.marks &= !mark::BY_IDENTITY;
        // SAFETY: as the caller promises.
        unsafe {
            let hash = self.hash_of(object, 0);
            if self.marks & mark::BY_IDENTITY != 0 && owned && is_temporary(object) {
                self.marks |= mark::TEMPORARY;
                self.number(number);
            }
            self.number(hash);
        }
        self.marks |= before;
    }
}

/// True for an object that only the call itself holds. Up to 3.11 the caller's own stack holds it
/// too while the call runs.
unsafe fn is_temporary(object: *mut Object) -> bool {
    // SAFETY: every object has a count; from 3.12 on it has 32 bits.
    unsafe {
        if (*state()).minor >= 12 {
            (*object).references as u32 == 1
        } else {
            (*object).references <= 2
        }
    }
}

/// An int by sign and digits: `hash` gives -1 and -2, and numbers that are far apart, the same.
#[inline(always)]
unsafe fn long(object: *mut Object) -> u64 {
    // SAFETY: the layout of an int in this version is known.
    unsafe {
        let state = state();
        let offsets = &raw const (*state).offsets;
        // `ob_size` up to 3.11, then `lv_tag`, whose two lowest bits are the sign.
        let (tag, count) = if (*state).minor >= 12 {
            let tag: u64 = field(object, (*offsets).long_tag);
            (tag, tag >> 3)
        } else {
            let size: i64 = field(object, 16);
            (size as u64, size.unsigned_abs())
        };
        let digits = object
            .cast::<u8>()
            .add((*offsets).long_digits as usize)
            .cast::<u32>();
        // 3.12 and later keep zero as one digit without a count.
        let mut hash = mix(tag, 2);
        for index in 0..count.min(4096) as usize {
            hash = mix(hash, u64::from(*digits.add(index)));
        }
        hash
    }
}

/// How much of a text is shown.
const SHOWN_CHARACTERS: usize = 40;
const SHOWN_ITEMS: isize = 4;

/// Writes an argument as its `repr` would have it, where that is known without asking it.
///
/// # Safety
/// The GIL is held and no exception is set.
pub(super) unsafe fn show(writer: &mut Writer<'_>, object: *mut Object, depth: u32) {
    // SAFETY: objects of these types have these layouts.
    unsafe {
        let api = api();
        if object.is_null() {
            writer.bytes(b"?");
        } else if is(object, api.unicode_type) {
            writer.bytes(b"'");
            writer.string(object, SHOWN_CHARACTERS);
            let length: isize = field(object, (*state()).offsets.str_length);
            writer.bytes(if length as usize > SHOWN_CHARACTERS {
                b"...'"
            } else {
                b"'"
            });
        } else if is(object, api.long_type)
            || is(object, api.float_type)
            || object == api.none
            || is(object, api.bool_type)
        {
            let text = (api.repr)(object);
            if text.is_null() {
                (api.error_clear)();
                writer.bytes(b"<int>");
            } else {
                writer.string(text, SHOWN_CHARACTERS);
                (api.decrease)(text);
            }
        } else if is(object, api.tuple_type) && depth < 2 {
            let size = (api.tuple_size)(object);
            writer.bytes(b"(");
            show_items(writer, object, depth, size, api.tuple_item);
            writer.bytes(if size == 1 { b",)" } else { b")" });
        } else if is(object, api.list_type) && depth < 2 {
            writer.bytes(b"[");
            show_items(
                writer,
                object,
                depth,
                (api.list_size)(object),
                api.list_item,
            );
            writer.bytes(b"]");
        } else {
            writer.bytes(b"<");
            writer.c_string((*(*object).kind.cast::<Type>()).name);
            writer.bytes(b">");
        }
    }
}

unsafe fn show_items(
    writer: &mut Writer<'_>,
    object: *mut Object,
    depth: u32,
    size: isize,
    item: unsafe extern "C" fn(*mut Object, isize) -> *mut Object,
) {
    for index in 0..size.min(SHOWN_ITEMS) {
        if index > 0 {
            writer.bytes(b", ");
        }
        // SAFETY: the index is below the size.
        unsafe { show(writer, item(object, index), depth + 1) };
    }
    if size > SHOWN_ITEMS {
        writer.bytes(b", ...");
    }
}
