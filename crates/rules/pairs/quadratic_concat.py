def setup(n):
    return [list(range(10)) for _ in range(n)]


def slow(data):
    return sum(data, [])


def fast(data):
    return [item for part in data for item in part]
