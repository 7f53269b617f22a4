"""Every row of the workload: prepared and functional, one and two threads."""

import workload

import csep

ROWS = {row.name: row for row in workload.rows()}


class Layers:
    """Time of one call, result written to ``out=``."""

    params = (list(ROWS), [1, 2])
    param_names = ("layer", "threads")
    warmup_time = 0.05
    sample_time = 0.02
    repeat = (5, 20, 0.6)

    def setup(self, name, threads):
        """Draw the arrays and pack the weights."""
        self.row = ROWS[name]
        self.x, self.dw, self.pw, self.bias = self.row.arrays()
        self.y = workload.aligned_empty(self.row.output_shape)
        how = (self.row.stride, self.row.padding)
        self.op = csep.SeparableConv2D(self.dw, self.pw, self.bias, *how)

    def time_prepared(self, name, threads):
        """Weights packed before."""
        self.op(self.x, self.y, threads)

    def time_functional(self, name, threads):
        """Weights given with the call."""
        csep.separable_conv2d(
            self.x,
            self.dw,
            self.pw,
            self.bias,
            self.row.stride,
            self.row.padding,
            out=self.y,
            num_threads=threads,
        )


class Packing:
    """Time of making a prepared operator: checks, packing, memory."""

    params = (["effdet_p5_16x64", "mnv1_14x512_512", "xcep_10x1536_2048"],)
    param_names = ("layer",)
    warmup_time = 0.05
    sample_time = 0.02
    repeat = (5, 20, 0.6)

    def setup(self, name):
        """Draw the weights."""
        self.weights = ROWS[name].arrays()[1:]

    def time_pack(self, name):
        """One operator made and dropped."""
        csep.SeparableConv2D(*self.weights, padding="SAME")


class Memory:
    """Peak resident size of a process that makes and calls one operator."""

    params = (["mnv1_56x128_128", "xcep_10x1536_2048", "rgb_224x3m8_32"],)
    param_names = ("layer",)

    def setup(self, name):
        """Draw the arrays."""
        self.row = ROWS[name]
        self.x, *self.weights = self.row.arrays()

    def peakmem_prepared(self, name):
        """Operator, scratch and result."""
        op = csep.SeparableConv2D(*self.weights, self.row.stride, self.row.padding)
        op(self.x, num_threads=2)
