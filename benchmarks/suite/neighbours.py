"""Whether the machine was this process's alone: what to think of the other graphs on that day."""

import time

import workload
from others import Others


def track_others():
    """Share of the processors' time that others took during a second of calls."""
    row = next(row for row in workload.rows() if row.name == "mnv1_56x128_128")
    arrays = row.arrays()
    op, y = row.operator(arrays), row.empty_result()
    others, end = Others(), time.perf_counter() + 1
    while time.perf_counter() < end:
        op(arrays[0], y, 2)
    return others.share()


track_others.unit = "share of the processors"
