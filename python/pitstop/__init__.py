"""What a program may say to Pitstop, the performance workbench.

    from pitstop import profile

    @profile
    def slow():
        ...

While `pitstop lines --exact` runs the program, the lines of such functions are timed. At any other
time `profile` returns what it is given, and costs nothing at the call.
"""
import sys

__all__ = ["profile"]


class _Off:
    """`profile` when nobody measures: has the same methods, and they do nothing."""

    def __call__(self, thing):
        return thing

    wrap_callable = __call__

    def add_callable(self, *_, **__):
        return 0

    add_function = add_class = add_module = add_callable

    def enable(self, *_, **__):
        pass

    disable = enable_by_count = disable_by_count = enable
    print_stats = dump_stats = enable

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def runcall(self, function, *arguments, **keywords):
        return function(*arguments, **keywords)

    def run(self, text):
        main = sys.modules["__main__"].__dict__
        return self.runctx(text, main, main)

    def runctx(self, text, globals, locals):
        exec(text, globals, locals)
        return self


_measuring = sys.modules.get("_pitstop_lines")
profile = _Off() if _measuring is None else _measuring.profile
