import heapq
import random


def setup(n):
    numbers = random.Random(7)
    return [numbers.random() for _ in range(n)]


def slow(data):
    return sorted(data)[:10]


def fast(data):
    return heapq.nsmallest(10, data)
