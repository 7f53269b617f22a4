"""Every row of the workload: prepared and functional, one and two threads.

State is made at first use and kept: asv would make what a ``setup`` method makes anew before every
call, and time a cold call with an operator that has never seen its input.
"""

from functools import cache

import workload

import csep

ROWS = {row.title: row for row in workload.rows()}


def titles(*names):
    """Return what the graphs call these rows."""
    return [title for title, row in ROWS.items() if row.name in names]


@cache
def layer(name):
    """Return the row, its arrays, a result and a prepared operator that has run once."""
    row = ROWS[name]
    arrays = row.arrays()
    y = row.empty_result()
    op = row.operator(arrays)
    op(arrays[0], y)
    return row, arrays, y, op


class Layers:
    """Time of one call, result written to ``out=``."""

    params = (list(ROWS), [1, 2])
    param_names = ("layer", "threads")
    warmup_time = 0.05
    sample_time = 0.02
    repeat = (5, 20, 0.6)

    def time_prepared(self, name, threads):
        """Weights packed before."""
        _, arrays, y, op = layer(name)
        op(arrays[0], y, threads)

    def time_functional(self, name, threads):
        """Weights given with the call."""
        row, arrays, y, _ = layer(name)
        row.function(arrays, out=y, num_threads=threads)()


class Packing:
    """Time of making a prepared operator: checks, packing, memory."""

    params = (titles("effdet_p5_16x64", "mnv1_14x512_512", "xcep_10x1536_2048"),)
    param_names = ("layer",)
    warmup_time = 0.05
    sample_time = 0.02
    repeat = (5, 20, 0.6)

    def time_pack(self, name):
        """One operator made and dropped."""
        csep.SeparableConv2D(*layer(name)[1][1:], padding="SAME")


class Memory:
    """Peak resident size of a process that makes and calls one operator."""

    params = (titles("mnv1_56x128_128", "xcep_10x1536_2048", "rgb_224x3m8_32"),)
    param_names = ("layer",)

    def peakmem_prepared(self, name):
        """Operator, scratch and result."""
        _, arrays, y, op = layer(name)
        op(arrays[0], y, 2)
