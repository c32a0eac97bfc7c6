"""Makes one callable of recorded calls, to be measured: all of them, one after the other.

The job is that of `replay`, with "fresh": the ids of calls that change their arguments or take
from iterators. Those get new arguments each time, copied while time runs; the others share theirs.
"""

import collections
import json
import os
import sys


def _one(call, player, is_fresh):
    function = player.function
    lazy, drain = player._is_lazy, collections.deque(maxlen=0).extend

    if player.kind == "await":
        import asyncio

        loop = asyncio.new_event_loop()
        plain = function
        function = lambda *args, **kwargs: loop.run_until_complete(plain(*args, **kwargs))
    made = call.make()
    args, kwargs = made.args, made.kwargs
    sample = None
    try:
        sample = function(*args, **kwargs)
    except BaseException:
        # It raises each time: that too takes its time.
        pass
    is_lazy = lazy(sample)
    if hasattr(sample, "close") and is_lazy:
        sample.close()

    def shared():
        try:
            result = function(*args, **kwargs)
            if is_lazy:
                drain(result)
        except Exception:
            pass

    def fresh():
        made = call.make()
        try:
            result = function(*made.args, **made.kwargs)
            if is_lazy:
                drain(result)
        except Exception:
            pass

    return fresh if is_fresh or is_lazy or made.tapes else shared


def prepare(path):
    from _pitstop_proof import loading, replay

    with open(path, "rb") as file:
        job = json.load(file)
    jobs = loading.Jobs(job)
    jobs.install()
    calls, headers = replay.read(job["records"])
    side = replay.Side(job, headers)
    side.jobs = jobs
    fresh = set(job["fresh"])
    works = []
    for at in job["ids"]:
        call = calls[at]
        side.enter(headers[call.file])
        function, why = side.function(call)
        if why is not None:
            raise RuntimeError(why)
        os.chdir(side.moved(call.about["cwd"]))
        works.append(_one(call, replay.Player(function, call.about["kind"], True), at in fresh))

    def all_of_them():
        for work in works:
            work()

    return all_of_them
