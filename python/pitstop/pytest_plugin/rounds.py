"""How rounds are run: one call of a *round* runs so many iterations between two readings of the clock.

What stands between the readings is in every figure, so there is as little of it as possible: the call
without arguments is another loop than the one with arguments, and one iteration is no loop at all.
Whatever must be the same for all rounds, like tracing, is done around all of them and not in each.
"""
import gc
import sys
import time
from contextlib import contextmanager


def round_of(function, arguments, keywords, timer, iterations):
    """A function without arguments that runs one round and returns its seconds."""
    if iterations == 1:
        if arguments or keywords:
            def once():
                __tracebackhide__ = True
                start = timer()
                function(*arguments, **keywords)
                return timer() - start
        else:
            def once():
                __tracebackhide__ = True
                start = timer()
                function()
                return timer() - start
        return once
    repeat = range(iterations)
    if arguments or keywords:
        def many():
            __tracebackhide__ = True
            start = timer()
            for _ in repeat:
                function(*arguments, **keywords)
            return timer() - start
    else:
        def many():
            __tracebackhide__ = True
            start = timer()
            for _ in repeat:
                function()
            return timer() - start
    return many


def kept_round_of(function, arguments, keywords, timer, kept):
    """A round of one iteration whose result becomes `kept[0]`, after the clock was read."""
    if arguments or keywords:
        def once():
            __tracebackhide__ = True
            start = timer()
            result = function(*arguments, **keywords)
            seconds = timer() - start
            kept[0] = result
            return seconds
    else:
        def once():
            __tracebackhide__ = True
            start = timer()
            result = function()
            seconds = timer() - start
            kept[0] = result
            return seconds
    return once


def awaited_round_of(function, arguments, keywords, timer, iterations, kept):
    """The same for a coroutine function: what it returns is awaited, and the last result becomes `kept[0]`."""
    repeat = range(iterations)

    async def round():
        __tracebackhide__ = True
        result = None
        start = timer()
        for _ in repeat:
            result = await function(*arguments, **keywords)
        seconds = timer() - start
        kept[0] = result
        return seconds

    return round


def without_collector(round):
    """A round in which the garbage collector rests; between two rounds it may collect."""
    if not gc.isenabled():
        return round
    rest, work = gc.disable, gc.enable

    def quiet():
        __tracebackhide__ = True
        rest()
        try:
            return round()
        finally:
            work()
    return quiet


def awaited_without_collector(round):
    """The same for a round that is awaited."""
    if not gc.isenabled():
        return round
    rest, work = gc.disable, gc.enable

    async def quiet():
        __tracebackhide__ = True
        rest()
        try:
            return await round()
        finally:
            work()
    return quiet


@contextmanager
def untraced():
    """Debuggers and coverage look away meanwhile: they would be measured."""
    tracer = sys.gettrace()
    if tracer is None:
        yield
        return
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


class Resolution:
    """The smallest step of each clock, found once."""

    def __init__(self):
        self.known = {}

    def of(self, timer, logger=None):
        """The smallest difference of two readings, in seconds."""
        timer = getattr(timer, "target", timer)
        try:
            if timer in self.known:
                return self.known[timer]
        except TypeError:
            return self._find(timer, logger)
        step = self._find(timer, logger)
        if hasattr(timer, "__name__"):
            self.known[timer] = step
        return step

    @staticmethod
    def _find(timer, logger):
        step = None
        deadline = time.perf_counter() + 0.1
        # A coarse clock stands still for a while; one that never moves must not keep us.
        for attempt in range(1_000_000):
            first = timer()
            second = timer()
            if second > first and (step is None or second - first < step):
                step = second - first
            if attempt >= 20 and step is not None or time.perf_counter() > deadline:
                break
        step = step or 1e-9
        if logger is not None:
            logger.debug("")
            logger.debug("Computing precision for {} ... {}.".format(name_of(timer), short(step)))
        return step


RESOLUTION = Resolution()


def name_of(timer):
    """A clock's dotted name."""
    timer = getattr(timer, "target", timer)
    name = getattr(timer, "__name__", None)
    return repr(timer) if name is None else "{}.{}".format(timer.__module__, name)


def short(seconds):
    """A time for people: `43.00ns`."""
    for unit, scale in (("ns", 1e9), ("us", 1e6), ("ms", 1e3)):
        if abs(seconds) * scale < 1000:
            return "{:.2f}{}".format(seconds * scale, unit)
    return "{:.2f}s".format(seconds)


def calibration(target, logger):
    """Finds how many iterations take `target` seconds.

    A generator: it yields a number of iterations to run, is sent their seconds, and returns the number
    to stay with and their seconds. So calls and awaited calls are calibrated by the same rules.
    """
    iterations = 1
    while True:
        seconds = yield iterations
        if logger is not None:
            logger.debug("    Measured {} iterations: {}.".format(iterations, short(seconds)))
        if seconds >= target:
            return iterations, seconds
        if seconds * 2 >= target:
            # Near enough to compute the rest; a little more, so that noise does not ask for another.
            iterations = max(iterations + 1, round_up(iterations * target / seconds * 1.03))
            if logger is not None:
                logger.debug("    Estimating {} iterations.".format(iterations))
        else:
            iterations *= 10


def round_up(value):
    """The next whole number."""
    return -int(-value // 1)
