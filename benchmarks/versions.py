"""Two builds of csep in turns in one process: what a change does to the speed of every row.

    pip install --target old csep-0.2.0-....whl ; pip install --target new .
    python benchmarks/versions.py old new [--rows TEXT] [--threads 1 2] [--seconds 2]

For each row of the workload, prepared and functional, with ``out=``: the median over the turns of
old / new (above 1: the new one is faster), and both medians in microseconds.  CSEP_ISA holds for
both.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def rename_library(package, letter):
    """Give a package's libcsep a name of its own, of the same length, wherever it is written.

    The loader knows a library by its name: a second build of the same version would run on the
    first one's.
    """
    (library,) = package.glob("lib/libcsep.so.*")
    new_name = library.name[:-1] + letter
    for path in (library, *package.glob("_core*.so")):
        old, new = (name.encode() + b"\0" for name in (library.name, new_name))
        if old not in path.read_bytes():
            sys.exit(f"{path} does not name {library.name}")
        path.write_bytes(path.read_bytes().replace(old, new))
    library.rename(library.with_name(new_name))


def load(folder, letter, room):
    """Import a copy of the csep that lies in a folder, beside others that were imported before."""
    package = Path(room) / letter / "csep"
    shutil.copytree(Path(folder) / "csep", package)
    rename_library(package, letter)
    for name in [n for n in sys.modules if n.split(".")[0] == "csep"]:
        del sys.modules[name]
    sys.path.insert(0, str(package.parent))
    try:
        return importlib.import_module("csep")
    finally:
        sys.path.pop(0)


def timed(call):
    """Return the seconds that one call takes, short ones repeated."""
    start = time.perf_counter()
    call()
    once = time.perf_counter() - start
    repeats = max(1, int(50e-6 / max(once, 1e-7)))
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def in_turns(old, new, seconds):
    """Return the median of old / new and both medians."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 15:
        pair = [timed(old), timed(new)] if len(times) % 2 else [timed(new), timed(old)][::-1]
        times.append(pair)
    old_times, new_times = np.array(times).T
    return np.median(old_times / new_times), np.median(old_times), np.median(new_times)


def calls(csep, row, arrays, y, threads):
    """Return the prepared and the functional call of one build."""
    op = row.operator(arrays, csep)
    function = row.function(arrays, csep, out=y, num_threads=threads)
    return (lambda: op(arrays[0], y, threads)), function


def main():
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rows", default="", help="only rows whose name contains this")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=2.0, help="per row, way and thread count")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        builds = [load(options.old, "o", room), load(options.new, "n", room)]
    from workload import rows

    print(f"{platform.processor() or platform.machine()}, {builds[1].get_isa()}: ", end="")
    print(f"csep {builds[0].__version__} / csep {builds[1].__version__}\n")
    head = ["layer", *(f"{way}, {n} thr" for n in options.threads for way in ("op", "function"))]
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * (len(head) - 1)}", flush=True)
    ratios = []
    for row in rows():
        if options.rows not in row.name:
            continue
        arrays, cells = row.arrays(), []
        y = row.empty_result()
        for threads in options.threads:
            ways = [calls(csep, row, arrays, y, threads) for csep in builds]
            for old, new in zip(*ways, strict=True):
                ratio, before, after = in_turns(old, new, options.seconds)
                ratios.append(ratio)
                cells.append(f"{ratio:.3f} ({before * 1e6:.1f} / {after * 1e6:.1f})")
        print(f"| `{row.name}` | {' | '.join(cells)} |", flush=True)
    mean = np.exp(np.mean(np.log(ratios)))
    print(f"\nGeometric mean {mean:.3f}, smallest {min(ratios):.3f}.")


if __name__ == "__main__":
    main()
