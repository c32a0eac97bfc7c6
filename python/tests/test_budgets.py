"""Tests that fail because they take too long."""
import pytest

SUITE = """
    import pytest

    class Clock:
        now = 0.0
        def __call__(self):
            return Clock.now

    def take(seconds):
        Clock.now += seconds

    @pytest.mark.benchmark(timer=Clock(), max_time=0.01, min_time=0.001)
    @pytest.mark.pitstop({budget})
    def test_it(benchmark):
        benchmark.pedantic(take, args=(0.002,), rounds=5)
"""


@pytest.mark.parametrize("budget", [
    "median='2.1ms'", "max=0.0021", "mean='2100us', min='3 ms'", "ops=499", "stddev='1ns'", "compare_fail='mean:5%'"])
def test_within_its_budget_a_test_passes(pytester, budget):
    pytester.makepyfile(SUITE.format(budget=budget))
    pytester.runpytest("--strict-markers").assert_outcomes(passed=1)


@pytest.mark.parametrize("budget, message", [
    ("median='1ms'", "over budget: median 2 ms is more than 1 ms, by 100 %"),
    ("max=0.0005", "over budget: max 2 ms is more than 500 ?s, by 300 %"),
    ("ops=1000", "over budget: 500 operations a second are less than 1,000, by 50 %"),
])
def test_over_its_budget_a_test_fails_and_says_by_how_much(pytester, budget, message):
    pytester.makepyfile(SUITE.format(budget=budget))
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*" + message, "of 5 rounds of 1 iterations: min 2 ms*"])
    assert result.ret == 1


@pytest.mark.parametrize("budget, message", [
    ("medium='1ms'", "*does not know 'medium': it takes min, max*"),
    ("median='1 hour'", "*a text like '2ms', not '1 hour'*"),
    ("median=0", "*a number of seconds or a text like '2ms', not 0*"),
    ("compare_fail='mean:fast'", "*Could not parse value: 'mean:fast'*"),
])
def test_a_budget_that_cannot_be_understood_is_an_error(pytester, budget, message):
    pytester.makepyfile(SUITE.format(budget=budget))
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_a_class_s_budget_holds_for_its_tests_and_theirs_comes_first(pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.mark.pitstop(median="1ns")
        class TestAll:
            def test_bad(self, benchmark):
                benchmark.pedantic(sum, args=(range(100),), rounds=5)

            @pytest.mark.pitstop(median="10s")
            def test_good(self, benchmark):
                benchmark.pedantic(sum, args=(range(100),), rounds=5)
    """)
    pytester.runpytest().assert_outcomes(passed=1, failed=1)


def test_a_test_that_measures_nothing_keeps_its_budget(pytester):
    pytester.makepyfile(SUITE.format(budget="median='1ns'"))
    pytester.runpytest("--benchmark-disable").assert_outcomes(passed=1)


def test_growth_since_a_saved_run_is_one_test_s_failure(pytester):
    suite = SUITE.format(budget="compare_fail='mean:10%'")
    pytester.makepyfile(suite)
    pytester.runpytest("--benchmark-save=before").assert_outcomes(passed=1)
    pytester.makepyfile(suite.replace("0.002", "0.003"))
    result = pytester.runpytest("--benchmark-compare")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*over budget: slower than *0001_before.json: Field 'mean' has failed*50.0*> 10.0*"])
