"""Prepared operators: weights checked and packed once, then called many times."""

from .images import Conv2D, DepthwiseConv2D, PointwiseConv2D, SeparableConv2D
from .operator import Operator
from .sequences import Conv1D, DepthwiseConv1D, SeparableConv1D
from .summary import summary

__all__ = [
    "Conv1D",
    "Conv2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Operator",
    "PointwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "summary",
]
