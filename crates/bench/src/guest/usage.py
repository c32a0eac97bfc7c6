"""Finds out which modules something was called of. CPython 3.8 to 3.15.

Lies as `sitecustomize.py` in a directory that comes first in PYTHONPATH, and steps aside for the
program's own. At the end of the program it writes into the file that PITSTOP_USAGE names: a line
for each module that was imported after the start, `c NAME` if something of it was called after its
own import, else `u NAME`; and `l NAME` for each that lazy imports never loaded.
"""

import atexit
import os
import sys

FUNCTION = 1  # inspect.CO_OPTIMIZED: functions have it, bodies of modules and classes do not
called = set()


def take(globals_of_caller, name):
    """Counts a call of something of a module, unless the module itself is still being imported."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "_initializing", False):
        return False
    if globals_of_caller is not None and globals_of_caller.get("__name__") == name:
        # Its own code calls: what let that code run has been counted.
        return True
    called.add(name)
    # `_bisect` is how `bisect` is written where it is fast.
    if name[:1] == "_" and name[1:] in sys.modules:
        called.add(name[1:])
    return True


def module_of(thing):
    name = getattr(thing, "__module__", None)
    if name is None:
        name = getattr(getattr(thing, "__objclass__", None), "__module__", None)
    return name if isinstance(name, str) else None


def watch_by_monitoring():
    monitoring = sys.monitoring
    events = monitoring.events
    frame_of = sys._getframe

    def started(code, offset):
        if code.co_flags & FUNCTION:
            name = frame_of(1).f_globals.get("__name__")
            if isinstance(name, str) and not take(None, name):
                return None
        return monitoring.DISABLE

    def calls(code, offset, thing, argument):
        name = module_of(thing)
        if name is not None and name != "builtins" and not take(frame_of(1).f_globals, name):
            return None
        return monitoring.DISABLE

    monitoring.use_tool_id(3, "pitstop")
    monitoring.register_callback(3, events.PY_START, started)
    monitoring.register_callback(3, events.CALL, calls)
    monitoring.set_events(3, events.PY_START | events.CALL)


def watch_by_profiling():
    import threading

    def event(frame, kind, argument):
        if kind == "call" and frame.f_code.co_flags & FUNCTION:
            name = frame.f_globals.get("__name__")
            if isinstance(name, str) and name not in called:
                take(None, name)
        elif kind == "c_call":
            name = module_of(argument)
            if name is not None and name != "builtins" and name not in called:
                take(frame.f_globals, name)

    threading.setprofile(event)
    sys.setprofile(event)


def report(path, before, pid):
    if os.getpid() != pid:
        return
    sys.setprofile(None)
    lazy = set(getattr(sys, "lazy_modules", ())) - set(sys.modules)
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        for name in list(sys.modules):
            if name not in before and "\n" not in name:
                file.write("%s %s\n" % ("c" if name in called else "u", name))
        for name in lazy:
            file.write("l %s\n" % name)


def begin():
    path = os.environ.pop("PITSTOP_USAGE", None)
    here = os.path.dirname(os.path.abspath(__file__))
    rest = os.environ.get("PYTHONPATH", "").split(os.pathsep)[1:]
    if rest and any(rest):
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    else:
        os.environ.pop("PYTHONPATH", None)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # the program's own
    except ImportError:
        pass
    if path is None:
        return
    # First in, last out: after everything else that runs at the end.
    atexit.register(report, path, set(sys.modules), os.getpid())
    if hasattr(sys, "monitoring"):
        watch_by_monitoring()
    else:
        watch_by_profiling()


begin()
