"""Values of options, whoever parsed them: where `--pitstop` takes over, pytest-benchmark has, in its own way."""
from pathlib import Path

from .values import parse_timer


def last(value):
    """Of an option that may be repeated, what was said last."""
    if isinstance(value, (list, tuple)):
        return value[-1] if value else None
    return value


def timer(value):
    """A clock, by itself or by its name."""
    return parse_timer(value) if isinstance(value, str) else value


def path(value):
    """A path, by itself, as text, or of a file that was opened already."""
    if value is None:
        return None
    if hasattr(value, "close"):
        value.close()
        value = value.name
    return Path(str(value))
