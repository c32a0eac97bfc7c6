"""Measures what it is told to, inside an interpreter under measurement. CPython 3.8 to 3.15.

Standard input brings the job and then one command a line; standard output takes the answers. Both
are moved out of the way before anything is measured, so that a statement which reads or prints
finds an empty input and an output that is thrown away.

    the job     kind, setup, text: each its length in bytes on a line, then the bytes
    commands    r LOOPS     run that often, measured
                g LOOPS     run that often, with the garbage collector watched
    answers     ready VERSION
                m WALL CPU ALL_CPU DELAY PREEMPTIONS        nanoseconds; delay -1 unknown
                g GC WALL
                error PHASE LENGTH, then so many bytes of traceback

Nothing is imported that the job does not need: an import more is another heap.
"""

import gc
import itertools
import os
import sys
import time

try:
    import resource
except ImportError:
    resource = None

# A generator keeps the setup's names as fast locals over all batches and runs the setup once.
TEMPLATE = """
def _measured(_wall, _cpu):
    _setup
    _repeat = yield
    while True:
        _cpu_start = _cpu()
        _start = _wall()
        for _ in _repeat:
            _statement
        _end = _wall()
        _cpu_end = _cpu()
        _repeat = yield _end - _start, _cpu_end - _cpu_start
"""

AWAITED = """
async def _awaited(_wall, _cpu, _call, _repeat):
    _cpu_start = _cpu()
    _start = _wall()
    for _ in _repeat:
        await _call()
    _end = _wall()
    _cpu_end = _cpu()
    return _end - _start, _cpu_end - _cpu_start
"""

ONLY_AST = 1024  # ast.PyCF_ONLY_AST, without importing ast
COROUTINE = 128  # inspect.CO_COROUTINE


class Channel:
    def __init__(self):
        self.commands = os.fdopen(os.dup(0), "rb")
        self.answers = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.close(nothing)

    def field(self):
        length = int(self.commands.readline())
        return self.commands.read(length).decode("utf-8", "surrogateescape")

    def say(self, text, more=b""):
        data = text.encode() + b"\n" + more
        while data:
            data = data[os.write(self.answers, data) :]

    def fail(self, phase):
        import traceback

        kind, value, trace = sys.exc_info()
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        text = "".join(traceback.format_exception(kind, value, trace))
        text = text.encode("utf-8", "backslashreplace")
        self.say("error %s %d" % (phase, len(text)), text)
        os._exit(1)


def spliced(setup, statement):
    """The code of the template with both in their places, their line numbers their own."""
    tree = compile(TEMPLATE, "<pitstop>", "exec", ONLY_AST)
    function = tree.body[0]
    loop = function.body[2].body[2]
    # Nothing but comments is no body.
    statements = compile(statement + "\npass", "<statement>", "exec", ONLY_AST).body
    loop.body = statements[:-1] or statements
    function.body[0:1] = compile(setup, "<setup>", "exec", ONLY_AST).body
    return compile(tree, "<statement>", "exec")


def check(source, name):
    """Fails as the statement by itself would, in a function: with its own name and line."""
    compile(compile(source, name, "exec", ONLY_AST), name, "exec")


def found(target):
    module, _, path = target.partition(":")
    __import__(module)
    thing = sys.modules[module]
    for name in path.split("."):
        thing = getattr(thing, name)
    if not callable(thing):
        raise TypeError("%s is a %s, which cannot be called" % (target, type(thing).__name__))
    return thing


def is_coroutine_function(thing):
    thing = getattr(thing, "__func__", thing)
    code = getattr(thing, "__code__", None)
    return code is not None and bool(code.co_flags & COROUTINE)


class Awaiting:
    """Like the generator, for a coroutine function: one event loop for all batches."""

    def __init__(self, call, wall, cpu):
        import asyncio

        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        names = {}
        exec(compile(AWAITED, "<pitstop>", "exec"), names)
        self.awaited, self.call, self.clocks = names["_awaited"], call, (wall, cpu)

    def send(self, repeat):
        return self.loop.run_until_complete(self.awaited(*self.clocks, self.call, repeat))


def prepare(channel, kind, setup, text):
    wall, cpu = time.perf_counter_ns, getattr(time, "thread_time_ns", time.process_time_ns)
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    phase = "setup"
    try:
        check(setup, "<setup>")
        if kind == "function":
            exec(compile(setup, "<setup>", "exec"), names)
            phase = "import"
            call = found(text)
            if is_coroutine_function(call):
                return Awaiting(call, wall, cpu)
            names["_call"] = call
            setup, text = "_call_ = _call", "_call_()"
        phase = "statement"
        check(text, "<statement>")
        exec(spliced(setup, text), names)
        measured = names["_measured"](wall, cpu)
        phase = "setup"
        next(measured)
        return measured
    except BaseException:
        channel.fail(phase)


def free_tool(monitoring):
    """A tool id that nobody uses; those that other tools are known to take come last."""
    return next(tool for tool in (3, 4, 2, 5, 1, 0) if monitoring.get_tool(tool) is None)


class Scheduling:
    """How long this thread waited for a CPU, and how often it lost one."""

    def __init__(self):
        try:
            self.file = os.open("/proc/self/schedstat", os.O_RDONLY)
        except OSError:
            self.file = None

    def read(self):
        delay = -1
        if self.file is not None:
            delay = int(os.pread(self.file, 128, 0).split()[1])
        switches = 0
        if resource is not None:
            switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        return delay, switches


class Collector:
    """How long the garbage collector works."""

    def __init__(self):
        self.started = self.total = 0

    def __call__(self, phase, info):
        now = time.perf_counter_ns()
        if phase == "start":
            self.started = now
        else:
            self.total += now - self.started


def main():
    channel = Channel()
    kind, setup, text, collect = [channel.field() for _ in range(4)]
    if collect == "off":
        gc.disable()
    measured = prepare(channel, kind, setup, text)
    scheduling = Scheduling()
    channel.say("ready %d.%d.%d" % sys.version_info[:3])
    while True:
        command = channel.commands.readline().split()
        if not command:
            # Nothing is to be measured any more: no time for farewells.
            os._exit(0)
        repeat = itertools.repeat(None, int(command[1]))
        try:
            if command[0] == b"g":
                collector = Collector()
                gc.callbacks.append(collector)
                wall, _ = measured.send(repeat)
                gc.callbacks.remove(collector)
                channel.say("g %d %d" % (collector.total, wall))
                continue
            all_start = time.process_time_ns()
            delay_start, switches_start = scheduling.read()
            wall, cpu = measured.send(repeat)
            delay_end, switches_end = scheduling.read()
            all_end = time.process_time_ns()
        except StopIteration:
            try:
                raise RuntimeError("the statement returned, so it cannot be repeated") from None
            except RuntimeError:
                channel.fail("statement")
        except BaseException:
            channel.fail("statement")
        delay = -1 if delay_end < 0 else delay_end - delay_start
        answer = (wall, cpu, all_end - all_start, delay, switches_end - switches_start)
        channel.say("m %d %d %d %d %d" % answer)
