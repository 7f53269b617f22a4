"""Every wrong argument is named, and nothing is written."""

import numpy as np
import pytest

import csep

F4 = np.float32
GOOD = {
    "x": np.ones((1, 6, 7, 4), F4),
    "dw": np.ones((3, 3, 4, 2), F4),
    "pw": np.ones((1, 1, 8, 5), F4),
    "bias": np.ones(5, F4),
    "strides": 1,
    "padding": "VALID",
    "dilations": 1,
}
HUGE = [2**31, 2**62, 2**63, 2**64, 2**70, 10**30]


def ones(*shape, dtype=F4):
    return np.ones(shape, dtype)


def step_cases():
    for name in ("strides", "dilations"):
        for bad in (0, -1, *HUGE):
            for value in (bad, (bad, 1), [1, bad], [1, 1, bad, 1]):
                yield name, value, ValueError
        for value in (
            (),
            (1,),
            (1, 1, 1),
            [1] * 5,
            [2, 1, 1, 1],
            [1, 1, 1, 2],
            np.ones((2, 2), int),
        ):
            yield name, value, (ValueError, TypeError)
        for value in (
            1.0,
            1.5,
            "1",
            "ab",
            None,
            True,
            (1, True),
            (1.0, 1),
            1j,
            {1, 2},
            {1: 1},
            object(),
            np.float32(1),
            np.array([1.0, 1.0]),
            np.array(2.0),
            b"12",
            [[1, 1], [1, 1]],
        ):
            yield name, value, TypeError


def padding_cases():
    for value in ("", "full", "SAME ", "VALID\0", "same_upper"):
        yield "padding", value, ValueError
    for bad in (-1, *HUGE):
        yield "padding", ((bad, 0), (0, 0)), ValueError
        yield "padding", [[0, 0], [0, bad], [0, 0], [0, 0]], ValueError
    for value in (
        (),
        ((1, 1),),
        ((1, 1), (1, 1), (1, 1)),
        ((1, 1, 1), (1, 1)),
        ((1,), (1,)),
        [[1, 0], [0, 0], [0, 0], [0, 0]],
        [[0, 0], [0, 0], [0, 0], [0, 1]],
    ):
        yield "padding", value, ValueError
    for value in (
        None,
        1.5,
        True,
        b"SAME",
        (1.0, 1),
        ((1.0, 1), (1, 1)),
        ((True, 0), (0, 0)),
        ("SAME", "SAME"),
        {"SAME"},
        object(),
    ):
        yield "padding", value, TypeError


def array_cases():
    for name in ("x", "dw", "pw", "bias"):
        good = GOOD[name]
        for dtype in ("f8", "i4", "u1", "?", "c8", "O", "S4", "U4", "M8[s]", "g"):
            yield (
                name,
                good.astype(dtype) if dtype != "M8[s]" else np.zeros(good.shape, dtype),
                TypeError,
            )
        yield name, good[None], ValueError
        yield name, good[0], ValueError
        yield name, F4(1), ValueError
        yield name, good.tolist(), TypeError
        yield name, np.ma.masked_array(good), TypeError
        for value in ("abc", object(), {}, [[1], [1, 2]], 3, np.array(None)):
            yield name, value, TypeError
        yield name, np.zeros(good.shape, [("a", F4)]), TypeError
    for name in ("x", "dw", "pw"):
        yield name, None, TypeError
    yield "x", ones(1, 6, 7, 3), ValueError
    yield "x", ones(1, 6, 7, 0), ValueError
    yield "x", ones(1, 2, 7, 4), ValueError
    yield "x", ones(1, 6, 2, 4), ValueError
    yield "x", ones(1, 0, 7, 4), ValueError
    yield "x", ones(0, 2, 2, 4), ValueError
    for shape in ((3, 3, 4, 0), (3, 3, 0, 2), (0, 3, 4, 2), (3, 0, 4, 2)):
        yield "dw", ones(*shape), ValueError
    for shape in (
        (1, 1, 7, 5),
        (1, 1, 4, 5),
        (1, 2, 4, 5),
        (2, 1, 4, 5),
        (1, 1, 8, 0),
        (0, 1, 8, 5),
    ):
        yield "pw", ones(*shape), ValueError
    for shape in ((4,), (1,), (0,), (6,)):
        yield "bias", ones(*shape), ValueError


def case_id(case):
    name, value, _ = case
    described = f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else repr(value)
    return f"{name}={described[:60]}"


CASES = [*step_cases(), *padding_cases(), *array_cases()]


@pytest.mark.parametrize(("name", "value", "error"), CASES, ids=map(case_id, CASES))
def test_wrong_argument(name, value, error):
    arguments = GOOD | {name: value}
    out = np.full((1, 4, 5, 5), 7, F4)
    # A message may blame x for weights it does not match, and pw for dw's shape.
    blamed = {"dw": "dw|x|pw", "pw": "pw|bias"}.get(name, name)
    match = f"^({blamed}):.*(expected).*got"
    with pytest.raises(error, match=match):
        csep.separable_conv2d(**arguments, out=out)
    x = arguments.pop("x")
    with pytest.raises(error, match=match):
        csep.SeparableConv2D(**arguments)(x, out=out)
    assert (out == 7).all()


def test_output_that_no_memory_can_hold():
    with pytest.raises((ValueError, MemoryError)):
        csep.separable_conv2d(**(GOOD | {"padding": ((2**31 - 1, 2**31 - 1),) * 2}))


def test_dilation_beyond_the_image():
    with pytest.raises(ValueError, match=r"^x: .*output would be 0 x 5"):
        csep.separable_conv2d(**(GOOD | {"dilations": (2**31 - 1, 1)}))


OUT = (1, 4, 5, 5)


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (ones(1, 4, 5, 4), ValueError),
        (ones(4, 5, 5), ValueError),
        (ones(2, 4, 5, 5), ValueError),
        (ones(*OUT, dtype="f8"), TypeError),
        (ones(*OUT, dtype=">f4"), TypeError),
        (ones(*OUT, dtype="i4"), TypeError),
        (np.asfortranarray(ones(*OUT)), ValueError),
        (ones(1, 8, 5, 5)[:, ::2], ValueError),
        (np.ma.masked_array(ones(*OUT)), TypeError),
        (ones(*OUT).tolist(), TypeError),
        ("out", TypeError),
        (1, TypeError),
    ],
    ids=lambda v: v.__name__ if isinstance(v, type) else f"{type(v).__name__}",
)
def test_wrong_out(out, error):
    with pytest.raises(error, match=r"^out: expected .*got"):
        csep.separable_conv2d(**GOOD, out=out)
    op = csep.SeparableConv2D(GOOD["dw"], GOOD["pw"])
    op(GOOD["x"])
    with pytest.raises(error, match=r"^out: expected .*got"):
        op(GOOD["x"], out=out)


def test_out_read_only_or_unaligned():
    fixed = ones(*OUT)
    fixed.flags.writeable = False
    crooked = np.zeros(401, np.uint8)[1:].view(F4).reshape(OUT)
    op = csep.SeparableConv2D(GOOD["dw"], GOOD["pw"])
    op(GOOD["x"])
    for out, word in ((fixed, "writable"), (crooked, "aligned")):
        with pytest.raises(ValueError, match=f"^out: expected .*{word}"):
            csep.separable_conv2d(**GOOD, out=out)
        with pytest.raises(ValueError, match=f"^out: expected .*{word}"):
            op(GOOD["x"], out=out)


@pytest.mark.parametrize("name", ["x", "dw", "pw", "bias"])
@pytest.mark.parametrize("shift", [0, 4])
def test_out_overlaps(name, shift):
    room = np.ones(400, F4)
    good = GOOD[name]
    view = room[: good.size].reshape(good.shape)
    out = room[shift : shift + 100].reshape(OUT)
    with pytest.raises(ValueError, match=f"^out: expected .*overlaps {name}"):
        csep.separable_conv2d(**(GOOD | {name: view}), out=out)
    assert (room == 1).all()


def test_out_overlaps_x_of_an_operator_that_knows_the_shape():
    room = np.ones(400, F4)
    x, out = room[:168].reshape(1, 6, 7, 4), room[160:260].reshape(OUT)
    op = csep.SeparableConv2D(GOOD["dw"], GOOD["pw"])
    op(x)
    with pytest.raises(ValueError, match=r"^out: expected .*overlaps x"):
        op(x, out=out)


@pytest.mark.parametrize("threads", [0, -1, -(2**70)])
def test_wrong_thread_count(threads):
    op = csep.SeparableConv2D(GOOD["dw"], GOOD["pw"])
    for call in (
        lambda: csep.separable_conv2d(**GOOD, num_threads=threads),
        lambda: op(GOOD["x"], num_threads=threads),
    ):
        with pytest.raises(ValueError, match=r"^num_threads: expected .*got"):
            call()
    with pytest.raises(ValueError, match=r"^n: expected .*got"):
        csep.set_num_threads(threads)


@pytest.mark.parametrize("threads", [1.0, "2", True, (1,), object()])
def test_thread_count_of_a_wrong_kind(threads):
    op = csep.SeparableConv2D(GOOD["dw"], GOOD["pw"])
    op(GOOD["x"])
    for call in (
        lambda: csep.separable_conv2d(**GOOD, num_threads=threads),
        lambda: op(GOOD["x"], num_threads=threads),
    ):
        with pytest.raises(TypeError, match=r"^num_threads: expected .*got"):
            call()
    with pytest.raises(TypeError, match=r"^n: expected .*got"):
        csep.set_num_threads(threads)


# The rest of the family: what is not common to all operators.

X = ones(1, 6, 7, 4)
FAMILY = [
    (csep.depthwise_conv2d, {"x": X, "dw": ones(3, 3, 4, 2), "bias": ones(8)}),
    (csep.pointwise_conv2d, {"x": X, "pw": ones(4, 5), "bias": ones(5)}),
    (csep.conv2d, {"x": X, "w": ones(3, 3, 4, 5), "bias": ones(5)}),
    (csep.separable_conv2d, {k: GOOD[k] for k in ("x", "dw", "pw", "bias")}),
    (csep.depthwise_conv1d, {"x": ones(1, 9, 4), "dw": ones(3, 4, 2), "bias": ones(8)}),
    (
        csep.separable_conv1d,
        {"x": ones(1, 9, 4), "dw": ones(3, 4, 2), "pw": ones(1, 8, 5), "bias": ones(5)},
    ),
]
ids = [function.__name__ for function, _ in FAMILY]


@pytest.mark.parametrize(("function", "good"), FAMILY, ids=ids)
def test_wrong_arrays_of_the_family(function, good):
    function(**good)
    for name, value in good.items():
        wrong = [
            (value.astype("f8"), TypeError),
            (value.astype("i4"), TypeError),
            (value[None], ValueError),
            (value[..., :-1], ValueError),
            (value[..., :0], ValueError),
            ("abc", TypeError),
            ([[1], [1, 2]], TypeError),
            (np.ma.masked_array(value), TypeError),
            (np.zeros(value.shape, [("a", F4)]), TypeError),
        ]
        if name != "bias":
            wrong += [(None, TypeError)]
        for bad, error in wrong:
            with pytest.raises(error, match=r"^\w+: expected .*got"):
                function(**good | {name: bad})


@pytest.mark.parametrize(("function", "good"), FAMILY, ids=ids)
def test_wrong_keywords_of_the_family(function, good):
    result = function(**good)
    keywords = {
        "activation": [
            ("softmax", ValueError),
            ("", ValueError),
            (1, TypeError),
            (np.tanh, TypeError),
            (("sigmoid", 0.1), ValueError),
            (("relu", "6"), TypeError),
            (("elu", np.inf), ValueError),
            (("elu", "1"), TypeError),
            (("elu",), TypeError),
        ],
        "data_format": [("NWHC", ValueError), (None, TypeError), (1, TypeError)],
        "residual": [
            (result[..., :-1], ValueError),
            (result[None], ValueError),
            (result.astype("f8"), TypeError),
            (result.astype("f2"), TypeError),
            ("abc", TypeError),
        ],
        "out": [
            (result.astype("f8"), TypeError),
            (result[..., :-1], ValueError),
            (np.asfortranarray(np.repeat(result, 2, 0)), ValueError),
            ("abc", TypeError),
        ],
        "num_threads": [(0, ValueError), (1.5, TypeError)],
    }
    for name, wrong in keywords.items():
        for bad, error in wrong:
            with pytest.raises(error, match=rf"^{name}: expected .*got"):
                function(**good | {name: bad})


@pytest.mark.parametrize("name", ["depthwise_activation", "depthwise_bias"])
def test_wrong_things_between_the_stages(name):
    for bad in ("softmax", ones(5), 3):
        with pytest.raises((ValueError, TypeError), match=rf"^{name}: expected .*got"):
            csep.separable_conv2d(**GOOD, **{name: bad})


def test_out_overlaps_the_residual():
    room = np.ones(108, F4)
    out, residual = room[:100].reshape(OUT), room[8:].reshape(OUT)
    with pytest.raises(ValueError, match=r"^out: expected .*overlaps residual"):
        csep.separable_conv2d(**GOOD, residual=residual, out=out)
    op = csep.SeparableConv2D(GOOD["dw"], GOOD["pw"])
    op(GOOD["x"])
    with pytest.raises(ValueError, match=r"^out: expected .*overlaps residual"):
        op(GOOD["x"], residual=residual, out=out)
    assert (room == 1).all()


@pytest.mark.parametrize("value", [(1, 1), [2, 1, 1], "1", 0, 1.5, None], ids=repr)
def test_wrong_steps_of_sequences(value):
    x, dw = ones(1, 9, 4), ones(3, 4, 1)
    for name in ("strides", "dilations"):
        with pytest.raises((TypeError, ValueError), match=rf"^{name}: expected .*got"):
            csep.depthwise_conv1d(x, dw, **{name: value})


@pytest.mark.parametrize(
    "value", ["full", -1, 1.5, (1,), (1, -1), ((1, 1), (1, 1)), None], ids=repr
)
def test_wrong_padding_of_sequences(value):
    with pytest.raises((TypeError, ValueError), match=r"^padding: expected .*got"):
        csep.depthwise_conv1d(ones(1, 9, 4), ones(3, 4, 1), padding=value)


def test_weights_of_another_precision():
    for weights, name in ((("dw", "f8"), "pw|x"), (("pw", "f8"), "pw"), (("bias", "f8"), "bias")):
        arguments = GOOD | {weights[0]: GOOD[weights[0]].astype(weights[1])}
        with pytest.raises(TypeError, match=f"^({name}): expected .*got"):
            csep.separable_conv2d(**arguments)


def test_out_overlaps_what_is_no_array():
    y = ones(1, 4, 4, 8)
    with pytest.raises(ValueError, match=r"^out: expected .*overlaps x"):
        csep.PointwiseConv2D(ones(8, 8))(memoryview(y), out=y)
    assert (y == 1).all()


def test_messages_about_sequences_speak_of_sequences():
    x, dw = ones(1, 5, 2), ones(3, 2, 1)
    for arguments, message in (
        ({"x": ones(1, 5, 3), "dw": dw}, r"^x: expected 2 channels.*\(1, 5, 3\)"),
        ({"x": ones(1, 2, 2), "dw": dw}, r"^x: expected a length .*got 2 .*kernel 3"),
        ({"x": x, "dw": dw, "residual": ones(1, 2, 2)}, r"^residual: .*\(1, 3, 2\).*\(1, 2, 2\)"),
        ({"x": x, "dw": dw, "out": ones(1, 2, 2)}, r"^out: .*\(1, 3, 2\).*\(1, 2, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            csep.depthwise_conv1d(**arguments)
        if "dw" in arguments:
            with pytest.raises(ValueError, match=message):
                csep.separable_conv1d(**arguments, pw=ones(2, 2))
    with pytest.raises(ValueError, match=r"^pw: expected 2 rows.*\(3, 2, 1\)"):
        csep.separable_conv1d(x, dw, ones(3, 3))
