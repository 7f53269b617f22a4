"""Backward passes of separable layers, and their forward passes beside them.

State is made at first use and kept, as in `layers`.
"""

from functools import cache

import numpy as np
import workload

ROWS = {row.title: row for row in workload.rows(workload.PATH.with_name("training.json"))}


@cache
def layer(title):
    """Return a row's operator, its input, the gradient of its result, and room for gradients."""
    row = ROWS[title]
    arrays = row.arrays()
    op, x = row.operator(arrays), arrays[0]
    y = op(x)
    dy = np.random.default_rng(1).standard_normal(y.shape, np.float32)
    return op, x, y, dy, op.backward(dy, x)


class Training:
    """Time of one call, results written to ``out=``."""

    params = (list(ROWS), [1, 2])
    param_names = ("layer", "threads")
    warmup_time = 0.1
    sample_time = 0.05
    repeat = (5, 20, 1.0)

    def time_backward(self, title, threads):
        """Gradients of the input, both kernels and the bias."""
        op, x, _, dy, gradients = layer(title)
        op.backward(dy, x, out=gradients, num_threads=threads)

    def time_both(self, title, threads):
        """Forwards, then backwards."""
        op, x, y, dy, gradients = layer(title)
        op(x, y, threads)
        op.backward(dy, x, out=gradients, num_threads=threads)
