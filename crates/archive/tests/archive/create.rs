//! What can be recorded to and opened, and the words for what cannot.

use crate::sample::Recording;
use pitstop_archive::{Detail, Writer, read, save};
use pitstop_model::Profile;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

fn place() -> TempDir {
    tempfile::tempdir().expect("a place for files")
}

/// The message of a refusal, with the directory replaced by `DIR`.
fn refusal<T>(directory: &Path, result: Result<T, pitstop_archive::Error>) -> String {
    let error = result.err().expect("it is refused");
    error
        .to_string()
        .replace(&directory.display().to_string(), "DIR")
}

#[test]
fn a_recording_is_readable_by_its_owner_only() {
    let place = place();
    let path = place.path().join("run.pit");
    Writer::create(&path).expect("the place is free");
    let mode = fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_older_archive_is_replaced_and_other_files_are_not() {
    let place = place();
    let path = place.path().join("run.pit");
    save(&path, &Recording::of(4).profile).expect("the place is free");
    save(&path, &Profile::default()).expect("an archive may be replaced");
    let loaded = read(&path, Detail::Moments).expect("it can be read");
    assert!(loaded.complete && loaded.profile.series.is_empty());

    let script = place.path().join("app.py");
    fs::write(&script, "print('precious')").expect("there is space");
    assert_eq!(
        refusal(place.path(), Writer::create(&script)),
        "cannot record to `DIR/app.py`: there is a file that is not a pitstop archive, \
         give another name or remove it"
    );
    assert_eq!(
        fs::read_to_string(script).expect("it is there"),
        "print('precious')"
    );
}

#[test]
fn two_recordings_cannot_go_to_one_file() {
    let place = place();
    let path = place.path().join("run.pit");
    let _first = Writer::create(&path).expect("the place is free");
    assert_eq!(
        refusal(place.path(), Writer::create(&path)),
        "cannot record to `DIR/run.pit`: another recording is writing to it, give another name"
    );
}

#[test]
fn places_that_are_none_are_named() {
    let place = place();
    let here = place.path();
    assert_eq!(
        refusal(here, Writer::create(here)),
        "cannot record to `DIR`: it is a directory, add a file name to it"
    );
    assert_eq!(
        refusal(here, Writer::create(&here.join("no/run.pit"))),
        "cannot record to `DIR/no/run.pit`: its directory does not exist, create that first"
    );
    fs::write(here.join("file"), "").expect("there is space");
    assert_eq!(
        refusal(here, Writer::create(&here.join("file/run.pit"))),
        "cannot record to `DIR/file/run.pit`: a part of its path is a file, not a directory"
    );
    assert_eq!(
        refusal(here, Writer::create(Path::new("/dev/null"))),
        "cannot record to `/dev/null`: it is a device or pipe, give the name of a file"
    );
}

#[test]
fn files_that_are_no_archives_are_told_by_their_looks() {
    let place = place();
    let here = place.path();
    let path = here.join("x");
    assert_eq!(
        refusal(here, read(&path, Detail::Totals)),
        "there is no `DIR/x`; `pitstop run` or `pitstop record -o` makes one"
    );
    assert_eq!(
        refusal(here, read(here, Detail::Totals)),
        "`DIR` is not a pitstop archive: it is a directory; give a file made by `pitstop`"
    );
    let cases: [(&[u8], &str); 6] = [
        (
            b"",
            "it is empty, the recording ended before anything was written",
        ),
        (
            b"PITS",
            "it was cut within its first bytes, nothing was recorded",
        ),
        (
            b"\x1f\x8b\x08\x00",
            "it looks like gzip (a pprof profile, or a compressed file)",
        ),
        (b"{\"traceEvents\": []}", "it looks like JSON"),
        (b"print('hello')", "it begins with other bytes"),
        (b"PITSTOP\x00", "it begins with other bytes"),
    ];
    for (bytes, looks) in cases {
        fs::write(&path, bytes).expect("there is space");
        assert_eq!(
            refusal(here, read(&path, Detail::Totals)),
            format!("`DIR/x` is not a pitstop archive: {looks}; give a file made by `pitstop`")
        );
    }
    fs::write(&path, b"PITSTOP\x02 whatever").expect("there is space");
    assert_eq!(
        refusal(here, read(&path, Detail::Totals)),
        "`DIR/x` has archive version 2, this pitstop reads up to 1; update pitstop to open it"
    );
}

#[test]
fn a_full_disk_is_said_in_words_that_help() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    assert_eq!(
        refusal(Path::new("/none"), Writer::new(full, Path::new("run.pit"))),
        "cannot write `run.pit`: No space left on device (os error 28); what was recorded so far \
         is safe, free some space or record to another disk"
    );
}
