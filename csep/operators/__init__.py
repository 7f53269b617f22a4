"""Prepared operators: weights checked and packed once, then called many times."""

from .layers import Conv2D, DepthwiseConv2D, PointwiseConv2D, SeparableConv2D
from .operator import Operator
from .summary import summary

__all__ = [
    "Conv2D",
    "DepthwiseConv2D",
    "Operator",
    "PointwiseConv2D",
    "SeparableConv2D",
    "summary",
]
