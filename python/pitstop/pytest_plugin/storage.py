"""Saved runs: `.benchmarks/MACHINE/0001_NAME.json`."""
import json
import os
import re
from pathlib import Path


class FileStorage:
    """A directory of saved runs, one directory a kind of machine and interpreter."""

    def __init__(self, path, logger, default_machine_id=None):
        self.path = Path(path)
        self.logger = logger
        self.default_machine_id = default_machine_id

    def __str__(self):
        return str(self.path)

    @property
    def location(self):
        """Where it is, for people."""
        path = os.path.relpath(str(self.path))
        return str(self.path) if path.startswith("..") else path

    def get(self, name):
        """The file of this machine's run of that name."""
        path = self.path / self.default_machine_id if self.default_machine_id else self.path
        return path / (name + ".json")

    def _next_number(self):
        numbers = [0]
        directory = self.get("x").parent
        if directory.is_dir():
            numbers += [int(match.group()) for match in (re.match(r"\d+", name) for name in os.listdir(str(directory)))
                        if match]
        return max(numbers) + 1

    def save(self, output_json, save):
        """Saves a run under the next number, and says where."""
        path = self.get("{:04}_{}".format(self._next_number(), save))
        path.parent.mkdir(parents=True, exist_ok=True)
        # All of it or nothing: somebody may compare with it while it is written.
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(output_json, indent=4, ensure_ascii=True, default=str), encoding="utf-8")
        os.replace(str(unfinished), str(path))
        self.logger.info("Saved benchmark data in: {}".format(path.resolve()), newline=True)

    def query(self, *words):
        """Files that the words mean: paths, or patterns for the begin of a name. Without a word, all."""
        files = {}
        for word in words or ("*",):
            word = str(word)
            if Path(word).is_file():
                files[Path(word)] = True
                continue
            for pattern in self._patterns(word):
                found = sorted(self.path.glob(pattern), key=lambda path: (path.name, str(path)))
                found = [path for path in found if path.suffix == ".json" and path.is_file()]
                if found:
                    files.update(dict.fromkeys(found))
                    break
        return sorted(files, key=lambda path: (path.name, str(path)))

    def _patterns(self, word):
        """What may be meant, the nearest first: this machine's runs, those in the directory itself, all machines'."""
        name = word if word.endswith(".json") else word.rstrip("*") + "*"
        if "/" in word:
            return [name]
        own = ["{}/{}".format(self.default_machine_id, name)] if self.default_machine_id else []
        return own + [name, "*/" + name]

    def load(self, *words):
        """Pairs of a file, relative to the storage, and what is in it."""
        from .stats import normalize_stats
        for path in self.query(*words):
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
                for benchmark in data["benchmarks"]:
                    normalize_stats(benchmark["stats"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.logger.warning("Failed to load {}: {!r}".format(path, error))
                continue
            yield self._shown(path), data

    def _shown(self, path):
        try:
            return path.relative_to(self.path)
        except ValueError:
            return path
