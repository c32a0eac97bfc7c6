//! Reading Python's objects where they lie, by the offsets of this version.
//!
//! The structs here have had these fields since before 3.8 (`Include/methodobject.h`,
//! `Include/descrobject.h`, `Include/cpython/object.h`).

use crate::state::{State, state};
use core::ffi::{CStr, c_char};
use core::ptr;
use pitstop_wire::Offsets;

/// `PyObject` of builds with a GIL.
#[repr(C)]
pub struct Object {
    pub(crate) references: isize,
    pub(crate) kind: *mut Object,
}

/// `PyMethodDef`.
#[repr(C)]
pub(crate) struct MethodDefinition {
    pub(crate) name: *const c_char,
    pub(crate) function: *const (),
    pub(crate) flags: i32,
    pub(crate) doc: *const c_char,
}

/// `PyCFunctionObject`.
#[repr(C)]
pub(crate) struct BuiltIn {
    pub(crate) object: Object,
    pub(crate) definition: *mut MethodDefinition,
    pub(crate) bound: *mut Object,
    pub(crate) module: *mut Object,
}

/// `PyMethodDescrObject`, and with a `wrapperbase` as definition `PyWrapperDescrObject`.
#[repr(C)]
pub(crate) struct Descriptor {
    pub(crate) object: Object,
    pub(crate) class: *mut Type,
    pub(crate) name: *mut Object,
    pub(crate) qualname: *mut Object,
    pub(crate) definition: *mut MethodDefinition,
}

/// `wrapperobject` of `Objects/descrobject.c`: a slot wrapper bound to an object.
#[repr(C)]
pub(crate) struct MethodWrapper {
    pub(crate) object: Object,
    pub(crate) descriptor: *mut Descriptor,
}

/// The fields of `PyTypeObject` that are used, which have not moved.
#[repr(C)]
pub(crate) struct Type {
    object: Object,
    size: isize,
    pub(crate) name: *const c_char,
    sizes: [isize; 2],
    before_hash: [usize; 9],
    pub(crate) hash: usize,
    pub(crate) call: usize,
    before_flags: [usize; 4],
    pub(crate) flags: u64,
    before_next: [usize; 6],
    pub(crate) next: usize,
    pub(crate) methods: *mut MethodDefinition,
    before_init: [usize; 7],
    pub(crate) init: usize,
    alloc: usize,
    pub(crate) new: usize,
    before_mro: [usize; 3],
    pub(crate) mro: *mut Object,
}

const _: () = {
    assert!(core::mem::offset_of!(Type, name) == 24);
    assert!(core::mem::offset_of!(Type, hash) == 120);
    assert!(core::mem::offset_of!(Type, call) == 128);
    assert!(core::mem::offset_of!(Type, flags) == 168);
    assert!(core::mem::offset_of!(Type, next) == 224);
    assert!(core::mem::offset_of!(Type, methods) == 232);
    assert!(core::mem::offset_of!(Type, init) == 296);
    assert!(core::mem::offset_of!(Type, new) == 312);
    assert!(core::mem::offset_of!(Type, mro) == 344);
};

/// Reads a field.
///
/// # Safety
/// There must be such a field.
#[inline(always)]
pub(crate) unsafe fn field<T: Copy>(object: *const Object, offset: u32) -> T {
    // SAFETY: as the caller promises; offsets of fields are aligned as the fields are.
    unsafe { object.cast::<u8>().add(offset as usize).cast::<T>().read() }
}

/// The value of a small non-negative int, as instruction offsets and lines are, from 3.12 on.
///
/// # Safety
/// The object must be an int of that kind.
#[inline(always)]
pub(crate) unsafe fn small_int(state: *const State, object: *const Object) -> u32 {
    // SAFETY: the layout is that of this version; a value below 2^30 has one digit.
    unsafe { field::<u32>(object, (*state).offsets.long_digits) }
}

/// Collects text in UTF-8 in a buffer; what does not fit is cut.
pub(crate) struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
    /// True once something was cut or could not be read.
    pub(crate) cut: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            length: 0,
            cut: false,
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let room = self.buffer.len() - self.length;
        let taken = bytes.len().min(room);
        self.cut |= taken < bytes.len();
        let source = bytes.as_ptr();
        // SAFETY: `taken` is within both.
        unsafe {
            ptr::copy_nonoverlapping(source, self.buffer.as_mut_ptr().add(self.length), taken);
        };
        self.length += taken;
    }

    /// A C string of at most a page.
    ///
    /// # Safety
    /// It must be one, or null.
    pub(crate) unsafe fn c_string(&mut self, text: *const c_char) {
        if !text.is_null() {
            // SAFETY: as the caller promises.
            let text = unsafe { CStr::from_ptr(text) }.to_bytes();
            self.bytes(&text[..text.len().min(4096)]);
        }
    }

    /// A number as C's `%p` writes it.
    pub(crate) fn address(&mut self, address: usize) {
        self.bytes(b"0x");
        let digits = (usize::BITS - address.leading_zeros()).div_ceil(4).max(1);
        for place in (0..digits).rev() {
            let digit = (address >> (4 * place)) & 15;
            self.bytes(&b"0123456789abcdef"[digit..=digit]);
        }
    }

    fn point(&mut self, point: u32) {
        let point = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut encoded = [0; 4];
        let text = point.encode_utf8(&mut encoded);
        if self.buffer.len() - self.length < text.len() {
            self.cut = true;
        } else {
            self.bytes(text.as_bytes());
        }
    }

    /// A Python str, at most `most` of its characters.
    ///
    /// # Safety
    /// The GIL is held, and the object is a str or null.
    pub(crate) unsafe fn string(&mut self, text: *const Object, most: usize) {
        if text.is_null() {
            return;
        }
        // SAFETY: the layout of a str in this version was verified at the start.
        unsafe {
            let offsets: &Offsets = &(*state()).offsets;
            let length = field::<isize>(text, offsets.str_length).max(0) as usize;
            let bits = string_bits(field::<u32>(text, offsets.str_state));
            self.cut |= length > most;
            let length = length.min(most);
            let data = text.cast::<u8>();
            if !bits.compact {
                self.cut = true;
                self.bytes(b"?");
            } else if bits.ascii {
                let data = data.add(offsets.str_ascii as usize);
                self.bytes(core::slice::from_raw_parts(data, length));
            } else {
                let data = data.add(offsets.str_compact as usize);
                for index in 0..length {
                    self.point(match bits.kind {
                        1 => u32::from(*data.add(index)),
                        2 => u32::from(*data.cast::<u16>().add(index)),
                        _ => *data.cast::<u32>().add(index),
                    });
                }
            }
        }
    }
}

struct StringBits {
    kind: u32,
    compact: bool,
    ascii: bool,
}

/// Takes `PyASCIIObject.state` apart (`Include/cpython/unicodeobject.h`): `interned` has 2 bits,
/// `kind` 3, `compact` and `ascii` one each. Some 3.14 releases gave `interned` 16 bits of its
/// own; there the two-bit reading has kind 0, which no str has.
fn string_bits(state: u32) -> StringBits {
    let shift = if (state >> 2) & 7 == 0 { 16 } else { 2 };
    let bits = state >> shift;
    StringBits {
        kind: bits & 7,
        compact: bits & 8 != 0,
        ascii: bits & 16 != 0,
    }
}

/// True if the object is of the type itself, not of a class derived from it.
///
/// # Safety
/// The object must be one.
#[inline(always)]
pub(crate) unsafe fn is(object: *const Object, kind: *mut Object) -> bool {
    // SAFETY: as the caller promises.
    unsafe { (*object).kind == kind }
}
