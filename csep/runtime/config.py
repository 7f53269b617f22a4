"""What csep is and what it runs on."""

from __future__ import annotations

import os
import sys

import numpy as np

from .. import _core
from .threads import get_num_threads

__version__: str = _core.VERSION


def get_isa() -> str:
    """Return the instruction set in use: "generic", "avx2" or "avx512".

    The best one of the processor, unless the environment variable ``CSEP_ISA`` named another when
    csep was imported.

    Returns
    -------
    str

    Examples
    --------
    >>> import csep
    >>> csep.get_isa() in {"generic", "avx2", "avx512"}
    True
    """
    return _core.isa()


def show_config(mode: str = "stdout") -> dict[str, object] | None:
    """Print or return what csep is and what it runs on.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        As in `numpy.show_config`: print, or return a dictionary.

    Returns
    -------
    dict or None

    Raises
    ------
    TypeError
        If mode is not a string.
    ValueError
        If it is neither.

    Examples
    --------
    >>> import csep
    >>> csep.show_config("dicts")["openmp"] in {True, False}
    True
    """
    if not isinstance(mode, str):
        raise TypeError(f'mode: expected "stdout" or "dicts", got {mode!r}')
    config: dict[str, object] = {
        "csep": __version__,
        "instruction set": get_isa(),
        "instruction sets available": ", ".join(_core.isa_available()),
        "caches (L1, L2, share of L3)": ", ".join(f"{n >> 10} KiB" for n in _core.caches()),
        "openmp": _core.has_openmp(),
        "threads": get_num_threads(),
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "machine": os.uname().machine,
    }
    if mode == "dicts":
        return config
    if mode != "stdout":
        raise ValueError(f'mode: expected "stdout" or "dicts", got {mode!r}')
    for key, value in config.items():
        print(f"{key + ':':30}{value}")
    return None
