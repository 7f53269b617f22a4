import numpy as np
import pytest


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="the slow tests as well")


def pytest_collection_modifyitems(config, items):
    """Leave out the slow tests; those that are named on the command line run."""
    named = any("::" in argument for argument in config.args)
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow and not (config.option.all or named):
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)


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
