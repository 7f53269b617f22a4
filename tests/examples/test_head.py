"""The network of the example service, on csep and on ONNX Runtime."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "service"))
from head import write_random


def test_onnx_runtime_computes_the_same(tmp_path):
    for package in ("onnx", "onnxruntime", "PIL"):
        pytest.importorskip(package, reason='needs pip install ".[parity]"')
    from model import load  # noqa: PLC0415 - needs Pillow

    models = []
    for name in ("head.csep", "head.onnx"):
        write_random(tmp_path / name, outputs=20)
        models.append(load(tmp_path / name))
    x = np.random.default_rng(0).standard_normal((2, 9, 7, 64), np.float32)
    assert [(m.shape, m.names) for m in models] == [((None, None, None, 64), ["classes"])] * 2
    (ours,), (theirs,) = (model(x) for model in models)
    np.testing.assert_allclose(theirs, ours, atol=1e-5 * np.abs(ours).max())
