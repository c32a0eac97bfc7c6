//! Reading numbers out of a copied struct. Every access is checked: out of range reads as zero.
//!
//! A zero is safe everywhere in this room: as a pointer it ends a chain, as a length it is empty.

/// The 8-byte number at `offset`.
pub(crate) fn u64_at(bytes: &[u8], offset: u64) -> u64 {
    field(bytes, offset).map_or(0, u64::from_ne_bytes)
}

/// The 4-byte number at `offset`.
pub(crate) fn u32_at(bytes: &[u8], offset: u64) -> u32 {
    field(bytes, offset).map_or(0, u32::from_ne_bytes)
}

/// The 4-byte signed number at `offset`.
pub(crate) fn i32_at(bytes: &[u8], offset: u64) -> i32 {
    field(bytes, offset).map_or(0, i32::from_ne_bytes)
}

/// The byte at `offset`.
pub(crate) fn u8_at(bytes: &[u8], offset: u64) -> u8 {
    field::<1>(bytes, offset).map_or(0, |[byte]| byte)
}

fn field<const N: usize>(bytes: &[u8], offset: u64) -> Option<[u8; N]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(N)?)?.try_into().ok()
}
