"""A program that knows what should be read out of it, and says so before it says "ready"."""

import collections
import ctypes
import enum
import linecache
import socket
import sys
import threading

CHARS = 120
ITEMS = 10


def say(*words):
    print(*words, sep="\t")


def cut(text):
    return text if len(text) <= CHARS else text[: CHARS - 1] + "…"


Point = collections.namedtuple("Point", "x y")


class Color(enum.IntEnum):
    RED = 1


class Outer:
    class Inner:
        pass


class Record:
    def __init__(self, first, second):
        self.first = first
        self.second = second


class Name(str):
    pass


# Threads, whose attributes are kept in every way there is.


class Worker(threading.Thread):
    """A subclass with attributes of its own."""

    def __init__(self, name, extra):
        super().__init__(name=name, daemon=True)
        for index in range(extra):
            setattr(self, "extra%d" % index, index)


def start_threads():
    wait = threading.Event()
    kept = []
    for index in range(40):
        kept.append(threading.Thread(target=wait.wait, name="łódź 日本 🐢 %d" % index, daemon=True))
    renamed = threading.Thread(target=wait.wait, daemon=True)
    renamed.name = "renamed"
    with_dict = threading.Thread(target=wait.wait, name="with a dict", daemon=True)
    vars(with_dict)["added"] = 1
    replaced = threading.Thread(target=wait.wait, name="with another dict", daemon=True)
    replaced.__dict__ = dict(vars(replaced))
    long_name = threading.Thread(target=wait.wait, name="x" * 300, daemon=True)
    odd = threading.Thread(target=wait.wait, name=Name("a name of its own"), daemon=True)
    kept += [renamed, with_dict, replaced, long_name, odd]
    for extra in (0, 3, 60):
        worker = Worker("worker %d" % extra, extra)
        worker.run = wait.wait
        kept.append(worker)
    for thread in kept:
        thread.start()
    for thread in threading.enumerate():
        name = thread.name
        say("thread", thread.ident, name if len(name) <= 256 else name[:256] + "…")
    return kept


# Source texts.


def register_texts():
    def register(cache, key, name, lines):
        cache[key] = (sum(map(len, lines)), None, lines, name)

    for name, lines in [
        ("<cell 1>", ["x = 1\n", "print(x)\n"]),
        ("<żółw>", ["# 日本\n", "turtle = '🐢'\n", "\n", "é"]),
        ("<long>", ["value_%d = %d\n" % (index, index) for index in range(5000)]),
        ("<empty>", []),
    ]:
        register(linecache.cache, name, name, lines)
        say("text", name, len("".join(lines)), "".join(lines).splitlines()[-1:])
    linecache.cache["<lazy>"] = (lambda: "",)
    register(linecache.cache, "<not lines>", "<not lines>", [])
    linecache.cache["<not lines>"][2].append(7)
    register(linecache.cache, "<too long>", "<too long>", ["x" * (5 << 20)])
    register(linecache.cache, "<unwanted>", "<unwanted>", ["secret"])
    linecache.cache["<no list>"] = (0, None, "text", "<no list>")
    if hasattr(linecache, "_interactive_cache"):
        for key in [("f", 1), ("g", 2)]:
            register(linecache._interactive_cache, key, "<input>", ["def f():\n", "    pass\n"])
        say("text", "<input>", 18, ["    pass"])


# Variables.


def crowd(ready):
    """A function of a hundred variables."""
    names = ["v%02d" % index for index in range(100)]
    body = "".join("    %s = %d\n" % (name, index) for index, name in enumerate(names))
    space = {}
    exec("def crowded(ready, wait):\n%s    ready.set()\n    wait()\n" % body, space)
    space["crowded"](ready, threading.Event().wait)


def outer():
    free = "free"
    unset_free = 0
    del unset_free

    def work(argument, captured, default=2, *rest, keyword=None, **more):
        def inner():
            return captured, cell, free, unset_cell, unset_free

        cell = [1]
        none, yes, no, dots, not_implemented = None, True, False, ..., NotImplemented
        numbers = [0, 7, -1, 123456789012345678901234567890, 1 << 30, -(1 << 60), (1 << 30) - 1]
        many_digits, most_digits = -(10**90), 10**300
        giant = 1 << 100000
        half, floats = 0.5, [3.0, 1e-7, 1e16, -1.5e300, float("inf"), float("nan")]
        plain, texts = "plain", ["", "é", "日本", "🐢"]
        quotes, escapes, surrogate = "it's \"so\"", "a\\b\n\t\x00\x7f\u200b", "\udc80"
        endless = "x" * 500
        raw, raw_quotes = b"\x00\xffraw\n", b"it's"
        items, no_items, pair, single, no_pair = [1, "two", 3.0], [], (1, 2), (1,), ()
        table, by_number, no_table = {"a": 1, "b": [2]}, {1: "one", (2,): "two"}, {}
        attributes = vars(Record(1, "two"))
        thinned = {index: index for index in range(1000)}
        for thinned_index in range(998):
            del thinned[thinned_index]
        few, frozen, no_set = {1, 2, 3}, frozenset(["x"]), set()
        removed = {1, 2, 3}
        removed.discard(2)
        many = list(range(100))
        deep = [[[[1]]]]
        circle = [1]
        circle.append(circle)
        point, color, name = Point(1, "two"), Color.RED, Name("name")
        ordered = collections.OrderedDict(a=1)
        counter = collections.Counter("aa")
        connection = socket.socket()
        instance, error, class_, builtin = Outer.Inner(), ValueError("no"), Outer.Inner, int
        a_cell = inner.__closure__[0]
        say_locals(locals())
        say("ready", hex(RUNTIME), sys.version_info[1])
        sys.stdout.flush()
        sys.stdin.read()
        unset = unset_cell = 0

    work("first", {"captured": True}, 2, "rest", keyword="key", extra=1)


EXPECTED = {
    "giant": "<int of 100001 bits>",
    "many": "[%s, …]" % ", ".join(map(str, range(ITEMS))),
    "deep": "[[[[…]]]]",
    "circle": "[1, […]]",
    "point": "__main__.Point((1, 'two'))",
    "color": "__main__.Color(1)",
    "name": "__main__.Name('name')",
    "ordered": "collections.OrderedDict({'a': 1})",
    "counter": "collections.Counter({'a': 2})",
    "connection": "<socket.socket object>",
    "instance": "<__main__.Outer.Inner object>",
    "error": "<ValueError object>",
    "a_cell": "<cell object>",
    "inner": "<function object>",
}


def say_locals(values):
    for name, value in values.items():
        say("local", name, EXPECTED.get(name) or cut(repr(value)))


RUNTIME = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))

sys.stdout.reconfigure(encoding="utf-8")
ready = threading.Event()
threading.Thread(target=crowd, args=(ready,), daemon=True).start()
ready.wait()
threads = start_threads()
register_texts()
outer()
