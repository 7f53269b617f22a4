"""An HTTP service around a head of EfficientDet-D0.

    python head.py head.npz
    HEAD_WEIGHTS=head.npz uvicorn app:app --timeout-graceful-shutdown 30

POST /predict takes the bytes of a .npy file, (N, H, W, 64), and answers with those of the result.
"""

import contextlib
import logging
import os
from dataclasses import dataclass

import anyio
import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

import csep
import metrics
import tensors
from head import load

logger = logging.getLogger("uvicorn.error")


@dataclass(frozen=True)
class Limits:
    """What one request may ask for; from the environment, HEAD_ and the name in capitals."""

    body_bytes: int = 16 << 20
    pixels: int = 1 << 15  # of a request: the result has 810 floats for each, at most 100 MiB
    body_seconds: float = 10.0  # for the body to arrive
    queue_seconds: float = 5.0  # for a slot to become free
    slots: int = 2  # requests computed at once; the rest wait
    requests: int = 32  # requests held at once, the sending of answers included
    send_seconds: float = 30.0  # for a client to take a piece of its answer

    @classmethod
    def from_environment(cls):
        """Return the limits, each one that is set."""
        kinds = {name: field.type for name, field in cls.__dataclass_fields__.items()}
        given = {name: os.environ.get(f"HEAD_{name.upper()}") for name in kinds}
        return cls(**{name: kinds[name](text) for name, text in given.items() if text})


HEAD = load(os.environ.get("HEAD_WEIGHTS", "head.npz"))
LIMITS = Limits.from_environment()
HEAD.warm_up()  # with gunicorn's --preload, before the fork


@contextlib.asynccontextmanager
async def lifespan(app):
    """Make what belongs to one event loop."""
    app.state.slots = anyio.CapacityLimiter(LIMITS.slots)
    yield


api = FastAPI(title="EfficientDet-D0 head", lifespan=lifespan)


async def read_body(request):
    """Return the body.

    What is too large is not kept, but read on for a while, so that a client that is still sending
    gets to see the answer.
    """
    body, too_large = bytearray(), 0
    try:
        with anyio.fail_after(LIMITS.body_seconds):
            async for chunk in request.stream():
                if too_large or len(body) + len(chunk) > LIMITS.body_bytes:
                    too_large += len(body) + len(chunk)
                    body.clear()
                    if too_large > 4 * LIMITS.body_bytes:
                        break
                else:
                    body += chunk
    except TimeoutError:
        message = f"body: expected within {LIMITS.body_seconds} seconds"
        raise tensors.RefusedError(408, message) from None
    except ClientDisconnect:
        raise tensors.RefusedError(400, "body: the connection was closed") from None
    if too_large:
        raise tensors.RefusedError(413, f"body: expected at most {LIMITS.body_bytes} bytes")
    return bytes(body)


def compute(body):
    """Return the bytes of the answer."""
    x = tensors.read(body, HEAD.channels, LIMITS.pixels)
    return tensors.write(HEAD(x))


async def answer_to(request):
    """Return the bytes of the answer, computed in a thread when a slot is free."""
    body = await read_body(request)
    slots = request.app.state.slots
    try:
        with metrics.QUEUE.time(), anyio.fail_after(LIMITS.queue_seconds):
            await slots.acquire()
    except TimeoutError:
        raise tensors.RefusedError(503, "busy: no slot became free, try again later") from None
    try:
        with metrics.COMPUTE.time():
            return await anyio.to_thread.run_sync(compute, body)
    finally:
        slots.release()


NPY = {"application/x-npy": {"schema": {"type": "string", "format": "binary"}}}
REFUSALS = {
    400: "The body is no .npy file, or longer or shorter than its header says",
    408: "The body did not arrive in time",
    413: "More bytes or pixels than the service takes",
    422: "A dtype or shape that the head does not take",
    503: "Too many requests at once, or no memory: try again later",
}
SAID = {"schema": {"type": "object", "properties": {"detail": {"type": "string"}}}}


@api.post(
    "/predict",
    response_class=Response,
    responses={
        200: {"description": "The bytes of the result's .npy file", "content": NPY},
        **{
            status: {"description": text, "content": {"application/json": SAID}}
            for status, text in REFUSALS.items()
        },
    },
    openapi_extra={
        "requestBody": {
            "description": "The bytes of a .npy file, (N, H, W, channels) of float32 or float16",
            "required": True,
            "content": NPY,
        }
    },
)
async def predict(request: Request) -> Response:
    """Run the head."""
    try:
        answer = await answer_to(request)
    except tensors.RefusedError as refused:
        # What is left of a body that is not wanted is not read either.
        close = {"Connection": "close"} if refused.status in {408, 413} else None
        raise HTTPException(refused.status, str(refused), headers=close) from None
    except MemoryError:
        raise HTTPException(503, "memory: not enough for this request now") from None
    return Response(answer, media_type="application/x-npy")


@api.get("/health")
async def health() -> dict[str, object]:
    """Tell that the service answers, and what with."""
    sizes = {"channels": HEAD.channels, "outputs": HEAD.outputs}
    return {"status": "ok", "csep": csep.__version__, **sizes}


@api.get("/ready", responses={503: {"description": "As many requests are held as may be"}})
async def ready(request: Request) -> dict[str, object]:
    """Tell whether the next request would be taken: for who deals them out."""
    held = request.app.state.bounded.held
    if held >= LIMITS.requests:
        raise HTTPException(503, f"busy: {held} requests are held")
    return {"ready": True, "held": held}


@api.get("/metrics")
def metrics_page() -> Response:
    """Tell what was done, in the format of Prometheus."""
    text, kind = metrics.page()
    return Response(text, media_type=kind)


PIECE = 1 << 18  # bytes of an answer that are handed over at a time


class Bounded:
    """An ASGI application that holds so many requests at once, and no answer that nobody takes."""

    def __init__(self, app):
        self.app, self.held = app, 0

    async def __call__(self, scope, receive, send):
        """Answer one request, or say that there are too many."""
        if scope["type"] != "http" or metrics.route(scope) != "/predict":
            await self.app(scope, receive, send)
            return

        async def send_in_time(message):
            # In pieces: a server waits for its client between two of them.
            body = message.get("body", b"")
            for start in range(0, max(len(body), 1), PIECE):
                end = start + PIECE
                more = end < len(body) or message.get("more_body", False)
                piece = {"body": body[start:end], "more_body": more} if body else {}
                with anyio.fail_after(LIMITS.send_seconds):
                    await send(message | piece)

        if self.held >= LIMITS.requests:
            busy = {"detail": "busy: too many requests at once, try again later"}
            await JSONResponse(busy, 503, {"Connection": "close"})(scope, receive, send_in_time)
            return
        self.held += 1
        try:
            await self.app(scope, receive, send_in_time)
        except TimeoutError:
            # The answer has begun, so nothing can be said: the server closes the connection.
            logger.warning("an answer was not taken within %s seconds", LIMITS.send_seconds)
        finally:
            self.held -= 1


api.state.bounded = Bounded(api)
app = metrics.Measured(api.state.bounded, {"/predict", "/health", "/ready", "/metrics"})
