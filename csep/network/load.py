"""Operators and networks from files."""

from __future__ import annotations

from typing import Any

from ..operators.load import operator_from
from ..spec import files
from ..spec.types import Path
from .network import rebuild


def load(path: Path) -> Any:
    """Return the operator or network that was saved in a file.

    Parameters
    ----------
    path : str or path
        A file that ``op.save(path)`` or ``net.save(path)`` has written.  It may come from anyone:
        nothing in it is run, no size in it is believed.

    Returns
    -------
    operator or Network

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If path is no path.
    ValueError
        If it is no such file, is damaged, or was written by a newer csep.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import csep
    >>> op = csep.PointwiseConv2D(np.ones((3, 2), "f4"), activation="relu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     op.save(os.path.join(folder, "layer.npz"))
    ...     csep.load(os.path.join(folder, "layer.npz"))
    PointwiseConv2D(1x1, 3 -> 2, activation='relu', no bias, 6 parameters)
    """
    description, arrays = files.read(path)
    if "network" not in description:
        return operator_from(description, arrays)
    try:
        return rebuild(description, arrays)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"path: expected a network that csep has saved, got one with {error}"
        ) from None
