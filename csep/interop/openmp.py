"""Threads of other libraries in this process that wait for work by spinning."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

_LIBRARY = re.compile(r"/(?:libgomp|libomp|libiomp5)\b[^/]*$")
_SOFT = 1  # omp_pause_soft: the threads go, settings stay


_found: list[list[Callable[[int], int]]] = []  # once they have been looked for


def _pauses() -> list[Callable[[int], int]]:
    """Return omp_pause_resource_all of every OpenMP library that is loaded."""
    if not _found:
        _found.append(_look())
    return _found[0]


def _look() -> list[Callable[[int], int]]:
    """Look for them."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    found: list[Callable[[int], int]] = []
    for path in sorted({line.split(maxsplit=5)[-1] for line in lines if _LIBRARY.search(line)}):
        try:
            found.append(ctypes.CDLL(path).omp_pause_resource_all)
        except (OSError, AttributeError):
            continue
    return found


def rest_threads() -> None:
    """Let OpenMP threads that wait for this thread's next parallel region go.

    They spin for milliseconds after one and take cores that csep's threads then wait for: a
    training step of MobileNetV1 on two cores took 297 ms with them, 234 without.  The next region
    makes them again, which takes tens of microseconds.
    """
    for pause in _pauses():
        pause(_SOFT)
