//! Sections and symbols of an ELF file, read piece by piece.
//!
//! The file belongs to the target and may be hostile, huge, or change while it is read. So it is
//! neither mapped (a truncated file would kill us) nor loaded: headers, one string table and 64 KiB
//! of symbols at a time are all that is in memory, and every count has a cap.

use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64, Sym64};
use object::{NativeEndian, pod};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use thiserror::Error;

/// Why a file gives no symbols.
#[derive(Error, Debug)]
pub enum ElfError {
    /// It could not be read.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("not an ELF file")]
    NotElf,
    /// It is of 32 bits or of the other byte order.
    #[error("an ELF file for another kind of machine")]
    Foreign,
    /// A header contradicts itself or exceeds a cap.
    #[error("a broken ELF file: {0}")]
    Malformed(&'static str),
}

/// Random access to the bytes of a file.
pub trait Source {
    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// Any; the end of the file is one.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Source for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl Source for [u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let found = start.and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        let found = found.ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buffer, offset)
    }
}

/// The most program headers; linkers write about a dozen.
const MOST_SEGMENTS: usize = 1024;
/// The most symbols looked at in one table; a browser has half a million.
const MOST_SYMBOLS: u64 = 8 << 20;
/// The largest table of names, in bytes.
const LARGEST_STRINGS: u64 = 128 << 20;
/// Bytes of symbols read at once.
const SYMBOLS_AT_ONCE: usize = 64 << 10;
/// The most entries of the dynamic section.
const MOST_DYNAMIC: u64 = 4096;

/// A part of the file that is mapped when it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Addresses as the file counts them; the bias comes on top.
    pub addresses: Range<u64>,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many bytes come from the file; the rest is zero.
    pub size_in_file: u64,
    /// Whether it is mapped writable.
    pub writable: bool,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name, cut at 64 bytes.
    pub name: String,
    /// Its address as the file counts it.
    pub address: u64,
    /// Its size in bytes.
    pub size: u64,
    kind: u32,
    offset: u64,
    link: u32,
}

/// A symbol that is defined in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its address as the file counts it.
    pub address: u64,
    /// Its size in bytes; 0 when unknown.
    pub size: u64,
}

/// Which symbol tables to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// What other files can link to: small, never stripped.
    Dynamic,
    /// That, then the full table where the file has one.
    All,
}

/// An ELF file of this machine's kind.
#[derive(Debug)]
pub struct Elf<S> {
    source: S,
    segments: Vec<Segment>,
    sections: Vec<Section>,
}

impl<S: Source> Elf<S> {
    /// Reads the headers.
    ///
    /// # Errors
    /// See [`ElfError`]. A file whose section headers are broken is not refused; it just has none.
    pub fn parse(source: S) -> Result<Self, ElfError> {
        let header: FileHeader64<NativeEndian> = pod_at(&source, 0)?;
        let ident = &header.e_ident;
        if ident.magic != elf::ELFMAG {
            return Err(ElfError::NotElf);
        }
        let native = if cfg!(target_endian = "little") {
            elf::ELFDATA2LSB
        } else {
            elf::ELFDATA2MSB
        };
        if ident.class != elf::ELFCLASS64 || ident.data != native {
            return Err(ElfError::Foreign);
        }
        let segments = read_segments(&source, &header)?;
        let sections = read_sections(&source, &header).unwrap_or_default();
        Ok(Self {
            source,
            segments,
            sections,
        })
    }

    /// The segments that are mapped, in the order of the file, which is that of their addresses.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The section of that name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Finds several symbols in one pass over each table. A table that cannot be read has none.
    pub fn symbols<const N: usize>(&self, names: [&str; N], tables: Tables) -> [Option<Symbol>; N] {
        let mut found = [None; N];
        let kinds: &[u32] = match tables {
            Tables::Dynamic => &[elf::SHT_DYNSYM.0],
            Tables::All => &[elf::SHT_DYNSYM.0, elf::SHT_SYMTAB.0],
        };
        for &kind in kinds {
            for table in self.sections.iter().filter(|section| section.kind == kind) {
                if found.iter().all(Option::is_some) {
                    return found;
                }
                // What was found before an error stands.
                let _ = self.search(table, &names, &mut found);
            }
        }
        found
    }

    /// The names of the libraries it asks the loader for.
    pub fn needed(&self) -> Vec<String> {
        self.read_needed().unwrap_or_default()
    }

    fn search(
        &self,
        table: &Section,
        names: &[&str],
        found: &mut [Option<Symbol>],
    ) -> Result<(), ElfError> {
        const SIZE: usize = size_of::<Sym64<NativeEndian>>();
        let strings = self.strings_of(table)?;
        let count = (table.size / SIZE as u64).min(MOST_SYMBOLS);
        let mut buffer = vec![0; SYMBOLS_AT_ONCE / SIZE * SIZE];
        let mut done = 0;
        while done < count {
            let now = (count - done).min((buffer.len() / SIZE) as u64);
            let bytes = &mut buffer[..now as usize * SIZE];
            let offset = table.offset.checked_add(done * SIZE as u64);
            let offset =
                offset.ok_or(ElfError::Malformed("a table behind the end of all files"))?;
            self.source.read_exact_at(bytes, offset)?;
            let (symbols, _) = pod::slice_from_bytes::<Sym64<NativeEndian>>(bytes, now as usize)
                .map_err(|()| ElfError::Malformed("symbols"))?;
            for symbol in symbols {
                note_symbol(symbol, &strings, names, found);
            }
            done += now;
        }
        Ok(())
    }

    /// The string table that a section's link names.
    fn strings_of(&self, section: &Section) -> Result<Vec<u8>, ElfError> {
        let strings = self.sections.get(section.link as usize);
        let strings = strings.ok_or(ElfError::Malformed("a table without names"))?;
        if strings.kind != elf::SHT_STRTAB.0 || strings.size > LARGEST_STRINGS {
            return Err(ElfError::Malformed("a table of names"));
        }
        read_bytes(&self.source, strings.offset, strings.size)
    }

    fn read_needed(&self) -> Result<Vec<String>, ElfError> {
        let dynamic = self
            .sections
            .iter()
            .find(|section| section.kind == elf::SHT_DYNAMIC.0);
        let Some(dynamic) = dynamic else {
            return Ok(Vec::new());
        };
        let strings = self.strings_of(dynamic)?;
        let entries = read_bytes(
            &self.source,
            dynamic.offset,
            dynamic.size.min(MOST_DYNAMIC * 16),
        )?;
        let (entries, _) = entries.as_chunks::<16>();
        Ok(entries
            .iter()
            .filter_map(|entry| {
                let (tag, value) = entry.split_at(8);
                let tag = u64::from_ne_bytes(tag.try_into().ok()?);
                let value = u64::from_ne_bytes(value.try_into().ok()?);
                (tag == 1).then(|| text_at(&strings, value))? // DT_NEEDED
            })
            .collect())
    }
}

fn note_symbol(
    symbol: &Sym64<NativeEndian>,
    strings: &[u8],
    names: &[&str],
    found: &mut [Option<Symbol>],
) {
    if symbol.st_shndx.get(NativeEndian) == elf::SHN_UNDEF {
        return;
    }
    let Some(text) = strings.get(symbol.st_name.get(NativeEndian) as usize..) else {
        return;
    };
    for (name, slot) in names.iter().zip(found) {
        let rest = text.strip_prefix(name.as_bytes());
        if slot.is_none() && rest.and_then(<[u8]>::first) == Some(&0) {
            let address = symbol.st_value.get(NativeEndian);
            *slot = Some(Symbol {
                address,
                size: symbol.st_size.get(NativeEndian),
            });
        }
    }
}

fn read_segments<S: Source>(
    source: &S,
    header: &FileHeader64<NativeEndian>,
) -> Result<Vec<Segment>, ElfError> {
    let count = usize::from(header.e_phnum.get(NativeEndian));
    if count > MOST_SEGMENTS {
        return Err(ElfError::Malformed("too many segments"));
    }
    let headers: Vec<ProgramHeader64<NativeEndian>> =
        pods_at(source, header.e_phoff.get(NativeEndian), count)?;
    let mut segments = Vec::new();
    for header in headers
        .iter()
        .filter(|header| header.p_type.get(NativeEndian) == elf::PT_LOAD)
    {
        let start = header.p_vaddr.get(NativeEndian);
        let end = start.checked_add(header.p_memsz.get(NativeEndian));
        segments.push(Segment {
            addresses: start..end.ok_or(ElfError::Malformed("a segment behind all addresses"))?,
            offset: header.p_offset.get(NativeEndian),
            size_in_file: header.p_filesz.get(NativeEndian),
            writable: header.p_flags.get(NativeEndian).contains(elf::PF_W),
        });
    }
    Ok(segments)
}

fn read_sections<S: Source>(
    source: &S,
    header: &FileHeader64<NativeEndian>,
) -> Result<Vec<Section>, ElfError> {
    let count = usize::from(header.e_shnum.get(NativeEndian));
    let headers: Vec<SectionHeader64<NativeEndian>> =
        pods_at(source, header.e_shoff.get(NativeEndian), count)?;
    let names = headers.get(usize::from(header.e_shstrndx.get(NativeEndian).0));
    let names = match names {
        Some(names) if names.sh_size.get(NativeEndian) <= 1 << 20 => {
            let (offset, size) = (&names.sh_offset, &names.sh_size);
            read_bytes(source, offset.get(NativeEndian), size.get(NativeEndian)).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let section = |header: &SectionHeader64<NativeEndian>| Section {
        name: text_at(&names, header.sh_name.get(NativeEndian).into()).unwrap_or_default(),
        address: header.sh_addr.get(NativeEndian),
        size: header.sh_size.get(NativeEndian),
        kind: header.sh_type.get(NativeEndian).0,
        offset: header.sh_offset.get(NativeEndian),
        link: header.sh_link.get(NativeEndian),
    };
    Ok(headers.iter().map(section).collect())
}

/// The text at an offset of a string table, cut at 64 bytes.
fn text_at(strings: &[u8], offset: u64) -> Option<String> {
    let text = strings.get(usize::try_from(offset).ok()?..)?;
    let end = text
        .iter()
        .take(64)
        .position(|&byte| byte == 0)
        .unwrap_or(text.len().min(64));
    Some(String::from_utf8_lossy(&text[..end]).into_owned())
}

/// Reads `size` bytes, allocating as they come, so that a length that lies costs nothing.
fn read_bytes<S: Source>(source: &S, offset: u64, size: u64) -> Result<Vec<u8>, ElfError> {
    const STEP: u64 = 1 << 20;
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < size {
        let done = bytes.len();
        let now = (size - done as u64).min(STEP) as usize;
        let offset = offset.checked_add(done as u64);
        let offset = offset.ok_or(ElfError::Malformed("an offset behind the end of all files"))?;
        bytes.resize(done + now, 0);
        source.read_exact_at(&mut bytes[done..], offset)?;
    }
    Ok(bytes)
}

fn pods_at<S: Source, T: pod::Pod + Copy>(
    source: &S,
    offset: u64,
    count: usize,
) -> Result<Vec<T>, ElfError> {
    let bytes = read_bytes(source, offset, (count * size_of::<T>()) as u64)?;
    let (items, _) = pod::slice_from_bytes::<T>(&bytes, count)
        .map_err(|()| ElfError::Malformed("a table of headers"))?;
    Ok(items.to_vec())
}

fn pod_at<S: Source, T: pod::Pod + Copy>(source: &S, offset: u64) -> Result<T, ElfError> {
    match pods_at(source, offset, 1) {
        Ok(items) => items.first().copied().ok_or(ElfError::NotElf),
        Err(ElfError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(ElfError::NotElf)
        }
        Err(error) => Err(error),
    }
}
