"""The C test programs, built and run under sanitizers."""

import re
import shutil
from pathlib import Path

import pytest
from processes import output, run

HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("make") is None or shutil.which("cc") is None,
        reason="needs make and a C compiler",
    ),
]


def make(target, build):
    return output(run("make", "-j2", "-C", HERE, target, f"BUILD={build}", seconds=900))


def test_memory_and_undefined_behaviour(tmp_path):
    out = make("run", tmp_path)
    assert "generic 32-bit: vocabulary, 0 failures" in out
    assert "generic 64-bit: vocabulary, 0 failures" in out
    assert re.search(r"generic: 1000 jobs of each kernel, \d of them depthwise, 0 failures", out)
    assert "generic: 500 geometries, 0 failures" in out
    assert re.search(r"generic: \d+ networks, \d\d+ chains, 0 failures", out)
    assert "generic: 100 backward passes, 0 failures" in out
    assert "generic: 8 ways to allocate, 0 failures" in out


def test_data_races(tmp_path):
    assert "generic: 8 callers, 20 calls each, 0 failures" in make("run-threads", tmp_path)
