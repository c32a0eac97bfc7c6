//! Values in `marshal`, the format of `.pyc` files that `cProfile` also dumps into.
//!
//! From CPython's `Python/marshal.c`: a value is a type byte and its content, little-endian. Only
//! types that every version from 2.5 on reads are written, and no references between values
//! (`FLAG_REF`, 3.4), so one writer serves all readers. What is read is more: see [`read`].
//!
//! ```text
//! {  dict    key value key value ... 0
//! (  tuple   u32 length, values
//! u  str     u32 length, UTF-8
//! i  int     i32
//! l  int     i32 count of digits, that many u16 digits of 15 bits, lowest first
//! g  float   f64
//! ```

mod read;

pub(crate) use read::{Flaw, Read, read};

/// A value to write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(u64),
    /// An integer that may be negative.
    Signed(i64),
    Bool(bool),
    Float(f64),
    Text(String),
    Tuple(Vec<Value>),
    /// Written in the order given; keys must be distinct.
    Dict(Vec<(Value, Value)>),
}

impl Value {
    /// Appends the bytes of this value.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(n) => write_int(*n, false, out),
            Self::Signed(n) => write_int(n.unsigned_abs(), *n < 0, out),
            Self::Bool(one) => out.push(if *one { b'T' } else { b'F' }),
            Self::Float(x) => {
                out.push(b'g');
                out.extend(x.to_le_bytes());
            }
            Self::Text(text) => {
                out.push(b'u');
                out.extend(length(text.len()));
                out.extend(text.as_bytes());
            }
            Self::Tuple(values) => {
                out.push(b'(');
                out.extend(length(values.len()));
                for value in values {
                    value.write(out);
                }
            }
            Self::Dict(entries) => {
                out.push(b'{');
                for (key, value) in entries {
                    key.write(out);
                    value.write(out);
                }
                out.push(b'0');
            }
        }
    }
}

fn write_int(n: u64, is_negative: bool, out: &mut Vec<u8>) {
    if let Ok(small) = i32::try_from(n) {
        let small = if is_negative { -small } else { small };
        out.push(b'i');
        out.extend(small.to_le_bytes());
        return;
    }
    let digits: Vec<u16> = (0..u64::BITS)
        .step_by(15)
        .map(|shift| (n >> shift & 0x7fff) as u16)
        .collect();
    let used = digits
        .iter()
        .rposition(|&digit| digit != 0)
        .map_or(0, |last| last + 1);
    out.push(b'l');
    let count = i32::from_le_bytes(length(used));
    let count = if is_negative { -count } else { count };
    out.extend(count.to_le_bytes());
    for digit in &digits[..used] {
        out.extend(digit.to_le_bytes());
    }
}

fn length(n: usize) -> [u8; 4] {
    i32::try_from(n)
        .expect("no text or tuple of an export reaches 2 GiB")
        .to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        value.write(&mut out);
        out
    }

    #[test]
    fn values_have_the_bytes_cpython_gives_them() {
        // marshal.dumps(value, 2) of CPython 3.13.
        assert_eq!(bytes(&Value::Int(1)), b"i\x01\0\0\0");
        assert_eq!(bytes(&Value::Int(0x7fff_ffff)), b"i\xff\xff\xff\x7f");
        assert_eq!(bytes(&Value::Int(1 << 31)), b"l\x03\0\0\0\0\0\0\0\x02\0");
        assert_eq!(bytes(&Value::Signed(-2)), b"i\xfe\xff\xff\xff");
        assert_eq!(
            bytes(&Value::Signed(-1 << 31)),
            b"l\xfd\xff\xff\xff\0\0\0\0\x02\0"
        );
        assert_eq!(bytes(&Value::Bool(true)), b"T");
        assert_eq!(bytes(&Value::Float(0.5)), b"g\0\0\0\0\0\0\xe0?");
        assert_eq!(bytes(&Value::Text("é".into())), b"u\x02\0\0\0\xc3\xa9");
        let pair = Value::Tuple(vec![Value::Int(1), Value::Tuple(vec![])]);
        assert_eq!(bytes(&pair), b"(\x02\0\0\0i\x01\0\0\0(\0\0\0\0");
        let dict = Value::Dict(vec![(Value::Int(1), Value::Int(2))]);
        assert_eq!(bytes(&dict), b"{i\x01\0\0\0i\x02\0\0\x000");
    }
}
