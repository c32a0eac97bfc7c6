//! Reads `marshal`, versions 0 to 6, as far as profiles use it.
//!
//! ```text
//! N  None          T F  bool            i  i32      l  long: i32 count (its sign is the number's),
//! g  f64           f    text of a float, u8 length      then u16 digits of 15 bits, lowest first
//! u t  UTF-8, u32 length                (lone surrogates as CPython's "surrogatepass" has them)
//! a A  Latin-1, u32 length              z Z  the same, u8 length         s  bytes, u32 length
//! (  tuple, u32 length                  )    the same, u8 length         [  list, u32 length
//! {  dict: key value ... 0              r    u32 position of a value that came before
//! ```
//!
//! A type byte with the bit 0x80 makes its value one that `r` can name, in the order the values
//! begin. Files come from anywhere: every length is held against the bytes there are, nesting is
//! bounded, and a value that is named again is shared, not copied, so that a file of a kilobyte
//! cannot become a gigabyte.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// The flag of a value that can be named again.
const FLAG_REF: u8 = 0x80;

/// How deep values nest in what we read. A profile nests four deep.
const MAX_DEPTH: usize = 32;

/// A value that was read.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Arc<str>),
    /// Lists too.
    Tuple(Rc<Vec<Read>>),
    /// In the order of the file; keys may come twice.
    Dict(Rc<Vec<(Read, Read)>>),
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Where, in bytes from the start.
    pub(crate) offset: usize,
    /// What.
    pub(crate) what: &'static str,
    /// True when there would have to be more bytes.
    pub(crate) is_cut: bool,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.what)
    }
}

type Result<T> = std::result::Result<T, Flaw>;

/// Reads the first value. What follows it is not looked at, as CPython does not either.
pub(crate) fn read(bytes: &[u8]) -> Result<Read> {
    let mut input = Input {
        bytes,
        at: 0,
        named: Vec::new(),
    };
    match input.value(0)? {
        Some(value) => Ok(value),
        None => Err(input.flaw("there is no value")),
    }
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Values that can be named again; `None` while they are being read.
    named: Vec<Option<Read>>,
}

impl<'a> Input<'a> {
    fn flaw(&self, what: &'static str) -> Flaw {
        Flaw {
            offset: self.at,
            what,
            is_cut: false,
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let (taken, _) = rest.split_at_checked(count).ok_or(Flaw {
            offset: self.bytes.len(),
            what: "the file ends in the middle of a value",
            is_cut: true,
        })?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<usize> {
        Ok(usize::from(self.array::<1>()?[0]))
    }

    fn length(&mut self) -> Result<usize> {
        let length = i32::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| self.flaw("a length is negative"))
    }

    /// One value; `None` for the mark that ends a dict.
    fn value(&mut self, depth: usize) -> Result<Option<Read>> {
        if depth > MAX_DEPTH {
            return Err(self.flaw("values nest deeper than in any profile"));
        }
        let code = self.array::<1>()?[0];
        let kind = code & !FLAG_REF;
        let name = (code & FLAG_REF != 0 && !b"0NTFr".contains(&kind)).then(|| {
            self.named.push(None);
            self.named.len() - 1
        });
        let value = match kind {
            b'0' => return Ok(None),
            b'N' => Read::None,
            b'T' => Read::Bool(true),
            b'F' => Read::Bool(false),
            b'i' => Read::Int(i32::from_le_bytes(self.array()?).into()),
            b'l' => Read::Int(self.long()?),
            b'g' => Read::Float(f64::from_le_bytes(self.array()?)),
            b'f' => {
                let length = self.byte()?;
                let text = str::from_utf8(self.take(length)?).ok();
                let number = text.and_then(|text| text.parse().ok());
                Read::Float(number.ok_or_else(|| self.flaw("a float is none"))?)
            }
            b'u' | b't' | b's' => {
                let length = self.length()?;
                Read::Text(String::from_utf8_lossy(self.take(length)?).into())
            }
            b'a' | b'A' => {
                let length = self.length()?;
                self.latin(length)?
            }
            b'z' | b'Z' => {
                let length = self.byte()?;
                self.latin(length)?
            }
            b'(' | b'[' => {
                let length = self.length()?;
                self.tuple(length, depth)?
            }
            b')' => {
                let length = self.byte()?;
                self.tuple(length, depth)?
            }
            b'{' => self.dict(depth)?,
            b'r' => {
                let position = self.length()?;
                let named = self.named.get(position).cloned().flatten();
                named.ok_or_else(|| self.flaw("names a value that has not come before"))?
            }
            _ => {
                self.at -= 1;
                return Err(self.flaw("holds a kind of value that no profile has"));
            }
        };
        if let Some(name) = name {
            self.named[name] = Some(value.clone());
        }
        Ok(Some(value))
    }

    fn latin(&mut self, length: usize) -> Result<Read> {
        let bytes = self.take(length)?;
        Ok(Read::Text(
            bytes
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>()
                .into(),
        ))
    }

    fn long(&mut self) -> Result<i128> {
        let count = i32::from_le_bytes(self.array()?);
        let digits = self.take(count.unsigned_abs() as usize * 2)?;
        let mut value: i128 = 0;
        for digit in digits.chunks_exact(2).rev() {
            let digit = u16::from_le_bytes([digit[0], digit[1]]);
            if digit > 0x7fff || value >= 1 << 100 {
                return Err(self.flaw("a number is too long"));
            }
            value = value << 15 | i128::from(digit);
        }
        Ok(if count < 0 { -value } else { value })
    }

    fn tuple(&mut self, length: usize, depth: usize) -> Result<Read> {
        // Each value takes a byte at least.
        let mut values = Vec::with_capacity(length.min(self.bytes.len() - self.at).min(8));
        for _ in 0..length {
            let value = self.value(depth + 1)?;
            values.push(value.ok_or_else(|| self.flaw("a tuple holds the end of a dict"))?);
        }
        Ok(Read::Tuple(Rc::new(values)))
    }

    fn dict(&mut self, depth: usize) -> Result<Read> {
        let mut entries = Vec::new();
        while let Some(key) = self.value(depth + 1)? {
            let value = self.value(depth + 1)?;
            entries.push((
                key,
                value.ok_or_else(|| self.flaw("a dict ends behind a key"))?,
            ));
        }
        Ok(Read::Dict(Rc::new(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        match read(bytes) {
            Ok(value) => format!("{value:?}"),
            Err(flaw) => flaw.to_string(),
        }
    }

    #[test]
    fn values_of_every_version_are_read() {
        for (bytes, value) in [
            (&b"i\xff\xff\xff\xff"[..], "Int(-1)"),
            (b"l\x03\0\0\0\0\0\0\0\x02\0", "Int(2147483648)"),
            (b"l\xfe\xff\xff\xff\x01\0\x01\0", "Int(-32769)"),
            (b"g\0\0\0\0\0\0\xe0?", "Float(0.5)"),
            (b"f\x031.5", "Float(1.5)"),
            (b"\xda\x01f", "Text(\"f\")"),
            (b"a\x02\0\0\0\xe9f", "Text(\"\u{e9}f\")"),
            (b"u\x02\0\0\0\xc3\xa9", "Text(\"\u{e9}\")"),
            (
                b"u\x03\0\0\0\xed\xb3\xbf",
                "Text(\"\u{fffd}\u{fffd}\u{fffd}\")",
            ),
            (
                b"\xa9\x02\xe9\x01\0\0\0r\x01\0\0\0",
                "Tuple([Int(1), Int(1)])",
            ),
            (
                b"\xfb\xe9\x01\0\0\0Nr\x01\0\0\0T0",
                "Dict([(Int(1), None), (Int(1), Bool(true))])",
            ),
        ] {
            assert_eq!(shown(bytes), value);
        }
    }

    #[test]
    fn what_is_no_value_is_said_to_be_none() {
        for (bytes, flaw) in [
            (&b""[..], "byte 0: the file ends in the middle of a value"),
            (
                b"(\xff\xff\xff\x7fN",
                "byte 6: the file ends in the middle of a value",
            ),
            (b"(\xff\xff\xff\xff", "byte 5: a length is negative"),
            (b"l\x01\0\0\0\xff\xff", "byte 7: a number is too long"),
            (
                b"r\0\0\0\0",
                "byte 5: names a value that has not come before",
            ),
            (
                b"\xa9\x01r\0\0\0\0",
                "byte 7: names a value that has not come before",
            ),
            (b"c", "byte 0: holds a kind of value that no profile has"),
            (b"{i\x01\0\0\x000", "byte 7: a dict ends behind a key"),
            (b"0", "byte 1: there is no value"),
        ] {
            assert_eq!(shown(bytes), flaw);
        }
        assert!(shown(&b")\x01".repeat(5000)).ends_with("deeper than in any profile"));
    }
}
