"""`--pitstop`: what is kept for `pitstop compare`."""
import json

from pitstop.pytest_plugin.trials import batches_of

SUITE = "def test_it(benchmark): benchmark.pedantic(sum, args=(range(5000),), rounds=200, iterations=3)"


def kept(pytester, name="pytest"):
    return json.loads((pytester.path / ".pitstop" / (name + ".json")).read_text())


def test_rounds_are_kept_as_batches_of_one_process(pytester):
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("--pitstop")
    result.stdout.fnmatch_lines(["*kept*pytest.json: 1 process of 1 benchmark", "*next*pitstop compare OTHER pytest"])
    document = kept(pytester)
    benchmark = document["benchmarks"][0]
    assert (document["schema"], benchmark["structure"]) == ("pitstop/bench@1", "one_process")
    batches = benchmark["runs"][0]["batches"]
    assert batches and all(batch["loops"] % 3 == 0 and batch["wall_ns"] > 0 for batch in batches)


def test_appending_adds_a_process(pytester):
    pytester.makepyfile(SUITE)
    for _ in range(3):
        result = pytester.runpytest("--pitstop-append", "--pitstop-save=base")
    result.stdout.fnmatch_lines(["*kept*base.json: 3 processes of 1 benchmark"])
    benchmark = kept(pytester, "base")["benchmarks"][0]
    assert benchmark["structure"] == "processes"
    assert [run["pair"] for run in benchmark["runs"]] == [0, 1, 2]


def test_without_append_the_last_run_replaces(pytester):
    pytester.makepyfile(SUITE)
    for _ in range(2):
        pytester.runpytest("--pitstop")
    assert len(kept(pytester)["benchmarks"][0]["runs"]) == 1


def test_batches_keep_the_time_and_leave_out_what_is_too_short():
    batches = batches_of([0.0004] * 8, 1)
    assert [batch["loops"] for batch in batches] == [3, 3]
    assert abs(sum(batch["wall_ns"] for batch in batches) - 2.4e6) < 1
    assert [batch["loops"] for batch in batches_of([1e-7], 10)] == [10]
    assert batches_of([], 1) == []


def test_nothing_is_kept_unless_asked_for(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest()
    assert not (pytester.path / ".pitstop").exists()
