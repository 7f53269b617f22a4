"""Arguments that run code of their own, lie, or change other arguments while they are read."""

import pickle

import numpy as np
import pytest

import csep

F4 = np.float32


class Acting:
    """Becomes an array, and does something on the way."""

    def __init__(self, array, act):
        self.array, self.act = array, act

    def __array__(self, dtype=None, copy=None):
        self.act()
        return self.array


def ones(*shape):
    return np.ones(shape, F4)


CHANGED = r"expected an array that stays as it is.*got"


def test_x_that_is_given_another_shape_while_weights_are_read():
    x = np.zeros((1, 4, 4, 4), F4)

    def act():
        x.shape = (2, 32)

    with pytest.raises(ValueError, match=rf"^x: {CHANGED}"):
        csep.pointwise_conv2d(x, Acting(np.eye(4, dtype=F4), act))


def test_arrays_that_are_freed_while_others_are_read():
    def attempt(call, *arrays):
        with pytest.raises(ValueError, match=r"^\w+: expected .*got"):
            call(*arrays)

    x, dw, pw, r = ones(1, 6, 6, 4), ones(3, 3, 4, 1), ones(4, 5), ones(1, 4, 4, 5)
    free = lambda a: lambda: a.resize(0, refcheck=False)  # noqa: E731
    attempt(lambda: csep.separable_conv2d(x, dw, pw, residual=Acting(r, free(x))))
    op = csep.SeparableConv2D(dw, pw)
    x = ones(1, 6, 6, 4)
    attempt(lambda: op(x, residual=Acting(r, free(x))))
    x, dw = ones(1, 6, 6, 4), ones(3, 3, 4, 1)
    attempt(lambda: csep.depthwise_conv2d(x, dw, Acting(ones(4), free(dw))))
    dw = ones(3, 3, 4, 1)
    attempt(lambda: csep.DepthwiseConv2D(dw, Acting(ones(4), free(dw))))
    x, r = ones(1, 6, 6, 4), ones(1, 4, 4, 5)
    out = np.zeros((1, 4, 4, 5), F4)
    attempt(
        lambda: csep.separable_conv2d(
            x, ones(3, 3, 4, 1), pw, residual=Acting(r, free(out)), out=out
        )
    )


def test_weights_of_another_type_while_others_are_read():
    dw = ones(3, 3, 4, 2)

    def act():
        dw.dtype = np.float16

    with pytest.raises(ValueError, match=rf"^dw: {CHANGED}"):
        csep.depthwise_conv2d(ones(1, 6, 6, 4), dw, Acting(ones(8), act))


class Shrinking(np.ndarray):
    """Frees its memory when it is asked for its class."""

    @property
    def __class__(self):
        np.ndarray.resize(self, 0, refcheck=False)
        return Shrinking


def test_out_is_not_asked_for_its_class():
    x, eye = ones(1, 8, 8, 16), np.eye(16, dtype=F4)
    out = Shrinking((1, 8, 8, 16), F4)
    for call in (
        lambda: csep.pointwise_conv2d(x, eye, out=out),
        lambda: csep.PointwiseConv2D(eye)(x, out=out),
    ):
        assert call() is out
        assert (np.ndarray.view(out, np.ndarray) == 1).all()


class Denying(np.ndarray):
    """Says of every question of NumPy's that the answer is no."""

    def __array_function__(self, function, types, args, kwargs):
        return False


def test_an_overlap_that_out_denies():
    room = np.arange(1024, dtype=F4).reshape(1, 8, 8, 16)
    dw = ones(3, 3, 16, 1)
    before = room.copy()
    with pytest.raises(ValueError, match=r"^out: expected .*overlaps x"):
        csep.depthwise_conv2d(room, dw, padding="SAME", out=room.view(Denying))
    with pytest.raises(ValueError, match=r"^out: expected .*overlaps x"):
        csep.DepthwiseConv2D(dw, padding="SAME")(room, out=room.view(Denying))
    np.testing.assert_array_equal(room, before)


def test_weights_of_an_operator_cannot_be_changed():
    op = csep.DepthwiseConv2D(ones(3, 3, 1, 2))
    (w,) = op.get_weights()
    with pytest.raises(ValueError, match="WRITEABLE"):
        w.flags.writeable = True
    with pytest.raises(ValueError, match=r"own|resize"):
        w.resize(0, refcheck=False)
    w.shape = (18,)
    assert op.get_weights()[0].shape == (3, 3, 1, 2)
    np.testing.assert_array_equal(op(ones(1, 3, 3, 5)), np.full((1, 1, 1, 10), 9))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(op))(ones(1, 3, 3, 5)), 9)


def test_an_empty_batch_packs_nothing():
    op = csep.DepthwiseConv2D(ones(1, 1, 1, 1))
    assert op(np.empty((0, 1, 1, 2**26), F4)).shape == (0, 1, 1, 2**26)
    assert op._plan.packed_count == 0
    for x, error in ((ones(1, 1, 1, 5).astype("f8"), TypeError), (ones(1, 0, 1, 5), ValueError)):
        with pytest.raises(error, match=r"^x: expected"):
            op(x)
    assert op._plan.packed_count == 0


class Shouting(str):
    """A string with methods of its own."""

    def upper(self):
        return 3

    def lower(self):
        return []


class OddRank:
    """Says that it has a strange number of axes."""

    ndim = "many"

    def __array__(self, dtype=None, copy=None):
        return ones(1, 1, 4, 3)


class Once(Acting):
    """Becomes an array one time."""

    def __array__(self, dtype=None, copy=None):
        array, self.array = self.array, None
        assert array is not None
        return array


def test_odd_words():
    x, pw = ones(1, 6, 6, 4), ones(4, 3)
    for name, value in (
        ("strides", np.timedelta64(2)),
        ("dilations", np.timedelta64(2)),
        ("padding", ((np.timedelta64(1), 0), (0, 0))),
        ("num_threads", np.timedelta64(2)),
    ):
        with pytest.raises(TypeError, match=rf"^{name}: expected .*got"):
            csep.depthwise_conv2d(x, ones(3, 3, 4, 1), **{name: value})
    for name, value in (("padding", "SAME"), ("data_format", "NHWC"), ("activation", "relu")):
        y = csep.depthwise_conv2d(x, ones(3, 3, 4, 1), **{name: Shouting(value)})
        assert y.shape[3] == 4
    with pytest.raises(ValueError, match=r"^padding: expected"):
        csep.depthwise_conv2d(x, ones(3, 3, 4, 1), padding=Shouting("some"))
    expected = csep.pointwise_conv2d(x, pw)
    np.testing.assert_array_equal(csep.pointwise_conv2d(x, OddRank()), expected)
    np.testing.assert_array_equal(csep.pointwise_conv2d(x, Once(pw, None)), expected)


def test_padding_is_named_where_it_is_too_large():
    with pytest.raises(ValueError, match=r"^padding: expected a causal one"):
        csep.depthwise_conv1d(ones(1, 9, 4), ones(3, 4, 1), padding="CAUSAL", dilations=2**31 - 1)


def test_memory_that_a_conversion_does_not_get():
    huge = np.broadcast_to(F4(0), (200000, 200000, 16))
    with pytest.raises(MemoryError):
        csep.depthwise_conv2d([huge], ones(3, 3, 16, 1))


def test_output_shape_names_its_own_argument():
    op = csep.DepthwiseConv2D(ones(3, 3, 4, 1))
    for shape in ((1, 2, 2, 4), (1, 9, 9, 5)):
        with pytest.raises(ValueError, match=r"^input_shape: expected"):
            op.output_shape(shape)
    with pytest.raises(ValueError, match=r"^input_shape: expected sizes of up to"):
        csep.DepthwiseConv2D(ones(3, 3, 1, 2)).output_shape((1, 6, 7, 2**31 - 1))


def test_pickles_name_the_package_alone():
    text = pickle.dumps(csep.PointwiseConv2D(ones(4, 3)), 0)
    assert b"csep.operators" not in text
    assert b"csep" in text
