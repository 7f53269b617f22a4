"""What a call and an import cost beside the arithmetic."""

import numpy as np

import csep

X, OTHER, Y = (np.ones((1, 1, 1, 16), np.float32) for _ in range(3))
DW, PW, BIAS = (np.ones(s, np.float32) for s in ((1, 1, 16, 1), (1, 1, 16, 16), (16,)))
OP = csep.SeparableConv2D(DW, PW, BIAS)


class CallOverhead:
    """A layer of 16 numbers: all is overhead.  Beside it, NumPy's own for an array of that size.

    The arrays are made once: asv would run a ``setup`` method between the calls.
    """

    warmup_time = 0.05
    sample_time = 0.02
    repeat = (10, 30, 0.6)

    def time_prepared(self):
        """``op(x, out=y)``."""
        OP(X, out=Y)

    def time_functional(self):
        """``separable_conv2d(x, dw, pw, bias, out=y)``."""
        csep.separable_conv2d(X, DW, PW, BIAS, out=Y)

    def time_numpy_add(self):
        """``np.add(a, b, out=c)``."""
        np.add(X, OTHER, out=Y)


class Import:
    """In a fresh interpreter."""

    repeat = (5, 10, 5.0)
    number = 1

    def timeraw_import_csep_after_numpy(self):
        """``import csep`` where NumPy is there already."""
        return "import csep", "import numpy"

    def timeraw_import_numpy(self):
        """``import numpy``."""
        return "import numpy"
