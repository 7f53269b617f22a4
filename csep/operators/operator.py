"""What all prepared operators have in common: calls, what they tell of themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from .. import _core
from ..spec import files
from ..spec.arrays import Array
from ..spec.counts import check_shape, pixel_macs
from ..spec.docs import document
from ..spec.gradients import Gradients, Out, named_arrays, wanted_gradients
from ..spec.types import Activation, ArrayLike, Integer, Path
from .folding import folded_arguments
from .keras_layers import operator_arguments, pointwise_arguments

Self = TypeVar("Self", bound="Operator")

Shape = tuple[Any, ...]

_ARRAY = np.ndarray  # looked up once: a small call takes 2 microseconds


class Operator:
    """What all prepared operators have in common; the base of `SeparableConv2D` and the others.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> isinstance(csep.PointwiseConv2D(np.ones((3, 2), "f4")), csep.Operator)
    True
    """

    # A subclass says its kind and its constructor's arguments; its plan has everything else.

    __slots__ = ("_plan",)

    _name: str
    _rank = 4  # of x: 4 for images, 3 for sequences
    # Constructor argument -> the plan's attribute.
    _weights: ClassVar[dict[str, str]]
    _settings: tuple[str, ...] = (
        "strides",
        "padding",
        "mode",
        "dilations",
        "activation",
        "data_format",
    )

    _plan: _core.Plan

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be deleted")

    def _prepare(
        self,
        kind: int,
        *,
        dw: object = None,
        matrix: object = None,
        depthwise_bias: object = None,
        bias: object,
        strides: object = 1,
        padding: object = "VALID",
        mode: object = "zeros",
        dilations: object = 1,
        depthwise_activation: object = None,
        activation: object,
        data_format: object,
        shared_kernel: object = False,
        groups: object = 1,
    ) -> None:
        """Make the plan."""
        plan = _core.Plan(
            kind,
            self._rank,
            dw,
            matrix,
            depthwise_bias,
            bias,
            strides,
            padding,
            mode,
            dilations,
            depthwise_activation,
            activation,
            data_format,
            shared_kernel,
            groups,
        )
        object.__setattr__(self, "_plan", plan)

    def _arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return self._arrays() | self._chosen()

    def _arrays(self) -> dict[str, Any]:
        """Return those of the constructor's arguments that are weights, or None in their place."""
        return {name: getattr(self._plan, source) for name, source in self._weights.items()}

    def _chosen(self) -> dict[str, Any]:
        """Return those of the constructor's arguments that are settings."""
        return {name: getattr(self, name) for name in self._settings}

    def _sides(self, pair: tuple[int, int]) -> tuple[int, ...]:
        """Return height and width; of a sequence, which is one pixel high, the length alone."""
        return pair if self._rank == 4 else pair[1:]

    def _channel_axis(self) -> int:
        return 1 if self.data_format == "NCHW" else self._rank - 1

    @document
    def __call__(
        self,
        x: ArrayLike,
        out: Array | None = None,
        num_threads: Integer | None = None,
        *,
        residual: ArrayLike | None = None,
    ) -> Array:
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
        if type(x) is not _ARRAY and hasattr(x, "_run_operator"):
            result: Array = x._run_operator(self, residual)  # a value of a network
            return result
        return self._plan.run(x, residual, out, num_threads)

    @document
    def backward(
        self,
        dy: ArrayLike,
        x: ArrayLike,
        *,
        residual: ArrayLike | None = None,
        wrt: Iterable[str] | None = None,
        out: Out = None,
        num_threads: Integer | None = None,
    ) -> Gradients:
        """Gradients of a loss, from dy, its gradient with respect to the operator's result.

        The formulas are those of `separable_conv2d_backward`; what a backward pass computes with is
        made at the first call and kept.

        Parameters
        ----------
        dy : array_like
            Of the shape and dtype of the result.
        {x}
        {backward}

        Returns
        -------
        Gradients
            With respect to x, residual and the operator's weights, each like the array of that name
            in `weights` (``g.pw`` is ``(C * M, CO)``); None where there is none or wrt does not
            name it.

        Raises
        ------
        {raises}
        {raises_memory}

        Examples
        --------
        >>> import numpy as np
        >>> import csep
        >>> op = csep.DepthwiseConv2D(np.ones((2, 2, 1, 1), "f4"))
        >>> op.backward(np.ones((1, 2, 2, 3), "f4"), np.ones((1, 3, 3, 3), "f4")).dw[:, :, 0, 0]
        array([[12., 12.],
               [12., 12.]], dtype=float32)
        """
        wanted = wanted_gradients(wrt, {"x": x, **self._arrays(), "residual": residual})
        arrays = named_arrays(out, wanted)
        found = self._plan.backward(dy, x, residual, wanted, arrays, num_threads)
        return Gradients(**found)

    # What every operator can tell of itself.

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """Kernel height and width; of sequences (length,)."""
        return self._sides(self._plan.kernel_size)

    @property
    def strides(self) -> tuple[int, ...]:
        """Input pixels between output pixels, over height and width; of sequences (length,)."""
        return self._sides(self._plan.strides)

    @property
    def padding(self) -> str | tuple[Any, Any]:
        """``"SAME"``, ``"VALID"`` or ``((top, bottom), (left, right))``.

        Of sequences ``"CAUSAL"`` or ``(before, after)`` as well.
        """
        return self._plan.padding

    @property
    def mode(self) -> str:
        """What padding holds: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``."""
        return self._plan.mode

    @property
    def dilations(self) -> tuple[int, ...]:
        """Input pixels between kernel taps, over height and width; of sequences (length,)."""
        return self._sides(self._plan.dilations)

    @property
    def data_format(self) -> str:
        """``"NHWC"`` or ``"NCHW"``."""
        return self._plan.data_format

    @property
    def activation(self) -> str | tuple[str, Any] | None:
        """What is applied to the result; None for nothing."""
        return self._plan.activation

    def _slopes(self) -> dict[str, Array]:
        """Return the slopes of "prelu" by the argument that they are in."""
        pairs = {n: getattr(self._plan, n) for n in ("depthwise_activation", "activation")}
        return {n: pair[1] for n, pair in pairs.items() if pair and pair[0] == "prelu"}

    @property
    def dtype(self) -> np.dtype:
        """What weights and sums are held in: float32 or float64."""
        return self._summed().dtype

    def get_weights(self) -> list[Array]:
        """Return the weights as the Keras layer of the same name does.

        Returns
        -------
        list of ndarray
            Of a `SeparableConv2D` the depthwise kernel ``(kh, kw, C, M)``, the pointwise kernel
            ``(1, 1, C * M, CO)`` and, if there is one, the bias ``(CO,)``; of the others the kernel
            and the bias.  Read-only, in the dtype they are summed in.

        Raises
        ------
        ValueError
            If there is a depthwise bias, which Keras' layer does not have.
        """
        if self._plan.depthwise_bias is not None:
            raise ValueError(
                "get_weights: expected an operator without depthwise_bias, for which Keras has no "
                "array, got one with it; op.weights has every array, op.save(path) keeps everything"
            )
        weights = (self._plan.dw, self._keras_matrix(), self._plan.bias)
        return [w for w in weights if w is not None]

    @property
    def weights(self) -> dict[str, Array]:
        """Every array of weights by the constructor's name for it; read-only."""
        return {name: array for name, array in self._arrays().items() if array is not None}

    def save(self, path: Path) -> None:
        """Write the operator to a file, from which `csep.load` makes it again.

        Weights, strides, padding, activations: everything.  The file is an .npz, which `numpy.load`
        opens without pickle.

        Parameters
        ----------
        path : str or path
            Replaced as a whole if it is there.

        Raises
        ------
        OSError
            If it cannot be written.
        TypeError
            If path is no path.
        """
        files.write(path, *self._described())

    def _described(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what a file says of the operator, and its arrays."""
        slopes = self._slopes()
        settings = self._chosen() | dict.fromkeys(slopes, ("prelu", None))
        return {"operator": self._name, "settings": settings}, self.weights | slopes

    def _keras_matrix(self) -> Array | None:
        """Pointwise weights with the axes of a kernel; others as they are."""
        matrix = self._plan.matrix
        if matrix is None or matrix.ndim == self._rank:
            return matrix
        return matrix.reshape((1,) * (self._rank - 2) + matrix.shape)

    def _summed(self) -> Array:
        """Return one of the arrays of weights, which are all of one dtype."""
        return next(a for a in (self._plan.dw, self._plan.matrix) if a is not None)

    def count_params(self) -> int:
        """Return the number of parameters: all weights, biases and slopes of "prelu".

        Returns
        -------
        int
        """
        return sum(array.size for array in (self.weights | self._slopes()).values())

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result.

        Parameters
        ----------
        input_shape : tuple of int or None
            Of x, in the operator's layout; None for a size that is open.

        Returns
        -------
        tuple of int or None
            None for what depends on an open size.

        Raises
        ------
        ValueError
            If no such x can be convolved.
        """
        shape = check_shape(input_shape, self._rank, self._channel_axis())
        # An open size is taken for one that the kernel fits into, and padding is made of.
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilations, strict=True)]
        if not isinstance(self.padding, str):
            reach = [r + int(np.max(self.padding)) for r in reach]
        reach.insert(0, 1)
        reach.insert(self._channel_axis(), 0)
        known = self._plan.output_shape(
            tuple(r if n is None else n for r, n in zip(reach, shape, strict=True))
        )
        return tuple(None if s is None else n for s, n in zip(shape, known, strict=True))

    def macs(self, input_shape: Shape) -> int | None:
        """Return the multiply-adds of one call, every tap counted as if none met padding.

        Parameters
        ----------
        input_shape : tuple of int or None
            Of x, in the operator's layout; an open batch, None, counts as one image.

        Returns
        -------
        int or None
            None where another size is open.

        Raises
        ------
        ValueError
            If no such x can be convolved.
        """
        macs = self._macs(input_shape, self._name)
        return None if macs is None else macs // self._plan.groups

    def _macs(self, input_shape: Shape, name: str) -> int | None:
        """Return the multiply-adds of an operator of that name and of these sizes."""
        axis = self._channel_axis()
        batch, *sizes = check_shape(input_shape, self._rank, axis)
        shape = (1 if batch is None else batch, *sizes)
        outputs = self.output_shape(shape)
        if None in outputs:
            return None
        per_pixel = pixel_macs(
            name,
            shape[axis],
            outputs[axis],
            self._plan.kernel_size,
            self._plan.channel_multiplier,
        )
        return math.prod(outputs) // outputs[axis] * per_pixel

    def __repr__(self) -> str:
        plan = self._plan
        kernel = "x".join(map(str, self.kernel_size))
        parts = [f"{kernel}, {plan.channels or 'C'} -> {plan.filters or 'C'}"]
        if plan.groups > 1:
            parts.append(f"groups={plan.groups}")
        if plan.channel_multiplier > 1:
            parts.append(f"channel_multiplier={plan.channel_multiplier}")
        ones = self._sides((1, 1))
        defaults: dict[str, object] = {"strides": ones, "padding": "VALID", "mode": "zeros"}
        defaults |= {"dilations": ones, "data_format": "NHWC"}
        defaults |= {"depthwise_activation": None, "activation": None}
        defaults["dtype"] = np.dtype(np.float32)
        slopes = self._slopes()
        for name, default in defaults.items():
            value = getattr(self, name, default)
            if name in slopes:
                parts.append(f"{name}=('prelu', {slopes[name].size} slopes)")
            elif value != default:
                parts.append(f"{name}={value}" if name == "dtype" else f"{name}={value!r}")
        if plan.bias is None:
            parts.append("no bias")
        if plan.depthwise_bias is not None:
            parts.append("depthwise bias")
        return f"{type(self).__name__}({', '.join(parts)}, {self.count_params():,} parameters)"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return rebuild, (type(self), self._arguments())

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
        kind, arguments = operator_arguments(layer)
        if kind == "Conv2D" and cls._name == "PointwiseConv2D":
            kind, arguments = cls._name, pointwise_arguments(arguments)
        if kind != cls._name:
            raise TypeError(
                f"layer: expected one that a {cls._name} computes, got {type(layer).__name__}"
            )
        return cls(**arguments)

    def fold_batch_norm(
        self: Self,
        gamma: ArrayLike | None,
        beta: ArrayLike | None,
        mean: ArrayLike,
        variance: ArrayLike,
        epsilon: float = 1e-3,
        *,
        stage: Literal["result", "depthwise"] = "result",
        activation: Activation = None,
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
        activation : str, (str, float) or (str, array_like), optional
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
        changes = folded_arguments(
            self._name,
            self._arguments(),
            self._plan.filters,
            stage=stage,
            gamma=gamma,
            beta=beta,
            mean=mean,
            variance=variance,
            epsilon=epsilon,
        )
        changes["activation" if stage == "result" else "depthwise_activation"] = activation
        return self._with(**changes)


class Separable(Operator):
    """What operators of two stages have beside the others."""

    __slots__ = ()
    _weights: ClassVar[dict[str, str]] = {
        "dw": "dw",
        "pw": "matrix",
        "bias": "bias",
        "depthwise_bias": "depthwise_bias",
    }
    _settings = (*Operator._settings, "depthwise_activation")

    @property
    def depthwise_bias(self) -> Array | None:
        """Added to the depthwise result; Keras has no such thing."""
        return self._plan.depthwise_bias

    @property
    def depthwise_activation(self) -> str | tuple[str, Any] | None:
        """What is applied to the depthwise result; None for nothing."""
        return self._plan.depthwise_activation


def rebuild(cls: type[Operator], arguments: dict[str, Any]) -> Operator:
    """Return an operator made anew: what unpickling calls."""
    return cls(**arguments)


# Pickles name what they need by a place that stays.
rebuild.__module__, rebuild.__qualname__ = "csep", "_rebuild"
