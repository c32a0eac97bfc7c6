//! `pitstop export`: the same numbers in every format, and files that are no archives.

use pitstop_e2e::{Finished, Profile, Workbench, fixture, on_each_python, pythons};
use serde_json::Value;
use std::collections::BTreeMap;

fn recorded(name: &str) -> Workbench {
    let python = pythons().last().expect("there is an interpreter");
    let workbench = Workbench::with_python(python);
    workbench
        .run(python, &[fixture(name).as_os_str(), "0.5".as_ref()])
        .expect_code(0);
    workbench
}

fn collapsed(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').expect("a stack and a number"))
        .map(|(stack, number)| (stack.to_owned(), number.parse().expect("a number")))
        .collect()
}

#[test]
fn standard_output_takes_a_format_by_name() {
    let workbench = recorded("known_shares.py");
    let finished = workbench
        .pitstop(&["export", "last", "-", "-f", "collapsed"])
        .expect_code(0);
    assert!(finished.stderr.is_empty(), "{finished}");
    let stacks = collapsed(&finished.stdout_text());
    assert!(
        stacks
            .keys()
            .any(|stack| stack.contains(";main ") && stack.contains(";burn_50 "))
    );
    workbench.pitstop(&["export", "last", "-"]).expect_code(2);
    workbench
        .pitstop(&["export", "last", "-", "-f", "pit"])
        .expect_code(2);
    workbench
        .pitstop(&["export", "last", "-", "-f", "nonsense"])
        .expect_code(2);
    workbench
        .pitstop(&["export", "last", "out.nonsense"])
        .expect_code(2);
    workbench
        .pitstop(&["export", "missing.pit", "out.svg"])
        .expect_code(2);
}

#[test]
fn totals_are_the_same_in_every_format() {
    let workbench = recorded("known_shares.py");
    let profile = workbench.last_profile();
    let export = |format: &str| {
        workbench
            .pitstop(&["export", "last", "-", "-f", format])
            .expect_code(0)
    };
    let own_ns = |name: &str| -> u64 {
        let functions = profile
            .functions
            .iter()
            .filter(|function| function.name == name);
        functions.map(|function| function.self_ns).sum()
    };
    // In microseconds; each stack is rounded by itself.
    let stacks = collapsed(&export("collapsed").stdout_text());
    for name in ["burn_50", "burn_30", "burn_20"] {
        let ends = |stack: &str| {
            stack
                .rsplit(';')
                .next()
                .is_some_and(|leaf| leaf.starts_with(name))
        };
        let ours: Vec<u64> = stacks
            .iter()
            .filter(|(stack, _)| ends(stack))
            .map(|(_, us)| *us)
            .collect();
        let (sum, truth) = (ours.iter().sum::<u64>(), own_ns(name) / 1000);
        assert!(
            sum.abs_diff(truth) <= ours.len() as u64 + 1,
            "{name}: {sum} for {truth}"
        );
    }
    let speedscope: Value = serde_json::from_slice(&export("speedscope").stdout).expect("JSON");
    let profiles = speedscope["profiles"].as_array().expect("a list").iter();
    let sum: f64 = profiles
        .flat_map(|one| one["weights"].as_array().expect("a list"))
        .map(|weight| weight.as_f64().expect("a number"))
        .sum();
    let unit = speedscope["profiles"][0]["unit"].as_str().expect("a unit");
    let factor = BTreeMap::from([
        ("nanoseconds", 1.0),
        ("microseconds", 1e3),
        ("milliseconds", 1e6),
    ]);
    let stacked = profile.wall_ns(|row| profile.stack(row).is_some()) as f64;
    let all = profile.total.wall_ns as f64;
    let sum = sum * factor[unit];
    // In time order the moments between two samples of a thread are there too, without a stack.
    let near = |truth: f64| (sum / truth - 1.0).abs() < 0.03;
    assert!(near(stacked) || near(all), "{sum} for {stacked} or {all}");
}

#[test]
fn pstats_shows_the_same_times_on_every_python() {
    let workbench = recorded("known_shares.py");
    let profile = workbench.last_profile();
    workbench
        .pitstop(&["export", "last", "out.prof"])
        .expect_code(0);
    on_each_python(|python| {
        let code = "import json, pstats; s = pstats.Stats('out.prof').stats; \
                    print(json.dumps({k[2]: v[2:4] for k, v in s.items() if 'burn' in k[2]}))";
        let mut command = workbench.bare(python, &["-c", code]);
        let times = Finished::of(&mut command, b"").expect_code(0).last_json();
        for name in ["burn_50", "burn_30", "burn_20"] {
            let functions = profile
                .functions
                .iter()
                .filter(|function| function.name == name);
            let truth = functions.map(|function| function.self_ns).sum::<u64>() as f64 / 1e9;
            for kind in 0..2 {
                let said = times[name][kind].as_f64().expect("seconds");
                assert!((said - truth).abs() < 1e-6, "{name}: {said} for {truth}");
            }
        }
    });
}

#[test]
fn lines_are_told_apart_if_asked() {
    let workbench = recorded("known_shares.py");
    let count = |option: &str| {
        let options = ["export", "last", "-", "-f", "collapsed", option];
        collapsed(&workbench.pitstop(&options).expect_code(0).stdout_text()).len()
    };
    assert!(count("--line") > count("--function"));
}

#[test]
fn an_archive_that_is_copied_is_the_same() {
    let workbench = recorded("three_threads.py");
    workbench
        .pitstop(&["export", "last", "copy.pit"])
        .expect_code(0);
    let (one, other) = (workbench.last_profile(), workbench.profile("copy.pit"));
    assert_eq!(one.total, other.total);
    assert_eq!(one.split, other.split);
}

#[test]
fn exporting_twice_gives_the_same_bytes() {
    let workbench = recorded("three_threads.py");
    for format in ["collapsed", "speedscope", "pprof", "pstats", "svg", "json"] {
        let options = ["export", "last", "-", "-f", format];
        let (one, other) = (workbench.pitstop(&options), workbench.pitstop(&options));
        assert_eq!(one.code(), 0, "{format}\n{}", one.stderr_text());
        assert!(one.stdout == other.stdout, "{format}");
    }
}

#[test]
fn a_cut_archive_gives_what_is_whole_or_says_why_not() {
    let workbench = recorded("known_shares.py");
    let bytes = std::fs::read(workbench.last_result()).expect("it is there");
    let whole = workbench.last_profile().total.samples;
    let mut last = 0;
    // Every part of the file, and the last bytes one by one.
    let cuts = (0..24).map(|part| bytes.len() * part / 24);
    for cut in cuts.chain(bytes.len() - 8..bytes.len()) {
        std::fs::write(workbench.path().join("cut.pit"), &bytes[..cut]).expect("it can be written");
        let finished = workbench.pitstop(&["export", "cut.pit", "-", "-f", "json"]);
        assert!(!finished.stderr_text().contains("panicked"), "{finished}");
        match finished.code() {
            0 => {
                let profile = Profile::parse(&finished.stdout);
                let samples = profile.total.samples;
                assert!(
                    (last..=whole).contains(&samples),
                    "{samples} at {cut} of {}",
                    bytes.len()
                );
                assert!(
                    !profile.meta.notes.is_empty(),
                    "it says that it is cut at {cut}"
                );
                assert!(
                    finished.stderr_text().contains("cut short"),
                    "it says so to whoever asks, too: {cut}\n{finished}"
                );
                assert!(samples > 0, "an empty answer at {cut}");
                last = samples;
            }
            2 => {
                assert!(
                    finished.stderr_text().contains("cut.pit"),
                    "{cut}\n{finished}"
                );
                assert_eq!(last, 0, "what was readable at a shorter cut is so at {cut}");
            }
            code => panic!("{code} at {cut}\n{finished}"),
        }
    }
    assert!(
        last > whole / 2,
        "{last} of {whole} in a file without its last byte"
    );
}

#[test]
fn a_damaged_archive_never_panics() {
    let workbench = recorded("three_threads.py");
    let bytes = std::fs::read(workbench.last_result()).expect("it is there");
    for part in 0..40 {
        let mut damaged = bytes.clone();
        let at = bytes.len() * part / 40;
        damaged[at] ^= 0x55;
        std::fs::write(workbench.path().join("damaged.pit"), &damaged).expect("it can be written");
        for arguments in [
            &["export", "damaged.pit", "-", "-f", "json"] as &[&str],
            &["tree", "damaged.pit"],
        ] {
            let finished = workbench.pitstop(arguments);
            let said = finished.stderr_text();
            assert!([0, 2].contains(&finished.code()), "{at}\n{said}");
            assert!(!said.contains("panicked"), "{at}\n{said}");
            assert!(
                finished.code() == 0 || said.contains("damaged.pit"),
                "{at}\n{said}"
            );
        }
    }
}

#[test]
fn a_file_that_is_no_archive_is_said_to_be_none() {
    let workbench = Workbench::new();
    workbench.write(
        "text.pit",
        "certainly not an archive\n".repeat(100).as_str(),
    );
    workbench.write("empty.pit", "");
    std::fs::create_dir(workbench.path().join("directory.pit")).expect("a directory can be made");
    for name in [
        "text.pit",
        "empty.pit",
        "directory.pit",
        "missing.pit",
        "/dev/null",
    ] {
        for arguments in [
            &["export", name, "out.svg"] as &[&str],
            &["tree", name],
            &["lines", "-i", name],
        ] {
            let finished = workbench.pitstop(arguments);
            let said = finished.stderr_text();
            assert_eq!(finished.code(), 2, "{arguments:?}\n{finished}");
            assert!(said.contains(name), "{arguments:?}\n{finished}");
        }
    }
    assert!(!workbench.path().join("out.svg").exists());
}

#[test]
fn an_export_that_cannot_be_written_leaves_no_half_of_a_file() {
    let workbench = recorded("known_shares.py");
    for (path, code) in [
        ("/dev/full", 125),
        ("missing/out.svg", 125),
        ("/proc/out.svg", 125),
    ] {
        let finished = workbench.pitstop(&["export", "last", path, "-f", "svg"]);
        let fits = finished.code() == code || finished.code() == 2;
        assert!(fits && finished.stderr_text().contains(path), "{finished}");
    }
}
