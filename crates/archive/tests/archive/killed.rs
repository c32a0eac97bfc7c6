//! A real recorder, really killed.

use crate::compare::assert_same_tables;
use crate::sample::Recording;
use pitstop_archive::{Detail, Writer, read};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const PATH: &str = "PITSTOP_TEST_RECORD_TO";

/// Not a test: the recorder of the test below, in a process of its own. Never ends by itself.
#[test]
#[ignore = "runs until it is killed"]
fn recorder() {
    let Some(path) = env::var_os(PATH) else {
        return;
    };
    let mut writer = Writer::create(Path::new(&path)).expect("the place is free");
    let mut recording = Recording::default();
    for step in 0.. {
        recording.step(step);
        writer
            .append(&recording.profile, &mut recording.pending)
            .expect("there is space");
        // Not `println`: the harness would keep it to itself.
        let told = writeln!(std::io::stdout(), "\nwrote {}", step + 1);
        if told.is_err() {
            return;
        }
    }
}

#[test]
fn a_killed_recorder_leaves_all_it_had_written() {
    let directory = tempfile::tempdir().expect("a place for files");
    let path = directory.path().join("run.pit");
    let mut recorder = Command::new(env::current_exe().expect("this program has a path"))
        .args(["--ignored", "--exact", "killed::recorder"])
        .env(PATH, &path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it ran a moment ago");
    let output = BufReader::new(recorder.stdout.take().expect("it is a pipe"));
    let mut lines = output.lines().map_while(Result::ok);
    assert!(
        lines.any(|line| line == "wrote 20"),
        "the recorder ended too early"
    );
    recorder.kill().expect("it runs for ever");
    recorder.wait().expect("it was killed");

    let loaded = read(&path, Detail::Moments).expect("what was written can be read");
    assert!(!loaded.complete);
    let steps = u32::try_from(loaded.profile.places.files().len()).expect("a few");
    assert!(steps >= 20);
    assert_same_tables(&loaded.profile, &Recording::of(steps).profile);
    assert_eq!(loaded.profile.series.moments.len(), 21 * steps as usize);
}
