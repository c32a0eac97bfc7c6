//! `pitstop bench --rate`: latency under load is counted from when a call was due.

use pitstop_e2e::{Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python};
use serde_json::Value;

fn load(workbench: &Workbench, python: &Python, arguments: &[&str]) -> Finished {
    let mut command = workbench.command(&["bench", "--seed", "7", "--python"]);
    command.arg(&python.path).args(arguments);
    Finished::of(&mut command, b"")
}

fn parsed(finished: &Finished) -> Value {
    let document: Value = serde_json::from_slice(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{finished}"));
    assert_eq!(document["schema"], "pitstop/latency@1");
    document
}

/// Latency and service at a percentile, in nanoseconds.
fn at(document: &Value, percent: f64) -> (f64, f64) {
    let points = document["percentiles"].as_array().expect("a list");
    let point = points
        .iter()
        .find(|point| point["percent"].as_f64() == Some(percent));
    let point = point.unwrap_or_else(|| panic!("{percent}: {document}"));
    let number = |name: &str| point[name].as_f64().unwrap_or(0.0);
    (number("latency_ns"), number("service_ns"))
}

/// Every 50th call takes 0.2 s, in which 20 others become due at 100 a second.
const STALLS: &str = "\
import time
calls = 0
def stalls():
    global calls
    calls += 1
    if calls % 50 == 0:
        time.sleep(0.2)
async def stalls_async():
    stalls()
def late():
    time.sleep(0.03)
async def waits():
    import asyncio
    await asyncio.sleep(0.05)
def fails():
    if calls:
        raise ValueError('on the second call')
    stalls()
";

#[test]
fn everybody_who_came_during_a_stall_counts() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write("work.py", STALLS);
        for function in ["work:stalls", "work:stalls_async"] {
            let arguments = [
                "--rate",
                "100/s",
                "--time",
                "2s",
                "--processes",
                "2",
                "--json",
            ];
            let finished = load(&workbench, python, &[&arguments[..], &[function]].concat());
            let document = parsed(&finished.expect_code(0));
            assert_eq!(document["calls"], 200);
            assert_eq!(document["late"], 0);
            // Of 100 calls in a process, and one before them, two stall. At least 19 more wait for
            // each of those, up to 0.19 s: a tenth of all waits more than 0.1 s.
            let (latency, _) = at(&document, 90.0);
            assert!(latency > 100e6, "{function}: {document}");
            // Who calls again when the last call is over sees two slow calls in a hundred.
            let (latency, service) = at(&document, 95.0);
            assert!(latency > service, "{function}: {document}");
            let (latency, service) = at(&document, 100.0);
            assert!(
                latency >= 199e6 && service >= 199e6,
                "{function}: {document}"
            );
        }
    });
}

#[test]
fn what_cannot_keep_up_is_called_saturated_and_threads_help() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.write("work.py", STALLS);
        let base = ["--rate", "100", "--time", "1s", "--processes", "1"];
        let finished = load(
            &workbench,
            python,
            &[&base[..], &["--json", "work:late"]].concat(),
        );
        let document = parsed(&finished.expect_code(0));
        assert_eq!(document["saturated"], true, "{document}");
        assert!(document["late"].as_u64().is_some_and(|late| late > 0));
        // Those that were never served are known to have waited.
        assert!(at(&document, 100.0).0 > 1e9, "{document}");
        let words = [&base[..], &["--threads", "40", "--json", "work:late"]].concat();
        let threaded = parsed(&load(&workbench, python, &words).expect_code(0));
        assert_eq!(threaded["saturated"], false, "{threaded}");
        // Coroutines wait beside each other.
        let words = [&base[..], &["--json", "work:waits"]].concat();
        let document = parsed(&load(&workbench, python, &words).expect_code(0));
        assert_eq!(
            (&document["saturated"], &document["calls"]),
            (&false.into(), &100.into())
        );
        let text = load(&workbench, python, &[&base[..], &["work:late"]].concat()).expect_code(0);
        let text = text.stdout_text();
        for words in ["work:late at 100/s", "from when due", "p99.9", "saturated"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    });
}

#[test]
fn a_load_is_kept_and_compared_and_bad_input_is_refused() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.write("work.py", STALLS);
        let words = [
            "--rate",
            "50",
            "--time",
            "1s",
            "--save",
            "base",
            "work:waits",
        ];
        load(&workbench, python, &words).expect_code(0);
        let finished = workbench.pitstop(&["compare", "base", "base", "--json"]);
        let document: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
        let names: Vec<_> = document["comparisons"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|known| known["name"].as_str().unwrap_or(""))
            .collect();
        assert_eq!(names, ["work:waits at 50/s", "work:waits at 50/s, service"]);
        let text = load(&workbench, python, &["--rate", "50", "x = 1"]).expect_code(2);
        assert!(
            text.stderr_text().contains("--rate is for functions"),
            "{text}"
        );
        let text = load(&workbench, python, &["--rate", "50", "work:fails"]).expect_code(3);
        assert!(text.stderr_text().contains("on the second call"), "{text}");
        load(&workbench, python, &["--rate", "0", "work:waits"]).expect_code(2);
        load(&workbench, python, &["--threads", "2", "work:waits"]).expect_code(2);
    });
}
