"""Which commit was measured: git's and Mercurial's answers."""
import configparser
import subprocess
from pathlib import Path


def _kind():
    """Which of the two the current directory belongs to, by the nearest directory of theirs."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        for name in ("git", "hg"):
            if (directory / ("." + name)).exists():
                return name, directory
    return None, here


def _ask(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, done.stderr.strip())
    return done.stdout.strip()


def _stripped(url):
    """The last part of a repository's address."""
    name = url.replace("\\", "/").rstrip("/").split("/")[-1].split(":")[-1]
    return name[:-len(".git")] if name.endswith(".git") else name


def get_project_name():
    """The repository's name by its address, or the directory's."""
    kind, root = _kind()
    try:
        name = ""
        if kind == "git":
            name = _stripped(_ask("git", "config", "--local", "remote.origin.url"))
        elif kind == "hg":
            parser = configparser.ConfigParser(interpolation=None)
            parser.read(str(root / ".hg" / "hgrc"))
            name = _stripped(parser.get("paths", "default", fallback=""))
        return name or root.name
    except (OSError, subprocess.CalledProcessError, configparser.Error):
        return Path.cwd().name


def _git():
    lines = _ask("git", "status", "--porcelain=v2", "--branch", "--untracked-files=no").splitlines()
    head = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# "))
    branch = head.get("branch.head", "(unknown)")
    commit = head.get("branch.oid", "")
    info = {
        "id": "unversioned" if commit == "(initial)" else commit,
        "dirty": any(not line.startswith("# ") for line in lines),
        "branch": "(detached head)" if branch == "(detached)" else branch,
    }
    if commit != "(initial)":
        info["author_time"], info["time"] = _ask("git", "show", "-s", "--format=%aI%n%cI", "HEAD").splitlines()
    return info


def _mercurial():
    commit = _ask("hg", "identify", "--id", "--debug")
    when = _ask("hg", "log", "-r", ".", "--template", "{date|rfc3339date}")
    return {
        "id": commit.rstrip("+"), "dirty": commit.endswith("+"), "branch": _ask("hg", "branch"),
        "time": when, "author_time": when,
    }


def get_commit_info(project_name=None):
    """The commit of the current directory. What went wrong is under `error`."""
    info = {
        "id": "unversioned", "time": None, "author_time": None, "dirty": False,
        "project": project_name or get_project_name(), "branch": "(unknown)",
    }
    kind, _ = _kind()
    ask = {"git": _git, "hg": _mercurial}.get(kind)
    if ask is not None:
        try:
            info.update(ask())
        except subprocess.CalledProcessError as error:
            info["error"] = "CalledProcessError({}, {!r})".format(error.returncode, error.cmd)
        except Exception as error:
            info["error"] = "{!r}".format(error)
    return info


def get_tag(project_name=None):
    """The name that a run is saved under by itself: commit, time, and whether there were changes."""
    from datetime import datetime, timezone
    info = get_commit_info(project_name)
    time = datetime.now(timezone.utc).strftime("%Y%m%d_%H%M%S")
    changed = "_uncommitted-changes" if info["dirty"] else ""
    return "{}_{}{}".format(info["id"], time, changed)
