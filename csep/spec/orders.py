"""Weights in the order of another library, told by their shape: what to write for csep's."""

from __future__ import annotations


def depthwise_hint(shape: tuple[int, ...], channels: int) -> str:
    """Return what to write where dw is not (kh, kw, C, M) for so many input channels, or "".

    Parameters
    ----------
    shape : tuple of int
        Of dw.
    channels : int
        Of x.
    """
    if len(shape) == 4 and channels > 0:
        first, one, kh, kw = shape
        if one == 1 and first % channels == 0 and (kh, kw) != (1, channels):
            new = (kh, kw, channels, first // channels)
            return (
                f"; for PyTorch's order (C * M, 1, kh, kw) write "
                f"dw.transpose(2, 3, 0, 1).reshape{new}"
            )
    return shared_hint(shape, channels)


def shared_hint(shape: tuple[int, ...], channels: int) -> str:
    """Return both ways out where dw may be one kernel, or in the order of JAX, Flax and TFLite."""
    if len(shape) < 3 or shape[-2] != 1 or channels < 2 or shape[-1] % channels:
        return ""
    new = (*shape[:-2], channels, shape[-1] // channels)
    return (
        f"; for the order of JAX, Flax and TFLite, (kh, kw, 1, C * M), write dw.reshape{new}; for "
        f"{shape[-1]} kernels that all {channels} channels share, shared_kernel=True"
    )


def conv_hint(shape: tuple[int, ...], channels: int) -> str:
    """Return what to write where w is not (kh, kw, C, CO) for so many input channels, or ""."""
    if len(shape) == 4 and shape[1] == channels:
        return "; for PyTorch's order (CO, C, kh, kw) write w.transpose(2, 3, 1, 0)"
    if len(shape) == 3 and shape[1] == channels:
        return "; for PyTorch's order (CO, C, k) write w.transpose(2, 1, 0)"
    return ""


def pointwise_hint(shape: tuple[int, ...]) -> str:
    """Return what to write where pw is not of a 1x1 kernel, or ""."""
    if len(shape) == 4 and shape[2:] == (1, 1):
        return "; for PyTorch's order (CO, C, 1, 1) write pw[:, :, 0, 0].T"
    if len(shape) == 3 and shape[2] == 1:
        return "; for PyTorch's order (CO, C, 1) write pw[:, :, 0].T"
    return ""
