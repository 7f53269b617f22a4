"""What a service tells of itself, in the format of Prometheus."""

import os
import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
REQUESTS = Counter("csep_requests", "Requests answered", ["path", "status"])
ERRORS = Counter("csep_errors", "Requests answered with a status of 400 or more", ["path"])
LATENCY = Histogram("csep_request_seconds", "From request to answer", ["path"], buckets=BUCKETS)
QUEUE = Histogram("csep_queue_seconds", "Waiting for a slot", buckets=BUCKETS)
COMPUTE = Histogram("csep_compute_seconds", "Reading, computing and writing", buckets=BUCKETS)
# Of dead workers nothing is counted.
IN_FLIGHT = Gauge("csep_in_flight", "Requests being worked on", multiprocess_mode="livesum")


def route(scope):
    """Return a request's path within the application, which a proxy may have put below another."""
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"]
    return path[len(root) :] if root and path.startswith(root + "/") else path


class Measured:
    """An ASGI application with its requests counted; paths it does not have count as one."""

    def __init__(self, app, paths):
        self.app, self.paths = app, paths

    async def __call__(self, scope, receive, send):
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = route(scope) if route(scope) in self.paths else "other"
        status, start = 500, time.perf_counter()

        async def note_status(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        IN_FLIGHT.inc()
        try:
            await self.app(scope, receive, note_status)
        finally:
            LATENCY.labels(path).observe(time.perf_counter() - start)
            REQUESTS.labels(path, status).inc()
            if status >= 400:
                ERRORS.labels(path).inc()
            IN_FLIGHT.dec()  # the last: where nothing is in flight, all is counted


def page():
    """Return the metrics of this process, or of all workers, and their content type."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST
