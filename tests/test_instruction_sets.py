"""The other test files again, on every instruction set this machine has beside the best one."""

import os
import sys
from pathlib import Path

import pytest
from processes import output, run

from csep import _core

HERE = Path(__file__).parent
NAMES = ["separable", "family", "activations", "bits", "bad_input", "runtime"]


@pytest.mark.skipif("CSEP_ISA" in os.environ, reason="CSEP_ISA is set: only that one is tested")
@pytest.mark.parametrize("isa", _core.isa_available()[1:])
def test_suite(isa):
    files = [HERE / f"test_{name}.py" for name in NAMES]
    pytest_command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    environment = os.environ | {"CSEP_ISA": isa}
    output(run(*pytest_command, *files, seconds=900, cwd=HERE, env=environment))
