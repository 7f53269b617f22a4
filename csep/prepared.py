"""What all prepared operators have in common: checks, calls, what they tell of themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from . import _core, accounting
from .activations import activation_name, parse_activation
from .arrays import Array, as_plain, check_out, check_same_real, rank, real_of
from .docs import document
from .folding import folded_arguments
from .geometry import CHANNEL_AXIS, ConvGeometry, ConvParams, parse_layout, resolve
from .keras import operator_arguments
from .runtime import check_threads

Self = TypeVar("Self", bound="Operator")

# Plans that an operator for any number of channels keeps.
MOST_PLANS = 16

_AXES = {"NHWC": ("N", "H", "W", "C"), "NCHW": ("N", "C", "H", "W")}


def as_weights(value: object, name: str, axes: tuple[str, ...]) -> Array:
    """Return weights in the dtype they are summed in."""
    array = as_plain(value, name, axes)
    return array.astype(real_of(array.dtype), copy=False)


def as_matrix(value: object, name: str, rows: str) -> Array:
    """Return pointwise weights as (rows, CO)."""
    if rank(value) == 2:
        return as_weights(value, name, (rows, "CO"))
    pw = as_weights(value, name, ("1", "1", rows, "CO"))
    if pw.shape[:2] != (1, 1):
        raise ValueError(f"{name}: expected shape (1, 1, {rows}, CO), got {pw.shape}")
    return pw.reshape(pw.shape[2:])


def as_bias(value: object, name: str, count: int | None, weights: Array, of: str) -> Array | None:
    """Return a bias of count entries in the dtype of weights, or None."""
    if value is None:
        return None
    bias = as_weights(value, name, ("CO",))
    check_same_real(bias, name, weights, of)
    if count is not None and bias.shape[0] != count:
        raise ValueError(
            f"{name}: expected shape ({count},) to go with {of} of shape {weights.shape}, "
            f"got {bias.shape}"
        )
    return bias


def check_not_empty(array: Array, name: str) -> None:
    """Check that no axis of an array of weights has length 0."""
    if 0 in array.shape:
        raise ValueError(f"{name}: expected no empty axis, got shape {array.shape}")


def _own(array: Array | None) -> Array | None:
    """Return a copy that nobody can change."""
    if array is None:
        return None
    copy = np.array(array, order="C")
    copy.flags.writeable = False
    return copy


class Operator:
    """What all prepared operators have in common; see layers.py."""

    __slots__ = (
        "_activation",
        "_bias",
        "_depthwise_activation",
        "_depthwise_bias",
        "_dw",
        "_layout",
        "_params",
        "_plan",
        "_plans",
        "_pw",
    )

    _kind: int
    _name: str

    # Arrays are None where a kind has none of them.
    _dw: Any
    _pw: Any
    _depthwise_bias: Any
    _bias: Any
    _params: ConvParams
    _depthwise_activation: tuple[int, float]
    _activation: tuple[int, float]
    _layout: str
    _plan: _core.Plan | _core.NoPlan
    _plans: dict[int, _core.Plan]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be deleted")

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, "_" + name, value)

    def _prepare(
        self,
        *,
        dw: Array | None = None,
        pw: Array | None = None,
        depthwise_bias: Array | None = None,
        bias: Array | None,
        strides: object = 1,
        padding: object = "VALID",
        dilations: object = 1,
        depthwise_activation: object = None,
        activation: object,
        data_format: object,
    ) -> None:
        """Keep the weights, check everything else, pack."""
        layout = parse_layout(data_format)
        self._set(
            layout=layout,
            params=ConvParams.parse(strides, padding, dilations, layout),
            depthwise_activation=parse_activation(depthwise_activation, "depthwise_activation"),
            activation=parse_activation(activation, "activation"),
            dw=_own(dw),
            pw=_own(pw),
            depthwise_bias=_own(depthwise_bias),
            bias=_own(bias),
            plan=_core.NoPlan(),
            plans={},
        )
        channels = self._channels()
        if channels is not None:
            self._set(plan=self._plan_for(channels))

    def _plan_for(self, channels: int) -> _core.Plan:
        """Return the plan for so many input channels; there is one, but for a shared kernel."""
        plan = self._plans.get(channels)
        if plan is None:
            plan = _core.Plan(
                self._kind,
                channels,
                self._dw,
                self._pw,
                self._depthwise_bias,
                self._bias,
                self._params.strides,
                self._params.dilations,
                self._depthwise_activation,
                self._activation,
                self._layout,
            )
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[channels] = plan
        return plan

    # What the subclasses say about their weights.

    def _channels(self) -> int | None:
        """Input channels; None where any number will do."""
        raise NotImplementedError

    def _filters(self, channels: int) -> int:
        """Output channels."""
        return self._pw.shape[-1]

    def _kernel(self) -> tuple[int, int]:
        raise NotImplementedError

    def _arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        raise NotImplementedError

    @document
    def __call__(self, x, out=None, num_threads=None, *, residual=None) -> Array:
        """Convolve x.

        Parameters
        ----------
        {x}
        {call}

        Returns
        -------
        {returns}

        Raises
        ------
        {raises}
        {raises_memory}
        """
        y = self._plan.fast(x, residual, out, num_threads)
        if y is not None:
            return y
        return self._run(x, residual, out, num_threads, {"x": x, "residual": residual})

    def _geometry(self, shape: tuple[int, ...]) -> ConvGeometry:
        channels = shape[CHANNEL_AXIS[self._layout]]
        wanted = self._channels()
        if channels != wanted and (wanted is not None or channels < 1):
            raise ValueError(
                f"x: expected {wanted or 'at least 1'} channels in {self._layout} for {self!r}, "
                f"got shape {shape}"
            )
        return resolve(self._params, self._kernel(), self._filters(channels), shape, self._layout)

    def _run(self, x, residual, out, num_threads, inputs) -> Array:
        """Check a call, then run it; ``inputs`` are the arrays that out must not overlap."""
        threads = (
            _core.get_default_threads()
            if num_threads is None
            else check_threads(num_threads, "num_threads")
        )
        x = as_plain(x, "x", _AXES[self._layout])
        geometry = self._geometry(x.shape)
        check_same_real(x, "x", self._pw if self._dw is None else self._dw, "weights")
        if residual is not None:
            residual = as_plain(residual, "residual", _AXES[self._layout])
            if residual.dtype != x.dtype:
                raise TypeError(f"residual: expected dtype {x.dtype} of x, got {residual.dtype}")
            if residual.shape != geometry.output_shape:
                raise ValueError(
                    f"residual: expected shape {geometry.output_shape} of the result, "
                    f"got {residual.shape}"
                )
        if out is not None:
            # What was no array may share its memory with the one made of it.
            inputs = inputs | {"x": x, "residual": residual}
            check_out(out, geometry.output_shape, x.dtype, inputs)
        plan = self._plan_for(x.shape[CHANNEL_AXIS[self._layout]])
        return plan.run(x, residual, out, geometry.pads, threads)

    # What every operator can tell of itself.

    @property
    def kernel_size(self) -> tuple[int, int]:
        """Kernel height and width."""
        return self._kernel()

    @property
    def strides(self) -> tuple[int, int]:
        """Input pixels between output pixels, over height and width."""
        return self._params.strides

    @property
    def padding(self) -> str | tuple[tuple[int, int], tuple[int, int]]:
        """``"SAME"``, ``"VALID"`` or ``((top, bottom), (left, right))``."""
        return self._params.padding

    @property
    def dilations(self) -> tuple[int, int]:
        """Input pixels between kernel taps, over height and width."""
        return self._params.dilations

    @property
    def data_format(self) -> str:
        """``"NHWC"`` or ``"NCHW"``."""
        return self._layout

    @property
    def activation(self) -> str | tuple[str, float] | None:
        """What is applied to the result; None for nothing."""
        return activation_name(self._activation)

    @property
    def dtype(self) -> np.dtype:
        """What weights and sums are held in: float32 or float64."""
        return (self._pw if self._dw is None else self._dw).dtype

    def get_weights(self) -> list[Array]:
        """Return the weights as the Keras layer of the same name does.

        Returns
        -------
        list of ndarray
            Of a `SeparableConv2D` the depthwise kernel ``(kh, kw, C, M)``, the pointwise kernel
            ``(1, 1, C * M, CO)`` and, if there is one, the bias ``(CO,)``; of the others the kernel
            and the bias.  Read-only, in the dtype they are summed in.
        """
        return [w for w in (self._dw, self._keras_pw(), self._bias) if w is not None]

    def _keras_pw(self) -> Array | None:
        """Pointwise weights with the two axes of a kernel."""
        if self._pw is None or self._pw.ndim == 4:
            return self._pw
        return self._pw[None, None]

    def count_params(self) -> int:
        """Return the number of parameters: all weights and biases.

        Returns
        -------
        int
        """
        arrays = (self._dw, self._pw, self._depthwise_bias, self._bias)
        return sum(a.size for a in arrays if a is not None)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the result.

        Parameters
        ----------
        input_shape : (int, int, int, int)
            Of x, in the operator's layout.

        Returns
        -------
        (int, int, int, int)

        Raises
        ------
        ValueError
            If no such x can be convolved.
        """
        return self._geometry(accounting.check_shape(input_shape, 4)).output_shape

    def macs(self, input_shape: tuple[int, ...]) -> int:
        """Return the multiply-adds of one call, every tap counted as if none met padding.

        Parameters
        ----------
        input_shape : (int, int, int, int)
            Of x, in the operator's layout.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If no such x can be convolved.
        """
        shape = self.output_shape(input_shape)
        channels = input_shape[CHANNEL_AXIS[self._layout]]
        filters = self._filters(channels)
        pixels = int(np.prod(shape, dtype=object)) // filters if filters else 0
        return pixels * accounting.pixel_macs(
            self._name, channels, filters, self._kernel(), self._multiplier()
        )

    def _multiplier(self) -> int:
        return 1 if self._dw is None else self._dw.shape[3]

    def __repr__(self) -> str:
        kernel = "x".join(map(str, self._kernel()))
        channels = self._channels()
        filters = "C" if channels is None else self._filters(channels)
        parts = [f"{kernel}, {channels or 'C'} -> {filters}"]
        if self._multiplier() > 1:
            parts.append(f"channel_multiplier={self._multiplier()}")
        defaults: dict[str, object] = {"strides": (1, 1), "padding": "VALID", "dilations": (1, 1)}
        defaults |= {"data_format": "NHWC", "activation": None, "dtype": np.dtype(np.float32)}
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}" if name == "dtype" else f"{name}={value!r}")
        if self._bias is None:
            parts.append("no bias")
        return f"{type(self).__name__}({', '.join(parts)}, {self.count_params():,} parameters)"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _rebuild, (type(self), self._arguments())

    def _with(self: Self, **changes: Any) -> Self:
        """Return the operator with other constructor arguments."""
        return type(self)(**(self._arguments() | changes))

    @classmethod
    def from_keras(cls: type[Self], layer: Any) -> Self:
        """Return the operator that computes what a Keras layer computes.

        Parameters
        ----------
        layer : keras.layers.Layer
            A built layer of the same name, of Keras 2 or 3, read by its attributes: weights,
            strides, padding, dilation_rate, data_format, depth_multiplier and activation.

        Returns
        -------
        operator

        Raises
        ------
        TypeError
            If it is no layer of that kind.
        ValueError
            If it has no weights yet, or csep cannot compute what it asks for.
        """
        return cls(**operator_arguments(layer, cls._name))

    def fold_batch_norm(
        self: Self,
        gamma,
        beta,
        mean,
        variance,
        epsilon=1e-3,
        *,
        stage="result",
        activation=None,
    ) -> Self:
        """Return an operator with the batch normalisation that follows folded into its weights.

        ``gamma * (v - mean) / sqrt(variance + epsilon) + beta`` is linear in v, so it only scales
        the weights and moves the bias.

        Parameters
        ----------
        gamma, beta : (CO,) array_like or None
            Scale and offset; None for 1 and 0, as Keras' ``scale=False`` and ``center=False``.
        mean, variance : (CO,) array_like
            Moving mean and variance.
        epsilon : float
            Keras' default is 0.001, PyTorch's 0.00001.
        stage : {"result", "depthwise"}
            What is normalised: the result, or the depthwise stage's (then the arrays have C * M
            entries).
        activation : str or (str, float), optional
            What follows the normalisation: the new operator's activation, or
            depthwise_activation.

        Returns
        -------
        operator

        Raises
        ------
        TypeError
            If an argument is of the wrong kind.
        ValueError
            If an array has a wrong shape, or an activation stands between the weights and the
            normalisation.
        """
        channels = self._channels()
        changes = folded_arguments(
            self._name,
            self._arguments(),
            None if channels is None else self._filters(channels),
            stage=stage,
            gamma=gamma,
            beta=beta,
            mean=mean,
            variance=variance,
            epsilon=epsilon,
        )
        changes["activation" if stage == "result" else "depthwise_activation"] = activation
        return self._with(**changes)

    def _common_arguments(self) -> dict[str, Any]:
        return {
            "bias": self._bias,
            "activation": self.activation,
            "data_format": self._layout,
        }

    def _sliding_arguments(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilations": self.dilations,
            **self._common_arguments(),
        }


def _rebuild(cls: type[Operator], arguments: dict[str, Any]) -> Operator:
    """Return an operator made anew: what unpickling calls."""
    return cls(**arguments)
