"""Benchmarks of asv: files with functions and methods named time_*, timeraw_*, peakmem_*, mem_* and
track_*. CPython 3.8 to 3.15.

As asv's documentation ("Writing benchmarks") says: `params`, `param_names`, `setup`, `teardown`,
`setup_cache`, `number`, `unit`, `benchmark_name`, each of the function, its class or its module.
What says how long or how often to measure (`repeat`, `rounds`, `sample_time`, `warmup_time`,
`timeout`, `timer`) is not followed: those who measure in pairs know that themselves.
"""

import inspect
import itertools
import os
import re
import sys
import time

import _pitstop_worker as worker

# `time_x` and classes or functions such as `TimeX`, of asv_runner 0.3.
KINDS = [
    (kind, re.compile("^(%s[A-Z_].+|%s_.+)$" % (kind.capitalize(), kind)))
    for kind in ("time", "timeraw", "peakmem", "mem", "track")
]

MOST_COMBINATIONS = 10000


def kind_of(name):
    return next((kind for kind, pattern in KINDS if pattern.match(name)), None)


class Benchmark:
    def __init__(self, name, kind, function, sources):
        self.kind, self.function, self.sources = kind, function, sources
        self.name = getattr(function, "benchmark_name", None) or name
        params = self.attribute("params", [])
        if not isinstance(params, (list, tuple)):
            raise ValueError("%s.params is no list" % name)
        if params and not isinstance(params[0], (list, tuple)):
            params = [params]
        self.params = list(itertools.islice(itertools.product(*params), MOST_COMBINATIONS))
        self.args = ()

    def attribute(self, name, default=None):
        for source in self.sources:
            if hasattr(source, name):
                return getattr(source, name)
        return default

    def all(self, name):
        """From the module to the function."""
        found = [getattr(source, name, None) for source in reversed(self.sources)]
        return [call for call in found if callable(call)]

    def titles(self):
        for values in self.params:
            words = ", ".join(repr(value) for value in values)
            yield "%s(%s)" % (self.name, words) if values else self.name

    def get_ready(self, channel, at):
        cache = self.attribute("setup_cache")
        self.args = tuple(self.params[at])
        if cache is not None:
            self.args = (cached(self, cache),) + self.args
        self.set_up(channel)

    def set_up(self, channel):
        try:
            for call in self.all("setup"):
                call(*self.args)
        except NotImplementedError as skipped:
            channel.skip(str(skipped) or "its setup raised NotImplementedError")
        except BaseException:
            channel.fail("setup")

    def tear_down(self):
        for call in reversed(self.all("teardown")):
            call(*self.args)


def cached(benchmark, make):
    """What `setup_cache` returns: made once for all processes of a session that are started alike,
    and in a directory of its own, where it may also leave files."""
    import hashlib
    import pickle

    ours = ("PYTHONHASHSEED", "PITSTOP_PADDING")
    variables = sorted(item for item in os.environ.items() if item[0] not in ours)
    file = inspect.getsourcefile(make)
    what = repr((make.__qualname__, file, sys.version, sys.flags, os.getcwd(), variables))
    name = hashlib.sha256(what.encode("utf-8", "backslashreplace")).hexdigest()[:20]
    directory = os.path.join(os.path.dirname(os.path.abspath(worker.__file__)), "cache-" + name)
    os.makedirs(directory, exist_ok=True)
    # Modules of the project are found from where the command was given.
    sys.path[:] = [os.path.abspath(entry) for entry in sys.path]
    os.chdir(directory)
    result = os.path.join(directory, "result.pickle")
    if os.path.exists(result):
        with open(result, "rb") as stream:
            return pickle.load(stream)
    value = make()
    with open(result + ".new", "wb") as stream:
        pickle.dump(value, stream)
    os.replace(result + ".new", result)
    return value


def modules(path):
    """Modules of a file or directory, with the names that asv gives them."""
    path = os.path.abspath(path)
    root = path if os.path.isdir(path) else os.path.dirname(path)
    while os.path.exists(os.path.join(os.path.dirname(root), "__init__.py")):
        root = os.path.dirname(root)
    package = os.path.basename(root)
    if os.path.exists(os.path.join(root, "__init__.py")) and package.isidentifier():
        sys.path.insert(0, os.path.dirname(root))
        before = package + "."
    else:
        sys.path.insert(0, root)
        before = ""
    if os.path.isfile(path):
        files = [path]
    else:
        files = [
            os.path.join(directory, name)
            for directory, _, names in sorted(os.walk(path))
            for name in sorted(names)
            if name.endswith(".py") and name != "__init__.py"
        ]
    for file in files:
        name = os.path.relpath(file, root)[: -len(".py")].replace(os.sep, ".")
        if all(part.isidentifier() for part in name.split(".")):
            yield name, before + name


def load(full):
    __import__(full)
    return sys.modules[full]


def benchmarks_of(short, module):
    for name, thing in sorted(vars(module).items()):
        if name.startswith("_"):
            continue
        if inspect.isclass(thing) and not inspect.isabstract(thing):
            for method, function in inspect.getmembers(thing, inspect.isfunction):
                kind = kind_of(method)
                if kind is not None:
                    instance = thing()
                    bound = getattr(instance, method)
                    full = "%s.%s.%s" % (short, thing.__name__, method)
                    yield Benchmark(full, kind, bound, [bound, instance, module])
        elif inspect.isfunction(thing) and kind_of(name) is not None:
            yield Benchmark("%s.%s" % (short, name), kind_of(name), thing, [thing, module])


def find(channel, words):
    for short, full in modules(words[0]):
        try:
            for benchmark in benchmarks_of(short, load(full)):
                unit = {"peakmem": "bytes", "mem": "bytes", "track": "unit"}.get(benchmark.kind, "")
                if benchmark.kind == "track":
                    unit = str(benchmark.attribute("unit", unit))
                for at, title in enumerate(benchmark.titles()):
                    key = (os.path.abspath(words[0]), benchmark.name, str(at))
                    worker.found_one(channel, title, key, unit)
        except BaseException:
            import traceback

            worker.passed_over(channel, short, traceback.format_exc())


class Value:
    """A number that is no time."""

    def __init__(self, call, args):
        self.call, self.args = call, args

    def send(self, repeat):
        return (float(self.call(*self.args)),)


class Raw:
    """A statement in a fresh interpreter each time."""

    CODE = """
import time, timeit
cpu = []
def timer():
    cpu.append(time.thread_time_ns())
    return time.perf_counter_ns()
wall = timeit.Timer(%r, %r, timer).timeit(%d)
print("\\n%%d %%d" %% (wall, cpu[1] - cpu[0]))
"""

    def __init__(self, call, args):
        self.call, self.args = call, args

    def send(self, repeat):
        import subprocess

        code = self.call(*self.args)
        statement, setup = (code, "pass") if isinstance(code, str) else code
        code = self.CODE % (dedent(statement), dedent(setup), repeat.__length_hint__())
        flags = subprocess._args_from_interpreter_flags()
        words = [sys.executable] + flags + ["-c", code]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(done.stderr.decode("utf-8", "replace").strip())
        wall, cpu = done.stdout.split(b"\n")[-2].split()
        return int(wall), int(cpu)


def dedent(text):
    import textwrap

    return textwrap.dedent(text).strip() or "pass"


def peak_memory(call):
    def measured(*args):
        call(*args)
        # Of this process alone: `ru_maxrss` also knows what the one that started it had.
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("the kernel does not tell the peak of memory")

    return measured


def size_of(call):
    def measured(*args):
        from pympler.asizeof import asizeof
        import copy

        # What a second one takes, as asv counts it: without what both share.
        one = call(*args)
        return asizeof([one, copy.copy(one)]) - asizeof([one, one])

    return measured


def play(channel, words):
    path, name, at = words
    for short, full in modules(path):
        if not name.startswith(short + ".") and not os.path.isfile(path):
            # `benchmark_name` may say anything; then every module is looked into.
            continue
        for benchmark in benchmarks_of(short, load(full)):
            if benchmark.name == name:
                play_one(channel, benchmark, int(at))
    for short, full in modules(path):
        for benchmark in benchmarks_of(short, load(full)):
            if benchmark.name == name:
                play_one(channel, benchmark, int(at))
    raise LookupError("there is no benchmark %s in %s" % (name, path))


def play_one(channel, benchmark, at):
    benchmark.get_ready(channel, at)
    call, args = benchmark.function, benchmark.args
    number = int(benchmark.attribute("number", 0) or 0)
    is_first = [True]

    def before():
        # As asv does for each sample; the first one has it already.
        if not is_first[0]:
            benchmark.tear_down()
            benchmark.set_up(channel)
        is_first[0] = False

    about = {"before": before, "farewell": benchmark.tear_down}
    if benchmark.kind == "time":
        worker.serve(channel, worker.repeated_call(call, args), fixed=number, **about)
    if benchmark.kind == "timeraw":
        worker.serve(channel, Raw(call, args), fixed=number or 1, **about)
    wrappers = {"peakmem": peak_memory, "mem": size_of}
    call = wrappers.get(benchmark.kind, lambda call: call)(call)
    worker.serve(channel, Skipping(channel, Value(call, args)), fixed=1, **about)


class Skipping:
    """Passes over what turns out not to be for this case."""

    def __init__(self, channel, measured):
        self.channel, self.measured = channel, measured

    def send(self, repeat):
        try:
            return self.measured.send(repeat)
        except NotImplementedError as skipped:
            self.channel.skip(str(skipped) or "it raised NotImplementedError")
