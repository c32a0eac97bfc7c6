//! Calls of chosen built-in functions: the pointer in their `PyMethodDef` leads to us first.
//!
//! That holds for everyone who has the function already, for methods of classes that cannot be
//! changed, and for call sites that the interpreter has specialized, because all of them read that
//! pointer when they call. (Code that the JIT of 3.15 compiled before does not; so it is done before
//! the program begins, or when a module is imported.)
//!
//! There is one entry of ours for each function, because nothing else tells them apart. It takes six
//! words and passes them on: a function that takes fewer finds its own in the same registers, both
//! in the System V convention of x86_64 and in that of aarch64.

use super::{Local, Role, blocking, evidence, local, queries};
use crate::callables;
use crate::monitor::Arguments;
use crate::object::{BuiltIn, Descriptor, MethodDefinition, Object, Type, is};
use crate::state::{api, ticks};
use core::ptr;

/// How calls pass arguments, of `Include/methodobject.h`.
mod convention {
    pub(super) const VARIABLE: i32 = 1;
    pub(super) const KEYWORDS: i32 = 2;
    pub(super) const NONE: i32 = 4;
    pub(super) const ONE: i32 = 8;
    pub(super) const FAST: i32 = 0x80;
    pub(super) const METHOD: i32 = 0x200;
    pub(super) const ALL: i32 = VARIABLE | KEYWORDS | NONE | ONE | FAST | METHOD;
}

type Entry = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize) -> *mut Object;

/// A function that leads to us.
#[derive(Clone, Copy)]
struct Swapped {
    original: Option<Entry>,
    flags: i32,
    role: Role,
    callable: u32,
}

const MOST: usize = 256;

static mut SWAPPED: [Swapped; MOST] = [Swapped {
    original: None,
    flags: 0,
    role: Role::Block,
    callable: 0,
}; MOST];
static mut COUNT: usize = 0;

unsafe extern "C" fn enter<const N: usize>(
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> *mut Object {
    // SAFETY: called by the interpreter in place of the original, with the GIL held.
    unsafe { called(N, [a, b, c, d, e, f]) }
}

macro_rules! entries {
    ($($high:literal)*) => {
        [$(
            enter::<{ $high * 8 }>, enter::<{ $high * 8 + 1 }>, enter::<{ $high * 8 + 2 }>,
            enter::<{ $high * 8 + 3 }>, enter::<{ $high * 8 + 4 }>, enter::<{ $high * 8 + 5 }>,
            enter::<{ $high * 8 + 6 }>, enter::<{ $high * 8 + 7 }>,
        )*]
    };
}

static ENTRIES: [Entry; MOST] = entries!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
);

impl Swapped {
    #[inline(always)]
    unsafe fn call(&self, words: [usize; 6]) -> *mut Object {
        let [a, b, c, d, e, f] = words;
        match self.original {
            // SAFETY: these are the words that it was to be called with.
            Some(original) => unsafe { original(a, b, c, d, e, f) },
            None => ptr::null_mut(),
        }
    }

    /// An argument by position; null if there are fewer.
    unsafe fn argument(&self, words: &[usize; 6], index: usize) -> *mut Object {
        // SAFETY: the words are those of this convention.
        unsafe {
            let api = api();
            let from = |array: usize, count: usize| {
                if index < count {
                    *(array as *const *mut Object).add(index)
                } else {
                    ptr::null_mut()
                }
            };
            if self.flags & convention::METHOD != 0 {
                from(words[2], words[3])
            } else if self.flags & convention::FAST != 0 {
                from(words[1], words[2])
            } else if self.flags & convention::VARIABLE != 0 {
                let tuple = words[1] as *mut Object;
                if (index as isize) < (api.tuple_size)(tuple) {
                    (api.tuple_item)(tuple, index as isize)
                } else {
                    ptr::null_mut()
                }
            } else if self.flags & convention::ONE != 0 && index == 0 {
                words[1] as *mut Object
            } else {
                ptr::null_mut()
            }
        }
    }
}

unsafe fn called(index: usize, words: [usize; 6]) -> *mut Object {
    let all = &raw const SWAPPED;
    // SAFETY: the GIL is held; entries are made before anything leads to them.
    unsafe {
        let swapped = (*all)[index];
        let local = local();
        if local.is_null() {
            return swapped.call(words);
        }
        match swapped.role {
            Role::Callback => callback(&swapped, local, words),
            Role::Block => block(&swapped, local, words),
            _ => query(&swapped, local, words),
        }
    }
}

#[inline]
unsafe fn block(swapped: &Swapped, local: *mut Local, words: [usize; 6]) -> *mut Object {
    // SAFETY: as for `called`. Other threads may run meanwhile; what is local is this one's.
    unsafe {
        if (*local).in_blocking || !blocking::is_in_loop(local) {
            return swapped.call(words);
        }
        (*local).in_blocking = true;
        let began = ticks();
        let result = swapped.call(words);
        let spent = ticks().wrapping_sub(began);
        (*local).in_blocking = false;
        blocking::blocked(local, swapped.callable, spent);
        result
    }
}

unsafe fn callback(swapped: &Swapped, local: *mut Local, words: [usize; 6]) -> *mut Object {
    // SAFETY: as for `called`.
    unsafe {
        if (*local).in_callback || !blocking::is_loop_calling() {
            return swapped.call(words);
        }
        let what = swapped.argument(&words, 0);
        // Who calls holds it too; the count says so to whoever looks.
        if !what.is_null() {
            (api().increase)(what);
        }
        (*local).in_callback = true;
        (*local).blocked = 0;
        let began = ticks();
        let result = swapped.call(words);
        let spent = ticks().wrapping_sub(began);
        (*local).in_callback = false;
        blocking::callback_ended(local, what, spent);
        if !what.is_null() {
            (api().decrease)(what);
        }
        result
    }
}

unsafe fn query(swapped: &Swapped, local: *mut Local, words: [usize; 6]) -> *mut Object {
    // SAFETY: as for `called`.
    unsafe {
        let object = words[0] as *mut Object;
        if !(*evidence()).queries {
            return block(swapped, local, words);
        }
        let (statement, parameters) = match swapped.role {
            Role::Execute | Role::ExecuteMany => {
                (swapped.argument(&words, 0), swapped.argument(&words, 1))
            }
            _ => (ptr::null_mut(), ptr::null_mut()),
        };
        let role = swapped.role;
        let callable = swapped.callable;
        let driver = queries::Driver {
            callable,
            is_running: false,
        };
        let running = queries::begin(local, role, object, statement, parameters, driver);
        let blocks = (*evidence()).blocking && !(*local).in_blocking && blocking::is_in_loop(local);
        (*local).in_blocking |= blocks;
        let began = ticks();
        let result = swapped.call(words);
        let spent = ticks().wrapping_sub(began);
        queries::end(local, running, result, spent);
        if blocks {
            (*local).in_blocking = false;
            blocking::blocked(local, callable, spent);
        }
        result
    }
}

unsafe fn definition(callable: *mut Object) -> *mut MethodDefinition {
    // SAFETY: objects of these types have these structs.
    unsafe {
        let api = api();
        let is_builtin = is(callable, api.builtin_type)
            || api
                .builtin_class_type
                .is_some_and(|kind| is(callable, kind));
        if is_builtin {
            (*callable.cast::<BuiltIn>()).definition
        } else if is(callable, api.method_descriptor_type) {
            (*callable.cast::<Descriptor>()).definition
        } else {
            ptr::null_mut()
        }
    }
}

unsafe fn add(original: *const (), flags: i32, role: u32, callable: u32) -> Option<Entry> {
    let all = &raw mut SWAPPED;
    // SAFETY: the GIL is held; the original is a function of that convention.
    unsafe {
        let (count, role) = (COUNT, Role::from_number(role)?);
        if count >= MOST {
            return None;
        }
        let original = core::mem::transmute::<*const (), Entry>(original);
        (*all)[count] = Swapped {
            original: Some(original),
            flags,
            role,
            callable,
        };
        COUNT = count + 1;
        Some(ENTRIES[count])
    }
}

/// `swap_place(callable)`: where the pointer lies, or 0: the bootstrap makes sure that it may be
/// written to.
///
/// # Safety
/// Called by the bootstrap, with the GIL held.
pub(crate) unsafe extern "C" fn place(_: *mut Object, values: Arguments, _: isize) -> *mut Object {
    // SAFETY: as above.
    unsafe { (api().long_new)(definition(*values) as i64) }
}

/// `swap(callable, role)`: leads calls of a built-in function or method to us.
///
/// # Safety
/// As for [`place`], which the bootstrap has asked.
pub(crate) unsafe extern "C" fn swap(_: *mut Object, values: Arguments, _: isize) -> *mut Object {
    // SAFETY: as above.
    unsafe {
        let callable = *values;
        let definition = definition(callable);
        if definition.is_null() || local().is_null() {
            return crate::module::none();
        }
        let original = (*definition).function;
        let is_ours = ENTRIES.iter().any(|&entry| entry as *const () == original);
        let flags = (*definition).flags & convention::ALL;
        if original.is_null() || is_ours || flags == 0 {
            return crate::module::none();
        }
        let unit = callables::of_native(callable, callables::native_address(callable));
        let role = (api().long_value)(*values.add(1)) as u32;
        if let Some(entry) = add(original, flags, role, unit) {
            (*definition).function = entry as *const ();
        }
        crate::module::none()
    }
}

/// `swap_next(class, role)`: leads the iteration over instances of a class to us.
///
/// # Safety
/// As for [`swap`].
pub(crate) unsafe extern "C" fn swap_next(
    _: *mut Object,
    values: Arguments,
    _: isize,
) -> *mut Object {
    // SAFETY: as above.
    unsafe {
        let class = (*values).cast::<Type>();
        let original = (*class).next as *const ();
        let is_ours = ENTRIES.iter().any(|&entry| entry as *const () == original);
        if !original.is_null() && !is_ours && !local().is_null() {
            let role = (api().long_value)(*values.add(1)) as u32;
            if let Some(entry) = add(original, 0, role, 0) {
                (*class).next = entry as *const () as usize;
            }
        }
        crate::module::none()
    }
}
