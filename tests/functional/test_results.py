"""Where fresh results lie."""

import pickle

import numpy as np
import pytest

import csep


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_large_results_begin_on_a_cache_line_a_quarter_of_a_page_past_the_input(dtype):
    block = np.zeros(32 * 32 * 64 * 8 + 4096, np.uint8)
    for offset in (0, 16, 1000, 2048):
        x = block[offset : offset + 32 * 32 * 64 * np.dtype(dtype).itemsize].view(dtype)
        x = x.reshape(1, 32, 32, 64)
        y = csep.depthwise_conv2d(x, np.ones((3, 3, 64, 1), dtype))
        assert address(y) % 64 == 0
        assert (address(y) - address(x) // 64 * 64) % 4096 == 1024


def test_placed_results_are_arrays_like_any_other():
    x = np.ones((2, 20, 20, 64), np.float32)
    op = csep.DepthwiseConv2D(np.ones((3, 3, 64, 1), np.float32))
    y = op(x)
    assert type(y) is np.ndarray
    assert y.dtype == np.float32
    assert y.shape == (2, 18, 18, 64)
    assert y.flags.carray
    np.testing.assert_array_equal(y, 9)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(y)), y)


def test_placed_results_outlive_what_they_were_computed_from():
    dw = np.ones((1, 1, 64, 1), np.float32)
    results = [csep.depthwise_conv2d(np.full((1, 20, 20, 64), i, "f"), dw) for i in range(50)]
    for i, y in enumerate(results):
        np.testing.assert_array_equal(y, i)
    assert len({address(y) for y in results}) == len(results)
