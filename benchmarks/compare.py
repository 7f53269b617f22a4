"""csep beside every library a user would pick, on every row of the workload.

    python benchmarks/compare.py [--rows TEXT] [--threads 1 2] [--seconds 3] [--out FOLDER]

One process per thread count, bound to that many cores.  Within it the implementations take turns
call by call: each turn is a call that is not timed, which brings the library's data back into the
caches, and one that is.  With more than one thread a turn begins with a pause, in which the threads
of the one before stop spinning, and 20 ms of untimed calls, in which its own wake and are spread
over the cores; then three calls are timed.  Every peer's result is checked against csep's first.

Ratios are paired: the median, over the turns, of the peer's time over csep's in the same turn.
What the machine does for a while then counts for both.

Writes <isa>-<processor>.json, .md and .png into results/, beside those of other machines; --readme
puts the tables and the picture into README.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import time
import traceback
from datetime import date
from pathlib import Path

import numpy as np
import peers
import pictures
from machine import cpu_name, file_name
from others import NOTICEABLE, Others
from roofline import Roofline, timed
from workload import rows

HERE = Path(__file__).parent
OURS = {"csep": peers.csep, "csep functional": peers.csep_functional}

# More floating-point operations per compulsory byte than this: arithmetic is the wall.
COMPUTE_BOUND = 20

# Peers sum half-precision rows in their own ways, with weights rounded to it.
TOLERANCE = {"float32": 1e-4, "float64": 1e-12, "float16": 1e-2, "bfloat16": 5e-2}

# For how long OpenMP threads spin after their work: measured 4 ms, less for the other libraries.
SPIN_SECONDS = 0.006

# How long a library's threads take to run at full speed after a pause: with 3 calls instead, ONNX
# Runtime and LiteRT ran no faster on two cores than on one.
WAKE_SECONDS = 0.020


def versions():
    """Return the installed version of each peer, by the name the tables show."""
    found = {}
    for name, distribution in peers.DISTRIBUTIONS.items():
        try:
            found[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            print(f"{name}: not installed, skipped (pip install {distribution})", file=sys.stderr)
    return found


def prepare(row, names, threads):
    """Return name -> call of every implementation that runs this row and gets it right."""
    arrays = row.arrays()
    call, result = peers.csep(row, arrays, threads)
    call()
    expected = result().astype(np.float64)
    calls = {}
    for name, make in (OURS | {n: peers.PEERS[n] for n in names}).items():
        try:
            call, result = make(row, arrays, threads)
            call()
            y = np.asarray(result(), np.float64)
            error = np.abs(y - expected).max() / np.abs(expected).max()
            if y.shape != expected.shape or not error < TOLERANCE[row.dtype]:
                raise ValueError(f"differs from csep: shape {y.shape}, error {error:.1e}")
        except NotImplementedError as error:
            print(f"{row.name}: {name} left out: {error}", file=sys.stderr)
        except Exception:
            print(f"{row.name}: {name} failed\n{traceback.format_exc()}", file=sys.stderr)
        else:
            calls[name] = call
    return calls


def turn(call, threads):
    """Return the times of one implementation's turn."""
    if threads == 1:
        call()
        return [timed(call)]
    time.sleep(SPIN_SECONDS)
    end = time.perf_counter() + WAKE_SECONDS
    while time.perf_counter() < end:
        call()
    return [timed(call) for _ in range(3)]


def measure(row, names, threads, seconds):
    """Return the times of one row: medians and minima by implementation, and the limits."""
    calls = prepare(row, names, threads)
    roofline, others = Roofline(row), Others()
    times, turns = {name: [] for name in calls}, {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["csep"]) < 7:
        for name, call in calls.items():
            timed_calls = turn(call, threads)
            times[name] += timed_calls
            turns[name].append(np.median(timed_calls))
        roofline.sample()
    return {
        "name": row.name,
        "headline": row.headline,
        "flops": row.flops,
        "intensity": row.intensity,
        "median": {name: float(np.median(t)) for name, t in times.items()},
        "min": {name: float(np.min(t)) for name, t in times.items()},
        "others": others.share(),
        "paired": {n: float(np.median(np.divide(t, turns["csep"]))) for n, t in turns.items()},
        **roofline.limits(),
    }


def child(options):
    """Measure all rows at one thread count and print them as JSON lines."""
    (threads,) = options.threads
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    names = list(versions())
    for row in rows():
        if options.rows not in row.name:
            continue
        print(f"{threads} threads: {row.name}", file=sys.stderr, flush=True)
        try:
            print(json.dumps(measure(row, names, threads, options.seconds)), flush=True)
        except Exception:
            print(f"{row.name}: failed\n{traceback.format_exc()}", file=sys.stderr)


def run_child(threads, options):
    """Run ``child`` in a process of its own and return its rows."""
    command = [sys.executable, __file__, "--child", "--threads", str(threads)]
    command += ["--rows", options.rows, "--seconds", str(options.seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def derive(row):
    """Add the ratios the tables show to a measured row."""
    ours = row["median"]["csep"]
    theirs = {n: ratio for n, ratio in row["paired"].items() if n not in OURS}
    if theirs:
        row["best_peer"] = min(theirs, key=theirs.get)
        row["ratio"] = theirs[row["best_peer"]]
        row["ratio_min"] = min(t for n, t in row["min"].items() if n not in OURS)
        row["ratio_min"] /= row["min"]["csep"]
    row["gflops"] = row["flops"] / ours / 1e9
    row["share_of_peak"] = row["arithmetic"] / ours
    row["share_of_roofline"] = max(row["arithmetic"], row["traffic"]) / ours
    row["functional"] = row["paired"]["csep functional"]
    return row


def geometric_mean(values):
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(list(values)))))


def tables(measured, threads):
    """Return the Markdown tables of one thread count: the workload, and the rest of the family."""
    headline = [row for row in measured if row["headline"]]
    family = [row for row in measured if not row["headline"]]
    text = []
    if headline:
        text += [table(headline, threads), *summary(headline)]
    if family:
        text += ["The rest of the family:", table(family, threads), *summary(family)]
    return "\n\n".join(text)


def table(measured, threads):
    """Return one Markdown table."""
    names = [n for n in peers.PEERS if any(n in row["median"] for row in measured)]
    head = ["layer", "csep", *names, "best peer / csep"]
    lines = []
    if threads == 1:
        head += ["GFLOP/s", "of FMA peak", "of roofline"]
    for row in measured:
        neighbour = " \u2020" if row["others"] > NOTICEABLE else ""
        cells = [f"`{row['name']}`{neighbour}", f"**{row['median']['csep'] * 1e6:.1f}**"]
        cells += [f"{row['median'][n] * 1e6:.1f}" if n in row["median"] else "-" for n in names]
        cells.append(f"{row['ratio']:.2f}" if "ratio" in row else "")
        if threads == 1:
            bound = " *" if row["intensity"] > COMPUTE_BOUND else ""
            cells += [f"{row['gflops']:.0f}", f"{row['share_of_peak']:.0%}{bound}"]
            cells.append(f"{row['share_of_roofline']:.0%}")
        lines.append(cells)
    text = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    text += [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join(text)


def summary(measured):
    """Return one sentence for each thing the table says as a whole."""
    sentences = []
    ratios = [row["ratio"] for row in measured if "ratio" in row]
    if ratios:
        sentences.append(
            f"Best peer / csep: geometric mean {geometric_mean(ratios):.2f}, "
            f"smallest {min(ratios):.2f}."
        )
    tensorflow = [row["paired"]["TensorFlow"] for row in measured if "TensorFlow" in row["paired"]]
    if tensorflow:
        sentences.append(
            f"TensorFlow / csep: geometric mean {geometric_mean(tensorflow):.2f}, "
            f"smallest {min(tensorflow):.2f}."
        )
    functional = max(measured, key=lambda row: row["functional"])
    sentences.append(
        f"Weights given with every call: at most {functional['functional']:.2f} times the prepared "
        f"call (`{functional['name']}`)."
    )
    return sentences


def speedup(results):
    """Return what more threads bring, on the rows above 500 microseconds."""
    one = {row["name"]: row["median"]["csep"] for row in results.get("1", [])}
    sentences = []
    for threads, measured in results.items():
        gains = [
            one[row["name"]] / row["median"]["csep"]
            for row in measured
            if threads != "1" and one.get(row["name"], 0) > 500e-6
        ]
        if gains:
            sentences.append(
                f"{threads} threads / 1 thread, layers above 500 us: geometric mean "
                f"{geometric_mean(gains):.2f}, smallest {min(gains):.2f}."
            )
    return sentences


def describe():
    """Return the machine and the versions, one sentence."""
    import csep

    caches = csep.show_config("dicts")["caches (L1, L2, share of L3)"]
    peers_said = ", ".join(f"{n} {v}" for n, v in versions().items())
    return (
        f"{cpu_name()}, {date.today():%B %Y}, csep {csep.__version__} ({csep.get_isa()}), "
        f"caches {caches}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}; {peers_said}."
    )


def report(results, folder):
    """Write the JSON, the tables and the picture; return the tables."""
    text = ["Microseconds, median; smaller is better. Ratios are paired.", describe()]
    for threads, measured in results.items():
        text.append(f"**{threads} thread{'s' if int(threads) > 1 else ''}**")
        text.append(tables(measured, int(threads)))
    text += speedup(results)
    text.append(
        f"\\* more than {COMPUTE_BOUND} floating-point operations per compulsory byte: "
        "arithmetic is the limit. \u2020 others took more than "
        f"{NOTICEABLE:.0%} of the processors meanwhile."
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name()
    path.with_name(f"{path.name}.json").write_text(
        json.dumps({"about": describe(), "results": results}, indent=1)
    )
    path.with_name(f"{path.name}.md").write_text("\n\n".join(text) + "\n")
    try:
        rows = {t: {r["name"]: r["paired"] for r in m} for t, m in results.items()}
        pictures.draw_ratios(rows, list(peers.PEERS), path.with_name(f"{path.name}.png"))
    except ImportError:
        print("matplotlib: not installed, no picture", file=sys.stderr)
    return "\n\n".join(text)


def into_readme(text):
    """Replace what stands between the markers in README.md, and the picture."""
    readme = HERE.parent / "README.md"
    before, rest = readme.read_text().split("<!-- compare -->\n", 1)
    after = rest.split("<!-- /compare -->", 1)[1]
    marked = f"<!-- compare -->\n\n{text}\n\n<!-- /compare -->"
    shown = f"(benchmarks/results/{file_name()}.png)"
    before = re.sub(r"\(benchmarks/results/[^)]*\.png\)", shown, before)
    readme.write_text(before + marked + after)


def main():
    """Run all thread counts, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="only rows whose name contains this")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=3.0, help="per row and thread count")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options)
        return
    results = {str(n): [derive(row) for row in run_child(n, options)] for n in options.threads}
    text = report(results, options.out)
    print(text)
    if options.readme:
        into_readme(text)


if __name__ == "__main__":
    main()
