//! `pitstop bench` and `compare` of benchmarks that are written for pytest-benchmark, asv and pyperf.

use pitstop_e2e::{
    Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python, pytest,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// A benchmark's numbers by its name.
type Known = BTreeMap<String, Value>;

fn bench(workbench: &Workbench, python: &Python, arguments: &[&str]) -> Finished {
    let mut command = workbench.command(&["bench", "--time", "100ms", "--seed", "7", "--json"]);
    command.arg("--python").arg(&python.path).args(arguments);
    Finished::of(&mut command, b"")
}

fn known(finished: &Finished) -> Known {
    let document: Value = serde_json::from_slice(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{finished}"));
    assert_eq!(document["schema"], "pitstop/bench@1");
    let benchmarks = document["benchmarks"].as_array().expect("a list").iter();
    let named = benchmarks.map(|known| {
        (
            known["name"].as_str().unwrap_or("").to_owned(),
            known.clone(),
        )
    });
    named.collect()
}

fn number(known: &Value, name: &str) -> f64 {
    known[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name}: {known}"))
}

const ASV: &str = "\
import os
class Suite:
    params = ([10, 1000], ['a', 'b'])
    def setup_cache(self):
        with open('count', 'a') as file:
            file.write('x')
        return {'k': 5}
    def setup(self, cache, n, letter):
        if (n, letter) == (10, 'b'):
            raise NotImplementedError('not for this')
        assert open('count').read() == 'x' and cache == {'k': 5}
        self.x = list(range(n))
    def teardown(self, cache, n, letter):
        del self.x
    def time_sum(self, cache, n, letter):
        sum(self.x)
    def peakmem_list(self, cache, n, letter):
        return [0] * (n * 8000)
    def track_n(self, cache, n, letter):
        return n
    track_n.unit = 'items'
state = []
def fill():
    state.append(1)
def time_once():
    state.pop()
    assert not state
time_once.setup = fill
time_once.number = 1
def timeraw_import():
    return 'import json', 'x = 1'
async def time_async():
    pass
def helper():
    raise SystemExit
";

#[test]
fn files_of_asv_are_measured_by_their_own_rules_on_every_version() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write("benchmarks/__init__.py", "");
        workbench.write("benchmarks/speed.py", ASV);
        let finished = bench(&workbench, python, &["benchmarks"]).expect_code(0);
        let known = known(&finished);
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let expected = [
            "speed.Suite.peakmem_list(10, 'a')",
            "speed.Suite.peakmem_list(1000, 'a')",
            "speed.Suite.peakmem_list(1000, 'b')",
            "speed.Suite.time_sum(10, 'a')",
            "speed.Suite.time_sum(1000, 'a')",
            "speed.Suite.time_sum(1000, 'b')",
            "speed.Suite.track_n(10, 'a')",
            "speed.Suite.track_n(1000, 'a')",
            "speed.Suite.track_n(1000, 'b')",
            "speed.time_async",
            "speed.time_once",
            "speed.timeraw_import",
        ];
        assert_eq!(names, expected, "{finished}");
        let skipped = finished.stderr_text();
        assert!(
            skipped.contains("speed.Suite.time_sum(10, 'b'): not for this"),
            "{skipped}"
        );
        let track = &known["speed.Suite.track_n(1000, 'a')"];
        assert_eq!(
            (number(track, "median_ns"), &track["unit"]),
            (1000.0, &"items".into())
        );
        let memory = |name: &str| number(&known[name], "median_ns");
        let more = memory(expected[1]) - memory(expected[0]);
        // 8 million pointers, of 8 bytes each, against 80000.
        assert!((60e6..70e6).contains(&more), "{more}");
        assert_eq!(known[expected[0]]["unit"], "bytes");
        let sums = [expected[3], expected[4]].map(|name| number(&known[name], "min_ns"));
        assert!(sums[1] > 5.0 * sums[0], "{sums:?}");
        assert_eq!(
            known["speed.time_once"]["runs"][0]["batches"][0]["loops"],
            1
        );
        assert!(number(&known["speed.timeraw_import"], "min_ns") > 1e5);
    });
}

const PYPERF: &str = "\
import pyperf
import sys
def work(n):
    return sum(range(n))
def loops(count, n):
    start = pyperf.perf_counter()
    for _ in range(count):
        work(n)
    return pyperf.perf_counter() - start
async def later():
    pass
if __name__ == '__main__':
    runner = pyperf.Runner()
    runner.argparser.add_argument('size', nargs='?', type=int, default=100)
    args = runner.parse_args()
    runner.metadata['description'] = 'x'
    runner.bench_func('func', work, args.size)
    runner.bench_func('ten', lambda: [work(args.size) for _ in range(10)], inner_loops=10)
    runner.bench_time_func('time_func', loops, args.size)
    runner.bench_async_func('async', later)
    runner.timeit('timeit', 'y = work(x)', setup='x = 10', globals=globals())
    runner.bench_command('command', [sys.executable, '-c', 'pass'])
";

#[test]
fn a_script_of_pyperf_runs_without_pyperf_on_every_version() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.write("bm_work.py", PYPERF);
        let known = known(&bench(&workbench, python, &["bm_work.py", "1000"]).expect_code(0));
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["async", "command", "func", "ten", "time_func", "timeit"]
        );
        assert_eq!(known["command"]["subject"], "command");
        assert_eq!(known["func"]["subject"], "function");
        // What says that it does ten is divided by ten.
        let [one, ten] = ["func", "ten"].map(|name| number(&known[name], "min_ns"));
        assert!((0.3..3.0).contains(&(ten / one)), "{one} {ten}");
        let loops = known["ten"]["runs"][0]["batches"][0]["loops"].as_u64();
        assert!(loops.is_some_and(|loops| loops % 10 == 0), "{loops:?}");
        // The clock that it was given knows its CPU time.
        let cpu = known["time_func"]["runs"][0]["batches"][0]["cpu_ns"].as_f64();
        assert!(cpu.is_some_and(|ns| ns > 0.0), "{cpu:?}");
    });
}

#[test]
fn one_of_many_is_chosen_and_what_is_not_there_is_named() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.write("bm_work.py", PYPERF);
        workbench.write("speed/work.py", "def time_a(): pass\ndef time_b(): 1 / 0\n");
        let chosen = known(&bench(&workbench, python, &["bm_work.py::timeit"]).expect_code(0));
        assert_eq!(chosen.keys().collect::<Vec<_>>(), ["timeit"]);
        let chosen = known(&bench(&workbench, python, &["speed", "--only", "_a"]).expect_code(0));
        assert_eq!(chosen.keys().collect::<Vec<_>>(), ["work.time_a"]);
        // What fails does not take the others away, and the status says so.
        let finished = bench(&workbench, python, &["speed/work.py"]).expect_code(3);
        assert_eq!(known(&finished).len(), 1);
        let text = finished.stderr_text();
        assert!(
            text.contains("work.time_b") && text.contains("ZeroDivisionError"),
            "{text}"
        );
        let text = bench(&workbench, python, &["speed", "--only", "xyz"]).expect_code(3);
        assert!(
            text.stderr_text()
                .contains("there are work.time_a, work.time_b"),
            "{text}"
        );
        let text = bench(&workbench, python, &["bm_work.py", "--as", "script"]).expect_code(3);
        assert!(text.stderr_text().contains("pyperf"), "{text}");
        let text = bench(&workbench, python, &["nothing.py", "--as", "asv"]).expect_code(2);
        assert!(text.stderr_text().contains("does not exist"), "{text}");
    });
}

fn git(workbench: &Workbench, arguments: &[&str]) {
    let identity = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.c",
        "-c",
        "commit.gpgsign=false",
    ];
    let mut command = Command::new("git");
    command
        .current_dir(workbench.path())
        .args(identity)
        .args(arguments);
    Finished::of(&mut command, b"").expect_code(0);
}

#[test]
fn two_commits_are_compared_benchmark_by_benchmark() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let text = |count: u32| {
            format!(
                "def time_work(): sum(range({count}))\n\
                 def track_size(): return {count}\n\
                 def time_only_{count}(): pass\n"
            )
        };
        workbench.write("speed/work.py", &text(500));
        git(&workbench, &["init", "--quiet"]);
        git(&workbench, &["add", "speed"]);
        git(&workbench, &["commit", "--quiet", "-m", "first"]);
        workbench.write("speed/work.py", &text(1500));
        let mut command = workbench.command(&["compare", "--json", "--seed", "3", "--python"]);
        command.arg(&python.path).args(["HEAD", ".", "speed"]);
        let finished = Finished::of(&mut command, b"").expect_code(1);
        let document: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
        let comparisons = document["comparisons"].as_array().expect("a list");
        let words: Vec<[&str; 2]> = comparisons
            .iter()
            .map(|known| ["name", "verdict"].map(|key| known[key].as_str().unwrap_or("")))
            .collect();
        let expected = [["work.time_work", "slower"], ["work.track_size", "slower"]];
        assert_eq!(words, expected, "{finished}");
        let ratio = number(&comparisons[1], "ratio");
        assert!((ratio - 3.0).abs() < 1e-9, "{ratio}");
        assert_eq!(comparisons[1]["b"]["unit"], "unit");
        let alone = &document["unmatched"];
        assert_eq!(alone[0], "work.time_only_500", "{alone}");
        assert_eq!(alone[1], "work.time_only_1500", "{alone}");
    });
}

const TESTS: &str = "\
import asyncio, pytest
def work(n):
    return sum(range(n))
@pytest.fixture
def size(tmp_path):
    return 1000
@pytest.mark.parametrize('factor', [1, 9])
def test_work(benchmark, size, factor):
    assert benchmark(work, n=size * factor) == 0, 'what comes after is not looked at'
@pytest.mark.benchmark(group='x')
def test_pedantic(benchmark):
    benchmark.pedantic(lambda x: x.pop(), setup=lambda: (([1],), {}), rounds=5)
async def later():
    await asyncio.sleep(0)
def test_async(benchmark):
    benchmark(later)
def test_other():
    assert 0
@pytest.mark.skip(reason='not today')
def test_skipped(benchmark):
    pass
";

#[test]
fn tests_with_the_fixture_are_measured_in_many_processes() {
    on_oldest_and_newest_python(|python| {
        let Some(path) = pytest(python) else { return };
        let workbench = Workbench::new();
        workbench.write("tests/test_speed.py", TESTS);
        let run = |arguments: &[&str]| {
            let mut command = workbench.command(&["bench", "--time", "100ms", "--json"]);
            command.arg("--python").arg(&python.path).args(arguments);
            Finished::of(command.env("PYTHONPATH", &path), b"")
        };
        let finished = run(&["tests"]).expect_code(0);
        let known = known(&finished);
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let short = |name: &str| name.rsplit("::").next().unwrap_or("").to_owned();
        let names: Vec<String> = names.into_iter().map(short).collect();
        let expected = [
            "test_async",
            "test_pedantic",
            "test_work[1]",
            "test_work[9]",
        ];
        assert_eq!(names, expected, "{finished}");
        let text = finished.stderr_text();
        assert!(text.contains("test_skipped: Skipped: not today"), "{text}");
        let values: Vec<&Value> = known.values().collect();
        assert_eq!(values[1]["runs"][0]["batches"][0]["loops"], 1);
        assert!(values.iter().all(|known| known["structure"] == "processes"));
        assert!(number(values[3], "min_ns") > 4.0 * number(values[2], "min_ns"));
        let one = run(&["tests/test_speed.py::test_async"]).expect_code(0);
        assert_eq!(self::known(&one).len(), 1);
        workbench.write(
            "tests/test_speed.py",
            "def test_x(benchmark): assert 0, 'broken'\n",
        );
        let text = run(&["tests"]).expect_code(3).stderr_text();
        assert!(text.contains("broken"), "{text}");
        workbench.write("tests/test_speed.py", "import no_such_module\n");
        let text = run(&["tests"]).expect_code(3).stderr_text();
        assert!(text.contains("no_such_module"), "{text}");
    });
}
