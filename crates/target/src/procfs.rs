//! Reading the kernel's text files: bounded, byte by byte, without allocation where it matters.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The error of a process or thread that is not there any more.
pub(crate) fn gone_error() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

/// The error of a file that does not look as its manual page says.
pub(crate) fn malformed() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// Gives the two ways the kernel says "that process ended" one kind, `NotFound`.
pub(crate) fn unify_gone(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(libc::ESRCH) {
        gone_error()
    } else {
        error
    }
}

/// Says whether an error of this crate means that the process or thread ended.
pub fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// Reads a whole file of at most `limit` bytes; what lies behind is left out.
pub(crate) fn read(path: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unify_gone)?;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(unify_gone)?;
    Ok(bytes)
}

/// Reads a directory whose entries are named by numbers, in the order of the kernel.
pub(crate) fn numbers_in(path: impl AsRef<Path>) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unify_gone)? {
        let entry = entry.map_err(unify_gone)?;
        if let Some(number) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

/// The value of a `Name:\tvalue` line of a status file.
pub(crate) fn line_value<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?;
        Some(value.trim_ascii())
    })
}

/// The whitespace-separated fields of a line, taken one after the other.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next field, or `None` at the end.
    #[inline]
    pub(crate) fn word(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let text = &self.0[start..];
        let end = text
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        Some(word)
    }

    /// Passes over `count` fields.
    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.word().map(drop))
    }

    /// The next field as a decimal number.
    #[inline]
    pub(crate) fn decimal(&mut self) -> Option<u64> {
        decimal(self.word()?)
    }

    /// The next field as a hexadecimal number, with or without `0x`.
    #[inline]
    pub(crate) fn hex(&mut self) -> Option<u64> {
        hex(self.word()?)
    }
}

/// Reads a decimal number that is the whole of `text`.
#[inline]
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(())?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Reads a hexadecimal number that is the whole of `text`, with or without `0x`.
#[inline]
pub(crate) fn hex(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &byte| {
        let digit = char::from(byte).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    })
}

/// What a `stat` file says behind the name: the state letter (field 3), then the other fields
/// from the fourth on. The name may itself hold blanks and parentheses, so counting begins at the
/// last `)`.
pub(crate) fn stat_fields(text: &[u8]) -> Option<(u8, Fields<'_>)> {
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let mut fields = Fields(&text[end + 1..]);
    let state = *fields.word()?.first()?;
    Some((state, fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_fields_or_nothing() {
        let mut fields = Fields(b" 12\t0xff 18446744073709551615 18446744073709551616 7x ");
        assert_eq!(fields.decimal(), Some(12));
        assert_eq!(fields.hex(), Some(255));
        assert_eq!(fields.decimal(), Some(u64::MAX));
        assert_eq!(fields.decimal(), None, "one too large for 64 bits");
        assert_eq!(fields.decimal(), None, "a letter behind digits");
        assert_eq!(fields.decimal(), None, "the end");
        assert_eq!(hex(b"0x"), None);
        assert_eq!(hex(b"11111111111111111"), None);
    }

    #[test]
    fn a_name_may_hold_parentheses_and_blanks() {
        let (state, mut fields) = stat_fields(b"7 (a) S (b c) R 1 2 3\n").unwrap();
        assert_eq!(state, b'R');
        assert_eq!(fields.decimal(), Some(1));
        assert!(stat_fields(b"no name at all").is_none());
        assert!(stat_fields(b"1 (cut)").is_none());
    }
}
