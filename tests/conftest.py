import numpy as np
import pytest


class Layer:
    """Arrays of one random layer."""

    def __init__(self, x, dw, pw, bias):
        self.x, self.dw, self.pw, self.bias = x, dw, pw, bias
        self.weights = (dw, pw, bias)


@pytest.fixture
def make_layer():
    """A function that draws x and weights of given sizes."""

    def make(shape=(2, 7, 9, 5), kernel=(3, 3), multiplier=1, out_channels=6, seed=0):
        rng = np.random.default_rng(seed)
        c = shape[3]
        return Layer(
            rng.standard_normal(shape, np.float32),
            rng.standard_normal((*kernel, c, multiplier), np.float32),
            rng.standard_normal((1, 1, c * multiplier, out_channels), np.float32),
            rng.standard_normal(out_channels, np.float32),
        )

    return make
