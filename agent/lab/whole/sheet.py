"""A contact sheet of real results: request, answer and picture of some tasks, the wrong ones among them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from ....tools.draw.overlay import draw_overlay
from ....tools.media.boxes import Boxes
from ....tools.media.image import Image
from ....tools.media.masks import Masks
from .tasks import Task

if TYPE_CHECKING:
    from ...result import Result

COLUMNS, ROWS = 4, 4
_TILE, _GAP, _TEXT, _LINE = 236, 18, 84, 17  # pixels
_PAPER, _INK, _GOOD, _BAD = (248, 249, 251), (38, 44, 56), (22, 128, 76), (190, 44, 44)


@dataclass(frozen=True)
class Shown:
    """One tile: an RGB picture, what was asked and answered, by which way, and whether that was right."""

    picture: NDArray[np.uint8]
    asked: str
    said: str
    way: str
    right: bool


def shown(task: Task, result: Result, right: bool) -> Shown:
    """The tile of a result: the picture that it made, else the scene with the boxes and masks of its evidence."""
    made = [each for each in result.artifacts.values() if isinstance(each, Image)]
    if made:
        picture = _on_squares(made[0])
    else:
        cited = [artifact for each in result.evidence for artifact in each.artifacts]
        boxes = next((each for each in cited if isinstance(each, Boxes)), None)
        masks = next((each for each in cited if isinstance(each, Masks)), None)
        picture = draw_overlay(Image.from_array(task.scene.image), boxes, masks).pixels
    return Shown(picture, task.text, result.text, result.route.get("kind", ""), right)


def contact_sheet(tiles: Sequence[Shown]) -> Pillow.Image:
    """Tiles in rows of COLUMNS, each with its request, its answer and a mark."""
    rows = -(-len(tiles) // COLUMNS)
    sheet = Pillow.new("RGB", (COLUMNS * (_TILE + _GAP) + _GAP, rows * (_TILE + _TEXT + _GAP) + _GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        x, y = _GAP + column * (_TILE + _GAP), _GAP + row * (_TILE + _TEXT + _GAP)
        picture = Pillow.fromarray(tile.picture)
        picture.thumbnail((_TILE, _TILE))
        frame = Pillow.new("RGB", (_TILE, _TILE), (233, 236, 241))
        frame.paste(picture, ((_TILE - picture.width) // 2, (_TILE - picture.height) // 2))
        sheet.paste(frame, (x, y))
        below = y + _TILE + 6
        for line in textwrap.wrap(tile.asked, 36)[:2]:
            pen.text((x, below), line, _INK, _font(13))
            below += _LINE
        for line in textwrap.wrap(f"{tile.said} ({tile.way})", 36)[:2]:
            pen.text((x, below), line, _GOOD if tile.right else _BAD, _font(13))
            below += _LINE
    return sheet


def save(tiles: Sequence[Shown], out: Path) -> None:
    """Write the sheet as PNG of 256 colours."""
    out.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(tiles).quantize(256, Pillow.Quantize.MEDIANCUT, kmeans=2).save(out, optimize=True)


def _on_squares(image: Image) -> NDArray[np.uint8]:
    """The picture over light squares where it is clear."""
    if image.alpha is None:
        return image.pixels
    odd = (np.indices(image.pixels.shape[:2]) // 12).sum(axis=0) % 2
    squares = np.where(odd[..., None] > 0, 255, 224).astype(np.float32)
    share = image.alpha[..., None].astype(np.float32) / 255
    return np.asarray(np.rint(image.pixels * share + squares * (1 - share)), np.uint8)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
