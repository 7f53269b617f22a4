"""A forked child computes as its parent does, and promptly."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from processes import free_port, output, run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

# Exit codes: 0 right, 1 wrong, 14 by the alarm of a child that hangs.
COMMON = """
import os, signal, sys, threading, warnings
import numpy as np, csep
warnings.simplefilter("ignore")  # Python warns of forks while threads run
rng = np.random.default_rng(0)
x = rng.standard_normal((1, 64, 64, 64)).astype("f4")
op = csep.SeparableConv2D(
    rng.standard_normal((3, 3, 64, 1)).astype("f4"), rng.standard_normal((64, 64)).astype("f4")
)
if "network" in sys.argv:  # of two convolutions that are computed together, and two steps more
    v = csep.Input((None, None, 64))
    wide = csep.PointwiseConv2D(rng.standard_normal((64, 256)).astype("f4"), activation="relu")
    narrow = csep.SeparableConv2D(
        rng.standard_normal((3, 3, 256, 1)).astype("f4"),
        rng.standard_normal((256, 64)).astype("f4"),
        padding="SAME",
    )
    op = csep.Network(v, csep.max_pool(csep.softmax(narrow(wide(v))), 2))
expected = op(x, num_threads=1)
small = op(x[:, :3, :3], num_threads=1)

def right(threads=2, times=5):
    return all(np.array_equal(op(x, num_threads=threads), expected) for _ in range(times))

def in_child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        os._exit(0 if work() else 1)
    status = os.waitpid(pid, 0)[1]
    if status:
        sys.exit(f"child: status {status}")
    return True
"""

CASES = {
    "after a call with threads": "assert right(); in_child(right); assert right()",
    "before any call with threads": "in_child(right); assert right()",
    "child of a child": """
assert right()
in_child(lambda: right() and in_child(lambda: right() and in_child(right)) and right())
assert right()
""",
    "many children": "assert right()\nfor _ in range(20): in_child(right)\nassert right()",
    "threads in the child": """
assert right()
def work():
    results = []
    threads = [threading.Thread(target=lambda: results.append(right())) for _ in range(4)]
    for t in threads: t.start()
    results.append(right())
    for t in threads: t.join()
    return results == [True] * 5
in_child(work)
""",
    "from a thread": """
assert right()
results = []
t = threading.Thread(target=lambda: results.append(right() and in_child(right)))
t.start(); t.join()
assert results == [True]
""",
    "while another thread is inside": """
stop = threading.Event()
def busy():
    while not stop.is_set():
        op(x, num_threads=2)
threads = [threading.Thread(target=busy) for _ in range(3)]
for t in threads: t.start()
for _ in range(20): in_child(lambda: right(times=2))
stop.set()
for t in threads: t.join()
assert right()
""",
    "other thread counts and shapes": """
assert right()
def work():
    return right(3) and right(8) and np.array_equal(op(x[:, :3, :3]), small) and right(1)
in_child(work)
""",
}


@pytest.mark.parametrize("what", ["layer", "network"])
@pytest.mark.parametrize("case", CASES)
def test_fork(case, what):
    output(run(sys.executable, "-c", COMMON + CASES[case], what))


MULTIPROCESSING = """
if __name__ == "__main__":
    import multiprocessing
    assert right()
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(right, [2] * 12) == [True] * 12
    assert right()
"""


def test_multiprocessing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(COMMON + MULTIPROCESSING)
    output(run(sys.executable, script))


# A synchronous worker computes in the thread that survived the fork.
APPLICATION = """
assert right()
def app(environ, start_response):
    start_response("200 OK" if right() else "500 Wrong", [("Content-Length", "0")])
    return []
"""


def test_gunicorn_preload(tmp_path):
    pytest.importorskip("gunicorn")
    (tmp_path / "wsgi.py").write_text(COMMON + APPLICATION)
    port = free_port()
    options = ["--preload", "-w", "2", "-b", f"127.0.0.1:{port}", "--pythonpath", os.getcwd()]
    with subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, "wsgi:app"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
    ) as server:
        try:
            answers, failure = 0, None
            for _ in range(200):
                try:
                    url = f"http://127.0.0.1:{port}/"
                    with urllib.request.urlopen(url, timeout=20) as answer:
                        answers += answer.status == 200
                except urllib.error.URLError as error:
                    failure = error.reason
                # Not listening yet; anything else is a worker that hangs or dies.
                if answers == 20 or not isinstance(failure, (ConnectionRefusedError, type(None))):
                    break
                time.sleep(0.01 if answers else 0.1)
            assert answers == 20, failure
        finally:
            server.terminate()
            server.wait(30)
