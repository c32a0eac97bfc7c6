"""Counts what one repetition does, inside an interpreter: no clock, no noise. CPython 3.8 to 3.15.

    the job     mode, kind, setup, text: as for the worker; the text of a script is its words, with
                a NUL between them
    modes       bytecodes   instructions of Python that one repetition executes
                memory      bytes that Python's allocators had out at once during one repetition,
                            beyond what they had before
                allocations calls of Python's allocators that give memory, in one repetition
                imports     modules that were not there before
    answers     n COUNT
                f COUNT LINE <tab> FILE <tab> NAME     instructions of a function, largest first
                m NAME                                 a module
                h FILE                                 where the function's module lies
                end
                error PHASE LENGTH, then so many bytes of traceback
"""

import gc
import itertools
import os
import sys

import _pitstop_worker as worker

MOST_FUNCTIONS = 400
MOST_MODULES = 10000

# Before anything is counted, what fills caches (regular expressions, imports inside of functions)
# has happened.
WARM_UP = 3

# Repetitions of which the one that asks for least counts.
SETTLED = 5


class Instructions:
    """Counts by code object. The import system's own work depends on what lies in directories."""

    def __init__(self):
        self.counts, self.codes = {}, {}

    def note(self, code):
        key = id(code)
        try:
            self.counts[key] += 1
        except KeyError:
            self.counts[key] = 1
            self.codes[key] = code

    def trace(self, frame, event, arg):
        if event == "opcode":
            self.note(frame.f_code)
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self.trace

    def while_running(self, run):
        monitoring = getattr(sys, "monitoring", None)
        if monitoring is None:
            import threading

            threading.settrace(self.trace)
            sys.settrace(self.trace)
            try:
                run()
            finally:
                sys.settrace(None)
                threading.settrace(None)
            return
        counts, codes = self.counts, self.codes

        def instruction(code, offset):
            key = id(code)
            try:
                counts[key] += 1
            except KeyError:
                counts[key] = 1
                codes[key] = code

        tool = worker.free_tool(monitoring)
        monitoring.use_tool_id(tool, "pitstop")
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, instruction)
        monitoring.set_events(tool, monitoring.events.INSTRUCTION)
        try:
            run()
        finally:
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)

    def by_code(self):
        ours = (__file__, worker.__file__)
        for key, count in self.counts.items():
            code = self.codes[key]
            if code.co_filename.startswith("<frozen importlib") or code.co_filename in ours:
                continue
            yield count, code


def script(words):
    """What runs the script of these words to its end, once."""
    import types

    sys.argv[:] = words
    sys.path.insert(0, os.path.dirname(os.path.abspath(words[0])))
    with open(words[0], "rb") as file:
        code = compile(file.read(), words[0], "exec")
    main = types.ModuleType("__main__")
    main.__file__ = words[0]
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main

    def run():
        try:
            exec(code, main.__dict__)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise RuntimeError("the script ended with status %s" % (end.code,)) from None

    return run


def repeated(channel, kind, setup, text):
    """What runs one repetition, and the same of nothing at all."""
    measured = worker.prepare(channel, kind, setup, text)
    nothing = worker.prepare(channel, "statement", "", "pass")
    if isinstance(measured, worker.Awaiting):
        names = {}
        exec("async def nothing(): pass", names)
        clocks = measured.clocks
        nothing = worker.Awaiting(names["nothing"], *clocks)

    def once(generator):
        def run():
            try:
                generator.send(itertools.repeat(None, 1))
            except StopIteration:
                raise RuntimeError("the statement returned, so it cannot be repeated") from None

        return run

    return once(measured), once(nothing)


def count_bytecodes(channel, kind, setup, text):
    if kind == "script":
        run, overhead = script(text.split("\0")), 0
    else:
        run, nothing = repeated(channel, kind, setup, text)
        for _ in range(WARM_UP):
            run()
            nothing()
        empty = Instructions()
        empty.while_running(nothing)
        overhead = sum(count for count, _ in empty.by_code())
    instructions = Instructions()
    instructions.while_running(run)
    functions = sorted(instructions.by_code(), key=lambda each: -each[0])
    channel.say("n %d" % max(sum(count for count, _ in functions) - overhead, 0))
    for count, code in functions[:MOST_FUNCTIONS]:
        name = getattr(code, "co_qualname", code.co_name)
        path = code.co_filename
        if not path.startswith("<"):
            path = os.path.abspath(path)
        words = [word.replace("\t", " ").replace("\n", " ") for word in (path, name)]
        line = "f %d %d\t%s\t%s" % (count, code.co_firstlineno, words[0], words[1])
        channel.say(line.encode("utf-8", "backslashreplace").decode())


def count_memory(channel, kind, setup, text):
    import tracemalloc

    if kind == "script":
        run = script(text.split("\0"))
    else:
        run, _ = repeated(channel, kind, setup, text)
        for _ in range(WARM_UP):
            run()
    gc.collect()
    gc.disable()
    tracemalloc.start(1)
    try:
        before = tracemalloc.get_traced_memory()[0]
        run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    channel.say("n %d" % max(peak - before, 0))


def count_allocations(channel, kind, setup, text):
    # Its directory went off the path when this module was there.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import _pitstop_allocations as allocations

    del sys.path[0]

    if kind == "script":
        run, nothing = script(text.split("\0")), None
    else:
        run, nothing = repeated(channel, kind, setup, text)
        for _ in range(WARM_UP):
            run()
            nothing()
    counter = allocations.Counter()
    gc.collect()
    gc.disable()
    if nothing is None:
        channel.say("n %d" % counter.while_running(run))
        return
    # A free list that is empty for once makes a repetition ask for more than it usually does.
    overhead = min(counter.while_running(nothing) for _ in range(SETTLED))
    count = min(counter.while_running(run) for _ in range(SETTLED))
    channel.say("n %d" % max(count - overhead, 0))


def count_imports(channel, kind, setup, text):
    before = set(sys.modules)
    phase = "setup"
    try:
        names = {"__name__": "__main__", "__builtins__": __builtins__}
        if kind == "script":
            before = set(sys.modules) | {"types"}
            phase = "statement"
            script(text.split("\0"))()
        else:
            exec(compile(setup, "<setup>", "exec"), names)
            phase = "import"
            if kind == "function":
                __import__(text.partition(":")[0])
            else:
                phase = "statement"
                exec(compile(text, "<statement>", "exec"), names)
    except BaseException:
        channel.fail(phase)
    # A module takes its last place there when it is complete: backwards, it comes before what
    # only it needs.
    new = [name for name in reversed(list(sys.modules)) if name not in before]
    channel.say("n %d" % len(new))
    for name in new[:MOST_MODULES]:
        channel.say("m " + name.encode("utf-8", "backslashreplace").decode())
    home = kind == "function" and getattr(sys.modules[text.partition(":")[0]], "__file__", None)
    if home:
        home = os.path.realpath(home).replace("\n", " ")
        channel.say("h " + home.encode("utf-8", "backslashreplace").decode())


def main():
    channel = worker.Channel()
    mode, kind, setup, text = [channel.field() for _ in range(4)]
    modes = {
        "bytecodes": count_bytecodes,
        "memory": count_memory,
        "allocations": count_allocations,
        "imports": count_imports,
    }
    try:
        modes[mode](channel, kind, setup, text)
    except BaseException:
        channel.fail("statement")
    channel.say("end")
    os._exit(0)
