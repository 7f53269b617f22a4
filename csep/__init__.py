"""Depthwise-separable convolution for NumPy arrays at the speed the CPU allows."""

from .functional import (
    Gradients,
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
    depthwise_conv1d,
    depthwise_conv1d_backward,
    depthwise_conv2d,
    depthwise_conv2d_backward,
    pointwise_conv2d,
    pointwise_conv2d_backward,
    separable_conv1d,
    separable_conv1d_backward,
    separable_conv2d,
    separable_conv2d_backward,
)
from .importers import from_keras
from .network import (
    Input,
    Network,
    Value,
    activate,
    add,
    average_pool,
    concat,
    global_average_pool,
    global_max_pool,
    load,
    max_pool,
    multiply,
    pad,
    reshape,
    resize,
    scale,
    softmax,
)
from .network.network import rebuild as _rebuild_network  # noqa: F401 - pickles ask for it here
from .operators import (
    Conv1D,
    Conv2D,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Operator,
    PointwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
    summary,
)
from .operators.operator import rebuild as _rebuild  # noqa: F401 - pickles ask for it here
from .runtime import (
    __version__,
    get_include,
    get_isa,
    get_library,
    get_num_threads,
    set_num_threads,
    show_config,
)
from .spec.counts import count_params

__all__ = [
    "Conv1D",
    "Conv2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Gradients",
    "Input",
    "Network",
    "Operator",
    "PointwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "Value",
    "__version__",
    "activate",
    "add",
    "average_pool",
    "concat",
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "count_params",
    "depthwise_conv1d",
    "depthwise_conv1d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "from_keras",
    "get_include",
    "get_isa",
    "get_library",
    "get_num_threads",
    "global_average_pool",
    "global_max_pool",
    "load",
    "max_pool",
    "multiply",
    "pad",
    "pointwise_conv2d",
    "pointwise_conv2d_backward",
    "reshape",
    "resize",
    "scale",
    "separable_conv1d",
    "separable_conv1d_backward",
    "separable_conv2d",
    "separable_conv2d_backward",
    "set_num_threads",
    "show_config",
    "softmax",
    "summary",
]


def __dir__() -> list[str]:
    """Return what tab completion shows."""
    return sorted(__all__)


# Where pickles, documentation and messages look for them, whatever room they are in.
for _name in __all__:
    if hasattr(globals()[_name], "__module__"):
        globals()[_name].__module__ = "csep"
del _name
