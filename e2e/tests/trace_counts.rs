//! `pitstop trace` counts calls as cProfile does, function by function, on programs that it did not
//! make.

use pitstop_e2e::{Finished, Profile, Python, Workbench, on_each_python, pyperformance, workspace};
use std::collections::BTreeMap;

/// Calls by file, line of the definition and name.
type Counts = BTreeMap<(String, u32, String), u64>;

/// The programs that `fixtures/bench/counted.py` knows.
const PROGRAMS: [&str; 6] = [
    "deltablue",
    "richards",
    "raytrace",
    "nbody",
    "deepcopy",
    "json_dumps",
];

/// A place in memory that a label of cProfile may have: it is another one in every process.
fn without_address(label: &str) -> &str {
    label.split_once(" at 0x").map_or(label, |(label, _)| label)
}

/// What was called below the function `measured`, and that itself.
fn ours(profile: &Profile) -> Counts {
    let mut counts = Counts::new();
    for row in profile.rows() {
        let stack = profile.stack(row).unwrap_or_default();
        let is_below = stack.iter().any(|function| function.name == "measured");
        let Some(last) = stack.last().filter(|_| is_below) else {
            continue;
        };
        let key = if last.path != "~" {
            (last.path.clone(), last.line, last.name.clone())
        } else if ["<built-in method ", "<method "]
            .iter()
            .any(|kind| last.qualname.starts_with(kind))
        {
            ("~".into(), 0, without_address(&last.qualname).to_owned())
        } else {
            // Types and slot wrappers: cProfile has no calls of them.
            continue;
        };
        *counts.entry(key).or_default() += row.samples;
    }
    counts
}

/// What cProfile wrote, without the call that ended it.
fn theirs(workbench: &Workbench, python: &Python, file: &str) -> Counts {
    let read = "import json, pstats, sys\n\
        stats = pstats.Stats(sys.argv[1]).stats\n\
        print(json.dumps([[*key, value[1]] for key, value in stats.items()]))\n";
    let finished = Finished::of(&mut workbench.bare(python, &["-c", read, file]), b"");
    let finished = finished.expect_code(0);
    let rows: Vec<(String, u32, String, u64)> =
        serde_json::from_slice(&finished.stdout).expect("it prints JSON");
    let mut counts = Counts::new();
    for (path, line, name, calls) in rows {
        if name != "<method 'disable' of '_lsprof.Profiler' objects>" {
            let key = (path, line, without_address(&name).to_owned());
            *counts.entry(key).or_default() += calls;
        }
    }
    counts
}

#[test]
fn calls_equal_cprofiles_on_the_programs_of_pyperformance() {
    let Some(benchmarks) = pyperformance() else {
        return;
    };
    let driver = workspace().join("fixtures/bench/counted.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        for name in PROGRAMS {
            let mut counted = workbench.bare(python, &[&driver, &benchmarks]);
            counted.args([name, "theirs.prof"]);
            Finished::of(&mut counted, b"").expect_code(0);
            let theirs = theirs(&workbench, python, "theirs.prof");

            let mut traced = workbench.command(&["trace", "-q", "--python"]);
            traced.arg(&python.path).args([&driver, &benchmarks]);
            Finished::of(traced.arg(name), b"").expect_code(0);
            let profile = workbench.last_profile();
            let ours = ours(&profile);

            assert!(theirs.len() > 3, "{python}, {name}: {theirs:?}");
            for (place, calls) in &theirs {
                assert_eq!(ours.get(place), Some(calls), "{python}, {name}: {place:?}");
            }
            for place in ours.keys() {
                assert!(theirs.contains_key(place), "{python}, {name}: {place:?}");
            }
            assert!(profile.meta.notes.is_empty(), "{:?}", profile.meta.notes);
        }
    });
}
