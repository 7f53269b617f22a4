"""The example service on csep and on ONNX Runtime, in turns, beside busy neighbours.

    python benchmarks/service.py [--clients 16] [--sizes 16 64] [--neighbours 0 1] [--turns 5]
        [--seconds 3]

Two gunicorn workers on two cores serve the same network with the same code; the clients are a
process of their own on the same cores.  Prints a Markdown table: medians over the turns of answers
a second and of the latencies that half of the answers, and one in a hundred, exceed.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

from neighbours import neighbours

SERVICE = Path(__file__).resolve().parents[1] / "examples" / "service"
BACKENDS = {"head.csep": "csep", "head.onnx": "ONNX Runtime"}  # by the file that is served
READY_SECONDS = 60


def environment(model, folder):
    """Return what service and clients of one file are told."""
    return os.environ | {"CSEP_MODEL": str(Path(folder, model)), "PYTHONPATH": str(SERVICE)}


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def service(model, folder):
    """Run the service; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "app:app"]
    told = environment(model, folder) | {"SERVICE_BIND": f"127.0.0.1:{port}"}
    told.pop("PROMETHEUS_MULTIPROC_DIR", None)
    process = subprocess.Popen(command, cwd=SERVICE, env=told, stderr=subprocess.DEVNULL)
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + READY_SECONDS
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/ready", timeout=5).close()
                break
            except (OSError, urllib.error.URLError):
                if time.monotonic() > end or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def load(address, model, folder, options, size):
    """Return answers a second, p50 and p99 of one turn, from a process of its own."""
    command = [sys.executable, "load.py", address, str(Path(folder, model)), "--size", str(size)]
    command += ["--clients", str(options.clients), "--seconds", str(options.seconds)]
    told = environment(model, folder)
    done = subprocess.run(
        command, cwd=SERVICE, env=told, capture_output=True, text=True, check=True
    )
    cells = done.stdout.splitlines()[-1].strip("|").split("|")
    return [float(cell) for cell in cells[1:4]]


def main():
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--neighbours", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    print("| feature maps | busy neighbours | computed by | answers / s | p50 ms | p99 ms |")
    print("|---|---:|---|---:|---:|---:|", flush=True)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for model in BACKENDS:
            command = [sys.executable, "head.py", f"{folder}/{model}"]
            subprocess.run(command, cwd=SERVICE, check=True)
        addresses = {name: stack.enter_context(service(name, folder)) for name in BACKENDS}
        for size in options.sizes:
            for count in options.neighbours:
                seen = {name: [] for name in BACKENDS}
                with neighbours(count):
                    for _ in range(options.turns):
                        for name, address in addresses.items():
                            seen[name].append(load(address, name, folder, options, size))
                for name, turns in seen.items():
                    rate, middle, slow = map(statistics.median, zip(*turns, strict=True))
                    print(
                        f"| {size} x {size} x 64 | {count} | {BACKENDS[name]} | {rate:.0f} "
                        f"| {middle:.1f} | {slow:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
