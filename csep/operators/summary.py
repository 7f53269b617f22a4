"""The table of operators that follow each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..spec.counts import check_shape
from .operator import Operator


def summary(operators: Sequence[Operator], input_shape: tuple[int, ...]) -> str:
    """Return a table of operators that follow each other, like Keras' ``model.summary()``.

    Parameters
    ----------
    operators : sequence of operators
    input_shape : (int, int, int, int)
        Of the first one's input.

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
    shape = check_shape(input_shape, 4)
    parameters = macs = ordinary = 0
    for number, op in enumerate(operators, 1):
        if not isinstance(op, Operator):
            raise TypeError(f"operators: expected csep operators, got {type(op).__name__}")
        axis = 1 if op.data_format == "NCHW" else 3
        channels = shape[axis]
        out_shape = op.output_shape(shape)
        filters = out_shape[axis]
        mine = op.macs(shape)
        full = math.prod(out_shape) * channels * math.prod(op.kernel_size)
        rows.append(
            (
                f"{number} {type(op).__name__}",
                str(out_shape),
                f"{op.count_params():,}",
                f"{mine:,}",
                f"{full / mine:.1f}x" if mine and filters else "-",
            )
        )
        parameters, macs, ordinary = parameters + op.count_params(), macs + mine, ordinary + full
        shape = out_shape
    ratio = f"{ordinary / macs:.1f}x" if macs else "-"
    total = ("Total", "", f"{parameters:,}", f"{macs:,}", ratio)
    head = ("Layer (type)", "Output shape", "Params", "MACs", "Conv2D / this")
    table = [head, *rows, total]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
            + [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        ).rstrip()
        for row in table
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
