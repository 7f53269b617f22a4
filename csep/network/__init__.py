"""Networks: many steps in one call."""

from .load import load
from .network import Network
from .steps import (
    activate,
    add,
    average_pool,
    concat,
    global_average_pool,
    global_max_pool,
    max_pool,
    multiply,
    pad,
    reshape,
    resize,
    scale,
    softmax,
)
from .values import Input, Value

__all__ = [
    "Input",
    "Network",
    "Value",
    "activate",
    "add",
    "average_pool",
    "concat",
    "global_average_pool",
    "global_max_pool",
    "load",
    "max_pool",
    "multiply",
    "pad",
    "reshape",
    "resize",
    "scale",
    "softmax",
]
