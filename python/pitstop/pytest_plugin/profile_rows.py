"""The rows of a cProfile, as they are shown and saved."""
import os

# How a row is ordered by each column; times and counts from large to small.
_ASCENDING = {"function_name"}


def _place(function):
    file, line, name = function
    # The last two parts are enough to know a file by.
    parts = file.replace(os.sep, "/").split("/")
    return "{}:{}({})".format("/".join(parts[-2:]), line, name)


def rows_of(stats, column=None, count=None):
    """One dictionary a function, the first by `column` first, at most `count` of them."""
    rows = []
    for function, (primitive, calls, own, total, _) in stats.stats.items():
        rows.append({
            "ncalls_recursion": str(calls) if calls == primitive else "{}/{}".format(calls, primitive),
            "ncalls": calls,
            "tottime": own,
            "tottime_per": own / calls if calls else 0,
            "cumtime": total,
            "cumtime_per": total / primitive if primitive else 0,
            "function_name": _place(function),
        })
    column = column or "cumtime"
    # The text of a count with recursion sorts as the count does.
    key = "ncalls" if column == "ncalls_recursion" else column
    rows.sort(key=lambda row: row[key], reverse=key not in _ASCENDING)
    return rows if count is None else rows[:count]
