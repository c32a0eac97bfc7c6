//! Layouts that a process tells itself: `_Py_DebugOffsets`, 3.13 and later.
//!
//! The struct lies at the very start of `_PyRuntime` and is a list of 8-byte numbers:
//!
//! ```text
//! "xdebugpy"  version  free_threaded  { size, offset, offset, ... }  { size, ... }  ...
//! ```
//!
//! Each group is one C struct: its size and where its fields lie. Which fields, in which order,
//! changes with every minor version ([`crate::debug_offsets`]), and moves within the alphas and
//! betas of one: those are refused. What the struct leaves out comes from the table of the minor
//! version, moved along with its nearest described neighbour.
//!
//! The bytes come from a foreign process: every offset is held against the size declared for its
//! struct, and against a bound of its own.

use crate::debug_offsets;
use crate::layout::{
    CodeLayout, FrameLayout, GilLayout, InstanceLayout, InterpreterLayout, Layout, LocalsLayout,
    ObjectLayout, RuntimeLayout, ThreadLayout,
};
use crate::tables;
use crate::version::PythonVersion;

/// The bytes every self-describing `_PyRuntime` begins with.
pub const COOKIE: [u8; 8] = *b"xdebugpy";

/// How many bytes of `_PyRuntime` are enough for [`layout`], whatever the version.
pub const MAX_BYTES: usize = 4096;

/// No struct of an interpreter is larger; the largest so far has 346,560 bytes (3.15).
const MAX_STRUCT_BYTES: u64 = 1 << 20;

/// The first three fields: who describes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `PY_VERSION_HEX` of the target.
    pub version_hex: u64,
    /// True for a build without the GIL.
    pub free_threaded: bool,
}

/// Why a description gives no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The cookie is missing: another kind of memory, or an interpreter older than 3.13.
    #[error("no self-describing `_PyRuntime` lies here")]
    NotARuntime,
    /// The bytes end before the struct does.
    #[error("the description of the interpreter ends after {available} of {needed} bytes")]
    TooShort {
        /// How many bytes there are.
        available: usize,
        /// How many the version's struct has.
        needed: usize,
    },
    /// The version number is none.
    #[error("the interpreter calls itself version `{hex:#x}`, which is none")]
    BadVersion {
        /// What it says.
        hex: u64,
    },
    /// A minor version whose order of fields we do not know.
    #[error("CPython {version} is not known; known are 3.8 to 3.15")]
    UnknownMinor {
        /// The target's version.
        version: PythonVersion,
    },
    /// An alpha or beta: the order of fields still moves from one to the next.
    #[error(
        "CPython {version} is a pre-release; its layout is not known; use a final release or \
         candidate of {}.{}", .version.major, .version.minor
    )]
    PreRelease {
        /// The target's version.
        version: PythonVersion,
    },
    /// A build without the GIL.
    #[error("CPython {version} is a free-threaded build, which is not supported yet")]
    FreeThreaded {
        /// The target's version.
        version: PythonVersion,
    },
    /// An offset that cannot be one.
    #[error("the interpreter says that `{field}` is {value}, which cannot be")]
    Implausible {
        /// `group.field` as CPython names it.
        field: &'static str,
        /// What the target says.
        value: u64,
    },
}

/// Reads who describes itself, without judging whether we know it.
pub fn parse_header(bytes: &[u8]) -> Result<Header, Error> {
    let cookie = bytes.get(..8).ok_or(Error::NotARuntime)?;
    if cookie != COOKIE {
        return Err(Error::NotARuntime);
    }
    let too_short = Error::TooShort {
        available: bytes.len(),
        needed: 24,
    };
    let version_hex = word(bytes, 1).ok_or(too_short.clone())?;
    let free_threaded = match word(bytes, 2).ok_or(too_short)? {
        0 => false,
        1 => true,
        value => {
            return Err(Error::Implausible {
                field: "free_threaded",
                value,
            });
        }
    };
    Ok(Header {
        version_hex,
        free_threaded,
    })
}

/// The place of a field (`group.field` as CPython names it) in the description that CPython
/// 3.`minor` gives of itself, in words of 8 bytes; `None` if that says nothing about it.
pub fn place(minor: u8, field: &str) -> Option<usize> {
    let fields = debug_offsets::fields(minor)?;
    fields.iter().position(|one| *one == field)
}

/// The layout of the interpreter whose `_PyRuntime` begins with `bytes`; [`MAX_BYTES`] suffice.
pub fn layout(bytes: &[u8]) -> Result<Layout, Error> {
    let header = parse_header(bytes)?;
    let hex = header.version_hex;
    let version = PythonVersion::from_hex(hex).ok_or(Error::BadVersion { hex })?;
    let known = || {
        Some((
            debug_offsets::fields(version.minor)?,
            tables::for_version(version.minor)?,
        ))
    };
    let Some((fields, table)) = known().filter(|_| version.major == 3) else {
        return Err(Error::UnknownMinor { version });
    };
    if version.is_pre_release() {
        return Err(Error::PreRelease { version });
    }
    if header.free_threaded {
        return Err(Error::FreeThreaded { version });
    }
    let needed = 8 * fields.len();
    if bytes.len() < needed {
        return Err(Error::TooShort {
            available: bytes.len(),
            needed,
        });
    }
    Description { bytes, fields }.layout(table)
}

fn word(bytes: &[u8], index: usize) -> Option<u64> {
    let bytes = bytes.get(8 * index..8 * index + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// A description whose length fits its list of fields.
struct Description<'a> {
    bytes: &'a [u8],
    fields: &'static [&'static str],
}

impl Description<'_> {
    fn layout(&self, table: &Layout) -> Result<Layout, Error> {
        Ok(Layout {
            minor: table.minor,
            runtime: self.runtime(table)?,
            interpreter: self.interpreter(table)?,
            gil: self.gil(table)?,
            thread: self.thread(table)?,
            frame: self.frame(table)?,
            code: self.code(table)?,
            object: self.object(table)?,
            dict: table.dict,
            instance: self.instance(table)?,
            locals: self.locals(table)?,
        })
    }

    fn runtime(&self, table: &Layout) -> Result<RuntimeLayout, Error> {
        Ok(RuntimeLayout {
            interpreters_head: self.at("runtime_state.interpreters_head", 8)?,
            gil: table.runtime.gil,
            finalizing: self.at("runtime_state.finalizing", 8)?,
            gc_collecting: table.runtime.gc_collecting,
        })
    }

    fn interpreter(&self, table: &Layout) -> Result<InterpreterLayout, Error> {
        let collecting = self.at("interpreter_state.gc", 8)? + self.at("gc.collecting", 4)?;
        Ok(InterpreterLayout {
            next: self.at("interpreter_state.next", 8)?,
            id: self.at("interpreter_state.id", 8)?,
            threads_head: self.at("interpreter_state.threads_head", 8)?,
            gil_pointer: Some(self.at("interpreter_state.ceval_gil", 8)?),
            gc_collecting: Some(self.inside("interpreter_state.gc", collecting, 4)?),
            modules: self.at("interpreter_state.imports_modules", 8)?,
            code_generation: match table.interpreter.code_generation {
                Some(_) => Some(self.at("interpreter_state.code_object_generation", 8)?),
                None => None,
            },
        })
    }

    /// The GIL's fields are described by where they lie in an interpreter that owns one.
    fn gil(&self, table: &Layout) -> Result<GilLayout, Error> {
        let start = self.at("interpreter_state.gil_runtime_state", 8)?;
        let relative = |field: &'static str, width: u64| {
            let value = self.at(field, width)?;
            match value.checked_sub(start) {
                Some(offset) if offset + width <= table.gil.size => Ok(offset),
                _ => Err(Error::Implausible { field, value }),
            }
        };
        Ok(GilLayout {
            last_holder: relative("interpreter_state.gil_runtime_state_holder", 8)?,
            locked: relative("interpreter_state.gil_runtime_state_locked", 4)?,
            size: table.gil.size,
        })
    }

    fn thread(&self, table: &Layout) -> Result<ThreadLayout, Error> {
        let known = &table.thread;
        let optional = |known: Option<u64>, field, width| match known {
            Some(_) => self.at(field, width).map(Some),
            None => Ok(None),
        };
        Ok(ThreadLayout {
            next: self.at("thread_state.next", 8)?,
            interp: self.at("thread_state.interp", 8)?,
            thread_id: self.at("thread_state.thread_id", 8)?,
            native_thread_id: Some(self.at("thread_state.native_thread_id", 8)?),
            frame: self.at("thread_state.current_frame", 8)?,
            datastack_chunk: Some(self.at("thread_state.datastack_chunk", 8)?),
            datastack_top: self.beside(
                "thread_state.datastack_chunk",
                known.datastack_chunk,
                known.datastack_top,
                8,
            )?,
            base_frame: optional(known.base_frame, "thread_state.base_frame", 8)?,
            last_profiled_frame: optional(
                known.last_profiled_frame,
                "thread_state.last_profiled_frame",
                8,
            )?,
            last_profiled_frame_seq: optional(
                known.last_profiled_frame_seq,
                "thread_state.last_profiled_frame_seq",
                8,
            )?,
            holds_gil: optional(known.holds_gil, "thread_state.holds_gil", 4)?,
        })
    }

    fn frame(&self, table: &Layout) -> Result<FrameLayout, Error> {
        let previous = self.at("interpreter_frame.previous", 8)?;
        let code = self.at("interpreter_frame.executable", 8)?;
        let instruction = self.at("interpreter_frame.instr_ptr", 8)?;
        let owner = self.at("interpreter_frame.owner", 1)?;
        Ok(FrameLayout {
            style: table.frame.style,
            size: words(&[previous + 8, code + 8, instruction + 8, owner + 1]),
            previous,
            code,
            instruction,
            owner: Some(owner),
            owner_c_stack: table.frame.owner_c_stack,
            cframe_current_frame: table.frame.cframe_current_frame,
            cframe_previous: table.frame.cframe_previous,
            is_entry: table.frame.is_entry,
            locals: self.at("interpreter_frame.localsplus", 8)?,
        })
    }

    fn code(&self, table: &Layout) -> Result<CodeLayout, Error> {
        let filename = self.at("code_object.filename", 8)?;
        let name = self.at("code_object.name", 8)?;
        let qualname = self.at("code_object.qualname", 8)?;
        let first_line = self.at("code_object.firstlineno", 4)?;
        let line_table = self.at("code_object.linetable", 8)?;
        let local_names = self.at("code_object.localsplusnames", 8)?;
        let argument_count = self.at("code_object.argcount", 4)?;
        let unit_count = self.at("tuple_object.ob_size", 8)?;
        let frame_size = self.beside(
            "code_object.firstlineno",
            Some(table.code.first_line),
            table.code.frame_size,
            4,
        )?;
        let ends = [
            filename + 8,
            name + 8,
            qualname + 8,
            first_line + 4,
            line_table + 8,
            local_names + 8,
            argument_count + 4,
            unit_count + 8,
            frame_size.map_or(0, |offset| offset + 4),
        ];
        Ok(CodeLayout {
            size: words(&ends),
            filename,
            name,
            qualname: Some(qualname),
            first_line,
            line_table,
            line_table_style: table.code.line_table_style,
            bytecode: self.at("code_object.co_code_adaptive", 1)?,
            bytecode_inline: table.code.bytecode_inline,
            local_names,
            argument_count,
            unit_count: Some(unit_count),
            frame_size,
        })
    }

    fn object(&self, table: &Layout) -> Result<ObjectLayout, Error> {
        let known = &table.object;
        let str_ascii_data = self.at("unicode_object.asciiobject_size", 0)?;
        // 3.15 tells the larger header too; before, it is as much larger as it always was.
        let str_compact_data = self.at_or(
            "unicode_object.compactunicodeobject_size",
            str_ascii_data + (known.str_compact_data - known.str_ascii_data),
            0,
        )?;
        let dict_keys = self.at("dict_object.ma_keys", 8)?;
        let dict_used = self.beside(
            "dict_object.ma_keys",
            Some(known.dict_keys),
            Some(known.dict_used),
            8,
        )?;
        Ok(ObjectLayout {
            object_type: self.at("pyobject.ob_type", 8)?,
            var_size: self.at("tuple_object.ob_size", 8)?,
            type_name: self.at("type_object.tp_name", 8)?,
            type_flags: self.at("type_object.tp_flags", 8)?,
            str_length: self.at("unicode_object.length", 8)?,
            str_state: self.at("unicode_object.state", 4)?,
            str_ascii_data,
            str_compact_data,
            bytes_data: self.at("bytes_object.ob_sval", 1)?,
            tuple_items: self.at("tuple_object.ob_item", 8)?,
            list_items: self.at("list_object.ob_item", 8)?,
            float_value: self.at("float_object.ob_fval", 8)?,
            long_digits: self.at("long_object.ob_digit", 4)?,
            long_tag: Some(self.at("long_object.lv_tag", 8)?),
            long_digit_bits: known.long_digit_bits,
            dict_used: dict_used.unwrap_or(known.dict_used),
            dict_keys,
            dict_values: self.at("dict_object.ma_values", 8)?,
            set_used: self.at_or("set_object.used", known.set_used, 8)?,
            set_mask: self.at_or("set_object.mask", known.set_mask, 8)?,
            set_table: self.at_or("set_object.table", known.set_table, 8)?,
            set_entry_size: known.set_entry_size,
            set_entry_key: known.set_entry_key,
            set_entry_hash: known.set_entry_hash,
            cell_content: known.cell_content,
        })
    }

    fn instance(&self, table: &Layout) -> Result<InstanceLayout, Error> {
        let known = &table.instance;
        let near_flags = |wanted: u64| {
            let flags = Some(table.object.type_flags);
            let moved = self.beside("type_object.tp_flags", flags, Some(wanted), 8)?;
            Ok(moved.unwrap_or(wanted))
        };
        let basic_size = near_flags(known.type_basic_size)?;
        let dict_offset = near_flags(known.type_dict_offset)?;
        Ok(InstanceLayout {
            type_basic_size: self.at_or("type_object.tp_basicsize", basic_size, 8)?,
            type_dict_offset: self.at_or("type_object.tp_dictoffset", dict_offset, 8)?,
            type_dict: near_flags(known.type_dict)?,
            type_cached_keys: self.at_or(
                "heap_type_object.ht_cached_keys",
                known.type_cached_keys,
                8,
            )?,
            ..*known
        })
    }

    fn locals(&self, table: &Layout) -> Result<LocalsLayout, Error> {
        Ok(LocalsLayout {
            kinds: Some(self.at("code_object.localspluskinds", 8)?),
            ..table.locals
        })
    }

    /// A field's number as the target says it.
    fn value(&self, field: &'static str) -> Result<u64, Error> {
        let index = self.fields.iter().position(|known| *known == field);
        // Every field asked for is in every list; a test below asks for all of them.
        index
            .and_then(|index| word(self.bytes, index))
            .ok_or(Error::Implausible {
                field,
                value: u64::MAX,
            })
    }

    /// The offset of a field that is `width` bytes wide, if it lies inside its struct.
    fn at(&self, field: &'static str, width: u64) -> Result<u64, Error> {
        let offset = self.value(field)?;
        self.inside(field, offset, width)
    }

    /// The offset of a field that only some versions describe; `otherwise` is that of the others.
    fn at_or(&self, field: &'static str, otherwise: u64, width: u64) -> Result<u64, Error> {
        if self.fields.contains(&field) {
            self.at(field, width)
        } else {
            Ok(otherwise)
        }
    }

    /// Holds an offset against the size that the target declares for the struct around it.
    fn inside(&self, field: &'static str, offset: u64, width: u64) -> Result<u64, Error> {
        let group = field.split('.').next().unwrap_or(field);
        let size = self
            .fields
            .iter()
            .position(|known| {
                known
                    .strip_prefix(group)
                    .is_some_and(|member| member == ".size")
            })
            .and_then(|index| word(self.bytes, index))
            .unwrap_or(0)
            .min(MAX_STRUCT_BYTES);
        let fits = offset < MAX_STRUCT_BYTES && offset + width <= size;
        let aligned = width == 0 || offset.is_multiple_of(width);
        if fits && aligned {
            Ok(offset)
        } else {
            Err(Error::Implausible {
                field,
                value: offset,
            })
        }
    }

    /// A field that is not described, as far from a described one as it is in the table.
    fn beside(
        &self,
        described: &'static str,
        known_described: Option<u64>,
        known_wanted: Option<u64>,
        width: u64,
    ) -> Result<Option<u64>, Error> {
        let (Some(from), Some(to)) = (known_described, known_wanted) else {
            return Ok(None);
        };
        let value = self.value(described)?;
        let moved = value.checked_add(to).and_then(|sum| sum.checked_sub(from));
        let moved = moved.ok_or(Error::Implausible {
            field: described,
            value,
        })?;
        self.inside(described, moved, width).map(Some)
    }
}

/// The furthest of `ends`, in whole words.
fn words(ends: &[u64]) -> u64 {
    ends.iter().copied().max().unwrap_or(0).next_multiple_of(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first bytes of `_PyRuntime`, as three interpreters on x86_64 Linux hold them:
    /// `(c_char * n).in_dll(ctypes.pythonapi, "_PyRuntime").raw`.
    const RECORDED: [&[u8]; 3] = [
        include_bytes!("../../../fixtures/recorded/debug_offsets_3.13.0.bin"),
        include_bytes!("../../../fixtures/recorded/debug_offsets_3.14.10.bin"),
        include_bytes!("../../../fixtures/recorded/debug_offsets_3.15.2.bin"),
    ];

    fn with_word(index: usize, value: u64) -> Vec<u8> {
        let mut bytes = RECORDED[2].to_vec();
        bytes[8 * index..8 * index + 8].copy_from_slice(&value.to_le_bytes());
        bytes
    }

    #[test]
    fn interpreters_describe_what_their_headers_say() {
        for (bytes, table) in RECORDED
            .iter()
            .zip([&tables::V3_13, &tables::V3_14, &tables::V3_15])
        {
            assert_eq!(layout(bytes).as_ref(), Ok(table));
        }
    }

    #[test]
    fn headers_tell_who_describes_itself() {
        let header = parse_header(RECORDED[0]).unwrap();
        assert_eq!(
            header,
            Header {
                version_hex: 0x030d_00f0,
                free_threaded: false
            }
        );
        assert_eq!(parse_header(b"not one"), Err(Error::NotARuntime));
        assert_eq!(parse_header(b"xdebugpz        "), Err(Error::NotARuntime));
        let needed = Error::TooShort {
            available: 8,
            needed: 24,
        };
        assert_eq!(parse_header(b"xdebugpy"), Err(needed));
    }

    #[test]
    fn pre_releases_are_refused_and_candidates_taken() {
        let error = layout(&with_word(1, 0x030f_00b2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CPython 3.15.0b2 is a pre-release; its layout is not known; use a final release or \
             candidate of 3.15"
        );
        assert!(layout(&with_word(1, 0x030f_00c1)).is_ok());
    }

    #[test]
    fn unknown_kinds_of_interpreter_are_refused_by_name() {
        let refused = |index, value| layout(&with_word(index, value)).unwrap_err().to_string();
        assert_eq!(
            refused(1, 0x0310_00f0),
            "CPython 3.16.0 is not known; known are 3.8 to 3.15"
        );
        assert_eq!(
            refused(1, 0x040d_00f0),
            "CPython 4.13.0 is not known; known are 3.8 to 3.15"
        );
        assert_eq!(
            refused(1, 7),
            "the interpreter calls itself version `0x7`, which is none"
        );
        assert_eq!(
            refused(2, 1),
            "CPython 3.15.2 is a free-threaded build, which is not supported yet"
        );
        assert_eq!(
            refused(2, 3),
            "the interpreter says that `free_threaded` is 3, which cannot be"
        );
    }

    #[test]
    fn an_offset_outside_its_struct_is_refused() {
        let fields = debug_offsets::fields(15).unwrap();
        let index = fields
            .iter()
            .position(|field| *field == "thread_state.next")
            .unwrap();
        for value in [7, 888, 1 << 20, u64::MAX] {
            let error = layout(&with_word(index, value)).unwrap_err();
            assert_eq!(
                error,
                Error::Implausible {
                    field: "thread_state.next",
                    value
                }
            );
        }
    }

    #[test]
    fn an_undescribed_field_moves_with_its_neighbour() {
        let fields = debug_offsets::fields(15).unwrap();
        let index = fields
            .iter()
            .position(|field| *field == "thread_state.datastack_chunk");
        let moved = layout(&with_word(index.unwrap(), 320)).unwrap();
        assert_eq!(moved.thread.datastack_top, Some(328));
    }

    #[test]
    fn the_place_of_a_field_is_where_the_layout_reads_it() {
        let bytes = with_word(place(15, "code_object.filename").unwrap(), 112);
        assert_eq!(layout(&bytes).unwrap().code.filename, 112);
        assert_eq!(place(15, "code_object.nothing"), None);
        assert_eq!(place(12, "code_object.filename"), None);
    }

    #[test]
    fn a_description_cut_anywhere_is_an_error() {
        for bytes in RECORDED {
            for length in 0..bytes.len() {
                assert!(layout(&bytes[..length]).is_err());
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..1024)) {
            let _ = layout(&bytes);
        }

        #[test]
        fn no_corrupt_description_makes_it_panic_or_leave_its_bounds(
            which in 0..3usize,
            damage in prop::collection::vec((3..73usize, any::<u64>(), 0..64u32), 0..8),
        ) {
            let mut bytes = RECORDED[which].to_vec();
            for (index, value, shift) in damage {
                bytes[8 * index..8 * index + 8].copy_from_slice(&(value >> shift).to_le_bytes());
            }
            if let Ok(layout) = layout(&bytes) {
                prop_assert!(layout.thread.frame < MAX_STRUCT_BYTES);
                prop_assert!(layout.frame.size <= MAX_STRUCT_BYTES + 8);
                prop_assert!(layout.code.size <= MAX_STRUCT_BYTES + 8);
                prop_assert!(layout.object.str_compact_data < 2 * MAX_STRUCT_BYTES);
                prop_assert!(layout.instance.type_dict < MAX_STRUCT_BYTES);
            }
        }
    }
}
