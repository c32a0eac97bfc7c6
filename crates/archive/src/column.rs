//! Numbers written small: varints, byte planes, and columns that hold only surprises.
//!
//! Three shapes, from plain to clever. All of them are made so that what follows, zstd, finds long
//! runs of equal bytes; none of them guesses, so every `u64` comes back as it was.
//!
//! ```text
//! varint      0xxxxxxx | 1xxxxxxx ... 0xxxxxxx      7 bits a byte, lowest first
//!
//! planes      | width w | byte 0 of all n | byte 1 of all n | ... | byte w-1 of all n |
//!             w is the width of the largest, 0 if all are zero. The noise of a clock stays in
//!             the low planes; the high planes are constant and compress to nothing.
//!
//! surprises   | misses m | planes: m lengths of the zeros before each | planes: m values |
//!             for columns of "what was not as predicted", mostly zero.
//! ```
//!
//! Reading comes from files that may be forged: the caller states how many numbers it expects,
//! having bounded that itself, and every read checks that the bytes are there.

/// What is wrong with bytes that should have been a record's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flaw(pub(crate) &'static str);

/// The unread rest of a record's content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

const SHORT: Flaw = Flaw("content ends in the middle of an entry");

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Flaw> {
        Ok(self.bytes(1)?[0])
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Flaw> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Flaw("a number is longer than 64 bits"))
    }

    /// A number of things, refused above `most`: what is allocated next is bounded by it.
    pub(crate) fn count(&mut self, most: usize) -> Result<usize, Flaw> {
        let count = usize::try_from(self.varint()?).ok();
        count
            .filter(|&count| count <= most)
            .ok_or(Flaw("says it holds more entries than a record may"))
    }

    /// A text with its length before it.
    pub(crate) fn text(&mut self) -> Result<&'a str, Flaw> {
        let length = self.count(self.rest.len())?;
        utf8(self.bytes(length)?)
    }
}

/// Bytes as text.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Flaw> {
    str::from_utf8(bytes).map_err(|_| Flaw("a text is not UTF-8"))
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Small for numbers near zero on either side: 0, -1, 1, -2 become 0, 1, 2, 3.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// The way from `from` to `to`, whichever is larger; `from.wrapping_add_signed` of it is `to`.
pub(crate) fn difference(from: u64, to: u64) -> i64 {
    to.wrapping_sub(from).cast_signed()
}

pub(crate) fn put_planes(out: &mut Vec<u8>, values: &[u64]) {
    let all = values.iter().fold(0, |all, value| all | value);
    let width = (u64::BITS - all.leading_zeros()).div_ceil(8);
    out.push(width as u8);
    for plane in 0..width {
        out.extend(values.iter().map(|value| (value >> (8 * plane)) as u8));
    }
}

/// `count` numbers; the caller has bounded `count`.
pub(crate) fn take_planes(input: &mut Input<'_>, count: usize) -> Result<Vec<u64>, Flaw> {
    let width = u32::from(input.byte()?);
    if width > 8 {
        return Err(Flaw("a column is wider than 8 bytes"));
    }
    let mut values = vec![0u64; count];
    for plane in 0..width {
        let bytes = input.bytes(count)?;
        for (value, &byte) in values.iter_mut().zip(bytes) {
            *value |= u64::from(byte) << (8 * plane);
        }
    }
    Ok(values)
}

/// Numbers that mostly grow or repeat: planes of the difference to the one before.
pub(crate) fn put_steps(out: &mut Vec<u8>, values: impl IntoIterator<Item = u64>) {
    let mut last = 0;
    let steps: Vec<u64> = values
        .into_iter()
        .map(|value| zigzag(difference(std::mem::replace(&mut last, value), value)))
        .collect();
    put_planes(out, &steps);
}

/// The inverse of [`put_steps`]; the caller has bounded `count`.
pub(crate) fn take_steps(input: &mut Input<'_>, count: usize) -> Result<Vec<u64>, Flaw> {
    let mut values = take_planes(input, count)?;
    let mut last = 0u64;
    for value in &mut values {
        last = last.wrapping_add_signed(unzigzag(*value));
        *value = last;
    }
    Ok(values)
}

/// A column that is zero where things went as predicted.
pub(crate) fn put_surprises(out: &mut Vec<u8>, values: &[u64]) {
    let mut gaps = Vec::new();
    let mut misses = Vec::new();
    let mut gap = 0;
    for &value in values {
        if value == 0 {
            gap += 1;
        } else {
            gaps.push(std::mem::take(&mut gap));
            misses.push(value);
        }
    }
    put_varint(out, misses.len() as u64);
    put_planes(out, &gaps);
    put_planes(out, &misses);
}

/// The inverse of [`put_surprises`]; the caller has bounded `count`.
pub(crate) fn take_surprises(input: &mut Input<'_>, count: usize) -> Result<Vec<u64>, Flaw> {
    let misses = input.count(count)?;
    let gaps = take_planes(input, misses)?;
    let surprises = take_planes(input, misses)?;
    let mut values = vec![0; count];
    let mut next = 0usize;
    for (gap, surprise) in gaps.into_iter().zip(surprises) {
        let at = usize::try_from(gap)
            .ok()
            .and_then(|gap| next.checked_add(gap));
        let value = at.and_then(|at| values.get_mut(at)).ok_or(SHORT)?;
        *value = surprise;
        next = at.map_or(count, |at| at + 1);
    }
    Ok(values)
}

/// Signed surprises that may all be multiples of one unit, as times in whole microseconds are.
pub(crate) fn put_residuals(out: &mut Vec<u8>, values: &[i64]) {
    let unit = values.iter().fold(0, |unit, value| {
        greatest_common_divisor(unit, value.unsigned_abs())
    });
    let unit = i64::try_from(unit).unwrap_or(1).max(1);
    put_varint(out, unit.cast_unsigned());
    let symbols: Vec<u64> = values.iter().map(|value| zigzag(value / unit)).collect();
    put_surprises(out, &symbols);
}

/// The inverse of [`put_residuals`]; the caller has bounded `count`.
pub(crate) fn take_residuals(input: &mut Input<'_>, count: usize) -> Result<Vec<i64>, Flaw> {
    let unit = input.varint()?.cast_signed();
    let symbols = take_surprises(input, count)?;
    let value = |symbol| unzigzag(symbol).wrapping_mul(unit);
    Ok(symbols.into_iter().map(value).collect())
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes, reads back, and insists that nothing is left over.
    fn there_and_back<T>(
        put: impl FnOnce(&mut Vec<u8>),
        take: impl FnOnce(&mut Input<'_>) -> Result<T, Flaw>,
    ) -> T {
        let mut out = Vec::new();
        put(&mut out);
        let mut input = Input::new(&out);
        let value = take(&mut input).expect("what was put can be taken");
        assert!(input.is_empty());
        value
    }

    /// Numbers of all magnitudes, many of them zero or at the ends.
    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        let edge = prop_oneof![Just(0), Just(u64::MAX), Just(1 << 63), Just((1 << 63) - 1)];
        let number = prop_oneof![Just(0), edge, 0..300u64, any::<u64>()];
        prop::collection::vec(number, 0..40)
    }

    proptest! {
        #[test]
        fn every_column_comes_back(values in numbers()) {
            let n = values.len();
            prop_assert_eq!(&there_and_back(|o| put_planes(o, &values), |i| take_planes(i, n)), &values);
            let steps = there_and_back(|o| put_steps(o, values.iter().copied()), |i| take_steps(i, n));
            prop_assert_eq!(&steps, &values);
            let surprises = there_and_back(|o| put_surprises(o, &values), |i| take_surprises(i, n));
            prop_assert_eq!(&surprises, &values);
            let signed: Vec<i64> = values.iter().map(|v| v.cast_signed()).collect();
            let residuals = there_and_back(|o| put_residuals(o, &signed), |i| take_residuals(i, n));
            prop_assert_eq!(&residuals, &signed);
            for value in values {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                prop_assert_eq!(Input::new(&out).varint(), Ok(value));
                prop_assert_eq!(zigzag(unzigzag(value)), value);
            }
        }

        #[test]
        fn no_bytes_make_a_column_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for count in [0, 1, 7, 1000] {
                let _ = take_residuals(&mut Input::new(&bytes), count);
                let _ = take_steps(&mut Input::new(&bytes), count);
            }
            let _ = Input::new(&bytes).varint();
            let _ = Input::new(&bytes).text();
        }
    }

    #[test]
    fn a_column_as_predicted_costs_a_few_bytes_whatever_its_length() {
        let mut out = Vec::new();
        put_residuals(&mut out, &[0; 60_000]);
        assert_eq!(out.len(), 4);
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        let mut bytes = [0xff; 10];
        bytes[9] = 0x02;
        assert!(Input::new(&bytes).varint().is_err());
    }
}
