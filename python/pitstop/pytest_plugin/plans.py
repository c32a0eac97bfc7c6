"""The two ways of measuring: as many rounds as fit (`Automatic`), or exactly so many (`Exact`).

Each can be run, or awaited when the function is a coroutine function.
"""
import cProfile
import time

from . import rounds
from .precision import Precision


class Automatic:
    """`benchmark(function, ...)`: calibrates, then fills `max_time` with rounds."""

    def __init__(self, fixture, function, arguments, keywords):
        self.fixture = fixture
        self.function = function
        self.arguments = arguments
        self.keywords = keywords

    def call(self):
        return self.function(*self.arguments, **self.keywords)

    def _round(self, iterations):
        fixture = self.fixture
        one = rounds.round_of(self.function, self.arguments, self.keywords, fixture._timer, iterations)
        return rounds.without_collector(one) if fixture._disable_gc else one

    def _awaited_round(self, iterations):
        fixture = self.fixture
        one = rounds.awaited_round_of(
            self.function, self.arguments, self.keywords, fixture._timer, iterations, [None])
        return rounds.awaited_without_collector(one) if fixture._disable_gc else one

    def _schedule(self):
        """Yields what to run: `(iterations, times, collect)`; is sent the seconds of the last round of these.

        `collect` is the Metadata that keeps them, or `None` while it calibrates and warms up.
        """
        fixture = self.fixture
        finder = rounds.calibration(fixture._target(), fixture._logger)
        wanted = next(finder)
        while True:
            seconds = yield wanted, 1, None
            try:
                wanted = finder.send(seconds)
            except StopIteration as found:
                iterations, seconds = found.value
                break
        seconds = max(seconds, 1e-12)
        if fixture._warmup:
            fits = min(fixture._max_time / seconds, fixture._warmup / iterations)
            times = max(1, int(fits))
            fixture._log("  Warmup {} rounds x {} iterations ...".format(times, iterations))
            seconds = (yield iterations, times, None) or seconds
        times = max(fixture._min_rounds, min(rounds.round_up(fixture._max_time / seconds), 10 ** 9))
        fixture._log("  Running {} rounds x {} iterations ...".format(times, iterations))
        yield iterations, times, fixture._make_stats(iterations)

    def run(self):
        __tracebackhide__ = True
        fixture = self.fixture
        if fixture.disabled:
            return self.call()
        schedule = self._schedule()
        seconds = None
        with rounds.untraced():
            while True:
                try:
                    iterations, times, stats = schedule.send(seconds)
                except StopIteration:
                    break
                one = self._round(iterations)
                if stats is None:
                    seconds = self._some(one, times)
                else:
                    self._measure(one, times, stats)
        if fixture.cprofile:
            return fixture._profile(self.call, iterations)
        return self.call()

    def _some(self, one, times):
        """Unmeasured rounds, no longer than the time allowed; returns the seconds of the last."""
        __tracebackhide__ = True
        deadline = time.perf_counter() + self.fixture._max_time
        seconds = one()
        for _ in range(times - 1):
            seconds = one()
            if time.perf_counter() > deadline:
                break
        return seconds

    def _measure(self, one, times, stats):
        __tracebackhide__ = True
        fixture = self.fixture
        fixture._start_noise()
        start = time.perf_counter()
        if fixture._precision:
            fixture._run_until_precise(lambda _: one(), None, stats, times)
        else:
            iterations = stats.iterations
            durations = [one() for _ in range(times)]
            stats.stats.extend(
                durations if iterations == 1 else [duration / iterations for duration in durations])
        fixture.noise.stop()
        fixture._log("  Ran for {}.".format(rounds.short(time.perf_counter() - start)))

    async def run_awaited(self):
        __tracebackhide__ = True
        fixture = self.fixture
        if fixture.disabled:
            return await self.call()
        schedule = self._schedule()
        seconds = None
        while True:
            try:
                iterations, times, stats = schedule.send(seconds)
            except StopIteration:
                break
            one = self._awaited_round(iterations)
            if stats is not None:
                fixture._start_noise()
            rule = fixture._precision and stats is not None and Precision(
                fixture._precision, fixture._confidence or 0.99, fixture._min_rounds)
            start = time.perf_counter()
            # Here others may hold the loop, so what calibration promised is watched.
            deadline = start + fixture._max_time
            for number in range(1, times + 1):
                seconds = await one()
                if stats is not None:
                    stats.update(seconds)
                    if rule and rule.enough(seconds):
                        break
                if number >= fixture._min_rounds and time.perf_counter() > deadline:
                    break
            if stats is not None:
                fixture.noise.stop()
                fixture._log("  Ran for {}.".format(rounds.short(time.perf_counter() - start)))
        if fixture.cprofile:
            return await _profile_awaited(fixture, self.call, iterations)
        return await self.call()


class Exact:
    """`benchmark.pedantic(function, ...)`."""

    def __init__(self, fixture, function, arguments, keywords, setup, teardown, times, warmups, iterations):
        self.fixture = fixture
        self.function = function
        self.arguments = tuple(arguments)
        self.keywords = keywords
        self.setup = setup
        self.teardown = teardown
        self.times = times
        self.warmups = warmups
        self.iterations = iterations

    def _prepared(self):
        """The arguments of the next round."""
        __tracebackhide__ = True
        if self.setup is None:
            return self.arguments, self.keywords
        made = self.setup()
        if made is None:
            return self.arguments, self.keywords
        if self.arguments or self.keywords:
            raise TypeError("`setup` returned arguments, and others were given: use one of the two")
        arguments, keywords = made
        return tuple(arguments), keywords

    def _rounds(self):
        """All rounds, true for those that count."""
        for _ in range(self.warmups):
            yield False
        for _ in range(self.times):
            yield True

    def _round(self, arguments, keywords, kept):
        """One round. Of one iteration the result goes to `kept`: nothing need run once more for it."""
        timer = self.fixture._timer
        if self.iterations == 1:
            one = rounds.kept_round_of(self.function, arguments, keywords, timer, kept)
        else:
            one = rounds.round_of(self.function, arguments, keywords, timer, self.iterations)
        return rounds.without_collector(one) if self.fixture._disable_gc else one

    def run(self):
        __tracebackhide__ = True
        fixture = self.fixture
        if fixture.disabled:
            return self._once(lambda call: call())
        stats = fixture._make_stats(self.iterations)
        fixture._log("  Running {} rounds x {} iterations ...".format(self.times, self.iterations))
        durations = stats.stats.data
        fixture._start_noise()
        begin = time.perf_counter()
        kept = [None]
        one = self._round(self.arguments, self.keywords, kept)
        with rounds.untraced():
            for counts in self._rounds():
                arguments, keywords = self.arguments, self.keywords
                if self.setup is not None:
                    arguments, keywords = self._prepared()
                    one = self._round(arguments, keywords, kept)
                seconds = one()
                if self.teardown is not None:
                    self.teardown(*arguments, **keywords)
                if counts:
                    durations.append(seconds / self.iterations)
        fixture.noise.stop()
        fixture._log("  Ran for {}.".format(rounds.short(time.perf_counter() - begin)))
        if fixture.cprofile:
            loops = self.iterations
            return self._once(lambda call: fixture._profile(call, loops))
        return kept[0] if self.iterations == 1 else self._once(lambda call: call())

    def _once(self, how):
        """One more call, set up and torn down as a round is."""
        __tracebackhide__ = True
        arguments, keywords = self._prepared()
        result = how(lambda: self.function(*arguments, **keywords))
        if self.teardown is not None:
            self.teardown(*arguments, **keywords)
        return result

    async def run_awaited(self):
        __tracebackhide__ = True
        fixture = self.fixture
        stats = None
        if not fixture.disabled:
            stats = fixture._make_stats(self.iterations)
            fixture._start_noise()
            kept = [None]
            for counts in self._rounds():
                arguments, keywords = self._prepared()
                one = rounds.awaited_round_of(
                    self.function, arguments, keywords, fixture._timer, self.iterations, kept)
                if fixture._disable_gc:
                    one = rounds.awaited_without_collector(one)
                seconds = await one()
                if self.teardown is not None:
                    self.teardown(*arguments, **keywords)
                if counts:
                    stats.update(seconds)
            fixture.noise.stop()
            if self.iterations == 1 and not fixture.cprofile:
                return kept[0]
        arguments, keywords = self._prepared()

        def call():
            return self.function(*arguments, **keywords)

        if stats is not None and fixture.cprofile:
            result = await _profile_awaited(fixture, call, self.iterations)
        else:
            result = await call()
        if self.teardown is not None:
            self.teardown(*arguments, **keywords)
        return result


async def _profile_awaited(fixture, call, loops):
    profile = cProfile.Profile()
    result = None
    profile.enable()
    try:
        for _ in range(fixture.cprofile_loops or loops):
            result = await call()
    finally:
        profile.disable()
    fixture._keep_profile(profile)
    return result
