"""Boxes and masks drawn over pixels: antialiased, a colour of its own for each thing, labels that stay readable."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..media.boxes import Boxes
from ..media.masks import Masks

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

# Twelve hues that stay apart on most pictures, also for the colour-blind (after Okabe and Ito, 2008, and
# lighter and darker turns of theirs); things beyond twelve start over.
PALETTE: tuple[tuple[int, int, int], ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (240, 228, 66), (0, 114, 178),
    (213, 94, 0), (120, 94, 240), (254, 97, 0), (100, 200, 120), (220, 38, 127), (140, 140, 140),
)  # fmt: skip
_TINT = 0.42  # how much of a mask's colour covers the pixel
_OVERSAMPLING = 2  # Pillow draws lines without antialiasing: draw larger, then reduce


def overlay(pixels: NDArray[np.uint8], boxes: Boxes | None = None, masks: Masks | None = None) -> NDArray[np.uint8]:
    """A copy of ``pixels`` (H, W, 3) uint8 RGB with masks tinted and outlined and boxes drawn and named."""
    drawn = pixels.copy()
    for index, bitmap in enumerate(masks.bitmaps if masks is not None else ()):
        colour = np.array(PALETTE[index % len(PALETTE)], np.float64)
        drawn[bitmap] = np.rint(drawn[bitmap] * (1 - _TINT) + colour * _TINT).astype(np.uint8)
        drawn[_outline(bitmap, max(1, max(pixels.shape) // 320))] = colour
    return _draw_boxes(drawn, boxes) if boxes is not None and len(boxes) else drawn


def _outline(bitmap: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The pixels of a mask that are at most ``width`` steps from its edge."""
    core = bitmap
    for _ in range(width):
        padded = np.pad(core, 1)
        core = core & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    return bitmap & ~core


def _draw_boxes(pixels: NDArray[np.uint8], boxes: Boxes) -> NDArray[np.uint8]:
    from PIL import Image as Pil
    from PIL import ImageDraw, ImageFont

    height, width = pixels.shape[:2]
    scale = _OVERSAMPLING
    sheet = Pil.new("RGBA", (width * scale, height * scale), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    line = max(2, round(max(width, height) / 200)) * scale
    font = ImageFont.load_default(max(11, max(width, height) / 34) * scale)
    for index, (box, label, score) in enumerate(zip(boxes.xyxy, boxes.labels, boxes.scores, strict=True)):
        colour = PALETTE[index % len(PALETTE)]
        left, top, right, bottom = (float(each) * scale for each in box)
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=(*colour, 255), width=line)
        _draw_label(pen, font, f"{label} {score:.2f}".strip(), (left, top), colour, sheet.size)
    layer = sheet.resize((width, height), Pil.Resampling.BOX)
    return np.asarray(Pil.alpha_composite(Pil.fromarray(pixels).convert("RGBA"), layer).convert("RGB"), np.uint8)


def _draw_label(
    pen: "ImageDraw.ImageDraw",
    font: "ImageFont.FreeTypeFont | ImageFont.ImageFont",
    text: str,
    corner: tuple[float, float],
    colour: tuple[int, int, int],
    sheet: tuple[int, int],
) -> None:
    """A name tag above the box's corner, or inside the box and the picture where there is no room."""
    x0, y0, x1, y1 = pen.textbbox((0, 0), text, font=font)
    pad = (y1 - y0) * 0.25
    width, height = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    left = min(max(0.0, corner[0]), max(0.0, sheet[0] - width))
    top = corner[1] - height if corner[1] >= height else max(0.0, corner[1])
    pen.rectangle((left, top, left + width, top + height), fill=(*colour, 235))
    dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 120
    ink = (20, 20, 24, 255) if dark else (255, 255, 255, 255)
    pen.text((left + pad - x0, top + pad - y0), text, font=font, fill=ink)
