"""The C test program, built and run under both sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "c"


def test_plan_api_under_sanitizers(tmp_path):
    if shutil.which("make") is None or shutil.which("cc") is None:
        pytest.skip("needs make and a C compiler")
    done = subprocess.run(
        ["make", "-j2", "-C", HERE, "run", f"BUILD={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert "generic: 500 geometries, 0 failures" in done.stdout
