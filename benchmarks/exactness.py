"""How exact long sums are: csep and its peers against float64.

    python benchmarks/exactness.py [--depths 32 128 512 ...]

Pointwise convolutions of normally distributed numbers.  Prints, for each number of terms K, the
root mean square of the error of each library, in units of the median of the three peers'.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import peers
from workload import Row

PEERS = ["PyTorch", "TensorFlow", "ONNX Runtime"]
DEPTHS = [32, 128, 256, 384, 512, 728, 1024, 2048, 4096, 20000]


def errors(depth):
    """Return the root mean square error of csep and each peer."""
    row = Row("", 1, 8, 8, depth, 1, 1, 1, 64, 1, "VALID", kind="pointwise")
    arrays = row.arrays()
    x, w, bias = (array.astype(np.float64) for array in arrays)
    exact = x.reshape(-1, depth) @ w.reshape(depth, -1) + bias
    found = {}
    for name, make in {"csep": peers.csep, **{n: peers.PEERS[n] for n in PEERS}}.items():
        call, result = make(row, arrays, 1)
        call()
        error = result().reshape(exact.shape) - exact
        found[name] = float(np.sqrt(np.mean(np.square(error))))
    return found


def line(depth):
    """Return a line of the table."""
    found = errors(depth)
    middle = float(np.median([found[name] for name in PEERS]))
    return (
        f"| {depth} | {middle:.2e} | "
        + " | ".join(f"{found[name] / middle:.2f}" for name in ("csep", *PEERS))
        + " |"
    )


def main():
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    options = parser.parse_args()
    print(f"| K | median peer's error | csep | {' | '.join(PEERS)} |")
    print("|---:|---:|" + "---:|" * (len(PEERS) + 1))
    for depth in options.depths:
        print(line(depth), flush=True)


if __name__ == "__main__":
    main()
