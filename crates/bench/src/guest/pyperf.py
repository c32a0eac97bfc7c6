"""Scripts of pyperf: what they give to the methods of `pyperf.Runner`. CPython 3.8 to 3.15.

The script runs as it would in a worker of pyperf: other benchmarks than the one that is measured do
nothing. `pyperf` need not be installed; where it is, only its `Runner` and its clock are replaced.
Its options for how to measure are not followed, and neither is `teardown` of `timeit`: the process
ends when nothing is to be measured any more.
"""

import argparse
import os
import sys
import time
import types

import _pitstop_worker as worker

METHODS = ("bench_func", "bench_time_func", "bench_async_func", "timeit", "bench_command")

# What scripts ask of `runner.args` where pyperf's own options would be.
DEFAULTS = {
    "worker": True, "debug_single_value": False, "loops": 1, "values": 1, "warmups": 0,
    "processes": 1, "quiet": False, "verbose": 0, "fast": False, "rigorous": False,
}

# Set before the script runs: (channel, the benchmark to play or None to find them all, its words).
task = []

# Readings of pyperf's clock, each with the CPU time then; the first few are enough.
readings = []


def perf_counter():
    now = time.perf_counter()
    if len(readings) < 3:
        readings.append((now, time.thread_time_ns()))
    return now


class TimeFunction:
    """A function that is told how often, and measures itself."""

    def __init__(self, function, args):
        self.function, self.args = function, args

    def send(self, repeat):
        loops = repeat.__length_hint__()
        readings.clear()
        seconds = self.function(loops, *self.args)
        wall, cpu = round(seconds * 1e9), -1
        # Its CPU time is known if what it measured lies between two looks at the clock.
        if len(readings) == 2 and readings[1][0] - readings[0][0] == seconds:
            cpu = readings[1][1] - readings[0][1]
        return wall, cpu


class Runner:
    def __init__(self, values=None, processes=None, loops=0, min_time=0.1, metadata=None,
                 show_name=True, program_args=None, add_cmdline_args=None, _argparser=None,
                 warmups=1, **others):
        self.metadata = dict(metadata or {})
        self.argparser = _argparser or argparse.ArgumentParser()
        self.args = None
        self._names = set()

    def parse_args(self, args=None):
        if self.args is None:
            self.args = self.argparser.parse_args(args)
            for name, value in DEFAULTS.items():
                if not hasattr(self.args, name):
                    setattr(self.args, name, value)
        return self.args

    def _is_wanted(self, name, command=()):
        if not isinstance(name, str) or not name.strip():
            raise ValueError("a benchmark needs a name")
        name = name.strip()
        if name in self._names:
            raise ValueError("there are two benchmarks of the name %r" % name)
        self._names.add(name)
        self.parse_args()
        channel, wanted, words = task[0]
        if wanted is None:
            key = [name] + words
            worker.found_one(channel, name, key, command=[str(word) for word in command])
        return name == wanted

    def _serve(self, measured, inner_loops):
        worker.serve(task[0][0], measured, inner=int(inner_loops or 1))

    def bench_func(self, name, func, *args, inner_loops=None, metadata=None):
        if self._is_wanted(name):
            self._serve(worker.repeated_call(func, args), inner_loops)

    def bench_time_func(self, name, time_func, *args, inner_loops=None, metadata=None):
        if self._is_wanted(name):
            self._serve(TimeFunction(time_func, args), inner_loops)

    def bench_async_func(self, name, func, *args, inner_loops=None, metadata=None,
                         loop_factory=None):
        if self._is_wanted(name):
            clocks = time.perf_counter_ns, time.thread_time_ns
            call = (lambda: func(*args)) if args else func
            self._serve(worker.Awaiting(call, *clocks, factory=loop_factory), inner_loops)

    def timeit(self, name, stmt=None, setup="pass", teardown="pass", inner_loops=None,
               duplicate=None, metadata=None, globals=None):
        if self._is_wanted(name):
            join = lambda code: code if isinstance(code, str) else "\n".join(code)  # noqa: E731
            setup, stmt = join(setup), join(name if stmt is None else stmt)
            worker.check(setup, "<setup>")
            worker.check(stmt, "<statement>")
            names = dict(globals or {})
            exec(worker.spliced(setup, stmt), names)
            measured = names["_measured"](time.perf_counter_ns, time.thread_time_ns)
            next(measured)
            self._serve(measured, inner_loops)

    def bench_command(self, name, command):
        # Played from outside.
        self._is_wanted(name, command)


def stand_in():
    try:
        import pyperf
    except ImportError:
        pyperf = types.ModuleType("pyperf")
        pyperf.__version__, pyperf.VERSION = "2.10.0", (2, 10, 0)
        pyperf.python_implementation = lambda: sys.implementation.name
        pyperf.python_has_jit = lambda: sys.implementation.name == "pypy"
        sys.modules["pyperf"] = pyperf
    pyperf.Runner, pyperf.perf_counter = Runner, perf_counter


def run(channel, wanted, words):
    task.append((channel, wanted, words))
    stand_in()
    sys.argv[:] = words
    sys.path.insert(0, os.path.dirname(os.path.abspath(words[0])))
    with open(words[0], "rb") as file:
        code = compile(file.read(), words[0], "exec")
    main = types.ModuleType("__main__")
    main.__file__ = words[0]
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main
    try:
        exec(code, main.__dict__)
    except SystemExit as end:
        if end.code not in (None, 0):
            raise RuntimeError("the script ended with status %s" % (end.code,)) from None


def find(channel, words):
    # What it prints has nowhere to go, and its usage message would be lost.
    run(channel, None, words)


def play(channel, words):
    run(channel, words[0], words[1:])
    raise LookupError("the script did not come to its benchmark %r" % words[0])
