def setup(n):
    return list(range(n)), range(n, n + 20)


def slow(data):
    items, wanted = data
    known = list(items)
    hits = 0
    for value in wanted:
        for _ in range(50):
            if value in known:
                hits += 1
    return hits


def fast(data):
    items, wanted = data
    known = set(items)
    hits = 0
    for value in wanted:
        for _ in range(50):
            if value in known:
                hits += 1
    return hits
