from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_STEP: int
MAX_THREADS: int
C_VERSION: str

Pair = tuple[int, int]

def set_default_threads(n: int) -> None: ...
def get_default_threads() -> int: ...
def isa() -> str: ...
def isa_available() -> list[str]: ...
def has_openmp() -> bool: ...
def fma_probe(iterations: int) -> float: ...
def read_probe(array: NDArray[np.float32], repeats: int = 1) -> float: ...
def write_probe(array: NDArray[np.float32], repeats: int = 1) -> None: ...
def convolve(
    x: Any,
    dw: Any,
    pw: Any,
    bias: Any,
    strides: Any,
    padding: Any,
    dilations: Any,
    out: Any,
    num_threads: Any,
) -> NDArray[np.float32] | None: ...

class Plan:
    def __init__(
        self,
        dw: NDArray[np.float32],
        pw: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        strides: Pair,
        dilations: Pair,
    ) -> None: ...
    def fast(self, x: Any, out: Any, num_threads: Any) -> NDArray[np.float32] | None: ...
    def run(
        self,
        x: NDArray[np.float32],
        out: NDArray[np.float32] | None,
        pads: tuple[Pair, Pair],
        num_threads: int,
    ) -> NDArray[np.float32]: ...
    def scratch_bytes(
        self, batch: int, height: int, width: int, pads: tuple[Pair, Pair], num_threads: int
    ) -> int: ...
    @property
    def nbytes(self) -> int: ...
