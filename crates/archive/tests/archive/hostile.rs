//! Forged files: records whose checksum holds and whose content lies.

use crate::disk::{Disk, load};
use crate::sample::Recording;
use pitstop_archive::{Error, Writer};
use proptest::prelude::*;
use std::path::Path;

/// A record as the format describes it, with the right checksum.
fn record(kind: u8, codec: u8, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, codec];
    record.extend(u32::try_from(payload.len()).expect("small").to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record);
    hasher.update(payload);
    record.extend(hasher.finalize().to_le_bytes());
    record.extend(payload);
    record
}

fn archive(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"PITSTOP\x01".to_vec();
    bytes.extend(records.concat());
    bytes
}

/// What `load` says is damaged.
fn damage(bytes: &[u8]) -> String {
    match load(bytes) {
        Err(Error::Damaged { what, .. }) => what,
        other => panic!(
            "expected damage, got {:?}",
            other.map(|loaded| loaded.complete)
        ),
    }
}

/// The uncompressed contents of the deltas of a small, honest archive.
fn honest_contents() -> Vec<Vec<u8>> {
    let disk = Disk::default();
    let mut writer = Writer::new(disk.clone(), Path::new("memory.pit")).expect("no fault is set");
    let mut recording = Recording::default();
    for step in 0..2 {
        recording.step(step);
        writer
            .append(&recording.profile, &mut recording.pending)
            .expect("no fault is set");
    }
    let bytes = disk.bytes();
    let mut rest = &bytes[8..];
    let mut contents = Vec::new();
    while let Some((header, behind)) = rest.split_at_checked(10) {
        let length = u32::from_le_bytes([header[2], header[3], header[4], header[5]]) as usize;
        let payload = &behind[..length];
        contents.push(match header[1] {
            0 => payload.to_vec(),
            _ => zstd::bulk::decompress(payload, 1 << 20).expect("it was just compressed"),
        });
        rest = &behind[length..];
    }
    contents
}

#[test]
fn honest_contents_read_without_compression_too() {
    let records: Vec<_> = honest_contents()
        .iter()
        .map(|content| record(1, 0, content))
        .collect();
    let loaded = load(&archive(&records)).expect("it is honest");
    assert_eq!(
        loaded.profile.series.moments,
        Recording::of(2).profile.series.moments
    );
}

#[test]
fn every_byte_of_content_forged_with_a_right_checksum_does_no_harm() {
    let contents = honest_contents();
    for delta in 0..contents.len() {
        for at in 0..contents[delta].len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut contents = contents.clone();
                contents[delta][at] = value;
                let records: Vec<_> = contents.iter().map(|c| record(1, 0, c)).collect();
                let _ = load(&archive(&records));
            }
        }
    }
}

#[test]
fn content_that_ends_early_does_no_harm() {
    let content = &honest_contents()[0];
    for length in 0..content.len() {
        let _ = load(&archive(&[record(1, 0, &content[..length])]));
    }
}

proptest! {
    #[test]
    fn no_content_does_harm(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = load(&archive(&[record(1, 0, &content)]));
        let _ = load(&archive(&[record(2, 0, &content)]));
    }

    #[test]
    fn no_section_does_harm(tag in 1..21u8, body in prop::collection::vec(0..12u8, 0..100)) {
        let length = u8::try_from(body.len()).expect("below 128, so a varint of one byte");
        let content = [&[tag, length], &*body].concat();
        let [first, _] = <[Vec<u8>; 2]>::try_from(honest_contents()).expect("two deltas");
        let _ = load(&archive(&[record(1, 0, &first), record(1, 0, &content)]));
    }

    #[test]
    fn many_bytes_forged_do_no_harm(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut contents = honest_contents();
        for (at, value) in hits {
            let place = at.get_mut(&mut contents[0]);
            *place = value;
        }
        let records: Vec<_> = contents.iter().map(|content| record(1, 0, content)).collect();
        let _ = load(&archive(&records));
    }
}

#[test]
fn a_decompression_bomb_is_refused_before_it_goes_off() {
    let bomb = zstd::bulk::compress(&vec![0; 100 << 20], 3).expect("zeros compress");
    assert!(bomb.len() < 20_000);
    let what = damage(&archive(&[record(1, 1, &bomb)]));
    assert_eq!(what, "cannot be decompressed to 64 MiB or less");
}

#[test]
fn a_length_beyond_the_limit_is_not_believed() {
    let mut bytes = archive(&[]);
    bytes.extend([1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let loaded = load(&bytes).expect("what is before it is whole");
    assert_eq!(loaded.lost_bytes, 10);
}

#[test]
fn a_table_entry_twice_is_damage() {
    let honest = record(1, 0, &honest_contents()[0]);
    assert_eq!(
        damage(&archive(&[honest.clone(), honest])),
        "an entry is there twice"
    );
}

#[test]
fn a_handle_that_points_nowhere_is_damage() {
    // One frame of function 7, of which there is none.
    let content = [4, 5, 1, 1, 14, 1, 2];
    let what = damage(&archive(&[record(1, 0, &content)]));
    assert_eq!(what, "frames[0]: names a function that is not there");
}

#[test]
fn an_end_with_other_totals_is_damage() {
    let honest = record(1, 0, &honest_contents()[0]);
    let what = damage(&archive(&[honest, record(2, 0, &[20, 1])]));
    assert_eq!(what, "the end names other totals than those read");
}

#[test]
fn what_a_later_pitstop_adds_is_passed_over_and_said_so() {
    let mut content = honest_contents()[0].clone();
    content.extend([77, 3, 1, 2, 3]);
    let loaded = load(&archive(&[record(9, 0, b"new"), record(1, 0, &content)]));
    let profile = loaded.expect("additions do not hurt").profile;
    assert_eq!(
        profile.series.moments,
        Recording::of(1).profile.series.moments
    );
    let said = profile
        .meta
        .notes
        .iter()
        .any(|note| note.contains("update it"));
    assert!(said, "{:?}", profile.meta.notes);
}
