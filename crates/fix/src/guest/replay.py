"""Replays recorded calls with one side of a proof, each in a process of its own.

    python replay.py JOB

The job, as JSON, beside what `loading` reads:
    records     files that `record` wrote
    ids         the calls, as "file number:slot", in order
    target      null for the recorded function itself, or a target
    moved       [[old directory, new directory], ...]: paths below are looked for there
    out         where to write
    effects     whether calls may do what others could notice
    limit_s     how long a call may take
    budget_s    when to stop beginning new ones
    uses        also say what of clocks, random numbers, and threads a call uses

Written is a line of JSON a call. In its process a call is made several times: with fresh
arguments; again with the same objects; with the last element of its containers taken away; and with
fresh ones after what came out was spoilt. A result that is an iterator is taken to its end, and
once more only its first item. At last all calls are made in one process, one after the other.
"""

import ast
import asyncio
import io
import json
import os
import pickle
import select
import signal
import sys
import time
import types

from _pitstop_proof import events, loading, record, rows

# Items that are taken of an iterator.
MOST_ITEMS = 5000

# Rows that are kept of what is seen beyond the first time.
MOST_LATER_ROWS = 1000


class BeyondInput(BaseException):
    """The call wants more of an iterator than was ever taken from it."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if module == "_pitstop_proof.record" and name == "_Marker":
            return record._Marker
        return pickle.Unpickler.find_class(self, module, name)


class _SlowUnpickler(pickle._Unpickler):
    """Also fills objects whose class has slots now and had none when they were pickled."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def load_build(self):
        state, thing = self.stack[-1], self.stack[-2]
        is_plain = isinstance(state, dict) and not hasattr(thing, "__dict__")
        if is_plain and not hasattr(thing, "__setstate__"):
            self.stack.pop()
            for name, value in state.items():
                setattr(thing, name, value)
            return
        pickle._Unpickler.load_build(self)

    dispatch[pickle.BUILD[0]] = load_build


def _load(data):
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except AttributeError:
        return _SlowUnpickler(io.BytesIO(data)).load()


class Tape:
    """An iterator argument again: gives what was taken, and counts."""

    def __init__(self, marker, about, items):
        self.marker, self.items = marker, items
        self.is_whole = about["whole"]
        self.taken = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.taken < len(self.items):
            item = _load(self.items[self.taken])
            self.taken += 1
            return item
        if self.is_whole:
            raise StopIteration
        raise BeyondInput

    def generator(self):
        """The same as a real generator."""
        yield from self


class Recorded:
    """A call, as it was recorded."""

    def __init__(self, at, about, data, cwd):
        self.id, self.about, self.data = at, about, data
        self.tapes = {}

    def make(self):
        """Fresh arguments: positional ones, those with names, and the tapes among them."""
        args, kwargs, state = _load(self.data)
        tapes = []

        def real(value):
            if not isinstance(value, record._Marker):
                return value
            tape = Tape(value, *self.tapes[value.number])
            tapes.append(tape)
            tape.thing = tape.generator() if value.is_generator else tape
            return tape.thing

        args = [real(value) for value in args]
        kwargs = {name: real(value) for name, value in kwargs.items()}
        return Arguments(args, kwargs, tapes, state)


class Arguments:
    def __init__(self, args, kwargs, tapes, state):
        self.args, self.kwargs, self.tapes, self.state = args, kwargs, tapes, state

    def named(self):
        for at, value in enumerate(self.args, 1):
            yield "argument %d" % at, self._marked(value)
        for name, value in self.kwargs.items():
            yield "argument %s" % name, self._marked(value)

    def _marked(self, value):
        for tape in self.tapes:
            if tape.thing is value:
                return tape.marker
        return value

    def rows(self, table):
        return [row for name, value in self.named() for row in table.argument(name, value)]

    def taken(self):
        return [tape.taken for tape in self.tapes]


def read(paths):
    """The calls of files that were recorded, by id; and the header of each file."""
    calls, headers = {}, []
    for number, path in enumerate(paths):
        header = {}
        with open(path, "rb") as file:
            while True:
                line = file.readline()
                text, _, length = line.rstrip(b"\n").rpartition(b" ")
                if not line.endswith(b"\n") or not text:
                    break
                data = file.read(int(length))
                if len(data) < int(length):
                    break
                about = json.loads(text)
                if "header" in about:
                    header = about["header"]
                elif "slot" in about:
                    at = "%d:%d" % (number, about["slot"])
                    calls[at] = Recorded(at, about, data, header.get("directory"))
                    calls[at].file = number
                elif "tape" in about:
                    call = calls["%d:%d" % (number, about["tape"])]
                    call.tapes[about["at"]] = (about, pickle.loads(data))
        headers.append(header)
    return calls, headers


class _Stream(io.TextIOBase):
    """A standard stream that tells the log."""

    encoding, errors = "utf-8", "strict"

    def __init__(self, name, log, number):
        self._name, self._log, self._number = name, log, number

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        with events.Quiet():
            self._log.text(self._name, text)
        return len(text)

    def writable(self):
        return True

    def fileno(self):
        return self._number

    @property
    def buffer(self):
        stream = self

        class Buffer(io.RawIOBase):
            def write(self, data):
                stream.write(bytes(data).decode("utf-8", "backslashreplace"))
                return len(data)

            def writable(self):
                return True

        return Buffer()


class Player:
    """Calls the function of a side and describes what comes of it."""

    def __init__(self, function, kind, allowed):
        self.function, self.kind, self.allowed = function, kind, allowed
        self.witness = None

    def play(self, arguments, most, most_items=MOST_ITEMS, table=None):
        """Calls; returns the description and the result."""
        log = events.Log(self.allowed)
        seen = {"events": log.events, "yielded": None, "taken": []}
        random_module = sys.modules.get("random")
        if arguments.state is not None and random_module is not None:
            random_module.setstate(arguments.state)
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream("standard output", log, 1), _Stream("standard error", log, 2)
        result = error = None
        items = []
        start = time.perf_counter_ns()
        try:
            with log:
                try:
                    sys.setprofile(self.witness)
                    result = self._call(log, arguments)
                    seen["end"] = "returned"
                    own = [value for _, value in arguments.named()]
                    is_own = any(value is result for value in own)
                    if self._is_lazy(result) and not is_own:
                        self._drain(result, arguments, seen, items, most_items, log)
                except BaseException as caught:
                    error = caught
                    seen["end"] = "raised"
                finally:
                    sys.setprofile(None)
        finally:
            sys.stdout, sys.stderr = streams
        self.took_ns = time.perf_counter_ns() - start
        log.files()
        seen["taken"].append(arguments.taken())
        table = table or rows.Rows(most)
        seen["arguments"] = arguments.rows(table)
        if error is not None:
            seen["beyond"] = isinstance(error, BeyondInput)
            seen["value"] = table.of("exception", error)
        else:
            seen["value"] = table.of("result", result)
            if seen["yielded"] is not None:
                # Its items are compared.
                table.opaque.discard(rows.type_name(type(result)))
        seen["items"] = [row for at, item in enumerate(items) for row in table.of("item %d" % at, item)]
        seen["opaque"] = sorted(table.opaque)
        return seen, result, error

    @staticmethod
    def _is_lazy(result):
        return rows.is_iterator(result) or hasattr(type(result), "__anext__")

    def _call(self, log, arguments):
        if self.kind != "await":
            return self.function(*arguments.args, **arguments.kwargs)
        # The loop's own sockets are no events of the call.
        log.__exit__()

        async def awaited():
            with log:
                return await self.function(*arguments.args, **arguments.kwargs)

        return asyncio.run(awaited())

    def _drain(self, result, arguments, seen, items, most_items, log):
        """Takes items; what the call had done and taken before the first one is told apart."""
        seen["taken"].append(arguments.taken())
        with events.Quiet():
            log.events.append(["the call returned", "", False])
        seen["yielded"] = "more"
        while len(items) < most_items:
            try:
                items.append(next(result))
            except StopIteration as end:
                seen["yielded"] = "all"
                seen["last"] = rows.Rows(100).of("value", end.value)
                break
            if len(items) == 1:
                seen["taken"].append(arguments.taken())
        if seen["yielded"] == "more" and hasattr(result, "close"):
            result.close()
            seen["closed"] = True


def _shorten(arguments):
    """Takes the last element of containers away; says whether anything was changed."""
    changed = False
    for _, value in arguments.named():
        if type(value) in (list, bytearray) and value:
            value.pop()
        elif type(value) is dict and value:
            value.popitem()
        elif type(value) is set and value:
            value.discard(max(value, key=repr))
        else:
            continue
        changed = True
    return changed


def _spoil(value, own, depth=0):
    """Changes what came out of a call, as its caller may."""
    if id(value) in own or depth > 3:
        return
    own.add(id(value))
    kind = type(value)
    if kind is list or kind is tuple:
        for part in value[:50]:
            _spoil(part, own, depth + 1)
        if kind is list:
            value.append("spoilt")
    elif kind is dict:
        for part in list(value.values())[:50]:
            _spoil(part, own, depth + 1)
        value["spoilt"] = "spoilt"
    elif kind is set:
        value.add("spoilt")
    elif kind is bytearray:
        value.extend(b"spoilt")
    elif hasattr(value, "__dict__") and not isinstance(value, (type, types.ModuleType, types.FunctionType)):
        try:
            value.spoilt = "spoilt"
        except Exception:
            # What does not let itself be changed cannot be spoilt.
            pass


def _ids(value, found, depth=0):
    """The ids of everything a value holds, some levels deep."""
    if depth > 4 or id(value) in found:
        return
    found.add(id(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = list(value)[:2000]
    elif isinstance(value, dict):
        parts = list(value.values())[:2000]
    else:
        parts = [part for _, part in rows.attributes(value)] if hasattr(value, "__dict__") else []
    for part in parts:
        _ids(part, found, depth + 1)


class _Repr:
    """A short text of a value, that never fails."""

    def __init__(self):
        import reprlib

        self.repr = reprlib.Repr()
        for name, most in (("maxlist", 8), ("maxtuple", 8), ("maxdict", 6), ("maxset", 8)):
            setattr(self.repr, name, most)
        self.repr.maxstring = self.repr.maxother = 80
        self.repr.maxlevel = 4

    def of(self, value):
        try:
            return self.repr.repr(value).replace("__mp_main__.", "__main__.")[:300]
        except Exception as error:
            return "<a %s, whose repr raises %s>" % (type(value).__name__, type(error).__name__)


USES = {
    "time": "the clock",
    "random": "random numbers",
    "_random": "random numbers",
    "urandom": "random numbers",
    "getrandom": "random numbers",
    "now": "the clock",
    "today": "the clock",
    "utcnow": "the clock",
    "getpid": "the number of its process",
    "start_new_thread": "threads",
    "start_joinable_thread": "threads",
    "id": "addresses of objects",
}


class Witness:
    """Sees which functions a call calls that give something else each time."""

    def __init__(self):
        self.uses = set()

    def __call__(self, frame, event, thing):
        if event == "c_call":
            owner = getattr(thing, "__module__", None)
            holder = type(getattr(thing, "__self__", None))
            name = getattr(thing, "__name__", "")
            use = USES.get(owner) or USES.get(name) or USES.get(holder.__module__)
            if use and name != "sleep":
                self.uses.add(use)
        elif event == "call":
            code = frame.f_code
            if code.co_filename.endswith(("os.py", "<frozen os>")) and code.co_name in ("getenv", "__getitem__"):
                self.uses.add("the environment")


def play_all(call, player, say_uses):
    """Everything that is done with a call in a process of its own."""
    short = _Repr()
    table = rows.Rows()
    arguments = call.make()
    shown = [[name, short.of(value)] for name, value in arguments.named()]
    before = json.dumps(arguments.rows(rows.Rows()))
    first, result, error = player.play(arguments, rows.MOST_ROWS, table=table)
    took_ns = player.took_ns
    if error is not None:
        outcome = "raises %s" % short.of(error)
    elif first["yielded"] is not None:
        outcome = "gives a %s" % type(result).__name__
    else:
        outcome = "returns %s" % short.of(result)
    out = {
        "id": call.id,
        "shown": shown,
        "outcome": outcome,
        "took_ns": took_ns,
        "mutates": json.dumps(first["arguments"]) != before,
        "passes": {"first": first},
    }
    passes = out["passes"]
    if say_uses:
        player.witness = Witness()
        player.play(call.make(), 10)
        out["uses"] = sorted(player.witness.uses)
        return out
    is_long = len(first["value"]) >= rows.MOST_ROWS
    if not arguments.tapes and not is_long:
        passes["again"] = player.play(arguments, MOST_LATER_ROWS)[0]
        if _shorten(arguments):
            passes["shortened"] = player.play(arguments, MOST_LATER_ROWS)[0]
    fresh = call.make()
    own = set()
    for _, value in arguments.named():
        _ids(value, own)
    if error is None and first["yielded"] is None:
        _spoil(result, own)
    if not is_long:
        passes["fresh"] = player.play(fresh, MOST_LATER_ROWS)[0]
    if first["yielded"] is not None:
        passes["closed"] = player.play(call.make(), MOST_LATER_ROWS, most_items=1)[0]
    return out


def _in_child(work, limit_s):
    """Runs work in a fork; returns what it wrote, or how it ended."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(readable)
            os.setsid()
            with os.fdopen(writable, "wb") as file:
                try:
                    work(file)
                except BaseException as error:
                    text = "%s: %s" % (type(error).__name__, error)
                    file.write(json.dumps({"failed": text[:300]}).encode() + b"\n")
            status = 0
        finally:
            os._exit(status)
    os.close(writable)
    data, end = [], time.monotonic() + limit_s
    late = False
    with os.fdopen(readable, "rb", buffering=0) as file:
        while True:
            rest = end - time.monotonic()
            if rest <= 0 or not select.select([file], [], [], rest)[0]:
                late = True
                os.kill(child, signal.SIGKILL)
                break
            part = file.read(1 << 20)
            if not part:
                break
            data.append(part)
    _, status = os.waitpid(child, 0)
    if late:
        return None, "did not end within %g s" % limit_s
    if os.WIFSIGNALED(status):
        return None, "was killed by signal %d" % os.WTERMSIG(status)
    return b"".join(data), None


class Side:
    """The functions of a side, found by the calls that were recorded of them."""

    def __init__(self, job, headers):
        self.job, self.headers, self.functions = job, headers, {}
        self.main = None

    def moved(self, path):
        for old, new in self.job.get("moved", []):
            if path == old or path.startswith(old + os.sep):
                return new + path[len(old) :]
        return path

    def enter(self, header):
        directory = self.moved(header["directory"])
        os.chdir(directory)
        sys.path[:] = [self.moved(part) for part in header["path"]]
        if directory not in sys.path and "" not in sys.path:
            sys.path.append(directory)
        sys.argv[:] = header.get("argv") or [""]

    def function(self, call):
        about = call.about
        key = call.file, about["module"], about["name"], about["kind"]
        if key not in self.functions:
            try:
                self.functions[key] = self._find(call), None
            except BaseException as error:
                text = "%s: %s" % (type(error).__name__, error)
                self.functions[key] = None, text[:300]
        return self.functions[key]

    def _find(self, call):
        about = call.about
        if about["module"] == "__main__" or b"__main__" in call.data:
            self._main(self.headers[call.file])
        target = self.job.get("target")
        if target is not None:
            thing = loading.found(target)
        elif about["module"] == "__main__":
            thing = loading.raw(sys.modules["__mp_main__"], about["name"])
        else:
            thing = loading.found({"module": about["module"], "name": about["name"]})
        if isinstance(thing, (staticmethod, classmethod)):
            thing = thing.__func__
        elif isinstance(thing, property):
            thing = thing.fset if about["kind"] == "set" else thing.fget
        if not callable(thing):
            raise TypeError("`%s` is a %s here" % (about["name"], type(thing).__name__))
        return thing

    def _main(self, header):
        """The main script, under the name that multiprocessing imports it by: without running it."""
        path = header.get("main")
        if path is None or not path.endswith(".py"):
            return
        path = self.moved(path)
        if self.main is not None:
            if self.main != path:
                raise RuntimeError("calls of several programs were recorded, of them the first is replayed")
            return
        self.main = path
        module = types.ModuleType("__mp_main__")
        module.__file__ = path
        before = sys.modules["__main__"]
        sys.modules["__main__"] = sys.modules["__mp_main__"] = module
        try:
            job = self.jobs.find(path, "__main__")
            with open((job and job.text) or path, "rb") as file:
                tree = ast.parse(file.read(), path)
            # What a script does beside defining things is not to happen again.
            with events.Log(allowed=False):
                exec(loading.definitions(tree, path), module.__dict__)
        except BaseException:
            sys.modules["__main__"] = before
            raise


def main():
    # What we have to say ourselves still goes where it should.
    errors = os.dup(2)
    try:
        _main()
    except BaseException:
        import traceback

        os.write(errors, traceback.format_exc().encode("utf-8", "backslashreplace"))
        raise


def _main():
    with open(sys.argv[1], "rb") as file:
        job = json.load(file)
    jobs = loading.Jobs(job)
    jobs.install()
    calls, headers = read(job["records"])
    out = open(job["out"], "wb", buffering=0)
    say = lambda value: out.write(json.dumps(value).encode() + b"\n")
    say({"version": "%d.%d.%d" % sys.version_info[:3]})
    side = Side(job, headers)
    side.jobs = jobs
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    end = time.monotonic() + job["budget_s"]
    playable = []
    events.install()
    for at in job["ids"]:
        call = calls[at]
        if time.monotonic() > end:
            say({"id": at, "skipped": "there was no time for it"})
            continue
        side.enter(headers[call.file])
        function, why = side.function(call)
        if why is not None:
            say({"id": at, "missing": why})
            continue
        os.chdir(side.moved(call.about["cwd"]))
        events.install()
        player = Player(function, call.about["kind"], job["effects"])

        def work(file):
            file.write(json.dumps(play_all(call, player, job.get("uses"))).encode())

        data, why = _in_child(work, job["limit_s"])
        if why is None and not data:
            why = "ended its process"
        if why is None:
            found = json.loads(data)
            if "failed" in found:
                why = found["failed"]
        if why is not None:
            say({"id": at, "broken": why})
            continue
        out.write(data + b"\n")
        playable.append((call, player))
    if len(playable) > 1 and not job.get("uses"):

        def all_of_them(file):
            for call, player in playable:
                os.chdir(side.moved(call.about["cwd"]))
                seen = player.play(call.make(), MOST_LATER_ROWS)[0]
                file.write(json.dumps({"id": call.id, "together": seen}).encode() + b"\n")

        data, why = _in_child(all_of_them, job["limit_s"] + job["budget_s"])
        if why is None:
            out.write(data)
    say({"end": True})


if __name__ == "__main__":
    main()
