//! What holds for exports of a trace: exact counts where the format has them, the totals of the
//! calls, and other tools agree.

use crate::testing::{Builder, export, hostile, pythons, traced};
use crate::{Error, Format, Options, read_prof, write};
use pitstop_analysis::CallGraph;
use pitstop_model::{CallCost, FileKind, Profile};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

fn text(profile: &Profile, format: Format) -> String {
    String::from_utf8(export(profile, format, &Options::default())).expect("UTF-8")
}

fn total_ns(profile: &Profile) -> u64 {
    profile.calls.iter().map(|(_, cost)| cost.self_ns).sum()
}

#[test]
fn pstats_has_true_calls_and_adds_up_what_it_cannot_tell_apart() {
    let bytes = export(&traced(), Format::Pstats, &Options::default());
    let table = read_prof(&bytes).expect("we wrote it");
    let lines: BTreeMap<String, (u64, u64)> = table
        .functions()
        .iter()
        .map(|function| {
            (
                function.label.to_string(),
                (function.calls, function.primitive),
            )
        })
        .collect();
    assert_eq!(
        lines["{built-in method builtins.len}"],
        (3_000_000_007, 3_000_000_007)
    );
    assert_eq!(lines["/srv/app/app.py:40(walk)"], (14, 2));
    assert_eq!(lines["/srv/app/app.py:60(rows)"], (1001, 1001));
    assert_eq!(lines["/srv/app/app.py:20(dedupe)"], (3, 3));
    let seconds: f64 = table
        .functions()
        .iter()
        .map(|function| function.own_s)
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "seconds in floats")]
    let expected = total_ns(&traced()) as f64 / 1e9;
    assert!((seconds - expected).abs() < 1e-9);
    assert!(!table.is_sampled);
}

#[test]
fn a_trace_without_time_has_its_counts() {
    let mut b = Builder::new();
    let len = b.native("<built-in method builtins.len>");
    let cost = CallCost {
        calls: 5,
        ..CallCost::default()
    };
    b.call(b.main, &[len], cost);
    let bytes = export(&b.profile, Format::Pstats, &Options::default());
    assert_eq!(read_prof(&bytes).expect("we wrote it").calls, 5);
    assert!(text(&b.profile, Format::Dot).contains("\\n5×"));
    let error = write(
        &b.profile,
        Format::Svg,
        &Options::default(),
        &mut Vec::new(),
    );
    assert!(matches!(error, Err(Error::NoTime)));
}

#[test]
fn every_python_loads_a_trace_with_counts_beyond_32_bits() {
    const LOAD: &str = r#"
import marshal, sys
table = marshal.load(sys.stdin.buffer)
entry = table[("~", 0, "<built-in method builtins.len>")]
assert entry[:2] == (3000000007, 3000000007), entry
callers = {key[2]: value for key, value in entry[4].items()}
assert callers["dedupe"][:2] == (3000000007, 3000000007), callers
assert table[("/srv/app/app.py", 40, "walk")][4][("/srv/app/app.py", 40, "walk")][:2] == (12, 4)
print("fine")
"#;
    let bytes = export(&traced(), Format::Pstats, &Options::default());
    for python in pythons() {
        let printed = crate::testing::run_python(&python, LOAD, &bytes);
        assert_eq!(printed.trim(), "fine", "{}", python.display());
    }
}

/// Around every place where `marshal` changes its form: 32 bits with a sign, and each digit of 15.
#[test]
fn every_pstats_shows_counts_of_every_size() {
    const LOAD: &str = r#"
import io, marshal, os, pstats, sys, tempfile
with tempfile.NamedTemporaryFile(delete=False) as file:
    file.write(sys.stdin.buffer.read())
try:
    stats = pstats.Stats(file.name, stream=io.StringIO())
    doubled = pstats.Stats(file.name, file.name, stream=io.StringIO())
finally:
    os.unlink(file.name)
for key, (cc, nc, tt, ct, callers) in list(stats.stats.items()):
    name = key[2]
    count = int(name[1:])
    assert (cc, nc) == (count, count) and type(nc) is int, (name, cc, nc)
    assert [value[:2] for value in callers.values()] == [(count, count)] or count == 1, callers
    assert doubled.stats[key][1] == 2 * count, name
    stats.stream.truncate(0)
    stats.print_stats(name + r"\b")
    assert "%d " % count in stats.stream.getvalue(), stats.stream.getvalue()
print(stats.total_calls)
"#;
    let mut b = Builder::new();
    let app = ("app.py", FileKind::Project);
    let main = b.main;
    let outer = b.frame("f1", app, 1, 0);
    let outer_at = b.frame("f1", app, 1, 2);
    let cost = |calls| CallCost {
        calls,
        ..CallCost::default()
    };
    b.call(main, &[outer], cost(1));
    let mut total = 1;
    let edges = [31, 32, 45, 60].map(|bits| 1_u64 << bits);
    for (line, edge) in (10..).zip(edges) {
        for count in [edge - 1, edge, edge + 1] {
            let frame = b.frame(&format!("f{count}"), app, line, 0);
            b.call(main, &[outer_at, frame], cost(count));
            total += count;
        }
    }
    let bytes = export(&b.profile, Format::Pstats, &Options::default());
    for python in pythons() {
        let printed = crate::testing::run_python(&python, LOAD, &bytes);
        assert_eq!(printed.trim(), total.to_string(), "{}", python.display());
    }
    let read = read_prof(&bytes).expect("we read what we write");
    assert_eq!(read.calls, total);
}

/// What a callgrind file says: own cost and calls with their lines, by name.
#[derive(Default)]
struct Callgrind {
    summary: u64,
    totals: u64,
    own: HashMap<String, u64>,
    /// Caller, callee, line of the call: calls and inclusive cost.
    calls: BTreeMap<(String, String, u64), (u64, u64)>,
}

/// A reader of its own, from the specification.
fn read_callgrind(text: &str) -> Callgrind {
    let mut read = Callgrind::default();
    let mut names: HashMap<(bool, String), String> = HashMap::new();
    let mut name = |is_file: bool, value: &str| {
        let (number, name) = value.split_once(' ').unwrap_or((value, ""));
        let entry = names.entry((is_file, number.to_owned())).or_default();
        if !name.is_empty() {
            assert!(entry.is_empty(), "{value} is named twice");
            name.clone_into(entry);
        }
        assert!(!entry.is_empty(), "{value} has no name");
        entry.clone()
    };
    let (mut function, mut callee, mut calls) = (String::new(), String::new(), None);
    for line in text.lines().skip(1) {
        if let Some(value) = line.strip_prefix("fl=").or(line.strip_prefix("cfl=")) {
            name(true, value);
        } else if let Some(value) = line.strip_prefix("fn=") {
            function = name(false, value);
        } else if let Some(value) = line.strip_prefix("cfn=") {
            callee = name(false, value);
        } else if let Some(value) = line.strip_prefix("calls=") {
            let count = value.split(' ').next().expect("a count");
            calls = Some(count.parse().expect("a number"));
        } else if let Some(value) = line.strip_prefix("summary: ") {
            read.summary = value.parse().expect("a number");
        } else if let Some(value) = line.strip_prefix("totals: ") {
            read.totals = value.parse().expect("a number");
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            let (at, cost) = line.split_once(' ').expect("a line and a cost");
            let (at, cost): (u64, u64) =
                (at.parse().expect("a line"), cost.parse().expect("a cost"));
            match calls.take() {
                Some(count) => {
                    let entry = read.calls.entry((function.clone(), callee.clone(), at));
                    assert_eq!(
                        *entry.or_insert((count, cost)),
                        (count, cost),
                        "{line} twice"
                    );
                }
                None => *read.own.entry(function.clone()).or_default() += cost,
            }
        } else {
            let is_header = [
                "version: ",
                "creator: ",
                "cmd: ",
                "part: ",
                "desc: ",
                "positions: ",
                "events: ",
            ];
            assert!(
                line.is_empty() || is_header.iter().any(|h| line.starts_with(h)),
                "{line}"
            );
        }
    }
    read
}

#[test]
fn callgrind_keeps_the_total_and_the_lines_of_calls() {
    let profile = traced();
    let read = read_callgrind(&text(&profile, Format::Callgrind));
    let total = total_ns(&profile);
    assert_eq!((read.summary, read.totals), (total, total));
    assert_eq!(read.own.values().sum::<u64>(), total);
    assert_eq!(read.own["Report.dedupe"], 1_500_000_000);
    assert_eq!(read.own["<lambda>:50"], 2_000_000);
    let call = |caller: &str, callee: &str, line| {
        read.calls[&(caller.to_owned(), callee.to_owned(), line)]
    };
    assert_eq!(call("<module>", "Report.dedupe", 80), (3, 1_500_000_000));
    assert_eq!(
        call("Report.dedupe", "<built-in method builtins.len>", 24),
        (3_000_000_007, 700)
    );
    assert_eq!(call("walk", "walk", 44), (12, 12_000));
    assert!(text(&profile, Format::Callgrind).contains("\ndesc: Lost: 34 calls found no room\n"));

    let sampled = hostile();
    let read = read_callgrind(&text(&sampled, Format::Callgrind));
    let total = crate::selection::total_ns(&sampled, crate::Selection::All);
    assert_eq!((read.summary, read.totals), (total, total));
    assert_eq!(read.own.values().sum::<u64>(), total);
    assert_eq!(read.own["Report.dedupe"], 1_500_000_000);
}

#[test]
fn dot_draws_functions_and_who_calls_them() {
    let dot = text(&traced(), Format::Dot);
    let lines: Vec<&str> = dot.lines().collect();
    assert!(
        lines[0].starts_with("digraph \"python app.py <&; ]]>\" {"),
        "{dot}"
    );
    assert_eq!(lines.last(), Some(&"}"));
    assert!(
        dot.contains("label=\"Report.dedupe\\napp.py:20\\n"),
        "{dot}"
    );
    assert!(dot.contains("\\n94.6 %\\nown 94.6 %\\n3×"), "{dot}");
    assert!(dot.contains("walk") && !dot.contains("left out: "), "{dot}");
    assert!(dot.contains("34 calls found no room"), "{dot}");
    // Every arrow goes from a box to a box.
    let boxes: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.trim().split_once(" [label"))
        .map(|(id, _)| id)
        .filter(|id| !id.contains("->"))
        .collect();
    for line in lines.iter().filter(|line| line.contains(" -> ")) {
        let (from, rest) = line.trim().split_once(" -> ").expect("an arrow");
        let to = rest.split(' ').next().expect("its end");
        assert!(boxes.contains(&from) && boxes.contains(&to), "{line}");
    }
}

#[test]
fn dot_leaves_out_the_small_but_not_all_of_them() {
    let boxes = |functions: u32, large: u32| {
        let mut b = Builder::new();
        for def in 0..functions {
            let frame = b.frame("f", ("app.py", FileKind::Project), def, 0);
            let self_ns = if def < large { 1_000_000 } else { 1 };
            let cost = CallCost {
                calls: 1,
                self_ns,
                ..CallCost::default()
            };
            b.call(b.main, &[frame], cost);
        }
        let dot = text(&b.profile, Format::Dot);
        let boxes = dot.lines().filter(|line| line.contains("tooltip=")).count();
        let note = dot
            .split("left out: ")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        (boxes, note.map(str::to_owned))
    };
    let note = |text: &str| Some(text.to_owned());
    assert_eq!(
        boxes(60, 50),
        (50, note("10 functions with least time, 0 arrows"))
    );
    assert_eq!(
        boxes(60, 5),
        (20, note("40 functions with least time, 0 arrows"))
    );
    assert_eq!(boxes(9, 1), (9, None));
}

#[test]
fn a_timeline_has_its_spans_and_says_what_is_missing() {
    let profile = traced();
    let file: Value = serde_json::from_str(&text(&profile, Format::Chrome)).expect("JSON");
    let events = file["traceEvents"].as_array().expect("a list");
    let spans: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
    let times: Vec<(f64, f64)> = spans
        .iter()
        .map(|span| {
            (
                span["ts"].as_f64().expect("µs"),
                span["dur"].as_f64().expect("µs"),
            )
        })
        .collect();
    assert_eq!(times, [(0.1, 1.0), (0.2, 0.9), (5.2, 0.01)]);
    assert_eq!(spans[0]["name"], "Report.dedupe");
    assert_eq!(spans[0]["args"]["at"], "app.py:20");
    assert_eq!(file["otherData"]["lost_calls"], 12);
    let named = |kind: &str| events.iter().filter(|event| event["name"] == kind).count();
    assert_eq!((named("process_name"), named("thread_name")), (1, 2));
    let said = events
        .iter()
        .find(|event| event["ph"] == "i")
        .expect("a mark");
    assert_eq!(said["name"], "12 calls are missing: they found no room");

    let mut out = Vec::new();
    let error = write(&hostile(), Format::Chrome, &Options::default(), &mut out);
    let error = error.expect_err("no spans");
    assert!(matches!(error, Error::NoTimeline) && error.to_string().contains("--timeline"));
}

#[test]
fn the_other_formats_keep_the_total_of_a_trace_and_do_not_speak_of_samples() {
    let profile = traced();
    let total = total_ns(&profile);
    let collapsed = text(&profile, Format::Collapsed);
    let sum: u64 = collapsed
        .lines()
        .map(|line| {
            line.rsplit_once(' ')
                .expect("a time")
                .1
                .parse::<u64>()
                .expect("µs")
        })
        .sum();
    assert_eq!(sum, (total + 500) / 1000);
    assert!(
        collapsed.contains("<module> (app.py:1);Report.dedupe (app.py:20) "),
        "{collapsed}"
    );
    let speedscope: Value =
        serde_json::from_str(&text(&profile, Format::Speedscope)).expect("JSON");
    let weights = speedscope["profiles"].as_array().expect("profiles").iter();
    let sum: u64 = weights
        .flat_map(|one| one["weights"].as_array().expect("weights"))
        .map(|weight| weight.as_u64().expect("ns"))
        .sum();
    assert_eq!(sum, total);
    let json: Value = serde_json::from_str(&text(&profile, Format::Json)).expect("JSON");
    assert_eq!(json["total"]["wall_ns"], total);
    assert_eq!(json["meta"]["method"], "tracing");
    let calls = json["calls"].as_array().expect("calls").iter();
    let graph = CallGraph::of(&profile, None);
    let counted: u64 = calls
        .map(|call| call["calls"].as_u64().expect("a count"))
        .sum();
    let expected: u64 = graph
        .functions
        .iter()
        .map(|function| function.cost.calls)
        .sum();
    assert_eq!(counted, expected);
    let svg = text(&profile, Format::Svg);
    assert!(!svg.contains("sample") && svg.contains("calls"), "{svg}");
}
