"""The examples run, and what they claim holds: they check it themselves."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from processes import output, run

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name, *arguments):
    """Run an example in a process of its own and return what it printed."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    return output(run(sys.executable, EXAMPLES / name, *arguments, seconds=600, env=environment))


def test_get_weights():
    printed = example("get_weights.py")
    assert "75 + 48 + 16 = 139" in printed
    assert "1216" in printed


def test_shared_kernel():
    assert "the same to the bit" in example("shared_kernel.py")


@pytest.mark.parametrize(
    ("name", "module", "text"),
    [
        ("gradients_in_jax.py", "jax", "gradient of dw (3, 3, 3, 2): as JAX's own"),
        ("gradients_in_autograd.py", "autograd", "the kernel of a blur was found"),
    ],
)
def test_gradients(name, module, text):
    if importlib.util.find_spec(module) is None:
        pytest.skip('needs pip install ".[parity]"')
    assert text in example(name)


def test_train_digits(tmp_path):
    """It checks what it says."""
    if not all(map(importlib.util.find_spec, ("sklearn", "matplotlib"))):
        pytest.skip('needs pip install ".[parity]"')
    picture = tmp_path / "digits.png"
    printed = example("train_digits.py", "--seeds", "1", "--epochs", "12", "--picture", picture)
    assert "| separable 8 | 5826 |" in printed
    assert picture.stat().st_size > 20_000


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason='needs pip install ".[parity]"'
)
@pytest.mark.parametrize(
    ("name", "text"), [("mobilenet.py", "loaded: Network("), ("efficientdet.py", "In one call")]
)
def test_networks(name, text):
    """Each says that it equals Keras within 2e-4 of the largest output, or fails."""
    printed = example(name)
    assert "error" in printed
    assert text in printed
