"""Draw boxes and masks on a picture so that a person sees at a glance what was found where.

Colours follow the label, so that the box and the mask of one thing match. Outlines of masks are antialiased; labels
lie on plates that keep off each other and inside the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..media.boxes import Boxes
from ..media.image import Image
from ..media.masks import Masks

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

# Okabe and Ito's palette, which people with colour-blindness can tell apart, without its black, then four more.
_PALETTE = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (148, 103, 189),
    (140, 86, 75),
    (127, 201, 127),
)
_FILL = 0.3  # share of the label's colour inside a mask

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]


def draw_overlay(image: Image, boxes: Boxes | None = None, masks: Masks | None = None, min_side: int = 0) -> Image:
    """The picture with boxes (outline, label, score) and masks (tint, outline) drawn on it.

    With ``min_side`` a picture whose longer side is shorter is first enlarged by a whole factor to at least that many
    pixels, so that labels on a thumbnail can be read; without it the size is kept. Alpha is dropped.
    """
    import cv2

    height, width = image.pixels.shape[:2]
    scale = max(1, -(-min_side // max(height, width)))
    pixels = np.array(image.pixels)
    if scale > 1:
        pixels = cv2.resize(pixels, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)
    named = [*(masks.labels if masks else ()), *(boxes.labels if boxes else ())]
    colours = {label: _PALETTE[n % len(_PALETTE)] for n, label in enumerate(dict.fromkeys(named))}
    line = max(2, round(max(pixels.shape[:2]) / 320))
    if masks is not None:
        for bitmap, label in zip(masks.bitmaps, _labels(masks), strict=True):
            _tint(pixels, bitmap, colours.get(label, _PALETTE[0]), line, scale)
    if boxes is not None:
        return Image.from_array(_with_plates(pixels, boxes.xyxy * scale, boxes, colours, line))
    if masks is not None:
        return Image.from_array(_with_plates(pixels, _extents(masks) * scale, masks, colours, 0))
    return Image.from_array(pixels)


def _labels(found: Boxes | Masks) -> Sequence[str]:
    return found.labels or [""] * len(found)


def _extents(masks: Masks) -> NDArray[np.float32]:
    """The box around each mask: N x 4 xyxy in pixels."""
    around = np.zeros((len(masks), 4), np.float32)
    for number, bitmap in enumerate(masks.bitmaps):
        columns, rows = np.flatnonzero(bitmap.any(axis=0)), np.flatnonzero(bitmap.any(axis=1))
        if len(columns):
            around[number] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return around


def _tint(pixels: NDArray[np.uint8], bitmap: NDArray[np.bool_], colour: Colour, line: int, scale: int) -> None:
    import cv2

    height, width = pixels.shape[:2]
    grown = bitmap.astype(np.float32)
    if scale > 1:  # rounds off the steps that enlarging a bitmap makes
        grown = cv2.resize(grown, (width, height), interpolation=cv2.INTER_LINEAR)
        grown = cv2.GaussianBlur(grown, (0, 0), scale * 0.7)
    inside = grown >= 0.5
    blended = pixels[inside].astype(np.float32) * (1 - _FILL) + np.array(colour, np.float32) * _FILL
    pixels[inside] = blended.round().astype(np.uint8)
    outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.polylines(pixels, outlines, True, (255, 255, 255), line + 2, cv2.LINE_AA)  # stands out on a thing of its colour
    cv2.polylines(pixels, outlines, True, colour, line, cv2.LINE_AA)


def _with_plates(
    pixels: NDArray[np.uint8],
    xyxy: NDArray[np.float32],
    found: Boxes | Masks,
    colours: dict[str, Colour],
    line: int,
) -> NDArray[np.uint8]:
    """The picture with a plate (label, score) at each rectangle of ``xyxy``, and its outline unless ``line`` is 0."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    picture = Pillow.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=float(np.clip(max(picture.size) / 42, 11, 40)))
    corners = [tuple(int(round(float(value))) for value in row) for row in xyxy]
    labels = _labels(found)
    for (left, top, right, bottom), label in zip(corners, labels, strict=True):
        if line:
            draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colours[label], width=line)
    placed: list[Rectangle] = []
    scores = [f"{score:.2f}" for score in found.scores] or [""] * len(found)
    for corner, label, score in zip(corners, labels, scores, strict=True):
        if text := f"{label} {score}".strip():
            plate = _place(corner, _size(draw, text, font), picture.size, placed)
            placed.append(plate)
            _plate(draw, plate, text, font, colours.get(label, _PALETTE[0]))
    return np.asarray(picture)


def _size(draw: ImageDraw, text: str, font: Any) -> tuple[int, int]:
    _, top, _, bottom = draw.textbbox((0, 0), "Ag", font=font)
    padding = max(2, int(bottom - top) // 4)
    return int(draw.textlength(text, font=font)) + 2 * padding, int(bottom) + 2 * padding


def _place(
    box: tuple[int, ...], size: tuple[int, int], canvas: tuple[int, int], taken: Sequence[Rectangle]
) -> Rectangle:
    """The first free spot for a plate: above, inside, below the box, at its left or right edge; else above."""
    left, top, right, bottom = box
    wide, high = size
    spots = [(x, y) for y in (top - high, top, bottom, bottom - high) for x in (left, right - wide)]
    inside = [(min(max(x, 0), max(canvas[0] - wide, 0)), min(max(y, 0), max(canvas[1] - high, 0))) for x, y in spots]
    plates = [(x, y, x + wide, y + high) for x, y in inside]
    free = [plate for plate in plates if not any(_overlap(plate, other) for other in taken)]
    return (free or plates)[0]


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _plate(draw: ImageDraw, plate: Rectangle, text: str, font: Any, colour: Colour) -> None:
    red, green, blue = colour
    ink = (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)
    left, top, right, bottom = plate
    draw.rectangle((left, top, right - 1, bottom - 1), fill=colour)
    draw.text(((left + right) / 2, (top + bottom) / 2), text, fill=ink, font=font, anchor="mm")
