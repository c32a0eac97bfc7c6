"""Measures what it is told to, inside an interpreter under measurement. CPython 3.8 to 3.15.

Standard input brings the job and then one command a line; standard output takes the answers. Both
are moved out of the way before anything is measured, so that a statement which reads or prints
finds an empty input and an output that is thrown away.

    the job     kind, setup, text, collect: each its length in bytes on a line, then the bytes; a
                kind that is not known here is the name of a guest that reads other tools' files
    commands    r LOOPS     run that often, measured
                g LOOPS     run that often, with the garbage collector watched
    answers     ready VERSION FIXED INNER                   it must be run FIXED times in a go, 0 for
                                                            any number; a run repeats INNER times
                m WALL CPU ALL_CPU DELAY PREEMPTIONS        nanoseconds; CPU and delay -1 unknown
                v VALUE                                     what is measured is no time
                g GC WALL
                error PHASE LENGTH, then so many bytes of traceback
                skip LENGTH, then so many bytes of the reason why there is nothing to measure

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
        self.end("error %s" % phase, "".join(traceback.format_exception(kind, value, trace)))

    def skip(self, reason):
        self.end("skip", reason)

    def end(self, word, text):
        text = text.encode("utf-8", "backslashreplace")
        self.say("%s %d" % (word, len(text)), text)
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

    def __init__(self, call, wall, cpu, factory=None):
        import asyncio

        self.loop = (factory or asyncio.new_event_loop)()
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


def repeated_call(call, args=(), kwargs=None):
    """What repeats a call: a generator as for a statement, or an event loop."""
    wall, cpu = time.perf_counter_ns, getattr(time, "thread_time_ns", time.process_time_ns)
    if is_coroutine_function(call):
        if args or kwargs:
            inner = call

            def call():
                return inner(*args, **(kwargs or {}))

        return Awaiting(call, wall, cpu)
    names = {"_call": call, "_args": args, "_kwargs": kwargs or {}}
    words = "*_args_" if args else ""
    if kwargs:
        words = words + ", **_kwargs_" if words else "**_kwargs_"
    exec(spliced("_call_, _args_, _kwargs_ = _call, _args, _kwargs", "_call_(%s)" % words), names)
    measured = names["_measured"](wall, cpu)
    next(measured)
    return measured


def found_one(channel, name, key, unit="", command=()):
    """Tells of something that can be measured. `key` is what its guest is told to play."""
    fields = [name, unit, "\1".join(command), "\2".join(key)]
    data = "\0".join(fields).encode("utf-8", "surrogateescape")
    channel.say("b %d" % len(data), data)


def passed_over(channel, name, reason):
    """Tells of something that cannot."""
    data = ("%s\0%s" % (name, reason)).encode("utf-8", "backslashreplace")
    channel.say("s %d" % len(data), data)


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


def conversation(channel, fixed=0, inner=1, before=None, farewell=None):
    """Yields how often to repeat, takes what that took; ends the process when nobody asks any more.
    `before` gets ready for a repetition, and is not measured."""
    scheduling = Scheduling()
    channel.say("ready %d.%d.%d %d %d" % (sys.version_info[:3] + (fixed, inner)))
    while True:
        command = channel.commands.readline().split()
        if not command:
            # Nothing is to be measured any more: no time for farewells, unless something stays.
            if farewell is not None:
                farewell()
            os._exit(0)
        repeat = itertools.repeat(None, int(command[1]))
        if before is not None:
            before()
        if command[0] == b"g":
            collector = Collector()
            gc.callbacks.append(collector)
            wall = (yield repeat)[0]
            gc.callbacks.remove(collector)
            channel.say("g %d %d" % (collector.total, wall))
            continue
        all_start = time.process_time_ns()
        delay_start, switches_start = scheduling.read()
        answer = yield repeat
        delay_end, switches_end = scheduling.read()
        all_end = time.process_time_ns()
        if len(answer) == 1:
            channel.say("v %r" % answer)
            continue
        wall, cpu = answer
        # What took other time than was measured says nothing about it.
        is_known = delay_end >= 0 and cpu >= 0
        delay = delay_end - delay_start if is_known else -1
        all_cpu = all_end - all_start if cpu >= 0 else -1
        answer = (wall, cpu, all_cpu, delay, switches_end - switches_start)
        channel.say("m %d %d %d %d %d" % answer)


def serve(channel, measured, **about):
    """Answers commands until there are no more; does not return."""
    talk = conversation(channel, **about)
    try:
        repeat = next(talk)
        while True:
            repeat = talk.send(measured.send(repeat))
    except StopIteration:
        try:
            raise RuntimeError("the statement returned, so it cannot be repeated") from None
        except RuntimeError:
            channel.fail("statement")
    except BaseException:
        channel.fail("statement")


def main():
    channel = Channel()
    kind, setup, text, collect = [channel.field() for _ in range(4)]
    if collect == "off":
        gc.disable()
    if kind in ("statement", "function"):
        serve(channel, prepare(channel, kind, setup, text))
    try:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        guest = __import__("_pitstop_" + kind)
        del sys.path[0]
        words = text.split("\0")
        if setup == "find":
            guest.find(channel, words)
            channel.say("end")
            os._exit(0)
        guest.play(channel, words)
    except BaseException:
        channel.fail("import")
