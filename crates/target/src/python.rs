//! Finding the interpreter in a process: where `_PyRuntime` is and which version it belongs to.
//!
//! File names decide nothing, only the order of looking. An interpreter is whatever mapped file has
//! the symbol `_PyRuntime` or the section `.PyRuntime`: the `python` program, `libpython`, a
//! web server that embeds it, a frozen program. A stripped one from 3.13 on is found by the cookie
//! that `_PyRuntime` begins with.

use crate::image::{self, Image, MappedFile};
use crate::live::LiveMemory;
use crate::maps::{self, Mapping};
use crate::permission::{self, Denied};
use crate::process;
use crate::procfs;
use crate::rseq::RseqArea;
use crate::symbols::Tables;
use crate::version::{LONGEST_TEXT, Version, VersionSearch, minor_in_path};
use pitstop_cpython::Memory;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use thiserror::Error;

/// How `_PyRuntime` was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By its symbol.
    Symbol,
    /// By the section made for it, 3.10 and later.
    Section,
    /// By the cookie it begins with, 3.13 and later.
    Scan,
}

/// Where the version was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionSource {
    /// `_PyRuntime` describes itself (3.13 and later): certain.
    Cookie,
    /// The constant `Py_Version` (3.11 and later): certain.
    Symbol,
    /// Text in the read-only data: likely, and there may be several.
    Text,
    /// A number in a path: the micro version is not known.
    Path,
}

/// The C library of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// The GNU C library.
    Glibc,
    /// musl, as in Alpine Linux.
    Musl,
    /// Linked statically, or something else.
    Unknown,
}

/// An interpreter in a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonImage {
    /// The address of `_PyRuntime`.
    pub runtime: u64,
    /// How that was found.
    pub how: How,
    /// Possible versions, the most likely first; never empty. More than one only if `source` is
    /// [`VersionSource::Text`]: whoever walks the interpreter sees which is right.
    pub versions: Vec<Version>,
    /// Where they come from.
    pub source: VersionSource,
    /// Whether it runs without a GIL; `None` before 3.13, where none does.
    pub free_threaded: Option<bool>,
    /// The file, as the target sees it.
    pub path: PathBuf,
    /// The addresses of that file's code and data.
    pub range: Range<u64>,
    /// The C library.
    pub libc: Libc,
    /// Where threads keep the number of their CPU.
    pub rseq: Option<RseqArea>,
}

impl PythonImage {
    /// The most likely version.
    pub fn version(&self) -> Version {
        self.versions[0]
    }
}

/// Why no interpreter was found.
#[derive(Error, Debug)]
pub enum FindError {
    /// The process runs something else.
    #[error("process {pid} runs no Python: {} is {what}", exe.display())]
    NotPython {
        /// The process.
        pid: u32,
        /// Its program.
        exe: PathBuf,
        /// What that is, as far as one can tell.
        what: &'static str,
    },
    /// It cannot be read.
    #[error(transparent)]
    NoPermission(#[from] Denied),
    /// It ended.
    #[error("process {0} ended")]
    Gone(u32),
    /// The interpreter is about to start; ask again in a moment.
    #[error("the interpreter of process {0} has not started yet")]
    NotReady(u32),
    /// An interpreter older than 3.8.
    #[error("process {pid} runs Python {version}; 3.8 is the oldest that can be read")]
    Unsupported {
        /// The process.
        pid: u32,
        /// Its version.
        version: String,
    },
    /// An interpreter whose version is not to be found.
    #[error("process {pid} runs Python of a version that {} does not tell", path.display())]
    NoVersion {
        /// The process.
        pid: u32,
        /// The file that was searched.
        path: PathBuf,
    },
    /// The system refused something else.
    #[error("process {pid} cannot be looked at")]
    Io {
        /// The process.
        pid: u32,
        /// The system's reason.
        source: io::Error,
    },
}

/// Finds the interpreter of a running process.
///
/// # Errors
/// See [`FindError`]. Only `NotReady` is worth another try.
pub fn find_python(pid: u32) -> Result<PythonImage, FindError> {
    permission::can_read(pid)?;
    let maps = maps::read(pid).map_err(|error| from_io(pid, error))?;
    if maps.is_empty() {
        return Err(without_memory(pid));
    }
    Search {
        pid,
        memory: LiveMemory::new(pid),
        maps: &maps,
    }
    .run()
}

fn from_io(pid: u32, source: io::Error) -> FindError {
    match source.kind() {
        _ if procfs::is_gone(&source) => FindError::Gone(pid),
        io::ErrorKind::PermissionDenied => FindError::NoPermission(permission::explain(pid)),
        _ => FindError::Io { pid, source },
    }
}

/// A process without mappings has ended, is between two programs, or belongs to the kernel.
fn without_memory(pid: u32) -> FindError {
    match (process::state_and_start(pid), process::exe(pid)) {
        (Err(_) | Ok((b'Z' | b'X', _)), _) => FindError::Gone(pid),
        (Ok(_), Ok(_)) => FindError::NotReady(pid),
        (Ok(_), Err(_)) if process::is_kernel_thread(pid).unwrap_or(false) => {
            FindError::NotPython {
                pid,
                exe: "it".into(),
                what: "a thread of the kernel",
            }
        }
        // Its memory went first; the rest of it is about to.
        (Ok(_), Err(_)) => FindError::Gone(pid),
    }
}

/// Interpreters that have a `_PyRuntime` and no cookie in it.
const SINCE_RUNTIME: Range<(u8, u8)> = (3, 7)..(3, 13);
/// Interpreters that have no `_PyRuntime`.
const BEFORE_RUNTIME: Range<(u8, u8)> = (2, 0)..(3, 7);

/// What looking at one file brought.
enum Look {
    /// An interpreter that runs.
    Found(Box<PythonImage>),
    /// An interpreter that has not started.
    Asleep,
    /// An interpreter too old or unknown.
    Useless(FindError),
    /// Something else.
    Nothing,
}

struct Search<'a> {
    pid: u32,
    memory: LiveMemory,
    maps: &'a [Mapping],
}

impl Search<'_> {
    fn run(&self) -> Result<PythonImage, FindError> {
        let exe = process::exe(self.pid).map_err(|error| from_io(self.pid, error))?;
        let mut files = image::files_with_code(self.maps);
        files.sort_by_key(|file| rank(file, &exe));
        let mut asleep = false;
        let mut useless = None;
        for file in &files {
            // Code of a library that is being loaded may not be all there; it is passed over.
            let Ok(image) = Image::open(self.pid, &self.memory, file, self.maps) else {
                continue;
            };
            let rank = rank(file, &exe);
            match self.look_at(&image, rank) {
                Look::Found(found) => return Ok(*found),
                Look::Asleep => asleep = true,
                Look::Useless(error) => useless = useless.or(Some(error)),
                Look::Nothing => asleep |= rank == PROGRAM && self.waits_for_libpython(&image),
            }
        }
        match useless {
            _ if asleep => Err(FindError::NotReady(self.pid)),
            Some(error) => Err(error),
            None if process::state_and_start(self.pid).is_err() => Err(FindError::Gone(self.pid)),
            None => {
                let what = name_of_program(&exe);
                Err(FindError::NotPython {
                    pid: self.pid,
                    exe,
                    what,
                })
            }
        }
    }

    fn look_at(&self, image: &Image, rank: u8) -> Look {
        // The full symbol table of a foreign library is not worth reading.
        let tables = if rank < OTHER {
            Tables::All
        } else {
            Tables::Dynamic
        };
        let [runtime, version, legacy] =
            image.symbols(["_PyRuntime", "Py_Version", "Py_GetVersion"], tables);
        let section = || {
            image
                .section(".PyRuntime")
                .map(|address| (address, How::Section))
        };
        let scan = || {
            self.scan_for_cookie(image, rank)
                .map(|address| (address, How::Scan))
        };
        let place = runtime
            .map(|address| (address, How::Symbol))
            .or_else(section)
            .or_else(scan);
        match place {
            Some((runtime, how)) => self.describe(image, runtime, how, version),
            None if legacy.is_some() => self.too_old(image),
            None => Look::Nothing,
        }
    }

    fn describe(&self, image: &Image, runtime: u64, how: How, version: Option<u64>) -> Look {
        let header = Header::read(&self.memory, runtime);
        let Some(header) = header else {
            return Look::Asleep; // not mapped yet, or gone
        };
        let (versions, source, free_threaded) = match header.cookie {
            Some(cookie) => (
                vec![cookie.version],
                VersionSource::Cookie,
                Some(cookie.free_threaded),
            ),
            None => {
                let (versions, source) =
                    self.versions_without_cookie(image, version, SINCE_RUNTIME);
                (versions, source, None)
            }
        };
        let Some(&first) = versions.first() else {
            let path = image.path.clone();
            return Look::Useless(FindError::NoVersion {
                pid: self.pid,
                path,
            });
        };
        if first.is_too_old() {
            return Look::Useless(self.unsupported(first.to_string()));
        }
        if !header.has_started {
            return Look::Asleep;
        }
        Look::Found(Box::new(PythonImage {
            runtime,
            how,
            versions,
            source,
            free_threaded,
            path: image.path.clone(),
            range: image.range(),
            libc: libc_of(self.maps),
            rseq: RseqArea::find(self.pid, &self.memory, self.maps)
                .or_else(|| RseqArea::in_image(&self.memory, image)),
        }))
    }

    /// Versions of an interpreter that does not describe itself.
    fn versions_without_cookie(
        &self,
        image: &Image,
        symbol: Option<u64>,
        possible: Range<(u8, u8)>,
    ) -> (Vec<Version>, VersionSource) {
        let constant = symbol.and_then(|address| read_u64(&self.memory, address));
        if let Some(version) = constant.and_then(Version::from_hex) {
            return (vec![version], VersionSource::Symbol);
        }
        let hint = self.minor_hint(image);
        let mut search = VersionSearch::default();
        for part in image.parts(false) {
            self.look_through(part, LONGEST_TEXT, |_, bytes| {
                search.look_through(bytes);
                true
            });
        }
        let mut versions = search.ranked(hint);
        // Other numbers are those of other libraries.
        versions.retain(|version| possible.contains(&(version.major, version.minor)));
        match (versions.is_empty(), hint) {
            (true, Some((major, minor))) => {
                (vec![Version::release(major, minor, 0)], VersionSource::Path)
            }
            _ => (versions, VersionSource::Text),
        }
    }

    /// The minor version that the file's own path or that of a loaded module names.
    fn minor_hint(&self, image: &Image) -> Option<(u8, u8)> {
        minor_in_path(image.path.as_os_str().as_bytes()).or_else(|| {
            let files = self.maps.iter().filter_map(Mapping::file);
            files
                .into_iter()
                .find_map(|path| minor_in_path(path.as_os_str().as_bytes()))
        })
    }

    fn too_old(&self, image: &Image) -> Look {
        let (versions, _) = self.versions_without_cookie(image, None, BEFORE_RUNTIME);
        match versions.first() {
            Some(version) if version.is_too_old() => {
                Look::Useless(self.unsupported(version.to_string()))
            }
            // A `python` program that only calls into a library which is there as well.
            _ => Look::Nothing,
        }
    }

    fn unsupported(&self, version: String) -> FindError {
        FindError::Unsupported {
            pid: self.pid,
            version,
        }
    }

    /// Whether the program asks for a `libpython` that the loader has not mapped yet.
    fn waits_for_libpython(&self, image: &Image) -> bool {
        let is_mapped = |name: &str| {
            let mut files = self.maps.iter().filter_map(Mapping::file);
            files.any(|path| path.file_name().is_some_and(|file| file == name))
        };
        let needed = image.elf().needed();
        needed
            .iter()
            .any(|name| name.starts_with("libpython") && !is_mapped(name))
    }

    /// Looks for the cookie in the data of a file that has neither symbol nor section.
    fn scan_for_cookie(&self, image: &Image, rank: u8) -> Option<u64> {
        if rank >= OTHER {
            return None;
        }
        let mut found = None;
        for part in image.parts(true) {
            let start = part.start.next_multiple_of(8);
            self.look_through(start..part.end, 0, |address, bytes| {
                let at = bytes
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .position(|word| word == COOKIE);
                let place = at.map(|at| address + 8 * at as u64);
                found = place.filter(|&place| {
                    Header::read(&self.memory, place).is_some_and(|header| header.cookie.is_some())
                });
                found.is_none()
            });
        }
        found
    }

    /// Hands a range of memory to `see` in pieces that overlap, until it says false. Pieces that
    /// cannot be read are passed over.
    fn look_through(
        &self,
        range: Range<u64>,
        overlap: usize,
        mut see: impl FnMut(u64, &[u8]) -> bool,
    ) {
        const PIECE: u64 = 64 << 10;
        const MOST: u64 = 256 << 20;
        let mut buffer = vec![0; PIECE as usize + overlap];
        let end = range.end.min(range.start.saturating_add(MOST));
        let mut address = range.start;
        while address < end {
            let left = (end - address).min(buffer.len() as u64) as usize;
            let bytes = &mut buffer[..left];
            if self.memory.read(address, bytes).is_ok() && !see(address, bytes) {
                return;
            }
            address += PIECE;
        }
    }
}

/// The program itself, libraries named after Python, whatever else says "python", the rest.
const PROGRAM: u8 = 0;
const OTHER: u8 = 3;

fn rank(file: &MappedFile<'_>, exe: &std::path::Path) -> u8 {
    let exe = exe.as_os_str().as_bytes();
    let exe = exe.strip_suffix(b" (deleted)").unwrap_or(exe);
    let name = file.name();
    if file.path.as_os_str().as_bytes() == exe {
        PROGRAM
    } else if name.starts_with(b"libpython") {
        1
    } else if name.windows(6).any(|window| window == b"python") {
        2
    } else {
        OTHER
    }
}

/// What `_PyRuntime` begins with from 3.13 on (`_Py_Debug_Cookie` in pycore_debug_offsets.h).
const COOKIE: &[u8; 8] = b"xdebugpy";

struct Cookie {
    version: Version,
    free_threaded: bool,
}

/// The beginning of `_PyRuntime`.
struct Header {
    cookie: Option<Cookie>,
    has_started: bool,
}

impl Header {
    fn read(memory: &impl Memory, runtime: u64) -> Option<Self> {
        // cookie, version, free_threaded, runtime_state.{size, finalizing, interpreters_head}:
        // the same in every version that has a cookie.
        let mut bytes = [0; 48];
        memory.read(runtime, &mut bytes).ok()?;
        let word = |index: usize| {
            let bytes: [u8; 8] = bytes[8 * index..][..8].try_into().expect("eight bytes");
            u64::from_ne_bytes(bytes)
        };
        if bytes[..8] == *COOKIE {
            let cookie = Version::from_hex(word(1)).map(|version| Cookie {
                version,
                free_threaded: word(2) != 0,
            });
            let (size, head) = (word(3), word(5));
            let is_plausible = head < size && size < 64 << 20;
            let head = read_u64(memory, runtime.wrapping_add(head)).unwrap_or(0);
            return Some(Self {
                cookie,
                has_started: is_plausible && head != 0,
            });
        }
        // Before, it begins with the flags of initialization, which are zero until it starts.
        Some(Self {
            cookie: None,
            has_started: bytes[..20].iter().any(|&byte| byte != 0),
        })
    }
}

fn read_u64(memory: &impl Memory, address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    memory.read(address, &mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes))
}

fn libc_of(maps: &[Mapping]) -> Libc {
    let names = maps
        .iter()
        .filter_map(Mapping::file)
        .filter_map(std::path::Path::file_name);
    for name in names.map(OsStrExt::as_bytes) {
        if name.starts_with(b"ld-musl") || name.starts_with(b"libc.musl") {
            return Libc::Musl;
        }
        if name == b"libc.so.6" || (name.starts_with(b"libc-2.") && name.ends_with(b".so")) {
            return Libc::Glibc;
        }
    }
    Libc::Unknown
}

/// A word about programs that people mistake for the Python program they started.
pub(crate) fn name_of_program(exe: &std::path::Path) -> &'static str {
    let name = exe.file_name().map_or(b"".as_slice(), OsStrExt::as_bytes);
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    match name {
        b"sh" | b"bash" | b"dash" | b"zsh" | b"fish" | b"busybox" | b"ash" => {
            "a shell; the Python program may be a child of it"
        }
        b"uv" | b"uvx" | b"poetry" | b"pdm" | b"hatch" | b"make" | b"sudo" | b"env"
        | b"timeout" | b"nohup" | b"time" | b"tini" | b"dumb-init" | b"docker" | b"podman"
        | b"runc" | b"tmux: server" | b"screen" | b"supervisord" | b"systemd" => {
            "a launcher; the Python program may be a child of it"
        }
        b"node" => "Node.js",
        b"java" => "a Java machine",
        b"ruby" => "Ruby",
        b"perl" => "Perl",
        _ if name.starts_with(b"pypy") => "PyPy, whose stacks cannot be read yet",
        _ => "a program without an interpreter in it",
    }
}
