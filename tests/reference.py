"""The formulas in float64 NumPy, written from their definitions alone."""

import math

import numpy as np


def explicit_pads(size, kernel, strides, dilations, padding):
    """``((top, bottom), (left, right))`` for a padding in any form the API takes."""
    if isinstance(padding, str) and padding.upper() == "VALID":
        return ((0, 0), (0, 0))
    if isinstance(padding, str):
        lower = padding.upper() == "SAME_LOWER"  # ONNX: the odd pixel goes before
        pads = []
        for n, k, s, d in zip(size, kernel, strides, dilations, strict=True):
            # TensorFlow: as many outputs as strides fit; the odd pixel goes after.
            outputs = (n + s - 1) // s
            total = max(0, (outputs - 1) * s + (k - 1) * d + 1 - n)
            pads.append((total // 2, total - total // 2)[:: -1 if lower else 1])
        return tuple(pads)
    return tuple(padding)


def taps(size, outputs, stride, offset):
    """Outputs i for which i * stride + offset lies inside, and where it lies."""
    i = np.arange(outputs)
    at = i * stride + offset
    inside = (at >= 0) & (at < size)
    return i[inside], at[inside]


NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def filled(x, kernel, strides, padding, dilations, mode):
    """x with its padding, if that holds pixels of x, and the padding that is left."""
    if mode == "zeros":
        return x, padding
    pads = explicit_pads(x.shape[1:3], kernel, strides, dilations, padding)
    return np.pad(x, ((0, 0), *pads, (0, 0)), NUMPY_MODES[mode]), "VALID"


def slide(x, kernel, strides, padding, dilations):
    """Yield (di, dj, output rows, output columns, the pixels of x under that tap)."""
    _, h, w, _ = x.shape
    (top, _), (left, _) = explicit_pads((h, w), kernel, strides, dilations, padding)
    out_h, out_w = output_size(x, kernel, strides, padding, dilations)
    for di in range(kernel[0]):
        i, rows = taps(h, out_h, strides[0], di * dilations[0] - top)
        for dj in range(kernel[1]):
            j, columns = taps(w, out_w, strides[1], dj * dilations[1] - left)
            yield di, dj, i[:, None], j, x[:, rows][:, :, columns]


def output_size(x, kernel, strides, padding, dilations):
    """Height and width of the result."""
    pads = explicit_pads(x.shape[1:3], kernel, strides, dilations, padding)
    return tuple(
        (n + sum(pad) - (k - 1) * d - 1) // s + 1
        for n, pad, k, s, d in zip(x.shape[1:3], pads, kernel, strides, dilations, strict=True)
    )


def depthwise(x, dw, strides, padding, dilations, mode="zeros"):
    """The (N, H', W', C * M) result of the depthwise stage; dw may be (kh, kw, 1, M)."""
    x, dw = np.asarray(x, np.float64), np.asarray(dw, np.float64)
    n, c = x.shape[0], x.shape[3]
    kernel, m = dw.shape[:2], dw.shape[3]
    x, padding = filled(x, kernel, strides, padding, dilations, mode)
    out_h, out_w = output_size(x, kernel, strides, padding, dilations)
    z = np.zeros((n, out_h, out_w, c, m))
    for di, dj, i, j, pixels in slide(x, kernel, strides, padding, dilations):
        z[:, i, j] += pixels[..., None] * dw[di, dj]
    return z.reshape(n, out_h, out_w, c * m)


def plus(y, bias):
    return y if bias is None else y + np.asarray(bias, np.float64)


def separable_conv2d(
    x,
    dw,
    pw,
    bias=None,
    strides=(1, 1),
    padding="VALID",
    dilations=(1, 1),
    depthwise_bias=None,
    depthwise_activation=None,
    mode="zeros",
    **end,
):
    """Both stages; strides and dilations as pairs."""
    z = plus(depthwise(x, dw, strides, padding, dilations, mode), depthwise_bias)
    z = activate(z, depthwise_activation)
    return finish(z @ np.asarray(pw, np.float64).reshape(z.shape[3], -1), bias, **end)


def depthwise_conv2d(
    x, dw, bias=None, strides=(1, 1), padding="VALID", dilations=(1, 1), mode="zeros", **end
):
    return finish(depthwise(x, dw, strides, padding, dilations, mode), bias, **end)


def pointwise_conv2d(x, pw, bias=None, **end):
    pw = np.asarray(pw, np.float64)
    return finish(np.asarray(x, np.float64) @ pw.reshape(pw.shape[-2:]), bias, **end)


def conv2d(
    x,
    w,
    bias=None,
    strides=(1, 1),
    padding="VALID",
    dilations=(1, 1),
    groups=1,
    mode="zeros",
    **end,
):
    x, w = np.asarray(x, np.float64), np.asarray(w, np.float64)
    x, padding = filled(x, w.shape[:2], strides, padding, dilations, mode)
    if groups > 1:
        c, co = x.shape[3] // groups, w.shape[3] // groups
        each = [
            conv2d(
                x[..., g * c : (g + 1) * c],
                w[..., g * co : (g + 1) * co],
                None,
                strides,
                padding,
                dilations,
            )
            for g in range(groups)
        ]
        return finish(np.concatenate(each, 3), bias, **end)
    kernel = w.shape[:2]
    out = output_size(x, kernel, strides, padding, dilations)
    y = np.zeros((x.shape[0], *out, w.shape[3]))
    for di, dj, i, j, pixels in slide(x, kernel, strides, padding, dilations):
        y[:, i, j] += pixels @ w[di, dj]
    return finish(y, bias, **end)


def finish(y, bias, residual=None, activation=None):
    return activate(plus(plus(y, bias), residual), activation)


def largest_terms(formula, x, *weights, depthwise_bias=None, **arguments):
    """The largest sum of the terms' magnitudes: what the rounding error of a sum is a part of."""

    def absolute(array):
        return None if array is None else np.abs(np.asarray(array, np.float64))

    arguments |= {"residual": absolute(arguments.get("residual")), "activation": None}
    if formula is separable_conv2d:
        arguments |= {"depthwise_bias": absolute(depthwise_bias), "depthwise_activation": None}
    return formula(absolute(x), *map(absolute, weights), **arguments).max(initial=1e-30)


SELU, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848

erfc = np.vectorize(math.erfc, otypes=[np.float64])


def logistic(v):
    return 1 / (1 + np.exp(-v))


def relu6(v):
    return np.minimum(np.maximum(v, 0), 6)


ACTIVATIONS = {
    "linear": lambda v: v,
    "relu": lambda v, top=np.inf: np.minimum(np.maximum(v, 0), top),
    "relu6": relu6,
    "leaky_relu": lambda v, slope=0.2: np.where(v > 0, v, slope * v),
    "elu": lambda v, alpha=1.0: np.where(v > 0, v, alpha * np.expm1(v)),
    "sigmoid": logistic,
    "tanh": np.tanh,
    "silu": lambda v: v * logistic(v),
    "swish": lambda v: v * logistic(v),
    "hard_sigmoid": lambda v: relu6(v + 3) / 6,
    "hard_silu": lambda v: v * (relu6(v + 3) / 6),
    "hard_swish": lambda v: v * (relu6(v + 3) / 6),
    "gelu": lambda v: v * (erfc(-v / math.sqrt(2)) / 2),
    "selu": lambda v: SELU * np.where(v > 0, v, SELU_ALPHA * np.expm1(v)),
    "softplus": lambda v: np.maximum(v, 0) + np.log1p(np.exp(-np.abs(v))),
    "mish": lambda v: v * np.tanh(np.maximum(v, 0) + np.log1p(np.exp(-np.abs(v)))),
    "gelu_tanh": lambda v: v * logistic(2 * math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)),
}


def activate(v, activation):
    """Activations by name, or name and alpha; of prelu, a slope for each of the last axis."""
    if activation is None:
        return v
    name, *alpha = (activation,) if isinstance(activation, str) else activation
    if name == "prelu":
        return np.where(v < 0, v * np.asarray(alpha[0], np.float64), v)
    with np.errstate(all="ignore"):
        return ACTIVATIONS[name](np.asarray(v, np.float64), *alpha)
