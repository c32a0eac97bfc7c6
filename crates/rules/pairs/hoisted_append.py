def setup(n):
    return list(range(n))


def slow(data):
    out = []
    append = out.append
    for value in data:
        append(value)
    return out


def fast(data):
    out = []
    for value in data:
        out.append(value)
    return out
