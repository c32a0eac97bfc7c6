"""What suites import from `pytest_benchmark.utils`, from where it is here."""
import types

from .commit import get_commit_info, get_project_name, get_tag
from .machine import get_machine_id
from .naming import NAME_FORMATTERS
from .regressions import DifferenceRegressionCheck, PercentageRegressionCheck, RegressionCheck
from .scale import operations_unit, time_unit
from .values import (
    NameWrapper, parse_columns, parse_compare_fail, parse_cprofile_loops, parse_rounds, parse_save, parse_seconds,
    parse_sort, parse_storage, parse_timer, parse_warmup)

__all__ = [
    "DifferenceRegressionCheck", "NAME_FORMATTERS", "NameWrapper", "PercentageRegressionCheck", "RegressionCheck",
    "clonefunc", "get_commit_info", "get_machine_id", "get_project_name", "get_tag", "operations_unit",
    "parse_columns", "parse_compare_fail", "parse_cprofile_loops", "parse_elasticsearch_storage", "parse_rounds",
    "parse_save", "parse_seconds", "parse_sort", "parse_timer", "parse_warmup", "time_unit",
]


def parse_elasticsearch_storage(text, *_):
    """Refuses: runs are saved to directories only."""
    return parse_storage("elasticsearch+" + text)


def clonefunc(function):
    """A function with a code object of its own, so that what the interpreter learns of one is not known of the
    other. Anything else is returned as it is.
    """
    if not isinstance(function, types.FunctionType):
        return function
    clone = types.FunctionType(
        function.__code__.replace(), function.__globals__, function.__name__, function.__defaults__,
        function.__closure__)
    clone.__kwdefaults__ = function.__kwdefaults__
    clone.__dict__.update(function.__dict__)
    return clone
