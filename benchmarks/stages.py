"""Where the time of every layer goes: a table, one row per float32 NHWC row of the workload.

    make -C benchmarks/native
    python benchmarks/stages.py [--rows TEXT] [--clutter KIB] [--program PATH]

One thread.  See native/stages.c for what is measured; CSEP_ISA and CSEP_CACHE hold for it.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from workload import rows

HEAD = ["layer", "us", "first stage", "product", "rest", "reading x", "storing y", "of FMA peak"]
PROGRAM = Path(__file__).parent / "native" / "build" / "stages"


def measure(program, row, clutter):
    """Return the numbers that the program prints for a row."""
    kind = "conv" if row.kind == "pointwise" else row.kind
    sizes = [row.h, row.w, row.c, row.kh, row.stride, row.m, row.co]
    command = [program, "-n", row.n, "-k", kind, "-c", clutter, *sizes]
    done = subprocess.run([str(a) for a in command], capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def main():
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="only rows whose name contains this")
    parser.add_argument("--clutter", type=int, default=0, help="KiB read between two calls")
    parser.add_argument("--program", type=Path, default=PROGRAM)
    options = parser.parse_args()
    print(f"| {' | '.join(HEAD)} |\n|---|{'---:|' * (len(HEAD) - 1)}")
    for row in rows():
        if options.rows in row.name and (row.dtype, row.layout) == ("float32", "NHWC"):
            time, *shares = measure(options.program, row, options.clutter)
            cells = [f"`{row.name}`", f"{time:.1f}", *(f"{share:.0%}" for share in shares)]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
