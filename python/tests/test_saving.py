"""Saved runs: where they are, what is in them, and failing because of them."""
import json

import pytest

SUITE = """
    class Clock:
        now = 0.0
        def __call__(self):
            return Clock.now

    def take(seconds):
        Clock.now += seconds

    import pytest

    @pytest.mark.benchmark(timer=Clock())
    @pytest.mark.parametrize("n", [1, 2])
    def test_it(benchmark, n):
        benchmark.extra_info["colour"] = "red"
        benchmark.pedantic(take, args=(0.001 * n,), rounds=4)
"""


def saved(pytester):
    return sorted(pytester.path.glob(".benchmarks/*/*.json"))


def test_runs_are_numbered_and_compared_with(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest("--benchmark-save=first")
    pytester.runpytest("--benchmark-autosave")
    names = [path.name for path in saved(pytester)]
    assert names[0] == "0001_first.json" and names[1].startswith("0002_unversioned_2")
    result = pytester.runpytest("--benchmark-compare=0001")
    result.stderr.fnmatch_lines(["Comparing against benchmarks from: *0001_first.json"])
    result.stdout.fnmatch_lines(["*benchmark: 4 tests*"])
    result.stdout.fnmatch_lines_random(["test_it?1? (0001_first) *", "test_it?1? (NOW) *"])


def test_a_document_has_what_its_readers_look_for(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest("--benchmark-json=deep/it.json")
    document = json.loads((pytester.path / "deep/it.json").read_text())
    assert set(document) == {"machine_info", "commit_info", "benchmarks", "datetime", "version"}
    benchmark = document["benchmarks"][0]
    assert (benchmark["name"], benchmark["param"], benchmark["params"]) == ("test_it[1]", "1", {"n": 1})
    assert benchmark["fullname"].endswith("test_a_document_has_what_its_readers_look_for.py::test_it[1]")
    assert benchmark["extra_info"] == {"colour": "red"}
    stats = benchmark["stats"]
    assert len(stats["data"]) == stats["rounds"] == 4 and stats["iterations"] == 1
    assert stats["mean"] == pytest.approx(0.001) and stats["ops"] == pytest.approx(1000)
    assert document["machine_info"]["python_implementation"] == "CPython"


def test_rounds_are_saved_only_when_asked_for(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest("--benchmark-save=a")
    pytester.runpytest("--benchmark-save=b", "--benchmark-save-data")
    without, data = [json.loads(path.read_text())["benchmarks"][0]["stats"] for path in saved(pytester)]
    assert "data" not in without and len(data["data"]) == 4


@pytest.mark.parametrize("limit, code", [("mean:40%", 1), ("mean:60%", 0), ("max:0.0001", 1), ("mean:60.5%", 0)])
def test_growth_over_the_limit_fails_the_run(pytester, limit, code):
    pytester.makepyfile(SUITE)
    pytester.runpytest("--benchmark-save=first")
    pytester.makepyfile(SUITE.replace("0.001 * n", "0.0015 * n"))
    result = pytester.runpytest("--benchmark-compare", "--benchmark-compare-fail=" + limit)
    assert result.ret == code
    result.assert_outcomes(passed=2)
    if code:
        result.stderr.fnmatch_lines(["Performance has regressed:", "*test_it?1? (0001_first) - Field *"])


def test_a_limit_without_anything_to_compare_is_an_error(pytester):
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("--benchmark-compare-fail=mean:5%")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--benchmark-compare-fail requires valid --benchmark-compare.*"])


def test_storage_is_where_it_was_asked_for(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest("--benchmark-save=a", "--benchmark-storage=file://kept/here")
    assert len(list(pytester.path.glob("kept/here/*/0001_a.json"))) == 1
    result = pytester.runpytest("--benchmark-storage=elasticsearch+http://localhost:1")
    assert result.ret != 0
    result.stderr.fnmatch_lines(["*saves to directories only*"])


def test_a_broken_saved_run_is_passed_over_and_named(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest("--benchmark-save=a")
    saved(pytester)[0].write_text("{")
    result = pytester.runpytest_subprocess("--benchmark-compare")
    result.assert_outcomes(passed=2)
    result.stderr.fnmatch_lines(["*PytestBenchmarkWarning: Failed to load *0001_a.json*"])


def test_nothing_is_written_over_when_nothing_ran(pytester):
    pytester.makepyfile("def test_it(): pass")
    (pytester.path / "it.json").write_text("before")
    pytester.runpytest("--benchmark-json=it.json")
    assert (pytester.path / "it.json").read_text() == "before"


def test_profiles_are_dumped(pytester):
    import pstats
    pytester.makepyfile("def test_it(benchmark): benchmark.pedantic(sorted, args=([3, 1],), rounds=2)")
    result = pytester.runpytest("--benchmark-cprofile=tottime", "--benchmark-cprofile-dump=deep/p")
    result.stdout.fnmatch_lines(["*cProfile (time in s)*", "*test_it", "*<built-in method builtins.sorted>*"])
    assert pstats.Stats(str(pytester.path / "deep/p-test_it.prof")).total_calls >= 1


def test_the_histogram_is_xml_with_a_box_a_benchmark(pytester):
    import xml.etree.ElementTree as ElementTree
    pytester.makepyfile(SUITE)
    pytester.runpytest("--benchmark-histogram=pictures/h", "--benchmark-group-by=func")
    root = ElementTree.parse(str(pytester.path / "pictures/h-test_it.svg")).getroot()
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 2 and titles[0].startswith("test_it[1]: min 1.0000")
