"""Calls a function at a given rate, whether the call before is over or not. CPython 3.8 to 3.15.

    the job     text is SETUP NUL TARGET
    commands    l RATE SECONDS THREADS
    answers     l SERVED LATE ELAPSED CPU SERVERS, then for each of SERVED + LATE calls two numbers of 8
                bytes, in nanoseconds, lowest byte first: how long it took from when it was due,
                and from when it began; SERVERS is how many calls can run at once, 0 for any number

A call is *due* at its place in a schedule that was fixed beforehand: what has to wait because calls
before it took long is counted from then on. LATE ones had not begun, or were not over, when the
time was up for twice as long as planned: of those it is known that they took at least so long.
"""

import array
import gc
import sys
import threading
import time

import _pitstop_worker as worker

# Sleeping ends about so much late (timer slack is 50 us, and the scheduler wants its share).
SLEEP_NS = 150000

# asyncio rounds its timeouts up to whole milliseconds.
ASYNC_SLEEP_NS = 1500000

NEVER = -1


class Schedule:
    def __init__(self, rate, seconds):
        self.gap = 1e9 / rate
        self.count = max(1, int(rate * seconds))
        self.latency = array.array("q", [NEVER]) * self.count
        self.service = array.array("q", [NEVER]) * self.count
        self.start = time.perf_counter_ns() + 1000000
        self.deadline = self.start + int(2e9 * seconds)

    def due(self, at):
        return self.start + int(at * self.gap)

    def note(self, at, began, ended):
        self.latency[at] = ended - self.due(at)
        self.service[at] = ended - began


def by_threads(schedule, call, threads):
    clock = time.perf_counter_ns
    turn = threading.Lock()
    place = [0]
    failed = []

    def wait(until):
        left = until - clock() - SLEEP_NS
        if left > 0:
            time.sleep(left / 1e9)
        # With other threads at work this would hold the GIL against them.
        while threads == 1 and clock() < until:
            pass

    def serve():
        while not failed:
            with turn:
                at = place[0]
                if at >= schedule.count or clock() > schedule.deadline:
                    return
                place[0] = at + 1
                due = schedule.due(at)
                if clock() < due:
                    wait(due)
            # A clock that is read early, by a sleep that ended early, begins the call then.
            began = max(clock(), due)
            try:
                call()
            except BaseException:
                failed.append(sys.exc_info())
                return
            schedule.note(at, began, max(clock(), began))

    others = [threading.Thread(target=serve, daemon=True) for _ in range(threads - 1)]
    for thread in others:
        thread.start()
    serve()
    for thread in others:
        thread.join(max(schedule.deadline - clock(), 0) / 1e9 + 0.001)
    if failed:
        raise failed[0][1]


async def by_tasks(schedule, call):
    import asyncio

    clock = time.perf_counter_ns
    loop = asyncio.get_running_loop()
    pending, failed = set(), []

    async def serve(at):
        began = clock()
        try:
            await call()
        except BaseException as error:
            failed.append(error)
            return
        schedule.note(at, began, clock())

    for at in range(schedule.count):
        due = schedule.due(at)
        if clock() > schedule.deadline or failed:
            break
        left = due - clock() - ASYNC_SLEEP_NS
        if left > 0:
            await asyncio.sleep(left / 1e9)
        # Others have their turn at least once, however late it is.
        await asyncio.sleep(0)
        while clock() < due:
            await asyncio.sleep(0)
        task = loop.create_task(serve(at))
        pending.add(task)
        task.add_done_callback(pending.discard)
    if pending:
        left = max(schedule.deadline - clock(), 0) / 1e9
        await asyncio.wait(set(pending), timeout=left)
    late = [task for task in pending if not task.done()]
    if failed:
        raise failed[0]
    # After this a task that is cancelled says nothing any more.
    kept = schedule.latency[:], schedule.service[:]
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=1)
    schedule.latency, schedule.service = kept
    failed.clear()


def play(channel, words):
    setup, target = words
    phase = "setup"
    try:
        worker.check(setup, "<setup>")
        names = {"__name__": "__main__", "__builtins__": __builtins__}
        exec(compile(setup, "<setup>", "exec"), names)
        phase = "import"
        call = worker.found(target)
        phase = "statement"
        is_awaited = worker.is_coroutine_function(call)
        if is_awaited:
            import asyncio

            asyncio.run(call())
        else:
            # What happens once, as imports inside of it, is no latency of the others.
            call()
    except BaseException:
        channel.fail(phase)
    channel.say("ready %d.%d.%d 0 1" % sys.version_info[:3])
    while True:
        command = channel.commands.readline().split()
        if not command:
            worker.os._exit(0)
        rate, seconds, threads = float(command[1]), float(command[2]), int(command[3])
        gc.collect()
        cpu = time.process_time_ns()
        schedule = Schedule(rate, seconds)
        try:
            if is_awaited:
                asyncio.run(by_tasks(schedule, call))
            else:
                by_threads(schedule, call, threads)
        except BaseException:
            channel.fail("statement")
        cpu = time.process_time_ns() - cpu
        end = time.perf_counter_ns()
        answer(channel, schedule, end, cpu, 0 if is_awaited else threads)


def answer(channel, schedule, end, cpu, servers):
    served = late = 0
    numbers = array.array("q")
    # Threads that are still at it must not change what is counted.
    latency, service = schedule.latency[:], schedule.service[:]
    for at in range(schedule.count):
        if latency[at] != NEVER and service[at] != NEVER:
            served += 1
            numbers.append(latency[at])
            numbers.append(service[at])
    for at in range(schedule.count):
        if latency[at] == NEVER or service[at] == NEVER:
            late += 1
            numbers.append(max(end - schedule.due(at), 0))
            numbers.append(0)
    if sys.byteorder == "big":
        numbers.byteswap()
    words = (served, late, end - schedule.start, cpu, servers)
    channel.say("l %d %d %d %d %d" % words, numbers.tobytes())
