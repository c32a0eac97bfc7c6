"""Where a pattern is compiled again and again, and where it is not."""
import re
from re import search
from somewhere import show

WORD = re.compile(r"\w+")


def numbered(lines):
    count = 0
    for line in lines:
        if re.match(r"\d+ ", line):  # expect: PS106
            count += 1
    return count


def with_flags(lines):
    return [re.sub(r"a+", "b", line, count=1, flags=re.I | re.M) for line in lines]  # expect: PS106


def compiled(lines):
    for line in lines:
        pattern = re.compile("x+")  # expect: PS106
        show(pattern.split(line))


def by_name(lines):
    for line in lines:
        show(search("y+", line))  # expect: PS106


def given(lines, pattern):
    for line in lines:
        show(re.split(pattern, line, 1))  # expect: PS106


def of_the_module(lines):
    for line in lines:
        show(WORD.match(line))  # ok: compiled once


def once(line):
    return re.match(r"\d+", line)  # ok: no loop


def another_each_time(patterns, line):
    return [re.match(pattern, line) for pattern in patterns]  # ok: another pattern


def put_together(names, line):
    for name in names:
        show(re.search(f"{name}=", line))  # ok: another pattern


def of_another(lines, re):
    for line in lines:
        show(re.match("x", line))  # ok: not the module
