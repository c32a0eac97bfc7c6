"""All benchmarks of one run of pytest: comparing with saved runs, saving, showing."""
import argparse
import json
from pathlib import Path

import pytest

from . import parsed, trials
from .commit import get_tag
from .histogram import make_histogram
from .logger import Logger
from .machine import get_machine_id
from .naming import NAME_FORMATTERS
from .profile_rows import rows_of
from .regressions import PerformanceRegression
from .storage import FileStorage
from .table import TableResults
from .values import ALL_COLUMNS, default_prefix, parse_storage


class BenchmarkSession:
    """What pytest's configuration keeps as `_benchmarksession`."""

    # What a run has when nothing else was asked for.
    compared_mapping = {}
    groups = ()
    save_data = False
    only = skip = disabled = False
    pitstop = False
    quiet = verbose = False
    cprofile_sort_by = None
    cprofile_top = 25

    def __init__(self, config):
        option = config.getoption
        self.config = config
        self.verbose = option("benchmark_verbose")
        self.quiet = option("benchmark_quiet") and not self.verbose
        self.logger = Logger(self.verbose, self.quiet, config)
        self.options = {
            key: option("benchmark_" + key) for key in (
                "min_time", "min_rounds", "max_time", "timer", "calibration_precision", "disable_gc", "warmup",
                "warmup_iterations", "precision", "confidence", "cprofile", "cprofile_loops", "cprofile_dump")
        }
        self.options["timer"] = parsed.timer(self.options["timer"])
        self.options["cprofile_dump"] = parsed.last(self.options["cprofile_dump"])
        self.skip = option("benchmark_skip")
        self.only = option("benchmark_only")
        self.disabled = option("benchmark_disable") and not option("benchmark_enable")
        self.is_worker = hasattr(config, "workerinput")
        self.is_distributed = bool(option("numprocesses", None)) or self.is_worker
        # Processes beside each other disturb each other.
        self.is_disabled_by_xdist = (
            self.is_distributed and not option("benchmark_enable") and not self.disabled and not self.skip)
        self.disabled = self.disabled or self.is_disabled_by_xdist
        if self.only and self.disabled:
            raise pytest.UsageError(
                "Can't have both --benchmark-only and --benchmark-disable options. "
                "Under xdist (-n) benchmarks are disabled by themselves: --benchmark-enable measures all the same.")
        # Who asks for only benchmarks has some measured, whatever the configuration file skips.
        self.skip = self.skip and not self.only
        self.group_by = option("benchmark_group_by")
        self.sort = option("benchmark_sort")
        self.columns = option("benchmark_columns") or list(ALL_COLUMNS)
        name_format = option("benchmark_name")
        self.name_format = NAME_FORMATTERS.get(name_format, name_format)
        self.cprofile_sort_by = option("benchmark_cprofile")
        self.cprofile_top = option("benchmark_cprofile_top")
        self.histogram = parsed.last(option("benchmark_histogram"))
        self.save = option("benchmark_save")
        self.autosave = option("benchmark_autosave")
        self.save_data = option("benchmark_save_data")
        self.json = parsed.path(option("benchmark_json"))
        self.compare = parsed.last(option("benchmark_compare"))
        # Said without a number it is the last run; pytest-benchmark has an empty text for that.
        self.compare = True if self.compare == "" else self.compare
        self.compare_fail = option("benchmark_compare_fail") or []
        self.pitstop = trials.wanted(config)
        try:
            directory = parse_storage(str(option("benchmark_storage")))
        except argparse.ArgumentTypeError as error:
            raise pytest.UsageError("--benchmark-storage: {}".format(error)) from None
        self.storage = FileStorage(directory, self.logger, default_machine_id=get_machine_id())
        self.benchmarks = []
        self.performance_regressions = []
        self.compared_mapping = {}

    # Before the tests.

    def get_machine_info(self):
        """The machine, as hooks make it."""
        info = self.config.hook.pytest_benchmark_generate_machine_info(config=self.config)
        self.config.hook.pytest_benchmark_update_machine_info(config=self.config, machine_info=info)
        return info

    def handle_loading(self):
        """Loads the run that is to be compared with."""
        if not self.compare:
            return
        self.compared_mapping = {}
        runs = list(self.storage.load() if self.compare is True else self.storage.load(self.compare))
        if self.compare is True:
            runs = runs[-1:]
            missing = "No benchmark files in {!r}. Can't load the previous benchmark.".format(str(self.storage.path))
        else:
            missing = "No benchmark files in {!r} match {!r}.".format(str(self.storage.path), self.compare)
        if not runs:
            self.logger.warning("Can't compare. " + missing)
            return
        machine_info = self.get_machine_info()
        for path, run in runs:
            self.config.hook.pytest_benchmark_compare_machine_info(
                config=self.config, benchmarksession=self, machine_info=machine_info, compared_benchmark=run)
            self.compared_mapping[path] = {benchmark["fullname"]: benchmark for benchmark in run["benchmarks"]}
            self.logger.info("Comparing against benchmarks from: {}".format(path), newline=False)

    # After the tests.

    def handle_saving(self):
        """Writes everything that was asked for."""
        if not (self.save or self.autosave or self.json or self.pitstop):
            return
        if not self.benchmarks:
            self.logger.warning("Nothing was saved: no benchmark has run.")
            return
        if self.save or self.autosave:
            name = self.save if isinstance(self.save, str) else get_tag()
            self.storage.save(self._document(self.save_data), name)
        if self.json:
            path = Path(str(self.json))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self._document(True), indent=4, default=str), encoding="utf-8")
            self.logger.info("Wrote benchmark data in: {}".format(self.json), newline=True)

    def _document(self, include_data):
        hook, config = self.config.hook, self.config
        commit_info = hook.pytest_benchmark_generate_commit_info(config=config)
        hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit_info)
        document = hook.pytest_benchmark_generate_json(
            config=config, benchmarks=self.benchmarks, include_data=include_data,
            machine_info=self.get_machine_info(), commit_info=commit_info)
        hook.pytest_benchmark_update_json(config=config, benchmarks=self.benchmarks, output_json=document)
        return document

    def finish(self):
        """Makes the rows of the tables, and holds them against the limits."""
        rows = []
        for benchmark in self.benchmarks:
            if benchmark.has_error or not benchmark:
                continue
            row = benchmark.as_dict(include_data=False, flat=True, cprofile=self.cprofile_sort_by)
            row = dict(row, source="NOW" if self.compared_mapping else None)
            rows.append(row)
            for path, saved in self.compared_mapping.items():
                if benchmark.fullname in saved:
                    rows.append(self._compare(row, path, saved[benchmark.fullname]))
        self.groups = self.config.hook.pytest_benchmark_group_stats(
            config=self.config, benchmarks=rows, group_by=self.group_by)

    def _compare(self, row, path, saved):
        before = dict(saved, **saved["stats"])
        before["source"] = Path(str(path)).stem
        for check in self.compare_fail:
            failure = check.fails(row, before)
            if failure:
                self.performance_regressions.append((self.name_format(before), failure))
        return before

    def display(self, terminal):
        """Shows it all. Raises if a limit is broken, last of all."""
        if self.groups:
            terminal.ensure_newline()
            if not self.quiet:
                self._tables(terminal)
                self._profiles(terminal)
            if self.histogram:
                self._histograms()
            if self.pitstop:
                trials.report(self, terminal)
        self.check_regressions()

    def _scale_unit(self, **what):
        return self.config.hook.pytest_benchmark_scale_unit(config=self.config, **what)

    def _tables(self, terminal):
        terminal.write_line("")
        TableResults(self.columns, self.sort, self.name_format, self._scale_unit).display(terminal, self.groups)

    def _profiles(self, terminal):
        profiled = [benchmark for benchmark in self.benchmarks if getattr(benchmark, "cprofile_stats", None)]
        if not profiled:
            return
        terminal.write_line(" cProfile (time in s) ".center(80, "-"), yellow=True)
        for benchmark in profiled:
            terminal.write_line(benchmark.fullname)
            terminal.write_line("ncalls\ttottime\tpercall\tcumtime\tpercall\tfilename:lineno(function)")
            for row in rows_of(benchmark.cprofile_stats, self.cprofile_sort_by, self.cprofile_top):
                times = "\t".join("{:.4f}".format(row[key]) for key in ("tottime", "tottime_per", "cumtime", "cumtime_per"))
                terminal.write_line("{}\t{}\t{}".format(row["ncalls_recursion"], times, row["function_name"]))
            terminal.write_line("")

    def _histograms(self):
        prefix = self.histogram if isinstance(self.histogram, str) else default_prefix()
        for label, rows in self.groups:
            best = {"min": min(row["min"] for row in rows)}
            unit, factor = self._scale_unit(unit="seconds", benchmarks=rows, best=best, worst=best, sort="min")
            rows = [dict(row, name=self.name_format(row)) for row in rows]
            path = make_histogram(Path(prefix), label, rows, unit, factor)
            self.logger.info("Generated histogram: {}".format(path), newline=False)

    def check_regressions(self):
        """Raises if a limit is broken, or could not be checked."""
        if self.compare_fail and not self.compared_mapping:
            raise pytest.UsageError("--benchmark-compare-fail requires valid --benchmark-compare.")
        if self.performance_regressions:
            lines = ["\t{} - {}".format(name, failure) for name, failure in self.performance_regressions]
            self.logger.error("\n".join(["Performance has regressed:"] + lines))
            raise PerformanceRegression("Performance has regressed.")

    def fixture_options(self, marker):
        """The options of one test: the command line's, and over them its marker's."""
        options = dict(self.options)
        if marker is None:
            return options
        if marker.args:
            raise ValueError("benchmark mark can't have positional arguments, only keywords like max_time=2.0")
        known = set(options) - {"cprofile_dump"} | {"group"}
        for key, value in marker.kwargs.items():
            if key not in known:
                raise ValueError(
                    "benchmark mark can't have {!r}: it takes {}".format(key, ", ".join(sorted(known))))
            options[key] = value
        return options

    def warn_of_xdist(self):
        """Says once why nothing is measured."""
        self.is_disabled_by_xdist = False
        self.logger.warning(
            "Benchmarks are automatically disabled because xdist plugin is active. "
            "Benchmarks cannot be performed reliably in a parallelized environment.")

