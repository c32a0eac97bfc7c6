from collections import deque


def setup(n):
    return list(range(n))


def slow(data):
    queue = list(data)
    total = 0
    while queue:
        total += queue.pop(0)
    return total


def fast(data):
    queue = deque(data)
    total = 0
    while queue:
        total += queue.popleft()
    return total
