"""Which benchmarks share a table."""


def _param(benchmark, name):
    params = benchmark.get("params") or {}
    return "{}={}".format(name, params[name]) if name in params else ""


def _function(name):
    return (name or "").split("[")[0]


def label_of(benchmark, wanted):
    """A benchmark's label in one respect."""
    if wanted == "group":
        return benchmark["group"]
    if wanted in ("name", "fullname", "param"):
        return benchmark[wanted]
    if wanted == "func":
        return _function(benchmark["name"])
    if wanted == "fullfunc":
        return _function(benchmark["fullname"])
    if wanted.startswith("param:"):
        return _param(benchmark, wanted[len("param:"):])
    raise NotImplementedError(
        "cannot group by {!r}: group, name, func, fullname, fullfunc, param and param:NAME are known".format(wanted))


def grouped(benchmarks, group_by):
    """Pairs of a label and its benchmarks, by label."""
    groups = {}
    for benchmark in benchmarks:
        labels = [label_of(benchmark, wanted.strip()) for wanted in group_by.split(",")]
        known = [str(label) for label in labels if label is not None and label != ""]
        groups.setdefault(" ".join(known) if known else None, []).append(benchmark)
    return sorted(groups.items(), key=lambda pair: pair[0] or "")
