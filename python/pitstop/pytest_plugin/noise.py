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
        """Ends it: `waited_share` of the elapsed time it could have run and had no CPU (`None` if the kernel does
        not tell), and in `cpu_share` of the rest it was on one.
        """
        self.wall_s = time.perf_counter() - self._wall_s
        cpu_s = time.thread_time() - self._cpu_s
        waited_ns, waited_s = _waited_ns(), 0.0
        if waited_ns is not None and self._waited_ns is not None and self.wall_s:
            waited_s = (waited_ns - self._waited_ns) / 1e9
            self.waited_share = waited_s / self.wall_s
        could_run_s = self.wall_s - waited_s
        self.cpu_share = min(cpu_s / could_run_s, 1.0) if could_run_s > 0 else 1.0
