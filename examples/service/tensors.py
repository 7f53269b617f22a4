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


def read(body, channels, most_pixels):
    """Return the (N, H, W, channels) array in ``body``.

    What the header says is checked before anything of that size is allocated; nothing is unpickled.
    """
    stream = io.BytesIO(body)
    try:
        version = npy.read_magic(stream)
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, _, dtype = read_header[version](stream)
    except (ValueError, KeyError) as error:
        raise RefusedError(400, f"body: expected the bytes of a .npy file: {error}") from None
    if dtype not in DTYPES:
        raise RefusedError(422, f"dtype: expected float32 or float16, little-endian, got {dtype}")
    if len(shape) != 4 or shape[3] != channels:
        raise RefusedError(422, f"shape: expected (N, H, W, {channels}), got {shape}")
    if min(shape) < 1:
        raise RefusedError(422, f"shape: expected no side to be 0, got {shape}")
    if math.prod(shape[:3]) > most_pixels:
        raise RefusedError(413, f"shape: expected at most {most_pixels} pixels, got {shape}")
    announced, there = math.prod(shape) * dtype.itemsize, len(body) - stream.tell()
    if announced != there:
        raise RefusedError(
            400, f"body: expected {announced} bytes of data for {shape}, got {there}"
        )
    stream.seek(0)
    return np.ascontiguousarray(npy.read_array(stream, allow_pickle=False))


def write(array):
    """Return an array as .npy bytes."""
    stream = io.BytesIO()
    npy.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()
