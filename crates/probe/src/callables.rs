//! What was called, known by content.
//!
//! A code object is known by its address while it lives. A mark in it, taken away by the
//! interpreter when it dies ([`died`]), tells that the address may become another's. Whatever
//! looks the same as one that died is taken for the same, so a program that makes code in a loop
//! does not fill the file; what looks the same and lives at the same time, like two lambdas on a
//! line, gets an ordinal and stays apart.

use crate::arena;
use crate::object::{
    BuiltIn, Descriptor, MethodDefinition, MethodWrapper, Object, Type, Writer, field, is,
};
use crate::state::{Phase, SCRATCH_BYTES, State, api, entry, header, node, state};
use crate::table::{What, mix};
use core::ffi::{CStr, c_char, c_void};
use pitstop_wire::{Callable, Kind, Node, Offsets, SITE_SHIFT, Text};

/// How many code objects that look the same are told apart. The next ones share the last.
const MOST_ALIKE: u32 = 64;

/// The bits of a node's key that are the address.
pub(crate) const ADDRESS_MASK: u64 = (1 << SITE_SHIFT) - 1;

/// Texts of a callable that is about to be interned, put together in the scratch memory.
struct Looks {
    kind: Kind,
    first_line: u32,
    flags: u32,
    file: &'static [u8],
    name: &'static [u8],
    qualname: &'static [u8],
    lines: &'static [u8],
    hash: u64,
}

/// The callable that a code object is; 0 if there is no room for it.
///
/// # Safety
/// The GIL is held and the object is a code object.
pub(crate) unsafe fn of_code(code: *mut Object) -> u32 {
    // SAFETY: as the caller promises.
    unsafe {
        let known = by_address(code as u64);
        if known != 0 {
            return known;
        }
        let looks = looks_of_code(code);
        crate::greenlets::notice(looks.file);
        let unit = intern(&looks, code as u64);
        if unit != 0 && (*state()).phase != Phase::Calibrating {
            mark(code, unit);
        }
        unit
    }
}

/// The callable at an address, if it is known; else 0.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn by_address(address: u64) -> u32 {
    // SAFETY: units in the table are callables.
    unsafe {
        let fits = |unit| (*entry::<Callable>(unit)).address == address;
        (*state())
            .table
            .find(mix(address, 1), What::CallableByAddress, fits)
    }
}

/// Asks to be told when the code object dies. Where that cannot be had it is kept alive: more
/// memory, but no wrong name.
unsafe fn mark(code: *mut Object, unit: u32) {
    // SAFETY: the GIL is held and `code` is a code object.
    unsafe {
        let api = api();
        let index = (*state()).extra_index;
        let mark = unit as usize as *mut c_void;
        let marked = index >= 0 && api.extra_set.is_some_and(|set| set(code, index, mark) == 0);
        if !marked {
            if !(api.error_occurred)().is_null() {
                (api.error_clear)();
            }
            (api.increase)(code);
        }
    }
}

/// A marked code object dies.
///
/// # Safety
/// Called by the interpreter, with the GIL held and what [`mark`] attached.
pub(crate) unsafe extern "C" fn died(mark: *mut c_void) {
    let unit = mark as usize as u32;
    // SAFETY: the mark is the unit of a callable.
    unsafe {
        if unit == 0 || (*state()).base.is_null() || (*state()).phase == Phase::Closed {
            return;
        }
        if (*state()).is_forked {
            crate::fork::settle();
        }
        let callable = entry::<Callable>(unit);
        (*callable).address = 0;
        (*state()).timed_code = 0;
        let mut path = (*callable).newest;
        while path != 0 {
            (*node(path)).key &= !ADDRESS_MASK;
            path = (*node(path)).same;
        }
    }
}

unsafe fn looks_of_code(code: *const Object) -> Looks {
    // SAFETY: the offsets of this version were verified at the start; the scratch memory is ours
    // while we hold the GIL.
    unsafe {
        let state: *mut State = state();
        let offsets: &Offsets = &(*state).offsets;
        let scratch: &'static mut [u8; SCRATCH_BYTES] = &mut (*state).scratch;
        let scratch_start = scratch.as_ptr();
        let mut writer = Writer::new(scratch);
        writer.string(field(code, offsets.code_file), 4096);
        let file_end = writer.length();
        writer.string(field(code, offsets.code_name), 1024);
        let name_end = writer.length();
        if offsets.code_qualname == Offsets::NONE {
            writer.string(field(code, offsets.code_name), 1024);
        } else {
            writer.string(field(code, offsets.code_qualname), 2048);
        }
        let end = writer.length();
        let cut = writer.cut;
        (*header()).lost.texts += u64::from(cut);
        let piece = |from: usize, to: usize| {
            core::slice::from_raw_parts(scratch_start.add(from), to - from)
        };
        let table: *const Object = field(code, offsets.code_lines);
        let lines = if table.is_null() {
            &[]
        } else {
            let length = field::<isize>(table, 16).max(0) as usize;
            let data = table.cast::<u8>().add(offsets.bytes_data as usize);
            core::slice::from_raw_parts(data, length)
        };
        Looks {
            kind: Kind::Python,
            first_line: field(code, offsets.code_first_line),
            flags: field(code, (*state).code_flags),
            file: piece(0, file_end),
            name: piece(file_end, name_end),
            qualname: piece(name_end, end),
            lines,
            hash: 0,
        }
        .hashed()
    }
}

impl Looks {
    fn native(kind: Kind, name: &'static [u8], qualname: &'static [u8]) -> Self {
        Self {
            kind,
            first_line: 0,
            flags: 0,
            file: &[],
            name,
            qualname,
            lines: &[],
            hash: 0,
        }
        .hashed()
    }

    /// Text made by the program, like that of `exec`, has names but no identity: only code of
    /// files is told apart by its line table too.
    fn is_generated(&self) -> bool {
        self.file.first() == Some(&b'<')
    }

    fn hashed(mut self) -> Self {
        let mut hash = mix(u64::from(self.first_line), self.kind as u64);
        for part in [self.file, self.name, self.qualname] {
            for &byte in part {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            hash = mix(hash, part.len() as u64);
        }
        self.hash = hash;
        self
    }

    unsafe fn are_those_of(&self, callable: *const Callable) -> bool {
        // SAFETY: the callable is one, and its texts were kept.
        unsafe {
            (*callable).hash == self.hash
                && (*callable).kind == self.kind as u32
                && (*callable).first_line == self.first_line
                && arena::text((*callable).qualname) == self.qualname
                && arena::text((*callable).file) == self.file
        }
    }

    /// Whether one that is named the same may be the same function, made again.
    unsafe fn may_be(&self, callable: *const Callable) -> bool {
        // SAFETY: as above.
        unsafe {
            (*callable).address == 0
                && (self.is_generated() || arena::text((*callable).lines) == self.lines)
        }
    }
}

/// The callable that looks like this and is not another living object's; a new one if need be.
unsafe fn intern(looks: &Looks, address: u64) -> u32 {
    // SAFETY: the GIL is held; units in the table are callables.
    unsafe {
        let table = &raw mut (*state()).table;
        let (mut alike, mut last) = (0, 0);
        let found = (*table).find(looks.hash, What::CallableByContent, |unit| {
            let callable = entry::<Callable>(unit);
            if !looks.are_those_of(callable) {
                return false;
            }
            (alike, last) = (alike + 1, unit);
            looks.may_be(callable)
        });
        let unit = if found != 0 {
            found
        } else if alike >= MOST_ALIKE {
            last
        } else {
            let unit = write(looks, alike);
            if unit == 0 || !(*table).add(looks.hash, What::CallableByContent, unit, holds) {
                return 0;
            }
            unit
        };
        (*entry::<Callable>(unit)).address = address;
        (*table).add(mix(address, 1), What::CallableByAddress, unit, holds);
        unit
    }
}

/// Whether an entry of the table still leads to what it names.
pub(crate) fn holds(what: What, unit: u32, hash: u64) -> bool {
    // SAFETY: the table is used with the GIL held; its units are what they say.
    let expected = unsafe {
        match what {
            What::CallableByAddress => mix((*entry::<Callable>(unit)).address, 1),
            What::CallableByContent => (*entry::<Callable>(unit)).hash,
            What::PathByKey => crate::calls::key_hash((*node(unit)).parent, (*node(unit)).key),
            What::PathByCallable => {
                let path: *const Node = node(unit);
                crate::calls::callable_hash(
                    (*path).parent,
                    (*path).callable,
                    (*path).key & !ADDRESS_MASK,
                )
            }
        }
    };
    crate::table::kept(expected) == hash
}

unsafe fn write(looks: &Looks, ordinal: u32) -> u32 {
    // SAFETY: the GIL is held and the file is mapped.
    unsafe {
        let newest = (*header()).callables;
        // Functions of one file come one after the other.
        let file = if newest != 0 && arena::text((*entry::<Callable>(newest)).file) == looks.file {
            (*entry::<Callable>(newest)).file
        } else {
            arena::keep(looks.file)
        };
        let name = arena::keep(looks.name);
        let qualname = if looks.qualname == looks.name {
            name
        } else {
            arena::keep(looks.qualname)
        };
        let lines: Text = arena::keep(looks.lines);
        let unit = arena::take(2);
        if unit == 0 {
            return 0;
        }
        *entry::<Callable>(unit) = Callable {
            kind: looks.kind as u32,
            next: newest,
            ordinal,
            first_line: looks.first_line,
            file,
            name,
            qualname,
            lines,
            code_flags: looks.flags,
            hash: looks.hash,
            ..Callable::default()
        };
        (*header()).callables = unit;
        (*header()).callable_count += 1;
        crate::state::renew_anchor();
        unit
    }
}

/// What a native callable is told by: an address that it shares with every object that means the
/// same function; 0 for one that is Python underneath.
///
/// # Safety
/// The GIL is held and the object is a callable.
#[inline]
pub(crate) unsafe fn native_address(callable: *mut Object) -> u64 {
    // SAFETY: objects of these types have these structs.
    unsafe {
        let api = api();
        if is(callable, api.builtin_type) {
            (*callable.cast::<BuiltIn>()).definition as u64
        } else if is(callable, api.method_descriptor_type) {
            (*callable.cast::<Descriptor>()).definition as u64
        } else {
            other_address(callable)
        }
    }
}

/// Classes defined in Python enter Python by their `__init__` or `__new__`, instances by their
/// `__call__`: those calls are recorded there.
unsafe fn other_address(callable: *mut Object) -> u64 {
    // SAFETY: objects of these types have these structs; all types are alive while called.
    unsafe {
        let api = api();
        let state = state();
        let class = (*callable).kind.cast::<Type>();
        if api
            .builtin_class_type
            .is_some_and(|kind| is(callable, kind))
        {
            return (*callable.cast::<BuiltIn>()).definition as u64;
        }
        if is(callable, api.wrapper_descriptor_type)
            || is(callable, api.class_method_descriptor_type)
        {
            return (*callable.cast::<Descriptor>()).definition as u64;
        }
        if is(callable, (*state).method_wrapper_type) {
            return (*(*callable.cast::<MethodWrapper>()).descriptor).definition as u64;
        }
        if (*class).call == (*state).slot_call {
            return 0;
        }
        if is(callable, api.type_type) || (*class).call == (*api.type_type.cast::<Type>()).call {
            let class = callable.cast::<Type>();
            let is_python =
                (*class).init == (*state).slot_init || (*class).new == (*state).slot_new;
            return if is_python { 0 } else { callable as u64 };
        }
        class as u64
    }
}

/// The callable that a native object is, known by `address`; 0 if there is no room for it.
///
/// # Safety
/// The GIL is held, the object is a callable and the address its [`native_address`].
pub(crate) unsafe fn of_native(callable: *mut Object, address: u64) -> u32 {
    // SAFETY: as the caller promises.
    unsafe {
        let known = by_address(address);
        if known != 0 {
            return known;
        }
        let looks = looks_of_native(callable);
        intern(&looks, address)
    }
}

/// Names a native callable as `cProfile` does (`normalizeUserObj` in `Modules/_lsprof.c`), and
/// what `cProfile` does not show in the same manner.
unsafe fn looks_of_native(callable: *mut Object) -> Looks {
    // SAFETY: objects of these types have these structs; the scratch memory is ours while we hold
    // the GIL.
    unsafe {
        let api = api();
        let scratch: &'static mut [u8; SCRATCH_BYTES] = &mut (*state()).scratch;
        let start = scratch.as_ptr();
        let mut writer = Writer::new(scratch);
        let is_builtin = is(callable, api.builtin_type)
            || api
                .builtin_class_type
                .is_some_and(|kind| is(callable, kind));
        let is_method = is(callable, api.method_descriptor_type);
        let kind = if is_builtin || is_method {
            Kind::BuiltIn
        } else {
            Kind::OtherNative
        };
        let name: *const c_char;
        if is_builtin {
            let builtin = callable.cast::<BuiltIn>();
            name = (*(*builtin).definition).name;
            writer.c_string(name);
            let end = writer.length();
            label_builtin(&mut writer, builtin);
            return finish(kind, start, end, writer.length());
        }
        if is_method || is(callable, api.class_method_descriptor_type) {
            let descriptor = callable.cast::<Descriptor>();
            writer.c_string((*(*descriptor).definition).name);
            let end = writer.length();
            label_method(
                &mut writer,
                (*(*descriptor).definition).name,
                (*descriptor).class,
            );
            return finish(kind, start, end, writer.length());
        }
        let wrapper = if is(callable, (*state()).method_wrapper_type) {
            (*callable.cast::<MethodWrapper>()).descriptor
        } else if is(callable, api.wrapper_descriptor_type) {
            callable.cast::<Descriptor>()
        } else {
            core::ptr::null_mut()
        };
        if !wrapper.is_null() {
            writer.string((*wrapper).name, 1024);
            let end = writer.length();
            writer.bytes(b"<slot wrapper '");
            writer.string((*wrapper).name, 1024);
            owned_by(&mut writer, (*wrapper).class);
            return finish(kind, start, end, writer.length());
        }
        let class = (*callable).kind.cast::<Type>();
        if (*class).call == (*api.type_type.cast::<Type>()).call {
            let class = callable.cast::<Type>();
            writer.c_string((*class).name);
            let end = writer.length();
            writer.bytes(b"<class '");
            writer.c_string((*class).name);
            writer.bytes(b"'>");
            return finish(kind, start, end, writer.length());
        }
        writer.c_string((*class).name);
        let end = writer.length();
        writer.bytes(b"<");
        writer.c_string((*class).name);
        writer.bytes(b" object>");
        finish(kind, start, end, writer.length())
    }
}

unsafe fn finish(kind: Kind, start: *const u8, name_end: usize, end: usize) -> Looks {
    // SAFETY: both ends lie within the scratch memory.
    unsafe {
        let name = core::slice::from_raw_parts(start, name_end);
        let label = core::slice::from_raw_parts(start.add(name_end), end - name_end);
        Looks::native(kind, name, label)
    }
}

unsafe fn label_method(writer: &mut Writer<'_>, name: *const c_char, class: *const Type) {
    writer.bytes(b"<method '");
    // SAFETY: both names are C strings.
    unsafe {
        writer.c_string(name);
        owned_by(writer, class);
    }
}

/// The end of the label of what belongs to a class. From 3.15 on `repr` leaves `object` out.
unsafe fn owned_by(writer: &mut Writer<'_>, class: *const Type) {
    // SAFETY: the name is a C string; the root of a resolution order has no base.
    unsafe {
        if (*state()).minor >= 15 && CStr::from_ptr((*class).name) == c"object" {
            writer.bytes(b"'>");
            return;
        }
        writer.bytes(b"' of '");
        writer.c_string((*class).name);
        writer.bytes(b"' objects>");
    }
}

unsafe fn label_builtin(writer: &mut Writer<'_>, builtin: *const BuiltIn) {
    // SAFETY: the object is a built-in function; its fields are objects or null.
    unsafe {
        let api = api();
        let name = (*(*builtin).definition).name;
        let module = (*builtin).module;
        let has_module_name = !module.is_null() && is(module, api.unicode_type);
        if (*builtin).bound.is_null() {
            writer.bytes(b"<");
            if has_module_name {
                writer.string(module, 1024);
                writer.bytes(b".");
            }
            writer.c_string(name);
            writer.bytes(b">");
            return;
        }
        let class = (*(*builtin).bound).kind.cast::<Type>();
        let owner = owner_of(class, name);
        if !owner.is_null() {
            label_method(writer, name, owner);
            return;
        }
        // `__new__` of every class is a built-in bound to that class, and what `type(class)` has
        // under this name is the one of `type` itself, which `repr` shows with its address.
        let is_new = !name.is_null() && CStr::from_ptr(name).to_bytes() == b"__new__";
        if is_new && is_class(class) {
            writer.bytes(b"<built-in method __new__ of type object at ");
            writer.address(api.type_type as usize);
            writer.bytes(b">");
            return;
        }
        writer.bytes(b"<built-in method ");
        if has_module_name {
            writer.string(module, 1024);
            writer.bytes(b".");
        }
        writer.c_string(name);
        writer.bytes(b">");
    }
}

/// True if instances of this class are classes: it is `type`, or derived from it.
unsafe fn is_class(class: *const Type) -> bool {
    /// `Py_TPFLAGS_TYPE_SUBCLASS` of `Include/object.h`.
    const TYPE_SUBCLASS: u64 = 1 << 31;
    // SAFETY: the caller has a type.
    unsafe { (*class).flags & TYPE_SUBCLASS != 0 }
}

/// The class among the bases that defines a method of this name in C; null if none does.
unsafe fn owner_of(class: *const Type, name: *const c_char) -> *const Type {
    // SAFETY: the resolution order of a class is a tuple of classes, or null before it is ready;
    // tables of methods end with a null name.
    unsafe {
        let api = api();
        let order = (*class).mro;
        if name.is_null() || order.is_null() || !is(order, api.tuple_type) {
            return core::ptr::null();
        }
        let wanted = CStr::from_ptr(name);
        for index in 0..(api.tuple_size)(order) {
            let base = (api.tuple_item)(order, index).cast::<Type>();
            let mut method: *const MethodDefinition = (*base).methods;
            while !method.is_null() && !(*method).name.is_null() {
                if CStr::from_ptr((*method).name) == wanted {
                    return base;
                }
                method = method.add(1);
            }
        }
        core::ptr::null()
    }
}
