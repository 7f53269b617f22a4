"""Thread count, instruction set, configuration."""

from __future__ import annotations

import os
import platform

import numpy as np

from . import _core
from .arrays import check_integer
from .cores import usable_cores

__version__ = "0.2.0"


def check_threads(value: object, name: str) -> int:
    """Return a thread count the C code takes; counts above its maximum are lowered to it.

    Raises
    ------
    TypeError
        If value is not an integer.
    ValueError
        If it is below 1.
    """
    number = check_integer(value, name, 1, None, "a positive integer or None")
    return min(number, _core.MAX_THREADS)


def _from_environment() -> int | None:
    """CSEP_NUM_THREADS, else the first number of OMP_NUM_THREADS, else None."""
    own = os.environ.get("CSEP_NUM_THREADS", "").strip()
    if own:
        if not own.isdecimal() or int(own) < 1:
            raise ImportError(f"CSEP_NUM_THREADS: expected a positive integer, got {own!r}")
        return int(own)
    # A list there gives the counts of nested regions.  What is wrong in it is OpenMP's to say.
    shared = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(shared) if shared.isdecimal() and int(shared) >= 1 else None


def set_num_threads(n: int | None) -> None:
    """Set the number of threads for calls that do not name one.

    Parameters
    ----------
    n : int or None
        At least 1; more than 256 counts as 256.  None returns to the default: ``CSEP_NUM_THREADS``,
        else ``OMP_NUM_THREADS``, else the cores this process may use by its affinity and the
        quotas of its cgroups.

    Raises
    ------
    TypeError
        If n is not an integer.
    ValueError
        If n is below 1.

    Examples
    --------
    >>> import csep
    >>> csep.set_num_threads(2)
    >>> csep.get_num_threads()
    2
    >>> csep.set_num_threads(None)
    """
    if n is None:
        n = _from_environment() or usable_cores()
    _core.set_default_threads(check_threads(n, "n"))


def get_num_threads() -> int:
    """Return the number of threads for calls that do not name one.

    Returns
    -------
    int
        Lower in a thread that `threadpoolctl.threadpool_limits` limits.

    Examples
    --------
    >>> import csep
    >>> csep.get_num_threads() >= 1
    True
    """
    return _core.get_default_threads()


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
        "openmp": _core.has_openmp(),
        "threads": get_num_threads(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    if mode == "dicts":
        return config
    if mode != "stdout":
        raise ValueError(f'mode: expected "stdout" or "dicts", got {mode!r}')
    for key, value in config.items():
        print(f"{key + ':':28}{value}")
    return None


set_num_threads(None)
