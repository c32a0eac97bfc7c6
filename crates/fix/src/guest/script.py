"""Runs a script with the job of its side: `python script.py SCRIPT ARGUMENTS...`."""
import sys


def _main():
    from os.path import abspath, dirname

    jobs = getattr(sys, "_pitstop_jobs", None)
    here = dirname(dirname(abspath(__file__)))
    sys.path.insert(0, here)
    from _pitstop_proof import loading

    sys.path.remove(here)
    if jobs is None:
        jobs = loading.Jobs({})
    return loading, jobs


_loading, _jobs = _main()
_loading.run_script(_jobs, sys.argv[1:])
