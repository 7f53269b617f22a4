"""Depthwise-separable convolution for NumPy arrays at the speed the CPU allows."""

from .layers import SeparableConv2D
from .ops import separable_conv2d
from .runtime import __version__, get_isa, get_num_threads, set_num_threads, show_config

__all__ = [
    "SeparableConv2D",
    "__version__",
    "get_isa",
    "get_num_threads",
    "separable_conv2d",
    "set_num_threads",
    "show_config",
]
