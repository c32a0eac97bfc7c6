//! Numbers: ints of any size and floats, and how Python spells them.
//!
//! An int is a row of digits, the least first. Up to 3.11 the sign of `ob_size` is that of the
//! number; from 3.12 on a tag holds both (`Include/internal/pycore_long.h`):
//!
//! ```text
//! lv_tag   | count of digits ... | 1 bit | 2 bits: 0 positive, 1 zero, 2 negative |
//! ```

use super::Objects;
use super::kind::LONG;
use crate::memory::{Memory, ReadError};
use std::fmt::Write as _;

/// The most digits that are read: numbers below 2^7680.
const MAX_DIGITS: u64 = 256;
/// More digits than this no address space holds.
const IMPOSSIBLE_DIGITS: u64 = 1 << 40;

/// An int.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Int {
    negative: bool,
    digits: Vec<u32>,
    digit_bits: u64,
}

impl Int {
    /// The number if it is small enough and not negative.
    fn to_u64(&self) -> Option<u64> {
        let mut value = 0u128;
        for &digit in self.digits.iter().rev() {
            value = (value << self.digit_bits) | u128::from(digit);
            if value > u128::from(u64::MAX) {
                return None;
            }
        }
        (!self.negative || value == 0)
            .then_some(value)
            .and_then(|value| u64::try_from(value).ok())
    }

    /// The number in decimal digits.
    pub(super) fn decimal(&self) -> String {
        const PART: u64 = 1_000_000_000;
        // Parts of nine decimal digits, the least first; each digit is multiplied in.
        let mut parts: Vec<u64> = vec![0];
        for &digit in self.digits.iter().rev() {
            let mut carry = u64::from(digit);
            for part in &mut parts {
                let value = (*part << self.digit_bits) + carry;
                *part = value % PART;
                carry = value / PART;
            }
            while carry > 0 {
                parts.push(carry % PART);
                carry /= PART;
            }
        }
        let mut text = String::new();
        let is_zero = parts == [0];
        if self.negative && !is_zero {
            text.push('-');
        }
        for (index, part) in parts.iter().rev().enumerate() {
            let _ = match index {
                0 => write!(text, "{part}"),
                _ => write!(text, "{part:09}"),
            };
        }
        text
    }
}

impl<M: Memory> Objects<'_, M> {
    /// An int that is a `u64`.
    pub(crate) fn u64(&self, object: u64) -> Result<u64, ReadError> {
        self.expect(object, LONG)?;
        match self.int(object)? {
            Ok(int) => int.to_u64().ok_or(ReadError::Unmapped(object)),
            Err(_) => Err(ReadError::Unmapped(object)),
        }
    }

    /// An int, or how many bits it has where those are too many to read.
    pub(super) fn int(&self, object: u64) -> Result<Result<Int, u64>, ReadError> {
        let layout = &self.layout.object;
        let (negative, count) = match layout.long_tag {
            Some(at) => {
                let tag = self.word(object, at)?;
                (tag & 3 == 2, tag >> 3)
            }
            None => {
                let size = self.word(object, layout.var_size)?.cast_signed();
                (size < 0, size.unsigned_abs())
            }
        };
        let digit_bits = layout.long_digit_bits;
        let first = object.wrapping_add(layout.long_digits);
        if count > IMPOSSIBLE_DIGITS {
            return Err(ReadError::Unmapped(object));
        }
        if count > MAX_DIGITS {
            let last = self.digits(first.wrapping_add(4 * (count - 1)), 1)?[0];
            let bits = u64::from(u32::BITS - last.leading_zeros());
            return Ok(Err((count - 1) * digit_bits + bits));
        }
        Ok(Ok(Int {
            negative,
            digits: self.digits(first, count as usize)?,
            digit_bits,
        }))
    }

    fn digits(&self, address: u64, count: usize) -> Result<Vec<u32>, ReadError> {
        let mut bytes = vec![0; 4 * count];
        if count > 0 {
            self.memory.read(address, &mut bytes)?;
        }
        let mask = (1u32 << self.layout.object.long_digit_bits.min(31)) - 1;
        let digits = bytes.as_chunks::<4>().0.iter();
        Ok(digits
            .map(|digit| u32::from_ne_bytes(*digit) & mask)
            .collect())
    }
}

/// A float as `repr` spells it: the fewest digits that mean it, with an exponent where it is below
/// 1e-4 or at least 1e16 (`PyOS_double_to_string` with 'r').
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') {
            plain
        } else {
            format!("{plain}.0")
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelled_as_python_spells_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1.5e300, "1.5e+300"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (123_456_789.123, "123456789.123"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    fn int(negative: bool, digits: &[u32]) -> Int {
        Int {
            negative,
            digits: digits.to_vec(),
            digit_bits: 30,
        }
    }

    #[test]
    fn ints_are_spelled_in_decimal() {
        assert_eq!(int(false, &[]).decimal(), "0");
        assert_eq!(int(true, &[0]).decimal(), "0");
        assert_eq!(int(true, &[5]).decimal(), "-5");
        let two_to_the_100 = int(false, &[0, 0, 0, 1 << 10]);
        assert_eq!(two_to_the_100.decimal(), (1u128 << 100).to_string());
        assert_eq!(two_to_the_100.to_u64(), None);
        let largest = int(false, &[(1 << 30) - 1, (1 << 30) - 1, 15]);
        assert_eq!(largest.decimal(), u64::MAX.to_string());
        assert_eq!(largest.to_u64(), Some(u64::MAX));
        assert_eq!(int(true, &[5]).to_u64(), None);
        let ones = vec![(1 << 30) - 1; MAX_DIGITS as usize];
        assert_eq!(int(false, &ones).decimal().len(), 2312);
    }
}
