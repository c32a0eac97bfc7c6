"""`--pitstop`: keeps the rounds as the document `pitstop/bench@1`, which `pitstop compare` reads.

Rounds become batches of about a millisecond, as those of `pitstop bench` are. One run of pytest is one
process, whose values do not tell how another process would be, and the document says so. With
`--pitstop-append` each run adds its process, and from the second on the document says `processes`.
"""
import json
import os
import sys
from pathlib import Path

SCHEMA = "pitstop/bench@1"
DIRECTORY = ".pitstop"
# Shorter ones would be more than anybody reads, and each is known less well than the clock's step.
BATCH_NS = 1e6


def add_options(parser):
    """What can be said on the command line."""
    group = parser.getgroup("pitstop")
    group.addoption(
        "--pitstop", action="store_true", default=False,
        help="Measure with Pitstop where pytest-benchmark is installed too, keep all rounds for `pitstop compare`, "
             "and say what disturbed them.")
    group.addoption(
        "--pitstop-save", metavar="NAME", default=None,
        help="--pitstop, keeping the rounds as .pitstop/NAME.json. Default: 'pytest'")
    group.addoption(
        "--pitstop-append", action="store_true", default=False,
        help="--pitstop, adding to what is kept under that name: each run of pytest is one more process.")


def asked(option):
    """True if any of the options says so; `option` gets one by its name."""
    return bool(option("pitstop") or option("pitstop_save") or option("pitstop_append"))


def wanted(config):
    """The same, of a configuration."""
    return asked(lambda name: config.getoption(name, None))


def batches_of(data, iterations):
    """Rounds, in seconds of one iteration, as batches."""
    batches, loops, wall_ns = [], 0, 0.0
    for seconds in data:
        loops += iterations
        wall_ns += seconds * iterations * 1e9
        if wall_ns >= BATCH_NS:
            batches.append({"loops": loops, "wall_ns": wall_ns, "warm_up": False})
            loops, wall_ns = 0, 0.0
    if loops and not batches:
        # The rest of a long measurement is left out: it is shorter than a batch.
        batches.append({"loops": loops, "wall_ns": wall_ns, "warm_up": False})
    return batches


def _hash_seed():
    seed = os.environ.get("PYTHONHASHSEED", "")
    return int(seed) if seed.isdigit() else 0


def document(benchmarks):
    """The document of one run of pytest."""
    python = "{} {}".format(sys.version.split()[0], sys.executable)
    written = []
    for benchmark in benchmarks:
        if benchmark.has_error or not benchmark.stats.data:
            continue
        written.append({
            "name": benchmark.fullname, "text": benchmark.fullname, "setup": "", "subject": "function",
            "python": python, "variant": "", "structure": "one_process", "tool": "pitstop", "clock": "wall",
            "runs": [{
                "pair": 0, "hash_seed": _hash_seed(), "padding_bytes": 0, "cpu": None, "fixed_addresses": False,
                "batches": batches_of(benchmark.stats.data, benchmark.iterations),
            }],
        })
    return {"schema": SCHEMA, "benchmarks": written}


def merged(before, now):
    """What was kept, with one more process of each benchmark that ran."""
    known = {(benchmark["name"], benchmark["python"]): benchmark for benchmark in before["benchmarks"]}
    for benchmark in now["benchmarks"]:
        key = benchmark["name"], benchmark["python"]
        if key not in known:
            known[key] = benchmark
            continue
        kept = known[key]
        run = dict(benchmark["runs"][0], pair=len(kept["runs"]))
        kept["runs"].append(run)
        kept["structure"] = "processes"
    return {"schema": SCHEMA, "benchmarks": list(known.values())}


def save(session):
    """Keeps the rounds; returns the file and the number of processes it holds."""
    config = session.config
    name = config.getoption("pitstop_save", None) or "pytest"
    path = Path(DIRECTORY) / (name + ".json")
    result = document(session.benchmarks)
    if config.getoption("pitstop_append", False) and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if not str(before.get("schema", "")).startswith("pitstop/bench@"):
            raise ValueError("{} is no document of Pitstop: name another with --pitstop-save".format(path))
        result = merged(before, result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    return name, path, max(len(benchmark["runs"]) for benchmark in result["benchmarks"])


def report(session, terminal):
    """Keeps the rounds, and says where, what disturbed them, and what to do next."""
    measured = [benchmark for benchmark in session.benchmarks if benchmark.stats.data and not benchmark.has_error]
    if not measured:
        return
    name, path, processes = save(session)
    terminal.write_line("")
    for benchmark in measured:
        noise = benchmark.fixture.noise
        if noise is not None and noise.waited_share is not None and noise.waited_share >= 0.02:
            terminal.write_line(" noise     {}: waited {:.0f} % of the time for a CPU that other programs had".format(
                benchmark.name, noise.waited_share * 100))
        if noise is not None and noise.cpu_share is not None and noise.cpu_share < 0.5:
            terminal.write_line(" waits     {}: computes in {:.0f} % of the time; in the rest it sleeps or waits for something".format(
                benchmark.name, noise.cpu_share * 100))
    terminal.write_line(" kept      {}: {} process{} of {} benchmark{}".format(
        path, processes, "" if processes == 1 else "es", len(measured), "" if len(measured) == 1 else "s"))
    if processes == 1:
        terminal.write_line(
            " note      one process does not tell how the next would be: repeat with --pitstop-append before believing "
            "a difference")
    terminal.write_line(" next      pitstop compare OTHER {}".format(name))
