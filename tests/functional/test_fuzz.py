"""Any arguments at all: a result, or an error that names the argument; never anything else.

``CSEP_FUZZ_EXAMPLES=100000 python -m pytest tests/functional/test_fuzz.py`` runs for longer.
"""

import inspect
import os
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import csep

EXAMPLES = int(os.environ.get("CSEP_FUZZ_EXAMPLES", "300"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Small, or so large that no machine has the memory: nothing in between, which would be computed.
integers = st.one_of(
    st.integers(-3, 9),
    st.sampled_from([2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, 2**63, -(2**63), 10**30]),
)
numbers = st.one_of(integers, st.floats(), st.booleans(), st.complex_numbers(), st.none())
names = st.sampled_from(
    [
        "SAME",
        "valid",
        "NHWC",
        "NCHW",
        "channels_first",
        "relu",
        "relu6",
        "elu",
        "gelu",
        "prelu",
        "reflect",
        "replicate",
        "circular",
        "",
        "\0",
        "é",
    ]
)
dtypes = st.sampled_from(
    ["f4", "f4", "f4", "f8", "f2", ">f4", "i4", "u1", "?", "c8", "S3", "U2", "O", "M8[s]", "V4"]
)


@st.composite
def arrays(draw):
    """Arrays of any kind, also views, subclasses, read-only and unaligned ones."""
    dtype = np.dtype(draw(dtypes))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6))
    if dtype.kind == "f" and draw(st.booleans()):
        array = draw(hnp.arrays(dtype, shape))
    else:
        array = np.zeros(shape, dtype)
    form = draw(st.integers(0, 7))
    if form == 1 and array.ndim:
        array = array[..., ::-1]
    elif form == 2:
        array = array.T
    elif form == 3:
        array = np.ma.masked_array(array)
    elif form == 4:
        array.flags.writeable = False
    elif form == 5 and dtype.kind != "O":
        array = np.frombuffer(b"x" + array.tobytes(), dtype, array.size, 1).reshape(shape)
    elif form == 6:
        array = np.broadcast_to(array, (2, *array.shape))
    return array


anything = st.one_of(
    numbers,
    names,
    arrays(),
    st.binary(max_size=4),
    st.lists(numbers, max_size=5),
    st.tuples(integers, integers),
    st.tuples(st.tuples(integers, integers), st.tuples(integers, integers)),
    st.tuples(names, numbers),
    st.tuples(st.just("prelu"), arrays()),
    st.dictionaries(names, numbers, max_size=2),
    st.builds(object),
)


def valid(name, rng):
    """Arguments that the function takes."""

    def image(*shape):
        return rng.standard_normal(shape).astype("f4")

    x = image(1, 5, 6) if name.endswith("1d") else image(1, 5, 6, 4)
    dw = image(3, 4, 2) if name.endswith("1d") else image(3, 3, 4, 2)
    return {
        "separable_conv2d": {"x": x, "dw": dw, "pw": image(1, 1, 8, 3), "bias": image(3)},
        "depthwise_conv2d": {"x": x, "dw": dw, "bias": image(8)},
        "pointwise_conv2d": {"x": x, "pw": image(4, 3), "bias": image(3)},
        "conv2d": {"x": x, "w": image(3, 3, 4, 5), "bias": image(5)},
        "separable_conv1d": {"x": image(2, 7, 4), "dw": dw, "pw": image(1, 8, 3)},
        "depthwise_conv1d": {"x": image(2, 7, 4), "dw": dw},
        "conv1d": {"x": image(2, 7, 4), "w": image(3, 4, 5)},
        "SeparableConv2D": {"dw": dw, "pw": image(8, 3)},
        "DepthwiseConv2D": {"dw": dw},
        "PointwiseConv2D": {"pw": image(4, 3)},
        "Conv2D": {"w": image(3, 3, 4, 5)},
        "SeparableConv1D": {"dw": image(3, 4, 2), "pw": image(8, 3)},
        "DepthwiseConv1D": {"dw": image(3, 4, 2)},
        "Conv1D": {"w": image(3, 4, 5)},
    }[name]


FUNCTIONS = [name for name in csep.__all__ if name.endswith(("1d", "2d"))]
OPERATORS = [name for name in csep.__all__ if name.endswith(("1D", "2D"))]
CALL = ("x", "out", "num_threads", "residual")


def spoil(data, arguments, parameters):
    """Put anything in the place of one to three arguments."""
    chosen = data.draw(
        st.lists(st.sampled_from(sorted(parameters)), min_size=1, max_size=3, unique=True)
    )
    for name in chosen:
        arguments[name] = data.draw(anything, label=name)
    return arguments


def attempt(call, arguments, parameters, before=()):
    """Return the result, or None after an error that is one of those promised.

    ``before`` are the arguments of a constructor, which may be what takes the memory.
    """
    out = arguments.get("out")
    untouched = out.copy() if isinstance(out, np.ndarray) else None
    try:
        return call(**arguments)
    except (TypeError, ValueError) as error:
        message = str(error)
    except MemoryError:
        message = None
    if message is None:
        assert any(np.any(np.abs(v) >= 2**30) for v in sizes_in(arguments | dict(before)))
    else:
        assert re.match(r"\w*", message)[0] in parameters, message
    if untouched is not None:
        assert out.tobytes() == untouched.tobytes()
    return None


def sizes_in(arguments):
    """Whatever among strides, padding and the like is made of integers."""
    for name in ("strides", "padding", "dilations"):
        value = arguments.get(name)
        try:
            yield np.asarray(value, np.float64)
        except (TypeError, ValueError):
            continue


@pytest.mark.parametrize("name", FUNCTIONS)
@fuzzed
@given(data=st.data(), seed=st.integers(0, 9))
def test_functions(name, data, seed):
    function = getattr(csep, name)
    parameters = list(inspect.signature(function).parameters)
    arguments = spoil(data, valid(name, np.random.default_rng(seed)), parameters)
    y = attempt(function, arguments, parameters)
    assert y is None or (isinstance(y, np.ndarray) and y.ndim == np.ndim(arguments["x"]))


@pytest.mark.parametrize("name", OPERATORS)
@fuzzed
@given(data=st.data(), seed=st.integers(0, 9))
def test_operators(name, data, seed):
    rng = np.random.default_rng(seed)
    kind = getattr(csep, name)
    parameters = list(inspect.signature(kind).parameters)
    arguments = valid(name, rng)
    if data.draw(st.booleans()):
        spoil(data, arguments, parameters)
    op = attempt(kind, arguments, parameters)
    if op is None:
        return
    shape = (2, 7, 4) if name.endswith("1D") else (1, 5, 6, 4)
    call = {"x": rng.standard_normal(shape).astype("f4")}
    if data.draw(st.booleans()):
        spoil(data, call, CALL)
    y = attempt(op, call, [*CALL, *parameters], arguments)
    assert y is None or isinstance(y, np.ndarray)


@fuzzed
@given(data=st.data())
def test_the_rest(data):
    name = data.draw(st.sampled_from(["count_params", "set_num_threads", "show_config"]))
    function = getattr(csep, name)
    parameters = list(inspect.signature(function).parameters)
    before = csep.get_num_threads()
    try:
        usual = {"kind": "SeparableConv2D", "in_channels": 3, "filters": 16, "kernel_size": 5}
        arguments = spoil(data, usual if name == "count_params" else {}, parameters)
        attempt(function, arguments, parameters)
    finally:
        csep.set_num_threads(before)
