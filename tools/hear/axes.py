"""The frame around a picture of a recording: a drawing area with times below it and values at its left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image as Pillow

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]
WHITE, INK, FAINT = (255, 255, 255), (40, 40, 40), (200, 200, 200)
LEFT, TOP, RIGHT, BOTTOM = 76, 16, 24, 56
"""Pixels around the drawing area."""
_SIZE = 16  # of letters, in pixels
_TICK = 6
_TIMES = 8  # at most, along the axis
_MINUTE = 60


class Tick(NamedTuple):
    """A place on an axis, as a share of it, and what is written there."""

    share: float
    text: str


def steps(highest: float, most: int) -> list[float]:
    """Round values from 0 to ``highest``, evenly spaced, at most so many besides 0."""
    rough = highest / most
    power = 10.0 ** np.floor(np.log10(rough)) if rough > 0 else 1.0
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * (1 - 1e-9))
    return [float(each) for each in np.arange(0, highest * (1 + 1e-9), step)]


def times(seconds: float) -> list[Tick]:
    """Ticks for the time axis of a recording: seconds, or minutes where it is longer than two."""
    if seconds <= 2 * _MINUTE:
        return [Tick(each / seconds, f"{each:g}") for each in steps(seconds, _TIMES)]
    minutes = [each for each in (0.5, 1, 2, 5, 10, 15, 30, 60) if seconds / _MINUTE / each <= _TIMES]
    step = (minutes[0] if minutes else 120) * _MINUTE
    return [
        Tick(each / seconds, f"{int(each // _MINUTE)}:{int(each % _MINUTE):02d}")
        for each in np.arange(0, seconds, step)
    ]


def framed(area: Pixels, seconds: float, values: Sequence[Tick], unit: str, right: int = RIGHT) -> Pillow.Image:
    """The drawing area (H, W, 3) within axes: ``values`` go up its left side, the time of ``seconds`` along its foot.

    ``unit`` says what the values are; ``right`` is the margin at the right, in pixels.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    height, width = area.shape[:2]
    picture = Pillow.new("RGB", (LEFT + width + right, TOP + height + BOTTOM), WHITE)
    picture.paste(Pillow.fromarray(area), (LEFT, TOP))
    draw = ImageDraw.Draw(picture)
    font = letters()
    foot = TOP + height
    draw.rectangle((LEFT - 1, TOP - 1, LEFT + width, foot), outline=INK)
    for share, text in times(seconds):
        x = LEFT + round(share * (width - 1))
        draw.line((x, foot, x, foot + _TICK), fill=INK)
        draw.text((x, foot + _TICK + 2), text, fill=INK, font=font, anchor="ma")
    for share, text in values:
        y = foot - 1 - round(share * (height - 1))
        draw.line((LEFT - _TICK, y, LEFT - 1, y), fill=INK)
        draw.text((LEFT - _TICK - 3, y), text, fill=INK, font=font, anchor="rm")
    clock = "time in min:s" if seconds > 2 * _MINUTE else "time in s"
    draw.text((LEFT + width / 2, picture.height - 4), clock, fill=INK, font=font, anchor="md")
    upright = Pillow.new("L", (height, _SIZE + 6))
    ImageDraw.Draw(upright).text((height / 2, (_SIZE + 6) / 2), unit, fill=255, font=font, anchor="mm")
    picture.paste(INK, (2, TOP), upright.rotate(90, expand=True))
    return picture


def letters() -> Any:
    """The font of axes."""
    from PIL import ImageFont

    return ImageFont.load_default(size=_SIZE)
