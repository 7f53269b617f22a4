"""Arrays and a description in one file that NumPy can open, too; read as if anyone had written it.

The file is an .npz without compression: a zip of .npy members, whose checksums zip verifies, beside
one that holds the description as JSON.  Nothing is pickled.  Without compression a member is no
larger than the file, so that no size in it makes a reader ask for more memory than the file has.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .arrays import Array

# What a process that reads no file does without is imported where it is used: a quarter of csep's
# own share of the time to start.
if TYPE_CHECKING:
    import zipfile

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
    import json  # noqa: PLC0415

    target = _path(path)
    text = json.dumps({"csep": FORMAT, **description}).encode()
    members = {_DESCRIPTION: np.frombuffer(text, np.uint8), **arrays}
    # Not tempfile's, which nobody else may read: services often run as another user.
    name = f"{target}.{os.urandom(8).hex()}.part"
    try:
        with open(name, "xb") as file:
            np.savez(file, **members)  # type: ignore[arg-type]
        os.replace(name, target)
    except BaseException:
        if os.path.exists(name):
            os.unlink(name)
        raise


def _begin(file: BinaryIO, info: zipfile.ZipInfo, size: int) -> int:
    """Return where a member begins, of which no byte lies behind the end of the file."""
    file.seek(info.header_offset)
    header = file.read(30)
    lengths = np.frombuffer(header, "<u2", 2, 26) if header[:4] == b"PK\3\4" else ()
    begin = info.header_offset + 30 + sum(map(int, lengths))
    if len(header) < 30 or not len(lengths) or begin + info.file_size > size:
        raise ValueError(f"{info.filename} is not where the file says")
    return begin


def _member(file: BinaryIO, info: zipfile.ZipInfo, size: int) -> Array:
    """Return one array, its header held against the member's size before memory is asked for.

    Read at once, as bytes that operators need not copy: zipfile would hand them over in pieces.
    """
    import zlib  # noqa: PLC0415

    if info.compress_type or info.flag_bits & 1 or info.compress_size != info.file_size:
        raise ValueError(f"{info.filename} is compressed or encrypted")
    begin = _begin(file, info, size)
    file.seek(begin)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"{info.filename} has .npy version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject or fortran or dtype.kind not in "fu" or not dtype.isnative:
        raise ValueError(f"{info.filename} is of {dtype}, in Fortran's order: {fortran}")
    count = 1
    for n in shape:
        count *= n
    header_bytes = file.tell() - begin
    data_bytes = info.file_size - header_bytes
    if count * dtype.itemsize != data_bytes or any(n < 0 for n in shape):
        raise ValueError(f"{info.filename} has {data_bytes} bytes for shape {shape}")
    file.seek(begin)
    header, data = file.read(header_bytes), file.read(data_bytes)
    if len(data) != data_bytes or zlib.crc32(data, zlib.crc32(header)) != info.CRC:
        raise ValueError(f"{info.filename} has another checksum")
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
    import zipfile  # noqa: PLC0415

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
            arrays = {n: _member(file, i, size) for n, i in zip(names, members, strict=True)}
    except Exception as error:  # whatever zip, .npy and NumPy say of a damaged file
        # A zip that points to before its beginning makes seek say EINVAL.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise ValueError(f"{expected}, got {source.name}: {error}") from None
    return _description(arrays.pop(_DESCRIPTION, None), f"{expected}, got {source.name}"), arrays


def _description(array: Array | None, expected: str) -> dict[str, Any]:
    import json  # noqa: PLC0415

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
