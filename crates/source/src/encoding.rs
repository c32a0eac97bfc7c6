//! Bytes of a file become text, by the encoding that it declares.
//!
//! PEP 263: a byte order mark means UTF-8, else a comment in one of the first two lines may name
//! an encoding, else it is UTF-8. ASCII and Latin-1 are read beside UTF-8: nearly every old file
//! that is not UTF-8 says one of the two. Others are reported.

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-8 behind a byte order mark.
    Utf8WithMark,
    /// ISO 8859-1: every byte is the character of that number.
    Latin1,
}

/// Why bytes cannot be read as text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// An encoding that is not read here.
    #[error("it is written in `{name}`; UTF-8, ASCII and Latin-1 are read")]
    Unknown {
        /// As the file calls it.
        name: String,
        /// Where it says so, from 1.
        line: u32,
    },
    /// Bytes that the encoding does not allow.
    #[error("byte {byte:#04x} is no {encoding}")]
    Invalid {
        /// The byte.
        byte: u8,
        /// What it should be.
        encoding: &'static str,
        /// Its line, from 1.
        line: u32,
    },
}

impl EncodingError {
    /// Where it is, from 1.
    pub fn line(&self) -> u32 {
        match self {
            Self::Unknown { line, .. } | Self::Invalid { line, .. } => *line,
        }
    }
}

/// The mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the bytes of a file.
///
/// # Errors
/// The file names an encoding that is not read, or breaks its own.
pub fn decode(bytes: &[u8]) -> Result<(String, Encoding), EncodingError> {
    if let Some(rest) = bytes.strip_prefix(MARK) {
        return Ok((utf8(rest, 0)?, Encoding::Utf8WithMark));
    }
    let Some((name, line)) = declared(bytes) else {
        return Ok((utf8(bytes, 0)?, Encoding::Utf8));
    };
    match normal(&name).as_str() {
        "utf-8" | "utf8" | "u8" | "utf" | "utf-8-sig" | "cp65001" => {
            Ok((utf8(bytes, 0)?, Encoding::Utf8))
        }
        "ascii" | "us-ascii" | "646" | "ansi-x3.4-1968" => {
            let bad = bytes.iter().position(|byte| !byte.is_ascii());
            match bad {
                None => Ok((utf8(bytes, 0)?, Encoding::Utf8)),
                Some(at) => Err(invalid(bytes, at, "ASCII")),
            }
        }
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "8859" | "l1" | "latin" => Ok((
            bytes.iter().map(|byte| char::from(*byte)).collect(),
            Encoding::Latin1,
        )),
        _ => Err(EncodingError::Unknown { name, line }),
    }
}

impl Encoding {
    /// A text as bytes of a file; `None` if it has a character that the encoding lacks.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Utf8WithMark => Some([MARK, text.as_bytes()].concat()),
            Self::Latin1 => text.chars().map(|c| u8::try_from(c).ok()).collect(),
        }
    }
}

fn utf8(bytes: &[u8], skipped: usize) -> Result<String, EncodingError> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|error| invalid(bytes, skipped + error.valid_up_to(), "UTF-8"))
}

fn invalid(bytes: &[u8], at: usize, encoding: &'static str) -> EncodingError {
    let lines = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    EncodingError::Invalid {
        byte: bytes[at],
        encoding,
        line: lines as u32 + 1,
    }
}

/// What the first two lines declare. The expression of PEP 263:
/// `^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)`; the second line counts only if the first is
/// blank or a comment.
fn declared(bytes: &[u8]) -> Option<(String, u32)> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\x0c');
    for (at, line) in bytes.split(|byte| *byte == b'\n').take(2).enumerate() {
        let start = line
            .iter()
            .position(|byte| !is_blank(byte) && *byte != b'\r');
        let Some(start) = start else { continue };
        if line[start] != b'#' {
            return None;
        }
        let found = line.windows(7).enumerate().find_map(|(place, window)| {
            let is_it = window.starts_with(b"coding") && matches!(window[6], b':' | b'=');
            if !is_it {
                return None;
            }
            let rest = &line[place + 7..];
            let skip = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
            let rest = &rest[skip.count()..];
            let is_name =
                |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let name: Vec<u8> = rest.iter().take_while(is_name).copied().collect();
            (!name.is_empty()).then(|| String::from_utf8_lossy(&name).into_owned())
        });
        if let Some(name) = found {
            return Some((name, at as u32 + 1));
        }
    }
    None
}

/// As Python compares names of encodings, near enough: case and `_` do not matter, nor what
/// follows `latin-1-` or `utf-8-` (as in `utf-8-unix`).
fn normal(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('_', "-");
    for known in ["utf-8", "latin-1", "iso-8859-1"] {
        if name
            .strip_prefix(known)
            .is_some_and(|rest| rest.starts_with('-'))
        {
            return known.into();
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_declared_encoding_is_read_or_named() {
        let text = |bytes: &[u8]| decode(bytes).map(|(text, _)| text);
        assert_eq!(
            text(b"# -*- coding: latin-1 -*-\n\xe9"),
            Ok("# -*- coding: latin-1 -*-\né".into())
        );
        assert_eq!(text(b"\xef\xbb\xbfx"), Ok("x".into()));
        assert_eq!(
            text(b"#!python\n# vim: set fileencoding=utf-8 :\nx").map(|t| t.len()),
            Ok(42)
        );
        let unknown = text(b"#!python\n# coding: koi8-r\n").expect_err("unknown");
        assert_eq!(
            unknown.to_string(),
            "it is written in `koi8-r`; UTF-8, ASCII and Latin-1 are read"
        );
        assert_eq!(unknown.line(), 2);
        let broken = text(b"a\nb\xff").expect_err("broken");
        assert_eq!(
            (broken.to_string().as_str(), broken.line()),
            ("byte 0xff is no UTF-8", 2)
        );
        // Behind code it is a comment like any other.
        assert!(text(b"x = 1\n# coding: koi8-r\n").is_ok());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok((text, encoding)) = decode(&bytes) {
                prop_assert_eq!(encoding.encode(&text), Some(bytes));
            }
        }
    }
}
