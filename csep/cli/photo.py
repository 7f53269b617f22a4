"""What ``python -m csep image`` runs: the two stages of a separable convolution on a photograph."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..operators import SeparableConv2D

# Panels are at most this wide: four of them fit on a screen.
PANEL_WIDTH = 640

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32) / 4

# The usual sepia mixture; each column makes one output colour from red, green and blue.
SEPIA = np.array([[0.393, 0.349, 0.272], [0.769, 0.686, 0.534], [0.189, 0.168, 0.131]], np.float32)


def gaussian(size: int, sigma: float) -> np.ndarray:
    """Return a (size, size) blur kernel with sum 1."""
    at = np.arange(size) - (size - 1) / 2
    row = np.exp(-((at / sigma) ** 2) / 2)
    kernel = np.outer(row, row)
    return (kernel / kernel.sum()).astype(np.float32)


def per_channel(*kernels: np.ndarray) -> np.ndarray:
    """Return depthwise weights (kh, kw, 3, M) that put each kernel on each colour."""
    return np.stack([np.stack([k] * 3, -1) for k in kernels], -1)


def operators() -> dict[str, SeparableConv2D]:
    """Return the operators shown, by what they show."""
    keep = np.eye(3, dtype=np.float32)[None, None]
    untouched = per_channel(np.ones((1, 1), np.float32))
    # Two kernels per colour: the depthwise outputs are R-across, R-down, G-across, ...
    edges = per_channel(SOBEL, SOBEL.T)
    # Edges across in orange, edges down in blue, whatever colour they were found in.
    across, down = np.array([1.0, 0.55, 0.0]), np.array([0.0, 0.45, 1.0])
    paint = np.stack([across, down] * 3).astype(np.float32)[None, None]
    return {
        "depthwise only: each colour blurred by itself (11x11)": SeparableConv2D(
            per_channel(gaussian(11, 3.0)), keep, padding="SAME"
        ),
        "pointwise only: the colours of a pixel mixed (sepia)": SeparableConv2D(
            untouched, SEPIA[None, None], padding="SAME"
        ),
        "both, fused: 6 edge maps (multiplier 2) mixed to colours": SeparableConv2D(
            edges, paint, np.full(3, 0.5, np.float32), padding="SAME"
        ),
    }


def eight_bits(image) -> np.ndarray | None:
    """Return the values of a grey Pillow image of 16 or 32 bits, scaled and not clipped to 8.

    None for one of another mode, which Pillow converts itself.
    """
    if not image.mode.startswith("I"):
        return None
    wide = np.asarray(image).astype(np.float32)
    top = 255 if wide.max(initial=0) <= 255 and image.mode == "I" else 65535
    return (wide.clip(0, top) * (255 / top)).round().astype(np.uint8)


def render(photo: Path, out: Path) -> str:
    """Write a sheet of the photograph and of what each stage makes of it.

    Parameters
    ----------
    photo : Path
        An image file Pillow reads.
    out : Path
        Where to write the sheet; the suffix names the format.

    Returns
    -------
    str
        One line that says what was written.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    OSError
        If the photograph cannot be read or the sheet not written.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont, ImageOps  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            'python -m csep image needs Pillow: pip install "csep-conv[image]"'
        ) from error
    with Image.open(photo) as image:
        upright = ImageOps.exif_transpose(image)
        grey = eight_bits(upright)
        picture = (upright if grey is None else Image.fromarray(grey)).convert("RGB")
    picture.thumbnail((PANEL_WIDTH, PANEL_WIDTH))
    x = (np.asarray(picture, np.float32) / 255)[None]

    panels = {"the photograph": x[0]}
    for title, op in operators().items():
        panels[title] = op(x)[0]

    margin, caption = 12, 28
    width, height = picture.size
    font = ImageFont.load_default(size=max(11, width // 32))
    # A small picture's panel is as wide as its caption.
    column = max(width, *(math.ceil(font.getlength(title)) for title in panels))
    size = (2 * column + 3 * margin, 2 * (height + caption) + 3 * margin)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for i, (title, pixels) in enumerate(panels.items()):
        left = margin + (i % 2) * (column + margin)
        top = margin + (i // 2) * (height + caption + margin)
        draw.text((left, top), title, fill="black", font=font)
        panel = Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))
        sheet.paste(panel, (left, top + caption))
    sheet.save(out)
    return f"{out}: {sheet.width} x {sheet.height}, {len(panels)} panels"
