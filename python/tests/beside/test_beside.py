"""With pytest-benchmark installed too: it measures, unless `--pitstop` is said."""
import json

SUITE = """
    import pytest

    @pytest.mark.pitstop(median="1ns")
    @pytest.mark.benchmark(min_rounds=6)
    def test_it(benchmark):
        print("measured by", type(benchmark).__module__)
        benchmark(sum, range(100))
"""
QUICK = "--benchmark-max-time=0.002"
ALL = (
    "--benchmark-min-time=0.00001", "--benchmark-min-rounds=3", "--benchmark-timer=time.perf_counter",
    "--benchmark-calibration-precision=5", "--benchmark-warmup=on", "--benchmark-warmup-iterations=100",
    "--benchmark-disable-gc", "--benchmark-save=a", "--benchmark-save-data", "--benchmark-json=it.json",
    "--benchmark-cprofile=tottime", "--benchmark-cprofile-loops=auto", "--benchmark-cprofile-top=3",
    "--benchmark-cprofile-dump=p", "--benchmark-storage=kept", "--benchmark-verbose", "--benchmark-sort=mean",
    "--benchmark-group-by=func", "--benchmark-columns=min,ops", "--benchmark-name=short", "--benchmark-time-unit=us",
    "--benchmark-precision=0.1", "--benchmark-confidence=0.9", "--benchmark-only",
)


def test_it_steps_aside(pytester):
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess(QUICK, "-s", "--strict-markers")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*measured by pytest_benchmark.fixture", "test_it *"])


def test_it_takes_over_when_asked(pytester):
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess(QUICK, "-s", "--strict-markers", "--pitstop")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*measured by pitstop.pytest_plugin.fixture", "over budget: *", "*kept*pytest.json*"])


def test_all_options_are_understood_by_both(pytester):
    pytester.makepyfile(SUITE.replace("1ns", "1s"))
    # pytest-benchmark draws with a package that is not installed here.
    for more in ([], ["--pitstop", "--benchmark-histogram=h"]):
        result = pytester.runpytest_subprocess(QUICK, *ALL, *more)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["Name (time in us)*Min*OPS*", "it *"])
        document = json.loads((pytester.path / "it.json").read_text())
        assert len(document["benchmarks"][0]["stats"]["data"]) >= 6
        assert len(list(pytester.path.glob("p*.prof"))) >= 1
        assert (pytester.path / "h-test_it.svg").is_file() == bool(more)
    assert len(list(pytester.path.glob("kept/*/000[12]_a.json"))) == 2


def test_each_reads_what_the_other_saved(pytester):
    pytester.makepyfile(SUITE.replace("1ns", "1s"))
    pytester.runpytest_subprocess(QUICK, "--benchmark-save=theirs")
    result = pytester.runpytest_subprocess(
        QUICK, "--pitstop", "--benchmark-compare", "--benchmark-compare-fail=min:100000%", "--benchmark-save=ours")
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    result.stderr.fnmatch_lines(["Comparing against benchmarks from: *0001_theirs.json"])
    result = pytester.runpytest_subprocess(QUICK, "--benchmark-compare=0002")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*benchmark: 2 tests*"])
    result.stderr.fnmatch_lines(["Comparing against benchmarks from: *0002_ours.json"])


def test_switched_off_by_name_it_does_not_come_back_through_ours(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest_subprocess("-p", "no:benchmark").assert_outcomes(errors=1)


def test_without_autoload_the_one_that_was_named_measures(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(SUITE.replace("1ns", "1s"))
    result = pytester.runpytest_subprocess("-p", "pitstop.pytest_plugin", QUICK, "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*measured by pitstop.pytest_plugin.fixture"])
