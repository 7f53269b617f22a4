"""csep's convolutions in Keras 3 on its torch backend: ``pip install "csep-conv[torch]" keras``."""

from __future__ import annotations

from typing import Any

from . import torch as _torch

try:
    import keras
except ImportError as error:  # pragma: no cover - depends on what is installed
    raise ImportError("csep.interop.keras needs Keras 3: pip install keras") from error

if keras.backend.backend() != "torch":
    raise ImportError(
        "csep.interop.keras needs Keras' torch backend, this Keras has "
        f"{keras.backend.backend()!r}: set the environment variable KERAS_BACKEND=torch before "
        "keras is imported"
    )

__all__ = ["SeparableConv2D"]


@keras.saving.register_keras_serializable(package="csep")
class SeparableConv2D(keras.layers.SeparableConv2D):
    """``keras.layers.SeparableConv2D``, computed and trained by csep.

    It has the same arguments, weights and results, and is saved and loaded like it.

    Notes
    -----
    Images with channels first, and those that csep does not know in PyTorch, as of the policy
    ``mixed_bfloat16``, are left to Keras.

    Examples
    --------
    >>> from csep.interop.keras import SeparableConv2D  # doctest: +SKIP
    >>> layer = SeparableConv2D(16, 3, padding="same")  # doctest: +SKIP
    """

    def call(self, inputs: Any) -> Any:
        """Convolve images."""
        known = self.compute_dtype in ("float32", "float64", "float16")
        if self.data_format != "channels_last" or not known:
            return super().call(inputs)
        x = keras.ops.convert_to_tensor(inputs).permute(0, 3, 1, 2)
        dw, pw = self.depthwise_kernel, self.pointwise_kernel
        y = _torch.separable_conv2d(
            x,
            keras.ops.convert_to_tensor(dw),
            keras.ops.convert_to_tensor(pw)[0, 0],
            keras.ops.convert_to_tensor(self.bias) if self.use_bias else None,
            self.strides,
            "SAME" if self.padding == "same" else "valid",
            self.dilation_rate,
        ).permute(0, 2, 3, 1)
        return self.activation(y) if self.activation is not None else y
