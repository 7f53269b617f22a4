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
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("name", ["mobilenet.py", "efficientdet.py"])
def test_networks(name, threads):
    """Equal to Keras within 1e-4 of the largest output."""
    printed = example(name, "--threads", threads, "--seconds", "0.1")
    assert "error" in printed
    assert "csep  " in printed
