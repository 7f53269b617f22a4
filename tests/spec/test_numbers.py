"""Integers, what messages show, and counts from sizes alone."""

import numpy as np
import pytest

import csep
from csep import _core
from csep.spec.arrays import check_integer, is_bfloat16, shown
from csep.spec.counts import MAX_STEP, check_shape, pixel_macs


def test_the_same_limit_as_in_c():
    assert MAX_STEP == _core.MAX_STEP


def test_integers():
    for value in (3, np.int8(3), np.uint64(3), np.array(3)):
        assert check_integer(value, "n", 1, 5, "a number") == 3
    for value in (True, np.bool_(True), 3.0, "3", None, np.float32(3), np.timedelta64(3), [3]):
        with pytest.raises(TypeError, match=r"^n: expected a number, got"):
            check_integer(value, "n", 1, 5, "a number")
    for value in (0, 6, 10**5000):
        with pytest.raises(ValueError, match=r"^n: expected a number, from 1 to 5, got"):
            check_integer(value, "n", 1, 5, "a number")


class Broken:
    def __repr__(self):
        raise RuntimeError


def test_what_is_shown_is_one_short_line():
    for value in (Broken(), 10**10000, "x" * 10**6, np.zeros(10**6), list(range(10**5)), "a\nb"):
        text = shown(value)
        assert len(text) < 300
        assert "\n" not in text


def test_bfloat16_is_a_type_not_a_name():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert is_bfloat16(np.dtype(ml_dtypes.bfloat16))
    assert not is_bfloat16(np.dtype([("bfloat16", "u2")]))
    assert not is_bfloat16(np.dtype(ml_dtypes.float8_e5m2))


def test_shapes():
    assert check_shape((None, 5, np.int64(6), 3), 4, 3) == (None, 5, 6, 3)
    for wrong in ((None, 5, 6, None), (1.0, 5, 6, 3), "1563", 4):
        with pytest.raises(TypeError, match=r"^input_shape: expected"):
            check_shape(wrong, 4, 3)
    for wrong in ((1, 5, 6), (1, -5, 6, 3), (1, 5, 6, 2**31)):
        with pytest.raises(ValueError, match=r"^input_shape: expected"):
            check_shape(wrong, 4, 3)


def test_counts_of_layers_on_sequences():
    assert csep.count_params("Conv1D", 4, 6, 3) == 3 * 4 * 6 + 6
    assert csep.count_params("SeparableConv1D", 4, 6, (3,), 2) == 3 * 8 + 8 * 6 + 6
    assert csep.count_params("DepthwiseConv1D", 4, None, 3, 2, False) == 24
    assert pixel_macs("SeparableConv1D", 4, 6, (1, 3), 2) == 3 * 8 + 8 * 6
    with pytest.raises(ValueError, match=r"^kernel_size: expected an int or \(length,\), got"):
        csep.count_params("Conv1D", 4, 6, (3, 3))
