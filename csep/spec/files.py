"""Arrays and a description in one file that NumPy can open, too; read as if anyone had written it.

The file is an .npz without compression: a zip of .npy members, whose checksums zip verifies, beside
one that holds the description as JSON.  Nothing is pickled.  Without compression a member is no
larger than the file, so that no size in it makes a reader ask for more memory than the file has.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Array

FORMAT = 1
_DESCRIPTION = "description"
_LONGEST_DESCRIPTION = 1 << 23  # bytes: a network of thousands of steps
_MOST_ARRAYS = 1 << 15


def _path(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path: expected a str or a path, got {type(path).__name__}")
    return Path(path)


def write(path: object, description: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a file, or leave what is there as it is.

    Parameters
    ----------
    path : str or path
    description : dict
        Of what JSON knows.
    arrays : dict of ndarray

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        If path is no path.
    """
    target = _path(path)
    text = json.dumps({"csep": FORMAT, **description}).encode()
    members = {_DESCRIPTION: np.frombuffer(text, np.uint8), **arrays}
    folder = target.parent
    handle, name = tempfile.mkstemp(prefix=target.name, suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **members)  # type: ignore[arg-type]
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> Array:
    """Return one array, its header held against the member's size before memory is asked for."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise ValueError(f"{info.filename} is compressed or encrypted")
    if info.file_size > size:
        raise ValueError(f"{info.filename} says it is larger than the file")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"{info.filename} has .npy version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        if dtype.hasobject or fortran or dtype.kind not in "fu" or not dtype.isnative:
            raise ValueError(f"{info.filename} is of {dtype}, in Fortran's order: {fortran}")
        count = 1
        for n in shape:
            count *= n
        data = member.read()
        if count * dtype.itemsize != len(data) or any(n < 0 for n in shape):
            raise ValueError(f"{info.filename} has {len(data)} bytes for shape {shape}")
        return np.frombuffer(data, dtype).reshape(shape)


def read(path: object) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the description and the arrays of a file.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    (dict, dict of ndarray)

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If path is no path.
    ValueError
        If it is no such file, is damaged, or was written by a newer csep.
    """
    source = _path(path)
    expected = "path: expected a file that csep has saved"
    try:
        with open(source, "rb") as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            members = archive.infolist()
            if len(members) > _MOST_ARRAYS:
                raise ValueError(f"it has {len(members)} members")
            names = [info.filename.removesuffix(".npy") for info in members]
            if len(set(names)) != len(names):
                raise ValueError("a member is there twice")
            arrays = {n: _member(archive, i, size) for n, i in zip(names, members, strict=True)}
    except Exception as error:  # whatever zip, .npy and NumPy say of a damaged file
        # A zip that points to before its beginning makes seek say EINVAL.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise ValueError(f"{expected}, got {source.name}: {error}") from None
    return _description(arrays.pop(_DESCRIPTION, None), f"{expected}, got {source.name}"), arrays


def _description(array: Array | None, expected: str) -> dict[str, Any]:
    if array is None or array.dtype != np.uint8 or array.size > _LONGEST_DESCRIPTION:
        raise ValueError(f"{expected} without a description")
    try:
        description = json.loads(array.tobytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{expected}: {error}") from None
    version = description.get("csep") if isinstance(description, dict) else None
    if type(version) is not int or version < 1:
        raise ValueError(f"{expected} with another description")
    if version > FORMAT:
        raise ValueError(f"{expected} by a newer csep: format {version}, this one reads {FORMAT}")
    return description
