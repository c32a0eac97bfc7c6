//! A file that is mapped into a process as a program or library: where it was put, and its symbols.

use crate::maps::Mapping;
use crate::process::rooted;
use crate::symbols::{Elf, ElfError, Segment, Symbol, Tables};
use crate::sys;
use pitstop_cpython::Memory;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// All mappings of one file.
#[derive(Clone, Debug)]
pub struct MappedFile<'a> {
    /// The file as the target sees it.
    pub path: &'a Path,
    /// Its mappings in the order of their addresses; at least one.
    pub mappings: Vec<&'a Mapping>,
}

impl<'a> MappedFile<'a> {
    /// The last part of the path.
    pub fn name(&self) -> &'a [u8] {
        self.path.file_name().map_or(b"", OsStrExt::as_bytes)
    }
}

/// The files among `maps` that code runs from, each once, in the order of their addresses.
pub fn files_with_code(maps: &[Mapping]) -> Vec<MappedFile<'_>> {
    let mut files: Vec<MappedFile<'_>> = Vec::new();
    let mut by_inode = rustc_hash::FxHashMap::default();
    for mapping in maps {
        let Some(path) = mapping.file() else {
            continue;
        };
        let index = *by_inode
            .entry((mapping.dev, mapping.inode))
            .or_insert_with(|| {
                files.push(MappedFile {
                    path,
                    mappings: Vec::new(),
                });
                files.len() - 1
            });
        files[index].mappings.push(mapping);
    }
    files.retain(|file| file.mappings.iter().any(|mapping| mapping.perms.execute));
    files
}

/// An opened file and where it lies.
#[derive(Debug)]
pub struct Image {
    /// The file as the target sees it.
    pub path: PathBuf,
    /// What to add to an address of the file to get an address of the process.
    pub bias: u64,
    elf: Elf<File>,
}

impl Image {
    /// Opens a file of the process `pid` by the ways that work for deleted files and other mount
    /// namespaces too, and makes sure that it is the one whose first bytes are mapped.
    ///
    /// # Errors
    /// See [`ElfError`]; `Malformed` also when the mappings do not fit the file.
    pub fn open(
        pid: u32,
        memory: &impl Memory,
        file: &MappedFile<'_>,
        maps: &[Mapping],
    ) -> Result<Self, ElfError> {
        let elf = Elf::parse(open_file(pid, memory, file)?)?;
        let bias = find_bias(elf.segments(), file, maps);
        let bias = bias.ok_or(ElfError::Malformed("its segments are not where it says"))?;
        Ok(Self {
            path: file.path.to_owned(),
            bias,
            elf,
        })
    }

    /// The file.
    pub fn elf(&self) -> &Elf<File> {
        &self.elf
    }

    /// The addresses in the process of several symbols.
    pub fn symbols<const N: usize>(&self, names: [&str; N], tables: Tables) -> [Option<u64>; N] {
        let place = |symbol: Symbol| self.bias.wrapping_add(symbol.address);
        self.elf
            .symbols(names, tables)
            .map(|symbol| symbol.map(place))
    }

    /// The address in the process of a section.
    pub fn section(&self, name: &str) -> Option<u64> {
        let section = self
            .elf
            .section(name)
            .filter(|section| section.address != 0)?;
        Some(self.bias.wrapping_add(section.address))
    }

    /// The addresses of all its segments, from the first byte to the last.
    pub fn range(&self) -> Range<u64> {
        let segments = self.elf.segments();
        let start = segments
            .iter()
            .map(|segment| segment.addresses.start)
            .min()
            .unwrap_or(0);
        let end = segments
            .iter()
            .map(|segment| segment.addresses.end)
            .max()
            .unwrap_or(0);
        self.bias.wrapping_add(start)..self.bias.wrapping_add(end)
    }

    /// The addresses of its segments that are writable, or of those that are not.
    pub fn parts(&self, writable: bool) -> impl Iterator<Item = Range<u64>> + '_ {
        self.elf
            .segments()
            .iter()
            .filter(move |segment| segment.writable == writable)
            .map(|segment| {
                let Range { start, end } = segment.addresses;
                self.bias.wrapping_add(start)..self.bias.wrapping_add(end)
            })
    }
}

/// Opens the file behind some mappings: through the mapping itself, which needs privileges but
/// cannot be fooled; then by its path in the target's mount namespace; then as the program file.
fn open_file(pid: u32, memory: &impl Memory, file: &MappedFile<'_>) -> io::Result<File> {
    let first = file.mappings[0];
    let through_mapping = format!("/proc/{pid}/map_files/{:x}-{:x}", first.start, first.end);
    if let Ok(opened) = open_regular(Path::new(&through_mapping)) {
        return Ok(opened);
    }
    let mut trouble = io::Error::from(io::ErrorKind::NotFound);
    let program = PathBuf::from(format!("/proc/{pid}/exe"));
    for path in [rooted(pid, file.path), program] {
        match open_regular(&path) {
            Ok(opened) if is_mapped(&opened, memory, first) => return Ok(opened),
            Ok(_) => {}
            Err(error) => trouble = error,
        }
    }
    Err(trouble)
}

/// Opens a regular file; anything else, a pipe for instance, could make us wait for ever.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(file)
}

/// Whether the mapping shows the beginning of this file, and not of one that has taken its name.
/// The ELF header alone tells most builds apart, and the build id follows it closely.
fn is_mapped(file: &File, memory: &impl Memory, first: &Mapping) -> bool {
    let mut in_file = [0; 1024];
    let mut in_memory = [0; 1024];
    let Ok(count) = file.read_at(&mut in_file, first.offset) else {
        return false;
    };
    let read = memory.read(first.start, &mut in_memory[..count]);
    count > 0 && read.is_ok() && in_file[..count] == in_memory[..count]
}

/// Finds the bias at which every segment of a file lies in mapped memory.
fn find_bias(segments: &[Segment], file: &MappedFile<'_>, maps: &[Mapping]) -> Option<u64> {
    let page = sys::page_size();
    let floor = |number: u64| number & !(page - 1);
    let first = segments.first()?;
    let is_mapped = |address: u64| {
        let after = maps.partition_point(|mapping| mapping.end <= address);
        maps.get(after)
            .is_some_and(|mapping| mapping.range().contains(&address))
    };
    file.mappings
        .iter()
        .filter(|mapping| mapping.offset == floor(first.offset))
        .map(|mapping| mapping.start.wrapping_sub(floor(first.addresses.start)))
        .find(|bias| {
            let start = |segment: &Segment| bias.wrapping_add(segment.addresses.start);
            segments.iter().all(|segment| is_mapped(start(segment)))
        })
}
