"""Budgets of single tests: `@pytest.mark.pitstop(median="2ms", ops=1000, compare_fail="mean:5%")`.

A marker of its own and not more keywords of `benchmark`, so that pytest-benchmark, which refuses keywords
that it does not know, can run the same tests.
"""
import re

from .values import parse_compare_fail

MARKER = "pitstop"
MARKER_HELP = (
    "pitstop(median=None, mean=None, max=None, min=None, stddev=None, iqr=None, ops=None, compare_fail=None): "
    "the budget of a benchmark. Times are seconds, or texts like '2ms'; `ops` is a least rate; `compare_fail` is "
    "'mean:5%' or a list of such, against --benchmark-compare. A test over its budget fails.")
TIMES = ("min", "max", "mean", "median", "stddev", "iqr")
_TIME = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(ns|us|µs|ms|s)\s*$")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def seconds_of(limit):
    """A limit in seconds."""
    if isinstance(limit, (int, float)) and not isinstance(limit, bool) and limit > 0:
        return float(limit)
    match = _TIME.match(limit) if isinstance(limit, str) else None
    if match is None or float(match.group(1)) == 0:
        raise ValueError("a time of a budget is a number of seconds or a text like '2ms', not {!r}".format(limit))
    return float(match.group(1)) * _UNITS[match.group(2)]


def shown(seconds):
    """A time for people."""
    for unit in ("ns", "µs", "ms"):
        if seconds < _UNITS[unit] * 1000:
            return "{:.4g} {}".format(seconds / _UNITS[unit], unit)
    return "{:.4g} s".format(seconds)


class Budget:
    """What one test may take."""

    def __init__(self, limits):
        self.times = {}
        self.ops = None
        self.checks = []
        for key, value in limits.items():
            if key in TIMES:
                self.times[key] = seconds_of(value)
            elif key == "ops":
                self.ops = float(value)
            elif key == "compare_fail":
                values = [value] if isinstance(value, str) else value
                self.checks = [parse_compare_fail(text) for text in values]
            else:
                known = ", ".join(TIMES + ("ops", "compare_fail"))
                raise ValueError("the marker `pitstop` does not know {!r}: it takes {}".format(key, known))

    def breaches(self, stats, saved):
        """What is wrong, a line each. `saved` has the dictionaries of statistics that are compared with."""
        lines = []
        for key, limit in self.times.items():
            value = getattr(stats, key)
            if value > limit:
                lines.append("{} {} is more than {}, by {:.0f} %".format(
                    key, shown(value), shown(limit), (value / limit - 1) * 100))
        if self.ops is not None and stats.ops < self.ops:
            lines.append("{:,.0f} operations a second are less than {:,.0f}, by {:.0f} %".format(
                stats.ops, self.ops, (1 - stats.ops / self.ops) * 100))
        for name, before in saved:
            for check in self.checks:
                failure = check.fails(stats.as_dict(), before)
                if failure:
                    lines.append("slower than {}: {}".format(name, failure))
        return lines


def budget_of(item):
    """The budget of a test, a class's and a module's included; `None` without one."""
    limits = {}
    for marker in reversed(list(item.iter_markers(MARKER))):
        if marker.args:
            raise ValueError("the marker `pitstop` takes keywords only, like median='2ms'")
        limits.update(marker.kwargs)
    return Budget(limits) if limits else None


def broken(item, fixture, session):
    """The message that the test fails with; `None` if it keeps its budget or measured nothing."""
    budget = budget_of(item)
    if budget is None or fixture.stats is None or not fixture.stats.stats.data:
        return None
    stats = fixture.stats.stats
    saved = [(str(path), run[fixture.fullname]["stats"]) for path, run in session.compared_mapping.items()
             if fixture.fullname in run]
    lines = budget.breaches(stats, saved)
    if not lines:
        return None
    facts = "of {} rounds of {} iterations: min {}, median {}, mean {}, max {}".format(
        stats.rounds, fixture.stats.iterations, *map(shown, (stats.min, stats.median, stats.mean, stats.max)))
    noise = fixture.noise
    if noise is not None and noise.waited_share is not None and noise.waited_share >= 0.02:
        facts += "; waited {:.0f} % of the time for a CPU that other programs had".format(noise.waited_share * 100)
    return "over budget: {}\n{}".format("\n             ".join(lines), facts)
