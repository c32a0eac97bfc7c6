"""Where the front of a list is used as that of a queue, and where it is not."""
from __future__ import annotations

from somewhere import visit


def breadth_first(start):
    queue = [start]
    while queue:
        node = queue.pop(0)  # expect: PS102
        queue.extend(visit(node))


def backwards(rows):
    newest = []
    for row in rows:
        newest.insert(0, row)  # expect: PS102
    for row in newest:
        visit(row)


def is_returned(rows):
    newest = []
    for row in rows:
        newest.insert(0, row)  # expect: PS102
    return newest


def deletes(rows):
    window = sorted(rows)
    for row in rows:
        del window[0]  # expect: PS102
        window.append(row)


class Log:
    def __init__(self):
        self.lines = []

    def add(self, lines):
        for line in lines:
            self.lines.insert(0, line)  # expect: PS102


def declared(todo: list[int]):
    while todo:
        visit(todo.pop(0))  # expect: PS102


def once(rows):
    todo = list(rows)
    return todo.pop(0)  # ok: no loop


def at_the_end(rows):
    todo = list(rows)
    while todo:
        visit(todo.pop())  # ok: the fast end


def of_a_dict(rows):
    table = {0: 1}
    for row in rows:
        visit(table.pop(0), row)  # ok: a dict


def header_of_each(rows):
    for row in rows:
        cells = row.split(",")
        visit(cells.pop(0), cells)  # ok: a new list each time


def unknown(todo):
    while todo:
        visit(todo.pop(0))  # ok: may be a dict
