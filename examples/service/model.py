"""The network that is served: a .csep file, or for comparison an .onnx file of the same network."""

import functools
import os

import numpy as np

import csep
from images import NEED_RGB, PREPROCESSING


class Model:
    """A network of images: any batch; height and width as the file has them, or open (None)."""

    def __init__(self, path, shape, names, about):
        if len(shape) != 4 or not isinstance(shape[3], int):
            raise ValueError(f"{path}: expected a network of images (N, H, W, C), got {shape}")
        self.shape = (None, *shape[1:])
        named = None not in names and len(set(names)) == len(names)
        self.names = list(names) if named else [f"output_{i}" for i in range(len(names))]
        self.labels = about.get("labels")
        self.preprocessing = about.get("preprocessing", "none")
        if self.preprocessing not in PREPROCESSING:
            known = ", ".join(PREPROCESSING)
            raise ValueError(f"{path}: preprocessing: expected {known}, got {self.preprocessing!r}")
        if self.preprocessing in NEED_RGB and self.channels != 3:
            raise ValueError(f"{path}: preprocessing {self.preprocessing!r} is for 3 channels")

    @property
    def channels(self):
        """Channels of an image."""
        return self.shape[3]

    def warm_up(self):
        """Make threads and scratch memory, before workers are forked: they have the latter."""
        self(np.zeros((1, *(side or 64 for side in self.shape[1:])), np.float32))

    def __call__(self, x):
        """Return the outputs of (N, H, W, C), a list of arrays; may be called from many threads."""
        y = self.compute(x)
        return y if isinstance(y, list) else [y]


class CsepModel(Model):
    """A file that `csep.Network.save` has written."""

    def __init__(self, path):
        network = csep.load(path)
        if not isinstance(network, csep.Network):
            raise ValueError(f"{path}: expected a network, got an operator, {network!r}")
        if len(network.input_shapes) != 1 or network.dtype != np.float32:
            raise ValueError(f"{path}: expected a network of one input of float32, got {network!r}")
        super().__init__(path, network.input_shapes[0], network.output_names, network.about)
        self.compute, self.result_bytes = network, network.result_bytes


class OnnxModel(Model):
    """A file that head.py has written, of the same shapes.

    Each worker makes its session with its first call: its threads do not survive a fork.
    """

    def __init__(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = csep.get_num_threads()
        self._make = lambda: onnxruntime.InferenceSession(
            os.fspath(path), options, ["CPUExecutionProvider"]
        )
        session = self._make()
        sides = session.get_inputs()[0].shape  # open ones are names
        shape = [n if isinstance(n, int) else None for n in sides]
        super().__init__(path, shape, [output.name for output in session.get_outputs()], {})

    @functools.cached_property
    def _session(self):
        return self._make()

    def warm_up(self):
        """Do nothing: see the class."""

    def result_bytes(self, shape):
        """Return 0: it does not tell."""
        return 0

    def compute(self, x):
        """Return the outputs."""
        return self._session.run(None, {self._session.get_inputs()[0].name: x})


def load(path):
    """Return the model of a file, by its ending: .csep or .onnx."""
    return OnnxModel(path) if str(path).endswith(".onnx") else CsepModel(path)
