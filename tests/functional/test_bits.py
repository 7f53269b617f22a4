"""The same bits for any thread count, batch and layout."""

import numpy as np
import pytest

import csep

LAYERS = [
    {"shape": (3, 14, 14, 64), "out_channels": 64},
    {"shape": (3, 7, 7, 320), "out_channels": 500},
    {"shape": (3, 40, 41, 10), "out_channels": 33},
    {"shape": (3, 33, 20, 5), "multiplier": 4, "out_channels": 17, "kernel": (5, 5)},
    {"shape": (3, 9, 150, 24), "out_channels": 8, "kernel": (7, 7)},
    {"shape": (3, 2, 3, 9001), "multiplier": 3, "out_channels": 24},
]


@pytest.fixture(params=LAYERS, ids=str)
def layer(request, make_layer):
    return make_layer(**request.param)


def test_any_thread_count(layer):
    op = csep.SeparableConv2D(*layer.weights, padding="SAME")
    one = op(layer.x, num_threads=1)
    for threads in (2, 3, 4, 7, 64, 10**6):
        np.testing.assert_array_equal(op(layer.x, num_threads=threads), one)


def test_alone_or_in_a_batch(layer):
    op = csep.SeparableConv2D(*layer.weights, padding="SAME")
    together = op(layer.x, num_threads=3)
    for i in range(len(layer.x)):
        np.testing.assert_array_equal(op(layer.x[i : i + 1], num_threads=2)[0], together[i])


def unaligned(a):
    buffer = np.empty(a.nbytes + 1, np.uint8)
    copy = buffer[1:].view(a.dtype).reshape(a.shape)
    copy[...] = a
    assert not copy.flags.aligned
    return copy


def sliced(a):
    room = np.full([2 * n for n in a.shape], np.nan, a.dtype)
    view = room[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def reversed_view(a):
    backwards = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[backwards])[backwards]


def read_only(a):
    copy = a.copy()
    copy.flags.writeable = False
    return copy


FORMS = {
    "fortran": np.asfortranarray,
    "unaligned": unaligned,
    "sliced": sliced,
    "reversed": reversed_view,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
    "subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
    "broadcast batch": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["x", "dw", "pw", "bias"])
def test_any_layout(make_layer, which, form):
    layer = make_layer((2, 6, 7, 5), multiplier=2)
    arrays = {"x": layer.x, "dw": layer.dw, "pw": layer.pw, "bias": layer.bias}
    strange = arrays | {which: FORMS[form](arrays[which])}
    plain = {name: np.array(a, np.float32, order="C") for name, a in strange.items()}
    expected = csep.separable_conv2d(**plain)
    np.testing.assert_array_equal(csep.separable_conv2d(**strange), expected)
    op = csep.SeparableConv2D(strange["dw"], strange["pw"], strange["bias"])
    for _ in range(2):
        np.testing.assert_array_equal(op(strange["x"]), expected)


def test_out_is_written_and_returned(make_layer):
    layer = make_layer((2, 6, 7, 5))
    expected = csep.separable_conv2d(layer.x, *layer.weights)
    out = np.full_like(expected, np.nan)
    assert csep.separable_conv2d(layer.x, *layer.weights, out=out) is out
    np.testing.assert_array_equal(out, expected)
    op = csep.SeparableConv2D(*layer.weights)
    for _ in range(2):
        out[...] = np.nan
        assert op(layer.x, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_out_keeps_its_neighbours(make_layer):
    """Nothing is written beside out, on either side."""
    layer = make_layer((1, 6, 7, 5), out_channels=19)
    shape = (1, 4, 5, 19)
    room = np.full(np.prod(shape) + 64, 7, np.float32)
    out = room[32:-32].reshape(shape)
    csep.separable_conv2d(layer.x, *layer.weights, out=out)
    assert (room[:32] == 7).all()
    assert (room[-32:] == 7).all()


def test_out_between_the_elements_of_a_sliced_x(make_layer):
    """Ranges that interleave without sharing an element are no overlap."""
    layer = make_layer((1, 4, 4, 2), (1, 1), out_channels=2)
    room = np.zeros((2, 4, 4, 2), np.float32)
    x, out = room[::2], room[1:]
    x[...] = layer.x
    wide = np.zeros((3, 4, 4, 2), np.float32)
    wide[::2] = layer.x
    expected = csep.separable_conv2d(layer.x, *layer.weights)
    y = csep.separable_conv2d(wide[::2], *layer.weights, out=np.empty((2, 4, 4, 2), np.float32))
    np.testing.assert_array_equal(y[:1], expected)
    np.testing.assert_array_equal(csep.separable_conv2d(x, *layer.weights, out=out), expected)


def test_an_empty_batch_gives_an_empty_result(make_layer):
    layer = make_layer((0, 6, 7, 5))
    assert csep.separable_conv2d(layer.x, *layer.weights).shape == (0, 4, 5, 6)
