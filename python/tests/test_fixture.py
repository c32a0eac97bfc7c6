"""What a test may do with `benchmark`."""
import json

QUICK = "--benchmark-max-time=0.002"


def test_a_call_returns_what_the_function_returns(pytester):
    pytester.makepyfile("""
        def test_it(benchmark):
            assert benchmark(divmod, 7, 2) == (3, 1)
            assert benchmark.stats["rounds"] >= 5
            assert benchmark.stats.stats.min > 0
    """)
    result = pytester.runpytest(QUICK)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*benchmark: 1 tests*", "Name (time in ns)*", "test_it *", "Legend:"])


def test_an_annotation_with_the_other_package_s_class_is_found(pytester):
    pytester.makepyfile("""
        from pytest_benchmark.fixture import BenchmarkFixture

        def test_it(benchmark: BenchmarkFixture):
            assert isinstance(benchmark, BenchmarkFixture)
            benchmark(int)
    """)
    pytester.runpytest(QUICK).assert_outcomes(passed=1)


def test_options_of_the_marker_win_over_those_of_the_command_line(pytester):
    pytester.makepyfile("""
        import time, pytest

        @pytest.mark.benchmark(min_rounds=9, timer=time.process_time, max_time=0, min_time=0.00001, group="g")
        def test_it(benchmark):
            benchmark(sum, range(100))
            assert benchmark.group == "g"
            assert benchmark.stats.stats.rounds == 9
            assert benchmark.stats.options["timer"] is time.process_time
    """)
    pytester.runpytest(QUICK, "--benchmark-min-rounds=3").assert_outcomes(passed=1)


def test_an_unknown_option_of_the_marker_is_named(pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.mark.benchmark(max_tim=1)
        def test_it(benchmark):
            benchmark(int)
    """)
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*benchmark mark can't have 'max_tim': it takes*max_time*"])


def test_iterations_are_enough_for_the_time_of_a_round(pytester):
    pytester.makepyfile("""
        import pytest

        class Clock:
            now = 0.0
            def __call__(self):
                Clock.now += 1e-9
                return Clock.now

        def work():
            Clock.now += 1e-6

        @pytest.mark.benchmark(timer=Clock(), min_time=0.0001, max_time=0.001, min_rounds=5)
        def test_it(benchmark):
            benchmark(work)
            stats = benchmark.stats
            assert stats.iterations >= 100
            assert abs(stats.stats.median - 1e-6) < 2e-8
    """)
    pytester.runpytest().assert_outcomes(passed=1)


def test_the_collector_rests_in_rounds_only_and_is_given_back(pytester):
    pytester.makepyfile("""
        import gc, pytest

        @pytest.mark.benchmark(disable_gc=True)
        def test_it(benchmark):
            seen = set()
            benchmark.pedantic(lambda: seen.add(gc.isenabled()), rounds=3, iterations=2, setup=None)
            assert False in seen
            assert gc.isenabled()
    """)
    pytester.runpytest().assert_outcomes(passed=1)


def test_the_tracer_looks_away_and_is_given_back(pytester):
    pytester.makepyfile("""
        import sys

        def test_it(benchmark):
            def tracer(*_):
                return None
            before = sys.gettrace()
            sys.settrace(tracer)
            seen = []
            try:
                benchmark.pedantic(lambda: seen.append(sys.gettrace()), rounds=2)
                after = sys.gettrace()
            finally:
                sys.settrace(before)
            assert seen == [None, None] and after is tracer
    """)
    pytester.runpytest().assert_outcomes(passed=1)


def test_setup_gives_each_round_its_arguments(pytester):
    pytester.makepyfile("""
        def test_it(benchmark):
            made, seen = iter(range(9)), []

            def setup():
                return (next(made),), {}

            def work(number):
                seen.append(number)
                return number

            assert benchmark.pedantic(work, setup=setup, rounds=3, warmup_rounds=1) == 3
            assert seen == [0, 1, 2, 3]
            assert benchmark.stats.stats.rounds == 3
    """)
    pytester.runpytest().assert_outcomes(passed=1)


def test_a_failing_function_is_in_no_table_and_no_file(pytester):
    pytester.makepyfile("""
        def test_bad(benchmark):
            benchmark.pedantic(lambda: 1 / 0, rounds=3)

        def test_good(benchmark):
            benchmark(int)
    """)
    result = pytester.runpytest(QUICK, "--benchmark-json=it.json")
    result.assert_outcomes(passed=1, failed=1)
    saved = json.loads((pytester.path / "it.json").read_text())
    assert [benchmark["name"] for benchmark in saved["benchmarks"]] == ["test_good"]


def test_our_own_frames_are_not_in_the_traceback(pytester):
    pytester.makepyfile("""
        def bad():
            raise RuntimeError("mine")

        def test_it(benchmark):
            benchmark(bad)
    """)
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["E       RuntimeError: mine"])
    result.stdout.no_fnmatch_line("*plans.py*")


def test_a_fixture_that_is_not_used_is_warned_of(pytester):
    pytester.makepyfile("def test_it(benchmark): pass")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*PytestBenchmarkWarning: Benchmark fixture was not used at all in this test!*"])


def test_disabled_runs_once_and_shows_nothing(pytester):
    pytester.makepyfile("""
        def test_it(benchmark):
            calls = []
            benchmark(calls.append, 1)
            assert calls == [1] and benchmark.disabled and benchmark.stats is None
    """)
    result = pytester.runpytest("--benchmark-disable")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*Legend*")


def test_precision_stops_before_the_time_is_up(pytester):
    pytester.makepyfile("""
        import itertools, pytest

        class Clock:
            now = 0.0
            def __call__(self):
                return Clock.now

        def work():
            Clock.now += 1.0

        @pytest.mark.benchmark(timer=Clock(), min_time=1, max_time=1000, precision=0.05, min_rounds=4)
        def test_it(benchmark):
            benchmark._target = lambda: 1.0
            benchmark(work)
            assert benchmark.stats.stats.rounds == 4
    """)
    pytester.runpytest().assert_outcomes(passed=1)


def test_hooks_change_what_is_saved_and_shown(pytester):
    pytester.makeconftest("""
        def pytest_benchmark_update_json(config, benchmarks, output_json):
            output_json["mine"] = len(benchmarks)
        def pytest_benchmark_update_commit_info(config, commit_info):
            commit_info["ticket"] = 7
        def pytest_benchmark_generate_machine_info(config):
            return {"mine": True}
        def pytest_benchmark_scale_unit(config, unit, benchmarks, best, worst, sort):
            return ("hours ", 1 / 3600) if unit == "seconds" else ("K", 0.001)
        def pytest_benchmark_group_stats(config, benchmarks, group_by):
            return [("mine", benchmarks)]
    """)
    pytester.makepyfile("def test_it(benchmark): benchmark(int)")
    result = pytester.runpytest(QUICK, "--benchmark-json=it.json")
    result.stdout.fnmatch_lines(["*benchmark 'mine': 1 tests*", "Name (time in hours s)*OPS (Kops/s)*"])
    saved = json.loads((pytester.path / "it.json").read_text())
    assert (saved["mine"], saved["commit_info"]["ticket"], saved["machine_info"]) == (1, 7, {"mine": True})
