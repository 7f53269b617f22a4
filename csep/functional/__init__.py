"""The functional API: one function per operator."""

from .images import conv2d, depthwise_conv2d, pointwise_conv2d, separable_conv2d
from .sequences import conv1d, depthwise_conv1d, separable_conv1d

__all__ = [
    "conv1d",
    "conv2d",
    "depthwise_conv1d",
    "depthwise_conv2d",
    "pointwise_conv2d",
    "separable_conv1d",
    "separable_conv2d",
]
