//! Versions of Python, and finding them in the bytes of an interpreter that does not tell.

use std::fmt;

/// How finished a release is. The numbers are those of `PY_RELEASE_LEVEL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// `3.15.0a1`.
    Alpha = 0xA,
    /// `3.15.0b1`.
    Beta = 0xB,
    /// `3.15.0rc1`.
    Candidate = 0xC,
    /// `3.15.0`.
    Final = 0xF,
}

/// A version of Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 3, or 2 in a museum.
    pub major: u8,
    /// The 11 of 3.11.7.
    pub minor: u8,
    /// The 7 of 3.11.7.
    pub micro: u8,
    /// How finished it is.
    pub level: Level,
    /// The 2 of 3.15.0rc2; 0 for a final release.
    pub serial: u8,
}

impl Version {
    /// Makes a final release.
    pub fn release(major: u8, minor: u8, micro: u8) -> Self {
        Self {
            major,
            minor,
            micro,
            level: Level::Final,
            serial: 0,
        }
    }

    /// Takes `PY_VERSION_HEX` apart. `None` when it is no version of Python.
    pub fn from_hex(hex: u64) -> Option<Self> {
        let [major, minor, micro, last] = u32::try_from(hex).ok()?.to_be_bytes();
        let level = match last >> 4 {
            0xA => Level::Alpha,
            0xB => Level::Beta,
            0xC => Level::Candidate,
            0xF => Level::Final,
            _ => return None,
        };
        (2..=3).contains(&major).then_some(Self {
            major,
            minor,
            micro,
            level,
            serial: last & 15,
        })
    }

    /// Reads `3.11.7`, `3.15.0rc2` or `3.9.2+` from the beginning of `text`. Returns the version
    /// and the number of bytes it takes.
    pub fn parse_prefix(text: &[u8]) -> Option<(Self, usize)> {
        let mut at = 0;
        let major = number(text, &mut at).filter(|major| (2..=3).contains(major))?;
        let minor = dot(text, &mut at).and_then(|()| number(text, &mut at))?;
        let micro = dot(text, &mut at).and_then(|()| number(text, &mut at))?;
        let (level, serial) = level_at(text, &mut at)?;
        if text.get(at) == Some(&b'+') {
            at += 1; // a build between two releases
        }
        Some((
            Self {
                major,
                minor,
                micro,
                level,
                serial,
            },
            at,
        ))
    }

    /// Whether the interpreter is older than any we have layouts for.
    pub fn is_too_old(self) -> bool {
        (self.major, self.minor) < (3, 8)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            major,
            minor,
            micro,
            serial,
            ..
        } = self;
        write!(f, "{major}.{minor}.{micro}")?;
        match self.level {
            Level::Alpha => write!(f, "a{serial}"),
            Level::Beta => write!(f, "b{serial}"),
            Level::Candidate => write!(f, "rc{serial}"),
            Level::Final => Ok(()),
        }
    }
}

/// A number of one to three digits that fits a byte.
fn number(text: &[u8], at: &mut usize) -> Option<u8> {
    let digits = text
        .get(*at..)?
        .iter()
        .take(4)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let value = text[*at..*at + digits]
        .iter()
        .fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    *at += digits;
    if digits == 0 {
        None
    } else {
        u8::try_from(value).ok()
    }
}

fn dot(text: &[u8], at: &mut usize) -> Option<()> {
    (text.get(*at) == Some(&b'.')).then(|| *at += 1)
}

/// The level and serial behind the three numbers; a final release where there is none.
fn level_at(text: &[u8], at: &mut usize) -> Option<(Level, u8)> {
    let rest = text.get(*at..)?;
    let (level, letters) = match rest {
        [b'a', ..] => (Level::Alpha, 1),
        [b'b', ..] => (Level::Beta, 1),
        [b'r', b'c', ..] => (Level::Candidate, 2),
        [b'c', ..] => (Level::Candidate, 1),
        _ => return Some((Level::Final, 0)),
    };
    *at += letters;
    Some((level, number(text, at)?))
}

/// Versions found in read-only data, best first.
///
/// Two forms are looked for: the string `PY_VERSION` itself, closed by a NUL byte, and the text of
/// `sys.version`, where ` (` follows. Other libraries have version numbers too (SQLite was 3.8 to
/// 3.12 before it was later), so a minor version known from elsewhere goes first, then the form
/// that stands alone between two NUL bytes.
#[derive(Clone, Debug, Default)]
pub struct VersionSearch {
    /// Each version with how good its best find was.
    found: Vec<(Version, u32)>,
}

/// The most different versions remembered of one interpreter.
const MOST_FOUND: usize = 32;

/// The longest text of a version: `3.255.255rc255+` and what closes it, with room to spare.
pub const LONGEST_TEXT: usize = 24;

impl VersionSearch {
    /// Looks through some bytes. Consecutive pieces overlap by [`LONGEST_TEXT`] so that none is
    /// cut.
    pub fn look_through(&mut self, bytes: &[u8]) {
        for at in 0..bytes.len() {
            if !matches!(bytes[at], b'2' | b'3') || bytes.get(at + 1) != Some(&b'.') {
                continue;
            }
            let before = at.checked_sub(1).map(|before| bytes[before]);
            if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.') {
                continue;
            }
            let Some((version, length)) = Version::parse_prefix(&bytes[at..]) else {
                continue;
            };
            let rest = &bytes[at + length..];
            let quality = match (before, rest) {
                (Some(0), [0, ..]) => 2,
                (_, [b' ', b'(', ..]) => 3,
                (_, [0, ..]) => 1,
                _ => continue,
            };
            self.note(version, quality);
        }
    }

    fn note(&mut self, version: Version, quality: u32) {
        if let Some((_, best)) = self.found.iter_mut().find(|(known, _)| *known == version) {
            *best = quality.max(*best);
        } else if self.found.len() < MOST_FOUND {
            self.found.push((version, quality));
        }
    }

    /// What was found, best first, given the minor version that paths hint at.
    pub fn ranked(mut self, hint: Option<(u8, u8)>) -> Vec<Version> {
        self.found.sort_by_key(|&(version, quality)| {
            let fits = hint.is_some_and(|hint| hint == (version.major, version.minor));
            std::cmp::Reverse((fits, quality, version))
        });
        self.found.into_iter().map(|(version, _)| version).collect()
    }
}

/// The `3.11` of a path such as `/usr/lib/libpython3.11.so.1.0`, `.../bin/python3.11` or
/// `.../lib/python3.11/lib-dynload/x.so`.
pub fn minor_in_path(path: &[u8]) -> Option<(u8, u8)> {
    const WORD: &[u8] = b"python";
    let mut rest = path;
    while let Some(at) = rest.windows(WORD.len()).position(|window| window == WORD) {
        rest = &rest[at + WORD.len()..];
        let mut at = 0;
        let major = number(rest, &mut at).filter(|major| (2..=3).contains(major));
        let minor = dot(rest, &mut at).and_then(|()| number(rest, &mut at));
        if let (Some(major), Some(minor)) = (major, minor) {
            return Some((major, minor));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8], hint: Option<(u8, u8)>) -> Vec<String> {
        let mut search = VersionSearch::default();
        search.look_through(bytes);
        search
            .ranked(hint)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn hex_and_text_say_the_same() {
        for (hex, text) in [
            (0x030b_07f0, "3.11.7"),
            (0x030f_00c2, "3.15.0rc2"),
            (0x030e_00a1, "3.14.0a1"),
            (0x030d_00b4, "3.13.0b4"),
            (0x0207_12f0, "2.7.18"),
        ] {
            let version = Version::from_hex(hex).unwrap();
            assert_eq!(version.to_string(), text);
            assert_eq!(
                Version::parse_prefix(text.as_bytes()),
                Some((version, text.len()))
            );
        }
        for hex in [0, 0x030b_0700, 0x040b_07f0, 0x1_030b_07f0, u64::MAX] {
            assert_eq!(Version::from_hex(hex), None);
        }
    }

    #[test]
    fn half_versions_are_none() {
        for text in [
            "", "3", "3.", "3.11", "3.11.", "3.1111.0", "4.0.0", "3.300.1", "3.8.0rc",
        ] {
            assert_eq!(Version::parse_prefix(text.as_bytes()), None, "{text}");
        }
        let (version, length) = Version::parse_prefix(b"3.9.2+ (x").unwrap();
        assert_eq!((version, length), (Version::release(3, 9, 2), 6));
    }

    #[test]
    fn python_comes_before_other_libraries() {
        let bytes = b"\x003.8.11\0zlib 1.2.3.10.2\0\x003.10.13\0python";
        assert_eq!(found(bytes, Some((3, 10))), ["3.10.13", "3.8.11"]);
        let bytes = b"x 3.10.13 (main, May  9 2026)\0\x003.8.11\0";
        assert_eq!(found(bytes, None), ["3.10.13", "3.8.11"]);
        assert!(found(b"3.10.13, 13.10.13\0", None).is_empty());
    }

    #[test]
    fn paths_hint_at_the_minor_version() {
        let hint = |path: &str| minor_in_path(path.as_bytes());
        assert_eq!(hint("/usr/lib/libpython3.14t.so.1.0"), Some((3, 14)));
        assert_eq!(
            hint("/opt/python/lib/python3.9/lib-dynload/x.so"),
            Some((3, 9))
        );
        assert_eq!(hint("/usr/bin/python2.7"), Some((2, 7)));
        assert_eq!(hint("/usr/bin/python3"), None);
        assert_eq!(hint("/usr/bin/node"), None);
    }
}
