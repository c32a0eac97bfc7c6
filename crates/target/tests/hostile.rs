//! Bytes that somebody made up: nothing here may panic, hang or eat memory.

use pitstop_cpython::{Memory, ReadError, Slice};
use pitstop_target::recorded::{FailingAt, LoadError, RecordedMemory, Recorder};
use pitstop_target::symbols::{Elf, ElfError, Tables};
use pitstop_target::version::{Version, VersionSearch, minor_in_path};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A real ELF file of modest size.
fn elf() -> &'static [u8] {
    static ELF: OnceLock<Vec<u8>> = OnceLock::new();
    ELF.get_or_init(|| std::fs::read("/bin/true").expect("every Linux has `true`"))
}

fn look_at(bytes: &[u8]) {
    if let Ok(elf) = Elf::parse(bytes) {
        elf.symbols(["_PyRuntime", "exit", ""], Tables::All);
        elf.section(".PyRuntime");
        elf.needed();
        elf.segments();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_no_elf_file(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        look_at(&bytes);
        let mut with_header = elf()[..64].to_vec();
        with_header.extend(bytes);
        look_at(&with_header);
    }

    #[test]
    fn a_damaged_elf_file_is_survived(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..40),
        in_header in proptest::collection::vec((16usize..64, any::<u8>()), 0..6),
        end in any::<proptest::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = elf().to_vec();
        // The tables that lead to everything else lie at the end.
        let table = bytes.len().saturating_sub(3000);
        for (index, byte) in damage {
            let at = table + index.index(bytes.len() - table);
            bytes[at] = byte;
        }
        for (at, byte) in in_header {
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(end.index(bytes.len()));
        }
        look_at(&bytes);
    }

    #[test]
    fn any_bytes_are_searched_for_versions(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut search = VersionSearch::default();
        search.look_through(&bytes);
        search.ranked(minor_in_path(&bytes));
        Version::parse_prefix(&bytes);
    }

    #[test]
    fn text_like_versions_are_searched(text in "[23.0-9a-c+rc(\\x00 ]{0,60}|python[0-9.]{0,12}") {
        let mut search = VersionSearch::default();
        search.look_through(text.as_bytes());
        search.ranked(minor_in_path(text.as_bytes()));
    }

    #[test]
    fn any_bytes_are_no_recorded_memory(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = RecordedMemory::load(&bytes);
        let mut with_magic = b"PSMEM1\r\n\0\0\0\0".to_vec();
        with_magic.extend(bytes);
        let _ = RecordedMemory::load(&with_magic);
    }

    #[test]
    fn recorded_memory_is_a_map_of_bytes(
        writes in proptest::collection::vec(
            (0u64..300, proptest::collection::vec(any::<u8>(), 0..40)), 0..30),
        reads in proptest::collection::vec((0u64..340, 0usize..50), 0..60),
    ) {
        let mut memory = RecordedMemory::default();
        let mut truth = BTreeMap::new();
        for (address, bytes) in &writes {
            memory.insert(*address, bytes);
            truth.extend((*address..).zip(bytes.iter().copied()));
        }
        memory.set_address("runtime", 0x7f01);
        let mut file = Vec::new();
        memory.save(&mut file).unwrap();
        let loaded = RecordedMemory::load(&file).unwrap();
        prop_assert_eq!(&loaded, &memory);
        prop_assert_eq!(loaded.address("runtime"), Some(0x7f01));
        prop_assert_eq!(loaded.size_bytes(), truth.len());
        for (address, length) in reads {
            let mut buffer = vec![0; length];
            let expected: Option<Vec<u8>> =
                (address..address + length as u64).map(|at| truth.get(&at).copied()).collect();
            let read = loaded.read(address, &mut buffer);
            prop_assert_eq!(read.is_ok(), expected.is_some());
            prop_assert!(expected.is_none_or(|bytes| bytes == buffer));
        }
    }
}

#[test]
fn every_cut_of_a_recording_is_refused() {
    let mut memory = RecordedMemory::default();
    memory.insert(0x1000, b"some bytes");
    memory.insert(0x2000, b"more");
    memory.set_fact("version", "3.11.7");
    let mut file = Vec::new();
    memory.save(&mut file).unwrap();
    for end in 0..file.len() {
        let error = RecordedMemory::load(&file[..end]).unwrap_err();
        assert!(
            matches!(error, LoadError::Magic | LoadError::CutOff),
            "{end}: {error}"
        );
    }
    assert_eq!(
        RecordedMemory::load(&file).unwrap().fact("version"),
        Some("3.11.7")
    );
}

#[test]
fn what_was_walked_can_be_walked_again() {
    let list: Vec<u64> = vec![11, 22, 33];
    let live = pitstop_target::LiveMemory::new(std::process::id());
    let recorder = Recorder::new(live);
    let start = list.as_ptr() as u64;
    let walk = |memory: &dyn Memory| {
        let (mut one, mut rest) = ([0; 8], [0; 16]);
        let mut slices = [
            Slice {
                address: start,
                buffer: &mut one,
            },
            Slice {
                address: start + 8,
                buffer: &mut rest,
            },
            Slice {
                address: 8,
                buffer: &mut [0],
            },
        ];
        assert_eq!(memory.read_many(&mut slices), 2);
        (one, rest)
    };
    let first = walk(&recorder);
    let recorded = recorder.finish();
    assert_eq!(walk(&recorded), first);
    assert_eq!(recorded.size_bytes(), 24);
}

#[test]
fn the_nth_read_fails_and_no_other() {
    let mut memory = RecordedMemory::default();
    memory.insert(0, &[7; 64]);
    for nth in 0..6 {
        let failing = FailingAt::new(&memory, nth, ReadError::Gone);
        let mut buffers = [[0u8; 4]; 4];
        let mut slices: Vec<Slice<'_>> = buffers
            .iter_mut()
            .map(|buffer| Slice { address: 8, buffer })
            .collect();
        assert_eq!(failing.read_many(&mut slices) as u64, nth.min(4));
        assert_eq!(failing.has_failed(), nth < 4);
        let mut left = 0;
        while !failing.has_failed() {
            left += u64::from(failing.read(0, &mut [0; 4]).is_ok());
        }
        assert_eq!(left, nth.saturating_sub(4));
        assert_eq!(failing.read(0, &mut [0; 4]), Ok(()));
    }
}

#[test]
fn other_machines_files_are_told_from_rubbish() {
    let mut bytes = elf().to_vec();
    bytes[4] = 1; // 32 bits
    assert!(matches!(Elf::parse(&bytes[..]), Err(ElfError::Foreign)));
    bytes[0] = 0;
    assert!(matches!(Elf::parse(&bytes[..]), Err(ElfError::NotElf)));
    assert!(matches!(Elf::parse(&b""[..]), Err(ElfError::NotElf)));
    assert!(
        Elf::parse(elf())
            .unwrap()
            .needed()
            .iter()
            .all(|name| name.contains("lib"))
    );
}
