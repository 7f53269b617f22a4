"""Depthwise-separable convolution for NumPy arrays at the speed the CPU allows."""

from .functional import (
    conv2d,
    depthwise_conv1d,
    depthwise_conv2d,
    pointwise_conv2d,
    separable_conv1d,
    separable_conv2d,
)
from .importers import from_keras
from .operators import Conv2D, DepthwiseConv2D, PointwiseConv2D, SeparableConv2D, summary
from .runtime import (
    __version__,
    get_include,
    get_isa,
    get_library,
    get_num_threads,
    set_num_threads,
    show_config,
)
from .spec.counts import count_params

__all__ = [
    "Conv2D",
    "DepthwiseConv2D",
    "PointwiseConv2D",
    "SeparableConv2D",
    "__version__",
    "conv2d",
    "count_params",
    "depthwise_conv1d",
    "depthwise_conv2d",
    "from_keras",
    "get_include",
    "get_isa",
    "get_library",
    "get_num_threads",
    "pointwise_conv2d",
    "separable_conv1d",
    "separable_conv2d",
    "set_num_threads",
    "show_config",
    "summary",
]
