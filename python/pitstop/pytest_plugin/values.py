"""What the values of options mean: each function takes the text and returns the value, or says what is wrong."""
import argparse
import importlib
import platform
import re
import time
from decimal import Decimal

from .regressions import DifferenceRegressionCheck, PercentageRegressionCheck

ALL_COLUMNS = ("min", "max", "mean", "stddev", "median", "iqr", "outliers", "ops", "rounds", "iterations")
SORTS = ("min", "max", "mean", "stddev", "name", "fullname")
CPROFILE_COLUMNS = ("ncalls_recursion", "ncalls", "tottime", "tottime_per", "cumtime", "cumtime_per", "function_name")
# What a file name may not have on one system or another.
FORBIDDEN_IN_NAMES = "/:*?<>|\\"

_LIMIT = re.compile(r"(min|max|mean|median|stddev|iqr):(\d+(?:\.\d*)?|\.\d+)(%?)(?:$)")


class NameWrapper:
    """A function that shows itself by its dotted name, as users wrote it."""

    def __init__(self, target):
        self.target = target

    def __str__(self):
        return "{}.{}".format(getattr(self.target, "__module__", None) or "", self.target.__name__).lstrip(".")

    __repr__ = __str__

    def __call__(self, *arguments, **keywords):
        return self.target(*arguments, **keywords)


def wrong(text):
    """The error that the command line shows beside the option's name."""
    return argparse.ArgumentTypeError(text)


def parse_seconds(text):
    """A number of seconds that is kept as it was written."""
    try:
        return Decimal(text).to_eng_string()
    except Exception as error:
        raise wrong("Invalid decimal value {!r}: {!r}".format(text, error)) from None


def parse_fraction(text):
    """A number between 0 and 1, neither included."""
    try:
        value = float(text)
    except ValueError as error:
        raise wrong(str(error)) from None
    if not 0 < value < 1:
        raise wrong("{!r} is not between 0 and 1.".format(text))
    return value


def parse_rounds(text):
    """A number of rounds."""
    try:
        value = int(text)
    except ValueError as error:
        raise wrong(str(error)) from None
    if value < 1:
        raise wrong("Value for --benchmark-rounds must be at least 1.")
    return value


def parse_timer(text):
    """A clock, by its dotted name."""
    module, dot, name = str(text).rpartition(".")
    if not dot:
        raise wrong("Value for --benchmark-timer must be in dotted form. Eg: 'module.attr'.")
    # The clocks of PEP 418 were a module of its own before Python had them.
    module = "time" if module == "pep418" else module
    try:
        return NameWrapper(getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise wrong("No timer {!r}: {}.".format(text, error)) from None


def parse_warmup(text):
    """True if functions are to be warmed up; `auto` where a just-in-time compiler needs it."""
    text = text.strip().lower()
    if text == "auto":
        return platform.python_implementation() == "PyPy"
    if text in ("off", "no", "false"):
        return False
    if text in ("", "on", "yes", "true"):
        return True
    raise wrong("Could not parse value: {!r}.".format(text))


def parse_sort(text):
    """A column to sort by."""
    key = text.lower()
    if key not in SORTS:
        known = ", ".join(map(repr, SORTS))
        raise wrong("Unacceptable value: {!r}. Value for --benchmark-sort must be one of: {}.".format(text, known))
    return key


def parse_columns(text):
    """Columns of the table, in order."""
    names = [name.strip() for name in text.lower().split(",")]
    unknown = [name for name in names if name not in ALL_COLUMNS]
    if unknown:
        known = ", ".join(ALL_COLUMNS)
        raise wrong("Invalid column name(s): {}. The only valid column names are: {}".format(", ".join(unknown), known))
    return names


def parse_cprofile(text):
    """A column of cProfile to sort by."""
    key = text.lower()
    if key not in CPROFILE_COLUMNS:
        known = ", ".join(map(repr, CPROFILE_COLUMNS))
        raise wrong("Unacceptable value: {!r}. Value must be one of: {}.".format(text, known))
    return key


def parse_cprofile_loops(text):
    """How often cProfile runs the function: a number, or `auto` for as often as a round does."""
    if text == "auto":
        return None
    try:
        value = int(text)
    except ValueError as error:
        raise wrong(str(error)) from None
    if value < 1:
        raise wrong("{!r} loops measure nothing: at least 1.".format(text))
    return value


def parse_save(text):
    """A name for a saved run."""
    if not text:
        raise wrong("Can't be empty.")
    bad = "".join(character for character in text if character in FORBIDDEN_IN_NAMES)
    if bad:
        raise wrong("Must not contain any of these characters: {} (it has {!r})".format(FORBIDDEN_IN_NAMES, bad))
    return text


def parse_compare_fail(text):
    """A limit to how much a statistic may grow: `mean:5%`, or `max:0.001` in seconds."""
    match = _LIMIT.match(text)
    if match is None:
        raise wrong("Could not parse value: {!r}.".format(text))
    field, number, percent = match.groups()
    check = PercentageRegressionCheck if percent else DifferenceRegressionCheck
    return check(field, float(number))


def parse_storage(text):
    """Where runs are saved: a directory, with or without `file://` before it."""
    if re.match(r"elasticsearch\+https?://", text):
        raise wrong(
            "{!r} is a server, and Pitstop saves to directories only: name one, or use --benchmark-json "
            "and send the file there yourself.".format(text)
        )
    return text[len("file://"):] if text.startswith("file://") else text


def default_prefix():
    """What files are called when nobody says."""
    return time.strftime("benchmark_%Y%m%d_%H%M%S")
