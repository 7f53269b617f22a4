"""Photographs, from people one does not know, as what a network expects.

A network's file names how its images are to be prepared: ``about={"preprocessing": "tf"}``.
"""

import io

import numpy as np
from PIL import Image, ImageOps

from tensors import RefusedError

MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
CAFFE_MEAN = np.float32([103.939, 116.779, 123.68])

# What becomes of the numbers 0 to 255; the names are those of keras.applications, and two more.
PREPROCESSING = {
    "none": lambda x: x,
    "unit": lambda x: x / 255,
    "tf": lambda x: x / np.float32(127.5) - 1,
    "torch": lambda x: (x / 255 - MEAN) / DEVIATION,
    "caffe": lambda x: x[..., ::-1] - CAFFE_MEAN,
}
NEED_RGB = {"torch", "caffe"}
MODES = {1: "L", 3: "RGB"}
KINDS = {"image/jpeg": "JPEG", "image/png": "PNG"}
Image.MAX_IMAGE_PIXELS = None  # it is checked here


def open_image(body, kind):
    """Return an image whose pixels are not decoded yet."""
    try:
        image = Image.open(io.BytesIO(body), formats=[KINDS[kind]])
    except Exception as error:  # decoders may fail in any way
        raise RefusedError(400, f"body: expected {kind}: {type(error).__name__}") from None
    if image.mode[0] in "IF":
        raise RefusedError(422, f"image: expected 8 bits a channel, got mode {image.mode}")
    return image


def read(body, kind, model, most_pixels, check):
    """Return a photograph as (1, H, W, C), of the model's height and width where it has them.

    Its size is checked before its pixels are decoded, and by ``check(shape)`` what the model would
    be given before they become floats.
    """
    _, height, width, channels = model.shape
    if channels not in MODES:
        raise RefusedError(415, f"body: expected an array of {channels} channels, not {kind}")
    image = open_image(body, kind)
    if image.width * image.height > most_pixels:
        raise RefusedError(413, f"image: expected at most {most_pixels} pixels, got {image.size}")
    try:
        image = ImageOps.exif_transpose(image).convert(MODES[channels])
    except Exception as error:
        raise RefusedError(400, f"body: damaged {kind}: {type(error).__name__}") from None
    size = (width or image.width, height or image.height)
    shape = (1, size[1], size[0], channels)
    check(shape)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.float32).reshape(shape)
    return np.ascontiguousarray(PREPROCESSING[model.preprocessing](pixels), np.float32)
