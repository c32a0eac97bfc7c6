"""Coroutine functions as benchmarks: `await benchmark(...)` in an asynchronous test, `benchmark(...)` in others.

Rounds are awaited one after the other by the test's own task, so any event loop will do. A test that is
no coroutine function has no loop; there a loop of asyncio is made for the benchmark.
"""
import asyncio
import functools
import inspect


def is_coroutine_function(function):
    """True for what must be awaited after it was called; partial functions and callable objects included."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isclass(function) and inspect.iscoroutinefunction(getattr(function, "__call__", None))


def run_here(coroutine):
    """Runs it to its end on a loop of its own."""
    __tracebackhide__ = True
    return asyncio.run(coroutine)


class Awaited:
    """What `benchmark(...)` returns in an asynchronous test; it must be awaited, once."""

    def __init__(self, coroutine):
        self.coroutine = coroutine
        self.begun = False

    def __await__(self):
        self.begun = True
        return self.coroutine.__await__()

    def close(self):
        """It will not be awaited."""
        self.coroutine.close()
