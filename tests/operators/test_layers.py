"""What prepared operators tell of themselves, and what may be done with them."""

import copy
import pickle
import sys
import threading
import types

import numpy as np
import pytest
import reference

import csep


def ones(*shape, dtype="f4"):
    return np.ones(shape, dtype)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("f4")


OPERATORS = {
    "separable": lambda: csep.SeparableConv2D(
        draw(3, 3, 4, 2),
        draw(1, 1, 8, 5, seed=1),
        draw(5, seed=2),
        strides=2,
        padding="SAME",
        depthwise_bias=draw(8, seed=3),
        depthwise_activation="relu6",
        activation=("elu", 0.5),
    ),
    "separable, plain": lambda: csep.SeparableConv2D(draw(3, 3, 4, 1), draw(4, 5)),
    "depthwise": lambda: csep.DepthwiseConv2D(
        draw(3, 2, 4, 2), draw(8), (1, 2), ((1, 0), (2, 3)), dilations=(2, 1), activation="gelu"
    ),
    "shared": lambda: csep.DepthwiseConv2D(draw(3, 3, 1, 2), padding="SAME"),
    "shared by two": lambda: csep.DepthwiseConv2D(draw(3, 3, 1, 4), shared_kernel=True),
    "shared with bias": lambda: csep.DepthwiseConv2D(draw(3, 3, 1, 2), draw(8)),
    "pointwise": lambda: csep.PointwiseConv2D(draw(4, 7), activation="leaky_relu"),
    "conv": lambda: csep.Conv2D(draw(3, 3, 4, 7), draw(7), 2, dilations=1),
    "conv, double": lambda: csep.Conv2D(draw(3, 3, 4, 7).astype("f8")),
    "first": lambda: csep.SeparableConv2D(draw(3, 3, 4, 1), draw(4, 5), data_format="NCHW"),
}


@pytest.fixture(params=OPERATORS)
def op(request):
    return OPERATORS[request.param]()


def input_of(op):
    shape = (2, 4, 9, 10) if op.data_format == "NCHW" else (2, 9, 10, 4)
    return draw(*shape, seed=9).astype(op.dtype)


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        *[lambda o, p=p: pickle.loads(pickle.dumps(o, p)) for p in range(6)],
    ],
)
def test_copies_compute_the_same(op, duplicate):
    x = input_of(op)
    other = duplicate(op)
    assert type(other) is type(op)
    assert repr(other) == repr(op)
    np.testing.assert_array_equal(other(x), op(x))
    assert other.weights.keys() == op.weights.keys()
    for name, array in op.weights.items():
        np.testing.assert_array_equal(other.weights[name], array)


def test_immutable(op):
    with pytest.raises(AttributeError, match="immutable"):
        op.strides = 2
    with pytest.raises(AttributeError, match="immutable"):
        op._plan = None
    with pytest.raises(AttributeError, match="immutable"):
        del op._plan
    with pytest.raises(AttributeError):
        op.anything = 1
    for weights in op.weights.values():
        with pytest.raises(ValueError, match="read-only"):
            weights[...] = 0


def test_weights_are_copied():
    dw, pw = ones(3, 3, 2, 1), ones(2, 3)
    op = csep.SeparableConv2D(dw, pw)
    x = ones(1, 5, 5, 2)
    before = op(x)
    dw[:], pw[:] = 0, 0
    np.testing.assert_array_equal(op(x), before)
    assert op.get_weights()[0].all()


def test_weights_that_nobody_can_change_are_not_copied():
    memory = ones(2, 3).tobytes()
    shared = np.frombuffer(memory, "f4").reshape(2, 3)
    assert np.shares_memory(csep.PointwiseConv2D(shared).weights["pw"], shared)
    shared = np.frombuffer(bytearray(memory), "f4").reshape(2, 3)
    assert not np.shares_memory(csep.PointwiseConv2D(shared).weights["pw"], shared)
    shared = np.frombuffer(memory, "f4").reshape(3, 2).T
    op = csep.PointwiseConv2D(shared)
    assert not np.shares_memory(op.weights["pw"], shared)


def test_many_threads_share_one_operator(op):
    x = input_of(op)
    expected = op(x)
    wrong = []

    def work():
        for _ in range(50):
            if not np.array_equal(op(x, num_threads=2), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_many_threads_share_a_kernel_for_any_channels():
    op = csep.DepthwiseConv2D(draw(3, 3, 1, 1))
    wrong = []

    def work(c):
        x = draw(1, 6, 6, c)
        expected = reference.depthwise_conv2d(x, op.get_weights()[0])
        for _ in range(50):
            if np.abs(op(x) - expected).max() > 1e-5:
                wrong.append(c)

    threads = [threading.Thread(target=work, args=(c,)) for c in range(1, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_get_weights():
    dw, pw, bias = draw(3, 3, 4, 2), draw(1, 1, 8, 5), draw(5)
    for given, shapes in (
        (csep.SeparableConv2D(dw, pw, bias), [dw.shape, pw.shape, bias.shape]),
        (csep.SeparableConv2D(dw, pw[0, 0]), [dw.shape, pw.shape]),
        (csep.DepthwiseConv2D(dw), [dw.shape]),
        (csep.DepthwiseConv2D(dw, draw(8)), [dw.shape, (8,)]),
        (csep.PointwiseConv2D(pw[0, 0], bias), [pw.shape, bias.shape]),
        (csep.Conv2D(draw(3, 3, 4, 5), bias), [(3, 3, 4, 5), bias.shape]),
    ):
        weights = given.get_weights()
        assert [w.shape for w in weights] == shapes
        assert given.count_params() == sum(w.size for w in weights)
        again = type(given)(*weights)
        assert repr(again) == repr(given)


def test_half_weights_are_held_in_float32():
    op = csep.PointwiseConv2D(draw(4, 3).astype("f2"))
    assert op.get_weights()[0].dtype == np.float32
    assert op(ones(1, 2, 2, 4, dtype="f2")).dtype == np.float16


def test_repr():
    assert repr(OPERATORS["separable"]()) == (
        "SeparableConv2D(3x3, 4 -> 5, channel_multiplier=2, strides=(2, 2), padding='SAME', "
        "depthwise_activation='relu6', activation=('elu', 0.5), depthwise bias, 125 parameters)"
    )
    assert repr(OPERATORS["shared"]()) == (
        "DepthwiseConv2D(3x3, C -> C, channel_multiplier=2, padding='SAME', no bias, 18 parameters)"
    )
    assert "dtype=float64" in repr(OPERATORS["conv, double"]())


def test_output_shape_and_macs(op):
    x = input_of(op)
    y = op(x)
    assert op.output_shape(x.shape) == y.shape
    channels = 4
    filters = y.shape[1 if op.data_format == "NCHW" else 3]
    pixels = y.size // filters
    kh, kw = op.kernel_size
    m = next(iter(op.weights.values())).shape[-1]
    expected = {
        "SeparableConv2D": channels * m * (kh * kw + filters),
        "DepthwiseConv2D": channels * m * kh * kw,
        "PointwiseConv2D": channels * filters,
        "Conv2D": channels * filters * kh * kw,
    }[type(op).__name__]
    assert op.macs(x.shape) == pixels * expected


def test_open_sizes():
    op = csep.Conv2D(draw(3, 3, 4, 7), None, 2)
    assert op.output_shape((None, 9, 10, 4)) == (None, 4, 4, 7)
    assert op.output_shape((None, None, 10, 4)) == (None, None, 4, 7)
    assert op.macs((None, 9, 10, 4)) == op.macs((1, 9, 10, 4)) == 16 * 9 * 4 * 7
    assert op.macs((None, None, 10, 4)) is None
    first = csep.Conv2D(draw(3, 3, 4, 7), data_format="NCHW")
    assert first.output_shape((None, 4, None, None)) == (None, 7, None, None)
    with pytest.raises(TypeError, match=r"^input_shape: expected"):
        op.output_shape((1, 9, 10, None))
    lines = csep.summary([op, csep.PointwiseConv2D(ones(7, 3))], (None, None, 10, 4)).split("\n")
    assert "(None, None, 4, 7)" in lines[2]
    assert lines[-1].split()[-2:] == ["-", "-"]


def test_macs_of_numpy_integers_do_not_overflow():
    op = csep.PointwiseConv2D(ones(64, 64))
    shape = tuple(np.int32(n) for n in (1000, 1000, 1000, 64))
    assert op.macs(shape) == 10**9 * 64 * 64
    assert type(op.macs(shape)) is int


def test_operators_on_sequences():
    x, dw, pw, w = draw(2, 20, 4), draw(3, 4, 2), draw(1, 8, 5), draw(3, 4, 6)
    for op, expected in (
        (
            csep.SeparableConv1D(dw, pw, draw(5), 2, "SAME", activation="relu"),
            csep.separable_conv1d(x, dw, pw, draw(5), 2, "SAME", activation="relu"),
        ),
        (
            csep.DepthwiseConv1D(dw, None, padding="CAUSAL", dilations=2),
            csep.depthwise_conv1d(x, dw, None, padding="CAUSAL", dilations=2),
        ),
        (csep.Conv1D(w, padding=(1, 2)), csep.conv1d(x, w, padding=(1, 2))),
    ):
        np.testing.assert_array_equal(op(x), expected)
        again = pickle.loads(pickle.dumps(op))
        assert repr(again) == repr(op)
        np.testing.assert_array_equal(again(x), expected)
        assert op.output_shape((None, 20, 4)) == (None, *expected.shape[1:])
        assert len(op.strides) == len(op.kernel_size) == len(op.dilations) == 1
        weights = op.get_weights()
        assert all(a.ndim == 3 for a in weights if a.ndim > 1)
        assert op.count_params() == sum(a.size for a in weights)
        with pytest.raises(ValueError, match=r"^x: expected rank 3"):
            op(x[None])
    assert csep.SeparableConv1D(dw, pw).macs((1, 20, 4)) == 18 * (3 * 8 + 8 * 5)
    expected = reference.conv2d(x[:, None], w[None], None, padding=((0, 0), (1, 2)))[:, 0]
    near(csep.Conv1D(w, padding=(1, 2))(x), expected)
    norm = Norm(6)
    near(csep.Conv1D(w).fold_batch_norm(*norm.arguments)(x), norm(csep.conv1d(x, w)))
    norm = Norm(8)
    near(
        csep.DepthwiseConv1D(dw).fold_batch_norm(*norm.arguments)(x),
        norm(csep.depthwise_conv1d(x, dw)),
    )


def test_shapes_that_cannot_be(op):
    for shape in ((1, 2, 3), (1, 0, 10, 4), (1, 9, 10, 0), (1, 9, -1, 4)):
        with pytest.raises(ValueError, match=r"expected"):
            op.output_shape(shape)
    with pytest.raises(TypeError, match=r"^input_shape: expected"):
        op.output_shape(4)


# The figures people ask about.
@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (("Conv2D", 3, 16, 5), 1216),
        (("SeparableConv2D", 3, 16, 5), 139),
        (("Conv2D", 10, 32, 3), 2912),
        (("SeparableConv2D", 10, 32, 3), 442),
        (("DepthwiseConv2D", 10, None, 3), 100),
        (("DepthwiseConv2D", 10, None, (3, 5), 2, False), 300),
        (("PointwiseConv2D", 10, 32), 352),
        (("SeparableConv2D", 3, 8, 3, 4), 3 * 9 * 4 + 12 * 8 + 8),
    ],
)
def test_count_params(arguments, parameters):
    assert csep.count_params(*arguments) == parameters


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        (("Dense", 3, 4), ValueError, "kind"),
        (("Conv2D", 0, 4), ValueError, "in_channels"),
        (("Conv2D", 3.0, 4), TypeError, "in_channels"),
        (("Conv2D", 3), TypeError, "filters"),
        (("Conv2D", 3, 4, (3, 3, 3)), ValueError, "kernel_size"),
        (("Conv2D", 3, 4, "3"), TypeError, "kernel_size"),
        (("Conv2D", 3, 4, 3, 2), ValueError, "depth_multiplier"),
        (("PointwiseConv2D", 3, 4, 3), ValueError, "kernel_size"),
        (("DepthwiseConv2D", 3, 4, 3), ValueError, "filters"),
        (("SeparableConv2D", 3, 4, 3, True), TypeError, "depth_multiplier"),
        (("DepthwiseConv2D", 3, "a"), TypeError, "filters"),
        (("DepthwiseConv2D", 3, 3.0), TypeError, "filters"),
        (("Conv2D", 3, 4, 3, 1, "no"), TypeError, "use_bias"),
    ],
)
def test_count_params_of_nothing(arguments, error, name):
    with pytest.raises(error, match=f"^{name}: expected .*got"):
        csep.count_params(*arguments)


def test_summary():
    ops = [
        csep.Conv2D(ones(3, 3, 3, 8), ones(8), 2, "SAME"),
        csep.SeparableConv2D(ones(5, 5, 8, 1), ones(8, 16), ones(16), padding="SAME"),
        csep.DepthwiseConv2D(ones(3, 3, 1, 1)),
        csep.PointwiseConv2D(ones(16, 4)),
    ]
    lines = csep.summary(ops, (1, 32, 32, 3)).split("\n")
    assert len(lines) == len(ops) + 4
    assert len(set(map(len, lines))) == 1
    assert "(1, 16, 16, 16)" in lines[3]
    assert f"{25 * 8 + 8 * 16 + 16}" in lines[3]
    assert f"{256 * 8 * (25 + 16):,}" in lines[3]
    assert lines[3].endswith(f"{25 * 16 / (25 + 16):.1f}x")
    total = sum(op.count_params() for op in ops)
    assert lines[-1].split()[1] == f"{total:,}"


def test_summary_of_what_does_not_fit():
    with pytest.raises(ValueError, match=r"^input_shape: expected 16 channels"):
        csep.summary([OPERATORS["conv"](), csep.PointwiseConv2D(ones(16, 4))], (1, 32, 32, 4))
    with pytest.raises(TypeError, match=r"^operators: expected .*got int"):
        csep.summary([3], (1, 32, 32, 4))
    with pytest.raises(TypeError, match=r"^operators: expected .*got type"):
        csep.summary([csep.PointwiseConv2D], (1, 32, 32, 4))
    with pytest.raises(TypeError, match=r"^operators: expected .*got Conv2D"):
        csep.summary(OPERATORS["conv"](), (1, 32, 32, 4))


class Norm:
    """A batch normalisation of random numbers, as arguments and as a formula."""

    def __init__(self, count, epsilon=1e-3):
        rng = np.random.default_rng(count)
        self.gamma, self.beta, self.mean = rng.standard_normal((3, count))
        self.variance = rng.uniform(0.1, 3, count)
        self.epsilon = epsilon
        self.arguments = (self.gamma, self.beta, self.mean, self.variance, epsilon)

    def __call__(self, v):
        return self.gamma * (v - self.mean) / np.sqrt(self.variance + self.epsilon) + self.beta


def near(y, expected):
    assert np.abs(y - expected).max() <= 2e-5 * np.abs(expected).max()


def test_fold_batch_norm_of_the_result():
    dw, pw, w = draw(3, 3, 4, 2), draw(8, 5), draw(3, 3, 4, 6)
    x = draw(1, 9, 9, 4)
    for given, count in (
        (csep.SeparableConv2D(dw, pw, draw(5)), 5),
        (csep.SeparableConv2D(dw, pw), 5),
        (csep.DepthwiseConv2D(dw, draw(8)), 8),
        (csep.DepthwiseConv2D(dw[:, :, :1]), 8),
        (csep.PointwiseConv2D(draw(4, 5)), 5),
        (csep.Conv2D(w, draw(6), 2), 6),
    ):
        norm = Norm(count)
        folded = given.fold_batch_norm(*norm.arguments)
        assert type(folded) is type(given)
        near(folded(x), norm(given(x).astype("f8")))
        near(
            given.fold_batch_norm(None, None, norm.mean, norm.variance, 0)(x),
            (given(x) - norm.mean) / np.sqrt(norm.variance),
        )


@pytest.mark.parametrize("shared", [False, True])
def test_fold_batch_norm_of_both_stages(shared):
    dw, pw, bias, x = draw(3, 3, 1 if shared else 4, 2), draw(8, 5), draw(5), draw(1, 9, 9, 4)
    first, second = Norm(8), Norm(5)
    op = csep.SeparableConv2D(dw, pw, bias, depthwise_activation=None)
    op = op.fold_batch_norm(*first.arguments, stage="depthwise").fold_batch_norm(*second.arguments)
    halfway = first(reference.depthwise(x, dw, (1, 1), "VALID", (1, 1)))
    near(op(x), second(halfway @ pw + bias))


def test_fold_batch_norm_before_an_activation():
    """MobileNet's block: depthwise, normalisation, ReLU6, pointwise, normalisation, ReLU6."""
    dw, pw, x = draw(3, 3, 4, 2), draw(8, 5), draw(1, 9, 9, 4)
    first, second = Norm(8), Norm(5)
    op = csep.SeparableConv2D(dw, pw)
    op = op.fold_batch_norm(*first.arguments, stage="depthwise", activation="relu6")
    op = op.fold_batch_norm(*second.arguments, activation="relu6")
    halfway = reference.relu6(first(reference.depthwise(x, dw, (1, 1), "VALID", (1, 1))))
    near(op(x), reference.relu6(second(halfway @ pw)))
    assert (op.depthwise_activation, op.activation) == ("relu6", "relu6")


def test_fold_batch_norm_that_cannot_be():
    op = csep.SeparableConv2D(
        draw(3, 3, 4, 2), draw(8, 5), activation="relu", depthwise_activation="relu"
    )
    plain = csep.SeparableConv2D(draw(3, 3, 4, 2), draw(8, 5))
    good = Norm(5).arguments
    with pytest.raises(ValueError, match=r"^activation: expected None"):
        op.fold_batch_norm(*good)
    with pytest.raises(ValueError, match=r"^depthwise_activation: expected None"):
        op.fold_batch_norm(*Norm(8).arguments, stage="depthwise")
    with pytest.raises(ValueError, match=r"^stage: expected"):
        plain.fold_batch_norm(*good, stage="both")
    with pytest.raises(ValueError, match=r"^stage: expected"):
        csep.PointwiseConv2D(draw(4, 5)).fold_batch_norm(*good, stage="depthwise")
    for i, name in enumerate(("gamma", "beta", "mean", "variance")):
        for wrong, error in (
            (np.ones(4), ValueError),
            ("abc", TypeError),
            (np.ones((5, 1)), ValueError),
        ):
            bad = list(good)
            bad[i] = wrong
            with pytest.raises(error, match=f"^{name}: expected .*got"):
                plain.fold_batch_norm(*bad)
    for wrong, error in (
        (-1.0, ValueError),
        (np.inf, ValueError),
        (10**400, ValueError),
        ("1", TypeError),
        (True, TypeError),
    ):
        with pytest.raises(error, match=r"^epsilon: expected .*got"):
            plain.fold_batch_norm(*good[:4], wrong)
    with pytest.raises(ValueError, match=r"^variance: expected"):
        plain.fold_batch_norm(*good[:3], -np.ones(5))
    with pytest.raises(ValueError, match=r"^stage: expected"):
        plain.fold_batch_norm(*good, stage=["result"])
    with pytest.raises(TypeError, match=r"^gamma: expected"):
        plain.fold_batch_norm(np.ones(5, complex), *good[1:])
    shared = csep.DepthwiseConv2D(draw(3, 3, 1, 2))
    for mean, error in ((None, TypeError), (np.ones(5), ValueError), (3.0, ValueError)):
        with pytest.raises(error, match=r"^mean: expected"):
            shared.fold_batch_norm(None, None, mean, np.ones(8))


def test_plans_of_a_shared_kernel_do_not_pile_up():
    op = csep.DepthwiseConv2D(draw(3, 3, 1, 2), shared_kernel=True)
    for c in range(1, 100):
        op(ones(1, 3, 3, c))
    assert op._plan.packed_count <= 16


@pytest.fixture
def keras(monkeypatch):
    """A package called keras, with the layers below."""
    package = types.ModuleType("keras")
    package.layers = types.SimpleNamespace(SeparableConv2D=SeparableConv2D)
    package.activations = types.SimpleNamespace(relu=keras_relu)
    monkeypatch.setitem(sys.modules, "keras", package)
    monkeypatch.delitem(sys.modules, "tf_keras", raising=False)
    return package


def keras_relu(v):
    return np.maximum(v, 0)


class Layer:
    """What csep reads of a Keras layer."""

    def __init__(self, *weights, **attributes):
        self.weights = weights
        self.data_format = "channels_last"
        self.dilation_rate = self.strides = (1, 1)
        self.padding = "same"
        self.activation = None
        self.use_bias = True
        self.__dict__ |= attributes

    def get_weights(self):
        return list(self.weights)


class SeparableConv2D(Layer):
    pass


def test_from_keras_reads_attributes(keras):
    dw, pw, bias, x = draw(3, 3, 4, 1), draw(1, 1, 4, 5), draw(5), draw(2, 9, 10, 4)
    last = csep.from_keras(SeparableConv2D(dw, pw, bias, strides=(2, 2)))
    first = csep.from_keras(
        SeparableConv2D(dw, pw, bias, strides=(2, 2), data_format="channels_first")
    )
    expected = csep.separable_conv2d(x, dw, pw, bias, 2, "SAME")
    np.testing.assert_array_equal(last(x), expected)
    y = first(np.ascontiguousarray(np.moveaxis(x, 3, 1)))
    np.testing.assert_array_equal(np.moveaxis(y, 1, 3), expected)


def test_from_keras_of_layers_that_compute_something_else(keras):
    dw, pw, bias = draw(3, 3, 4, 1), draw(1, 1, 4, 5), draw(5)

    def relu(v):
        return v + 1

    for name in ("call", "__call__", "convolution_op", "kernel", "depthwise_kernel", "anything"):
        mine = type("Mine", (SeparableConv2D,), {name: lambda self, x: 2 * x})
        with pytest.raises(TypeError, match=rf"^layer: expected .*got Mine, which defines {name}"):
            csep.from_keras(mine(dw, pw, bias))
    namesake = type("SeparableConv2D", (Layer,), {})
    with pytest.raises(TypeError, match=r"^layer: expected .*got SeparableConv2D"):
        csep.from_keras(namesake(dw, pw, bias))
    changed = SeparableConv2D(dw, pw, bias)
    changed.get_weights = lambda: [dw, 2 * pw, bias]
    with pytest.raises(TypeError, match=r"^layer: expected .*with its own get_weights"):
        csep.from_keras(changed)
    with pytest.raises(ValueError, match=r"^layer: expected .*activations.*got"):
        csep.from_keras(SeparableConv2D(dw, pw, bias, activation=relu))
    for weights in ((dw, pw), (dw, pw, bias, bias)):
        with pytest.raises(ValueError, match=r"^layer: expected 3 arrays .*got"):
            csep.from_keras(SeparableConv2D(*weights))
    with pytest.raises(ValueError, match=r"^layer: expected 2 arrays .*got 3"):
        csep.from_keras(SeparableConv2D(dw, pw, bias, use_bias=False))


def test_from_keras_of_a_class_that_only_has_a_constructor(keras):
    class Mine(SeparableConv2D):
        """With a name of its own."""

        def __init__(self, *weights):
            super().__init__(*weights, activation=keras_relu)

        def get_config(self):
            return {}

    op = csep.from_keras(Mine(draw(3, 3, 4, 1), draw(1, 1, 4, 5), draw(5)))
    assert op.activation == "relu"


def test_from_keras_of_something_else():
    for wrong in (None, 3, object(), Layer()):
        with pytest.raises(TypeError, match=r"^layer: expected .*got"):
            csep.from_keras(wrong)
