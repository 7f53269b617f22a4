"""Arrays as .npy bytes, from and to people one does not know."""

import io
import math

import numpy as np
from numpy.lib import format as npy

DTYPES = {np.dtype("<f4"), np.dtype("<f2")}


class RefusedError(ValueError):
    """A request that cannot be answered: the HTTP status and what to say."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def read_header(body):
    """Return shape, dtype and where the data begins."""
    stream = io.BytesIO(body)
    try:
        version = npy.read_magic(stream)
        reader = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, _, dtype = reader[version](stream)
    except Exception as error:  # the header is a Python literal: parsing it can go wrong in any way
        kind = type(error).__name__
        raise RefusedError(400, f"body: expected the bytes of a .npy file: {kind}") from None
    if not all(type(side) is int and 0 <= side < 1 << 62 for side in shape):
        raise RefusedError(400, "body: expected a .npy header with a shape of integers")
    return shape, dtype, stream.tell()


def read(body, channels, most_pixels):
    """Return the (N, H, W, channels) array in ``body``.

    What the header says is checked before anything of that size is allocated; nothing is unpickled.
    """
    shape, dtype, start = read_header(body)
    if dtype not in DTYPES:
        raise RefusedError(422, f"dtype: expected float32 or float16, little-endian, got {dtype}")
    if len(shape) != 4 or shape[3] != channels:
        raise RefusedError(422, f"shape: expected (N, H, W, {channels}), got {shape}")
    if min(shape) < 1:
        raise RefusedError(422, f"shape: expected no side to be 0, got {shape}")
    if math.prod(shape[:3]) > most_pixels:
        raise RefusedError(413, f"shape: expected at most {most_pixels} pixels, got {shape}")
    announced, there = math.prod(shape) * dtype.itemsize, len(body) - start
    if announced != there:
        raise RefusedError(400, f"body: expected {announced} bytes for {shape}, got {there}")
    array = npy.read_array(io.BytesIO(body), allow_pickle=False)
    return np.ascontiguousarray(array)


def write(array):
    """Return a C-contiguous array as .npy bytes."""
    stream = io.BytesIO()
    npy.write_array_header_1_0(stream, npy.header_data_from_array_1_0(array))
    return b"".join([stream.getvalue(), array.data])  # one copy
