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
