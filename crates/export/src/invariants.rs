//! What holds for every format: same totals and same top function as the profile, same bytes
//! each time, and foreign tools agree.

use crate::testing::{self, export, hostile, pythons, run_python, skip, traced};
use crate::{Format, Granularity, Options, Selection, selection};
use pitstop_model::Profile;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

const TOP: &str = "Report.dedupe";

fn all_options() -> Vec<Options> {
    let both = |selection| {
        Granularity::ALL.map(|granularity| Options {
            selection,
            granularity,
            title: None,
        })
    };
    Selection::ALL.into_iter().flat_map(both).collect()
}

/// The name with the most time, by summing `(name, time)`.
fn top(times: impl IntoIterator<Item = (String, u64)>) -> (String, u64) {
    let mut sums: HashMap<String, u64> = HashMap::new();
    for (name, time) in times {
        *sums.entry(name).or_default() += time;
    }
    sums.into_iter()
        .max_by_key(|(_, time)| *time)
        .expect("there are samples")
}

#[test]
fn collapsed_keeps_total_and_top_function() {
    let profile = hostile();
    for options in all_options() {
        let text = String::from_utf8(export(&profile, Format::Collapsed, &options)).expect("UTF-8");
        let lines: Vec<(&str, u64)> = text
            .lines()
            .map(|line| line.rsplit_once(' ').expect("a stack and a time"))
            .map(|(stack, time)| (stack, time.parse().expect("whole microseconds")))
            .collect();
        let total: u64 = lines.iter().map(|(_, time)| time).sum();
        assert_eq!(
            total,
            (selection::total_ns(&profile, options.selection) + 500) / 1000
        );
        let leaf = |stack: &str| {
            let frame = stack.rsplit(';').next().unwrap_or_default();
            frame.split(" (").next().unwrap_or_default().to_owned()
        };
        let (name, _) = top(lines.iter().map(|(stack, time)| (leaf(stack), *time)));
        assert_eq!(name, TOP);
        assert!(text.contains("app.py/worker_1;") && text.contains("app.py/worker 1 #2;"));
        assert!(lines.is_sorted());
    }
}

#[test]
fn speedscope_keeps_total_and_top_function() {
    let kept = {
        let mut builder = testing::Builder::new();
        builder.profile = hostile();
        builder.keep_moments(5_000_000_000);
        builder.profile
    };
    for profile in [&hostile(), &kept] {
        for options in all_options() {
            let file: Value =
                serde_json::from_slice(&export(profile, Format::Speedscope, &options))
                    .expect("JSON");
            let (total, top) = speedscope_totals(&file);
            assert_eq!(total, selection::total_ns(profile, options.selection));
            assert_eq!(top, TOP);
            assert_eq!(
                file["$schema"],
                "https://www.speedscope.app/file-format-schema.json"
            );
        }
    }
    let text = export(&kept, Format::Speedscope, &Options::default());
    let file: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(
        file["profiles"][0]["samples"][0],
        serde_json::json!([]),
        "a pause is a gap"
    );
}

fn speedscope_totals(file: &Value) -> (u64, String) {
    let frames = file["shared"]["frames"].as_array().expect("frames");
    let (mut total, mut leaves) = (0, Vec::new());
    for profile in file["profiles"].as_array().expect("profiles") {
        let samples = profile["samples"].as_array().expect("samples");
        let weights = profile["weights"].as_array().expect("weights");
        assert_eq!(samples.len(), weights.len());
        let mut sum = 0;
        for (stack, weight) in samples.iter().zip(weights) {
            let weight = weight.as_u64().expect("whole nanoseconds");
            sum += weight;
            let Some(leaf) = stack.as_array().and_then(|stack| stack.last()) else {
                continue;
            };
            let leaf = usize::try_from(leaf.as_u64().expect("an index")).expect("fits");
            leaves.push((
                frames[leaf]["name"].as_str().expect("a name").to_owned(),
                weight,
            ));
            total += weight;
        }
        assert!(profile["endValue"].as_u64().expect("an end") >= sum);
    }
    (total, top(leaves).0)
}

#[test]
fn json_keeps_total_and_top_function() {
    let profile = hostile();
    for options in all_options() {
        let file: Value =
            serde_json::from_slice(&export(&profile, Format::Json, &options)).expect("JSON");
        let ns = |value: &Value, field: &str| value[field].as_u64().expect("nanoseconds");
        let expected = selection::total_ns(&profile, options.selection);
        let sum = |values: &[Value]| values.iter().map(|v| ns(v, "wall_ns")).sum::<u64>();
        assert_eq!(file["schema"], crate::JSON_SCHEMA);
        assert_eq!(ns(&file["total"], "wall_ns"), expected);
        assert_eq!(sum(file["rows"].as_array().expect("rows")), expected);
        assert_eq!(sum(file["threads"].as_array().expect("threads")), expected);
        let split: Vec<Value> = file["split"]
            .as_object()
            .expect("split")
            .values()
            .cloned()
            .collect();
        assert_eq!(sum(&split), expected);
        let functions = file["functions"].as_array().expect("functions");
        let (name, _) = top(functions.iter().map(|function| {
            assert!(ns(function, "self_ns") <= ns(function, "total_ns"));
            (
                function["qualname"].as_str().expect("a name").to_owned(),
                ns(function, "self_ns"),
            )
        }));
        assert_eq!(name, TOP);
        let walk = functions
            .iter()
            .find(|f| f["name"] == "walk")
            .expect("the recursion");
        if options.selection == Selection::All {
            assert_eq!(ns(walk, "total_ns"), 250_000_400 + 8 * 2_500_001);
        }
    }
}

#[test]
fn json_keeps_the_fields_of_version_1() {
    let text = export(&hostile(), Format::Json, &Options::default());
    let file: Value = serde_json::from_slice(&text).expect("JSON");
    for (table, fields) in [
        (
            "/",
            "schema title selection meta quality total split processes threads",
        ),
        ("/", "functions frames waits rows curve"),
        (
            "/meta",
            "tool_version method command directory host cpus start_unix_s duration_ns",
        ),
        (
            "/meta",
            "cpu_ns startup_ns memory_limit_bytes exit interrupted notes",
        ),
        (
            "/quality",
            "samples exact validated partial failed readings ticks late_ticks",
        ),
        ("/quality", "own_cpu_ns own_rss_bytes delay_ns rates"),
        (
            "/quality/failed",
            "moved unreadable not_a_frame too_deep cycle budget gone not_ready",
        ),
        ("/total", "samples wall_ns"),
        (
            "/split",
            "python native_gil native_no_gil gil_wait lock blocked sleep gc cpu_wait",
        ),
        (
            "/processes/0",
            "pid parent command python start_ns end_ns exit",
        ),
        (
            "/threads/0",
            "process tid name is_main start_ns end_ns samples wall_ns",
        ),
        ("/functions/0", "name qualname path file kind line"),
        (
            "/functions/0",
            "self_samples self_ns total_samples total_ns",
        ),
        ("/frames/0", "function line"),
        ("/waits/0", "syscall fd descriptor name"),
        (
            "/rows/0",
            "thread state wait verdict reason samples wall_ns stack",
        ),
        ("/curve/0", "time_ns rss_bytes cpu_ns"),
        ("/", "calls calls_lost"),
    ] {
        let object = file.pointer(table.trim_end_matches('/')).expect(table);
        for field in fields.split(' ') {
            assert!(object.get(field).is_some(), "{table} has lost `{field}`");
        }
    }
    let text = export(&traced(), Format::Json, &Options::default());
    let file: Value = serde_json::from_slice(&text).expect("JSON");
    let fields = "thread stack calls resumptions raised self_ns raw_self_ns waited_ns";
    for field in fields.split(' ') {
        assert!(
            file["calls"][0].get(field).is_some(),
            "a call has lost `{field}`"
        );
    }
}

#[test]
fn every_format_gives_the_same_bytes_twice() {
    for format in Format::ALL {
        for options in all_options() {
            for make in [hostile, traced] {
                if make().spans.is_empty() && format == Format::Chrome {
                    continue;
                }
                assert!(
                    export(&make(), format, &options) == export(&make(), format, &options),
                    "{format:?} {options:?}"
                );
            }
        }
    }
}

const LOAD_PSTATS: &str = r#"
import io, marshal, os, pstats, sys, tempfile
data = sys.stdin.buffer.read()
assert marshal.dumps(marshal.loads(data), 2) and isinstance(marshal.loads(data), dict)
path = os.path.join(tempfile.mkdtemp(), "a.prof")
with open(path, "wb") as file:
    file.write(data)
out = io.StringIO()
stats = pstats.Stats(path, stream=out)
stats.sort_stats("tottime").print_stats()
stats.print_callers()
stats.print_callees()
stats.add(path).strip_dirs().sort_stats("cumulative").print_stats(5)
table = marshal.loads(data)
for cc, nc, tt, ct, callers in table.values():
    assert cc == nc and tt <= ct + 1e-9
    for key, caller in callers.items():
        assert key in table and len(caller) == 4
total = sum(entry[2] for entry in table.values())
top = max(table, key=lambda key: table[key][2])
walk = [key for key in table if key[2] == "walk"][0]
header = [line for line in out.getvalue().splitlines() if "function calls in" in line][0]
print(round(total * 1e9), top, round(table[walk][3] * 1e9), header.split()[-2])
os.remove(path)
os.rmdir(os.path.dirname(path))
"#;

#[test]
fn pstats_of_every_python_loads_and_agrees() {
    let profile = hostile();
    let bytes = export(&profile, Format::Pstats, &Options::default());
    let total_ns = selection::total_ns(&profile, Selection::All);
    #[expect(clippy::cast_precision_loss, reason = "pstats prints milliseconds")]
    let seconds = total_ns as f64 / 1e9;
    for python in pythons() {
        let printed = run_python(&python, LOAD_PSTATS, &bytes);
        let walk_ns = 250_000_400 + 8 * 2_500_001;
        assert_eq!(
            printed.trim(),
            format!("{total_ns} ('/srv/app/app.py', 20, 'dedupe') {walk_ns} {seconds:.3}"),
            "{}",
            python.display()
        );
    }
}

const PARSE_SVG: &str = r#"
import sys
import xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
space = "{http://www.w3.org/2000/svg}"
assert root.tag == space + "svg"
assert len(list(root.iter(space + "script"))) == 1
for node in root.iter():
    assert node.tag.split("}")[1] in "svg style defs pattern rect path text tspan g title script".split(), node.tag
    for name, value in node.attrib.items():
        assert not name.startswith("on") and "href" not in name and "src" not in name
first = next(root.iter(space + "g")).find(space + "title").text.split("\n")
print("|".join(first[:3]))
"#;

#[test]
fn svg_is_xml_without_references_to_anything() {
    let profile = hostile();
    for options in all_options() {
        let svg = String::from_utf8(export(&profile, Format::Svg, &options)).expect("UTF-8");
        let outside = svg.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for word in [
            "http:", "https:", "href", "@import", "src=", "<image", "file:",
        ] {
            assert!(!outside.contains(word), "{word}");
        }
        assert_eq!(svg.matches("<script>").count(), 1);
        let total = crate::amount::duration(selection::total_ns(&profile, options.selection));
        assert!(svg.contains(&format!("{total} of {total} (100 %)")));
        assert!(svg.contains(">Report.dedupe"));
        for python in pythons().iter().take(1) {
            let printed = run_python(python, PARSE_SVG, svg.as_bytes());
            assert!(printed.starts_with("all threads|"), "{printed}");
            assert!(printed.contains(&total));
        }
    }
}

#[test]
fn go_tool_pprof_agrees_on_total_and_top_function() {
    if Command::new("go").arg("version").output().is_err() {
        skip("no `go` on the PATH: `go tool pprof` was not asked");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let profile = hostile();
    for format in [Format::Pprof, Format::PprofPlain] {
        let path = dir.path().join(format!("a{}", format.extensions()[0]));
        crate::write_file(&profile, format, &Options::default(), &path).expect("writes");
        let text = go_pprof(&["-top", "-unit=ms", "-sample_index=wall"], &path);
        let total_ns = selection::total_ns(&profile, Selection::All);
        #[expect(clippy::cast_precision_loss, reason = "pprof prints two decimals")]
        let total = format!("% of {:.2}ms total", total_ns as f64 / 1e6);
        assert!(text.contains(&total), "{total} in {text}");
        let top = text
            .lines()
            .skip_while(|line| !line.trim_start().starts_with("flat "))
            .nth(1)
            .expect("a first line");
        assert!(top.trim_end().ends_with(TOP), "{text}");
        assert!(top.trim_start().starts_with("1500ms "), "{text}");
        let text = go_pprof(&["-top", "-nodefraction=0"], &path);
        for name in ["<lambda>", "<module>", "semi;colon", "[no Python frames]"] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!text.contains("<unknown>"), "{text}");
        let tags = go_pprof(&["-tags"], &path);
        for key in ["thread", "process", "state", "wait"] {
            assert!(tags.contains(&format!(" {key}: ")), "{tags}");
        }
        assert!(go_pprof(&["-comments"], &path).contains("stacks: "));
    }
}

fn go_pprof(options: &[&str], file: &Path) -> String {
    let output = Command::new("go")
        .args(["tool", "pprof"])
        .args(options)
        .arg(file)
        .output()
        .expect("go runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(!errors.contains("not available"), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn gzip_holds_the_same_message() {
    let profile: Profile = hostile();
    let options = Options::default();
    let packed = export(&profile, Format::Pprof, &options);
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut plain)
        .expect("gzip");
    assert!(plain == export(&profile, Format::PprofPlain, &options));
}

#[test]
fn lprof_keeps_every_line_and_unpickles_in_python() {
    let profile = hostile();
    let bytes = export(&profile, Format::Lprof, &Options::default());
    let stats = crate::read_lprof(&bytes).expect("it is read again");
    let [function] = &stats.functions[..] else {
        panic!("the same function twice is one: {stats:?}");
    };
    let times: Vec<_> = function
        .lines
        .iter()
        .map(|l| (l.line, l.hits, l.time))
        .collect();
    assert_eq!(times, [(24, 2, 60), (25, 1, 30), (26, 1, 30)]);
    for python in pythons() {
        let printed = run_python(&python, LOAD_LPROF, &bytes);
        let expected = "{('/srv/app/app.py', 20, 'Report.dedupe'): [(24, 2, 60), (25, 1, 30), \
                        (26, 1, 30)]} 1e-09";
        assert_eq!(printed.trim(), expected, "{}", python.display());
    }
}

/// A stand-in for line_profiler, so that it need not be installed.
const LOAD_LPROF: &str = r#"
import pickle, sys, types
package, module = types.ModuleType("line_profiler"), types.ModuleType("line_profiler.line_profiler")
class LineStats:
    pass
LineStats.__module__ = module.__name__
module.LineStats = LineStats
sys.modules.update({"line_profiler": package, "line_profiler.line_profiler": module})
stats = pickle.loads(sys.stdin.buffer.read())
assert type(stats) is LineStats and vars(stats).keys() == {"timings", "unit"}
print(stats.timings, stats.unit)
"#;
