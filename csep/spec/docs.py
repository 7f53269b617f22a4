"""The parts that docstrings share, written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

_PARTS = {
    "x": """x : (N, H, W, C) array_like
    Images, NHWC, of float32, float64, float16 or bfloat16 (of ml_dtypes); ``(N, C, H, W)`` with
    ``data_format="NCHW"``.  Any strides, alignment and byte order; what is not plain is copied
    first.""",
    "dw": """dw : (kh, kw, C, M) array_like
    Depthwise weights; M is the channel multiplier.  ``(kh, kw, 1, M)``: one kernel for all
    channels.  Weights are float64 for float64 images, else any of float32, float16, bfloat16.""",
    "pw": """pw : (1, 1, C * M, CO) or (C * M, CO) array_like
    Pointwise weights.""",
    "pw_alone": """pw : (1, 1, C, CO) or (C, CO) array_like
    Pointwise weights, float64 for float64 images, else any of float32, float16, bfloat16.""",
    "w": """w : (kh, kw, C / groups, CO) array_like
    Weights, float64 for float64 images, else any of float32, float16, bfloat16.""",
    "bias": """bias : (CO,) array_like, optional
    Added to every output pixel.""",
    "dw_alone_bias": """bias : (C * M,) array_like, optional
    Added to every output pixel.""",
    "slide": """strides : int, pair or four ints
    Input pixels between output pixels: one number, ``(height, width)`` or
    ``[1, height, width, 1]`` (``[1, 1, height, width]`` for NCHW).
padding : str, int or pairs
    ``"SAME"`` (TensorFlow's: ``ceil(size / stride)`` outputs, the odd pixel of padding at the
    bottom and right), ``"SAME_LOWER"`` (ONNX's: at the top and left), ``"VALID"`` (none), or in
    pixels an int, ``(vertical, horizontal)``, ``((top, bottom), (left, right))`` or four pairs,
    with zeros for batch and channels.
mode : str
    What padding holds, as in PyTorch's ``padding_mode``: ``"zeros"``, or pixels of the image,
    ``"reflect"`` (mirrored about the pixel at the border: less padding than height and width),
    ``"replicate"`` (that pixel over and over) or ``"circular"`` (those of the opposite border: no
    more padding than height and width).
dilations : int, pair or four ints
    Input pixels between kernel taps, in the form of strides.""",
    "slide_1d": """strides : int, (int,) or three ints
    Input steps between output steps; ``[1, length, 1]`` is accepted.
padding : str, int or (int, int)
    ``"SAME"``, ``"SAME_LOWER"``, ``"VALID"``, ``"CAUSAL"`` (all before), or in steps an int (on
    both ends) or ``(before, after)``.
mode : str
    What padding holds: ``"zeros"``, or steps of the sequence, ``"reflect"``, ``"replicate"`` or
    ``"circular"``, as for images.
dilations : int, (int,) or three ints
    Input steps between kernel taps, in the form of strides.""",
    "between": """depthwise_bias : (C * M,) array_like, optional
    Added to the depthwise result.
depthwise_activation : str, (str, float) or (str, array_like), optional
    Applied to the depthwise result, in the form of activation.""",
    "activation": """activation : str, (str, float) or (str, array_like), optional
    "linear", "relu", "relu6", "leaky_relu" (slope 0.2), "elu", "selu", "sigmoid", "tanh", "silu"
    or "swish", "hard_sigmoid", "hard_silu" or "hard_swish", "gelu" (exact) or "gelu_tanh",
    "mish", "softplus", as in Keras; ``("leaky_relu", slope)`` and ``("elu", alpha)`` for other
    numbers than Keras', ``("relu", top)`` for a ReLU with a maximum, ``("prelu", slopes)`` with
    a slope for each channel.""",
    "data_format": """data_format : str
    ``"NHWC"`` (or ``"channels_last"``) or ``"NCHW"`` (or ``"channels_first"``): the layout of
    x, residual and the result.  Weights have the same shape in both.""",
    "data_format_1d": """data_format : str
    ``"NHWC"``, ``"NWC"``, ``"NLC"`` or ``"channels_last"``; ``"NCHW"``, ``"NCW"``, ``"NCL"`` or
    ``"channels_first"``.""",
    "groups": """groups : int
    Input and output channels are cut into so many groups, and outputs see the inputs of their own:
    ``w`` has C / groups input channels.  With as many groups as channels it is depthwise.""",
    "shared_kernel": """shared_kernel : bool
    Says that ``dw`` of shape ``(kh, kw, 1, M)`` is meant for all channels where M is a multiple of
    their number: that could as well be the order of JAX, Flax and TFLite.""",
    "call": """residual : array_like, optional
    Added before the activation; of the result's shape and x's dtype.
out : ndarray, optional
    Where to write the result: of its shape and dtype, C-contiguous, writable, apart from the
    inputs.
num_threads : int, optional
    At most this many threads; default `csep.get_num_threads`.""",
    "backward": """residual : array_like, optional
    As in the forward pass; of the result's shape.
wrt : iterable of str, optional
    Which gradients to compute, by the names of the arguments; default: all that there are.
out : dict of ndarray or Gradients, optional
    Where to write them: an array of the exact shape and dtype for each, C-contiguous, writable,
    apart from the inputs.
num_threads : int, optional
    At most this many threads; default `csep.get_num_threads`.""",
    "returns": """ndarray
    Of x's dtype and layout, ``(N, H', W', CO)`` for NHWC; ``out`` if it was given.  Half
    precision is summed in float32 and rounded once.  The same bits for any number of threads
    and for an image alone or in a batch.""",
    "raises": """TypeError
    If an argument is of the wrong kind or dtype.
ValueError
    If an argument has a wrong value or shape.""",
    "raises_memory": """MemoryError
    If there is no memory for the result or for scratch.""",
}

# Where padding holds zeros only, there is no mode.
for _name in ("slide", "slide_1d"):
    _before, _rest = _PARTS[_name].split("mode : str\n")
    _PARTS[_name.replace("slide", "slide_zeros")] = _before + _rest[_rest.index("dilations :") :]


def document(target: T) -> T:
    """Replace each line ``{name}`` of a docstring by the shared part of that name."""
    lines = []
    for line in (target.__doc__ or "").split("\n"):
        name = line.strip()
        if name.startswith("{") and name.endswith("}"):
            indent = line[: line.index("{")]
            part = _PARTS[name[1:-1]].split("\n")
            lines += [indent + text if text else text for text in part]
        else:
            lines.append(line)
    target.__doc__ = "\n".join(lines)
    return target
