"""The table of operators that follow each other."""

from __future__ import annotations

from collections.abc import Sequence

from ..spec.tables import table
from .operator import Operator, Shape


def summary(operators: Sequence[Operator], input_shape: Shape) -> str:
    """Return a table of operators that follow each other, like Keras' ``model.summary()``.

    Parameters
    ----------
    operators : sequence of operators
    input_shape : tuple of int or None
        Of the first one's input; None for an open size, as Keras' shapes have them.

    Returns
    -------
    str
        For each layer its type, output shape, parameters and multiply-adds, and how many times as
        many multiply-adds an ordinary convolution of the same sizes takes; then the totals.

    Raises
    ------
    TypeError
        If there is something else than operators.
    ValueError
        If the shapes do not follow each other.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> dw, pw, bias = np.ones((3, 3, 10, 1), "f4"), np.ones((10, 32), "f4"), np.ones(32, "f4")
    >>> op = csep.SeparableConv2D(dw, pw, bias)
    >>> print(csep.summary([op], (1, 224, 224, 10)))
    Layer (type)       Output shape       Params        MACs  Conv2D / this
    -----------------------------------------------------------------------
    1 SeparableConv2D  (1, 222, 222, 32)     442  20,206,440           7.0x
    -----------------------------------------------------------------------
    Total                                    442  20,206,440           7.0x
    """
    if not isinstance(operators, Sequence):
        raise TypeError(
            f"operators: expected a sequence of operators, got {type(operators).__name__}"
        )
    rows = []
    shape = input_shape
    parameters = macs = ordinary = 0
    counted = True
    for number, op in enumerate(operators, 1):
        if not isinstance(op, Operator):
            raise TypeError(f"operators: expected csep operators, got {type(op).__name__}")
        out_shape = op.output_shape(shape)
        mine, full = op.macs(shape), op._macs(shape, "Conv2D")
        counted = counted and mine is not None
        rows.append(
            (
                f"{number} {type(op).__name__}",
                str(out_shape),
                f"{op.count_params():,}",
                "-" if mine is None else f"{mine:,}",
                f"{full / mine:.1f}x" if mine and full else "-",
            )
        )
        parameters += op.count_params()
        macs, ordinary = macs + (mine or 0), ordinary + (full or 0)
        shape = out_shape
    ratio = f"{ordinary / macs:.1f}x" if macs and counted else "-"
    total = ("Total", "", f"{parameters:,}", f"{macs:,}" if counted else "-", ratio)
    head = ("Layer (type)", "Output shape", "Params", "MACs", "Conv2D / this")
    return table(head, rows, total)
