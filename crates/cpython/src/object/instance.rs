//! Attributes of instances and of modules.
//!
//! Only what an instance itself has is found; attributes of its class and computed ones are not.
//!
//! ```text
//! 3.8   object | ... dict*
//! 3.11  values* dict* | gc header | object
//! 3.12  (values - 1)* or dict* | weakrefs* ... | object
//! 3.13  dict* | ... | object | values
//! ```
//!
//! From 3.11 on that is so for classes made at run time; types of C code, modules among them,
//! still have a dict at `tp_dictoffset`.

use super::Objects;
use super::kind::{HEAP, Kind};
use crate::layout::InstanceStyle;
use crate::memory::{Memory, ReadError};

/// Where the attributes of an instance are.
enum Place {
    /// In a dict; NULL where there is none yet.
    Dict(u64),
    /// In values beside the keys that the class has.
    Values(u64),
}

impl<M: Memory> Objects<'_, M> {
    /// An attribute of an instance or module.
    pub(crate) fn attribute(&self, object: u64, name: &str) -> Result<Option<u64>, ReadError> {
        let kind = self.kind(object)?;
        match self.place(object, &kind)? {
            Place::Dict(0) => Ok(None),
            Place::Dict(dict) => self.dict_lookup(dict, name),
            Place::Values(values) if kind.is_a(HEAP) => {
                let keys = self.word(kind.address, self.layout.instance.type_cached_keys)?;
                let values = values.wrapping_add(self.layout.dict.values);
                self.values_lookup(keys, values, name)
            }
            Place::Values(_) => Err(ReadError::Unmapped(object)),
        }
    }

    /// A variable of a module, if the module has been imported.
    pub(crate) fn module_variable(
        &self,
        interpreter: u64,
        module: &str,
        name: &str,
    ) -> Result<Option<u64>, ReadError> {
        let modules = self.word(interpreter, self.layout.interpreter.modules)?;
        match self.dict_lookup(modules, module)? {
            Some(module) => self.attribute(module, name),
            None => Ok(None),
        }
    }

    fn place(&self, object: u64, kind: &Kind) -> Result<Place, ReadError> {
        let layout = &self.layout.instance;
        if !kind.is_a(layout.managed_dict_flag) {
            // A negative offset counts from the end: `int` and `tuple` subclasses, not needed here.
            return match u64::try_from(kind.dict_offset) {
                Ok(0) | Err(_) => Ok(Place::Dict(0)),
                Ok(offset) => self.word(object, offset).map(Place::Dict),
            };
        }
        let before = |distance: u64| self.word(object.wrapping_sub(distance), 0);
        match layout.style {
            InstanceStyle::DictOffset => Ok(Place::Dict(0)),
            InstanceStyle::ValuesPointer => match before(layout.values_pointer)? {
                0 => before(layout.managed_dict).map(Place::Dict),
                values => Ok(Place::Values(values)),
            },
            InstanceStyle::TaggedPointer => {
                let pointer = before(layout.managed_dict)?;
                Ok(if pointer & 1 == 1 {
                    Place::Values(pointer.wrapping_add(1))
                } else {
                    Place::Dict(pointer)
                })
            }
            InstanceStyle::Inline => {
                let values = object.wrapping_add(kind.basic_size);
                if kind.is_a(layout.inline_values_flag) && self.are_valid(values)? {
                    Ok(Place::Values(values))
                } else {
                    before(layout.managed_dict).map(Place::Dict)
                }
            }
        }
    }

    fn are_valid(&self, values: u64) -> Result<bool, ReadError> {
        let Some(at) = self.layout.dict.values_valid else {
            return Ok(true);
        };
        let mut valid = [0];
        self.memory.read(values.wrapping_add(at), &mut valid)?;
        Ok(valid != [0])
    }
}
