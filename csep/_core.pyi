from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_STEP: int
MAX_THREADS: int
C_VERSION: str
SEPARABLE: int
DEPTHWISE: int
CONV: int
ACTIVATIONS: dict[str, tuple[int, float]]
LAYOUTS: dict[str, int]

Array = NDArray[Any]
Pair = tuple[int, int]
Activation = tuple[int, float]

def set_default_threads(n: int) -> None: ...
def get_default_threads() -> int: ...
def isa() -> str: ...
def isa_available() -> list[str]: ...
def has_openmp() -> bool: ...
def fma_probe(iterations: int, double_precision: bool = False) -> float: ...
def read_probe(array: NDArray[np.float32], repeats: int = 1) -> float: ...
def write_probe(array: NDArray[np.float32], repeats: int = 1) -> None: ...
def know_bfloat16(array: Array) -> None: ...
def convolve(
    kind: int,
    x: Any,
    dw: Any,
    pw: Any,
    dw_bias: Any,
    bias: Any,
    residual: Any,
    strides: Any,
    padding: Any,
    dilations: Any,
    depthwise_activation: Any,
    activation: Any,
    data_format: Any,
    out: Any,
    num_threads: Any,
) -> Array | None: ...

class NoPlan:
    def fast(self, x: Any, residual: Any, out: Any, num_threads: Any) -> None: ...

class Plan:
    def __init__(
        self,
        kind: int,
        channels: int,
        dw: Array | None,
        pw: Array | None,
        dw_bias: Array | None,
        bias: Array | None,
        strides: Pair,
        dilations: Pair,
        depthwise_activation: Activation,
        activation: Activation,
        data_format: str,
    ) -> None: ...
    def fast(self, x: Any, residual: Any, out: Any, num_threads: Any) -> Array | None: ...
    def run(
        self,
        x: Array,
        residual: Array | None,
        out: Array | None,
        pads: tuple[Pair, Pair],
        num_threads: int,
    ) -> Array: ...
    def scratch_bytes(self, x: Array, pads: tuple[Pair, Pair], num_threads: int) -> int: ...
    @property
    def nbytes(self) -> int: ...
