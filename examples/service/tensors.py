"""Arrays as .npy bytes and JSON, from and to people one does not know."""

import io
import json
import math
import zipfile

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


def shown(shape):
    """Return a shape with letters for open sides."""
    sides = [letter if n is None else n for letter, n in zip("NHWC", shape, strict=True)]
    return f"({', '.join(map(str, sides))})"


def read(body, wanted, check):
    """Return the array in ``body`` as float32, of the wanted shape (N, H, W, C), None for any size.

    What the header says is checked, by ``check(shape)`` too, before anything of that size is
    allocated; nothing is unpickled.
    """
    shape, dtype, start = read_header(body)
    if dtype not in DTYPES:
        raise RefusedError(422, f"dtype: expected float32 or float16, little-endian, got {dtype}")
    if len(shape) != 4 or any(w not in (None, n) for w, n in zip(wanted, shape, strict=True)):
        raise RefusedError(422, f"shape: expected {shown(wanted)}, got {shape}")
    if min(shape) < 1:
        raise RefusedError(422, f"shape: expected no side to be 0, got {shape}")
    check(shape)
    announced, there = math.prod(shape) * dtype.itemsize, len(body) - start
    if announced != there:
        raise RefusedError(400, f"body: expected {announced} bytes for {shape}, got {there}")
    array = npy.read_array(io.BytesIO(body), allow_pickle=False)
    return np.ascontiguousarray(array, np.float32)


def write(array):
    """Return a C-contiguous array as the bytes of a .npy file."""
    stream = io.BytesIO()
    npy.write_array_header_1_0(stream, npy.header_data_from_array_1_0(array))
    return b"".join([stream.getvalue(), array.data])  # one copy


def write_all(arrays, names):
    """Return arrays as the bytes of an .npz file, which `numpy.load` reads by their names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for array, name in zip(arrays, names, strict=True):
            archive.writestr(f"{name}.npy", write(array))
    return stream.getvalue()


MOST_IN_JSON = 100_000  # numbers of an answer
BEST = 5


def best(probabilities, labels):
    """Return the labels of the largest numbers of one row, the largest first."""
    order = np.argsort(-probabilities, kind="stable")[:BEST]
    return [{"label": str(labels[i]), "value": float(probabilities[i])} for i in order]


def write_json(arrays, names, labels):
    """Return the outputs by name; where there is a label for each number of the first, the best."""
    numbers = sum(y.size for y in arrays)
    if numbers > MOST_IN_JSON:
        message = f"Accept: JSON has at most {MOST_IN_JSON} numbers, got {numbers}: ask for .npy"
        raise RefusedError(422, message)
    said = {"outputs": {name: y.tolist() for name, y in zip(names, arrays, strict=True)}}
    first = arrays[0].reshape(len(arrays[0]), -1)
    if isinstance(labels, list) and len(labels) == first.shape[1]:
        said["best"] = [best(row, labels) for row in first]
    try:
        return json.dumps(said, allow_nan=False).encode()
    except ValueError:
        raise RefusedError(422, "Accept: JSON has no NaN or infinity: ask for .npy") from None
