"""Threads, cores, configuration, paths of the C API."""

from .config import __version__, get_isa, show_config
from .paths import get_include, get_library
from .threads import get_num_threads, set_num_threads

__all__ = [
    "__version__",
    "get_include",
    "get_isa",
    "get_library",
    "get_num_threads",
    "set_num_threads",
    "show_config",
]
