"""gunicorn -c gunicorn.conf.py app:app: several workers, forked after the network is loaded."""

import os
import shutil
import tempfile

# Before anything imports prometheus_client: its counters lie in files that all workers share.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # this file is read again by a reload
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="csep-metrics-")

from prometheus_client import multiprocess

bind = os.environ.get("SERVICE_BIND", "127.0.0.1:8000")
worker_class = "uvicorn_worker.UvicornWorker"
workers = int(os.environ.get("SERVICE_WORKERS", "2"))
preload_app = True
timeout = 30  # a worker that does not answer its master for so long is replaced
graceful_timeout = 30


def child_exit(server, worker):
    """Forget what a worker had in flight."""
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Remove the counters."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
