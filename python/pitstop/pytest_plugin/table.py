"""The table of results."""

HEADINGS = {
    "min": "Min", "max": "Max", "mean": "Mean", "stddev": "StdDev", "median": "Median", "iqr": "IQR",
    "outliers": "Outliers", "rounds": "Rounds", "iterations": "Iterations",
}
TIMES = ("min", "max", "mean", "stddev", "median", "iqr")
# Ratios get ten places, so that most of them stand below each other: ` (1.00)`.
_RATIO = 10
LEGEND = (
    "Legend:",
    "  Outliers: 1 Standard Deviation from Mean; 1.5 IQR (InterQuartile Range) from 1st Quartile and 3rd Quartile.",
    "  OPS: Operations Per Second, computed as 1 / Mean",
)


class _Column:
    """One column of one group: its texts, their ratios to the best, and which rows are best and worst."""

    def __init__(self, heading, cells, ratios=None, best=None, worst=None):
        self.heading = heading
        self.cells = cells
        self.ratios = ratios
        self.best = best
        self.worst = worst
        self.width = max([len(heading)] + [len(cell) for cell in cells])
        self.after = 0 if ratios is None else max([_RATIO] + [len(ratio) for ratio in ratios])

    def head(self):
        return "  " + self.heading.rjust(self.width) + " " * self.after

    def cell(self, row):
        ratio = "" if self.ratios is None else self.ratios[row].ljust(self.after)
        return "  " + self.cells[row].rjust(self.width) + ratio

    def style(self, row):
        if row == self.best:
            return {"green": True, "bold": True}
        if row == self.worst:
            return {"red": True, "bold": True}
        return {}


def _ratios(values, best):
    texts = []
    for at, value in enumerate(values):
        if at == best:
            texts.append(" (1.0)")
        elif values[best] == 0:
            texts.append(" (1.0)" if value == 0 else " (inf)")
        else:
            texts.append(" ({:,.2f})".format(value / values[best]))
    return texts


def _numbers(heading, values, factor, higher_is_better):
    cells = ["{:,.4f}".format(value * factor) for value in values]
    if len(values) < 2:
        return _Column(heading, cells)
    rows = range(len(values))
    low, high = min(rows, key=values.__getitem__), max(rows, key=values.__getitem__)
    best, worst = (high, low) if higher_is_better else (low, high)
    return _Column(heading, cells, _ratios(values, best), best, worst)


class TableResults:
    """Paints tables with the columns, sort order and names that were asked for."""

    def __init__(self, columns, sort, name_format, scale_unit):
        self.columns = columns
        self.sort = sort
        self.name_format = name_format
        # Called with `unit`, `benchmarks`, `best`, `worst`, `sort`; returns a prefix and a factor.
        self.scale_unit = scale_unit

    def display(self, terminal, groups):
        """One table a group, and the legend."""
        terminal.ensure_newline()
        for label, benchmarks in groups:
            self._group(terminal, label, benchmarks)
        for line in LEGEND:
            terminal.write_line(line)

    def _column(self, name, rows, times, rate):
        values = [row.get(name, 0) for row in rows]
        if name in TIMES:
            return _numbers(HEADINGS[name], values, times[1], False)
        if name == "ops":
            heading = "OPS ({}ops/s)".format(rate[0]) if rate[0] else "OPS"
            return _numbers(heading, values, rate[1], True)
        return _Column(HEADINGS[name], [str(value) for value in values])

    def _group(self, terminal, label, benchmarks):
        rows = sorted(benchmarks, key=lambda row: row[self.sort])
        numbers = ("min", "max", "mean", "stddev", "median", "iqr", "ops")
        known = {name: [row[name] for row in rows if name in row] or [0] for name in numbers}
        best = {name: (max if name == "ops" else min)(values) for name, values in known.items()}
        worst = {name: (min if name == "ops" else max)(values) for name, values in known.items()}
        times = self.scale_unit(unit="seconds", benchmarks=rows, best=best, worst=worst, sort=self.sort)
        rate = self.scale_unit(unit="operations", benchmarks=rows, best=best, worst=worst, sort=self.sort)
        names = [self.name_format(row) for row in rows]
        heading = "Name (time in {}s)".format(times[0])
        width = max([len(heading)] + [len(name) for name in names]) + 3
        columns = [self._column(name, rows, times, rate) for name in self.columns]
        head = heading.ljust(width) + "".join(column.head() for column in columns)
        title = " benchmark{}: {} tests ".format("" if label is None else " {!r}".format(label), len(rows))
        line = "-" * len(head.rstrip())
        terminal.write_line(title.center(len(line), "-"), yellow=True)
        terminal.write_line(head)
        terminal.write_line(line, yellow=True)
        for at, name in enumerate(names):
            terminal.write(name.ljust(width))
            for column in columns:
                terminal.write(column.cell(at), **column.style(at))
            terminal.write("\n")
        terminal.write_line(line, yellow=True)
        terminal.write_line("")
