"""The hooks that a `conftest.py` may implement; names and arguments are those of pytest-benchmark."""
import pytest


@pytest.hookspec(firstresult=True)
def pytest_benchmark_scale_unit(config, unit, benchmarks, best, worst, sort):
    """Returns a prefix and a factor for `unit`, which is `seconds` or `operations`."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_machine_info(config):
    """Returns the dictionary that is saved as `machine_info`, instead of ours."""


def pytest_benchmark_update_machine_info(config, machine_info):
    """Changes `machine_info` in place."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_commit_info(config):
    """Returns the dictionary that is saved as `commit_info`, instead of ours."""


def pytest_benchmark_update_commit_info(config, commit_info):
    """Changes `commit_info` in place."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_group_stats(config, benchmarks, group_by):
    """Returns pairs of a label and a list of benchmarks, one pair a table."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_json(config, benchmarks, include_data, machine_info, commit_info):
    """Returns the document that is saved, instead of ours."""


def pytest_benchmark_update_json(config, benchmarks, output_json):
    """Changes the document in place before it is saved."""


def pytest_benchmark_compare_machine_info(config, benchmarksession, machine_info, compared_benchmark):
    """Judges whether the run that is compared with came from a machine like this one."""
