"""The `benchmark` fixture: what a test calls."""
import cProfile
import inspect
import pstats
from pathlib import Path

from . import rounds
from .awaiting import Awaited, is_coroutine_function, run_here
from .noise import Noise
from .plans import Automatic, Exact
from .precision import Precision
from .stats import Metadata


class FixtureAlreadyUsed(Exception):
    """A test has one benchmark."""


class BenchmarkFixture:
    """Runs a function many times and keeps how long each round took.

        def test_it(benchmark):
            result = benchmark(function, argument, keyword=1)

        async def test_it(benchmark):
            result = await benchmark(coroutine_function, argument)
    """

    def __init__(
        self, node, disable_gc, timer, min_rounds, min_time, max_time, warmup, warmup_iterations,
        calibration_precision, add_stats, logger, warner, disabled, cprofile, cprofile_loops=1, cprofile_dump=None,
        group=None, precision=None, confidence=None,
    ):
        self.name = node.name
        self.fullname = node.nodeid
        self.group = group
        callspec = getattr(node, "callspec", None)
        self.param = callspec.id if callspec else None
        self.params = callspec.params if callspec else None
        self.extra_info = {}
        self.stats = None
        self.disabled = disabled
        self.skipped = False
        self.has_error = False
        self.cprofile = cprofile
        self.cprofile_loops = cprofile_loops
        self.cprofile_dump = cprofile_dump
        self.cprofile_stats = None
        self.noise = None

        self._node = node
        self._mode = None
        self._disable_gc = disable_gc
        self._timer = getattr(timer, "target", timer)
        self._min_rounds = min_rounds
        self._min_time = float(min_time)
        self._max_time = float(max_time)
        self._warmup = warmup_iterations if warmup else 0
        self._calibration_precision = calibration_precision
        self._precision = precision
        self._confidence = confidence
        self._add_stats = add_stats
        self._logger = logger
        self._warner = warner
        self._cleanup_callbacks = []
        self._awaited = None

    @property
    def enabled(self):
        """True if it measures; otherwise functions run once."""
        return not self.disabled

    def __call__(self, function_to_benchmark, *args, **kwargs):
        """Measures as many rounds as fit the options. Returns what the function returns."""
        __tracebackhide__ = True
        self._use("benchmark(...)")
        plan = Automatic(self, function_to_benchmark, args, kwargs)
        return self._begin(plan, function_to_benchmark)

    def pedantic(
        self, target, args=(), kwargs=None, setup=None, teardown=None, rounds=1, warmup_rounds=0, iterations=1,
    ):
        """Measures exactly so many rounds. `setup` runs before each round and may return `(args, kwargs)`;
        `teardown` runs after each with what the target was called with.
        """
        __tracebackhide__ = True
        self._use("benchmark.pedantic(...)")
        for name, value, least in (("iterations", iterations, 1), ("rounds", rounds, 1),
                                   ("warmup_rounds", warmup_rounds, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError("{} must be a whole number of at least {}, not {!r}".format(name, least, value))
        if setup and iterations != 1:
            raise ValueError(
                "with `setup`, iterations must be 1: it runs before each round, so the iterations of one round "
                "would share what it made")
        plan = Exact(self, target, args, kwargs or {}, setup, teardown, rounds, warmup_rounds, iterations)
        return self._begin(plan, target)

    def weave(self, target, **options):
        """Measures `target` whenever something else calls it, by patching it (needs the package aspectlib)."""
        try:
            import aspectlib
        except ImportError as error:
            raise ImportError("benchmark.weave patches with aspectlib: pip install aspectlib") from error

        def measured(function):
            def call(*arguments, **keywords):
                return self(function, *arguments, **keywords)
            return call

        self._cleanup_callbacks.append(aspectlib.weave(target, measured, **options).rollback)

    patch = weave

    # What both ways share.

    def _use(self, mode):
        __tracebackhide__ = True
        if self._mode:
            # It has measured nothing wrong yet, but which of the two would be shown?
            self.has_error = True
            raise FixtureAlreadyUsed(
                "Fixture can only be used once. Previously it was used in {} mode.".format(self._mode))
        self._mode = mode

    def _begin(self, plan, function):
        """Carries a plan out: now, or when the test awaits it."""
        __tracebackhide__ = True
        if not is_coroutine_function(function):
            return self._guard(plan.run)
        if inspect.iscoroutinefunction(getattr(self._node, "obj", None)):
            self._awaited = Awaited(self._guard_awaited(plan))
            return self._awaited
        return run_here(self._guard_awaited(plan))

    def _guard(self, run):
        __tracebackhide__ = True
        self.has_error = True
        result = run()
        self.has_error = False
        return result

    async def _guard_awaited(self, plan):
        __tracebackhide__ = True
        self.has_error = True
        result = await plan.run_awaited()
        self.has_error = False
        return result

    def _make_stats(self, iterations):
        stats = Metadata(self, iterations, {
            "disable_gc": self._disable_gc,
            "timer": self._timer,
            "min_rounds": self._min_rounds,
            "max_time": self._max_time,
            "min_time": self._min_time,
            "precision": self._precision,
            "confidence": self._confidence if self._precision else None,
            "warmup": bool(self._warmup),
        })
        self._add_stats(stats)
        self.stats = stats
        return stats

    def _target(self):
        """Seconds that a round should take, and the clock's step."""
        step = rounds.RESOLUTION.of(self._timer, self._logger)
        target = max(self._min_time, step * self._calibration_precision)
        if self._logger is not None:
            self._logger.debug("")
            self._logger.debug(
                "  Calibrating to target round {}; will estimate when reaching {} (using: {}, precision: {}).".format(
                    rounds.short(target), rounds.short(target / 2), rounds.name_of(self._timer), rounds.short(step)))
        return target

    def _run_until_precise(self, runner, loops_range, stats, max_rounds):
        """Runs rounds until the mean is precise enough, at most `max_rounds`."""
        __tracebackhide__ = True
        rule = Precision(self._precision, self._confidence or 0.99, self._min_rounds)
        for _ in range(max_rounds):
            duration = runner(loops_range)
            stats.update(duration)
            if rule.enough(duration):
                break

    def _start_noise(self):
        self.noise = Noise()

    def _log(self, text):
        if self._logger is not None:
            self._logger.debug(text)

    def _profile(self, call, loops):
        """Runs the function once more under cProfile, and returns what it returned."""
        __tracebackhide__ = True
        profile = cProfile.Profile()
        loops = self.cprofile_loops or loops
        result = None
        for _ in range(loops):
            result = profile.runcall(call)
        self._keep_profile(profile)
        return result

    def _keep_profile(self, profile):
        self.cprofile_stats = self.stats.cprofile_stats = pstats.Stats(profile)
        if self.cprofile_dump:
            safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in self.name)
            path = Path("{}-{}.prof".format(self.cprofile_dump, safe))
            path.parent.mkdir(parents=True, exist_ok=True)
            self.cprofile_stats.dump_stats(str(path))
            if self._logger is not None:
                self._logger.info("Saved profile: {}".format(path))

    def _cleanup(self):
        """The test is over: what was patched is put back."""
        while self._cleanup_callbacks:
            self._cleanup_callbacks.pop()()
        if not self._mode and not self.skipped and self._logger is not None:
            self._logger.warning(
                "Benchmark fixture was not used at all in this test!", warner=self._warner, suspend=True)

    def _unfinished(self):
        """What the test began and left; `None` if nothing."""
        if self._awaited is None or self._awaited.begun:
            return None
        self._awaited.close()
        self.has_error = True
        return "nothing was measured, because nobody awaited it: write `await benchmark(...)`"
