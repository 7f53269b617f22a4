"""What each way to write an argument costs: forms that mean the same should take the same time.

    python benchmarks/forms.py [--seconds 1]

A 4x4x64 layer, the usual form and another one in turns: the median of the difference in
microseconds.  Arrays that C cannot read as they lie are copied; NumPy's time for that copy is
subtracted.  Exits with 1 where a form costs more than 1 microsecond.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

import csep

RNG = np.random.default_rng(0)
X = RNG.standard_normal((1, 4, 4, 64), np.float32)
DW = RNG.standard_normal((3, 3, 64, 1), np.float32)
PW = RNG.standard_normal((1, 1, 64, 64), np.float32)
USUAL = {"strides": 1, "padding": "SAME", "dilations": 1}
SHARED = csep.DepthwiseConv2D(DW[:, :, :1].copy(), padding="SAME")

# Other words for the same call.
WORDS = {
    "strides=(1, 1)": {"strides": (1, 1)},
    "strides=[1, 1]": {"strides": [1, 1]},
    "strides=[1, 1, 1, 1]": {"strides": [1, 1, 1, 1]},
    "strides=np.int64(1)": {"strides": np.int64(1)},
    "strides=np.array([1, 1])": {"strides": np.array([1, 1])},
    "dilations=[1, 1]": {"dilations": [1, 1]},
    'padding="Same"': {"padding": "Same"},
    "padding=((1, 1), (1, 1))": {"padding": ((1, 1), (1, 1))},
    "padding=[[0, 0], [1, 1], [1, 1], [0, 0]]": {"padding": [[0, 0], [1, 1], [1, 1], [0, 0]]},
    'data_format="channels_last"': {"data_format": "channels_last"},
    'data_format="nhwc"': {"data_format": "nhwc"},
    "num_threads=np.int64(1)": {"num_threads": np.int64(1)},
    'activation="relu"': {"activation": "relu"},
    'activation=("leaky_relu", 0.1)': {"activation": ("leaky_relu", 0.1)},
}


def spread(array):
    """Return an equal array whose elements do not lie side by side."""
    room = np.empty([2 * n for n in array.shape], array.dtype)
    view = room[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


# Arrays that are copied first: name -> (array, the copy that cannot be avoided).
ARRAYS = {
    "x": {
        "a view": (spread(X), lambda a: np.array(a, order="C")),
        "in Fortran's order": (np.asfortranarray(X), lambda a: np.array(a, order="C")),
        "a subclass": (X.view(type("Sub", (np.ndarray,), {})), None),
        "byte-swapped": (X.astype(">f4"), lambda a: a.astype("f4")),
    },
    "dw": {
        "a view": (spread(DW), lambda a: np.array(a, order="C")),
        "half precision": (DW.astype("f2"), lambda a: a.astype("f4")),
    },
    "pw": {
        "(C, CO)": (PW[0, 0], None),
        "half precision": (PW.astype("f2"), lambda a: a.astype("f4")),
    },
}


def functional(**changes):
    """Return a call of the functional API."""
    arguments = {"x": X, "dw": DW, "pw": PW} | USUAL | {"num_threads": 1} | changes
    return lambda: csep.separable_conv2d(**arguments)


def cases():
    """Yield (name, usual call, other call, NumPy's copy or None)."""
    op = csep.SeparableConv2D(DW, PW, **USUAL)
    for name, change in WORDS.items():
        usual = functional()
        if "activation" in change and isinstance(change["activation"], tuple):
            usual = functional(activation="leaky_relu")
        elif "activation" in change:
            usual = functional(activation="relu6")
        yield f"function, {name}", usual, functional(**change), None
    for argument, forms in ARRAYS.items():
        for form, (array, copy) in forms.items():
            copying = None if copy is None else lambda copy=copy, array=array: copy(array)
            name = f"{argument} {form}"
            yield f"function, {name}", functional(), functional(**{argument: array}), copying
            if argument == "x":
                yield f"operator, {name}", lambda: op(X), lambda a=array: op(a), copying
    number = np.int64(1)
    yield "operator, num_threads", lambda: op(X, None, 1), lambda: op(X, None, number), None
    own = csep.DepthwiseConv2D(DW, padding="SAME")
    yield "operator, shared kernel without bias", lambda: own(X), lambda: SHARED(X), None


def seconds_of(call, repeats=20):
    """Return the time of one call."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def difference(usual, other, copy, seconds):
    """Return the median of what the other call takes more, and of the usual call."""
    more, times = [], []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(more) < 9:
        times.append(seconds_of(usual))
        extra = seconds_of(other) - times[-1]
        more.append(extra - (seconds_of(copy) if copy else 0.0))
    return float(np.median(more)), float(np.median(times))


def main():
    """Print a table; return 1 where a form costs more than a microsecond."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="per form")
    options = parser.parse_args()
    worst = 0.0
    print(f"csep {csep.__version__}, {csep.get_isa()}; microseconds\n")
    print(f"{'form':60}{'usual':>8}{'more':>8}")
    for name, usual, other, copy in cases():
        more, base = difference(usual, other, copy, options.seconds)
        worst = max(worst, more)
        print(f"{name:60}{base * 1e6:8.2f}{more * 1e6:8.2f}", flush=True)
    print(f"\nworst: {worst * 1e6:.2f}")
    return int(worst > 1e-6)


if __name__ == "__main__":
    sys.exit(main())
