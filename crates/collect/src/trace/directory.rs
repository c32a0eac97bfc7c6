//! The private directory of a trace: what the program is given, and where it leaves its files.

use super::TraceOptions;
use crate::lines::{DECORATOR, DECORATOR_FILE};
use pitstop_cpython::layout::{FrameStyle, Layout};
use pitstop_cpython::{self_described, tables};
use pitstop_wire::{FORMAT, MAGIC, Offsets, Settings, SpanRecord, UNIT_BYTES, option};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The library that runs inside the program: built by our build script, see there.
const PROBE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libpitstop_probe.so"));
/// What loads it.
const BOOTSTRAP: &str = include_str!("../guest/sitecustomize.py");
/// What it runs where arguments, queries or event loops are watched.
const EVIDENCE: &str = include_str!("../guest/evidence.py");

/// Memory that behaves like a file: what is written there never waits for a disk.
const MEMORY: &str = "/dev/shm";
/// A container may have very little of it; then it is not used.
const LEAST_MEMORY_BYTES: u64 = 1 << 30;
/// A call path takes 64 bytes in the file, which mostly is memory, 32 to 64 in the tables of the
/// probe, and about 400 once the Profile is made of it (measured with two million paths). So a file
/// that is a sixteenth of what is free ends with about half of it in use.
const SHARE_OF_MEMORY: u64 = 16;
/// A file may be so large in any case, and if nobody knows how much is free.
const LEAST_MOST_BYTES: u64 = 64 << 20;
/// And never larger: units are counted in 32 bits. A file is sparse and takes only what is used.
const LARGEST_BYTES: u64 = 16 << 30;

/// The directory. It is removed at the end; processes that still run keep their mappings.
#[derive(Debug)]
pub(super) struct Directory {
    directory: TempDir,
}

impl Directory {
    pub(super) fn create(options: &TraceOptions) -> io::Result<Self> {
        let builder = || {
            let mut builder = tempfile::Builder::new();
            builder.prefix("pitstop-");
            builder
        };
        let in_memory = has_memory().then(|| builder().tempdir_in(MEMORY));
        let directory = match in_memory {
            Some(Ok(directory)) => directory,
            _ => builder().tempdir()?,
        };
        let path = directory.path();
        fs::write(path.join("pitstop_probe.so"), PROBE)?;
        fs::write(path.join("sitecustomize.py"), BOOTSTRAP)?;
        fs::write(path.join("settings"), settings(options).to_bytes())?;
        if let Some(evidence) = &options.evidence {
            fs::write(path.join("evidence.py"), EVIDENCE)?;
            fs::write(path.join("arguments"), evidence.arguments.join("\0"))?;
        }
        if let Some(selection) = &options.lines {
            fs::write(path.join("lines"), selection.to_literal())?;
            fs::write(path.join(DECORATOR_FILE), DECORATOR)?;
        }
        Ok(Self { directory })
    }

    /// PYTHONPATH with the directory first.
    pub(super) fn variable(&self) -> (OsString, OsString) {
        let mut value = self.directory.path().as_os_str().to_owned();
        if let Some(old) = env::var_os("PYTHONPATH").filter(|old| !old.is_empty()) {
            value.push(":");
            value.push(old);
        }
        ("PYTHONPATH".into(), value)
    }

    /// What the processes wrote: one file each.
    pub(super) fn traces(&self) -> Vec<PathBuf> {
        self.files("trace")
    }

    /// Why processes were not traced.
    pub(super) fn refusals(&self) -> Vec<String> {
        let read = |path: PathBuf| fs::read_to_string(path).ok();
        self.files("refused").into_iter().filter_map(read).collect()
    }

    /// What could not be watched in processes that were, a line each, without repetitions.
    pub(super) fn notes(&self) -> Vec<String> {
        let read = |path: PathBuf| fs::read_to_string(path).ok();
        let texts: Vec<String> = self.files("note").into_iter().filter_map(read).collect();
        let mut notes: Vec<String> = texts
            .iter()
            .flat_map(|text| text.lines().map(str::to_owned))
            .collect();
        notes.sort();
        notes.dedup();
        notes
    }

    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory.path());
        let paths = entries.into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = paths
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|own| own == ending))
            .collect();
        files.sort();
        files
    }
}

/// True if there is a file system in memory, with room.
fn has_memory() -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next(), words.next());
        let size = words
            .next()
            .unwrap_or_default()
            .split(',')
            .find_map(|word| {
                let kibibytes = word.strip_prefix("size=")?.strip_suffix('k')?;
                kibibytes.parse::<u64>().ok()
            });
        // Without a limit of its own it is half of the machine's memory.
        let is_large = size.is_none_or(|kibibytes| kibibytes * 1024 >= LEAST_MEMORY_BYTES);
        place == Some(MEMORY) && kind == Some("tmpfs") && is_large && Path::new(MEMORY).is_dir()
    })
}

fn settings(options: &TraceOptions) -> Settings {
    let evidence = options.evidence.as_ref();
    let what = match (evidence, &options.lines, options.native) {
        (Some(evidence), _, _) => evidence.bits(),
        (None, Some(_), _) => option::LINES,
        (None, None, true) => option::CALLS | option::C_CALLS,
        (None, None, false) => option::CALLS,
    };
    let mut settings = Settings {
        magic: MAGIC,
        format: FORMAT,
        options: what,
        span_capacity: ring_capacity(options),
        most_units: most_units(options),
        slow_us: evidence.map_or(0, |evidence| evidence.slow_us),
        ..Settings::default()
    };
    for minor in 0..=u8::MAX {
        if let Some(layout) = tables::for_version(minor) {
            settings.set_offsets(minor, offsets(layout), places(minor));
        }
    }
    settings
}

/// How large the file of each process may become. The ring of a timeline is not counted.
fn most_units(options: &TraceOptions) -> u32 {
    let usual = || {
        let free = available_bytes().unwrap_or(0);
        (free / SHARE_OF_MEMORY).max(LEAST_MOST_BYTES)
    };
    let bytes = options.most_bytes.unwrap_or_else(usual);
    let ring = u64::from(ring_capacity(options)) * size_of::<SpanRecord>() as u64;
    let units = (bytes + ring).min(LARGEST_BYTES) / UNIT_BYTES as u64;
    u32::try_from(units).unwrap_or(u32::MAX)
}

fn ring_capacity(options: &TraceOptions) -> u32 {
    match options.spans {
        0 => 0,
        spans => spans.min(1 << 26).next_power_of_two(),
    }
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// What the probe needs to know of a version.
fn offsets(layout: &Layout) -> Offsets {
    let number = |offset: u64| u32::try_from(offset).unwrap_or(Offsets::NONE);
    let option = |offset: Option<u64>| offset.map_or(Offsets::NONE, number);
    let (code, object, frame) = (&layout.code, &layout.object, &layout.frame);
    let cframe = (frame.style == FrameStyle::ThroughCFrame).then_some(frame.cframe_current_frame);
    Offsets {
        code_file: number(code.filename),
        code_name: number(code.name),
        code_qualname: option(code.qualname),
        code_first_line: number(code.first_line),
        code_lines: number(code.line_table),
        code_bytes: number(code.bytecode),
        str_length: number(object.str_length),
        str_state: number(object.str_state),
        str_ascii: number(object.str_ascii_data),
        str_compact: number(object.str_compact_data),
        bytes_data: number(object.bytes_data),
        thread_frame: number(layout.thread.frame),
        frame_instruction: number(frame.instruction),
        frame_code: number(frame.code),
        frame_previous: number(frame.previous),
        frame_locals: number(frame.locals),
        cframe_frame: option(cframe),
        long_tag: option(object.long_tag),
        long_digits: number(object.long_digits),
    }
}

/// Where an interpreter that describes itself says that.
fn places(minor: u8) -> Option<Offsets> {
    let place = |field: &str| {
        let place = self_described::place(minor, field);
        place.map_or(Offsets::NONE, |place| place as u32)
    };
    let is_described = place("cookie") != Offsets::NONE;
    is_described.then(|| Offsets {
        code_file: place("code_object.filename"),
        code_name: place("code_object.name"),
        code_qualname: place("code_object.qualname"),
        code_first_line: place("code_object.firstlineno"),
        code_lines: place("code_object.linetable"),
        code_bytes: place("code_object.co_code_adaptive"),
        str_length: place("unicode_object.length"),
        str_state: place("unicode_object.state"),
        str_ascii: place("unicode_object.asciiobject_size"),
        str_compact: place("unicode_object.compactunicodeobject_size"),
        bytes_data: place("bytes_object.ob_sval"),
        thread_frame: place("thread_state.current_frame"),
        frame_instruction: place("interpreter_frame.instr_ptr"),
        frame_code: place("interpreter_frame.executable"),
        frame_previous: place("interpreter_frame.previous"),
        frame_locals: place("interpreter_frame.localsplus"),
        cframe_frame: Offsets::NONE,
        long_tag: place("long_object.lv_tag"),
        long_digits: place("long_object.ob_digit"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_version_has_its_offsets() {
        let settings = settings(&TraceOptions::default());
        for minor in 8..=15 {
            let offsets = settings.offsets(minor).unwrap();
            assert_ne!(offsets.code_file, 0, "3.{minor}");
            assert_eq!(
                offsets.code_qualname == Offsets::NONE,
                minor < 11,
                "3.{minor}"
            );
            assert_eq!(
                offsets.cframe_frame == Offsets::NONE,
                !(11..=12).contains(&minor)
            );
        }
        assert_eq!(settings.offsets(7), None);
    }

    #[test]
    fn every_field_of_a_version_that_describes_itself_has_its_place() {
        let settings = settings(&TraceOptions::default());
        assert_eq!(settings.places(12), None);
        for minor in 13..=15 {
            let places = settings.places(minor).unwrap();
            let word = |place: u32| u64::from(place) + 1000;
            let known = settings.offsets(minor).unwrap();
            let found = known.described(places, word).unwrap();
            // Only this one may come from the table.
            assert_eq!(found.cframe_frame, known.cframe_frame);
            assert_ne!(found.code_file, known.code_file);
            let more = known.str_compact - known.str_ascii;
            let is_told = minor == 15;
            assert_eq!(found.str_compact == found.str_ascii + more, !is_told);
            let places = format!("{places:?}");
            let missing = places.matches(&Offsets::NONE.to_string()).count();
            assert_eq!(missing, 2 - usize::from(is_told), "3.{minor}: {places}");
        }
    }

    #[test]
    fn a_selection_of_lines_lies_beside_the_bootstrap() {
        let lines = Some(crate::lines::LineSelection::default());
        let options = TraceOptions {
            lines,
            ..TraceOptions::default()
        };
        let directory = Directory::create(&options).unwrap();
        let path = directory.directory.path();
        assert!(path.join("lines").is_file() && path.join(DECORATOR_FILE).is_file());
        assert_eq!(settings(&options).options, option::LINES);
    }

    #[test]
    fn the_directory_goes_first_and_is_removed() {
        let directory = Directory::create(&TraceOptions::default()).unwrap();
        let path = directory.directory.path().to_owned();
        let (name, value) = directory.variable();
        assert_eq!(name, "PYTHONPATH");
        assert!(
            value
                .to_string_lossy()
                .starts_with(&*path.to_string_lossy())
        );
        assert!(path.join("sitecustomize.py").is_file() && directory.traces().is_empty());
        drop(directory);
        assert!(!path.exists());
    }
}
