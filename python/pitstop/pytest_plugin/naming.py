"""How benchmarks are called in tables: their name, and where a saved one comes from."""


def _source(benchmark, length=None):
    source = benchmark.get("source")
    return "" if not source else " ({})".format(source[:length])


def short(benchmark):
    """Without `test_`, with the number of the saved run."""
    name = benchmark["name"]
    return (name[len("test_"):] if name.startswith("test_") else name) + _source(benchmark, 4)


def normal(benchmark):
    """With the number of the saved run and the begin of its commit."""
    return benchmark["name"] + _source(benchmark, 12)


def long(benchmark):
    """With the test's file, and the whole name of the saved run."""
    return benchmark["fullname"] + _source(benchmark)


def trial(benchmark):
    """The number of the saved run alone, where that tells all."""
    return (benchmark.get("source") or benchmark["name"])[:4] if benchmark.get("source") else benchmark["name"]


NAME_FORMATTERS = {"short": short, "normal": normal, "long": long, "trial": trial}
