"""Sees what a call does to the world outside of its process, in order: files, network, processes,
databases. CPython's audit events tell; sqlite's statements come from its own trace.

An event is [kind, text, is_effect]. Effects are what somebody else could notice. Where effects are
not allowed, trying one raises, before anything has happened.
"""

import os
import sys
import tempfile
import threading

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Of these, the paths that are the first arguments.
PATHS = {
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.mkdir": 1,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.chown": 1,
    "os.link": 2,
    "os.symlink": 2,
    "os.utime": 1,
    "os.setxattr": 1,
    "os.removexattr": 1,
}

OUTWARD = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.bind",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.killpg",
    "signal.pthread_kill",
    "syslog.syslog",
}

READING = {"os.listdir", "os.scandir", "socket.getaddrinfo", "socket.gethostbyname"}

# Events that are kept of one call.
MOST = 5000

_local = threading.local()


class Blocked(PermissionError):
    """What is raised instead of an effect that is not allowed."""


class Log:
    """The events of one call, while it is the innermost one that is watched in its thread."""

    def __init__(self, allowed=True):
        self.allowed = allowed
        self.events = []
        self.written = []
        self.before = None

    def add(self, kind, text, is_effect):
        # What a call does is also done by the one around it.
        if self.before is not None:
            self.before.add(kind, text, is_effect)
        if len(self.events) < MOST:
            self.events.append([kind, text, is_effect])
        if is_effect and not self.allowed:
            raise Blocked(1, "%s is not repeated while calls are replayed" % kind)

    def text(self, stream, text):
        """What was written to a standard stream; neighbours are one event."""
        kind = "writes to " + stream
        if self.events and self.events[-1][0] == kind:
            self.events[-1][1] += text
        elif text:
            self.add(kind, text, False)

    def files(self):
        """What the files hold that were written."""
        import hashlib

        for path in dict.fromkeys(self.written):
            try:
                with open(path, "rb") as file:
                    data = file.read(1 << 26)
            except (OSError, ValueError):
                continue
            digest = hashlib.sha256(data).hexdigest()[:16]
            text = "%s: %d bytes, sha256 %s" % (shown(path), len(data), digest)
            self.events.append(["file holds", text, False])

    def __enter__(self):
        self.before = getattr(_local, "log", None)
        _local.log = self
        return self

    def __exit__(self, *error):
        _local.log = self.before


class Quiet:
    """Nothing that happens in here is an event."""

    def __enter__(self):
        self.before = getattr(_local, "log", None)
        _local.log = None

    def __exit__(self, *error):
        _local.log = self.before


def _is_temporary(path):
    base = os.path.realpath(tempfile.gettempdir())
    path = os.path.realpath(path)
    return path == base or path.startswith(base + os.sep)


def shown(path):
    """A path without what is drawn anew each time."""
    try:
        path = os.fsdecode(path)
    except TypeError:
        return "a descriptor" if isinstance(path, int) else "?"
    own = os.getcwd()
    if _is_temporary(path) and not path.startswith(own + os.sep) and os.path.isabs(path):
        return "<temporary>/*" + os.path.splitext(path)[1]
    if path.startswith(own + os.sep):
        return path[len(own) + 1 :]
    return path


def _touches_others(path):
    """Whether changing that path is more than making scratch."""
    if isinstance(path, int):
        return False
    try:
        path = os.path.abspath(os.fsdecode(path))
    except (TypeError, ValueError):
        return True
    if path in ("/dev/null", "/dev/stdout", "/dev/stderr"):
        return False
    # A project may lie in the temporary directory: what is in the current one is its own.
    own = os.path.realpath(os.getcwd())
    inside = os.path.realpath(path).startswith(own + os.sep)
    return inside or not _is_temporary(path)


def _is_importing():
    frame = sys._getframe(3)
    for _ in range(12):
        if frame is None:
            return False
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _open(log, path, mode, flags):
    if isinstance(path, int) or path is None:
        return
    is_writing = bool((flags or 0) & WRITING)
    if isinstance(mode, str):
        is_writing = any(letter in mode for letter in "wax+")
    if is_writing:
        if os.fsdecode(path) != "/dev/null":
            log.add("opens for writing", shown(path), _touches_others(path))
            log.written.append(os.path.abspath(os.fsdecode(path)))
    else:
        log.add("reads", shown(path), False)


def _hook(event, args):
    if getattr(_local, "log", None) is None:
        return
    log = _local.log
    if event == "open" or event in PATHS or event in OUTWARD or event in READING or event == "sqlite3.connect":
        with Quiet():
            if _is_importing():
                return
            if event == "open":
                _open(log, *args[:3])
            elif event in PATHS:
                paths = args[: PATHS[event]]
                is_effect = any(_touches_others(path) for path in paths)
                log.add(event, " ".join(shown(path) for path in paths), is_effect)
            elif event == "sqlite3.connect":
                path = args[0] if args else ""
                is_memory = path in (":memory:", b":memory:", "")
                text = str(path) if is_memory else shown(path)
                log.add("connects to sqlite", text, not is_memory and _touches_others(path))
            elif event in OUTWARD:
                parts = args[1:] if event.startswith("socket.") else args[:2]
                log.add(event, " ".join(str(part)[:200] for part in parts), True)
            else:
                log.add(event, shown(args[0]) if event.startswith("os.") and args else str(args[:2]), False)


def _sqlite():
    """Lets connections tell their statements."""
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None or getattr(sqlite3, "_pitstop_connect", None):
        return
    connect = sqlite3.connect

    def traced(*args, **kwargs):
        connection = connect(*args, **kwargs)

        def tell(statement):
            log = getattr(_local, "log", None)
            if log is not None:
                log.text_of_sql(statement)

        with Quiet():
            connection.set_trace_callback(tell)
        return connection

    sqlite3._pitstop_connect = connect
    sqlite3.connect = traced


def _text_of_sql(log, statement):
    log.add("sql", str(statement), False)


Log.text_of_sql = _text_of_sql
_installed = []


def install():
    if not _installed:
        _installed.append(True)
        tempfile.gettempdir()
        sys.addaudithook(_hook)
    _sqlite()
