"""csep and its peers while other processes want the same cores, with pauses between calls.

    python benchmarks/neighbours.py [--rows TEXT ...] [--threads 1 2] [--neighbours 0 1 2]
        [--pauses 0 5] [--peers NAME ...] [--seconds 1]

Every library has a process of its own for each thread count, as in a service; they take turns, and
those whose turn it is not sleep.  A neighbour is a process that computes without end on the same
cores.  Prints, for each layer, library and thread count, the median time of a call and the time
that one in twenty exceeds, in microseconds, and the processor time of a call, whatever threads
spent it: what goes on after a call, in a pause, is counted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np

# Turns of each library under the same circumstances, and calls at least in one of them.
TURNS, FEWEST_CALLS = 5, 5

# After a turn: threads that spin on have done so by then, and are counted.
SETTLE_SECONDS = 0.02

BUSY = "x = 1.0\nwhile True:\n    x = x * 1.0000001 % 3.0"


def block(call, pause, seconds):
    """Return the times of the calls of one turn and the processor time of each."""
    for _ in range(3):
        call()
    times = []
    end = time.perf_counter() + seconds
    spent = time.process_time()
    while time.perf_counter() < end or len(times) < FEWEST_CALLS:
        if pause:
            time.sleep(pause)
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    time.sleep(SETTLE_SECONDS)
    return times, (time.process_time() - spent) / len(times)


def work(name, threads, pipe):
    """Be one library at one thread count: prepare rows and run turns, as the pipe says."""
    os.environ |= {"OMP_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"}
    import peers
    from workload import rows

    make = peers.csep if name == "csep" else peers.PEERS[name]
    known = {row.name: row for row in rows()}
    call = None
    while (message := pipe.recv()) is not None:
        try:
            if isinstance(message, str):
                row = known[message]
                call, _ = make(row, row.arrays(), threads)
                pipe.send(True)
            else:
                pipe.send(block(call, *message))
        except Exception as error:
            pipe.send(error)


@contextmanager
def libraries(names, threads, cores):
    """Start a process for each library and thread count; gives (name, threads) -> its pipe."""
    context = multiprocessing.get_context("spawn")
    os.sched_setaffinity(0, cores)  # the children's, too
    pipes, started = {}, []
    for name in names:
        for count in threads:
            pipes[name, count], other = context.Pipe()
            started.append(context.Process(target=work, args=(name, count, other), daemon=True))
            started[-1].start()
    try:
        yield pipes
    finally:
        for pipe in pipes.values():
            pipe.send(None)
        for process in started:
            process.join(10)


@contextmanager
def neighbours(count):
    """Keep so many processes busy on this process's cores."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        time.sleep(0.2 if count else 0)
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(pipes, pause, seconds):
    """Return (median, 95th percentile, processor time) of each library, in microseconds."""
    times, spent = {key: [] for key in pipes}, {key: [] for key in pipes}
    for _ in range(TURNS):
        for key, pipe in pipes.items():
            pipe.send((pause, seconds / TURNS))
            result = pipe.recv()
            if isinstance(result, Exception):
                raise result
            times[key] += result[0]
            spent[key].append(result[1])
    return {
        key: (*np.percentile(times[key], [50, 95]) * 1e6, np.median(spent[key]) * 1e6)
        for key in pipes
    }


def prepare(pipes, row):
    """Have every library prepare a row; return the pipes of those that can run it."""
    for pipe in pipes.values():
        pipe.send(row)
    ready = {}
    for key, pipe in pipes.items():
        answer = pipe.recv()
        if answer is True:
            ready[key] = pipe
        else:
            print(f"{row}: {key[0]} left out: {answer}", file=sys.stderr)
    return ready


def mean_and_extreme(ratios, extreme):
    """Return "geometric mean (largest or smallest)"."""
    from compare import geometric_mean

    if not ratios:
        return "-"
    return f"{geometric_mean(ratios):.2f} ({extreme(ratios):.2f})"


def summary(medians, names, threads):
    """Return lines of Markdown: of each circumstance, ratios of medians over all rows.

    medians: circumstance -> a dictionary for each row, (name, threads) -> median.
    """
    most, peers = max(threads), names[1:]
    heads = [f"csep, {most} threads / 1 (largest)"]
    heads += [f"{peer} / csep, {n} thr. (smallest)" for peer in peers for n in threads]
    lines = [f"| circumstance | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for circumstance, rows in medians.items():
        wanted = [(("csep", most), ("csep", 1), max)]
        wanted += [((peer, n), ("csep", n), min) for peer in peers for n in threads]
        cells = [
            mean_and_extreme([r[a] / r[b] for r in rows if a in r and b in r], extreme)
            for a, b, extreme in wanted
        ]
        lines.append(f"| {circumstance} | {' | '.join(cells)} |")
    return lines


def main():
    """Print the table of all rows, and one of ratios."""
    from peers import PEERS
    from workload import rows

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=[""], help="rows whose names contain these")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--neighbours", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--pauses", type=float, nargs="+", default=[0, 5], help="milliseconds")
    usual = ["LiteRT", "ONNX Runtime", "PyTorch"]
    parser.add_argument("--peers", nargs="*", default=usual, choices=PEERS)
    parser.add_argument("--seconds", type=float, default=1.0, help="per cell of the table")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: max(options.threads)]
    settings = [(n, pause) for n in options.neighbours for pause in options.pauses]
    head = [f"{n} neighbours, {pause:g} ms between" for n, pause in settings]
    medians = {circumstance: [] for circumstance in head}
    names = ["csep", *options.peers]
    print(f"| layer | library | threads | {' | '.join(head)} |")
    print(f"|---|---|---:|{'---:|' * len(settings)}", flush=True)
    with libraries(names, options.threads, cores) as pipes:
        for row in rows():
            if not any(text in row.name for text in options.rows):
                continue
            ready = prepare(pipes, row.name)
            cells = {key: [] for key in ready}
            for circumstance, (count, pause) in zip(head, settings, strict=True):
                with neighbours(count):
                    measured = measure(ready, pause / 1000, options.seconds)
                medians[circumstance].append({key: m for key, (m, _, _) in measured.items()})
                for key, (middle, slow, spent) in measured.items():
                    cells[key].append(f"{middle:.0f} ({slow:.0f}), {spent:.0f}")
            for (name, threads), texts in cells.items():
                print(f"| `{row.name}` | {name} | {threads} | {' | '.join(texts)} |", flush=True)
    print("", *summary(medians, names, options.threads), sep="\n")


if __name__ == "__main__":
    main()
