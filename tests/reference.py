"""The formula of a separable convolution in float64 NumPy, written from its definition alone."""

import numpy as np


def explicit_pads(size, kernel, strides, dilations, padding):
    """``((top, bottom), (left, right))`` for a padding in any form the API takes."""
    if isinstance(padding, str) and padding.upper() == "VALID":
        return ((0, 0), (0, 0))
    if isinstance(padding, str):
        pads = []
        for n, k, s, d in zip(size, kernel, strides, dilations, strict=True):
            # TensorFlow: as many outputs as strides fit; the odd pixel goes after.
            outputs = (n + s - 1) // s
            total = max(0, (outputs - 1) * s + (k - 1) * d + 1 - n)
            pads.append((total // 2, total - total // 2))
        return tuple(pads)
    return tuple(padding)


def taps(size, outputs, stride, offset):
    """Outputs i for which i * stride + offset lies inside, and where it lies."""
    i = np.arange(outputs)
    at = i * stride + offset
    inside = (at >= 0) & (at < size)
    return i[inside], at[inside]


def depthwise(x, dw, strides, padding, dilations):
    """The (N, H', W', C * M) result of the depthwise stage."""
    x, dw = np.asarray(x, np.float64), np.asarray(dw, np.float64)
    n, h, w, c = x.shape
    kh, kw, _, m = dw.shape
    (top, bottom), (left, right) = explicit_pads((h, w), (kh, kw), strides, dilations, padding)
    out_h = (h + top + bottom - (kh - 1) * dilations[0] - 1) // strides[0] + 1
    out_w = (w + left + right - (kw - 1) * dilations[1] - 1) // strides[1] + 1
    z = np.zeros((n, out_h, out_w, c, m))
    for di in range(kh):
        i, rows = taps(h, out_h, strides[0], di * dilations[0] - top)
        for dj in range(kw):
            j, columns = taps(w, out_w, strides[1], dj * dilations[1] - left)
            pixels = x[:, rows][:, :, columns]
            z[:, i[:, None], j] += pixels[..., None] * dw[di, dj]
    return z.reshape(n, out_h, out_w, c * m)


def separable_conv2d(x, dw, pw, bias=None, strides=(1, 1), padding="VALID", dilations=(1, 1)):
    """Both stages; strides and dilations as pairs."""
    y = depthwise(x, dw, strides, padding, dilations) @ np.asarray(pw, np.float64)[0, 0]
    return y if bias is None else y + np.asarray(bias, np.float64)
