"""Where lists are added up by copying, and where they are not."""
from somewhere import keep, pages


def by_sum(lists):
    return sum(lists, [])  # expect: PS104


def by_sum_of_a_generator(rows):
    return sum((row.items for row in rows), start=[])  # expect: PS104


def by_assignment(rows):
    found = []
    for row in rows:
        found = found + [row]  # expect: PS104
    return found


def by_assignment_of_several(rows):
    found = []
    for row in rows:
        found = found + [row, -row]  # expect: PS104
    return found


def each_is_kept(rows):
    path = []
    for row in rows:
        path = path + [row]  # expect: PS104
        keep(path)


def of_a_tuple(rows):
    key = ()
    for row in rows:
        key += (row,)  # expect: PS104
    return key


def numbers(rows):
    return sum(rows, 0)  # ok: numbers


def in_place(rows):
    found = []
    for row in rows:
        found += [row]  # ok: in place


def begun_anew(rows):
    for row in rows:
        found = []
        found = found + [row]  # ok: new in each round
        keep(found)


def once(found):
    found = found + [1]  # ok: no loop
    return found


def own_sum(rows):
    def sum(rows, start):
        return start

    return sum(rows, [])  # ok: another sum
