"""An HTTP service around a network of images: any .csep file.

    CSEP_MODEL=model.csep uvicorn app:app --timeout-graceful-shutdown 30

POST /predict takes a photograph (image/jpeg, image/png) or the bytes of a .npy file, and answers
with those of the result, or in JSON where that is asked for.
"""

import contextlib
import logging
import math
import os
from dataclasses import dataclass

import anyio
import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

import csep
import images
import metrics
import tensors
from model import load

logger = logging.getLogger("uvicorn.error")
NPY, NPZ, JSON = "application/x-npy", "application/x-npz", "application/json"


@dataclass(frozen=True)
class Limits:
    """What one request may ask for; from the environment, SERVICE_ and the name in capitals."""

    body_bytes: int = 16 << 20
    pixels: int = 1 << 24  # of a photograph, or of an array's images together
    result_bytes: int = 1 << 29  # of the results of all steps: bounds memory, and time
    body_seconds: float = 10.0  # for the body to arrive
    queue_seconds: float = 5.0  # for a slot to become free
    slots: int = 2  # requests computed at once; the rest wait
    requests: int = 32  # requests held at once, the sending of answers included
    send_seconds: float = 30.0  # for a client to take a piece of its answer

    @classmethod
    def from_environment(cls):
        """Return the limits, each one that is set."""
        kinds = {name: field.type for name, field in cls.__dataclass_fields__.items()}
        given = {name: os.environ.get(f"SERVICE_{name.upper()}") for name in kinds}
        return cls(**{name: kinds[name](text) for name, text in given.items() if text})


MODEL = load(os.environ.get("CSEP_MODEL", "model.csep"))
LIMITS = Limits.from_environment()
MODEL.warm_up()  # with gunicorn's --preload, before the fork


@contextlib.asynccontextmanager
async def lifespan(app):
    """Make what belongs to one event loop."""
    app.state.slots = anyio.CapacityLimiter(LIMITS.slots)
    yield


api = FastAPI(title="A network on csep", lifespan=lifespan)


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


def check(shape):
    """Refuse images of which computing would take too much, or that the network cannot take."""
    pixels = math.prod(shape[:3])
    if pixels > LIMITS.pixels:
        message = f"shape: expected at most {LIMITS.pixels} pixels, got {pixels}"
        raise tensors.RefusedError(413, message)
    try:
        needed = MODEL.result_bytes(shape)
    except ValueError as error:
        raise tensors.RefusedError(422, f"shape: {error}") from None
    if needed > LIMITS.result_bytes:
        message = f"shape: expected results of at most {LIMITS.result_bytes} bytes, got {needed}"
        raise tensors.RefusedError(413, message)


def compute(body, kind, wanted):
    """Return the bytes of the answer and their kind."""
    if kind in images.KINDS:
        x = images.read(body, kind, MODEL, LIMITS.pixels, check)
    else:
        x = tensors.read(body, MODEL.shape, check)
    y = MODEL(x)
    if JSON in wanted:
        return tensors.write_json(y, MODEL.names, MODEL.labels), JSON
    if len(y) > 1:
        return tensors.write_all(y, MODEL.names), NPZ
    return tensors.write(y[0]), NPY


async def answer_to(request):
    """Return the bytes of the answer and their kind, computed in a thread when a slot is free."""
    kind = request.headers.get("content-type", NPY).partition(";")[0].strip().lower()
    wanted = request.headers.get("accept", "").lower()
    body = await read_body(request)
    slots = request.app.state.slots
    try:
        with metrics.QUEUE.time(), anyio.fail_after(LIMITS.queue_seconds):
            await slots.acquire()
    except TimeoutError:
        raise tensors.RefusedError(503, "busy: no slot became free, try again later") from None
    try:
        with metrics.COMPUTE.time():
            return await anyio.to_thread.run_sync(compute, body, kind, wanted)
    finally:
        slots.release()


BYTES = {"schema": {"type": "string", "format": "binary"}}
NAMED = {"schema": {"type": "object"}}
REFUSALS = {
    400: "The body is no .npy file or image, or longer or shorter than its header says",
    408: "The body did not arrive in time",
    413: "More bytes or pixels, or larger results, than the service takes",
    415: "A photograph for a network of other channels",
    422: "A dtype or shape that the network does not take, or too many numbers for JSON",
    503: "Too many requests at once, or no memory: try again later",
}
SAID = {"schema": {"type": "object", "properties": {"detail": {"type": "string"}}}}


@api.post(
    "/predict",
    response_class=Response,
    responses={
        200: {
            "description": "The result as a .npy file, several as .npz, or by name in JSON",
            "content": {NPY: BYTES, NPZ: BYTES, JSON: NAMED},
        },
        **{
            status: {"description": text, "content": {JSON: SAID}}
            for status, text in REFUSALS.items()
        },
    },
    openapi_extra={
        "requestBody": {
            "description": "A photograph, or a .npy file, (N, H, W, C) of float32 or float16",
            "required": True,
            "content": dict.fromkeys((NPY, *images.KINDS), BYTES),
        }
    },
)
async def predict(request: Request) -> Response:
    """Run the network."""
    try:
        answer, kind = await answer_to(request)
    except tensors.RefusedError as refused:
        # What is left of a body that is not wanted is not read either.
        close = {"Connection": "close"} if refused.status in {408, 413} else None
        raise HTTPException(refused.status, str(refused), headers=close) from None
    except MemoryError:
        raise HTTPException(503, "memory: not enough for this request now") from None
    return Response(answer, media_type=kind)


@api.get("/health")
async def health() -> dict[str, object]:
    """Tell that the service answers, and what with."""
    model = {"shape": MODEL.shape, "outputs": MODEL.names, "preprocessing": MODEL.preprocessing}
    return {"status": "ok", "csep": csep.__version__, **model}


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
