"""Load on the service, from a process of its own.

python load.py http://127.0.0.1:8000 model.csep [--clients 1 2 4 8 16] [--seconds 3] [--size 64]

Every answer is compared with a direct call of the same file, to the bit.
"""

import argparse
import http.client
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

import tensors
from model import load


@dataclass
class Outcome:
    """What clients saw."""

    seconds: list = field(default_factory=list)  # of each right answer
    wrong: int = 0  # answers that are not 200, or other bits
    lost: int = 0  # connections that broke

    def percentile(self, q):
        """Return a latency in milliseconds."""
        return float(np.percentile(self.seconds, q)) * 1e3 if self.seconds else float("nan")


def client(address, body, expected, until, outcome):
    """Send one request after the other on one connection, and a new one where that broke."""
    connection = None
    while time.perf_counter() < until:
        start = time.perf_counter()
        try:
            if connection is None:
                connection = http.client.HTTPConnection(address, timeout=60)
            connection.request("POST", "/predict", body)
            answer = connection.getresponse()
            right = answer.read() == expected and answer.status == 200
        except (OSError, http.client.HTTPException):
            outcome.lost += 1
            if connection is not None:
                connection.close()
                connection = None
            time.sleep(0.01)
            continue
        if right:
            outcome.seconds.append(time.perf_counter() - start)
        else:
            outcome.wrong += 1
    if connection is not None:
        connection.close()


def run(url, body, expected, clients, seconds):
    """Return what so many clients saw in so many seconds."""
    outcomes = [Outcome() for _ in range(clients)]
    until = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=client, args=(urlsplit(url).netloc, body, expected, until, o))
        for o in outcomes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Outcome(
        [s for o in outcomes for s in o.seconds],
        sum(o.wrong for o in outcomes),
        sum(o.lost for o in outcomes),
    )


def main():
    """Print a line for each number of clients; fail if any answer was not right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("model", type=Path)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=64, help="where the network leaves it open")
    options = parser.parse_args()

    model = load(options.model)
    shape = (1, *(side or options.size for side in model.shape[1:]))
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    (y,) = model(x)
    body, expected = tensors.write(x), tensors.write(y)
    failures = 0
    print("| clients | answers / s | p50 ms | p99 ms | wrong | lost |")
    print("|---:|---:|---:|---:|---:|---:|")
    for clients in options.clients:
        seen = run(options.url, body, expected, clients, options.seconds)
        failures += seen.wrong + seen.lost
        print(
            f"| {clients} | {len(seen.seconds) / options.seconds:.0f} | {seen.percentile(50):.1f} "
            f"| {seen.percentile(99):.1f} | {seen.wrong} | {seen.lost} |",
            flush=True,
        )
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
