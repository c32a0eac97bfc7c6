"""`import pytest_benchmark` where that package is not installed.

Suites name its classes in annotations and its functions in `conftest.py`. They find ours under the same
names; of its modules there are those whose content is documented or commonly imported.
"""
import importlib.machinery
import importlib.util
import sys
import types

PACKAGE = "pytest_benchmark"


def is_installed():
    """True if the real one can be imported."""
    if PACKAGE in sys.modules:
        return not getattr(sys.modules[PACKAGE], "is_pitstop", False)
    return importlib.util.find_spec(PACKAGE) is not None


def install():
    """Makes the names importable."""
    from . import fixture, histogram, hooks, logger, plugin, session, stats, storage, table, utilities

    def module(name, **content):
        made = types.ModuleType(name, __doc__)
        made.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        made.__path__ = []
        made.__dict__.update(content)
        return made

    parts = {
        "fixture": fixture, "histogram": histogram, "hookspec": hooks, "logger": logger, "plugin": plugin,
        "session": session, "stats": stats, "table": table, "utils": utilities,
        "storage": module(PACKAGE + ".storage", file=storage),
    }
    sys.modules[PACKAGE] = module(PACKAGE, is_pitstop=True, __version__=plugin.__version__, **parts)
    for name, part in parts.items():
        sys.modules["{}.{}".format(PACKAGE, name)] = part
    sys.modules[PACKAGE + ".storage.file"] = storage
