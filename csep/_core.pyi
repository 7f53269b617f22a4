from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self, disjoint_base

MAX_STEP: int
MAX_THREADS: int
C_VERSION: str
SEPARABLE: int
DEPTHWISE: int
CONV: int
ACTIVATIONS: dict[str, tuple[int, float]]
LAYOUTS: dict[str, int]

_Array = NDArray[Any]
_Pair = tuple[int, int]
_Activation = tuple[int, float]

def set_default_threads(n: int) -> None: ...
def get_default_threads() -> int: ...
def isa() -> str: ...
def isa_available() -> list[str]: ...
def has_openmp() -> bool: ...
def fma_probe(iterations: int, double_precision: bool = False) -> float: ...
def read_probe(array: NDArray[np.float32], repeats: int = 1) -> float: ...
def write_probe(array: NDArray[np.float32], repeats: int = 1) -> None: ...
def know_bfloat16(array: _Array) -> None: ...
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
) -> _Array | None: ...

class NoPlan:
    def fast(self, x: Any, residual: Any, out: Any, num_threads: Any) -> None: ...

@disjoint_base
class Plan:
    def __new__(
        cls,
        kind: int,
        channels: int,
        dw: _Array | None,
        pw: _Array | None,
        dw_bias: _Array | None,
        bias: _Array | None,
        strides: _Pair,
        dilations: _Pair,
        depthwise_activation: _Activation,
        activation: _Activation,
        data_format: str,
    ) -> Self: ...
    def fast(self, x: Any, residual: Any, out: Any, num_threads: Any) -> _Array | None: ...
    def run(
        self,
        x: _Array,
        residual: _Array | None,
        out: _Array | None,
        pads: tuple[_Pair, _Pair],
        num_threads: int,
    ) -> _Array: ...
    def scratch_bytes(self, x: _Array, pads: tuple[_Pair, _Pair], num_threads: int) -> int: ...
    @property
    def nbytes(self) -> int: ...
