"""What a fixture costs, measured by the tests that use it; each writes one line of JSON to $PITSTOP_PROBE."""
import json
import os
import time

import pytest


def nothing():
    pass


def with_argument(number):
    pass


def probe(benchmark, name, run):
    start = time.perf_counter()
    run()
    wall_s = time.perf_counter() - start
    stats, iterations = benchmark.stats.stats, benchmark.stats.iterations
    # What the rounds took by their own clock; the rest of the time is the fixture's.
    inside_s = sum(stats.data) * iterations
    figures = {
        "name": name,
        "outside_ns": (wall_s - inside_s) / stats.rounds * 1e9,
        "inside_ns": stats.median * 1e9,
    }
    with open(os.environ["PITSTOP_PROBE"], "a") as file:
        file.write(json.dumps(figures) + "\n")


def test_one(benchmark):
    probe(benchmark, "one iteration", lambda: benchmark.pedantic(nothing, rounds=100000))


def test_argument(benchmark):
    probe(benchmark, "one with argument", lambda: benchmark.pedantic(with_argument, args=(1,), rounds=100000))


def test_many(benchmark):
    probe(benchmark, "1000 iterations", lambda: benchmark.pedantic(nothing, rounds=500, iterations=1000))


def test_setup(benchmark):
    made = (1,), {}
    probe(benchmark, "with setup", lambda: benchmark.pedantic(with_argument, setup=lambda: made, rounds=50000))


@pytest.mark.benchmark(max_time=0.25, disable_gc=True)
def test_automatic_without_collector(benchmark):
    probe(benchmark, "calibrated, no GC", lambda: benchmark(nothing))


@pytest.mark.benchmark(max_time=0.25)
def test_automatic(benchmark):
    probe(benchmark, "calibrated", lambda: benchmark(nothing))
