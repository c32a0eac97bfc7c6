"""Stopping when the mean is known well enough.

The margin is that of a normal mean over rounds of this one process. It is checked again and again, and
other processes differ, so it is a rule for when to stop and not a confidence to quote.
"""
import math
from statistics import NormalDist


class Precision:
    """Says after which round the mean's relative margin is small enough (Welford's running variance)."""

    def __init__(self, precision, confidence, min_rounds):
        self.precision = precision
        self.quantile = NormalDist().inv_cdf((1 + confidence) / 2)
        # One round has no spread.
        self.min_rounds = max(2, min_rounds)
        self.count = 0
        self.mean = 0.0
        self.squares = 0.0

    def enough(self, duration):
        """Takes one more round; true if it may be the last."""
        self.count += 1
        distance = duration - self.mean
        self.mean += distance / self.count
        self.squares += distance * (duration - self.mean)
        if self.count < self.min_rounds or self.mean <= 0:
            return False
        error = math.sqrt(self.squares / (self.count - 1) / self.count)
        return self.quantile * error <= self.precision * self.mean
