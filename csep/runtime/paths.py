"""Where the C API is: for programs in C, C++ or Cython that are built against it."""

from __future__ import annotations

import shlex
from pathlib import Path

from .config import __version__

PACKAGE = Path(__file__).resolve().parents[1]


def get_include() -> str:
    """Return the folder of ``csep.h``.

    Cython finds the declarations (``from csep cimport csep_plan_create``) by itself.

    Returns
    -------
    str

    Examples
    --------
    >>> import csep, os
    >>> os.path.exists(os.path.join(csep.get_include(), "csep.h"))
    True
    """
    return str(PACKAGE / "include")


def get_library() -> str:
    """Return the path of the shared library that ``csep.h`` declares.

    It is the one that the Python functions use.  Its name has the version up to the part that
    changes with the C API, so a program never meets another API than it was built for.

    Returns
    -------
    str
        To be linked as it is (``extra_objects`` of setuptools), with its folder among the
        ``runtime_library_dirs``; ``python -m csep --cflags --libs`` tells a compiler the same.

    Raises
    ------
    FileNotFoundError
        If csep was not installed as a whole.

    Examples
    --------
    >>> import csep
    >>> "libcsep" in csep.get_library()
    True
    """
    path = PACKAGE / "lib" / f"libcsep.so.{'.'.join(__version__.split('.')[:2])}"
    if not path.exists():
        raise FileNotFoundError(f"expected {path}: is csep installed?")
    return str(path)


def compiler_flags() -> str:
    """Return what a compiler needs."""
    return shlex.join(["-I", get_include()])


def linker_flags() -> str:
    """Return what a linker needs; the library is found where it is now."""
    library = get_library()
    return shlex.join([library, "-Xlinker", "-rpath", "-Xlinker", str(Path(library).parent)])
