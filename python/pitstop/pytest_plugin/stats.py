"""Statistics of rounds, by the definitions that saved runs of pytest-benchmark have."""
import math

from .profile_rows import rows_of

FIELDS = (
    "min", "max", "mean", "stddev", "rounds", "median", "iqr", "q1", "q3", "iqr_outliers", "stddev_outliers",
    "outliers", "ld15iqr", "hd15iqr", "ops", "total",
)


def _middle(ordered):
    """The median of what is sorted already."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


class _Figure:
    """A property that is computed once and stays until there is another round."""

    def __init__(self, compute):
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, stats, owner):
        if stats is None:
            return self
        known = stats._figures
        if self.name not in known:
            known[self.name] = self.compute(stats)
        return known[self.name]


class Stats:
    """Seconds of one iteration, a number a round."""

    fields = FIELDS

    def __init__(self):
        self.data = []
        self._figures = {}

    def __bool__(self):
        return bool(self.data)

    def update(self, duration):
        """One more round."""
        self.data.append(duration)
        if self._figures:
            self._figures = {}

    def extend(self, durations):
        """Many more rounds."""
        self.data.extend(durations)
        self._figures = {}

    def as_dict(self):
        """All statistics by name."""
        return {field: getattr(self, field) for field in FIELDS}

    @_Figure
    def sorted_data(self):
        return sorted(self.data)

    @_Figure
    def total(self):
        return sum(self.data)

    @_Figure
    def min(self):
        return self.sorted_data[0]

    @_Figure
    def max(self):
        return self.sorted_data[-1]

    @_Figure
    def mean(self):
        return math.fsum(self.data) / len(self.data)

    @_Figure
    def stddev(self):
        if len(self.data) < 2:
            return 0
        mean = self.mean
        return math.sqrt(math.fsum((value - mean) ** 2 for value in self.data) / (len(self.data) - 1))

    @_Figure
    def rounds(self):
        return len(self.data)

    @_Figure
    def median(self):
        return _middle(self.sorted_data)

    @_Figure
    def _quartiles(self):
        ordered = self.sorted_data
        half, odd = divmod(len(ordered), 2)
        if len(ordered) == 1:
            return ordered[0], ordered[0]
        if not odd:
            return _middle(ordered[:half]), _middle(ordered[half:])
        # Half way between counting the median into both halves and into neither: a quarter of one neighbour
        # and three of the other.
        quarter, rest = divmod(half, 2)
        near, far = (quarter, quarter + 1) if rest else (quarter, quarter - 1)
        return (
            ordered[near] * 0.75 + ordered[far] * 0.25,
            ordered[-1 - near] * 0.75 + ordered[-1 - far] * 0.25,
        )

    @_Figure
    def q1(self):
        return self._quartiles[0]

    @_Figure
    def q3(self):
        return self._quartiles[1]

    @_Figure
    def iqr(self):
        return self.q3 - self.q1

    @_Figure
    def _fences(self):
        return self.q1 - 1.5 * self.iqr, self.q3 + 1.5 * self.iqr

    @_Figure
    def iqr_outliers(self):
        low, high = self._fences
        return sum(not low <= value <= high for value in self.data)

    @_Figure
    def stddev_outliers(self):
        low, high = self.mean - self.stddev, self.mean + self.stddev
        return sum(not low <= value <= high for value in self.data)

    @_Figure
    def outliers(self):
        return "{};{}".format(self.stddev_outliers, self.iqr_outliers)

    @_Figure
    def ld15iqr(self):
        low = self._fences[0]
        return next(value for value in self.sorted_data if value >= low)

    @_Figure
    def hd15iqr(self):
        high = self._fences[1]
        return next(value for value in reversed(self.sorted_data) if value <= high)

    @_Figure
    def ops(self):
        return len(self.data) / self.total if self.total else 0


class Metadata:
    """A benchmark: who it is, its options, and its rounds."""

    def __init__(self, fixture, iterations, options):
        self.name = fixture.name
        self.fullname = fixture.fullname
        self.group = fixture.group
        self.param = fixture.param
        self.params = fixture.params
        self.extra_info = fixture.extra_info
        self.cprofile_stats = fixture.cprofile_stats
        self.iterations = iterations
        self.stats = Stats()
        self.options = options
        self.fixture = fixture

    def __bool__(self):
        return bool(self.stats)

    def get(self, key, default=None):
        """A statistic or a property by name."""
        return getattr(self.stats, key, getattr(self, key, default))

    def __getitem__(self, key):
        value = self.get(key, self)
        if value is self:
            raise KeyError(key)
        return value

    @property
    def has_error(self):
        return self.fixture.has_error

    def update(self, duration):
        """One more round that took so many seconds."""
        self.stats.update(duration / self.iterations)

    def as_dict(self, include_data=True, flat=False, stats=True, cprofile=None):
        """What is saved of it; `flat` puts statistics beside the name instead of under it."""
        options = {
            key: value.__name__ if callable(getattr(value, "__call__", None)) and hasattr(value, "__name__")
            else str(value).rpartition(".")[2] if callable(value) else value
            for key, value in self.options.items()
        }
        result = {
            "group": self.group,
            "name": self.name,
            "fullname": self.fullname,
            "params": self.params,
            "param": self.param,
            "extra_info": self.extra_info,
            "options": options,
        }
        if self.cprofile_stats:
            result["cprofile"] = rows_of(self.cprofile_stats, cprofile, self.options.get("cprofile_top", 25))
        if stats:
            numbers = self.stats.as_dict()
            if include_data:
                numbers["data"] = self.stats.data
            numbers["iterations"] = self.iterations
            result.update(numbers) if flat else result.update(stats=numbers)
        return result


def normalize_stats(stats):
    """Gives old saved runs the fields they lack, and returns them."""
    if "ops" not in stats:
        stats["ops"] = 1 / stats["mean"] if stats["mean"] else 0
    if "total" not in stats:
        stats["total"] = stats["mean"] * stats["rounds"]
    for field in ("ld15iqr", "hd15iqr"):
        stats.setdefault(field, stats["min" if field == "ld15iqr" else "max"])
    return stats
