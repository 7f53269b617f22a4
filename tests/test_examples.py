"""The examples run, and what they claim holds: they check it themselves."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name, *arguments):
    """Run an example in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_get_weights():
    printed = run("get_weights.py")
    assert "75 + 48 + 16 = 139" in printed
    assert "1216" in printed


def test_shared_kernel():
    assert "the same to the bit" in run("shared_kernel.py")


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason='needs pip install ".[parity]"'
)
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("name", ["mobilenet.py", "efficientdet.py"])
def test_networks(name, threads):
    """Equal to Keras within 1e-4 of the largest output."""
    printed = run(name, "--threads", threads, "--seconds", "0.1")
    assert "error" in printed
    assert "csep  " in printed
