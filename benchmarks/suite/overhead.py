"""What a call and an import cost beside the arithmetic."""

import numpy as np

import csep


class CallOverhead:
    """A layer of 16 numbers: all is overhead.  Beside it, NumPy's own for an array of that size."""

    warmup_time = 0.05
    sample_time = 0.02
    repeat = (10, 30, 0.6)

    def setup(self):
        """Make the smallest layer."""
        self.x, self.other, self.y = (np.ones((1, 1, 1, 16), np.float32) for _ in range(3))
        self.dw = np.ones((1, 1, 16, 1), np.float32)
        self.pw = np.ones((1, 1, 16, 16), np.float32)
        self.bias = np.ones(16, np.float32)
        self.op = csep.SeparableConv2D(self.dw, self.pw, self.bias)

    def time_prepared(self):
        """``op(x, out=y)``."""
        self.op(self.x, out=self.y)

    def time_functional(self):
        """``separable_conv2d(x, dw, pw, bias, out=y)``."""
        csep.separable_conv2d(self.x, self.dw, self.pw, self.bias, out=self.y)

    def time_numpy_add(self):
        """``np.add(a, b, out=c)``."""
        np.add(self.x, self.other, out=self.y)


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
