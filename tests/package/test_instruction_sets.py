"""The other test files again, on every instruction set this machine has beside the best one."""

import os
import sys
from pathlib import Path

import pytest
from processes import output, run

from csep import _core

TESTS = Path(__file__).parents[1]
FILES = [
    *(
        f"functional/test_{name}.py"
        for name in ("separable", "family", "activations", "backward", "bits", "forms", "bad_input")
    ),
    "operators/test_operators_backward.py",
    "runtime/test_runtime.py",
]


@pytest.mark.skipif("CSEP_ISA" in os.environ, reason="CSEP_ISA is set: only that one is tested")
@pytest.mark.parametrize("isa", _core.isa_available()[1:])
def test_suite(isa):
    pytest_command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    environment = os.environ | {"CSEP_ISA": isa}
    output(run(*pytest_command, *FILES, seconds=900, cwd=TESTS, env=environment))
