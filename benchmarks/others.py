"""How much of this process's processors others used while something was measured.

Processes beside this one and, where the hypervisor tells, other guests of the machine; not what a
neighbour on the second thread of a core takes.
"""

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")

# From this share on, tables say that a neighbour was there.
NOTICEABLE = 0.05


def _busy_seconds(cores):
    """Return the time that these processors did not idle, since the system's start."""
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name.removeprefix("cpu").isdecimal() and int(name[3:]) in cores:
            # proc(5): user nice system idle iowait irq softirq steal; what follows is in user.
            user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
            ticks += user + nice + system + irq + softirq + steal
    return ticks / TICKS


class Others:
    """Begins to watch when it is made."""

    def __init__(self):
        self.cores = os.sched_getaffinity(0)
        self.start = time.perf_counter(), time.process_time(), _busy_seconds(self.cores)

    def share(self):
        """Return the others' share of the processors' time since then, 0 to 1."""
        wall, own, busy = self.start
        elapsed = (time.perf_counter() - wall) * len(self.cores)
        others = _busy_seconds(self.cores) - busy - (time.process_time() - own)
        return min(max(others / elapsed, 0.0), 1.0) if elapsed else 0.0
