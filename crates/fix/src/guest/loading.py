"""Loads modules as one side of a proof has them: other texts for files, other functions for names,
and functions that are watched.

The job, as JSON:
    texts      {real path of a file: file with the text to take instead}
    watch      [{"file": real path or null, "module": name or null, "names": [qualified names]}]
    swap       [{"file": ..., "module": ..., "name": qualified name, "target": a target}]
A target is {"module": name or null, "file": path or null, "name": qualified name}.
"""

import ast
import builtins
import os
import sys

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
WATCH = "__pitstop_watch__"
SWAP = "__pitstop_swap__"


class _Watching(ast.NodeTransformer):
    """Puts a decorator around the functions of these names: outermost, so that what a cache or
    another decorator makes of a function is watched with it."""

    def __init__(self, names):
        self.names, self.prefix, self.found = names, "", set()

    def visit_ClassDef(self, node):
        before, self.prefix = self.prefix, self.prefix + node.name + "."
        node.body = [self.visit(part) for part in node.body]
        self.prefix = before
        return node

    def _function(self, node):
        name = self.prefix + node.name
        if name in self.names:
            self.found.add(name)
            place = node.decorator_list[0] if node.decorator_list else node
            call = ast.Call(
                func=ast.Name(id=WATCH, ctx=ast.Load()),
                args=[ast.Constant(value=name, kind=None)],
                keywords=[],
            )
            # The line of a function is that of its first decorator.
            for part in ast.walk(call):
                ast.copy_location(part, place)
            node.decorator_list.insert(0, call)
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function


class Job:
    """What is to be done with one module."""

    def __init__(self):
        self.text, self.watch, self.swaps = None, set(), []

    def code(self, path, is_main=False):
        with open(self.text or path, "rb") as file:
            text = file.read()
        if not self.watch and not self.swaps:
            return compile(text, path, "exec", dont_inherit=True)
        tree = ast.parse(text, path)
        if self.watch:
            tree = _Watching(self.watch).visit(tree)
        if self.swaps:
            # At the end of the module: what is swapped in may be a function of its own.
            calls = ["%s(%r, globals())" % (SWAP, at) for at, _ in self.swaps]
            last = ast.parse("\n".join(calls)).body
            # A program that runs at the end of its module wants them before.
            at = len(tree.body)
            if is_main:
                at = next((n for n, part in enumerate(tree.body) if _is_guard(part)), at)
            tree.body[at:at] = last
        return compile(tree, path, "exec", dont_inherit=True)


def definitions(tree, path):
    """The code of a script without its run: all of it if it has a guard, else what defines names and
    calls nothing that it defines itself."""
    if any(_is_guard(node) for node in tree.body):
        return compile(tree, path, "exec", dont_inherit=True)
    own = {node.name for node in tree.body if isinstance(node, FUNCTIONS + (ast.ClassDef,))}
    kept = []
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            calls = [part.func for part in ast.walk(node) if isinstance(part, ast.Call)]
            names = {part.id for call in calls for part in ast.walk(call) if isinstance(part, ast.Name)}
            if names & own:
                continue
        elif not isinstance(node, FUNCTIONS + (ast.ClassDef, ast.Import, ast.ImportFrom)):
            continue
        kept.append(node)
    tree.body[:] = kept
    return compile(tree, path, "exec", dont_inherit=True)


def _is_guard(node):
    """`if __name__ == ...`"""
    test = getattr(node, "test", None)
    left = getattr(test, "left", None)
    return isinstance(node, ast.If) and isinstance(left, ast.Name) and left.id == "__name__"


class Jobs:
    def __init__(self, spec):
        self.files, self.modules, self.targets = {}, {}, []
        for path, text in spec.get("texts", {}).items():
            self._job(path, None).text = text
        for item in spec.get("watch", []):
            self._job(item.get("file"), item.get("module")).watch.update(item["names"])
        for item in spec.get("swap", []):
            job = self._job(item.get("file"), item.get("module"))
            job.swaps.append((len(self.targets), item))
            self.targets.append(item)
        self.endings = {os.path.basename(path) for path in self.files}

    def _job(self, file, module):
        if file is not None:
            return self.files.setdefault(os.path.realpath(file), Job())
        return self.modules.setdefault(module, Job())

    def find(self, path, name):
        if os.path.basename(path) in self.endings:
            job = self.files.get(os.path.realpath(path))
            if job is not None:
                return job
        return self.modules.get(name)

    def install(self):
        builtins.__dict__[SWAP] = self.swap
        from importlib._bootstrap_external import SourceFileLoader

        before = SourceFileLoader.get_code

        def get_code(loader, name):
            job = self.find(loader.path, name)
            return before(loader, name) if job is None else job.code(loader.path)

        SourceFileLoader.get_code = get_code

    def swap(self, at, names):
        """Puts another function in the place of one, in the module of these names."""
        item = self.targets[at]
        *owners, last = item["name"].split(".")
        replacement = found(item["target"], names)
        if not owners:
            names[last] = replacement
            return
        owner = names[owners[0]]
        for name in owners[1:]:
            owner = getattr(owner, name)
        setattr(owner, last, replacement)


def module_of(target):
    """The module of a target, imported by its name or from its file."""
    import importlib
    import importlib.util

    name, file = target.get("module"), target.get("file")
    if name is not None:
        return importlib.import_module(name)
    path = os.path.realpath(file)
    for module in list(sys.modules.values()):
        known = getattr(module, "__file__", None)
        if known is not None and os.path.realpath(known) == path:
            return module
    stem = os.path.splitext(os.path.basename(path))[0]
    directory = os.path.dirname(path)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    spec = importlib.util.spec_from_file_location(stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    spec.loader.exec_module(module)
    return module


def raw(module, name):
    """What stands under a qualified name, as its class holds it: static methods and properties are
    not unfolded."""
    thing, owner = module, None
    names = module if isinstance(module, dict) else None
    for part in name.split("."):
        if names is not None:
            thing, names = names[part], None
            continue
        owner = thing
        if isinstance(owner, type):
            for kind in owner.__mro__:
                if part in kind.__dict__:
                    thing = kind.__dict__[part]
                    break
            else:
                raise AttributeError("%s has no `%s`" % (owner.__name__, part))
        else:
            thing = getattr(owner, part)
    return thing


def found(target, names=None):
    """The function of a target; `names` are those of a module that is being imported."""
    if names is not None:
        name, file = target.get("module"), target.get("file")
        own = names.get("__file__")
        is_own = name == names.get("__name__") if name is not None else (
            own is not None and os.path.realpath(own) == os.path.realpath(file)
        )
        if is_own:
            return raw(dict(names), target["name"])
    return raw(module_of(target), target["name"])


def run_script(jobs, words):
    """Runs a script as the interpreter does: in `__main__`, with its directory first in the path."""
    import __main__

    path = words[0]
    sys.argv[:] = words
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    job = jobs.find(path, "__main__") or Job()
    code = job.code(path, is_main=True)
    names = __main__.__dict__
    for name in list(names):
        if name not in ("__name__", "__builtins__", "__doc__", "__annotations__"):
            del names[name]
    names.update(__file__=path, __cached__=None, __package__=None, __spec__=None, __loader__=None)
    exec(code, names)
