"""Starts the probe of Pitstop in a Python process, before anything of the program runs.

The directory of this file stands first in PYTHONPATH, so the interpreter imports it as its
`sitecustomize`. It takes itself out of the way: the directory leaves sys.path, and the module makes
room for the program's own sitecustomize if there is one. The variable stays in the environment, for
child processes.
"""
import sys

# Bits of the settings' options: `option` of the room `wire`.
_CALLS = 1
_NATIVE = 2
_LINES = 4
_EVIDENCE = 8 | 16 | 32


class _Spec:
    """What the interpreter wants to know of an extension module."""

    def __init__(self, name, origin):
        self.name = name
        self.origin = origin
        self.loader = None
        self.submodule_search_locations = None
        self.has_location = True
        self.cached = None
        self.parent = ""


def _load(directory):
    import _imp

    spec = _Spec("pitstop_probe", directory + "/pitstop_probe.so")
    module = _imp.create_dynamic(spec)
    _imp.exec_dynamic(module)
    # A module of one phase puts itself among the modules.
    sys.modules.pop("pitstop_probe", None)
    return module


def _tell(directory, text):
    """Leaves a note for the collector: why this process is not measured."""
    import os

    name = "%s/%d.refused" % (directory, os.getpid())
    with open(name, "w", encoding="utf-8", errors="replace") as file:
        file.write("Python %d.%d: %s" % (sys.version_info[0], sys.version_info[1], text))


def _has_steady_ticks():
    """True if the processor's counter is what the kernel itself trusts."""
    import os

    if os.uname().machine == "aarch64":
        return True
    try:
        path = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
        with open(path, "rb") as file:
            return file.read().strip() == b"tsc"
    except OSError:
        return False


class _Python:
    """A class that is Python in every respect: what its slots hold tells others like it."""

    def __new__(cls):
        return object.__new__(cls)

    def __init__(self):
        pass

    def __call__(self):
        pass


def _open(probe, directory):
    import os

    with open(directory + "/settings", "rb") as file:
        settings = file.read()
    probe.open(os.fsencode(directory), settings, sys.hexversion, _has_steady_ticks())
    probe.slots(_Python, type(object().__str__))

    def outer():
        def inner():
            code = inner.__code__
            qualname = getattr(code, "co_qualname", None)
            lines = code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab
            probe.check(
                code,
                code.co_filename,
                code.co_name,
                qualname,
                code.co_firstlineno,
                lines,
                code.co_flags,
            )

        inner()

    outer()
    texts = "text", "gr\u00f6\u00dfe", "\u51fd\u6570", "\U0001f40d"
    probe.check_values(1000003, *[(text, text.encode()) for text in texts])
    return int.from_bytes(settings[12:16], "little")


_ROUNDS = 30
_TIMES = range(300)


def _empty():
    pass


def _nothing(rounds):
    for _ in rounds:
        pass


def _calls(rounds):
    for _ in rounds:
        _empty()


def _native_calls(rounds, native=len, argument=()):
    for _ in rounds:
        native(argument)


def _generator(rounds):
    for _ in rounds:
        yield


def _resumptions(rounds):
    for _ in _generator(rounds):
        pass


def _shortest(probe, work):
    """The least time that a loop took, and the shares of it: own, and of what it called."""
    code = work.__code__
    rounds = _TIMES
    ticks, own, own_called = probe.ticks, probe.own, probe.own_called
    least = [1 << 60] * 3
    for _ in range(_ROUNDS):
        before = own(code), own_called(code)
        begun = ticks()
        work(rounds)
        ended = ticks()
        times = ended - begun, own(code) - before[0], own_called(code) - before[1]
        least = [min(pair) for pair in zip(least, times)]
    return least


def _calibrate(probe, switch_on, native):
    """Finds out what recording costs: the same empty functions without it and with it."""
    works = [_calls, _native_calls, _resumptions]
    bare = _shortest(probe, _nothing)[0]
    untraced = [_shortest(probe, work)[0] for work in works]
    probe.calibrate(1)
    switch_on()
    traced = [_shortest(probe, work) for work in works]
    count = len(_TIMES)
    costs = []
    for alone, (_, own, called) in zip(untraced, traced):
        # Alone, the loop costs what an empty loop does, and the rest is the call's. What falls
        # into the callee can be less than nothing: part of a call happens before it begins.
        inside = called - max(alone - bare, 0)
        outside = own - bare
        costs += [inside * 1024 // count, outside * 1024 // count]
    if not native:
        costs[2:4] = [0, 0]
    probe.set_calibration(*(costs + [0, 0]))
    probe.calibrate(0)


def _tell_names(probe):
    """At the end: the names that threads have by then which have not ended, the main thread's too."""
    threading = sys.modules.get("threading")
    for thread in list(getattr(threading, "_active", {}).values()):
        try:
            probe.name_thread(thread.native_id or 0, thread.name.encode("utf-8", "replace"))
        except Exception:
            # A class of the program's own; its threads are called by their number.
            pass


def _check_greenlets(probe):
    """At the end: do we still hear of the switches of greenlets in this thread?"""
    get_trace = getattr(sys.modules.get("greenlet"), "gettrace", None)
    if get_trace is not None:
        probe.greenlets_are_followed(get_trace)


def _take_tool():
    """Our own tool among those of sys.monitoring; the low ones others take without asking."""
    for tool in (4, 3, 5, 2, 1, 0):
        if sys.monitoring.get_tool(tool) is None:
            sys.monitoring.use_tool_id(tool, "pitstop")
            return tool
    raise RuntimeError("all six tools of sys.monitoring are taken")


def _monitor(probe, native):
    """CPython 3.12 and later: events of all code."""
    monitoring = sys.monitoring
    events = monitoring.events
    tool = _take_tool()
    callbacks = {
        events.PY_START: probe.start,
        events.PY_RESUME: probe.resume,
        events.PY_THROW: probe.resume,
        events.PY_RETURN: probe.leave,
        events.PY_YIELD: probe.suspend,
        events.PY_UNWIND: probe.unwind,
    }
    if native:
        callbacks[events.CALL] = probe.call
        callbacks[events.C_RETURN] = probe.native_return
        callbacks[events.C_RAISE] = probe.native_raise
    wanted = 0
    for event, callback in callbacks.items():
        monitoring.register_callback(tool, event, callback)
        # These two come along with CALL and cannot be asked for.
        if event not in (events.C_RETURN, events.C_RAISE):
            wanted |= event
    return lambda: monitoring.set_events(tool, wanted)


def _hook(probe):
    """CPython 3.8 to 3.11: the profile hook, in this thread and in those that it starts."""
    import atexit

    get_profile = sys.getprofile
    sys.setprofile = probe.set_profile
    sys.getprofile = probe.get_profile
    _follow_threads(probe, get_profile)
    atexit.register(probe.hook_is_ours, get_profile)
    return probe.hook


def _follow_threads(probe, get_hook):
    """Lets new threads begin with our hook."""
    import _thread

    probe.set_threads(_thread.start_new_thread, probe.in_thread, get_hook)
    for module in (_thread, sys.modules.get("threading")):
        for name in ("start_new_thread", "start_new", "_start_new_thread"):
            if hasattr(module, name):
                setattr(module, name, probe.start_thread)


class _Chosen:
    """Which functions have their lines timed: those wanted by place, and decorated ones."""

    def __init__(self, probe, directory):
        self.probe = probe
        with open(directory + "/lines", "rb") as file:
            # Written by the collector as one literal; a parser for it would have to be imported.
            selection = eval(file.read(), {"__builtins__": {}})
        self.setup = selection["setup"]
        self.wanted = selection["wanted"]
        self.by_name = {}

    def by_place(self):
        return bool(self.wanted)

    def decide(self, code):
        """Asked by the probe, once, when a function begins for the first time."""
        for first, last, name in self._wanted_in(code.co_filename):
            if first <= code.co_firstlineno <= last:
                if code.co_name == name or name is None and self._has_def(code):
                    self.time(code)
                    return

    def _has_def(self, code):
        """Not a module or the body of a class (CO_OPTIMIZED), a lambda or a comprehension."""
        return code.co_flags & 1 and code.co_name[0] != "<"

    def _wanted_in(self, file):
        """What is wanted in a file, as the interpreter calls it: the same by its real path."""
        found = self.by_name.get(file)
        if found is None:
            from os.path import realpath

            found = self.wanted.get(file) or self.wanted.get(realpath(file)) or ()
            self.by_name[file] = found
        return found

    def time(self, code):
        self.probe.line_add(code, _last_line(code))
        self.listen(code)

    def listen(self, code):
        """Below 3.12 the hook hears everything."""

    def forget(self, code):
        """Likewise."""


def _decorator(chosen, directory):
    """Makes `profile` known to the program; returns what runs the user's own preparations."""
    path = directory + "/_pitstop_lines.py"
    module = type(sys)("_pitstop_lines")
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
    sys.modules["_pitstop_lines"] = module
    module.install(chosen.time)
    return lambda: module.set_up(chosen.setup)


def _last_line(code):
    if hasattr(code, "co_lines"):
        return max((line or 0 for _, _, line in code.co_lines()), default=0)
    line = last = code.co_firstlineno
    for delta in code.co_lnotab[1::2]:
        line += delta - 256 if delta > 127 else delta
        last = max(last, line)
    return last


def _line_monitor(probe, chosen):
    """CPython 3.12 and later: events of the chosen code objects only."""
    monitoring = sys.monitoring
    events = monitoring.events
    tool = _take_tool()
    probe.line_setup(chosen.decide if chosen.by_place() else None, monitoring.DISABLE)
    callbacks = {
        events.PY_START: probe.line_start,
        events.PY_RESUME: probe.line_resume,
        events.PY_THROW: probe.line_resume,
        events.LINE: probe.line_line,
        events.PY_RETURN: probe.line_leave,
        events.PY_YIELD: probe.line_suspend,
        events.PY_UNWIND: probe.line_leave,
    }
    for event, callback in callbacks.items():
        monitoring.register_callback(tool, event, callback)
    # With PY_START even where it is not needed: without it the body of a function that stands on
    # the line of its `def` is never reported (CPython issue 155992).
    local = events.PY_START | events.LINE | events.PY_RETURN | events.PY_YIELD | events.PY_RESUME
    everywhere = events.PY_START if chosen.by_place() else 0
    exceptional = events.PY_UNWIND | events.PY_THROW
    if sys.version_info >= (3, 15):
        local |= exceptional
    else:
        # These can be had for all code only; they cost where there is an exception.
        everywhere |= exceptional
    chosen.listen = lambda code: monitoring.set_local_events(tool, code, local)
    chosen.forget = lambda code: monitoring.set_local_events(tool, code, 0)
    return lambda: monitoring.set_events(tool, everywhere)


def _line_hook(probe, chosen):
    """CPython 3.8 to 3.11: the trace hook, in this thread and in those that it starts."""
    import atexit

    probe.line_setup(chosen.decide if chosen.by_place() else None, None)
    get_trace = sys.gettrace
    sys.settrace = probe.set_trace
    sys.gettrace = probe.get_profile
    _follow_threads(probe, get_trace)
    atexit.register(probe.hook_is_ours, get_trace)
    return probe.line_hook


def _bare_lines(rounds):
    for _ in rounds:
        one = 1
        two = 2
        one = two
        two = one
    return two


def _calibrate_lines(probe, chosen, switch_on):
    """Finds out what a line costs, and a call of a timed function."""

    def elapsed(work):
        ticks = probe.ticks
        least = 1 << 60
        for _ in range(_ROUNDS):
            begun = ticks()
            work(_TIMES)
            least = min(least, ticks() - begun)
        return least

    works = (_bare_lines, _calls, _nothing)
    alone = [elapsed(work) for work in works]
    probe.calibrate(1)
    switch_on()
    for function in (_bare_lines, _calls, _empty):
        chosen.time(function.__code__)
    lines = elapsed(_bare_lines)
    count = len(_TIMES)
    line = max(lines - alone[0], 0) / (5 * count)
    calls = elapsed(_calls)
    # A round of `_calls` is three lines, one of them in the function it calls.
    outside = max(calls - alone[1] - 3 * count * line, 0) / count
    for function in (_bare_lines, _calls, _empty):
        chosen.forget(function.__code__)
    probe.set_calibration(0, 0, 0, 0, 0, 0, int(line * 1024), int(outside * 1024))
    probe.calibrate(0)


def _watch(probe, directory, options):
    """Arguments, queries, what blocks event loops: instead of every call."""
    path = directory + "/evidence.py"
    names = {"probe": probe, "directory": directory, "take_tool": _take_tool, "__name__": "_pitstop"}
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), names)
    with open(directory + "/arguments", "rb") as file:
        wanted = [line.decode("utf-8", "replace") for line in file.read().split(b"\0") if line]
    names["install"](options, wanted)


def _start(directory):
    if getattr(sys, "_is_gil_enabled", None) and "t" in getattr(sys, "abiflags", ""):
        raise RuntimeError("builds without the GIL cannot be traced yet")
    if sys.implementation.name != "cpython":
        raise RuntimeError("it is not CPython")
    probe = _load(directory)
    options = _open(probe, directory)
    is_new = sys.version_info >= (3, 12)
    prepare = None
    if options & _EVIDENCE:
        _watch(probe, directory, options)
    elif options & _LINES:
        chosen = _Chosen(probe, directory)
        switch_on = (_line_monitor if is_new else _line_hook)(probe, chosen)
        _calibrate_lines(probe, chosen, switch_on)
        prepare = _decorator(chosen, directory)
    else:
        native = bool(options & _NATIVE)
        switch_on = _monitor(probe, native) if is_new else _hook(probe)
        _calibrate(probe, switch_on, native)
        import atexit

        atexit.register(_tell_names, probe)
        atexit.register(_check_greenlets, probe)
    with open("/proc/self/cmdline", "rb") as file:
        probe.describe(file.read())
    return prepare


def _prepare(directory, prepare):
    """Runs the user's own preparations, in the first process only. If they fail there is no run."""
    import os

    try:
        os.close(os.open(directory + "/prepared", os.O_CREAT | os.O_EXCL))
    except OSError:
        return
    try:
        prepare()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)


def _step_aside(directory):
    """Lets the interpreter look for the program's own sitecustomize, as if we had not been."""
    sys.path[:] = [entry for entry in sys.path if entry != directory]
    sys.path_importer_cache.pop(directory, None)
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        # `site` takes this for "there is none", and the import takes our module away.
        sys.modules["sitecustomize"] = own
        raise


_directory = __file__.rpartition("/")[0]
_last = None
try:
    _last = _start(_directory)
except Exception as _error:
    _tell(_directory, str(_error))
try:
    _step_aside(_directory)
finally:
    if _last is not None:
        _prepare(_directory, _last)
