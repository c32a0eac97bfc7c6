"""Tests that use the fixture `benchmark`: pytest-benchmark's way of writing benchmarks. CPython 3.8 to
3.15, pytest 7 and later.

pytest runs one test, with all of its fixtures. When the test calls `benchmark`, what it gives is
measured then and there until nobody asks any more, and the process ends; what would come after in
the test is not run. Whoever else provides a fixture of that name stands back.
"""

import importlib.util
import inspect
import sys

import _pitstop_worker as worker
import pytest

# Run nothing beside the test, write nothing.
ALWAYS = ["-q", "-p", "no:cacheprovider"]

# Options that keep a plugin which is there from standing between the test and the clock.
IF_THERE = [("xdist", "-n0"), ("pytest_cov", "--no-cov")]


def options():
    there = [option for name, option in IF_THERE if importlib.util.find_spec(name) is not None]
    return ALWAYS + there


class Benchmark:
    """The fixture."""

    enabled, disabled, stats, cprofile = True, False, None, None
    skipped = has_error = False

    @property
    def __class__(self):
        # pytest-benchmark refuses a fixture of this name that is not its own.
        theirs = sys.modules.get("pytest_benchmark.fixture")
        return getattr(theirs, "BenchmarkFixture", Benchmark)

    def __init__(self, channel, request):
        self._channel = channel
        self._request = request
        self.name = request.node.name
        self.fullname = request.node.nodeid
        self.group = self.param = self.params = None
        self.extra_info = {}

    def __call__(self, function, *args, **kwargs):
        return self._play(function, args, kwargs)

    def pedantic(self, target, args=(), kwargs=None, setup=None, teardown=None, rounds=1,
                 warmup_rounds=0, iterations=1):
        if setup is None and teardown is None:
            return self._play(target, tuple(args), kwargs or {})
        round_ = Round(target, tuple(args), kwargs or {}, setup, teardown)
        if worker.is_coroutine_function(target):
            raise TypeError("a coroutine function with `setup` is not measured here")
        worker.serve(self._channel, round_, fixed=1, before=round_.before)

    def weave(self, *args, **kwargs):
        self._channel.skip("`benchmark.weave` patches functions: measure it with pytest itself")

    patch = weave

    def _play(self, function, args, kwargs):
        is_awaited = worker.is_coroutine_function(function)
        if is_awaited and self._is_in_loop():
            return self._awaited(function, args, kwargs)
        worker.serve(self._channel, worker.repeated_call(function, args, kwargs))

    def _is_in_loop(self):
        # A plugin may have wrapped the test in a function that is no coroutine function.
        asyncio = sys.modules.get("asyncio")
        is_running = asyncio is not None and asyncio._get_running_loop() is not None
        return is_running or inspect.iscoroutinefunction(self._request.function)

    async def _awaited(self, function, args, kwargs):
        names = {}
        exec(compile(worker.AWAITED, "<pitstop>", "exec"), names)
        clocks = worker.time.perf_counter_ns, worker.time.thread_time_ns

        def call():
            return function(*args, **kwargs)

        talk = worker.conversation(self._channel)
        repeat = next(talk)
        while True:
            try:
                answer = await names["_awaited"](*clocks, call, repeat)
            except BaseException:
                self._channel.fail("statement")
            repeat = talk.send(answer)


class Round:
    """One call, with what comes before and after it."""

    def __init__(self, target, args, kwargs, setup, teardown):
        self.target, self.setup, self.teardown = target, setup, teardown
        self.args, self.kwargs = args, kwargs
        self.is_over = True

    def before(self):
        if not self.is_over and self.teardown is not None:
            self.teardown(*self.args, **self.kwargs)
        made = self.setup() if self.setup is not None else None
        if made is not None:
            self.args, self.kwargs = made
        self.is_over = False
        self.measured = worker.repeated_call(self.target, tuple(self.args), self.kwargs)

    def send(self, repeat):
        return self.measured.send(repeat)


class Plugin:
    """What pytest is told by us. With `wanted` only this test runs."""

    def __init__(self, channel, wanted=None):
        self.channel, self.wanted = channel, wanted
        self.reason = None

    def pytest_configure(self, config):
        config.addinivalue_line("markers", "benchmark: how to measure a test")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        if self.wanted is not None:
            items[:] = [item for item in items if item.nodeid == self.wanted]

    @pytest.fixture
    def benchmark(self, request):
        """Never made: `pytest_fixture_setup` comes before."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.argname != "benchmark":
            return None
        benchmark = Benchmark(self.channel, request)
        fixturedef.cached_result = (benchmark, fixturedef.cache_key(request), None)
        return benchmark

    def pytest_collectreport(self, report):
        if report.failed:
            self.take(report)
            if self.wanted is None:
                worker.passed_over(self.channel, report.nodeid or "pytest", self.reason[1])

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.take(report)
        elif report.skipped and self.reason is None:
            words = report.longrepr
            self.reason = "skip", str(words[2] if isinstance(words, tuple) else words)

    def take(self, report):
        if self.reason is None or self.reason[0] == "skip":
            self.reason = "error statement", str(report.longrepr)


def find(channel, words):
    plugin = Plugin(channel)

    class Finder:
        def pytest_collection_finish(self, session):
            for item in session.items:
                names = getattr(item, "fixturenames", ())
                if "benchmark" in names:
                    # Names of tests begin at the root, which pytest would choose by the file.
                    root = str(session.config.rootdir)
                    worker.found_one(channel, item.nodeid, (str(item.fspath), item.nodeid, root))
                elif "benchmark_weave" in names:
                    reason = "`benchmark_weave` patches functions: measure it with pytest itself"
                    worker.passed_over(channel, item.nodeid, reason)

    arguments = options() + ["--collect-only"] + words
    status = pytest.main(arguments, plugins=[plugin, Finder()])
    if status == pytest.ExitCode.USAGE_ERROR:
        channel.end("error import", "pytest refused: python -m pytest %s" % " ".join(words))


def play(channel, words):
    path, name, root = words
    plugin = Plugin(channel, name)
    pytest.main(options() + ["--rootdir", root, path], plugins=[plugin])
    if plugin.reason is None:
        channel.skip("the test ended without calling `benchmark`")
    channel.end(*plugin.reason)
