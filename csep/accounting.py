"""Parameters and multiply-adds of a layer."""

from __future__ import annotations


def separable_params(
    kernel: tuple[int, int], channels: int, multiplier: int, filters: int, use_bias: bool = True
) -> int:
    """Parameters of a separable convolution: depthwise, pointwise and bias together.

    Parameters
    ----------
    kernel : (int, int)
    channels, multiplier, filters : int
        C, M and CO.
    use_bias : bool

    Returns
    -------
    int

    Examples
    --------
    >>> separable_params((5, 5), 3, 1, 16)
    139
    """
    depth = channels * multiplier
    return kernel[0] * kernel[1] * depth + depth * filters + (filters if use_bias else 0)


def separable_macs(
    kernel: tuple[int, int], channels: int, multiplier: int, output_shape: tuple[int, ...]
) -> int:
    """Multiply-adds of a separable convolution, every tap counted as if none met padding.

    Parameters
    ----------
    kernel : (int, int)
    channels, multiplier : int
        C and M.
    output_shape : (int, int, int, int)
        NHWC.

    Returns
    -------
    int

    Examples
    --------
    >>> separable_macs((5, 5), 3, 1, (1, 24, 24, 16))
    70848
    """
    batch, height, width, filters = output_shape
    return batch * height * width * channels * multiplier * (kernel[0] * kernel[1] + filters)
