"""Finds the functions that differ between two versions of a file, by their syntax trees.

    python changes.py       standard input: a JSON list of [name, old file, new file]
                            standard output: a JSON list, one object a function

A function differs if its code does, comments and layout aside; if the class that it is in differs
beside its functions; or if it mentions a name of the module whose own statement differs, as a
constant or a class. A change in a nested function is one of the function around it.
"""

import ast
import json
import sys

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Unit:
    """A function that can be reached by names."""

    def __init__(self, name, node, around):
        self.name, self.node, self.around = name, node, around
        self.dump = ast.dump(node)
        self.mentions = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                self.mentions.add(part.id)


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(getattr(node, "value", None), ast.Constant)


def _bound(node):
    """The names that a statement of a module binds."""
    if isinstance(node, ast.Import) or isinstance(node, ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.ClassDef):
        return {node.name}
    names = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Store, ast.Del)):
            names.add(part.id)
    return names


class Version:
    """What a version of a file defines."""

    def __init__(self, text, name):
        tree = ast.parse(text, name)
        self.units = {}
        self.order = []
        # Of each class, and of the module under "": everything that is no function.
        self.rest = {}
        self.named = {}
        self._body(tree.body, "", "")

    def _body(self, body, prefix, around):
        rest = self.rest.setdefault(around, [])
        for node in body:
            if isinstance(node, FUNCTIONS):
                name = prefix + node.name
                if name not in self.units:
                    self.order.append(name)
                    self.units[name] = Unit(name, node, around)
                else:
                    # Several of a name: getters and setters, or the last one wins.
                    self.units[name].dump += ast.dump(node)
                    self.units[name].mentions |= Unit(name, node, around).mentions
            elif isinstance(node, ast.ClassDef):
                inner = prefix + node.name
                head = [ast.dump(part) for part in node.bases + node.keywords + node.decorator_list]
                self.rest.setdefault(inner, []).extend(head)
                self._body(node.body, inner + ".", inner)
                self.named.setdefault(node.name, []).extend(self.rest[inner])
            elif isinstance(node, (ast.If, ast.Try, ast.With)):
                for field in ("body", "orelse", "finalbody"):
                    self._body(getattr(node, field, []), prefix, around)
                for handler in getattr(node, "handlers", []):
                    self._body(handler.body, prefix, around)
            elif not _is_docstring(node):
                dump = ast.dump(node)
                rest.append(dump)
                if not around:
                    for bound in _bound(node):
                        self.named.setdefault(bound, []).append(dump)


def changes(name, old, new):
    """The functions of the old version that the new one changes."""
    changed_names = {
        bound for bound in old.named if old.named[bound] != new.named.get(bound)
    }
    found = []
    for at in old.order:
        unit = old.units[at]
        other = new.units.get(at)
        if other is None:
            why = "removed"
        elif unit.dump != other.dump:
            why = "code"
        elif unit.around and old.rest.get(unit.around) != new.rest.get(unit.around):
            why = "class"
        elif unit.mentions & changed_names:
            why = "uses " + ", ".join(sorted(unit.mentions & changed_names)[:3])
        else:
            continue
        found.append(
            {
                "file": name,
                "name": at,
                "why": why,
                "line": unit.node.lineno,
                "new_line": other.node.lineno if other else None,
            }
        )
    return found


def main():
    found, failed = [], []
    for name, old, new in json.load(sys.stdin):
        versions = []
        for side, path in (("old", old), ("new", new)):
            try:
                with open(path, "rb") as file:
                    versions.append(Version(file.read(), name))
            except (OSError, SyntaxError, ValueError) as error:
                failed.append({"file": name, "side": side, "why": str(error)})
        if len(versions) == 2:
            found.extend(changes(name, *versions))
    json.dump({"changes": found, "failed": failed}, sys.stdout)


if __name__ == "__main__":
    main()
