"""What a service meets in weeks of uptime: no memory, interrupts, and calls without end."""

import signal
import subprocess
import sys
import time

import pytest
from processes import MEMORY_LIMITS, output, run_python

COMMON = (
    MEMORY_LIMITS
    + """
import os, sys, numpy as np, csep
def refused(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except MemoryError:
        return True
    return False
"""
)


def words(code):
    return output(run_python(COMMON + code)).split()


# 4 GiB may be added; the results would have 10 GiB and, of a view that is never copied, 40 GiB.
TOO_LARGE = """
limit(4 << 30)
dw, pw = np.ones((3, 3, 4, 1), "f4"), np.ones((4, 1024), "f4")
x = np.ones((1, 1620, 1620, 4), "f4")
op = csep.SeparableConv2D(dw, pw)
endless = np.broadcast_to(np.float32(1), (1, 50000, 50000, 4))
for _ in range(3):
    assert refused(csep.separable_conv2d, x, dw, pw)
    assert refused(op, x)
    assert refused(csep.separable_conv2d, endless, dw, pw)
    assert refused(op, endless)
    assert refused(csep.depthwise_conv2d, endless, dw)
    assert refused(csep.conv2d, x, np.ones((1, 1, 4, 1024), "f4"))
# Weights that cannot be copied; weights that can, but then not packed.
assert refused(csep.PointwiseConv2D, np.broadcast_to(np.float32(1), (40000, 40000)))
weights = np.ones((4096, 4096), "f4")
limit(96 << 20)
assert refused(csep.PointwiseConv2D, weights)
unlimit()
small = np.ones((1, 8, 8, 4), "f4")
print(np.array_equal(op(small), csep.separable_conv2d(small, dw, pw)))
"""


def test_a_request_that_cannot_be_met():
    assert words(TOO_LARGE) == ["True"]


# The input is converted as a whole (NCHW, a dilation far beyond a tile): that needs memory of its
# own, inside a call whose result has its memory already.
INSIDE = """
x = np.ones((1, 32, 512, 512), "f4")
out = np.full_like(x, 7.0)
dw = np.ones((3, 3, 32, 1), "f4")
op = csep.DepthwiseConv2D(dw, padding="SAME", dilations=255, data_format="NCHW")
limit(16 << 20)
assert refused(op, x, out=out)
unlimit()
untouched = (out == 7.0).all()
op(x, out=out)
print(untouched, out[0, 0, 256, 256])
"""


def test_memory_that_runs_out_inside_a_call():
    assert words(INSIDE) == ["True", "9.0"]


# A job in the background of a shell is started with the signal ignored.
INTERRUPTED = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
dw, pw = np.ones((3, 3, 256, 1), "f4"), np.ones((256, 256), "f4")
op = csep.SeparableConv2D(dw, pw, padding="SAME")
x = np.ones((32, 56, 56, 256), "f4")
out = np.empty_like(x)
op(x, out=out)
start = time.perf_counter()
op(x, out=out)
print("calls of", time.perf_counter() - start, flush=True)
try:
    while True:
        op(x, out=out)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(np.array_equal(op(x), out))
"""


@pytest.mark.parametrize("moment", [0.0, 0.37, 0.73])
def test_interrupt_during_a_call(moment):
    command = [sys.executable, "-c", COMMON + INTERRUPTED]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            seconds = float(process.stdout.readline().split()[-1])
            time.sleep((2 + moment) * seconds)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err[-2000:]
    assert out.split() == ["interrupted", "True"]


# Mixed shapes, operators that come and go, both entry points, errors among them.
FOREVER = """
rng = np.random.default_rng(0)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
dw, pw = np.ones((3, 3, 8, 1), "f4"), np.ones((8, 16), "f4")
kept = csep.SeparableConv2D(dw, pw, padding="SAME")
def call(i):
    h, w, c, co = (int(n) for n in rng.integers(1, 24, 4))
    dtype = ("f4", "f4", "f8", "f2")[i % 4]
    weights = "f8" if dtype == "f8" else "f4"
    x = np.ones((1 + i % 2, h, w, c), dtype)
    dw, pw = np.ones((3, 3, c, 1), weights), np.ones((c, co), weights)
    if i % 5 == 0:
        csep.SeparableConv2D(dw, pw, padding="SAME", activation="relu")(x)
    elif i % 5 == 1:
        kept(np.ones((1, h, w, 8), "f4"), num_threads=1 + i % 3)
    elif i % 5 == 2:
        try:
            csep.separable_conv2d(x, dw, pw[:, :0])
        except ValueError:
            pass
        try:
            kept(x[..., :0])
        except ValueError:
            pass
    else:
        csep.separable_conv2d(x, dw, pw, None, 1 + i % 3, "SAME", num_threads=1 + i % 2)
large = np.ones((1, 128, 128, 8), "f4")
for i in range(20_000):
    call(i)
kept(large)
start = resident()
for i in range(100_000):
    call(i)
    if i % 10_000 == 0:
        kept(large)
print((resident() - start) / 2**20)
"""


def test_a_hundred_thousand_calls():
    (grown,) = words(FOREVER)
    assert float(grown) < 2.0  # MiB: a leak of 21 bytes a call
