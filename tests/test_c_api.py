"""The C test programs, built and run under sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "c"

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or shutil.which("cc") is None, reason="needs make and a C compiler"
)


def make(target, build):
    done = subprocess.run(
        ["make", "-j2", "-C", HERE, target, f"BUILD={build}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout


def test_memory_and_undefined_behaviour(tmp_path):
    out = make("run", tmp_path)
    assert "generic: 500 geometries, 0 failures" in out
    assert "generic: 6 ways to allocate, 0 failures" in out


def test_data_races(tmp_path):
    assert "generic: 8 callers, 20 calls each, 0 failures" in make("run-threads", tmp_path)
