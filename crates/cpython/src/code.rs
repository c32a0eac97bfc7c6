//! Code objects: the names and the line table behind an address.

use crate::bytes::{i32_at, u32_at, u64_at};
use crate::layout::{Layout, LineTableStyle};
use crate::linetable::line_at;
use crate::memory::{Memory, ReadError};
use crate::text::{read_bytes, read_str};

/// The longest name or path that is read, in characters.
const MAX_TEXT: u64 = 4096;
/// The longest line table that is read, in bytes.
const MAX_LINE_TABLE: u64 = 1 << 20;
/// The largest code object prefix of any version.
const MAX_CODE_BYTES: usize = 256;

/// What identifies a code object beyond its address, which is reused after it is freed: its
/// first line and the addresses of its name and line table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u64; 3]);

/// A code object, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// `co_filename`.
    pub filename: String,
    /// `co_name`.
    pub name: String,
    /// `co_qualname`; equal to `name` before 3.11.
    pub qualname: String,
    /// `co_firstlineno`.
    pub first_line: u32,
    /// `co_framesize` in 8-byte words, from 3.12 on.
    pub frame_words: Option<u32>,
    /// Distinguishes it from another code object at the same address.
    pub fingerprint: Fingerprint,
    line_table: Vec<u8>,
    line_table_style: LineTableStyle,
    bytecode: u64,
    bytecode_bytes: u64,
}

impl Code {
    /// Reads the code object at `address`.
    ///
    /// # Errors
    /// Why it could not be read. [`ReadError::Unmapped`] also for an object that cannot be code:
    /// no name, no file name, or a negative size.
    pub fn read(memory: &impl Memory, layout: &Layout, address: u64) -> Result<Self, ReadError> {
        let mut buffer = [0; MAX_CODE_BYTES];
        let header = read_header(memory, layout, address, &mut buffer)?;
        let code = &layout.code;
        let name = read_str(memory, layout, u64_at(header, code.name), MAX_TEXT)?;
        let filename = read_str(memory, layout, u64_at(header, code.filename), MAX_TEXT)?;
        let qualname = code
            .qualname
            .and_then(|at| read_str(memory, layout, u64_at(header, at), MAX_TEXT).ok())
            .unwrap_or_else(|| name.clone());
        let line_table = read_bytes(
            memory,
            layout,
            u64_at(header, code.line_table),
            MAX_LINE_TABLE,
        )?;
        let (bytecode, bytecode_bytes) = bytecode(memory, layout, address, header)?;
        Ok(Self {
            filename,
            name,
            qualname,
            first_line: u32::try_from(i32_at(header, code.first_line)).unwrap_or(0),
            frame_words: code.frame_size.map(|at| u32_at(header, at)),
            fingerprint: fingerprint(layout, header),
            line_table,
            line_table_style: code.line_table_style,
            bytecode,
            bytecode_bytes,
        })
    }

    /// The byte offset of a frame's instruction; `None` for one outside this code object, as a
    /// torn frame would show.
    pub fn offset_of(&self, instruction: u64) -> Option<u64> {
        if self.line_table_style != LineTableStyle::Locations {
            // Before its first instruction a frame stands at -1: on the `def` line.
            let offset = if instruction == u64::MAX {
                0
            } else {
                instruction
            };
            return (offset <= self.bytecode_bytes).then_some(offset);
        }
        // A frame that has not begun stands one instruction before the first (3.11, 3.12).
        if instruction.wrapping_add(2) == self.bytecode {
            return Some(0);
        }
        let offset = instruction.checked_sub(self.bytecode)?;
        (offset <= self.bytecode_bytes).then_some(offset)
    }

    /// The source line of the instruction at a byte offset, 0 when it has none.
    pub fn line_at(&self, offset: u64) -> u32 {
        line_at(
            self.line_table_style,
            &self.line_table,
            self.first_line,
            offset,
        )
        .unwrap_or(0)
    }

    /// The opcode byte at a byte offset, as it stands in the target now (it may be specialised).
    ///
    /// # Errors
    /// Why it could not be read.
    pub fn opcode_at(&self, memory: &impl Memory, offset: u64) -> Result<u8, ReadError> {
        let mut opcode = [0];
        memory.read(self.bytecode.wrapping_add(offset), &mut opcode)?;
        Ok(opcode[0])
    }
}

/// Reads just enough of the code object at `address` to tell whether it is still the same one.
///
/// # Errors
/// Why it could not be read.
pub fn read_fingerprint(
    memory: &impl Memory,
    layout: &Layout,
    address: u64,
) -> Result<Fingerprint, ReadError> {
    let mut buffer = [0; MAX_CODE_BYTES];
    let header = read_header(memory, layout, address, &mut buffer)?;
    Ok(fingerprint(layout, header))
}

fn read_header<'a>(
    memory: &impl Memory,
    layout: &Layout,
    address: u64,
    buffer: &'a mut [u8; MAX_CODE_BYTES],
) -> Result<&'a [u8], ReadError> {
    let size = (layout.code.size as usize).min(MAX_CODE_BYTES);
    memory.read(address, &mut buffer[..size])?;
    Ok(&buffer[..size])
}

fn fingerprint(layout: &Layout, header: &[u8]) -> Fingerprint {
    let code = &layout.code;
    let first_line = u64::from(u32_at(header, code.first_line));
    Fingerprint([
        first_line,
        u64_at(header, code.name),
        u64_at(header, code.line_table),
    ])
}

/// Where the bytecode lies and how long it is.
fn bytecode(
    memory: &impl Memory,
    layout: &Layout,
    address: u64,
    header: &[u8],
) -> Result<(u64, u64), ReadError> {
    let code = &layout.code;
    if code.bytecode_inline {
        let units = code.unit_count.map_or(0, |at| u64_at(header, at));
        if units == 0 || units > 1 << 30 {
            return Err(ReadError::Unmapped(address));
        }
        return Ok((address.wrapping_add(code.bytecode), units * 2));
    }
    let bytes = u64_at(header, code.bytecode);
    let mut size = [0; 8];
    memory.read(bytes.wrapping_add(layout.object.var_size), &mut size)?;
    let size = u64::from_ne_bytes(size);
    if size > 1 << 31 {
        return Err(ReadError::Unmapped(bytes));
    }
    Ok((bytes.wrapping_add(layout.object.bytes_data), size))
}
