"""Where everything is sorted for a few, and where it is not."""
import heapq


def cheapest(offers):
    return sorted(offers)[0]  # expect: PS105


def dearest(offers):
    return sorted(offers, key=lambda offer: offer.price)[-1]  # expect: PS105


def newest(rows):
    return sorted((row.date for row in rows), reverse=True)[0]  # expect: PS105


def podium(times):
    return sorted(times)[:3]  # expect: PS105


def slowest(times):
    return sorted((time for time in times), reverse=True)[:3]  # expect: PS105


def some(times, k):
    return sorted(times)[:k]  # expect: PS105


def median(times):
    return sorted(times)[len(times) // 2]  # ok: the middle


def all_but_one(times):
    return sorted(times)[:-1]  # ok: nearly all


def rest(times):
    return sorted(times)[1:]  # ok: nearly all


def kept(times):
    order = sorted(times)
    return order[0], order  # ok: the order is needed


def table(sorted):
    return sorted["x"][0]  # ok: another sorted
