from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self, disjoint_base

MAX_STEP: int
MAX_THREADS: int
VERSION: str
SEPARABLE: int
DEPTHWISE: int
CONV: int
POINTWISE: int
ACTIVATIONS: dict[str, tuple[int, float]]

_Array = NDArray[Any]
_Pair = tuple[int, int]
_Activation = str | tuple[str, Any] | None

def set_default_threads(n: int) -> None: ...
def get_default_threads() -> int: ...
def isa() -> str: ...
def isa_available() -> list[str]: ...
def caches() -> tuple[int, int, int]: ...
def processors() -> int: ...
def has_openmp() -> bool: ...
def fma_probe(iterations: int, double_precision: bool = False) -> float: ...
def read_probe(array: NDArray[np.float32], repeats: int = 1) -> float: ...
def write_probe(array: NDArray[np.float32], repeats: int = 1) -> None: ...
def convolve(
    kind: int,
    rank: int,
    x: Any,
    dw: Any,
    matrix: Any,
    depthwise_bias: Any,
    bias: Any,
    residual: Any,
    strides: Any,
    padding: Any,
    mode: Any,
    dilations: Any,
    depthwise_activation: Any,
    activation: Any,
    data_format: Any,
    out: Any,
    num_threads: Any,
    shared_kernel: Any = False,
    groups: Any = 1,
) -> _Array: ...
def differentiate(
    kind: int,
    rank: int,
    dy: Any,
    x: Any,
    dw: Any,
    matrix: Any,
    depthwise_bias: Any,
    bias: Any,
    residual: Any,
    strides: Any,
    padding: Any,
    dilations: Any,
    depthwise_activation: Any,
    activation: Any,
    data_format: Any,
    wanted: Any,
    out: Any,
    num_threads: Any,
    shared_kernel: Any = False,
    groups: Any = 1,
) -> dict[str, _Array]: ...

@final
class GradientPlan: ...

@final
class Weights: ...

@final
class Packed: ...

@disjoint_base
class Plan:
    def __new__(
        cls,
        kind: int,
        rank: int,
        dw: Any,
        matrix: Any,
        depthwise_bias: Any,
        bias: Any,
        strides: Any,
        padding: Any,
        mode: Any,
        dilations: Any,
        depthwise_activation: Any,
        activation: Any,
        data_format: Any,
        shared_kernel: Any = False,
        groups: Any = 1,
    ) -> Self: ...
    def run(self, x: Any, residual: Any, out: Any, num_threads: Any) -> _Array: ...
    def backward(
        self, dy: Any, x: Any, residual: Any, wanted: Any, out: Any, num_threads: Any
    ) -> dict[str, _Array]: ...
    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]: ...
    def scratch_bytes(self, x: _Array, num_threads: int) -> int: ...
    @property
    def dw(self) -> _Array | None: ...
    @property
    def matrix(self) -> _Array | None: ...
    @property
    def depthwise_bias(self) -> _Array | None: ...
    @property
    def bias(self) -> _Array | None: ...
    @property
    def shared_kernel(self) -> bool: ...
    @property
    def groups(self) -> int: ...
    @property
    def kernel_size(self) -> _Pair: ...
    @property
    def channels(self) -> int | None: ...
    @property
    def filters(self) -> int | None: ...
    @property
    def channel_multiplier(self) -> int: ...
    @property
    def strides(self) -> _Pair: ...
    @property
    def dilations(self) -> _Pair: ...
    @property
    def padding(self) -> str | tuple[_Pair, _Pair]: ...
    @property
    def mode(self) -> str: ...
    @property
    def data_format(self) -> str: ...
    @property
    def depthwise_activation(self) -> _Activation: ...
    @property
    def activation(self) -> _Activation: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def packed_count(self) -> int: ...

CONVOLVE: int
ADD: int
MULTIPLY: int
MAX_POOL: int
AVERAGE_POOL: int
GLOBAL_MAX: int
GLOBAL_AVERAGE: int
CONCAT: int
NEAREST: int
BILINEAR: int
PAD: int
SOFTMAX: int
RESHAPE: int
MAX_ADDED: int
MAX_STEPS: int

_Sides = tuple[int, int, int, int]

@final
class StepList:
    def __new__(cls, count: int, double_precision: bool) -> Self: ...

@disjoint_base
class Network:
    def __new__(
        cls, double_precision: bool, inputs: int, steps: list[Any], outputs: list[int]
    ) -> Self: ...
    @property
    def inputs(self) -> int: ...
    @property
    def values(self) -> int: ...
    def shapes(self, inputs: list[_Sides]) -> list[_Sides] | int: ...
    def run(
        self, x: list[_Array], shapes: list[_Sides], y: list[_Array], num_threads: Any
    ) -> None: ...
    def arena_bytes(self, shapes: list[_Sides]) -> int: ...
