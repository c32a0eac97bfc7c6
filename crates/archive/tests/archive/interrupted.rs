//! Files that were cut, hit or never finished, and disks that were full.

use crate::compare::{assert_same, assert_same_tables};
use crate::disk::{Disk, load};
use crate::sample::Recording;
use pitstop_archive::{Detail, Error, Writer, read_from};
use pitstop_model::{Moment, RowId};
use std::path::Path;

/// An archive in memory, and where each of its records ends.
struct Made {
    bytes: Vec<u8>,
    /// The length of the file when it held that many deltas.
    ends: Vec<usize>,
}

fn make(steps: u32) -> Made {
    let disk = Disk::default();
    let mut writer = Writer::new(disk.clone(), Path::new("memory.pit")).expect("no fault is set");
    let mut recording = Recording::default();
    let mut ends = vec![disk.bytes().len()];
    for step in 0..steps {
        recording.step(step);
        writer
            .append(&recording.profile, &mut recording.pending)
            .expect("no fault is set");
        ends.push(disk.bytes().len());
    }
    writer
        .finish(&recording.profile, &mut recording.pending)
        .expect("no fault is set");
    let bytes = disk.bytes();
    Made { bytes, ends }
}

#[test]
fn a_file_cut_anywhere_gives_exactly_the_deltas_that_are_whole() {
    let made = make(4);
    let steps: Vec<Recording> = (0..5).map(Recording::of).collect();
    for length in 0..made.bytes.len() {
        let loaded = load(&made.bytes[..length]);
        let Some(deltas) = made.ends.iter().rposition(|&end| end <= length) else {
            assert!(
                matches!(loaded, Err(Error::NotAnArchive { .. })),
                "at {length}"
            );
            continue;
        };
        let loaded = loaded.unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        assert!(!loaded.complete);
        assert_eq!(loaded.lost_bytes, (length - made.ends[deltas]) as u64);
        assert_same_tables(&loaded.profile, &steps[deltas].profile);
        assert_eq!(
            loaded.profile.series.moments,
            steps[deltas].profile.series.moments
        );
        let note = loaded.profile.meta.notes.last().expect("it says so");
        assert!(note.starts_with("recording was cut short: "), "{note}");
    }
}

#[test]
fn any_byte_hit_gives_an_error_or_the_deltas_before_it() {
    let made = make(3);
    let steps: Vec<Recording> = (0..4).map(Recording::of).collect();
    for (at, flip) in (0..made.bytes.len()).flat_map(|at| [(at, 0xff), (at, 0x01), (at, 0x80)]) {
        let mut bytes = made.bytes.clone();
        bytes[at] ^= flip;
        let Ok(loaded) = load(&bytes) else {
            assert!(at < 8, "byte {at} is in a record, which is passed over");
            continue;
        };
        assert!(!loaded.complete, "byte {at} went unnoticed");
        let deltas = made
            .ends
            .iter()
            .rposition(|&end| end <= at)
            .expect("the head is whole");
        assert_eq!(loaded.lost_bytes, (bytes.len() - made.ends[deltas]) as u64);
        assert_same_tables(&loaded.profile, &steps[deltas].profile);
    }
}

#[test]
fn a_recording_without_an_end_gets_its_totals_from_what_is_there() {
    let made = make(3);
    let cut = &made.bytes[..made.ends[3]];
    let meta = load(cut).expect("it can be read").profile.meta;
    assert_eq!(
        meta.duration_ns, 2_500_000_000,
        "the time of the last sample"
    );
    assert_eq!(meta.cpu_ns, 1_000_000_000);
    assert_eq!(meta.quality.verdicts.exact, 60);
    assert_eq!(meta.quality.verdicts.failed_total(), 3);
    assert!(meta.interrupted);
}

#[test]
fn bytes_behind_the_end_are_passed_over_and_reported() {
    let mut bytes = make(1).bytes;
    bytes.extend(b"remains");
    let loaded = load(&bytes).expect("it can be read");
    assert!(loaded.complete);
    assert_eq!(loaded.lost_bytes, 7);
    assert_eq!(
        loaded.profile.meta.notes,
        ["7 bytes behind the end of the archive were passed over"]
    );
}

/// Records five steps onto a disk whose writes from `failing` on fail, as often as given.
fn record_on_failing_disk(failing: std::ops::Range<usize>, cannot_truncate: bool) -> Option<Disk> {
    let disk = Disk::default();
    disk.0.borrow_mut().failing = failing.clone();
    disk.0.borrow_mut().cannot_truncate = cannot_truncate;
    let Ok(mut writer) = Writer::new(disk.clone(), Path::new("memory.pit")) else {
        assert_eq!(failing.start, 0);
        return None;
    };
    let mut recording = Recording::default();
    for step in 0..5 {
        recording.step(step);
        let before = disk.0.borrow().writes;
        let result = writer.append(&recording.profile, &mut recording.pending);
        let fails = failing.contains(&before);
        assert_eq!(result.is_err(), fails);
        assert_eq!(
            recording.pending.is_empty(),
            !fails,
            "nothing measured is thrown away"
        );
        let loaded = load(&disk.bytes()).expect("the file is valid after every write");
        if !fails {
            assert_same_tables(&loaded.profile, &recording.profile);
        }
        if !cannot_truncate {
            assert_eq!(loaded.lost_bytes, 0, "remains are cut off");
            assert_eq!(disk.bytes().len() as u64, writer.size_bytes());
        }
    }
    let result = writer.finish(&recording.profile, &mut recording.pending);
    let loaded = load(&disk.bytes()).expect("the file is valid after every write");
    assert_eq!(loaded.complete, result.is_ok());
    if result.is_ok() && loaded.lost_bytes == 0 {
        assert_same(&loaded.profile, &recording.profile);
    }
    assert_same_tables(&loaded.profile, &recording.profile);
    Some(disk)
}

#[test]
fn the_disk_is_full_at_any_write_and_everything_is_there_in_the_end() {
    let writes = record_on_failing_disk(99..99, false)
        .expect("it does not fail")
        .0
        .borrow()
        .writes;
    assert_eq!(writes, 7, "head, five deltas, end");
    for nth in 0..writes {
        for cannot_truncate in [false, true] {
            record_on_failing_disk(nth..nth + 1, cannot_truncate);
            record_on_failing_disk(nth..(nth + 3).min(6), cannot_truncate);
        }
    }
}

#[test]
fn a_disk_that_stays_full_bounds_memory_and_costs_times_only() {
    let disk = Disk::default();
    let mut writer = Writer::new(disk.clone(), Path::new("memory.pit")).expect("no fault is set");
    let mut recording = Recording::of(1);
    writer
        .append(&recording.profile, &mut recording.pending)
        .expect("no fault is set");
    disk.0.borrow_mut().failing = 0..usize::MAX;
    for batch in 0..6u64 {
        let row = recording.profile.series.row(RowId(0));
        let first_ns = 1_000_000_000 + batch * 300_000_000;
        for sample in 0..300_000 {
            recording.sample(first_ns + sample * 1000, row, 1000);
        }
        let result = writer.append(&recording.profile, &mut recording.pending);
        let error = result.expect_err("the disk is full");
        assert!(
            error
                .to_string()
                .contains("what was recorded so far is safe"),
            "{error}"
        );
        assert!(recording.pending.len() <= 1 << 20);
    }
    disk.0.borrow_mut().failing = 0..0;
    writer
        .finish(&recording.profile, &mut recording.pending)
        .expect("there is space again");
    let loaded = load(&disk.bytes()).expect("it can be read");
    assert!(loaded.complete);
    assert_same_tables(&loaded.profile, &recording.profile);
    let all = &recording.profile.series.moments;
    let kept: &[Moment] = &loaded.profile.series.moments;
    assert_eq!(kept[..21], all[..21]);
    assert_eq!(
        kept[21..],
        all[all.len() - (kept.len() - 21)..],
        "the newest are kept"
    );
    let lost = all.len() - kept.len();
    assert!(lost > 0);
    assert_eq!(
        loaded.profile.meta.notes,
        [format!(
            "{lost} samples count without their times: the archive could not be written"
        )]
    );
}

#[test]
fn totals_survive_a_cut_as_well() {
    let made = make(4);
    for &end in &made.ends {
        let cut = &made.bytes[..end];
        let totals = read_from(cut, Path::new("memory.pit"), Detail::Totals).expect("valid");
        let moments = load(cut).expect("valid");
        assert_same_tables(&totals.profile, &moments.profile);
        assert_eq!(totals.profile.meta, moments.profile.meta);
    }
}
