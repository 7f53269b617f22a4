"""The HTTP service of the examples, as one process and under gunicorn with forked workers."""

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from servers import COMMANDS, Server, as_npy

# After servers, which knows where they are.
from head import write_random  # isort: skip
from load import run  # isort: skip


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "head.csep"
    write_random(path)
    return path


@pytest.fixture(scope="module", params=COMMANDS)
def server(request, head, tmp_path_factory):
    server = Server(request.param, head, tmp_path_factory.mktemp("log") / "log")
    yield server
    assert server.stopped_well(), server.log.read_text()[-3000:]
    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def own_server(request, head, tmp_path):
    """A server for a test that ends it."""
    server = Server(request.param, head, tmp_path / "log")
    yield server
    if server.process.poll() is None:
        server.stopped_well()


IN_FLIGHT = r"csep_in_flight(?:\{.*\})?"
RIGHT = r'csep_requests_total\{path="/predict",status="200"\}'
WRONG = r'csep_requests_total\{path="/predict",status="400"\}'


def wait_for(condition):
    """Wait until what happens after an answer has happened."""
    for _ in range(100):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def direct(server, x):
    """Return what a call without the service gives."""
    (y,) = server.model(np.ascontiguousarray(x, np.float32))
    return y


def image(*shape, dtype="f4", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize(
    "x",
    [
        image(1, 64, 64, 64),
        image(3, 7, 5, 64),
        image(1, 1, 1, 64),
        image(2, 8, 8, 64, dtype="f2"),
        np.asfortranarray(image(1, 6, 9, 64)),
    ],
    ids=lambda x: f"{x.shape}-{x.dtype}",
)
def test_answers_are_those_of_a_direct_call(server, x):
    status, body = server.ask("POST", "/predict", as_npy(x))
    assert status == 200, body
    y = np.load(io.BytesIO(body), allow_pickle=False)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, direct(server, x))


def header(shape, descr="<f4", fortran=False):
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape})
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def broken_header(text):
    return b"\x93NUMPY\x02\x00" + (len(text) + 1).to_bytes(4, "little") + text + b"\n"


HEADER = b"{'descr': %s, 'fortran_order': False, 'shape': %s}"
GOOD = as_npy(image(1, 2, 2, 64))
BAD = {
    "nothing": (b"", 400, "npy"),
    "noise": (bytes(range(256)) * 9, 400, "npy"),
    "a zip file": (b"PK\x03\x04" + bytes(100), 400, "npy"),
    "an object array": (as_npy(np.array([None, {}]), allow_pickle=True), 422, "dtype"),
    "a pickle": (b"\x80\x04cos\nsystem\n(S'false'\ntR.", 400, "npy"),
    "code in the header": (header((1,)).replace(b"(1,)", b"f() "), 400, "npy"),
    "an unknown version": (GOOD.replace(b"NUMPY\x01", b"NUMPY\x09"), 400, "npy"),
    "an endless header": (b"\x93NUMPY\x02\x00" + b"\xff" * 5000, 400, "npy"),
    "a header that is no literal": (broken_header(b"((("), 400, "npy"),
    "an open string": (broken_header(b"'''"), 400, "npy"),
    "an unhashable key": (broken_header(b"{[]: 1}"), 400, "npy"),
    "a number as key": (broken_header(b"{1: 1, 'a': 2}"), 400, "npy"),
    "a thousand signs": (broken_header(b"-" * 9000 + b"1"), 400, "npy"),
    "an empty dtype": (broken_header(HEADER % (b"()", b"(1, 1, 1, 64)")), 400, "npy"),
    "truths as sides": (broken_header(HEADER % (b"'<f4'", b"(True, 1, 1, 64)")), 400, "integers"),
    "an endless side": (
        broken_header(HEADER % (b"'<f4'", b"(0x%s, 1, 1, 64)" % (b"f" * 5000))),
        400,
        "integers",
    ),
    "truncated": (GOOD[:-1], 400, "1024 bytes"),
    "too long": (GOOD + b"x", 400, "1024 bytes"),
    "a terabyte announced": (header((1, 1 << 19, 1 << 19, 64)) + bytes(64), 413, "pixels"),
    "an overflow announced": (header((1 << 40, 1 << 40, 1 << 40, 64)), 413, "pixels"),
    "too many pixels": (header((1, 91, 91, 64)), 413, "pixels"),
    "a negative side": (header((1, -2, -2, 64)), 400, "integers"),
    "integers": (as_npy(np.zeros((1, 2, 2, 64), "i4")), 422, "dtype"),
    "big-endian": (as_npy(np.zeros((1, 2, 2, 64), ">f4")), 422, "dtype"),
    "float64": (as_npy(np.zeros((1, 2, 2, 64))), 422, "dtype"),
    "three dimensions": (as_npy(image(2, 2, 64)), 422, "(N, H, W, 64)"),
    "wrong channels": (as_npy(image(1, 2, 2, 63)), 422, "(N, H, W, 64)"),
    "no image": (as_npy(image(0, 2, 2, 64)), 422, "side"),
    "too many bytes": (bytes(5 << 20), 413, "bytes"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_requests(server, case):
    body, status, message = BAD[case]
    seen, answer = server.ask("POST", "/predict", body)
    assert seen == status, answer
    assert message in json.loads(answer)["detail"]


def test_bad_paths_and_methods(server):
    assert server.ask("GET", "/predict")[0] == 405
    assert server.ask("GET", "/nowhere")[0] == 404


def test_a_large_body_without_its_length(server):
    chunks = (bytes(1 << 16) for _ in range(80))
    status, answer = server.ask("POST", "/predict", chunks)
    assert status == 413, answer


def test_a_body_that_never_comes(server):
    connection = http.client.HTTPConnection(f"127.0.0.1:{server.port}", timeout=60)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Length", str(len(GOOD)))
    connection.endheaders()
    connection.send(GOOD[:100])
    answer = connection.getresponse()
    assert answer.status == 408
    assert "seconds" in json.loads(answer.read())["detail"]
    connection.close()


def wait_until_all_is_counted(server):
    wait_for(lambda: server.metric(IN_FLIGHT) == 1)  # the request that asks


def test_clients_that_go_away(server):
    wait_until_all_is_counted(server)
    before = server.metric(WRONG)
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(b"POST /predict HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\nhalf")
    assert server.ask("POST", "/predict", GOOD)[0] == 200
    wait_for(lambda: server.metric(WRONG) == before + 5)


def test_health_and_metrics(server):
    status, body = server.ask("GET", "/health")
    assert status == 200
    said = json.loads(body)
    assert (said["shape"], said["outputs"]) == ([None, None, None, 64], ["classes"])
    errors = r'csep_errors_total\{path="/predict"\}'
    slow = r'csep_request_seconds_bucket\{le="\+Inf",path="/predict"\}'
    parts = [rf'csep_{part}_seconds_bucket\{{le="\+Inf"\}}' for part in ("queue", "compute")]
    names = (RIGHT, WRONG, errors, slow, *parts)
    wait_until_all_is_counted(server)
    before = [server.metric(name) for name in names]
    for body in (GOOD, GOOD, b"bad"):
        server.ask("POST", "/predict", body)

    def seen():
        after = [server.metric(name) for name in names]
        return np.subtract(after, before).tolist()

    wait_for(lambda: seen() == [2, 1, 1, 3, 3, 3])
    wait_until_all_is_counted(server)


@pytest.mark.parametrize("clients", [1, 4, 16])
def test_load(server, clients):
    x = image(1, 32, 32, 64, seed=clients)
    seen = run(server.url, as_npy(x), as_npy(direct(server, x)), clients, 1.5)
    assert (seen.wrong, seen.lost) == (0, 0)
    assert len(seen.seconds) >= clients


@pytest.mark.parametrize("own_server", COMMANDS, indirect=True)
def test_shutdown_finishes_what_is_in_flight(own_server):
    x = image(1, 90, 90, 64)
    expected = as_npy(direct(own_server, x))
    connection = http.client.HTTPConnection(f"127.0.0.1:{own_server.port}", timeout=60)
    body = as_npy(x)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[: len(body) // 2])
    wait_for(lambda: own_server.metric(IN_FLIGHT) == 2)
    own_server.process.terminate()
    time.sleep(0.3)
    assert own_server.process.poll() is None
    connection.send(body[len(body) // 2 :])
    answer = connection.getresponse()
    assert (answer.status, answer.read() == expected) == (200, True)
    connection.close()
    assert own_server.stopped_well()
    with pytest.raises(OSError):  # noqa: PT011
        own_server.ask("GET", "/health")


def children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


@pytest.mark.parametrize("own_server", ["gunicorn"], indirect=True)
def test_a_killed_worker_loses_its_own_requests_only(own_server):
    x = image(1, 12, 12, 64)
    body, expected = as_npy(x), as_npy(direct(own_server, x))
    clients, seen = 8, []
    load = threading.Thread(
        target=lambda: seen.append(run(own_server.url, body, expected, clients, 6.0))
    )
    load.start()
    time.sleep(1.5)
    killed, spared = children(own_server.process.pid)
    os.kill(killed, signal.SIGKILL)
    load.join()
    (outcome,) = seen
    assert outcome.wrong == 0
    # Each client has one request at a time; a connection that waited for the dead one is lost, too.
    assert outcome.lost <= clients
    assert len(outcome.seconds) > 20
    now = children(own_server.process.pid)
    assert len(now) == 2
    assert spared in now
    assert killed not in now
    assert own_server.ask("POST", "/predict", body) == (200, expected)
    wait_for(lambda: own_server.metric(IN_FLIGHT) == 1)


def open_request(server, body, length=None):
    s = socket.create_connection(("127.0.0.1", server.port))
    s.sendall(
        b"POST /predict HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (length or len(body))
    )
    s.sendall(body)
    return s


@pytest.mark.parametrize("own_server", ["uvicorn", "proxied"], indirect=True)
def test_too_many_requests_at_once(own_server):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(open_request(own_server, GOOD[:100], len(GOOD)))
        wait_for(lambda: own_server.metric(IN_FLIGHT) == 21)
        status, answer = own_server.ask("POST", "/predict", GOOD)
        assert status == 503, answer
        assert "busy" in json.loads(answer)["detail"]
        assert own_server.metric(r'csep_requests_total\{path="/predict",status="503"\}') == 1
        assert own_server.ask("GET", "/ready")[0] == 503
        assert own_server.ask("GET", "/health")[0] == 200
    wait_for(lambda: own_server.ask("POST", "/predict", GOOD)[0] == 200)
    assert own_server.ask("GET", "/ready")[0] == 200


def test_openapi_shows_bodies_and_refusals(server):
    document = json.loads(server.ask("GET", "/openapi.json")[1])
    predict = document["paths"]["/predict"]["post"]
    assert "application/x-npy" in predict["requestBody"]["content"]
    assert "application/x-npy" in predict["responses"]["200"]["content"]
    assert set(predict["responses"]) == {"200", "400", "408", "413", "415", "422", "503"}


@pytest.mark.parametrize("own_server", ["uvicorn"], indirect=True)
def test_clients_that_do_not_take_their_answers(own_server):
    body = as_npy(image(1, 90, 90, 64))  # 25 MiB of answer: more than sockets hold
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(open_request(own_server, body))
        wait_for(lambda: own_server.metric(IN_FLIGHT) == 5)
        wait_for(lambda: own_server.metric(IN_FLIGHT) == 1)
    assert own_server.ask("POST", "/predict", GOOD)[0] == 200
