"""What an editor shows of arguments: the forms that ``_arguments.pxi`` reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Activation",
    "ArrayLike",
    "DataFormat",
    "Integer",
    "Padding",
    "PaddingMode",
    "Path",
    "Steps",
]

Integer: TypeAlias = SupportsIndex
_Integers: TypeAlias = Sequence[Integer] | NDArray[np.integer[Any]]

# Strides and dilations.
Steps: TypeAlias = Integer | _Integers

# The names first: editors offer them.  Any capitals will do, and a variable that is a str.
Padding: TypeAlias = (
    Literal["SAME", "SAME_LOWER", "VALID", "CAUSAL"]
    | str
    | Integer
    | Sequence[Integer | _Integers]
    | NDArray[np.integer[Any]]
)
PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"] | str
DataFormat: TypeAlias = Literal["NHWC", "NCHW", "channels_last", "channels_first"] | str
Activation: TypeAlias = (
    Literal[
        "linear",
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "sigmoid",
        "tanh",
        "silu",
        "swish",
        "hard_sigmoid",
        "hard_silu",
        "hard_swish",
        "gelu",
        "gelu_tanh",
        "mish",
        "softplus",
    ]
    | str
    | tuple[str, float]
    | tuple[Literal["prelu"], ArrayLike]
    | None
)
Path: TypeAlias = str | os.PathLike[str]
