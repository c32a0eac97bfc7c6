"""Runs something at one size after another, each in a process of its own. CPython 3.8 to 3.15.

Every command is answered by a fork of this process, which has done nothing yet: no size finds what
another left in caches, and a size that takes too long or kills its process ends nothing else.

    the job     kind, setup, make, text, collect: each its length in bytes on a line, then the bytes
    commands    p SIZE LIMIT                    try it: LIMIT in milliseconds
                m SIZE LOOPS TIMES FRESH LIMIT  so many times a batch of so many calls; FRESH: 0 all with the
                                    same input, 1 each with a new one, 2 also the first ever
                c SIZE FRESH LIMIT              count instead of timing
    answers     ready VERSION
                p MAKE FIRST LATER WALL CPU DELAY RSS CHANGED   nanoseconds, kilobytes, 1 or 0
                m WALL CPU DELAY, once for each batch           nanoseconds
                c BYTECODES COMPARISONS HASHES      -1: not counted
                late                                the limit was reached
                killed SIGNAL
                failed LENGTH, then so many bytes of traceback
                error PHASE LENGTH, then so many bytes of traceback: the end
"""

import gc
import itertools
import os
import select
import signal
import sys
import time

import _pitstop_worker as worker

TEMPLATE = """
def _run(_inputs, n, _wall, _cpu):
    _cpu_start = _cpu()
    _start = _wall()
    for x in _inputs:
        _statement
    _end = _wall()
    _cpu_end = _cpu()
    return _end - _start, _cpu_end - _cpu_start
"""

WALL, CPU = time.perf_counter_ns, getattr(time, "thread_time_ns", time.process_time_ns)

# Inputs up to this size are compared before and after a call.
COMPARED = 4096
# A call that takes longer is not tried a third time, in nanoseconds.
LONG = 20_000_000


def field():
    length = int(commands.readline())
    return commands.read(length).decode("utf-8", "surrogateescape")


def write(fd, data):
    while data:
        data = data[os.write(fd, data) :]


def trace_text():
    import traceback

    kind, value, trace = sys.exc_info()
    ours = (__file__, worker.__file__)
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    # A recursion that went too deep has a thousand lines that say the same.
    text = "".join(traceback.format_exception(kind, value, trace, limit=-20))
    return text.encode("utf-8", "backslashreplace")[-60_000:]


def fail(phase):
    text = trace_text()
    write(answers, b"error %s %d\n" % (phase.encode(), len(text)) + text)
    os._exit(1)


def spliced(statement):
    tree = compile(TEMPLATE, "<pitstop>", "exec", worker.ONLY_AST)
    loop = tree.body[0].body[2]
    statements = compile(statement + "\npass", "<statement>", "exec", worker.ONLY_AST).body
    loop.body = statements[:-1] or statements
    return compile(tree, "<statement>", "exec")


def found(target):
    thing = worker.found(target)
    if not worker.is_coroutine_function(thing):
        return thing

    import asyncio

    def awaited(x):
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(thing(x))
        finally:
            loop.close()

    return awaited


class Job:
    def __init__(self):
        self.kind, setup, make, self.text, collect = [field() for _ in range(5)]
        if collect == "off":
            gc.disable()
        self.names = {"__name__": "__main__", "__builtins__": __builtins__}
        self.compiled = {}
        phase = "setup"
        try:
            exec(compile(setup, "<setup>", "exec"), self.names)
            phase = "make"
            self.make = eval(compile(make, "<make>", "eval"), self.names) if make else None
            if self.make is not None and not callable(self.make):
                raise TypeError("--make is a %s, not a function of n" % type(self.make).__name__)
            if self.kind == "function":
                phase = "import"
                self.names["_call"] = found(self.text)
                self.text = "_call(x)"
            phase = "statement"
            self.code(1)
        except BaseException:
            fail(phase)

    def code(self, n):
        text = self.text
        if self.kind == "statement":
            text = text.replace("{n}", str(n))
        worker.check(text, "<statement>")
        names = self.names
        exec(spliced(text), names)
        return names["_run"]

    def input(self, n):
        return n if self.make is None else self.make(n)


def timed(run, inputs, n, scheduling):
    before, _ = scheduling.read()
    wall, cpu = run(inputs, n, WALL, CPU)
    after, _ = scheduling.read()
    return wall, cpu, after - before


def snapshot(x):
    import pickle

    if isinstance(x, (int, float, complex, str, bytes, range, type(None))):
        return b""
    try:
        return pickle.dumps(x, 4)
    except Exception:
        return None


def probe(job, n):
    run, scheduling = job.code(n), worker.Scheduling()
    kept = stretched()
    start = WALL()
    x = job.input(n)
    make = WALL() - start
    before = snapshot(x) if n <= COMPARED else b""
    first = timed(run, [x], n, scheduling)
    changed = before is None or (n <= COMPARED and snapshot(x) != before)
    del x, before, kept
    tries = range(5 if first[0] < LONG else 1)
    later = min(timed(run, [job.input(n)], n, scheduling) for _ in tries)
    peak = 0
    try:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    except ImportError:
        pass
    wall, cpu, delay = later
    values = (make, first[0], wall, wall, cpu, delay, peak, changed)
    return "p %d %d %d %d %d %d %d %d" % values


def stretched():
    """Memory that this process has had and does not use: what a call allocates then costs no page
    fault, which grows with the size and is not the call's. What is returned keeps it from going
    back to the system."""
    small = [(i,) for i in range(20_000)]
    large = [bytes(700) for _ in range(1000)]
    return small[::1000], large[::100]


def ready(job, run, n):
    """Calls it with a small input: its code and a little memory are at hand again, which making
    large inputs has pushed away."""
    try:
        for _ in range(3):
            run([job.input(min(n, 64))], n, WALL, CPU)
    except Exception:
        # It does not work at every size; then it is measured as it is.
        pass


def measure(job, n, loops, times, fresh):
    run, scheduling = job.code(n), worker.Scheduling()
    results = []
    if fresh == 0:
        x = job.input(n)
        if loops > 1 or times > 2:
            run(itertools.repeat(x, max(1, loops // 2)), n, WALL, CPU)
        for _ in range(times):
            results.extend(timed(run, itertools.repeat(x, loops), n, scheduling))
    else:
        # A batch of few calls: what the clocks themselves take would be seen.
        base = [run((), n, WALL, CPU) for _ in range(20)]
        kept = stretched()
        base_wall, base_cpu = min(base[5:])[0], min(cpu for _, cpu in base)
        for _ in range(times):
            inputs = [job.input(n) for _ in range(loops)]
            if fresh == 1:
                ready(job, run, n)
            wall, cpu, delay = timed(run, inputs, n, scheduling)
            results.extend((max(wall - base_wall, 0), max(cpu - base_cpu, 0), delay))
            del inputs
        del kept
    return "m " + " ".join(map(str, results))


class Bytecodes:
    """Counts the instructions that this thread runs."""

    def __init__(self):
        self.count = 0

    def instruction(self, code, offset):
        self.count += 1

    def traced(self, frame, event, argument):
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "opcode":
            self.count += 1
        return self.traced

    def of(self, run, inputs, n):
        monitoring = getattr(sys, "monitoring", None)
        if monitoring is None:
            sys.settrace(self.traced)
            try:
                run(inputs, n, WALL, CPU)
            finally:
                sys.settrace(None)
            return self.count
        event = monitoring.events.INSTRUCTION
        tool = worker.free_tool(monitoring)
        monitoring.use_tool_id(tool, "pitstop")
        monitoring.register_callback(tool, event, self.instruction)
        monitoring.set_events(tool, event)
        try:
            run(inputs, n, WALL, CPU)
        finally:
            monitoring.set_events(tool, 0)
        return self.count


COUNTS = [0, 0]


def counting(base):
    """A subclass that counts how often its values are compared and hashed."""

    def comparing(name):
        plain = getattr(base, name)

        def compare(self, other):
            COUNTS[0] += 1
            return plain(self, other)

        return compare

    def hashing(self):
        COUNTS[1] += 1
        return base.__hash__(self)

    names = ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")
    body = {name: comparing(name) for name in names}
    body["__hash__"] = hashing
    return type(base.__name__, (base,), body)


def with_counting_elements(x):
    """The same collection of elements that count; `None` if it is not one of simple values."""
    kinds = {base: counting(base) for base in (int, float, str)}

    def element(value):
        # Of rows, what is in them: tuples are compared by their members.
        if type(value) in (tuple, list):
            return type(value)(element(member) for member in value)
        return kinds[type(value)](value) if type(value) in kinds else value

    kind = type(x)
    is_deque = kind.__module__ == "collections" and kind.__name__ == "deque"
    if not (is_deque or kind in (list, tuple, set, frozenset, dict)) or not x:
        return None
    if any(type(value) not in kinds and type(value) not in (tuple, list) for value in x):
        return None
    if kind is dict:
        return {element(key): value for key, value in x.items()}
    return kind(element(value) for value in x)


def count(job, n, fresh):
    run = job.code(n)
    if fresh < 2:
        # What is done once, as an import, is not what grows.
        run([job.input(n)], n, WALL, CPU)
    bytecodes = Bytecodes().of(run, [job.input(n)], n)
    comparisons = hashes = -1
    try:
        x = with_counting_elements(job.input(n))
        if x is not None:
            COUNTS[:] = [0, 0]
            run([x], n, WALL, CPU)
            comparisons, hashes = COUNTS
    except Exception:
        # Elements of a subclass are not what it works with.
        comparisons = hashes = -1
    return "c %d %d %d" % (bytecodes, comparisons, hashes)


def child(job, words, answer):
    try:
        numbers = [int(word) for word in words[1:]]
        if words[0] == b"p":
            text = probe(job, numbers[0])
        elif words[0] == b"m":
            text = measure(job, *numbers[:4])
        else:
            text = count(job, *numbers[:2])
        write(answer, text.encode() + b"\n")
    except BaseException:
        text = trace_text()
        write(answer, b"failed %d\n" % len(text) + text)
    os._exit(0)


def forked(job, words):
    """What a fork answers to a command."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(job, words, writing)
    os.close(writing)
    deadline = time.monotonic() + int(words[-1]) / 1000
    data, is_late = b"", False
    while True:
        # A child that ended has closed its end, which is readable too.
        left = deadline - time.monotonic()
        ready = select.select([reading], [], [], max(left, 0))[0]
        if not ready:
            is_late = True
            os.kill(pid, signal.SIGKILL)
            break
        part = os.read(reading, 65536)
        if not part:
            break
        data += part
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    if is_late:
        return b"late\n"
    if os.WIFSIGNALED(status):
        return b"killed %d\n" % os.WTERMSIG(status)
    return data or b"killed 0\n"


def main():
    global commands, answers
    commands, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    job = Job()
    write(answers, b"ready %d.%d.%d\n" % sys.version_info[:3])
    while True:
        words = commands.readline().split()
        if not words:
            os._exit(0)
        write(answers, forked(job, words))
