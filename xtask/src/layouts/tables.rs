//! Writes crates/cpython/src/tables.rs: one `Layout` constant a version.

use super::headers::Offsets;
use anyhow::Result;
use std::fmt::Write as _;

/// How a field of a layout struct is written.
enum Kind {
    /// A number that every version has.
    Number,
    /// A number that some versions lack.
    Optional,
    /// A number that is 0 where a version lacks it.
    Zero,
    /// Decided by the minor version alone.
    ByVersion(fn(u8) -> String),
}
use Kind::{ByVersion, Number, Optional, Zero};

/// A struct of `layout.rs`: the field of `Layout` that has it, its type, its fields.
type Struct = (&'static str, &'static str, &'static [(&'static str, Kind)]);

/// All of them, in the order of `layout.rs`.
const STRUCTS: &[Struct] = &[
    (
        "runtime",
        "RuntimeLayout",
        &[
            ("interpreters_head", Number),
            ("gil", Optional),
            ("finalizing", Number),
            ("gc_collecting", Optional),
        ],
    ),
    (
        "interpreter",
        "InterpreterLayout",
        &[
            ("next", Number),
            ("id", Number),
            ("threads_head", Number),
            ("gil_pointer", Optional),
            ("gc_collecting", Optional),
            ("modules", Number),
            ("code_generation", Optional),
        ],
    ),
    (
        "gil",
        "GilLayout",
        &[
            ("last_holder", Number),
            ("locked", Number),
            ("size", Number),
        ],
    ),
    (
        "thread",
        "ThreadLayout",
        &[
            ("next", Number),
            ("interp", Number),
            ("thread_id", Number),
            ("native_thread_id", Optional),
            ("frame", Number),
            ("datastack_chunk", Optional),
            ("datastack_top", Optional),
            ("base_frame", Optional),
            ("last_profiled_frame", Optional),
            ("last_profiled_frame_seq", Optional),
            ("holds_gil", Optional),
        ],
    ),
    (
        "frame",
        "FrameLayout",
        &[
            ("style", ByVersion(frame_style)),
            ("size", Number),
            ("previous", Number),
            ("code", Number),
            ("instruction", Number),
            ("owner", Optional),
            ("owner_c_stack", Optional),
            ("cframe_current_frame", Zero),
            ("cframe_previous", Optional),
            ("is_entry", Optional),
            ("locals", Number),
        ],
    ),
    (
        "code",
        "CodeLayout",
        &[
            ("size", Number),
            ("filename", Number),
            ("name", Number),
            ("qualname", Optional),
            ("first_line", Number),
            ("line_table", Number),
            ("line_table_style", ByVersion(line_table_style)),
            ("bytecode", Number),
            (
                "bytecode_inline",
                ByVersion(|minor| (minor >= 11).to_string()),
            ),
            ("local_names", Number),
            ("argument_count", Number),
            ("unit_count", Optional),
            ("frame_size", Optional),
        ],
    ),
    (
        "object",
        "ObjectLayout",
        &[
            ("object_type", Number),
            ("var_size", Number),
            ("type_name", Number),
            ("type_flags", Number),
            ("str_length", Number),
            ("str_state", Number),
            ("str_ascii_data", Number),
            ("str_compact_data", Number),
            ("bytes_data", Number),
            ("tuple_items", Number),
            ("list_items", Number),
            ("float_value", Number),
            ("long_digits", Number),
            ("long_tag", Optional),
            ("long_digit_bits", Number),
            ("dict_used", Number),
            ("dict_keys", Number),
            ("dict_values", Number),
            ("set_used", Number),
            ("set_mask", Number),
            ("set_table", Number),
            ("set_entry_size", Number),
            ("set_entry_key", Number),
            ("set_entry_hash", Number),
            ("cell_content", Number),
        ],
    ),
    (
        "dict",
        "DictLayout",
        &[
            ("slot_count", Optional),
            ("log2_index_bytes", Optional),
            ("kind", Optional),
            ("entry_count", Number),
            ("indices", Number),
            ("entry_size", Number),
            ("entry_key", Number),
            ("entry_value", Number),
            ("str_entry_size", Zero),
            ("str_entry_key", Zero),
            ("str_entry_value", Zero),
            ("values", Zero),
            ("values_valid", Optional),
        ],
    ),
    (
        "instance",
        "InstanceLayout",
        &[
            ("style", ByVersion(instance_style)),
            ("type_basic_size", Number),
            ("type_dict_offset", Number),
            ("type_dict", Number),
            ("type_qualname", Number),
            ("type_cached_keys", Number),
            ("managed_dict_flag", Zero),
            ("inline_values_flag", Zero),
            ("managed_dict", Zero),
            ("values_pointer", Zero),
        ],
    ),
    (
        "locals",
        "LocalsLayout",
        &[
            ("cell_names", Optional),
            ("free_names", Optional),
            ("kinds", Optional),
            ("cell_kinds", Zero),
            ("slot_tags", Zero),
            ("slot_reference_tag", Zero),
        ],
    ),
];

fn frame_style(minor: u8) -> String {
    match minor {
        ..=10 => "FrameStyle::HeapObject",
        11 | 12 => "FrameStyle::ThroughCFrame",
        _ => "FrameStyle::Direct",
    }
    .to_owned()
}

fn line_table_style(minor: u8) -> String {
    match minor {
        ..=9 => "LineTableStyle::Lnotab",
        10 => "LineTableStyle::Pep626",
        _ => "LineTableStyle::Locations",
    }
    .to_owned()
}

fn instance_style(minor: u8) -> String {
    match minor {
        ..=10 => "InstanceStyle::DictOffset",
        11 => "InstanceStyle::ValuesPointer",
        12 => "InstanceStyle::TaggedPointer",
        _ => "InstanceStyle::Inline",
    }
    .to_owned()
}

/// The text of the file.
pub(super) fn generate(all: &[Offsets], sources: &str) -> Result<String> {
    let mut text = format!(
        "//! Where things lie inside CPython 3.8 to 3.15 on x86_64 Linux, from its own headers.
//!
//! @generated by `cargo xtask layouts --write`; edits are lost.
{sources}
//! glibc and musl give the same numbers, so one table serves both; `cargo xtask layouts` compares
//! them again wherever `musl-gcc` is installed. Builds without the GIL differ and are not here, nor
//! are other architectures, whose locks have other sizes.
//!
//! From 3.13 on a process describes itself, and [`crate::self_described`] takes from these tables
//! only what it leaves out.

use crate::layout::{{
    CodeLayout, DictLayout, FrameLayout, FrameStyle, GilLayout, InstanceLayout, InstanceStyle,
    InterpreterLayout, Layout, LineTableStyle, LocalsLayout, ObjectLayout, RuntimeLayout,
    ThreadLayout,
}};

/// The layout of CPython 3.`minor`, if it is one we know.
pub fn for_version(minor: u8) -> Option<&'static Layout> {{
    match minor {{
"
    );
    for offsets in all {
        writeln!(text, "{minor} => Some(&V3_{minor}),", minor = offsets.minor)?;
    }
    text.push_str("_ => None, }}\n");
    for offsets in all {
        text.push_str(&constant(offsets)?);
    }
    Ok(text)
}

fn constant(offsets: &Offsets) -> Result<String> {
    let minor = offsets.minor;
    let mut text = format!("\n/// CPython 3.{minor}.\npub const V3_{minor}: Layout = Layout {{\n");
    writeln!(text, "minor: {minor},")?;
    for (group, name, fields) in STRUCTS {
        writeln!(text, "{group}: {name} {{")?;
        for (field, kind) in *fields {
            let key = format!("{group}.{field}");
            let value = match kind {
                Number => offsets.require(&key)?.to_string(),
                Zero => offsets.get(&key).unwrap_or(0).to_string(),
                Optional => match offsets.get(&key) {
                    Some(value) => format!("Some({value})"),
                    None => "None".to_owned(),
                },
                ByVersion(decide) => decide(minor),
            };
            writeln!(text, "{field}: {value},")?;
        }
        text.push_str("},\n");
    }
    text.push_str("};\n");
    Ok(text)
}
