"""Limits to how much slower than a saved run a benchmark may be, and what is raised beyond them."""
import pytest


class PerformanceRegression(pytest.UsageError):
    """A benchmark is slower than its limits allow."""


class RegressionCheck:
    """A statistic and how much it may grow."""

    def __init__(self, field, threshold):
        self.field = field
        self.threshold = threshold

    def growth(self, now, before):
        """How much it has grown, in the unit of the threshold."""
        raise NotImplementedError

    def fails(self, current, compared):
        """What is wrong, in words; `None` if nothing is. Both are dictionaries of statistics."""
        growth = self.growth(current[self.field], compared[self.field])
        if growth <= self.threshold:
            return None
        kind = type(self).__name__
        return "Field {!r} has failed {}: {:.9f} > {:.9f}".format(self.field, kind, growth, self.threshold)


class PercentageRegressionCheck(RegressionCheck):
    """Growth in per cent of what it was."""

    def growth(self, now, before):
        if before == 0:
            return float("inf") if now > 0 else 0.0
        return (now - before) / before * 100


class DifferenceRegressionCheck(RegressionCheck):
    """Growth in seconds."""

    def growth(self, now, before):
        return now - before
