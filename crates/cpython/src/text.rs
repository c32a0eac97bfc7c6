//! Python strings and bytes, read from outside with a limit on their length.

use crate::bytes::{u32_at, u64_at};
use crate::layout::Layout;
use crate::memory::{Memory, ReadError};
use crate::runtime::read_u64;

/// How long a `str` is and where its characters lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StrHeader {
    /// How many characters it has.
    pub(crate) length: u64,
    /// How many bytes each of them takes: 1, 2 or 4.
    pub(crate) width: u64,
    /// How far behind the start of the object the first one lies, or the pointer to it.
    pub(crate) data: u64,
    /// True where it is a pointer: in instances of subclasses of `str`.
    pub(crate) is_pointer: bool,
}

impl StrHeader {
    /// The most bytes of an object that [`StrHeader::parse`] needs.
    pub(crate) const MAX_BYTES: usize = 72;

    /// How many bytes from the start of an object [`StrHeader::parse`] needs.
    pub(crate) fn prefix_bytes(layout: &Layout) -> usize {
        let object = &layout.object;
        let end = (object.str_length + 8).max(object.str_state + 4) as usize;
        end.min(Self::MAX_BYTES)
    }

    /// Reads it out of the copied start of an object; `None` if that is no string.
    pub(crate) fn parse(layout: &Layout, bytes: &[u8]) -> Option<Self> {
        let object = &layout.object;
        let length = u64_at(bytes, object.str_length);
        // The bit field of PyASCIIObject.state (Include/cpython/unicodeobject.h): two bits
        // `interned`, three bits `kind`, one bit `compact`, one bit `ascii`. Some 3.14 releases
        // gave `interned` 16 bits of their own; there the two-bit reading has kind 0, which no
        // string has.
        let state = u32_at(bytes, object.str_state);
        let state = if (state >> 2) & 7 == 0 {
            state >> 16
        } else {
            state >> 2
        };
        let width = u64::from(state & 7);
        let compact = (state >> 3) & 1 == 1;
        let ascii = (state >> 4) & 1 == 1;
        // What is not compact is a PyUnicodeObject: a PyCompactUnicodeObject and a pointer.
        let data = if ascii && compact {
            object.str_ascii_data
        } else {
            object.str_compact_data
        };
        let possible = matches!(width, 1 | 2 | 4) && length <= 1 << 40;
        possible.then_some(Self {
            length,
            width,
            data,
            is_pointer: !compact,
        })
    }
}

/// Reads the `str` at `address`, at most `max_chars` characters of it.
///
/// # Errors
/// [`ReadError::Unmapped`] also for an object that is not a string.
pub fn read_str(
    memory: &impl Memory,
    layout: &Layout,
    address: u64,
    max_chars: u64,
) -> Result<String, ReadError> {
    let (length, points) = read_points(memory, layout, address, max_chars)?;
    let mut text = text_of(&points);
    if (points.len() as u64) < length {
        text.push('…');
    }
    Ok(text)
}

/// Reads the code points of the `str` at `address`, at most `max_chars` of them, and how many
/// there are. Unlike a [`String`] they may be lone surrogates.
pub(crate) fn read_points(
    memory: &impl Memory,
    layout: &Layout,
    address: u64,
    max_chars: u64,
) -> Result<(u64, Vec<u32>), ReadError> {
    let mut buffer = [0; StrHeader::MAX_BYTES];
    let prefix = &mut buffer[..StrHeader::prefix_bytes(layout)];
    memory.read(address, prefix)?;
    let header = StrHeader::parse(layout, prefix).ok_or(ReadError::Unmapped(address))?;
    let mut bytes = vec![0; (header.length.min(max_chars) * header.width) as usize];
    let data = address.wrapping_add(header.data);
    let data = if header.is_pointer {
        read_u64(memory, data)?
    } else {
        data
    };
    memory.read(data, &mut bytes)?;
    Ok((header.length, points(header.width, &bytes)))
}

/// Takes the characters of a `str` apart.
pub(crate) fn points(width: u64, bytes: &[u8]) -> Vec<u32> {
    match width {
        1 => bytes.iter().map(|&byte| u32::from(byte)).collect(),
        2 => bytes
            .chunks_exact(2)
            .map(|c| u32::from(u16::from_ne_bytes([c[0], c[1]])))
            .collect(),
        _ => bytes
            .chunks_exact(4)
            .map(|c| u32::from_ne_bytes([c[0], c[1], c[2], c[3]]))
            .collect(),
    }
}

/// Lone surrogates and numbers beyond Unicode become the replacement character.
pub(crate) fn text_of(points: &[u32]) -> String {
    points
        .iter()
        .map(|&point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
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
/// Why its first bytes could not be read.
pub fn read_c_str(
    memory: &impl Memory,
    address: u64,
    max_bytes: usize,
) -> Result<String, ReadError> {
    const PAGE: u64 = 4096;
    let mut text = Vec::new();
    let mut buffer = [0; 64];
    // Never across the end of a page: the next one may not exist.
    while text.len() < max_bytes {
        let at = address.wrapping_add(text.len() as u64);
        let wanted = (PAGE - at % PAGE).min(buffer.len() as u64) as usize;
        let piece = &mut buffer[..wanted.min(max_bytes - text.len())];
        memory.read(at, piece)?;
        let end = piece.iter().position(|&byte| byte == 0);
        text.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        if end.is_some() {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
