//! The type of an object: its name and its flags.

use super::Objects;
use crate::bytes::u64_at;
use crate::memory::{Memory, ReadError};
use crate::text::{read_c_str, read_str};
use std::cell::OnceCell;
use std::rc::Rc;

// Flags of types (Include/object.h). Their numbers are part of the stable ABI.

/// The class was made at run time; its `PyTypeObject` begins a `PyHeapTypeObject`.
pub(crate) const HEAP: u64 = 1 << 9;
/// Subclasses of `int`.
pub(crate) const LONG: u64 = 1 << 24;
/// Subclasses of `list`.
pub(crate) const LIST: u64 = 1 << 25;
/// Subclasses of `tuple`.
pub(crate) const TUPLE: u64 = 1 << 26;
/// Subclasses of `bytes`.
pub(crate) const BYTES: u64 = 1 << 27;
/// Subclasses of `str`.
pub(crate) const UNICODE: u64 = 1 << 28;
/// Subclasses of `dict`.
pub(crate) const DICT: u64 = 1 << 29;
/// Subclasses of `type`: its instances are types.
pub(crate) const TYPE: u64 = 1 << 31;

/// The longest name of a type or module, in characters.
const MAX_NAME: usize = 200;
/// The most bytes of a `PyTypeObject` that are read.
const MAX_TYPE_BYTES: usize = 512;

/// A type.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Where it lies.
    pub(crate) address: u64,
    /// `tp_name`.
    pub(crate) name: String,
    /// `tp_flags`.
    pub(crate) flags: u64,
    /// `tp_basicsize`.
    pub(crate) basic_size: u64,
    /// `tp_dictoffset`.
    pub(crate) dict_offset: i64,
    /// `tp_dict`.
    dict: u64,
    full_name: OnceCell<String>,
}

impl Kind {
    /// True if the flag is set.
    pub(crate) fn is_a(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// True for the built-in type of that name itself, not for subclasses and namesakes.
    pub(crate) fn is_exactly(&self, name: &str) -> bool {
        !self.is_a(HEAP) && self.name == name
    }
}

impl<M: Memory> Objects<'_, M> {
    /// The type of an object.
    pub(crate) fn kind(&self, object: u64) -> Result<Rc<Kind>, ReadError> {
        // No object is aligned to less than its pointers.
        if object == 0 || !object.is_multiple_of(8) {
            return Err(ReadError::Unmapped(object));
        }
        let address = self.word(object, self.layout.object.object_type)?;
        self.kind_at(address)
    }

    /// The type at `address`.
    pub(crate) fn kind_at(&self, address: u64) -> Result<Rc<Kind>, ReadError> {
        if let Some(known) = self.kinds.borrow().get(&address) {
            return Ok(Rc::clone(known));
        }
        let kind = Rc::new(self.read_kind(address)?);
        self.kinds.borrow_mut().insert(address, Rc::clone(&kind));
        Ok(kind)
    }

    fn read_kind(&self, address: u64) -> Result<Kind, ReadError> {
        let (object, instance) = (&self.layout.object, &self.layout.instance);
        let fields = [
            object.object_type,
            object.type_name,
            object.type_flags,
            instance.type_basic_size,
            instance.type_dict_offset,
            instance.type_dict,
        ];
        let end = fields.into_iter().max().unwrap_or(0) as usize + 8;
        let mut buffer = [0; MAX_TYPE_BYTES];
        let bytes = &mut buffer[..end.min(MAX_TYPE_BYTES)];
        self.memory.read(address, bytes)?;
        // The type of a type is a type: by that a stale pointer is told from a true one.
        let of_itself = u64_at(bytes, object.object_type);
        if self.word(of_itself, object.type_flags)? & TYPE == 0 {
            return Err(ReadError::Unmapped(address));
        }
        let name = u64_at(bytes, object.type_name);
        Ok(Kind {
            address,
            name: read_c_str(&self.memory, name, MAX_NAME)?,
            flags: u64_at(bytes, object.type_flags),
            basic_size: u64_at(bytes, instance.type_basic_size),
            dict_offset: u64_at(bytes, instance.type_dict_offset).cast_signed(),
            dict: u64_at(bytes, instance.type_dict),
            full_name: OnceCell::new(),
        })
    }

    /// A type's name with its module, as far as they can be read: `socket.socket`, `range`.
    ///
    /// Types made by C code have both in `tp_name`; classes have the qualified name beside the
    /// type and the module among its attributes.
    pub(crate) fn full_name<'k>(&self, kind: &'k Kind) -> &'k str {
        kind.full_name.get_or_init(|| {
            if !kind.is_a(HEAP) {
                return kind.name.clone();
            }
            let text = |object| read_str(&self.memory, self.layout, object, MAX_NAME as u64);
            let qualname = self
                .word(kind.address, self.layout.instance.type_qualname)
                .and_then(text);
            let module = match self.dict_lookup(kind.dict, "__module__") {
                Ok(Some(module)) => text(module).ok(),
                _ => None,
            };
            match (module, qualname) {
                (Some(module), Ok(name)) if module != "builtins" => format!("{module}.{name}"),
                (_, Ok(name)) => name,
                (_, Err(_)) => kind.name.clone(),
            }
        })
    }
}
