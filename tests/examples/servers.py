"""The example service as a process, and what tests ask it."""

import contextlib
import http.client
import importlib.util
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import free_port

SERVICE = Path(__file__).parents[2] / "examples" / "service"
for name in ("fastapi", "uvicorn_worker", "gunicorn", "prometheus_client", "PIL"):
    pytest.importorskip(name, reason='needs pip install ".[service]"')

sys.path.insert(0, str(SERVICE))
from model import load  # noqa: E402

LIMITS = {
    "SERVICE_BODY_BYTES": str(4 << 20),
    "SERVICE_PIXELS": "8192",
    "SERVICE_BODY_SECONDS": "3",
    "SERVICE_REQUESTS": "20",
    "SERVICE_SEND_SECONDS": "2",
    "CSEP_NUM_THREADS": "2",
    "PYTHONWARNINGS": "ignore",
}
COMMANDS = {
    "uvicorn": ["uvicorn", "app:app", "--port", "{port}", "--timeout-graceful-shutdown", "30"],
    "gunicorn": ["gunicorn", "-c", "gunicorn.conf.py", "-b", "127.0.0.1:{port}", "app:app"],
}
# As a proxy that takes a prefix off the paths has it started.
PROXIED = {"proxied": [*COMMANDS["uvicorn"], "--root-path", "/models/head"]}


class Server:
    """A server process and what it is asked."""

    def __init__(self, kind, model, log, more=()):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.model = load(model)
        self.log = log
        command = [part.format(port=self.port) for part in (COMMANDS | PROXIED)[kind]]
        source = str(Path(importlib.util.find_spec("csep").origin).parents[1])
        environment = os.environ | LIMITS | {"CSEP_MODEL": str(model), "PYTHONPATH": source}
        environment |= dict(more)
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=SERVICE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        self.wait_until_healthy()

    def wait_until_healthy(self):
        for _ in range(300):
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/health")[0] == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("not healthy: " + self.log.read_text()[-3000:])

    def ask(self, method, path, body=None, headers=None):
        """Return status and body of one answer."""
        connection = http.client.HTTPConnection(f"127.0.0.1:{self.port}", timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def metric(self, pattern):
        """Return the sum of all samples that match."""
        text = self.ask("GET", "/metrics")[1].decode()
        return sum(float(n) for n in re.findall(rf"^{pattern} (\S+)$", text, re.MULTILINE))

    def stopped_well(self):
        """Whether it ends in time and as asked; uvicorn passes the signal on."""
        self.process.terminate()
        return self.process.wait(60) in {0, -signal.SIGTERM}


def as_npy(array, **kwargs):
    stream = io.BytesIO()
    np.save(stream, array, **kwargs)
    return stream.getvalue()
