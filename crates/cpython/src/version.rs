//! The version of an interpreter, as `PY_VERSION_HEX` packs it.
//!
//! ```text
//! 0x030f00b2 = 3.15.0b2
//!   ^^ major  ^^ minor  ^^ micro  ^ level (a b c f)  ^ serial
//! ```
//! (CPython, `Include/patchlevel.h`.)

use std::fmt;

/// How far a release has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReleaseLevel {
    /// `0xa`.
    Alpha,
    /// `0xb`.
    Beta,
    /// `0xc`: CPython keeps its layouts from the first candidate on.
    Candidate,
    /// `0xf`.
    Final,
}

/// A version like `3.13.0` or `3.15.0b2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PythonVersion {
    /// 3.
    pub major: u8,
    /// The minor version: a feature release, with a layout of its own.
    pub minor: u8,
    /// The patch release.
    pub micro: u8,
    /// Alpha, beta, candidate or final.
    pub level: ReleaseLevel,
    /// The number of the alpha, beta or candidate; 0 for a final release.
    pub serial: u8,
}

impl PythonVersion {
    /// Unpacks `PY_VERSION_HEX` (or `Py_Version`); `None` where the level is none of the four or
    /// more bits are set than a version has.
    #[must_use]
    pub fn from_hex(hex: u64) -> Option<Self> {
        let [major, minor, micro, rest] = u32::try_from(hex).ok()?.to_be_bytes();
        let level = match rest >> 4 {
            0xa => ReleaseLevel::Alpha,
            0xb => ReleaseLevel::Beta,
            0xc => ReleaseLevel::Candidate,
            0xf => ReleaseLevel::Final,
            _ => return None,
        };
        Some(Self {
            major,
            minor,
            micro,
            level,
            serial: rest & 0xf,
        })
    }

    /// True for alphas and betas, whose layouts still move.
    #[must_use]
    pub fn is_pre_release(self) -> bool {
        self.level < ReleaseLevel::Candidate
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.micro)?;
        let letters = match self.level {
            ReleaseLevel::Alpha => "a",
            ReleaseLevel::Beta => "b",
            ReleaseLevel::Candidate => "rc",
            ReleaseLevel::Final => return Ok(()),
        };
        write!(formatter, "{letters}{}", self.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(hex: u64) -> Option<String> {
        PythonVersion::from_hex(hex).map(|version| version.to_string())
    }

    #[test]
    fn versions_read_as_python_prints_them() {
        assert_eq!(shown(0x030d_00f0).as_deref(), Some("3.13.0"));
        assert_eq!(shown(0x030f_00b2).as_deref(), Some("3.15.0b2"));
        assert_eq!(shown(0x030f_00c1).as_deref(), Some("3.15.0rc1"));
        assert_eq!(shown(0x030b_07f0).as_deref(), Some("3.11.7"));
    }

    #[test]
    fn what_is_no_version_is_none() {
        assert_eq!(shown(0), None);
        assert_eq!(shown(0x030d_0050), None);
        assert_eq!(shown(0x1_030d_00f0), None);
    }

    #[test]
    fn only_alphas_and_betas_are_pre_releases() {
        let pre = |hex| PythonVersion::from_hex(hex).is_some_and(PythonVersion::is_pre_release);
        assert!(pre(0x030f_00a1) && pre(0x030f_00b2));
        assert!(!pre(0x030f_00c1) && !pre(0x030f_00f0));
    }
}
