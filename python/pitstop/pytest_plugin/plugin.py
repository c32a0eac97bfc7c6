"""What pytest calls while this plugin is the one that measures. `__init__` decides whether it is."""
import json
import os
from datetime import datetime, timezone

import pytest

from . import budgets, grouping, hooks, scale
from .commit import get_commit_info
from .fixture import BenchmarkFixture
from .machine import machine_info
from .regressions import PerformanceRegression
from .session import BenchmarkSession
from .values import NameWrapper

# The version of pytest-benchmark whose documents, options and hooks these are.
__version__ = "5.3.1"

FIXTURES = ("benchmark", "benchmark_weave")


def pytest_addhooks(pluginmanager):
    """The hooks, unless pytest-benchmark has brought them already."""
    if getattr(pluginmanager.hook, "pytest_benchmark_scale_unit", None) is None:
        pluginmanager.add_hookspecs(hooks)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """The session, and what markers mean."""
    config.addinivalue_line(
        "markers",
        "benchmark(group=None, min_time=None, max_time=None, min_rounds=None, precision=None, timer=None, "
        "disable_gc=None, warmup=None, ...): options of one benchmark, named as those of the command line.")
    config._benchmarksession = BenchmarkSession(config)


def pytest_report_header(config):
    """The options that all tests begin with."""
    options = config._benchmarksession.options
    shown = ("timer", "disable_gc", "min_rounds", "min_time", "max_time", "calibration_precision", "warmup",
             "warmup_iterations")
    return "benchmark: pitstop (defaults: {})".format(" ".join("{}={}".format(key, options[key]) for key in shown))


def pytest_sessionstart(session):
    """What is compared with must be there before a test breaks its budget by it."""
    benchmarks = session.config._benchmarksession
    if not benchmarks.is_worker:
        benchmarks.handle_loading()


def _is_benchmark(item):
    return any(name in getattr(item, "fixturenames", ()) for name in FIXTURES)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """A worker of xdist tells its controller whether there was anything to measure."""
    if hasattr(config, "workeroutput"):
        config.workeroutput["pitstop_benchmarks"] = any(map(_is_benchmark, items))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """A worker has ended: the user is told once that nothing was measured."""
    benchmarks = node.config._benchmarksession
    found = getattr(node, "workeroutput", None) or {}
    if benchmarks.is_disabled_by_xdist and found.get("pitstop_benchmarks"):
        benchmarks.warn_of_xdist()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skips before any fixture is made."""
    benchmarks = item.config._benchmarksession
    if _is_benchmark(item):
        if benchmarks.skip:
            pytest.skip("Skipping benchmark (--benchmark-skip active).")
    elif benchmarks.only:
        pytest.skip("Skipping non-benchmark (--benchmark-only active).")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that passes may still have broken its budget, or forgotten to await."""
    outcome = yield
    fixture = getattr(item, "_pitstop_fixture", None)
    if fixture is None:
        return
    if outcome.excinfo is not None:
        return
    try:
        problem = fixture._unfinished() or budgets.broken(item, fixture, item.config._benchmarksession)
        if problem:
            pytest.fail(problem, pytrace=False)
    except BaseException as error:
        outcome.force_exception(error)


def pytest_runtest_makereport(item, call):
    """A test that was skipped or failed need not have measured anything."""
    fixture = getattr(item, "_pitstop_fixture", None)
    if fixture is not None and call.excinfo is not None:
        fixture.skipped = True


@pytest.fixture
def benchmark(request):
    """Runs a function many times and keeps how long that takes: `result = benchmark(function, *args, **kwargs)`."""
    session = request.config._benchmarksession
    if session.skip:
        pytest.skip("Benchmarks are skipped (--benchmark-skip was used).")
    node = request.node
    options = session.fixture_options(node.get_closest_marker("benchmark"))
    budgets.budget_of(node)
    if callable(options["timer"]) and not isinstance(options["timer"], NameWrapper):
        options["timer"] = NameWrapper(options["timer"])
    fixture = BenchmarkFixture(
        node, add_stats=session.benchmarks.append, logger=session.logger, warner=node.warn, disabled=session.disabled,
        **options)
    node._pitstop_fixture = fixture
    request.addfinalizer(fixture._cleanup)
    return fixture


@pytest.fixture
def benchmark_weave(benchmark):
    """Measures a function whenever something else calls it, by patching it."""
    return benchmark.weave


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Saves before anything is shown, so that a broken limit loses nothing."""
    benchmarks = session.config._benchmarksession
    benchmarks.pytest_session = session
    if not benchmarks.is_worker and not session.config.getoption("collectonly", False) and exitstatus != 2:
        benchmarks.handle_saving()


def pytest_terminal_summary(terminalreporter):
    """Tables; and if a limit is broken, pytest fails although its tests did not."""
    benchmarks = terminalreporter.config._benchmarksession
    benchmarks.finish()
    session = getattr(benchmarks, "pytest_session", None)
    try:
        benchmarks.display(terminalreporter)
    except PerformanceRegression:
        if session is not None and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    except pytest.UsageError as error:
        benchmarks.logger.error("ERROR: {}".format(error))
        if session is not None and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR


# Our own answers to the hooks: last, so that anybody else's come first.

@pytest.hookimpl(trylast=True)
def pytest_benchmark_scale_unit(config, unit, benchmarks, best, worst, sort):
    return scale.unit_for(config, unit, best, worst, sort)


@pytest.hookimpl(trylast=True)
def pytest_benchmark_group_stats(config, benchmarks, group_by):
    return grouping.grouped(benchmarks, group_by)


@pytest.hookimpl(trylast=True)
def pytest_benchmark_generate_machine_info():
    return machine_info()


@pytest.hookimpl(trylast=True)
def pytest_benchmark_generate_commit_info(config):
    return get_commit_info()


@pytest.hookimpl(trylast=True)
def pytest_benchmark_generate_json(config, benchmarks, include_data, machine_info, commit_info):
    column = config.getoption("benchmark_cprofile", None)
    return {
        "machine_info": machine_info,
        "commit_info": commit_info,
        "benchmarks": [
            benchmark.as_dict(include_data=include_data, cprofile=column)
            for benchmark in benchmarks if not benchmark.has_error
        ],
        "datetime": datetime.now(timezone.utc).isoformat(),
        "version": __version__,
    }


def _compared_text(info):
    return json.dumps(info, sort_keys=True, default=str)


def _is_alike(before, now):
    """True for one machine. Of the CPU its kind counts: what else is said of it depends on who asked, and when."""
    def kind(info):
        cpu = info.get("cpu")
        if not isinstance(cpu, dict):
            return info
        return dict(info, cpu=[cpu.get(key) for key in ("vendor_id_raw", "brand_raw", "count")])
    return kind(before) == kind(now)


@pytest.hookimpl(trylast=True)
def pytest_benchmark_compare_machine_info(config, benchmarksession, machine_info, compared_benchmark):
    before = compared_benchmark["machine_info"]
    if not _is_alike(before, machine_info):
        benchmarksession.logger.warning(
            "Benchmark machine_info is different. Current: {} VS saved: {} (location: {}).".format(
                _compared_text(machine_info), _compared_text(before),
                benchmarksession.storage.location.replace(os.sep, "/")))
