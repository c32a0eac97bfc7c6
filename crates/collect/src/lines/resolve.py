"""Says where the things that -p names are written, without importing any of them.

Runs in the program's own interpreter before the program does, with its sys.path. The arguments are
SCRIPT_DIRECTORY, the path of the main program's file or an empty text, 1 for --prof-imports or 0,
and the names. Prints lines of tab-separated fields, with any tab or newline in a path escaped as
Python would: `found INDEX FIRST LAST PATH` for definitions in those lines, LAST 0 for all to the
end; `missing INDEX REASON`. What --prof-imports adds has the index of the main program.
"""
import ast
import os
import sys
from importlib.machinery import PathFinder

SOURCES = (".py", ".pyw")


def say(*fields):
    text = "\t".join(str(field) for field in fields[:-1])
    last = str(fields[-1]).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    data = ("%s\t%s\n" % (text, last)).encode("utf-8", "surrogateescape")
    sys.stdout.buffer.write(data)


def tree_of(path):
    with open(path, "rb") as file:
        return ast.parse(file.read(), path)


def found(index, path, names=()):
    """Says a whole file, or the definition that a dotted name leads to in it."""
    path = os.path.realpath(path)
    if not names:
        say("found", index, 1, 0, path)
        return True
    body = tree_of(path).body
    node = None
    for name in names:
        # The last definition of a name is the one that stays.
        node = None
        for one in walk(body):
            if one.name == name:
                node = one
        if node is None:
            return False
        body = node.body
    first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
    say("found", index, first, node.end_lineno, path)
    return True


def walk(body):
    """The definitions of a body, also of those under an `if`, `try` or `with`."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
        else:
            for field in ("body", "orelse", "finalbody"):
                yield from walk(getattr(node, field, ()))
            for handler in getattr(node, "handlers", ()):
                yield from walk(handler.body)


def package(index, directory):
    """Says every file of a package; false if there is none."""
    any_file = False
    for where, directories, files in os.walk(directory):
        directories.sort()
        for file in sorted(files):
            if file.endswith(SOURCES):
                any_file = found(index, os.path.join(where, file))
    return any_file


def by_path(index, path):
    if os.path.isdir(path):
        if not package(index, path):
            say("missing", index, "there is no Python file in this directory")
    elif os.path.exists(path):
        found(index, path)
    else:
        say("missing", index, "there is no such file")


def by_name(index, name):
    """A module, package, class, method or function by its dotted name; the reason if not found."""
    names = name.split(".")
    alone = names[-1] == "__init__"
    if alone:
        names.pop()
    path, spec, used = sys.path, None, 0
    while used < len(names) and path is not None:
        one = PathFinder.find_spec(".".join(names[:used + 1]), path)
        if one is None:
            break
        spec, path, used = one, one.submodule_search_locations, used + 1
    # A module under another name, as os.path is, if the interpreter has it from the start.
    file = getattr(sys.modules.get(".".join(names[:used + 1])), "__file__", None)
    if file is not None and used < len(names) and file.endswith(SOURCES):
        if found(index, file, names[used + 1:]):
            return None
    if spec is None:
        if names and names[0] in sys.builtin_module_names:
            return "it is built into the interpreter and has no lines of Python"
        return "no module `%s` can be found" % names[0]
    rest = names[used:]
    if not rest and spec.submodule_search_locations is not None and not alone:
        if any([package(index, where) for where in list(spec.submodule_search_locations)]):
            return None
        return "there is no Python file in this package"
    origin = spec.origin
    if origin is None or not os.path.exists(origin):
        return "module `%s` has no file" % ".".join(names[:used])
    if not origin.endswith(SOURCES):
        return "module `%s` is compiled and has no lines of Python" % ".".join(names[:used])
    if not found(index, origin, rest):
        return "`%s` defines no `%s`" % (os.path.basename(origin), ".".join(rest))
    return None


def imports_of(main):
    """The dotted names that the main program imports, at any depth."""
    for node in ast.walk(tree_of(main)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.name,)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                # A star, and a name that is made at run time, stand for the module.
                whole = (node.module + ".__init__",)
                yield whole if alias.name == "*" else (node.module + "." + alias.name,) + whole


def main(directory, main_file, with_imports, *names):
    sys.path[:] = [directory] + sys.path[1:]
    for index, name in enumerate(names):
        try:
            looks_like_path = os.sep in name or os.path.exists(name) or name.endswith(SOURCES)
            if looks_like_path:
                by_path(index, name)
                reason = None
            else:
                reason = by_name(index, name)
        except (SyntaxError, ValueError) as error:
            reason = "its file cannot be parsed: %s" % error
        except OSError as error:
            reason = "its file cannot be read: %s" % error.strerror
        if reason is not None:
            say("missing", index, reason)
    if with_imports == "1" and main_file:
        for choices in imports_of(main_file):
            for name in choices:
                try:
                    if by_name(len(names), name) is None:
                        break
                except (SyntaxError, ValueError, OSError):
                    pass


if __name__ == "__main__":
    main(*sys.argv[1:])
