"""A slope for each channel."""

import copy
import pickle

import numpy as np
import pytest
import reference

import csep

F4 = np.float32


def draw(*shape, dtype=F4):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


X = draw(2, 6, 7, 5)
CALLS = {
    "separable_conv2d": (draw(3, 3, 5, 2), draw(10, 33), draw(33)),
    "depthwise_conv2d": (draw(3, 3, 5, 7), draw(35)),
    "pointwise_conv2d": (draw(5, 70), draw(70)),
    "conv2d": (draw(2, 2, 5, 19), draw(19)),
}


@pytest.mark.parametrize("name", CALLS)
def test_slopes(name):
    weights = CALLS[name]
    slopes = draw(weights[-1].size)
    plain = getattr(reference, name)(X, *weights)
    y = getattr(csep, name)(X, *weights, activation=("prelu", slopes))
    np.testing.assert_allclose(y, np.where(plain < 0, plain * slopes, plain), atol=1e-4)
    for form in (slopes[::-1][::-1], slopes.astype(">f4"), slopes.astype("f2")):
        again = getattr(csep, name)(X, *weights, activation=("prelu", form))
        np.testing.assert_allclose(again, y, rtol=2e-3, atol=1e-3)


def test_between_the_stages():
    dw, pw, slopes = draw(3, 3, 5, 2), draw(10, 4), draw(10)
    expected = reference.separable_conv2d(X, dw, pw, depthwise_activation=("prelu", slopes))
    y = csep.separable_conv2d(X, dw, pw, depthwise_activation=("prelu", slopes))
    np.testing.assert_allclose(y, expected, atol=1e-4)


def test_slopes_tell_the_channels_of_a_shared_kernel():
    dw, slopes = draw(3, 3, 1, 2), draw(10)
    op = csep.DepthwiseConv2D(dw, activation=("prelu", slopes))
    expected = reference.depthwise_conv2d(X, dw, activation=("prelu", slopes))
    np.testing.assert_allclose(op(X), expected, atol=1e-5)
    assert repr(op).startswith("DepthwiseConv2D(3x3, 5 -> 10, ")
    with pytest.raises(ValueError, match=r"^x: expected 5 channels .*got"):
        op(X[..., :4].copy())
    with pytest.raises(ValueError, match=r"^activation: expected shape \(C \* 2,\).*got \(3,\)"):
        csep.DepthwiseConv2D(dw, activation=("prelu", slopes[:3]))
    with pytest.raises(ValueError, match=r"^activation: expected shape \(8,\).*got \(10,\)"):
        csep.DepthwiseConv2D(dw, draw(8), activation=("prelu", slopes))


def test_an_operator_has_a_copy_and_keeps_it(tmp_path):
    slopes, between = draw(4), draw(10)
    given, given_between = slopes.copy(), between.copy()
    op = csep.SeparableConv2D(
        draw(3, 3, 5, 2),
        draw(10, 4),
        activation=("prelu", given),
        depthwise_activation=("prelu", given_between),
    )
    before = op(X)
    given[:], given_between[:] = 9, 9
    np.testing.assert_array_equal(op(X), before)
    assert op.activation[0] == "prelu"
    np.testing.assert_array_equal(op.activation[1], slopes)
    with pytest.raises(ValueError, match="read-only"):
        op.activation[1][0] = 1
    assert op.count_params() == 90 + 40 + 4 + 10
    assert "activation=('prelu', 4 slopes)" in repr(op)
    assert "depthwise_activation=('prelu', 10 slopes)" in repr(op)
    op.save(tmp_path / "layer.npz")
    for again in (
        pickle.loads(pickle.dumps(op)),
        copy.deepcopy(op),
        csep.load(tmp_path / "layer.npz"),
    ):
        assert repr(again) == repr(op)
        np.testing.assert_array_equal(again(X), before)


@pytest.mark.parametrize("wrong", ["nothing", "short", "long", "number"])
def test_a_file_whose_slopes_are_wrong(tmp_path, wrong):
    path = tmp_path / "layer.npz"
    csep.PointwiseConv2D(draw(5, 4), activation=("prelu", draw(4))).save(path)
    with np.load(path) as file:
        members = dict(file)
    if wrong == "nothing":
        del members["activation"]
    elif wrong == "number":
        text = members["description"].tobytes().replace(b"null", b"0.25")
        members["description"] = np.frombuffer(text, np.uint8)
    else:
        members["activation"] = draw(3 if wrong == "short" else 400)
    np.savez(path, **members)
    with pytest.raises(ValueError, match=r"^path: expected .*activation"):
        csep.load(path)


def test_what_is_refused():
    pw = draw(5, 4)
    refused = {
        "prelu": (ValueError, r"expected \('prelu', slopes\) .*got 'prelu'"),
        ("prelu", 0.25): (ValueError, r"expected an array .*got 0.25.*write \('leaky_relu', slope"),
        ("prelu", None): (TypeError, r"expected an array \(CO,\)"),
        ("prelu", "0.1"): (TypeError, r"expected an array \(CO,\)"),
        ("prelu", (1, 2, 3, 4)): (TypeError, r"expected an array .*got dtype int"),
        ("relu", (1.0,) * 4): (TypeError, r"expected a number beside 'relu'"),
    }
    for activation, (error, message) in refused.items():
        for call in (lambda a: csep.pointwise_conv2d(X, pw, activation=a), wrapped(pw)):
            with pytest.raises(error, match=rf"^activation: {message}"):
                call(activation)
    with pytest.raises(TypeError, match=r"^activation: .*got float64; write slopes.astype"):
        csep.pointwise_conv2d(X, pw, activation=("prelu", draw(4, dtype="f8")))
    with pytest.raises(ValueError, match=r"^activation: expected shape \(4,\) .*got \(3,\)"):
        csep.pointwise_conv2d(X, pw, activation=("prelu", draw(3)))
    with pytest.raises(ValueError, match=r"^activation: expected rank 1.*got rank 2"):
        csep.pointwise_conv2d(X, pw, activation=("prelu", draw(4, 1)))
    out = np.zeros((1, 1, 1, 4), F4)
    with pytest.raises(ValueError, match=r"^out: expected memory of its own.*overlaps activation"):
        csep.pointwise_conv2d(X[:1, :1, :1], pw, activation=("prelu", out.ravel()), out=out)
    assert not out.any()


def wrapped(pw):
    return lambda activation: csep.PointwiseConv2D(pw, activation=activation)


def test_special_numbers():
    x = np.array([-np.inf, np.inf, np.nan, -0.0, 0.0, -2.0, 2.0], F4).reshape(1, 1, 7, 1)
    slopes = np.array([0.5], F4)
    y = csep.pointwise_conv2d(x, np.ones((1, 1), F4), activation=("prelu", slopes)).ravel()
    np.testing.assert_array_equal(y, [-np.inf, np.inf, np.nan, 0, 0, -1, 2])
    zero = csep.pointwise_conv2d(
        x[:, :, 3:], np.ones((1, 1), F4), activation=("prelu", np.array([np.inf], F4))
    )
    np.testing.assert_array_equal(zero.ravel(), [0, 0, -np.inf, 2])
