"""The functional API: one function per operator."""

from .backward import (
    Gradients,
    conv1d_backward,
    conv2d_backward,
    depthwise_conv1d_backward,
    depthwise_conv2d_backward,
    pointwise_conv2d_backward,
    separable_conv1d_backward,
    separable_conv2d_backward,
)
from .images import conv2d, depthwise_conv2d, pointwise_conv2d, separable_conv2d
from .sequences import conv1d, depthwise_conv1d, separable_conv1d

__all__ = [
    "Gradients",
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "depthwise_conv1d",
    "depthwise_conv1d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "pointwise_conv2d",
    "pointwise_conv2d_backward",
    "separable_conv1d",
    "separable_conv1d_backward",
    "separable_conv2d",
    "separable_conv2d_backward",
]
