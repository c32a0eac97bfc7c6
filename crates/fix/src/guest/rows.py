"""Describes values as rows, so that two processes can hold what they saw against each other.

A row is [depth, label, type, value], a node of the value's graph in the order of a walk: the rows
below it that are deeper are its parts. Two values are equal to the last detail (types, bits of
floats, order of dictionaries, which parts are one and the same object) exactly if their rows are.

Sets are sorted by the rows of their elements: the order of a set promises nothing. Attributes are
sorted by name, wherever they are kept: in a dictionary or in slots.
"""

import collections
import hashlib
import json
import types

# Rows that are kept of one value; of those beyond, a digest.
MOST_ROWS = 5000

# The same of one argument: what matters is mostly that it is as it was.
MOST_ARGUMENT_ROWS = 1000

# Characters of a text that are kept; of longer ones, a digest.
MOST_TEXT = 2000

_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented))

# Whose identity nobody should depend on, though they are no plain values.
_VALUES = {
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "fractions.Fraction",
    "ipaddress.IPv4Address",
    "ipaddress.IPv6Address",
    "pathlib.PosixPath",
    "pathlib._local.PosixPath",
    "pathlib.PurePosixPath",
    "re.Pattern",
    "uuid.UUID",
}

_NAMED = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.ModuleType,
    type(len),
    type(str.join),
    type(object.__init__),
)


def type_name(kind):
    module = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", None) or getattr(kind, "__name__", "?")
    if module in (None, "builtins"):
        return str(name)
    # A script that is replayed is imported under the name that multiprocessing uses.
    return "%s.%s" % ("__main__" if module == "__mp_main__" else module, name)


def _float(value):
    # One NaN is as good as another: its sign is an accident of the processor.
    return "nan" if value != value else float.hex(value)


def _short(text, whole):
    if len(text) <= MOST_TEXT:
        return text
    digest = hashlib.sha256(whole).hexdigest()
    return "%s... (%d, sha256 %s)" % (text[:200], len(text), digest)


def plain(value):
    """The text of a plain value, without its type."""
    kind = type(value)
    if kind is str:
        data = value.encode("utf-8", "surrogatepass")
        return _short(value.encode("utf-8", "backslashreplace").decode("utf-8"), data)
    if kind is bytes:
        return _short(repr(value), value)
    if kind is float:
        return _float(value)
    if kind is complex:
        return "%s %s" % (_float(value.real), _float(value.imag))
    if kind is int and value.bit_length() > 1000:
        return _short(hex(value), hex(value).encode())
    return repr(value)


def is_iterator(value):
    kind = type(value)
    if not hasattr(kind, "__next__") or hasattr(kind, "fileno") or hasattr(kind, "read"):
        return False
    try:
        return iter(value) is value
    except Exception:
        return False


def _slots(value):
    for kind in type(value).__mro__:
        names = kind.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name in ("__dict__", "__weakref__"):
                continue
            if name.startswith("__") and not name.endswith("__"):
                name = "_%s%s" % (kind.__name__.lstrip("_"), name)
            if hasattr(value, name):
                yield name, getattr(value, name)


def attributes(value):
    found = dict(_slots(value))
    own = getattr(value, "__dict__", None)
    if isinstance(own, dict):
        found.update(own)
    return sorted(((str(name), part) for name, part in found.items()), key=lambda pair: pair[0])


def _is_frozen(kind):
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and bool(getattr(parameters, "frozen", False))


def _is_value(kind):
    """Whether nobody should care which object of the type it is."""
    if issubclass(kind, (tuple, frozenset) + _PLAIN) or _is_frozen(kind):
        return True
    if kind.__module__ == "numpy" and not hasattr(kind, "sort"):
        return True
    return any(type_name(base) in _VALUES for base in kind.__mro__)


class Rows:
    """Rows of several values that may share parts."""

    def __init__(self, most=MOST_ROWS):
        self.most = most
        self.seen = {}
        # What has a number must live on, or another object might get it.
        self.kept = []
        self.opaque = set()

    def argument(self, label, value):
        """The rows of an argument."""
        return self.of(label, value, min(self.most, MOST_ARGUMENT_ROWS))

    def of(self, label, value, most=None):
        """The rows of a value."""
        rows, digest, beyond = [], None, 0
        most = self.most if most is None else most
        stack = [(0, label, value, label)]
        while stack:
            depth, label, value, path = stack.pop()
            kind, text, parts = self._node(value, path)
            row = [depth, label, kind, text]
            if len(rows) < most:
                rows.append(row)
            else:
                digest = digest or hashlib.sha256()
                digest.update(json.dumps(row).encode())
                beyond += 1
            for name, part in reversed(parts):
                stack.append((depth + 1, name, part, path + name))
        if digest is not None:
            rows.append([0, " (the rest)", "%d parts" % beyond, digest.hexdigest()])
        return rows

    def _node(self, value, path):
        kind = type(value)
        name = type_name(kind)
        if kind in _PLAIN:
            return name, plain(value), ()
        if isinstance(value, _NAMED):
            if "<" in type_name(value):
                # Two lambdas of one name may do different things.
                self.opaque.add(name)
            return name, type_name(value), ()
        if isinstance(value, types.MethodType):
            return name, value.__func__.__qualname__, ((".__self__", value.__self__),)
        if kind is tuple:
            return name, str(len(value)), self._numbered(value)
        if kind is frozenset:
            return name, str(len(value)), self._set(value)
        if kind is range or kind is slice:
            return name, repr(value), ()
        if not _is_value(kind):
            first = self.seen.get(id(value))
            if first is not None:
                return "the same object", first.lstrip(), ()
            self.seen[id(value)] = path
            self.kept.append(value)
        return self._container(value, kind, name)

    def _container(self, value, kind, name):
        if isinstance(value, BaseException):
            parts = [(" argument %d" % at, part) for at, part in enumerate(value.args, 1)]
            return name, plain(_text(value)), parts
        enum = getattr(kind, "__members__", None)
        if enum is not None and hasattr(value, "_name_"):
            return name, str(value._name_), ()
        if name == "numpy.ndarray":
            about = "%s %s" % (value.dtype, "x".join(map(str, value.shape)))
            return name, about, ((".tolist()", value.tolist()),)
        more = []
        if isinstance(value, (list, tuple)):
            more = self._numbered(tuple.__iter__(value) if isinstance(value, tuple) else value)
            text = str(len(more))
        elif isinstance(value, dict):
            text = str(len(value))
            keys = dict.keys(value)
            if isinstance(value, collections.OrderedDict):
                keys = collections.OrderedDict.keys(value)
            for key in keys:
                more.append(self._entry(key, dict.__getitem__(value, key)))
            factory = getattr(value, "default_factory", None)
            if factory is not None:
                more.append((".default_factory", factory))
        elif isinstance(value, (set, frozenset)):
            more, text = self._set(value), str(len(value))
        elif isinstance(value, bytearray):
            text = _short(repr(bytes(value)), bytes(value))
        elif isinstance(value, (str, bytes, int, float, complex)):
            base = next(base for base in (str, bytes, int, float, complex) if isinstance(value, base))
            text = plain(base.__new__(base, value))
        elif is_iterator(value):
            self.opaque.add(name)
            return name, "", ()
        else:
            return self._instance(value, kind, name)
        if kind.__module__ != "builtins":
            more = list(more) + [("." + attribute, part) for attribute, part in attributes(value)]
        return name, text, more

    def _instance(self, value, kind, name):
        if name == "re.Match":
            return name, "", ((".regs", value.regs), (".string", value.string))
        found = [("." + attribute, part) for attribute, part in attributes(value)]
        if found or kind is object:
            return name, "", found
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:
            self.opaque.add(name)
            return name, "(nothing to be seen of it)", ()
        if isinstance(reduced, str):
            return name, reduced, ()
        # The first two say how it is made, the third what it holds; the others are iterators.
        parts = [(" made with", reduced[1])]
        if len(reduced) > 2 and reduced[2] is not None:
            parts.append((" state", reduced[2]))
        for at in (3, 4):
            if len(reduced) > at and reduced[at] is not None:
                parts.append((" items", list(reduced[at])))
        return name, "", parts

    @staticmethod
    def _numbered(values):
        return [("[%d]" % at, value) for at, value in enumerate(values)]

    @staticmethod
    def _entry(key, value):
        if type(key) in _PLAIN:
            # The type belongs to the key: 1, 1.0 and True are equal and not the same.
            text = repr(key) if type(key) is not int else str(key)
            return "[%s]" % (text if len(text) < 80 else text[:77] + "..."), value
        return "[%s]" % type_name(type(key)), (key, value)

    def _set(self, values):
        def order(value):
            return json.dumps(Rows(self.most).of("", value))

        return [("{}", value) for value in sorted(values, key=order)]


def _text(error):
    try:
        return str(error)
    except Exception:
        return "?"
