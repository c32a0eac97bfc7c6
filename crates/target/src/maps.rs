//! What is mapped where in a process.

use crate::procfs::{self, Fields, malformed};
use std::ffi::OsStr;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most bytes of a `maps` file that are read. A process may have 65,530 mappings by default.
const LIMIT_BYTES: u64 = 64 << 20;

/// What may be done with the pages of a mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// They can be read.
    pub read: bool,
    /// They can be written.
    pub write: bool,
    /// They can be executed.
    pub execute: bool,
    /// Writes reach the file and whoever else maps it.
    pub shared: bool,
}

/// One line of `/proc/PID/maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The first address.
    pub start: u64,
    /// The address behind the last.
    pub end: u64,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// What may be done with it.
    pub perms: Permissions,
    /// Major and minor number of the file's device.
    pub dev: (u32, u32),
    /// The file's inode, 0 for memory without a file.
    pub inode: u64,
    /// The file as the target sees it, or a name in brackets such as `[heap]`. `None` when the
    /// memory has no name. A deleted file ends in ` (deleted)`.
    pub path: Option<PathBuf>,
}

impl Mapping {
    /// The addresses.
    pub fn range(&self) -> Range<u64> {
        self.start..self.end
    }

    /// The path of the file mapped here, without ` (deleted)`; `None` where no file is mapped.
    pub fn file(&self) -> Option<&Path> {
        let path = self.path.as_deref().filter(|_| self.inode != 0)?;
        let bytes = path.as_os_str().as_bytes();
        let bytes = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
        Some(Path::new(OsStr::from_bytes(bytes)))
    }
}

/// The mappings of a process in the order of their addresses.
///
/// # Errors
/// `NotFound` when the process ended, `PermissionDenied` when it belongs to somebody else.
pub fn read(pid: u32) -> io::Result<Vec<Mapping>> {
    parse(&procfs::read(format!("/proc/{pid}/maps"), LIMIT_BYTES)?).ok_or_else(malformed)
}

fn parse(text: &[u8]) -> Option<Vec<Mapping>> {
    text.split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(parse_line)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mapping> {
    let mut fields = Fields(line);
    let (start, end) = split_hex(fields.word()?, b'-')?;
    let perms = fields.word()?;
    let offset = fields.hex()?;
    let (major, minor) = split_hex(fields.word()?, b':')?;
    let inode = fields.decimal()?;
    // The path is the rest of the line: it may hold blanks.
    let name = fields.0.trim_ascii_start();
    Some(Mapping {
        start,
        end,
        offset,
        perms: Permissions {
            read: perms.contains(&b'r'),
            write: perms.contains(&b'w'),
            execute: perms.contains(&b'x'),
            shared: perms.contains(&b's'),
        },
        dev: (u32::try_from(major).ok()?, u32::try_from(minor).ok()?),
        inode,
        path: (!name.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(name))),
    })
}

fn split_hex(word: &[u8], separator: u8) -> Option<(u64, u64)> {
    let middle = word.iter().position(|&byte| byte == separator)?;
    Some((
        procfs::hex(&word[..middle])?,
        procfs::hex(&word[middle + 1..])?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_every_field() {
        let text = b"7f10-7f20 r-xp 0001f000 fd:01 42   /opt/my app/lib.so (deleted)\n\
            ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n\
            10-20 rw-s 00000000 00:00 0\n";
        let maps = parse(text).unwrap();
        assert_eq!(maps.len(), 3);
        assert_eq!(maps[0].range(), 0x7f10..0x7f20);
        assert_eq!(
            (maps[0].offset, maps[0].dev, maps[0].inode),
            (0x1f000, (0xfd, 1), 42)
        );
        assert!(maps[0].perms.execute && !maps[0].perms.write && !maps[0].perms.shared);
        assert_eq!(maps[0].file(), Some(Path::new("/opt/my app/lib.so")));
        assert_eq!(maps[1].file(), None);
        assert_eq!(maps[1].path.as_deref(), Some(Path::new("[vsyscall]")));
        assert_eq!((maps[2].path.as_ref(), maps[2].perms.shared), (None, true));
    }

    #[test]
    fn broken_lines_are_refused() {
        for line in [
            "x",
            "10-20",
            "10 r-xp 0 0:0 0",
            "10-20 r-xp 0 00 0",
            "10-zz r-xp 0 0:0 0",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn finds_its_own_code() {
        let here = finds_its_own_code as *const () as u64;
        let maps = read(std::process::id()).unwrap();
        let code = maps
            .iter()
            .find(|mapping| mapping.range().contains(&here))
            .unwrap();
        assert!(code.perms.execute);
        assert_eq!(
            code.file(),
            Some(std::env::current_exe().unwrap().as_path())
        );
        assert!(maps.is_sorted_by_key(|mapping| mapping.start));
    }
}
