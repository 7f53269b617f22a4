"""The network of the example service, on csep and on ONNX Runtime."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "service"))
from head import load, write_random


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "head.npz"
    write_random(path, outputs=20)
    return path


def test_another_backend(monkeypatch, weights):
    monkeypatch.setenv("HEAD_BACKEND", "tensorflow")
    with pytest.raises(ValueError, match="HEAD_BACKEND: expected csep or onnxruntime, got 'tenso"):
        load(weights)


def test_onnx_runtime_computes_the_same(monkeypatch, weights):
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason='needs pip install ".[parity]"')
    x = np.random.default_rng(0).standard_normal((2, 9, 7, 64), np.float32)
    ours = load(weights)(x)
    monkeypatch.setenv("HEAD_BACKEND", "onnxruntime")
    theirs = load(weights)
    assert (theirs.channels, theirs.outputs) == (64, 20)
    np.testing.assert_allclose(theirs(x), ours, atol=1e-5 * np.abs(ours).max())
