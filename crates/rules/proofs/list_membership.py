"""Where `in` on a list is found, and where it is not."""
from somewhere import load, show

COLOURS = ["red", "green", "blue"]
WORDS = [word for word in load()]


def grows(rows):
    seen = []
    for row in rows:
        if row not in seen:  # expect: PS101
            seen.append(row)


def is_returned(rows):
    seen = []
    for row in rows:
        if row not in seen:  # expect: PS101
            seen.append(row)
    return seen


def in_a_comprehension(rows):
    known = list(load())
    return [row for row in rows if row in known]  # expect: PS101


def of_the_module(rows):
    return sum(1 for row in rows if row in WORDS)  # expect: PS101


def declared(rows, known: list[str]):
    while rows:
        if rows.pop() in known:  # expect: PS101
            show(rows)


def annotated(rows):
    seen: list[int] = [1, 2]
    for row in rows:
        if row in seen:  # expect: PS101
            continue
        seen.extend(row.ids)


def few(rows):
    return [row for row in rows if row in COLOURS]  # ok: three items


def set_already(rows):
    seen = set()
    for row in rows:
        if row not in seen:  # ok: a set
            seen.add(row)


def made_each_time(rows):
    for row in rows:
        parts = row.split()
        names = [part for part in parts]
        if "x" in names:  # ok: searched once
            show(row)


def once(rows):
    known = list(load())
    return rows[0] in known  # ok: no loop


def unknown(rows, known):
    return [row for row in rows if row in known]  # ok: may be anything


def text(rows):
    word = "abc"
    return [row for row in rows if row in word]  # ok: a text


def other_function(rows):
    known = []
    for row in rows:
        show(lambda: row in known)  # ok: it runs elsewhere
