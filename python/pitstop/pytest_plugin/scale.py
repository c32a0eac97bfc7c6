"""Units of times and rates."""

_SMALL = ((1e-6, "n", 1e9), (1e-3, "u", 1e6), (1.0, "m", 1e3))
_LARGE = ((1e6, "M", 1e-6), (1e3, "K", 1e-3))
# What `--benchmark-time-unit` may say.
TIME_UNITS = {"ns": ("n", 1e9), "us": ("u", 1e6), "ms": ("m", 1e3), "s": ("", 1.0)}


def time_unit(seconds):
    """The prefix and the factor that a time is shown best with."""
    for below, prefix, factor in _SMALL:
        if seconds < below:
            return prefix, factor
    return "", 1.0


def operations_unit(rate):
    """The same for a rate."""
    for least, prefix, factor in _LARGE:
        if rate >= least:
            return prefix, factor
    return "", 1.0


def unit_for(config, unit, best, worst, sort):
    """What the hook `pytest_benchmark_scale_unit` answers by itself."""
    if unit == "seconds":
        chosen = config.getoption("benchmark_time_unit", None)
        if chosen and chosen != "auto":
            return TIME_UNITS[chosen]
        return time_unit(best[sort if sort in best else "min"])
    if unit == "operations":
        return operations_unit(worst.get("ops", 0))
    raise RuntimeError("no unit is known for {!r}: only `seconds` and `operations`".format(unit))
