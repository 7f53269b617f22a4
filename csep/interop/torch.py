"""csep's convolutions in PyTorch, with gradients: ``pip install "csep-conv[torch]"``.

Images are PyTorch's, (N, C, H, W) on the CPU; those in ``torch.channels_last`` memory are taken as
they lie, and results are like that.  Weights are csep's and Keras', ``(kh, kw, C, M)`` and
``(C * M, CO)``: `SeparableConv2d.from_pair` turns PyTorch's own into them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..functional.backward import depthwise_conv2d_backward, separable_conv2d_backward
from ..functional.images import depthwise_conv2d as _depthwise
from ..functional.images import separable_conv2d as _separable
from ..spec.arrays import shown
from .openmp import rest_threads

try:
    import torch
except ImportError as error:  # pragma: no cover - depends on what is installed
    raise ImportError('csep.interop.torch needs PyTorch: pip install "csep-conv[torch]"') from error

__all__ = ["SeparableConv2d", "depthwise_conv2d", "separable_conv2d"]

_forward = torch.autograd.forward_ad
_DTYPES = (torch.float32, torch.float64, torch.float16)
_LAST = torch.channels_last
# Multiply-adds from which on PyTorch's waiting threads are sent away first: half a millisecond's.
_WORTH_RESTING = 2e7


def _image(x: Any) -> Any:
    """Return a tensor's images as an NHWC array, without a copy where they lie like that."""
    return x.detach().contiguous(memory_format=_LAST).permute(0, 2, 3, 1).numpy()


def _array(weights: Any) -> Any:
    """Return a tensor's weights as an array, None for None."""
    return None if weights is None else weights.detach().contiguous().numpy()


def _threads(y: Any, depth: int) -> int:
    """Return how many threads a call may use that makes y, or begins with its gradient."""
    threads = int(torch.get_num_threads())
    if threads > 1 and y.numel() * depth > _WORTH_RESTING:
        rest_threads()
    return threads


def _settings(y: Any, depth: int, stride: Any, padding: Any, dilation: Any) -> dict[str, Any]:
    """Return the arguments of csep's functions; no padding at all stands for TensorFlow's SAME."""
    top, bottom, left, right = padding or (0, 0, 0, 0)
    pads = ((top, bottom), (left, right)) if padding else "SAME"
    settings: dict[str, Any] = {"strides": tuple(stride), "padding": pads}
    return settings | {"dilations": tuple(dilation), "num_threads": _threads(y, depth)}


def _empty_result(x: Any, dw: Any, channels: int, stride: Any, padding: Any, dilation: Any) -> Any:
    """Return an uninitialised tensor for a result."""
    sides = []
    for axis in (0, 1):
        size, step = x.shape[2 + axis], stride[axis]
        if not padding:
            sides.append((size + step - 1) // step)
            continue
        room = size + padding[2 * axis] + padding[2 * axis + 1]
        reach = (dw.shape[axis] - 1) * dilation[axis] + 1
        if reach > room:
            raise ValueError(
                f"dw: expected a kernel that fits into {room} pixels, got one that reaches over "
                f"{reach}"
            )
        sides.append((room - reach) // step + 1)
    shape = (x.shape[0], channels, *sides)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=_LAST)


def _gradient_targets(named: dict[str, Any], wanted: Sequence[bool]) -> dict[str, Any]:
    """Return a tensor for each gradient; empty ones for those that are not wanted."""
    targets = {}
    for (name, tensor), is_wanted in zip(named.items(), wanted, strict=True):
        if not is_wanted or tensor is None:
            reference = tensor if tensor is not None else named["x"]
            targets[name] = reference.new_empty(0)
        else:
            shape, memory = tensor.shape, _LAST if name == "x" else torch.contiguous_format
            targets[name] = torch.empty(
                shape, dtype=tensor.dtype, device=tensor.device, memory_format=memory
            )
    return targets


def _as_arrays(targets: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays that csep is to write to: those of the tensors that are not empty."""
    return {
        name: tensor.permute(0, 2, 3, 1).numpy() if name == "x" else tensor.numpy()
        for name, tensor in targets.items()
        if tensor.ndim > 1 or tensor.numel()
    }


_SLIDE = "int[] stride, int[] padding, int[] dilation"


@torch.library.custom_op(
    "csep::separable_conv2d",
    mutates_args=(),
    device_types="cpu",
    schema=f"(Tensor x, Tensor dw, Tensor pw, Tensor? bias, Tensor? depthwise_bias, {_SLIDE}, "
    "str? depthwise_activation, str? activation) -> Tensor",
)
def _separable_op(
    x, dw, pw, bias, depthwise_bias, stride, padding, dilation, depthwise_activation, activation
):
    image = _image(x)
    y = _empty_result(x, dw, pw.shape[-1], stride, padding, dilation)
    _separable(
        image, _array(dw), _array(pw), _array(bias), depthwise_bias=_array(depthwise_bias),
        depthwise_activation=depthwise_activation, activation=activation,
        out=y.permute(0, 2, 3, 1).numpy(),
        **_settings(y, pw.shape[0], stride, padding, dilation),
    )  # fmt: skip
    return y


@_separable_op.register_fake
def _separable_fake(
    x, dw, pw, bias, depthwise_bias, stride, padding, dilation, depthwise_activation, activation
):
    return _empty_result(x, dw, pw.shape[-1], stride, padding, dilation)


@torch.library.custom_op(
    "csep::separable_conv2d_backward",
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor dy, Tensor x, Tensor dw, Tensor pw, Tensor? bias, Tensor? depthwise_bias, "
    f"{_SLIDE}, str? depthwise_activation, str? activation, bool[] wanted) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def _separable_backward_op(
    dy, x, dw, pw, bias, depthwise_bias, stride, padding, dilation, depthwise_activation,
    activation, wanted,
):  # fmt: skip
    named = {"x": x, "dw": dw, "pw": pw, "bias": bias, "depthwise_bias": depthwise_bias}
    targets = _gradient_targets(named, wanted)
    out = _as_arrays(targets)
    separable_conv2d_backward(
        _image(dy), _image(x), _array(dw), _array(pw), _array(bias),
        depthwise_bias=_array(depthwise_bias), depthwise_activation=depthwise_activation,
        activation=activation, wrt=tuple(out), out=out,
        **_settings(dy, pw.shape[0], stride, padding, dilation),
    )  # fmt: skip
    return tuple(targets.values())


@_separable_backward_op.register_fake
def _separable_backward_fake(
    dy, x, dw, pw, bias, depthwise_bias, stride, padding, dilation, depthwise_activation,
    activation, wanted,
):  # fmt: skip
    named = {"x": x, "dw": dw, "pw": pw, "bias": bias, "depthwise_bias": depthwise_bias}
    return tuple(_gradient_targets(named, wanted).values())


@torch.library.custom_op(
    "csep::depthwise_conv2d",
    mutates_args=(),
    device_types="cpu",
    schema=f"(Tensor x, Tensor dw, Tensor? bias, {_SLIDE}, str? activation) -> Tensor",
)
def _depthwise_op(x, dw, bias, stride, padding, dilation, activation):
    y = _empty_result(x, dw, x.shape[1] * dw.shape[3], stride, padding, dilation)
    _depthwise(
        _image(x), _array(dw), _array(bias), activation=activation,
        shared_kernel=dw.shape[2] == 1 != x.shape[1],
        out=y.permute(0, 2, 3, 1).numpy(),
        **_settings(y, dw.shape[0] * dw.shape[1], stride, padding, dilation),
    )  # fmt: skip
    return y


@_depthwise_op.register_fake
def _depthwise_fake(x, dw, bias, stride, padding, dilation, activation):
    return _empty_result(x, dw, x.shape[1] * dw.shape[3], stride, padding, dilation)


@torch.library.custom_op(
    "csep::depthwise_conv2d_backward",
    mutates_args=(),
    device_types="cpu",
    schema=f"(Tensor dy, Tensor x, Tensor dw, Tensor? bias, {_SLIDE}, str? activation, "
    "bool[] wanted) -> (Tensor, Tensor, Tensor)",
)
def _depthwise_backward_op(dy, x, dw, bias, stride, padding, dilation, activation, wanted):
    targets = _gradient_targets({"x": x, "dw": dw, "bias": bias}, wanted)
    out = _as_arrays(targets)
    depthwise_conv2d_backward(
        _image(dy), _image(x), _array(dw), _array(bias), activation=activation,
        shared_kernel=dw.shape[2] == 1 != x.shape[1], wrt=tuple(out), out=out,
        **_settings(dy, dw.shape[0] * dw.shape[1], stride, padding, dilation),
    )  # fmt: skip
    return tuple(targets.values())


@_depthwise_backward_op.register_fake
def _depthwise_backward_fake(dy, x, dw, bias, stride, padding, dilation, activation, wanted):
    return tuple(_gradient_targets({"x": x, "dw": dw, "bias": bias}, wanted).values())


def _keep(tensors: int) -> Any:
    """Return what saves an operator's arguments for its backward pass."""

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:tensors])
        ctx.settings = inputs[tensors:]

    return setup_context


def _differentiate(op: Any, tensors: int) -> Any:
    """Return the backward pass of an operator whose first arguments are so many tensors."""

    def backward(ctx: Any, dy: Any) -> Any:
        wanted = list(ctx.needs_input_grad[:tensors])
        found = op(dy, *ctx.saved_tensors, *ctx.settings, wanted)
        gradients = [g if w else None for g, w in zip(found, wanted, strict=True)]
        return (*gradients, *(None for _ in ctx.settings))

    return backward


_separable_op.register_autograd(_differentiate(_separable_backward_op, 5), setup_context=_keep(5))
_depthwise_op.register_autograd(_differentiate(_depthwise_backward_op, 3), setup_context=_keep(3))


def _whole(value: Any, name: str, shown_value: Any) -> int:
    """Return an int; no bool, no float."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"{name}: expected an int or (vertical, horizontal), got {shown(shown_value)}")


def _pair(value: Any, name: str, least: int = 1) -> tuple[int, int]:
    """Return a number or two as two."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        numbers = _whole(value[0], name, value), _whole(value[1], name, value)
    else:
        numbers = (_whole(value, name, value),) * 2
    if min(numbers) < least:
        raise ValueError(f"{name}: expected numbers from {least} on, got {shown(value)}")
    return numbers


def _pads(padding: Any, dw: Any, stride: Any, dilation: Any) -> list[int]:
    """Return top, bottom, left, right; none for TensorFlow's SAME."""
    if padding == "SAME":
        return []
    if padding == "valid":
        return [0, 0, 0, 0]
    if padding == "same":
        if tuple(stride) != (1, 1):
            raise ValueError(
                f'padding: expected a stride of 1 beside PyTorch\'s "same", got {tuple(stride)}; '
                'for TensorFlow\'s write "SAME"'
            )
        totals = [(int(dw.shape[axis]) - 1) * dilation[axis] for axis in (0, 1)]
        return [pads for total in totals for pads in (total // 2, total - total // 2)]
    if isinstance(padding, str):
        raise ValueError(f'padding: expected "same", "valid" or "SAME", got {shown(padding)}')
    vertical, horizontal = _pair(padding, "padding", 0)
    return [vertical, vertical, horizontal, horizontal]


def _slide(dw: Any, stride: Any, padding: Any, dilation: Any) -> tuple[Any, list[int], Any]:
    """Return stride, padding and dilation as the operators take them."""
    stride, dilation = _pair(stride, "stride"), _pair(dilation, "dilation")
    return stride, _pads(padding, dw, stride, dilation), dilation


def _check_tensors(**arguments: Any) -> None:
    """Say which argument is no such tensor; those that end with _ may be None."""
    for argument, value in arguments.items():
        name = argument.rstrip("_")
        if value is None and name != argument:
            continue
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name}: expected a torch.Tensor, got {shown(value)}")
        if value.dtype not in _DTYPES:
            raise TypeError(f"{name}: expected float32, float64 or float16, got {value.dtype}")
        if not torch.compiler.is_compiling() and _forward.unpack_dual(value).tangent is not None:
            raise NotImplementedError(
                f"{name}: expected a tensor without a tangent: csep differentiates backwards only, "
                "not by torch.func.jvp or forward_ad"
            )
    for name, ndim in (("x", 4), ("dw", 4), ("pw", 2)):
        if name in arguments and arguments[name].ndim != ndim:
            shape = tuple(arguments[name].shape)
            raise ValueError(f"{name}: expected {_AXES[name]}, got shape {shape}")
    x, dw, pw = arguments["x"], arguments["dw"], arguments.get("pw")
    if dw.shape[2] not in (1, x.shape[1]):
        raise ValueError(
            f"dw: expected (kh, kw, C, M) for {x.shape[1]} channels, or C of 1, got shape "
            f"{tuple(dw.shape)}"
        )
    depth = x.shape[1] * dw.shape[3]
    if pw is not None and pw.shape[0] != depth:
        raise ValueError(
            f"pw: expected {depth} rows, C * M of x and dw, got shape {tuple(pw.shape)}"
        )


def _check_activations(**names: Any) -> None:
    """Say which of them is no name."""
    for name, value in names.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name}: expected a name or None, got {shown(value)}")


_AXES = {"x": "(N, C, H, W)", "dw": "(kh, kw, C, M)", "pw": "(C * M, CO)"}


def separable_conv2d(
    x: Any,
    dw: Any,
    pw: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    *,
    depthwise_bias: Any = None,
    depthwise_activation: str | None = None,
    activation: str | None = None,
) -> Any:
    """`csep.separable_conv2d` of tensors, with gradients.

    Parameters
    ----------
    x : (N, C, H, W) Tensor
        Of float32, float64 or float16, on the CPU.  In ``torch.channels_last`` memory it is not
        copied.
    dw : (kh, kw, C, M) Tensor
        Depthwise weights; ``(kh, kw, 1, M)``: one kernel for all channels.
    pw : (C * M, CO) Tensor
        Pointwise weights.
    bias : (CO,) Tensor, optional
        Added to the result.
    stride, dilation : int or (int, int)
        As in ``torch.nn.Conv2d``.
    padding : int, (int, int) or str
        Zeros around the image: pixels, PyTorch's ``"valid"`` and ``"same"``, or TensorFlow's
        ``"SAME"``, also for other strides than 1.
    depthwise_bias : (C * M,) Tensor, optional
        Added to the depthwise result.
    depthwise_activation, activation : str, optional
        Applied to the depthwise result and to the result: names that `csep.separable_conv2d`
        knows.

    Returns
    -------
    (N, CO, H', W') Tensor
        In channels_last memory.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind or dtype.
    ValueError
        If an argument has a wrong value or shape.

    Notes
    -----
    A call uses at most ``torch.get_num_threads()`` threads.  It is a custom operator:
    ``torch.compile`` and ``torch.export`` take it as it is.  It can be differentiated once and
    backwards: ``torch.func``'s transformations do not know it.

    Examples
    --------
    >>> import torch
    >>> from csep.interop.torch import separable_conv2d
    >>> x = torch.ones(1, 2, 4, 4, requires_grad=True)
    >>> y = separable_conv2d(x, torch.ones(3, 3, 2, 1), torch.ones(2, 5), padding=1)
    >>> y.sum().backward()
    >>> x.grad[0, 0]
    tensor([[20., 30., 30., 20.],
            [30., 45., 45., 30.],
            [30., 45., 45., 30.],
            [20., 30., 30., 20.]])
    """
    _check_tensors(x=x, dw=dw, pw=pw, bias_=bias, depthwise_bias_=depthwise_bias)
    _check_activations(depthwise_activation=depthwise_activation, activation=activation)
    slide = _slide(dw, stride, padding, dilation)
    return _separable_op(x, dw, pw, bias, depthwise_bias, *slide, depthwise_activation, activation)


def depthwise_conv2d(
    x: Any,
    dw: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    *,
    activation: str | None = None,
) -> Any:
    """`csep.depthwise_conv2d` of tensors, with gradients.

    Parameters
    ----------
    x, dw, stride, padding, dilation, activation
        As in `separable_conv2d`.
    bias : (C * M,) Tensor, optional
        Added to the result.

    Returns
    -------
    (N, C * M, H', W') Tensor
        In channels_last memory.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind or dtype.
    ValueError
        If an argument has a wrong value or shape.

    Examples
    --------
    One kernel for all channels, and its gradient:

    >>> import torch
    >>> from csep.interop.torch import depthwise_conv2d
    >>> dw = torch.ones(2, 2, 1, 1, requires_grad=True)
    >>> depthwise_conv2d(torch.ones(1, 16, 3, 3), dw).sum().backward()
    >>> dw.grad[:, :, 0, 0]
    tensor([[64., 64.],
            [64., 64.]])
    """
    _check_tensors(x=x, dw=dw, bias_=bias)
    _check_activations(activation=activation)
    return _depthwise_op(x, dw, bias, *_slide(dw, stride, padding, dilation), activation)


class SeparableConv2d(torch.nn.Module):
    """A depthwise and a pointwise convolution as one module.

    Parameters
    ----------
    in_channels, out_channels : int
        C and CO.
    kernel_size : int or (int, int)
        Of the depthwise convolution.
    stride, padding, dilation
        As in `separable_conv2d`.
    depth_multiplier : int
        M, depthwise outputs of each channel.
    bias : bool
        Whether there is a bias, of the pointwise convolution.
    depthwise_bias : bool
        Whether there is one between the two, as ``torch.nn.Conv2d`` has by default.

    Attributes
    ----------
    depthwise : (kh, kw, C, M) Parameter
    pointwise : (C * M, CO) Parameter
    bias : (CO,) Parameter or None
    depthwise_bias : (C * M,) Parameter or None

    Notes
    -----
    Weights begin as those of two ``torch.nn.Conv2d`` do.

    Examples
    --------
    >>> import torch
    >>> from csep.interop.torch import SeparableConv2d
    >>> layer = SeparableConv2d(16, 32, 3, padding=1)
    >>> layer(torch.zeros(1, 16, 8, 8)).shape
    torch.Size([1, 32, 8, 8])
    >>> sum(p.numel() for p in layer.parameters())
    688
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        depth_multiplier: int = 1,
        bias: bool = True,
        depthwise_bias: bool = False,
    ) -> None:
        super().__init__()
        kernel = _pair(kernel_size, "kernel_size")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride, self.dilation = _pair(stride, "stride"), _pair(dilation, "dilation")
        self.padding = padding
        depth = in_channels * depth_multiplier
        self.depthwise = torch.nn.Parameter(torch.empty(*kernel, in_channels, depth_multiplier))
        self.pointwise = torch.nn.Parameter(torch.empty(depth, out_channels))
        self.bias = torch.nn.Parameter(torch.empty(out_channels)) if bias else None
        self.depthwise_bias = torch.nn.Parameter(torch.empty(depth)) if depthwise_bias else None
        _pads(padding, self.depthwise, self.stride, self.dilation)  # says what is wrong with it
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        kh, kw, _, _ = self.depthwise.shape
        depth = self.pointwise.shape[0]
        with torch.no_grad():
            for weights, terms in (
                (self.depthwise, kh * kw),
                (self.depthwise_bias, kh * kw),
                (self.pointwise, depth),
                (self.bias, depth),
            ):
                if weights is not None:
                    weights.uniform_(-1, 1).div_(math.sqrt(terms))

    def forward(self, x: Any) -> Any:
        """Convolve x."""
        return separable_conv2d(
            x, self.depthwise, self.pointwise, self.bias, self.stride, self.padding, self.dilation,
            depthwise_bias=self.depthwise_bias,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Return what ``repr`` shows of the module."""
        kh, kw, _, multiplier = self.depthwise.shape
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size=({kh}, {kw}), "
            f"stride={self.stride}, padding={self.padding!r}, dilation={self.dilation}, "
            f"depth_multiplier={multiplier}, bias={self.bias is not None}, "
            f"depthwise_bias={self.depthwise_bias is not None}"
        )

    @classmethod
    def from_pair(cls, depthwise: Any, pointwise: Any) -> SeparableConv2d:
        """Return the module that computes what two do, one after the other.

        Parameters
        ----------
        depthwise : torch.nn.Conv2d
            With as many groups as input channels, and padding of zeros.
        pointwise : torch.nn.Conv2d
            1x1, of stride 1 and without padding.

        Returns
        -------
        SeparableConv2d
            With copies of their weights.

        Raises
        ------
        TypeError
            If one of them is no ``torch.nn.Conv2d``.
        ValueError
            If they are no such pair.

        Examples
        --------
        >>> import torch
        >>> from csep.interop.torch import SeparableConv2d
        >>> pair = torch.nn.Conv2d(8, 16, 3, groups=8), torch.nn.Conv2d(16, 4, 1)
        >>> SeparableConv2d.from_pair(*pair).depthwise.shape
        torch.Size([3, 3, 8, 2])
        """
        for name, conv in (("depthwise", depthwise), ("pointwise", pointwise)):
            if not isinstance(conv, torch.nn.Conv2d):
                raise TypeError(f"{name}: expected a torch.nn.Conv2d, got {type(conv).__name__}")
        channels, depth = depthwise.in_channels, depthwise.out_channels
        if depthwise.groups != channels or depthwise.padding_mode != "zeros":
            raise ValueError(
                f"depthwise: expected groups={channels}, one for each channel, and padding of "
                f"zeros, got {depthwise}"
            )
        plain = (pointwise.kernel_size, pointwise.stride, pointwise.groups) == ((1, 1), (1, 1), 1)
        padded = pointwise.padding not in ((0, 0), "valid", "same")
        if not plain or padded or pointwise.in_channels != depth:
            raise ValueError(
                f"pointwise: expected Conv2d({depth}, ..., kernel_size=1) without stride, padding "
                f"and groups, got {pointwise}"
            )
        module = cls(
            channels, pointwise.out_channels, depthwise.kernel_size, depthwise.stride,
            depthwise.padding, depthwise.dilation, depth // channels, pointwise.bias is not None,
            depthwise.bias is not None,
        ).to(depthwise.weight.device, depthwise.weight.dtype)  # fmt: skip
        kh, kw = depthwise.kernel_size
        taps = depthwise.weight.reshape(channels, -1, kh, kw).permute(2, 3, 0, 1)
        for own, given, values in (
            (module.depthwise, depthwise.weight, taps),
            (module.pointwise, pointwise.weight, pointwise.weight[:, :, 0, 0].T),
            (module.bias, pointwise.bias, pointwise.bias),
            (module.depthwise_bias, depthwise.bias, depthwise.bias),
        ):
            if own is not None:
                own.data.copy_(values.detach())
                own.requires_grad_(given.requires_grad)
        return module.train(depthwise.training)

    def to_pair(self) -> Any:
        """Return the ``torch.nn.Sequential`` of two convolutions that computes the same.

        Returns
        -------
        torch.nn.Sequential
            With copies of the weights.

        Raises
        ------
        ValueError
            If the padding is TensorFlow's, which PyTorch's modules do not know.
        """
        if self.padding == "SAME":
            raise ValueError('padding: expected pixels, "valid" or "same", got "SAME"')
        kh, kw, channels, multiplier = self.depthwise.shape
        depth = channels * multiplier
        first = torch.nn.Conv2d(
            channels, depth, (kh, kw), self.stride, self.padding, self.dilation, channels,
            self.depthwise_bias is not None,
        )  # fmt: skip
        second = torch.nn.Conv2d(depth, self.out_channels, 1, bias=self.bias is not None)
        pair = torch.nn.Sequential(first, second).to(self.depthwise.dtype)
        with torch.no_grad():
            first.weight.copy_(self.depthwise.permute(2, 3, 0, 1).reshape(depth, 1, kh, kw))
            second.weight.copy_(self.pointwise.T[:, :, None, None])
            if self.bias is not None:
                second.bias.copy_(self.bias)
            if self.depthwise_bias is not None:
                first.bias.copy_(self.depthwise_bias)
        return pair.train(self.training)
