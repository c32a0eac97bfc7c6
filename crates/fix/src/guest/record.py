"""Records calls of functions while a workload runs: arguments before, and what came of them.

Every process appends to a file of its own, `calls-PID`, so that nothing is lost however it ends.
An entry is a line of JSON, which ends in the length of the pickle that follows it:

    {"header": ...}                         once: sys.path, directory, main script
    {"slot": n, "unit": ..., ...} LENGTH    a call; a later entry of a slot replaces an earlier one
    {"tape": slot, ...} LENGTH              what was taken from an iterator argument
    {"count": {unit: calls}, "refused": {unit: {reason: calls}}}    at the end, and now and then

Kept are the first half as they come and of the others a random choice (Vitter's algorithm R), equal
calls once.
"""

import atexit
import functools
import hashlib
import io
import json
import os
import pickle
import random
import sys
import threading
import types

from _pitstop_proof import events, rows

MOST_PICKLE = 16 << 20
MOST_FILE = 512 << 20

_local = threading.local()


class _Refused(Exception):
    pass


class _Marker:
    """Stands for an iterator among pickled arguments."""

    def __init__(self, number, is_generator, kind):
        self.number, self.is_generator, self.kind = number, is_generator, kind


class _Pickler(pickle.Pickler):
    """What lies in `__main__` keeps that name; a lambda says what it is."""


def _dump(value):
    out = io.BytesIO()
    _Pickler(out, 4).dump(value)
    if out.tell() > MOST_PICKLE:
        raise _Refused("arguments are larger than 16 MB")
    return out.getvalue()


def _why(error):
    text = str(error).strip().splitlines()
    text = text[0] if text else type(error).__name__
    # An address is another one each time.
    words = ["..." if word.startswith("0x") else word for word in text.replace(">", " >").split()]
    return "arguments cannot be copied: %s" % " ".join(words).replace(" >", ">")[:160]


class Tape:
    """An iterator that was an argument, and what was taken from it."""

    def __init__(self, number, source):
        self.number, self.source = number, source
        self.items, self.is_whole, self.failed = [], False, None
        self.is_dirty = True

    def __iter__(self):
        return self

    def __next__(self):
        self.is_dirty = True
        try:
            item = next(self.source)
        except StopIteration:
            self.is_whole = True
            raise
        except BaseException as error:
            self.failed = self.failed or "its input raised %s" % type(error).__name__
            raise
        if self.failed is None:
            try:
                with _Busy():
                    self.items.append(_dump(item))
                if len(self.items) > 100000:
                    raise _Refused("an iterator argument gave more than 100000 items")
            except Exception as error:
                self.failed = str(error) if isinstance(error, _Refused) else _why(error)
        return item

    def generator(self):
        """The same as a real generator, for functions that look at the type."""
        yield from self


class _Busy:
    def __enter__(self):
        self.before = getattr(_local, "busy", False)
        _local.busy = True

    def __exit__(self, *error):
        _local.busy = self.before


class Call:
    """A call that is being recorded."""

    def __init__(self, unit, slot, args, kwargs, number):
        self.unit, self.slot, self.number = unit, slot, number
        self.tapes = []
        self.args = [self._spied(value) for value in args]
        self.kwargs = {name: self._spied(value) for name, value in kwargs.items()}
        self.log = events.Log()
        self.data = _dump(
            (
                [self._marked(value) for value in self.args],
                {name: self._marked(value) for name, value in self.kwargs.items()},
                sys.modules["random"].getstate() if "random" in sys.modules else None,
            )
        )
        self.digest = hashlib.sha256(self.data).digest()

    def _spied(self, value):
        if not rows.is_iterator(value):
            return value
        tape = Tape(len(self.tapes), value)
        is_generator = isinstance(value, types.GeneratorType)
        spy = tape.generator() if is_generator else tape
        self.tapes.append((tape, spy, is_generator, rows.type_name(type(value))))
        return spy

    def _marked(self, value):
        for tape, spy, is_generator, kind in self.tapes:
            if value is spy:
                return _Marker(tape.number, is_generator, kind)
        return value

    def start(self):
        self.log.__enter__()

    def end(self, kind, value):
        self.log.__exit__()
        with _Busy(), events.Quiet():
            table = rows.Rows()
            arguments = []
            for at, part in enumerate(self.args, 1):
                arguments += table.argument("argument %d" % at, self._marked(part))
            for name, part in self.kwargs.items():
                arguments += table.argument("argument %s" % name, self._marked(part))
            what = "exception" if kind == "raised" else "result"
            # An iterator belongs to the program: nothing can be taken from it.
            is_open = kind == "returned" and (rows.is_iterator(value) or hasattr(value, "__anext__"))
            found = None if is_open else table.of(what, value)
            self.seen = {"end": kind, "arguments": arguments, "value": found}


class Unit:
    """A function that is watched."""

    def __init__(self, recorder, name, module, file):
        self.recorder, self.name, self.module, self.file = recorder, name, module, file
        self.reset()

    def reset(self):
        self.calls, self.refused, self.known, self.filled, self.pickled = 0, {}, set(), [], 0
        self.alike = 0

    @property
    def key(self):
        return "%s:%s" % (self.module, self.name)

    def refuse(self, why):
        self.refused[why] = self.refused.get(why, 0) + 1

    def begin(self, kind, args, kwargs):
        """A recording of this call, or None if it is not chosen."""
        recorder = self.recorder
        if getattr(_local, "busy", False):
            return None
        inside = _local.__dict__.setdefault("inside", set())
        if self.name in inside:
            return None
        with recorder.lock:
            recorder.check_process()
            self.calls += 1
            most = recorder.most
            if len(self.filled) < most:
                place = len(self.filled)
                # Equal calls fill no place; there is an end to looking at them.
                if self.pickled > 20 * most and recorder.random.random() > 0.01:
                    return None
            else:
                # The first half stays as it is.
                half = most // 2
                place = half + recorder.random.randrange(max(self.calls - half, 1))
                if place >= most:
                    return None
            self.pickled += 1
            try:
                with _Busy(), events.Quiet():
                    call = Call(self, place, args, kwargs, self.calls)
            except Exception as error:
                self.refuse(str(error) if isinstance(error, _Refused) else _why(error))
                return None
            if call.digest in self.known and not call.tapes:
                self.alike += 1
                return None
            self.known.add(call.digest)
            if place == len(self.filled):
                self.filled.append(recorder.slots)
                recorder.slots += 1
            call.slot = self.filled[place]
            call.kind = kind
        inside.add(self.name)
        call.start()
        return call

    def ended(self, call, kind, value):
        call.end(kind, value)
        _local.inside.discard(self.name)
        self.recorder.write_call(call)


class _Watched:
    """A callable that is no plain function, as a cache makes one, and can be asked all the same."""

    def __init__(self, unit, thing):
        self.__dict__["_unit"], self.__dict__["_thing"] = unit, thing
        functools.update_wrapper(self, thing, updated=())

    def __call__(self, *args, **kwargs):
        return _call(self._unit, "call", self._thing, args, kwargs)

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __getattr__(self, name):
        return getattr(self._thing, name)

    def __reduce__(self):
        return self.__qualname__


def _call(unit, kind, function, args, kwargs):
    call = unit.begin(kind, args, kwargs)
    if call is None:
        return function(*args, **kwargs)
    try:
        result = function(*call.args, **call.kwargs)
    except BaseException as error:
        unit.ended(call, "raised", error)
        raise
    unit.ended(call, "returned", result)
    return result


def _wrapped(unit, kind, function):
    if getattr(function, "__pitstop_watched__", False):
        return function
    code = getattr(function, "__code__", None)
    flags = code.co_flags if code is not None else 0
    if flags & 0x200:  # inspect.CO_ASYNC_GENERATOR
        unit.refuse("it is an asynchronous generator")
        return function
    if flags & 0x80:  # inspect.CO_COROUTINE

        @functools.wraps(function)
        async def watched(*args, **kwargs):
            call = unit.begin("await", args, kwargs)
            if call is None:
                return await function(*args, **kwargs)
            # Other tasks run in between: their events are not its own.
            call.log.__exit__()
            try:
                result = await function(*call.args, **call.kwargs)
            except BaseException as error:
                unit.ended(call, "raised", error)
                raise
            unit.ended(call, "returned", result)
            return result

    elif code is None:
        return _Watched(unit, function)
    else:

        @functools.wraps(function)
        def watched(*args, **kwargs):
            return _call(unit, kind, function, args, kwargs)

    watched.__pitstop_watched__ = True
    return watched


class Recorder:
    def __init__(self, spec):
        self.directory, self.most, self.seed = spec["out"], spec["calls"], spec["seed"]
        self.lock = threading.RLock()
        self.units, self.pid, self.file = {}, None, None

    def check_process(self):
        if self.pid == os.getpid():
            return
        # A fork of one that recorded begins anew.
        self.pid, self.file, self.slots, self.size = os.getpid(), None, 0, 0
        self.random = random.Random(self.seed)
        for unit in self.units.values():
            unit.reset()

    def watch(self, name):
        def decorate(thing):
            names = sys._getframe(1).f_globals
            module, file = names.get("__name__"), names.get("__file__")
            key = "%s:%s" % (module, name)
            self.check_process()
            unit = self.units.get(key)
            if unit is None:
                unit = self.units[key] = Unit(self, name, module, os.path.realpath(file) if file else None)
            if isinstance(thing, (staticmethod, classmethod)):
                kind = "static" if isinstance(thing, staticmethod) else "class"
                return type(thing)(_wrapped(unit, kind, thing.__func__))
            if isinstance(thing, property):
                get, put = thing.fget, thing.fset
                get = _wrapped(unit, "get", get) if get is not None else None
                put = _wrapped(unit, "set", put) if put is not None else None
                return property(get, put, thing.fdel, thing.__doc__)
            if not callable(thing):
                unit.refuse("its decorators make a %s of it" % type(thing).__name__)
                return thing
            return _wrapped(unit, "call", thing)

        return decorate

    def write(self, head, data=b""):
        with _Busy(), events.Quiet():
            if self.file is None:
                path = os.path.join(self.directory, "calls-%d" % self.pid)
                self.file = open(path, "ab", buffering=0)
                main = sys.modules.get("__main__")
                file = getattr(main, "__file__", None)
                self.write(
                    {
                        "header": {
                            "path": sys.path,
                            "directory": os.getcwd(),
                            "main": os.path.realpath(file) if file else None,
                            "argv": sys.argv,
                            "version": "%d.%d.%d" % sys.version_info[:3],
                            "executable": sys.executable,
                            "optimize": sys.flags.optimize,
                        }
                    }
                )
            line = json.dumps(head).encode() + b" %d\n" % len(data)
            self.size += len(line) + len(data)
            self.file.write(line + data)

    def write_call(self, call):
        unit = call.unit
        head = {
            "slot": call.slot,
            "module": unit.module,
            "file": unit.file,
            "name": unit.name,
            "kind": call.kind,
            "number": call.number,
            "cwd": os.getcwd(),
            "seen": call.seen,
            "events": call.log.events[:50],
            "effects": [event[:2] for event in call.log.events if event[2]][:5],
        }
        with self.lock:
            self.check_process()
            if self.size + len(call.data) > MOST_FILE:
                unit.refuse("512 MB of arguments were recorded before it")
                return
            self.write(head, call.data)
            if call.tapes:
                call.unit.open = getattr(call.unit, "open", [])
                call.unit.open.append(call)
                self.write_tapes(call)
            if call.number == 1:
                self.write_counts()

    def write_tapes(self, call):
        for tape, _, _, _ in call.tapes:
            if not tape.is_dirty:
                continue
            tape.is_dirty = False
            about = {"tape": call.slot, "at": tape.number, "whole": tape.is_whole, "failed": tape.failed}
            self.write(about, pickle.dumps(tape.items, 4))

    def write_counts(self):
        units = self.units.items()
        self.write(
            {
                "count": {key: unit.calls for key, unit in units},
                "files": {key: unit.file for key, unit in units},
                "alike": {key: unit.alike for key, unit in units},
                "refused": {key: unit.refused for key, unit in units if unit.refused},
            }
        )

    def finish(self):
        with self.lock:
            self.check_process()
            for unit in self.units.values():
                for call in getattr(unit, "open", []):
                    self.write_tapes(call)
            if self.units:
                self.write_counts()


def install(spec):
    import builtins

    recorder = Recorder(spec)
    recorder.check_process()
    builtins.__dict__["__pitstop_watch__"] = recorder.watch
    # Every call of a watched function takes a frame more.
    sys.setrecursionlimit(sys.getrecursionlimit() * 2 + 100)
    events.install()
    atexit.register(recorder.finish)
    exit_now = os._exit

    def exit_recorded(status):
        try:
            recorder.finish()
        finally:
            exit_now(status)

    os._exit = exit_recorded
