"""Writes the outcome of each test, and of each file that could not be collected, to $PITSTOP_OUTCOMES."""
import os


def _write(outcome, name):
    with open(os.environ["PITSTOP_OUTCOMES"], "a") as file:
        file.write("{} {}\n".format(outcome, name))


def pytest_collectreport(report):
    # A file that cannot be imported fails; one that needs what is not installed skips.
    if report.outcome != "passed":
        _write(report.outcome, report.nodeid)


def pytest_runtest_logreport(report):
    # A test has three reports; what its setup or teardown does wrong is its failure too.
    if report.when == "call" or report.outcome != "passed":
        _write(report.outcome, report.nodeid)
