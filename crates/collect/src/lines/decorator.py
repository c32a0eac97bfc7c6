"""`profile`, for programs that pitstop times line by line.

The bootstrap loads this file as the module `_pitstop_lines`, before the program starts, and calls
`install`. A decorated function stays the very object that it was: what is timed is its
code, so there is no wrapper, no cost at the call, and nothing that pickle or inspect could see.
"""
import builtins
import sys

# Nothing else is imported: the program shall find in sys.modules what it would find without us.
_Function = type(lambda: None)
_Method = type(type("", (), {"method": lambda self: None})().method)
_ModuleSpec = type(sys.__spec__)

_time_lines = None


def _functions(thing, seen):
    """The plain functions inside whatever may be decorated."""
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, _Function):
        yield thing
        # A decorator below ours may have wrapped what the user means.
        yield from _functions(_attribute(thing, "__wrapped__"), seen)
    elif isinstance(thing, (classmethod, staticmethod, _Method)):
        yield from _functions(thing.__func__, seen)
    elif isinstance(thing, property):
        for part in (thing.fget, thing.fset, thing.fdel):
            yield from _functions(part, seen)
    elif isinstance(thing, type):
        for part in list(vars(thing).values()):
            # A class that a class attribute names is not part of it, one written inside it is.
            if not isinstance(part, type) or part.__qualname__.startswith(thing.__qualname__ + "."):
                yield from _functions(part, seen)
    else:
        # cached_property, partial, partialmethod, lru_cache.
        for name in ("func", "__wrapped__"):
            yield from _functions(_attribute(thing, name), seen)


def _attribute(thing, name):
    """An attribute that can be had without running code of the program's, or None."""
    try:
        return object.__getattribute__(thing, name)
    except AttributeError:
        return None


class Profile:
    """What `@profile` is while pitstop times lines. Has the methods of kernprof's.

    What was chosen is timed from then on; enable() and disable() change nothing.
    """

    def __call__(self, thing):
        """Chooses a function, a method of any kind, a property or a class; returns it unchanged."""
        self.add_callable(thing)
        return thing

    wrap_callable = __call__

    def add_callable(self, thing, *_, **__):
        """Chooses all functions in `thing`; returns how many were found."""
        count = 0
        for function in _functions(thing, {}):
            _time_lines(function.__code__)
            count += 1
        return count

    add_function = add_callable
    add_class = add_callable

    def add_module(self, module, *_, **__):
        """Chooses all functions and classes that a module defines itself."""
        own = [
            thing for thing in list(vars(module).values())
            if getattr(thing, "__module__", None) == module.__name__
        ]
        return sum(self.add_callable(thing) for thing in own)

    def enable(self, *_, **__):
        """Is always on."""

    disable = enable_by_count = disable_by_count = enable
    # The result is printed and written when the program has ended.
    print_stats = dump_stats = enable

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def runcall(self, function, *arguments, **keywords):
        """Calls a function."""
        return function(*arguments, **keywords)

    def run(self, text):
        """Executes a text as the main program would."""
        main = sys.modules["__main__"].__dict__
        return self.runctx(text, main, main)

    def runctx(self, text, globals, locals):
        """Executes a text."""
        exec(text, globals, locals)
        return self


profile = Profile()


class _Finder:
    """Makes `from line_profiler import profile` ours, whether that package is installed or not; and
    `from pitstop import profile` work where our own package is not installed."""

    def find_spec(self, name, path, target=None):
        if name not in ("line_profiler", "pitstop"):
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is None:
                continue
            # Our own package knows where to look for us.
            if name == "line_profiler" and hasattr(spec.loader, "exec_module"):
                spec.loader = _Overwriting(spec.loader)
            return spec
        return _ModuleSpec(name, _Standing())


class _Overwriting:
    """Loads the installed line_profiler, then tells it whose profiler to use, as kernprof does."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        spec = module.__spec__
        spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        theirs = getattr(module, "profile", None)
        overwrite = getattr(theirs, "_kernprof_overwrite", None)
        if overwrite is not None:
            overwrite(profile)
        else:
            module.profile = profile


class _Standing:
    """A package that is not installed has `profile` all the same, as under kernprof."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.profile = profile


def install(time_lines):
    """Makes `profile` known to the program. `time_lines(code)` times the lines of a code object
    from now on."""
    global _time_lines
    _time_lines = time_lines
    builtins.profile = profile
    sys.meta_path.insert(0, _Finder())


def set_up(path):
    """Runs kernprof's setup file, if there is one: as `__main__`, with its directory on sys.path."""
    if path is None:
        return
    sys.path.insert(0, path.rpartition("/")[0])
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    exec(code, {"__file__": path, "__name__": "__main__", "__builtins__": builtins})
