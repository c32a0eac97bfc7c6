"""What disturbed a benchmark, from what the kernel counts for this process anyway: two readings, around all rounds."""
import time

# Of one thread: time on a CPU, time waiting for one (both in nanoseconds), time slices. Linux only.
_SCHEDULE = "/proc/thread-self/schedstat"


def _waited_ns():
    try:
        with open(_SCHEDULE) as file:
            return int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return None


class Noise:
    """Begins when it is made; `stop` ends it."""

    def __init__(self):
        self._waited_ns = _waited_ns()
        self._cpu_s = time.thread_time()
        self._wall_s = time.perf_counter()
        self.wall_s = self.cpu_share = self.waited_share = None

    def stop(self):
        """Shares of the elapsed time: on a CPU, and waiting for one (`None` if the kernel does not tell)."""
        self.wall_s = time.perf_counter() - self._wall_s
        self.cpu_share = (time.thread_time() - self._cpu_s) / self.wall_s if self.wall_s else 0.0
        waited_ns = _waited_ns()
        if waited_ns is not None and self._waited_ns is not None and self.wall_s:
            self.waited_share = (waited_ns - self._waited_ns) / 1e9 / self.wall_s
