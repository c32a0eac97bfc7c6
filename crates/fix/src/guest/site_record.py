"""Starts our part in every Python process of a workload, before anything of the program runs.

Its directory stands first in PYTHONPATH, under the name `sitecustomize`. It takes itself out of the
way again and makes room for the program's own one. The variable PITSTOP_PROOF names the job.
"""
import os
import sys


def _start(here):
    import json

    sys.path.insert(0, here)
    try:
        from _pitstop_proof import loading

        with open(os.environ["PITSTOP_PROOF"], "rb") as file:
            spec = json.load(file)
        jobs = loading.Jobs(spec)
        jobs.install()
        if spec.get("record"):
            from _pitstop_proof import record

            record.install(spec)
        sys._pitstop_jobs = jobs
    finally:
        sys.path.remove(here)


def _next():
    """The program's own sitecustomize, if there is one."""
    own = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        # Whoever imported us wants to find something under this name.
        sys.modules.setdefault("sitecustomize", own)


_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [part for part in sys.path if part == "" or os.path.abspath(part) != _here]
_start(os.path.dirname(_here))
_next()
