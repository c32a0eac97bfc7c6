import re

_PATTERN = re.compile(r"(\d+) (\w+)")


def setup(n):
    return ["%08d some words" % number for number in range(n)]


def slow(data):
    count = 0
    for text in data:
        if re.match(r"(\d+) (\w+)", text):
            count += 1
    return count


def fast(data):
    count = 0
    for text in data:
        if _PATTERN.match(text):
            count += 1
    return count
