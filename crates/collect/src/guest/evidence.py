"""What `pitstop trace` watches by --args, --queries and --blocking: tells the probe where.

Run by the bootstrap with `probe` and `directory` set. Modules are looked at when the program has
imported them: nothing is imported for our sake.
"""
import sys

# Bits of the settings' options and roles of functions: `option` of the room `wire`, `Role` of `probe`.
_ARGUMENTS, _QUERIES, _BLOCKING = 8, 16, 32
_WATCHED, _EXECUTE, _EXECUTE_MANY, _FETCH_ONE, _FETCH_MANY, _NEXT, _COMMIT, _BLOCK, _CALLBACK, _HAND_OVER = range(1, 11)
_CELL, _REST, _KEYWORDS = 1, 2, 4
_GENERATOR = 0x20 | 0x80 | 0x200
_IS_NEW = sys.version_info >= (3, 12)


class _Here:
    """The program's functions and built-in functions that are watched from now on."""

    def __init__(self, probe, options, names):
        self.probe = probe
        self.options = options
        self.listening = False
        # What --args asks for: the last part of each name leads to (module or None, qualname).
        self.wanted = {}
        for name in names:
            module, _, qualname = name.rpartition(":")
            last = qualname.rpartition(".")[2]
            self.wanted.setdefault(last, []).append((module or None, qualname))
        for name in self.wanted:
            self.name(name)
        probe.evidence_setup(0, self.decide)

    def name(self, name):
        self.probe.evidence_setup(6, sys.intern(name))

    # Python functions

    def listen(self):
        """Lets the interpreter tell of Python functions, once there is one to watch."""
        if self.listening:
            return
        self.listening = True
        probe = self.probe
        if not _IS_NEW:
            probe.watch_run_frame()
            return
        monitoring = sys.monitoring
        events = monitoring.events
        self.tool = tool = take_tool()
        probe.evidence_setup(1, monitoring.DISABLE)
        monitoring.register_callback(tool, events.PY_START, probe.watch_start)
        monitoring.register_callback(tool, events.PY_RETURN, probe.watch_leave)
        monitoring.register_callback(tool, events.PY_UNWIND, probe.watch_unwind)
        self.local = events.PY_START | events.PY_RETURN
        everywhere = events.PY_START if self.wanted else 0
        if sys.version_info >= (3, 15):
            self.local |= events.PY_UNWIND
        else:
            # It can be had for all code only; it costs where there is an exception.
            everywhere |= events.PY_UNWIND
        monitoring.set_events(tool, everywhere)

    def watch(self, code, role, plan):
        # Of what hands a statement over only the beginning counts, in a coroutine too.
        skipped = bool(code.co_flags & _GENERATOR) and role != _HAND_OVER
        self.probe.watch(code, role, plan, skipped)
        if skipped:
            return
        self.name(code.co_name)
        self.listen()
        if _IS_NEW:
            sys.monitoring.set_local_events(self.tool, code, self.local)

    def decide(self, code):
        """Asked by the probe when a function with a name that is wanted begins for the first time."""
        for module, qualname in self.wanted.get(code.co_name, ()):
            if qualname == code.co_name and module is None or _is_called(code, module, qualname):
                self.watch(code, _WATCHED, _plan(code))
                return

    def function(self, owner, name, role, at=(0, 1, 2)):
        """Watches a method of a class that is written in Python, or leads a built-in one to us.

        `at` says which parameters are the cursor, the statement, and what goes with it.
        """
        found = getattr(owner, "__dict__", {}).get(name)
        found = getattr(found, "__func__", found)
        while hasattr(found, "__wrapped__"):
            found = found.__wrapped__
        code = getattr(found, "__code__", None)
        if code is None:
            self.swap(found, role)
        else:
            slots = _slots(code)
            self.watch(code, role, _packed([slots[index] for index in at if index < len(slots)]))

    # Built-in functions

    def swap(self, function, role):
        if function is not None and _is_writable(self.probe.swap_place(function)):
            self.probe.swap(function, role)

    def swap_all(self, owner, names, role):
        for name in names.split():
            self.swap(vars(owner).get(name), role)


def _is_called(code, module, qualname):
    """True if a function with this code is called so."""
    import gc

    function = type(_is_called)
    for found in gc.get_referrers(code):
        if type(found) is function and found.__code__ is code:
            name = found.__qualname__
            if (name == qualname or name.endswith("." + qualname)) and module in (None, found.__module__):
                return True
    if module is None:
        name = getattr(code, "co_qualname", None)
        return name is not None and (name == qualname or name.endswith("." + qualname))
    return False


def _slots(code):
    """Where the parameters of a function lie in its frame: (index, kind)."""
    flags = code.co_flags
    count = code.co_argcount + code.co_kwonlyargcount
    kinds = [0] * count
    if flags & 4:
        kinds.append(_REST)
    if flags & 8:
        kinds.append(_KEYWORDS)
    slots = []
    for index, kind in enumerate(kinds):
        name = code.co_varnames[index]
        if name in code.co_cellvars:
            kind |= _CELL
            if sys.version_info < (3, 11):
                index = code.co_nlocals + code.co_cellvars.index(name)
        slots.append((index, kind))
    return slots


def _packed(slots):
    return b"".join(number.to_bytes(2, "little") for slot in slots for number in slot)


def _plan(code):
    return _packed(_slots(code))


_writable = []


def _is_writable(address):
    """True if that memory may be written to: a module may keep its tables where nobody may."""
    if not address:
        return False
    for _ in range(2):
        if any(start <= address < end for start, end in _writable):
            return True
        del _writable[:]
        with open("/proc/self/maps", "rb") as file:
            for line in file:
                place, rights = line.split(None, 2)[:2]
                if rights[1:2] == b"w":
                    start, _, end = place.partition(b"-")
                    _writable.append((int(start, 16), int(end, 16)))
    return False


# Databases (PEP 249)


def _cursor_class(here, owner):
    here.function(owner, "execute", _EXECUTE)
    here.function(owner, "executemany", _EXECUTE_MANY)
    here.function(owner, "executescript", _EXECUTE)
    here.function(owner, "fetchone", _FETCH_ONE)
    here.function(owner, "fetchmany", _FETCH_MANY)
    here.function(owner, "fetchall", _FETCH_MANY)


def _connection_class(here, owner):
    here.function(owner, "commit", _COMMIT)


def _sqlite3(here, module):
    for owner in (module.Cursor, module.Connection):
        for name, role in (("execute", _EXECUTE), ("executemany", _EXECUTE_MANY), ("executescript", _EXECUTE)):
            here.swap(vars(owner).get(name), role)
    _cursor_class(here, module.Cursor)
    here.probe.swap_next(module.Cursor, _NEXT)
    here.swap(vars(module.Connection).get("commit"), _COMMIT)
    here.swap(vars(module.Connection).get("__exit__"), _COMMIT)


def _driver(here, module):
    """Any other module that says of itself that it is one: its classes, wherever they lie in it."""
    prefix = module.__name__ + "."
    modules = [module] + [found for name, found in list(sys.modules.items()) if name.startswith(prefix)]
    for found in modules:
        for owner in list(getattr(found, "__dict__", {}).values()):
            if isinstance(owner, type):
                names = owner.__dict__
                if "execute" in names and hasattr(owner, "fetchone"):
                    _cursor_class(here, owner)
                if "commit" in names and hasattr(owner, "cursor"):
                    _connection_class(here, owner)


def _sqlalchemy(here, module):
    """`Dialect.do_execute` is what a dialect may replace: (cursor, statement, parameters, ...)."""
    owner = module.DefaultDialect
    here.function(owner, "do_execute", _EXECUTE, (1, 2, 3))
    here.function(owner, "do_executemany", _EXECUTE_MANY, (1, 2, 3))
    here.function(owner, "do_commit", _COMMIT)


def _django(here, module):
    here.function(module.CursorWrapper, "execute", _EXECUTE)
    here.function(module.CursorWrapper, "executemany", _EXECUTE_MANY)


def _aiosqlite(here, module):
    """Every statement goes to the connection's thread by `_execute(self, function, *arguments)`."""
    here.function(module.Connection, "_execute", _HAND_OVER, (2,))


_DATABASES = {
    "_sqlite3": _sqlite3,
    "aiosqlite.core": _aiosqlite,
    "sqlalchemy.engine.default": _sqlalchemy,
    "django.db.backends.utils": _django,
}


# Event loops


def _asyncio(here, module):
    import contextvars

    here.probe.evidence_setup(3, module.Handle._run.__code__)
    here.probe.evidence_setup(2, _describe)
    here.swap(vars(contextvars.Context).get("run"), _CALLBACK)


def _other_loop(here, module):
    """An event loop that calls its callbacks by itself."""
    import asyncio

    here.probe.evidence_setup(4, asyncio._get_running_loop)


def _describe(callback):
    """The code object and the name of what a loop called."""
    for _ in range(8):
        task = getattr(callback, "__self__", None)
        if hasattr(task, "get_coro"):
            callback = task.get_coro()
            break
        inner = getattr(callback, "func", None)
        if inner is None:
            break
        callback = inner
    code = None
    for name in ("cr_code", "gi_code", "ag_code", "__code__"):
        code = code or getattr(callback, name, None)
    label = getattr(callback, "__qualname__", None) or type(callback).__name__
    return code, label if isinstance(label, str) else type(callback).__name__


def _blocks(names):
    return lambda here, module: here.swap_all(module, names, _BLOCK)


def _blocks_in(**classes):
    def install(here, module):
        for owner, names in classes.items():
            found = getattr(module, owner, None)
            if found is not None:
                here.swap_all(found, names, _BLOCK)

    return install


def _locks(here, module):
    for lock in (module.allocate_lock(), module.RLock()):
        here.swap_all(type(lock), "acquire __enter__", _BLOCK)


def _sockets(here, module):
    names = "accept _accept connect recv recv_into recvfrom recvfrom_into recvmsg send sendall sendto sendmsg"
    here.swap_all(module.socket, names, _BLOCK)
    here.swap_all(module, "getaddrinfo gethostbyname gethostbyaddr getnameinfo", _BLOCK)


_BLOCKS = {
    "asyncio.events": _asyncio,
    "uvloop": _other_loop,
    "time": _blocks("sleep"),
    "_thread": _locks,
    "_socket": _sockets,
    "_ssl": _blocks_in(_SSLSocket="read write do_handshake shutdown"),
    "_queue": _blocks_in(SimpleQueue="get"),
    "select": _blocks("select"),
    "posix": _blocks(
        "read write open stat lstat listdir fsync fdatasync sendfile wait waitpid wait3 wait4 waitid system "
        "replace rename unlink mkdir rmdir copy_file_range"
    ),
    "_posixsubprocess": _blocks("fork_exec"),
    "_io": _blocks_in(
        FileIO="read readall readinto write",
        BufferedReader="read read1 readinto readline",
        BufferedWriter="write flush",
        BufferedRandom="read readline write flush",
        TextIOWrapper="read readline write flush",
    ),
}


class _Finder:
    """Stands first among the finders; looks at modules when they have been imported."""

    def __init__(self, here, watched, generic):
        self.here = here
        self.watched = watched
        self.generic = generic
        self.library = getattr(sys, "stdlib_module_names", ())
        self.inside = False

    def find_spec(self, name, path=None, target=None):
        top = "." not in name and self.generic and name not in self.library
        if self.inside or not (top or name in self.watched):
            return None
        self.inside = True
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                if finder is self or find is None:
                    continue
                spec = find(name, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(self, spec.loader)
                    return spec
        finally:
            self.inside = False
        return None

    def imported(self, module):
        try:
            found = self.watched.get(module.__name__, ())
            for install in found:
                install(self.here, module)
            names = getattr(module, "__dict__", {})
            if not found and self.generic and "apilevel" in names and "paramstyle" in names:
                if module.__name__ != "sqlite3":
                    _driver(self.here, module)
        except Exception as error:
            _tell_note("%s cannot be watched: %s" % (module.__name__, error))


class _Loader:
    """The module's own loader, and then a look at the module."""

    def __init__(self, finder, loader):
        self.finder = finder
        self.loader = loader

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = self.loader
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.finder.imported(sys.modules.get(module.__name__, module))


def _tell_note(text):
    import os

    with open("%s/%d.note" % (directory, os.getpid()), "a", encoding="utf-8") as file:
        file.write(text + "\n")


def _libraries():
    """Directories of what is not the program's own."""
    import os

    found = [directory + "/", os.path.dirname(os.__file__) + "/"]
    with open("/proc/self/cmdline", "rb") as file:
        if b"\0-c\0" not in file.read():
            # What is compiled from text there is a library's: decorators, named tuples.
            found.append("<string>")
    return b"\0".join(os.fsencode(path) for path in found)


def install(options, names):
    probe.evidence_setup(5, _libraries())
    probe.evidence_begin()
    here = _Here(probe, options, names)
    watched = {}
    for bit, modules in ((_QUERIES, _DATABASES), (_BLOCKING, _BLOCKS)):
        for name, look in modules.items() if options & bit else ():
            watched.setdefault(name, []).append(look)
    if options & _BLOCKING and not options & _QUERIES:
        # What a database does blocks too; whose statement it is does not matter then.
        watched.setdefault("_sqlite3", []).append(_sqlite3)
    if here.wanted:
        here.listen()
    # Greenlets of one thread are in the middle of different things.
    watched["greenlet"] = [lambda here, module: here.probe.evidence_setup(7, None)]
    if watched:
        finder = _Finder(here, watched, bool(options & _QUERIES))
        sys.meta_path.insert(0, finder)
        for name in watched:
            if name in sys.modules:
                finder.imported(sys.modules[name])
