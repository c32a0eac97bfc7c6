"""A plugin for pytest: the `benchmark` fixture, its options and hooks, as pytest-benchmark has them.

Which of the two measures:

- pytest-benchmark is not installed, or switched off by something else than its name: this one.
- Both are there: pytest-benchmark, and this one steps aside, so that installing Pitstop changes nothing.
- Both are there and `--pitstop` was said: this one; the other is taken out before it does anything.
- `-p no:benchmark`: neither.
"""
import pytest

from . import alias, budgets, trials

# Under the names that pytest-benchmark's plugin has, so that `hasplugin("benchmark")` is true of ours too.
_NAME = "benchmark"
_OTHER_NAME = "pytest_benchmark.plugin"
_OURS = "pitstop.pytest_plugin.plugin"


class _Placeholder:
    """Holds a name in the plugin manager, and does nothing."""


def _activate(pluginmanager, parser):
    """Makes this plugin the one that measures; `parser` gets the options unless they are there."""
    from . import options, plugin
    if pluginmanager.hasplugin(_OURS):
        return
    if parser is not None:
        options.pytest_addoption(parser)
    pluginmanager.register(plugin, _OURS)
    for name in (_NAME, _OTHER_NAME):
        if not pluginmanager.hasplugin(name) and not pluginmanager.is_blocked(name):
            pluginmanager.register(_Placeholder(), name)


def pytest_addoption(parser, pluginmanager):
    """Our own options; and if nobody else can, everything."""
    trials.add_options(parser)
    if not alias.is_installed() and not pluginmanager.is_blocked(_NAME):
        _activate(pluginmanager, parser)
        alias.install()


def _peer(pluginmanager):
    """The name that pytest-benchmark's plugin is registered by; `None` if it is not."""
    for name in (_NAME, _OTHER_NAME):
        plugin = pluginmanager.get_plugin(name)
        if plugin is not None and not isinstance(plugin, _Placeholder):
            return plugin
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config, parser):
    """All installed plugins are known by now, and none has been configured."""
    pluginmanager = early_config.pluginmanager
    if pluginmanager.hasplugin(_OURS):
        return
    known = early_config.known_args_namespace
    is_asked = trials.asked(lambda name: getattr(known, name, None))
    if pluginmanager.is_blocked(_NAME):
        if is_asked:
            raise pytest.UsageError("--pitstop measures, and `-p no:benchmark` switches that off: say one of the two")
        return
    peer = _peer(pluginmanager)
    if peer is None:
        # Installed, and not loaded: PYTEST_DISABLE_PLUGIN_AUTOLOAD or the like.
        _activate(pluginmanager, parser)
    elif is_asked:
        pluginmanager.unregister(peer)
        _activate(pluginmanager, None)


def pytest_configure(config):
    """Budgets are a marker of ours, whoever measures."""
    config.addinivalue_line("markers", budgets.MARKER_HELP)
