"""Which tests run, and which plugin measures."""
import sys

SUITE = """
    def test_plain():
        pass

    def test_bench(benchmark):
        benchmark(int)
"""
QUICK = "--benchmark-max-time=0.002"


def test_only_and_skip(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest(QUICK, "--benchmark-only").assert_outcomes(passed=1, skipped=1)
    pytester.runpytest(QUICK, "--benchmark-skip").assert_outcomes(passed=1, skipped=1)
    pytester.runpytest(QUICK, "--benchmark-skip", "--benchmark-only").assert_outcomes(passed=1, skipped=1)


def test_other_plugins_find_it_under_the_name_they_know(pytester):
    pytester.makeconftest("""
        def pytest_configure(config):
            assert config.pluginmanager.hasplugin("benchmark")
            assert config.getoption("benchmark_min_rounds") == 5
    """)
    pytester.makepyfile(SUITE)
    pytester.runpytest(QUICK).assert_outcomes(passed=2)


def test_a_suite_may_name_the_other_plugin_as_its_own(pytester):
    pytester.makeconftest("pytest_plugins = ['pytest_benchmark.plugin']")
    pytester.makepyfile(SUITE)
    pytester.runpytest_subprocess(QUICK).assert_outcomes(passed=2)


def test_switched_off_by_the_other_s_name(pytester):
    pytester.makepyfile(SUITE)
    pytester.runpytest_subprocess("-p", "no:benchmark").assert_outcomes(passed=1, errors=1)
    result = pytester.runpytest_subprocess("-p", "no:benchmark", "--pitstop")
    assert result.ret != 0
    result.stderr.fnmatch_lines(["*say one of the two*"])


def test_importing_the_package_does_not_need_pytest(pytester):
    code = "import sys, pitstop; sys.exit('pytest' in sys.modules)"
    assert pytester.run(sys.executable, "-c", code).ret == 0
