//! `pitstop trace` where there is not room for everything: what is kept and what is lost add up to
//! what was called.

use pitstop_e2e::{Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python};
use serde_json::Value;

fn trace(python: &Python, source: &str, options: &[&str]) -> Workbench {
    let workbench = Workbench::new();
    let script = workbench.write("program.py", source);
    let mut command = workbench.command(&["trace", "-q", "--python"]);
    command.arg(&python.path).args(options).arg(&script);
    Finished::of(&mut command, b"").expect_code(0);
    workbench
}

fn shown(workbench: &Workbench) -> Value {
    let shown = workbench.pitstop(&["trace", "last", "--json"]);
    serde_json::from_slice(&shown.expect_code(0).stdout).expect("it is JSON")
}

/// The timeline of the last result.
fn timeline(workbench: &Workbench) -> Value {
    let exported = workbench.pitstop(&["export", "last", "out.trace.json", "-f", "chrome"]);
    exported.expect_code(0);
    workbench.json("out.trace.json")
}

/// Names of the calls in a timeline, in the order of their beginning.
fn calls(timeline: &Value) -> Vec<String> {
    let events = timeline["traceEvents"].as_array().expect("an array");
    let calls = events.iter().filter(|event| event["ph"] == "X");
    calls
        .map(|event| event["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_timeline_keeps_the_last_calls_and_counts_the_others() {
    const SOURCE: &str = "\
def early(): pass
def late(): pass
for _ in range(4000): early()
for _ in range(1000): late()
";
    on_each_python(|python| {
        let options = ["--timeline=1000", "--no-c-calls"];
        let workbench = trace(python, SOURCE, &options);
        let timeline = timeline(&workbench);
        let kept = calls(&timeline);
        // 1000 is rounded up to a power of two: the last 23 early ones, all late ones, the module.
        assert_eq!(kept.len(), 1024, "{python}");
        let count = |name: &str| kept.iter().filter(|one| *one == name).count();
        let counts = ["early", "late", "<module>"].map(count);
        assert_eq!(counts, [23, 1000, 1], "{python}");
        let lost = &timeline["otherData"]["lost_calls"];
        assert_eq!(*lost, 5001 - 1024, "{python}");
        let events = timeline["traceEvents"].as_array().expect("an array");
        let said = events
            .iter()
            .filter(|event| event["ph"] == "i")
            .filter_map(|event| event["name"].as_str());
        let said: Vec<&str> = said.collect();
        assert_eq!(
            said,
            ["3977 calls are missing: they found no room"],
            "{python}"
        );
        assert_eq!(shown(&workbench)["trace"]["lost_spans"], 3977, "{python}");
    });
}

#[test]
fn a_timeline_of_threads_and_generators_adds_up() {
    const SOURCE: &str = "\
import threading
def generate(n):
    for i in range(n): yield i
def work(n):
    for i in generate(n): len(())
threads = [threading.Thread(target=work, args=(n,)) for n in (700, 900)]
for t in threads: t.start()
for t in threads: t.join()
work(500)
";
    on_each_python(|python| {
        for (option, room) in [("--timeline=512", 512), ("--timeline=100000", u64::MAX)] {
            let workbench = trace(python, SOURCE, &[option]);
            let timeline = timeline(&workbench);
            let kept = calls(&timeline).len() as u64;
            let lost = timeline["otherData"]["lost_calls"].as_u64();
            // Every call and every resumption ends once: none runs any more.
            let all = workbench.last_profile().total.samples;
            assert_eq!(kept, all.min(room), "{python}");
            assert_eq!(lost, Some(all - kept), "{python}");
        }
    });
}

/// Two functions that call each other and themselves: every call has a path of its own, 2^21 - 1 of
/// them, of which 16 MiB hold less than a seventh.
#[test]
fn a_tree_of_two_million_paths_stays_within_its_memory_and_says_what_it_lost() {
    const SOURCE: &str = "\
def left(n):
    if n: left(n - 1); right(n - 1)
def right(n):
    if n: left(n - 1); right(n - 1)
left(20)
";
    // And the module.
    const TRUTH: u64 = 1 << 21;
    on_oldest_and_newest_python(|python| {
        let workbench = trace(python, SOURCE, &["--max-memory", "16"]);
        let shown = shown(&workbench);
        let lost = shown["trace"]["lost_calls"].as_u64().expect("a number");
        let functions = shown["functions"].as_array().expect("an array");
        let kept: u64 = functions
            .iter()
            .filter_map(|function| function["calls"].as_u64())
            .sum();
        assert_eq!(kept + lost, TRUTH, "{python}: {kept} and {lost}");
        let paths_in_16_mib = 16 << 14;
        assert!(kept <= paths_in_16_mib, "{python}: {kept}");
        assert!(kept > paths_in_16_mib / 2, "{python}: {kept}");
        let text = workbench.pitstop(&["trace", "last"]).expect_code(0);
        let text = text.stdout_text();
        assert!(text.contains("found no room"), "{text}");
        assert!(text.contains("--max-memory"), "{text}");
    });
    // With room for all of them they are all there.
    on_oldest_and_newest_python(|python| {
        let source = SOURCE.replace("20", "19");
        let workbench = trace(python, &source, &["--max-memory", "256"]);
        let shown = shown(&workbench);
        assert_eq!(shown["trace"]["lost_calls"], 0, "{python}");
        let functions = shown["functions"].as_array().expect("an array");
        let kept = functions.iter().filter_map(|one| one["calls"].as_u64());
        assert_eq!(kept.sum::<u64>(), TRUTH / 2, "{python}");
    });
}
