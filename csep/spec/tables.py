"""Tables of text."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], total: Sequence[str]) -> str:
    """Return a table as lines of text: its first two columns to the left, the others to the right.

    Parameters
    ----------
    head, total : sequence of str
    rows : sequence of sequences of str
    """
    lines = [head, *rows, total]
    widths = [max(len(row[i]) for row in lines) for i in range(len(head))]
    texts = [
        "  ".join(
            [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
            + [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        ).rstrip()
        for row in lines
    ]
    rule = "-" * max(map(len, texts))
    return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1]])
