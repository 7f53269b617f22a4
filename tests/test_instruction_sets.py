"""The other test files again, on every instruction set this machine has beside the best one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from csep import _core

HERE = Path(__file__).parent
NAMES = ["separable", "family", "activations", "bits", "bad_input", "runtime"]


@pytest.mark.skipif("CSEP_ISA" in os.environ, reason="CSEP_ISA is set: only that one is tested")
@pytest.mark.parametrize("isa", _core.isa_available()[1:])
def test_suite(isa):
    files = [HERE / f"test_{name}.py" for name in NAMES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=HERE,
        env=os.environ | {"CSEP_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
