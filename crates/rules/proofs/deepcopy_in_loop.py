"""Where deep copies are made in a loop, and where they are not."""
import copy
from copy import deepcopy as clone
from somewhere import show

DEFAULTS = {"name": ""}


def of_a_constant(names):
    for name in names:
        settings = copy.deepcopy(DEFAULTS)  # expect: PS107
        settings["name"] = name
        show(settings)


def of_each(rows):
    return [clone(row) for row in rows]  # expect: PS107


def once():
    return copy.deepcopy(DEFAULTS)  # ok: no loop


def shallow(rows):
    return [copy.copy(row) for row in rows]  # ok: shallow


def of_another(rows, copy):
    return [copy.deepcopy(row) for row in rows]  # ok: not the module
