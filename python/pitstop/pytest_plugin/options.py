"""The options `--benchmark-*`; names, values and defaults are those of pytest-benchmark 5.3."""
from pathlib import Path

from . import values


def _seconds_default(text):
    return {"metavar": "SECONDS", "type": values.parse_seconds, "default": text}


def pytest_addoption(parser):
    """Adds all of them."""
    group = parser.getgroup("benchmark")

    def add(name, **how):
        group.addoption("--benchmark-" + name, **how)

    def flag(name, text):
        add(name, action="store_true", default=False, help=text)

    _add_rounds(add, flag)
    _add_choice(flag)
    _add_saving(add, flag)
    _add_profile(add)
    _add_storage(add)
    _add_shown(add, flag)


def _add_rounds(add, flag):
    add("min-time", help="A round takes at least so long. Default: %(default)r", **_seconds_default("0.000005"))
    add("max-time", help="Rounds are repeated until a test has taken so long, or longer where the least number of rounds "
                         "takes longer. Default: %(default)r", **_seconds_default("1.0"))
    add("min-rounds", metavar="NUM", type=values.parse_rounds, default=5,
        help="The least number of rounds, whatever time they take. Default: %(default)r")
    add("precision", metavar="FRACTION", type=values.parse_fraction, default=None,
        help="Stop when the mean is known to within this share of itself, like 0.02 for 2 %%, at the earliest after "
             "the least number of rounds. Default: off")
    add("confidence", metavar="FRACTION", type=values.parse_fraction, default=0.99,
        help="How sure --benchmark-precision has to be. Default: %(default)r")
    add("timer", metavar="FUNC", type=values.parse_timer, default="time.perf_counter",
        help="The clock, by its dotted name. Default: %(default)r")
    add("calibration-precision", metavar="NUM", type=int, default=10,
        help="A round takes at least so many steps of the clock. Default: %(default)r")
    add("warmup", metavar="KIND", nargs="?", const=True, default="auto", type=values.parse_warmup,
        help="Run rounds before those that count, within the time of a test: 'auto', 'off', 'on'. "
             "Default: %(default)r (on where there is a just-in-time compiler: PyPy)")
    add("warmup-iterations", metavar="NUM", type=int, default=100000,
        help="The most iterations of the warmup. Default: %(default)r")
    flag("disable-gc", "Let the garbage collector rest during rounds.")


def _add_choice(flag):
    flag("skip", "Skip tests that have a benchmark.")
    flag("disable", "Measure nothing: functions run once, and no table is shown.")
    flag("enable", "Measure even if --benchmark-disable is in the configuration, or xdist is active.")
    flag("only", "Skip tests that have no benchmark. Wins over --benchmark-skip.")


def _add_saving(add, flag):
    add("save", metavar="NAME", type=values.parse_save, default=None,
        help="Save this run as 'STORAGE/MACHINE/counter_NAME.json'.")
    flag("autosave", "Save this run as 'STORAGE/MACHINE/counter_COMMIT_TIME.json'.")
    flag("save-data", "Save all rounds, not only the statistics.")
    add("json", metavar="PATH", type=Path, default=None, help="Write this run, with all rounds, to a file.")
    add("compare", metavar="NUM|_ID", nargs="?", default=None, const=True,
        help="Compare with the saved run of this number, or with the last one.")
    add("compare-fail", metavar="EXPR", nargs="+", action="extend", type=values.parse_compare_fail, default=[],
        help="Fail if a statistic has grown by more than this, like min:5%% or, in seconds, mean:0.001. "
             "Can be said several times.")

def _add_storage(add):
    add("storage", metavar="URI", default="file://./.benchmarks",
        help="The directory of saved runs, with or without 'file://'. Default: %(default)r.")
    add("netrc", nargs="?", default="", const="~/.netrc",
        help="Taken and not used: it is for servers, and runs are saved to directories only.")


def _add_profile(add):
    prefix = values.default_prefix()
    columns = ", ".join(map(repr, values.CPROFILE_COLUMNS))
    add("cprofile", metavar="COLUMN", type=values.parse_cprofile, default=None,
        help="Run each function once more under cProfile, and show what it called, sorted by this column: {}.".format(
            columns))
    add("cprofile-loops", metavar="LOOPS", type=values.parse_cprofile_loops, default=1,
        help="How often: a number, or 'auto' for as often as a round does. Default: %(default)r")
    add("cprofile-top", metavar="COUNT", type=int, default=25, help="The most rows. Default: %(default)r")
    add("cprofile-dump", metavar="FILENAME-PREFIX", nargs="?", default=None, const=prefix,
        help="Write each profile to FILENAME-PREFIX-test_name.prof. Default: '{}'".format(prefix))


def _add_shown(add, flag):
    flag("verbose", "Say how rounds are found and run.")
    flag("quiet", "Show no tables.")
    add("sort", metavar="COL", type=values.parse_sort, default="min",
        help="The column to sort by: {}. Default: %(default)r".format(", ".join(map(repr, values.SORTS))))
    add("group-by", metavar="LABEL", default="group",
        help="What shares a table: 'group', 'name', 'fullname', 'func', 'fullfunc', 'param' or 'param:NAME', where NAME "
             "is that of pytest.mark.parametrize; several with commas. Default: %(default)r")
    add("columns", metavar="LABELS", type=values.parse_columns, default=None,
        help="Columns of the table, with commas. Default: '{}'".format(", ".join(values.ALL_COLUMNS)))
    add("name", metavar="FORMAT", default="normal", choices=["short", "normal", "long", "trial"],
        help="How benchmarks are called: 'short', 'normal', 'long', 'trial'. Default: %(default)r")
    add("time-unit", metavar="COLUMN", default=None, choices=["ns", "us", "ms", "s", "auto"],
        help="The unit of times: 'ns', 'us', 'ms', 's', 'auto'. Default: 'auto'")
    prefix = values.default_prefix()
    add("histogram", action="append", metavar="FILENAME-PREFIX", nargs="?", default=[], const=prefix,
        help="Draw minimum, quartiles and maximum of each group to FILENAME-PREFIX-group.svg. "
             "Default: '{}'".format(prefix))
