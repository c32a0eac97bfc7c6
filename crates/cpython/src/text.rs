//! Python strings and bytes, read from outside with a limit on their length.

use crate::bytes::{u32_at, u64_at};
use crate::layout::Layout;
use crate::memory::{Memory, ReadError};

/// Reads the `str` at `address`, at most `max_chars` characters of it.
///
/// # Errors
/// [`ReadError::Unmapped`] also for an object that is not a compact string.
pub fn read_str(
    memory: &impl Memory,
    layout: &Layout,
    address: u64,
    max_chars: u64,
) -> Result<String, ReadError> {
    let object = &layout.object;
    let mut header = [0; 72];
    let size = (object.str_compact_data as usize).clamp(40, header.len());
    memory.read(address, &mut header[..size])?;
    let length = u64_at(&header, object.str_length);
    let kept = length.min(max_chars);
    // The bit field of PyASCIIObject.state (Include/cpython/unicodeobject.h): two bits `interned`,
    // three bits `kind`, one bit `compact`, one bit `ascii`. Some 3.14 releases gave `interned` 16
    // bits of their own; there the two-bit reading has kind 0, which no string has.
    let state = u32_at(&header, object.str_state);
    let state = if (state >> 2) & 7 == 0 { state >> 16 } else { state >> 2 };
    let kind = u64::from(state & 7);
    let compact = (state >> 3) & 1 == 1;
    let ascii = (state >> 4) & 1 == 1;
    if !compact || !matches!(kind, 1 | 2 | 4) || length > 1 << 40 {
        return Err(ReadError::Unmapped(address));
    }
    let data = if ascii {
        object.str_ascii_data
    } else {
        object.str_compact_data
    };
    let mut bytes = vec![0; (kept * kind) as usize];
    memory.read(address.wrapping_add(data), &mut bytes)?;
    let mut text: String = match kind {
        1 => bytes.iter().map(|&byte| char::from(byte)).collect(),
        2 => decode(
            bytes
                .chunks_exact(2)
                .map(|c| u32::from(u16::from_ne_bytes([c[0], c[1]]))),
        ),
        _ => decode(
            bytes
                .chunks_exact(4)
                .map(|c| u32::from_ne_bytes([c[0], c[1], c[2], c[3]])),
        ),
    };
    if kept < length {
        text.push('…');
    }
    Ok(text)
}

/// Lone surrogates and numbers beyond Unicode become the replacement character.
fn decode(points: impl Iterator<Item = u32>) -> String {
    points
        .map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Reads the `bytes` at `address`, at most `max_bytes` of it.
///
/// # Errors
/// Why the object could not be read, or [`ReadError::Unmapped`] for a negative length.
pub fn read_bytes(
    memory: &impl Memory,
    layout: &Layout,
    address: u64,
    max_bytes: u64,
) -> Result<Vec<u8>, ReadError> {
    let mut size = [0; 8];
    memory.read(address.wrapping_add(layout.object.var_size), &mut size)?;
    let size = i64::from_ne_bytes(size);
    let size = u64::try_from(size).map_err(|_| ReadError::Unmapped(address))?;
    let mut bytes = vec![0; size.min(max_bytes) as usize];
    memory.read(address.wrapping_add(layout.object.bytes_data), &mut bytes)?;
    Ok(bytes)
}

/// Reads a NUL-terminated C string of at most `max_bytes`.
///
/// # Errors
/// Why its first byte could not be read.
pub fn read_c_str(
    memory: &impl Memory,
    address: u64,
    max_bytes: usize,
) -> Result<String, ReadError> {
    let mut text = Vec::new();
    let mut byte = [0];
    // Types' names are short, and byte by byte never runs past the end of a mapping.
    while text.len() < max_bytes {
        memory.read(address.wrapping_add(text.len() as u64), &mut byte)?;
        if byte[0] == 0 {
            break;
        }
        text.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
