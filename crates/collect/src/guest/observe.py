"""Runs a program once more and looks at chosen expressions: what type, how large, how often.

Started in place of the program, with the file of the plan as its first argument and the program
behind it: `observe.py PLAN script|module|code WHAT ARGUMENT...`. Source files of the plan are compiled
from a tree in which each chosen expression passes through `_see`, under a condition:

    needle in (_see(7, hay) if _on7 else hay)

A flag is off most of the time, so that a place costs two instructions; a thread switches all of them
on again and again. Places are then seen in proportion to the time that is spent there, which is what
a saving of time depends on.
"""
import ast
import builtins
import os
import sys
import time
from _thread import allocate_lock, start_new_thread

# How often flags are switched on, in seconds, and how much is seen before a place is off again.
_PAUSE = 0.01
_FIRST = 256
_AGAIN = 4
# How many sizes of a type are kept.
_KEPT = 4096
_SIZED = (list, tuple, set, frozenset, dict, str, bytes, bytearray, range)
# Types of libraries whose len() is cheap and has no effect.
_SIZED_NAMES = {
    "collections.deque", "array.array", "numpy.ndarray", "pandas.core.frame.DataFrame",
    "pandas.DataFrame", "pandas.core.series.Series", "pandas.Series",
}
_GENERATOR = 0x20 | 0x80 | 0x200


class _Place:
    """What was seen at one place."""

    def __init__(self, number):
        self.number = number
        self.flag = "_pitstop_on_%d" % number
        self.count = 0
        self.room = _FIRST
        self.types = {}
        self.bytes = 0
        self.used = 0
        self.all = 0
        self.raised = 0
        self.tried = 0
        self.import_ns = 0
        self.classes = []
        self.instances = 0
        self.functions = []
        self.calls = 0
        self.repeats = 0
        self.repeat_ns = 0
        self.call_ns = 0
        self.keyless = 0
        self.found = False


_places = []
_globals = vars(builtins)
_clock = time.perf_counter_ns
_lock = allocate_lock()


def _size(value):
    kind = type(value)
    if kind in _SIZED:
        return kind.__name__, len(value)
    name = "%s.%s" % (kind.__module__, kind.__qualname__)
    if name in _SIZED_NAMES:
        return name, len(value)
    for base in _SIZED:
        if issubclass(kind, base):
            return name, base.__len__(value)
    return (kind.__qualname__ if kind.__module__ == "builtins" else name), None


def _count(place):
    place.count += 1
    place.room -= 1
    if place.room <= 0:
        _globals[place.flag] = False


def _see(number, value):
    """Notes type and size; the value goes on."""
    place = _places[number]
    _count(place)
    name, size = _size(value)
    sizes = place.types.setdefault(name, [0, [], []])
    sizes[0] += 1
    if size is not None:
        kept = sizes[1 if place.count <= _FIRST else 2]
        if len(kept) < _KEPT:
            kept.append(size)
        else:
            # Later ones take the places of earlier ones, evenly.
            kept[sizes[0] * 2654435761 % _KEPT] = size
        memory = sys.getsizeof(value)
        if memory > place.bytes:
            place.bytes = memory
    return value


def _pass(number, value=None):
    """Counts; the value goes on."""
    _count(_places[number])
    return value


def _used(number, whole, part, is_slice):
    """Notes how much of a sequence is used."""
    place = _places[number]
    try:
        place.all += len(whole)
        place.used += len(part) if is_slice else 1
    except TypeError:
        pass
    return part


def _cut(number, whole, index):
    """`whole[index]`, and what it used."""
    _see(number, whole)
    part = whole[index]
    return _used(number, whole, part, type(index) is slice)


def _decides(number, values, wanted):
    """Notes how many of these decide `any` or `all`; values go on."""
    _see(number, values)
    place = _places[number]
    if type(values) in (list, tuple):
        place.all += len(values)
        for used, value in enumerate(values, 1):
            if type(value) is not bool or value is wanted:
                break
        else:
            used = len(values)
        place.used += used
    return values


def _tried(number):
    _places[number].tried += 1


def _raised(number):
    _places[number].raised += 1


def _importing(number):
    _places[number].import_ns -= _clock()


def _imported(number):
    _places[number].import_ns += _clock()
    _places[number].count += 1


def _instances(number):
    """Decorates a class."""

    def decorate(found):
        place = _places[number]
        place.count += 1
        if isinstance(found, type) and len(place.classes) < 64:
            place.classes.append(found)
        return found

    return decorate


def _outside(number):
    """Decorates a function from outside: a cache tells its hits by itself."""

    def decorate(function):
        place = _places[number]
        if len(place.functions) < 1024:
            place.functions.append(function)
        return function

    return decorate


def _key(args, kwargs):
    """What tells arguments from others: equal ones of one type have the same."""
    types = tuple(map(type, args))
    if kwargs:
        items = tuple(sorted(kwargs.items()))
        return hash((types, args, items, tuple(type(value) for _, value in items)))
    return hash((types, args))


def _repeats(number):
    """Decorates a function from inside: were these arguments there before?"""

    def decorate(function):
        code = getattr(function, "__code__", None)
        if code is None or code.co_flags & _GENERATOR:
            return function
        place = _places[number]
        seen = set()

        def watched(*args, **kwargs):
            place.calls += 1
            try:
                key = _key(args, kwargs)
            except Exception:
                place.keyless += 1
                return function(*args, **kwargs)
            is_known = key in seen
            if not is_known and len(seen) < 1000000:
                seen.add(key)
            begun = _clock()
            try:
                return function(*args, **kwargs)
            finally:
                took = _clock() - begun
                place.call_ns += took
                if is_known:
                    place.repeats += 1
                    place.repeat_ns += took

        for name in ("__module__", "__name__", "__qualname__", "__doc__", "__defaults__", "__kwdefaults__"):
            if name not in ("__defaults__", "__kwdefaults__"):
                setattr(watched, name, getattr(function, name))
        watched.__dict__.update(function.__dict__)
        watched.__wrapped__ = function
        return watched

    return decorate


_HELPERS = {
    "see": _see, "pass": _pass, "cut": _cut, "decides": _decides, "tried": _tried, "raised": _raised,
    "importing": _importing, "imported": _imported, "instances": _instances, "outside": _outside,
    "repeats": _repeats,
}


def _helper(name, *args):
    call = ast.Call(ast.Name("_pitstop_" + name, ast.Load()), list(args), [])
    return call


def _number(value):
    return ast.Constant(value, None)


def _quartiles(first, later):
    """Least, quarters and greatest. What was seen at the very beginning counts only if there is
    hardly anything else: later ones stand for equal parts of the time."""
    sizes = sorted(later if len(later) >= 16 else first + later)
    if not sizes:
        return []
    last = len(sizes) - 1
    return [sizes[last * quarter // 4] for quarter in range(5)]


class _Weaver(ast.NodeTransformer):
    """Leads chosen expressions and statements through our helpers."""

    def __init__(self, sites):
        # By the place where it ends: a decorated definition begins differently for every parser.
        self.sites = {}
        for site in sites:
            self.sites.setdefault(tuple(site["end"]), []).append(site)

    def chosen(self, node):
        end = getattr(node, "end_lineno", None), getattr(node, "end_col_offset", None)
        for site in self.sites.get(end, ()):
            start = tuple(site["start"])
            begins = [(node.lineno, node.col_offset)]
            for decorator in getattr(node, "decorator_list", ()):
                begins.append((decorator.lineno, decorator.col_offset - 1))
            if start in begins and not _places[site["number"]].found:
                if isinstance(node, ast.Expr):
                    # The statement is as long as its expression, which is what is meant.
                    continue
                yield site

    def visit(self, node):
        sites = list(self.chosen(node)) if hasattr(node, "lineno") else ()
        for site in sites:
            _places[site["number"]].found = True
        node = super().generic_visit(node)
        for site in sites:
            node = self.weave(node, site["number"], set(site["kinds"]))
        return node

    def weave(self, node, number, kinds):
        first = node[0] if isinstance(node, list) else node
        if isinstance(first, ast.expr):
            made = self.expression(first, number, kinds)
        else:
            made = self.statement(node, number, kinds)
        for one in made if isinstance(made, list) else [made]:
            ast.copy_location(one, first)
            ast.fix_missing_locations(one)
        return made

    def maybe(self, number, node, call):
        """`call if on else node`."""
        flag = ast.Name(_places[number].flag, ast.Load())
        return ast.copy_location(ast.IfExp(flag, call, node), node)

    def seen(self, number, node, name="see"):
        return self.maybe(number, node, _helper(name, _number(number), node))

    def expression(self, node, number, kinds):
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return node
        sized = kinds & {"type-and-size", "allocation", "needed"}
        if not sized:
            return self.seen(number, node, "pass")
        if isinstance(node, ast.Compare) and isinstance(node.ops[-1], (ast.In, ast.NotIn)):
            node.comparators[-1] = self.seen(number, node.comparators[-1])
        elif isinstance(node, ast.Subscript) and "needed" in kinds:
            index = node.slice
            # Below 3.9 an index has a node of its own.
            index = getattr(index, "value", index) if type(index).__name__ == "Index" else index
            if isinstance(index, ast.Slice):
                parts = [part or _number(None) for part in (index.lower, index.upper, index.step)]
                index = ast.Call(ast.Name("slice", ast.Load()), parts, [])
            return _helper("cut", _number(number), node.value, index)
        elif isinstance(node, ast.Subscript):
            node.value = self.seen(number, node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if "needed" in kinds and node.func.id in ("any", "all") and node.args:
                wanted = _number(node.func.id == "any")
                node.args[0] = self.maybe(
                    number, node.args[0], _helper("decides", _number(number), node.args[0], wanted)
                )
            elif node.args and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
                node.args[0] = self.seen(number, node.args[0])
            else:
                return self.seen(number, node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            receiver = node.func.value
            owner_is_module = isinstance(receiver, ast.Name) and receiver.id in sys.modules
            if owner_is_module and node.args and not isinstance(node.args[0], ast.Starred):
                node.args[0] = self.seen(number, node.args[0])
            elif isinstance(receiver, ast.Call) and ast.dump(receiver.func) == _SUPER:
                return self.seen(number, node, "pass")
            else:
                node.func.value = self.seen(number, receiver)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            if "allocation" in kinds and not isinstance(node, ast.GeneratorExp):
                return self.seen(number, node)
            generator = node.generators[0]
            generator.iter = self.seen(number, generator.iter)
        else:
            return self.seen(number, node)
        return node

    def statement(self, node, number, kinds):
        first = node[0] if isinstance(node, list) else node
        nodes = node if isinstance(node, list) else [node]

        def run(name, *args):
            return ast.Expr(_helper(name, _number(number), *args))

        if isinstance(first, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if "repetition" in kinds:
                if isinstance(first, ast.FunctionDef):
                    first.decorator_list.append(_helper("repeats", _number(number)))
                first.decorator_list.insert(0, _helper("outside", _number(number)))
            else:
                first.body.insert(0 if ast.get_docstring(first) is None else 1, run("pass"))
            return nodes
        if isinstance(first, ast.ClassDef):
            first.decorator_list.insert(0, _helper("instances", _number(number)))
            return nodes
        if isinstance(first, (ast.Import, ast.ImportFrom)):
            if getattr(first, "module", None) == "__future__":
                return nodes
            return [run("importing")] + nodes + [run("imported")]
        if isinstance(first, ast.Try):
            for handler in first.handlers:
                handler.body.insert(0, run("raised"))
            return [run("tried"), run("pass")] + nodes
        if isinstance(first, (ast.For, ast.AsyncFor)) and isinstance(first, ast.For):
            if kinds & {"type-and-size", "allocation", "needed"}:
                first.iter = self.seen(number, first.iter)
                return nodes
        if isinstance(first, (ast.AugAssign, ast.Assign)):
            target = first.target if isinstance(first, ast.AugAssign) else first.targets[0]
            again = _again(target)
            if again is not None and kinds & {"type-and-size", "allocation"}:
                flag = ast.Name(_places[number].flag, ast.Load())
                call = _helper("see", _number(number), again)
                return nodes + [ast.Expr(ast.IfExp(flag, call, _number(None)))]
        flag = ast.Name(_places[number].flag, ast.Load())
        return [ast.Expr(ast.IfExp(flag, _helper("pass", _number(number)), _number(None)))] + nodes


_SUPER = ast.dump(ast.Name("super", ast.Load()))


def _again(target):
    """The target of an assignment as an expression, if reading it once more has no effect."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        owner = _again(target.value)
        return owner and ast.Attribute(owner, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        owner = _again(target.value)
        index = target.slice
        if type(index).__name__ == "Index":
            index = index.value
        if owner is None or not isinstance(index, (ast.Name, ast.Constant)):
            return None
        return ast.Subscript(owner, target.slice, ast.Load())
    return None


def _woven(data, path, sites):
    """Source text as a code object that looks at those places."""
    tree = ast.parse(data, path)
    tree = _Weaver(sites).visit(tree)
    return compile(tree, path, "exec", dont_inherit=True)


class _Plan:
    def __init__(self, path):
        with open(path, "rb") as file:
            # Written by the collector as one literal.
            plan = eval(file.read(), {"__builtins__": {}, "true": True, "false": False})
        self.answer = plan["answer"]
        self.files = {}
        for site in plan["sites"]:
            _places.append(_Place(site["number"]))
            self.files.setdefault(site["file"], []).append(site)
        self.notes = []
        self.told = set()

    def sites(self, path):
        return self.files.get(path) or self.files.get(os.path.realpath(path))

    def code(self, data, path, usual):
        """The code of a file of the plan; the usual one if ours cannot be made."""
        try:
            return _woven(data, path, self.sites(path))
        except SyntaxError:
            # The program's own, or something of a newer Python: the interpreter says it best.
            return usual()
        except Exception as error:
            self.notes.append("%s: %s" % (path, error))
            return usual()

    def hook(self):
        from importlib._bootstrap_external import SourceLoader

        get_code = SourceLoader.get_code

        def chosen(loader, name):
            path = loader.get_filename(name)
            if self.sites(path) is None:
                return get_code(loader, name)
            return self.code(loader.get_data(path), path, lambda: get_code(loader, name))

        SourceLoader.get_code = chosen

    def pulse(self):
        flags = [place.flag for place in _places]
        while True:
            time.sleep(_PAUSE)
            for place in _places:
                if place.room <= 0:
                    place.room = _AGAIN
                    _globals[place.flag] = True

    def begin(self):
        for name, helper in _HELPERS.items():
            _globals["_pitstop_" + name] = helper
        for place in _places:
            _globals[place.flag] = True
        start_new_thread(self.pulse, ())

    def tell(self):
        """Writes down what this process saw; once."""
        with _lock:
            if os.getpid() in self.told:
                return
            self.told.add(os.getpid())
        import gc
        import json

        objects = None
        lines = []
        for place in _places:
            if place.classes:
                if objects is None:
                    objects = gc.get_objects()
                wanted = tuple(place.classes)
                live = sum(1 for found in objects if type(found) in wanted)
                place.instances = max(place.instances, live)
            hits = misses = 0
            for function in place.functions:
                info = getattr(function, "cache_info", None)
                if info is not None:
                    try:
                        hits += info().hits
                        misses += info().misses
                    except Exception:
                        pass
            lines.append({
                "number": place.number,
                "found": place.found,
                "count": place.count,
                "exact": place.count < _FIRST,
                "types": [
                    {"name": name, "count": count, "sizes": _quartiles(first, later)}
                    for name, (count, first, later) in place.types.items()
                ],
                "bytes": place.bytes,
                "used": place.used,
                "all": place.all,
                "tried": place.tried,
                "raised": place.raised,
                "import_ns": max(place.import_ns, 0),
                "instances": place.instances,
                "calls": place.calls,
                "keyless": place.keyless,
                "repeats": place.repeats,
                "call_ns": place.call_ns,
                "repeat_ns": place.repeat_ns,
                "hits": hits,
                "misses": misses,
            })
        text = json.dumps({"places": lines, "notes": self.notes})
        name = "%s/%d.seen" % (self.answer, os.getpid())
        with open(name + ".part", "w") as file:
            file.write(text)
        os.rename(name + ".part", name)

    def watch_instances(self):
        """Counts instances when the oldest generation is collected: near the peaks."""
        import gc

        def collected(phase, info):
            if phase == "start" and info.get("generation") == 2 and any(place.classes for place in _places):
                objects = gc.get_objects()
                for place in _places:
                    if place.classes:
                        wanted = tuple(place.classes)
                        live = sum(1 for found in objects if type(found) in wanted)
                        place.instances = max(place.instances, live)

        gc.callbacks.append(collected)

    def watch_ends(self):
        """Every way a process ends goes by `tell`."""
        import atexit

        atexit.register(self.tell)
        leave = os._exit

        def told(status):
            try:
                self.tell()
            finally:
                leave(status)

        os._exit = told

        def forked():
            for place in _places:
                place.__init__(place.number)
                place.found = True
            start_new_thread(self.pulse, ())

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=forked)


def _main_module(path):
    module = type(sys)("__main__")
    names = vars(module)
    names.update(__builtins__=builtins, __file__=path, __cached__=None)
    if path is None:
        del names["__file__"], names["__cached__"]
    sys.modules["__main__"] = module
    return names


def _run(plan, kind, what):
    if kind == "module":
        import runpy

        # It asks the loader, which is ours.
        sys.path[0] = os.getcwd()
        runpy._run_module_as_main(what, alter_argv=True)
        return
    if kind == "code":
        sys.path[0] = ""
        sys.argv[0] = "-c"
        code = compile(what, "<string>", "exec", dont_inherit=True)
        exec(code, _main_module(None))
        return
    if os.path.isdir(what) or what.endswith((".zip", ".pyz")):
        import runpy

        del sys.path[0]
        runpy.run_path(what, run_name="__main__")
        return
    with open(what, "rb") as file:
        data = file.read()
    sys.path[0] = os.path.dirname(os.path.realpath(what))

    def usual():
        return compile(data, what, "exec", dont_inherit=True)

    code = usual() if plan.sites(what) is None else plan.code(data, what, usual)
    exec(code, _main_module(what))


def main():
    plan = _Plan(sys.argv[1])
    kind, what = sys.argv[2:4]
    sys.argv = [what] + sys.argv[4:]
    plan.begin()
    plan.hook()
    plan.watch_ends()
    plan.watch_instances()
    _run(plan, kind, what)


main()
