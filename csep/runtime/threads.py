"""The number of threads of calls that name none."""

from __future__ import annotations

import os

from .. import _core
from ..spec.arrays import check_integer
from .cores import usable_cores


def _from_environment() -> int | None:
    """CSEP_NUM_THREADS, else the first number of OMP_NUM_THREADS, else None."""
    own = os.environ.get("CSEP_NUM_THREADS", "").strip()
    if own:
        count = _count(own)
        if count is None:
            raise ImportError(f"CSEP_NUM_THREADS: expected a positive integer, got {own[:100]!r}")
        return count
    # A list there gives the counts of nested regions.  What is wrong in it is OpenMP's to say.
    return _count(os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip())


def _count(text: str) -> int | None:
    """Return a positive number of threads, of however many digits, or None."""
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()):
        return None
    return _core.MAX_THREADS if len(digits) > 9 else int(digits)


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
    number = check_integer(n, "n", 1, None, "a positive integer or None")
    _core.set_default_threads(min(number, _core.MAX_THREADS))


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


set_num_threads(None)
