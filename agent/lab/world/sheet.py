"""One picture of many samples: scenes as tiles, clips as film strips, clouds as they look from their side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from . import clips, clouds
from .clips import Clip, ClipConfig, render_clip
from .clouds import Cloud, CloudConfig, render_cloud
from .scenes import BACKGROUNDS, Scene, SceneConfig, render_scene

Picture = NDArray[np.uint8]

_TILE, _GAP, _BORDER = 176, 12, 24  # pixels
_PAPER, _INK, _FAINT, _FILM = (248, 249, 251), (38, 44, 56), (122, 130, 146), (24, 26, 32)
_FINE = 3  # how many times finer clouds and corners are drawn than shown


class Row(NamedTuple):
    """Square tiles side by side under a heading, as a film strip if they are frames; notes stand below the tiles."""

    heading: str
    remark: str
    tiles: Sequence[Picture]
    notes: Sequence[str] = ()
    film: bool = False


def contact_sheet(rows: Sequence[Row], columns: int = 6) -> Picture:
    """Rows of (H, H, 3) RGB pictures as one RGB picture; a row of more tiles than columns is broken, a film shrunk."""
    width = columns * _TILE + (columns - 1) * _GAP + 2 * _BORDER
    strips = [_strip(row, columns, width) for row in rows]
    sheet = Image.new("RGB", (width, sum(strip.height for strip in strips) + _BORDER), _PAPER)
    y = _BORDER // 2
    for strip in strips:
        sheet.paste(strip, (0, y))
        y += strip.height
    return np.asarray(sheet)


def _strip(row: Row, columns: int, width: int) -> Image.Image:
    """One row with its heading."""
    head, foot = 34, 22 if row.notes else 0
    lines = 1 if row.film else -(-len(row.tiles) // columns)
    side = (width - 2 * _BORDER - 9 * len(row.tiles) - 9) // len(row.tiles) if row.film else _TILE
    pitch = side + 40 + foot if row.film else side + foot + _GAP
    strip = Image.new("RGB", (width, head + lines * pitch + 6), _PAPER)
    pen = ImageDraw.Draw(strip)
    pen.text((_BORDER, 20), row.heading, _INK, _font(18), anchor="lm")
    pen.text((_BORDER + pen.textlength(row.heading + "  ", _font(18)), 21), row.remark, _FAINT, _font(13), anchor="lm")
    if row.film:
        _film_base(pen, width, head, side + 40)
    for k, tile in enumerate(row.tiles):
        line, column = (0, k) if row.film else divmod(k, columns)
        x = _BORDER + 9 + column * (side + 9) if row.film else _BORDER + column * (_TILE + _GAP)
        y = head + (20 if row.film else line * pitch)
        picture = Image.fromarray(np.asarray(cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA)))
        strip.paste(picture, (x, y), _rounded(side, 4 if row.film else 10))
        if k < len(row.notes):
            below = y + side + (32 if row.film else 12)
            pen.text((x + side / 2, below), row.notes[k], _FAINT, _font(12), anchor="mm")
    return strip


def _film_base(pen: ImageDraw.ImageDraw, width: int, top: int, height: int) -> None:
    """The dark band with its holes."""
    pen.rounded_rectangle((_BORDER, top, width - _BORDER, top + height), 8, _FILM)
    for x in range(_BORDER + 12, width - _BORDER - 14, 22):
        for y in (top + 6, top + height - 13):
            pen.rounded_rectangle((x, y, x + 10, y + 7), 2, _PAPER)


def _rounded(side: int, radius: int) -> Image.Image:
    """A mask of a square with smooth round corners."""
    fine = Image.new("L", (side * _FINE, side * _FINE), 0)
    ImageDraw.Draw(fine).rounded_rectangle((0, 0, side * _FINE - 1, side * _FINE - 1), radius * _FINE, 255)
    return fine.resize((side, side), Image.Resampling.BOX)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def draw_cloud(cloud: Cloud, side: int) -> Picture:
    """The cloud from where it is seen, (side, side, 3) RGB: near points over far ones, their shadow on the floor."""
    toward = np.array(cloud.view)
    right = np.cross([0, 0, 1], toward) / np.hypot(*toward[:2])
    up = np.cross(toward, right)
    points = cloud.points.astype(np.float64)
    flat = points * (1, 1, 0)
    every = np.stack([np.concatenate([points, flat]) @ right, np.concatenate([points, flat]) @ -up], axis=1)
    low, high = every.min(axis=0), every.max(axis=0)
    fine = side * _FINE
    zoom = 0.8 * fine / float((high - low).max())
    xy = ((every - (low + high) / 2) * zoom + fine / 2).round().astype(int)
    seen, fallen = xy[: len(points)], xy[len(points) :]
    ramp = np.linspace(0, 1, fine, dtype=np.float32)[:, None, None]
    canvas = np.broadcast_to((226, 232, 242) + ramp * (14, 11, 6), (fine, fine, 3)).astype(np.float32).copy()
    shadow = np.zeros((fine, fine), np.float32)
    for x, y in fallen:
        cv2.circle(shadow, (int(x), int(y)), fine // 60, 1.0, -1)
    canvas *= 1 - 0.22 * cv2.GaussianBlur(shadow, (0, 0), fine / 45)[..., None]
    depth = points @ toward
    near = (depth - depth.min()) / max(float(np.ptp(depth)), 1e-9)
    radius = max(2, fine // 110)
    for k in np.argsort(depth):
        tone = cloud.colours[k].astype(float) * (0.8 + 0.2 * near[k])
        cv2.circle(canvas, (int(seen[k, 0]), int(seen[k, 1])), radius, tone.tolist(), -1, cv2.LINE_AA)
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).round().astype(np.uint8))


def film_of(clip: Clip, frames: int) -> tuple[list[Picture], list[str]]:
    """Evenly spaced frames of a clip, the first and the last among them, and the times at which they are shown."""
    chosen = np.linspace(0, len(clip.frames) - 1, frames).round().astype(int)
    return [clip.frames[k] for k in chosen], [f"{k / clip.rate:.1f} s" for k in chosen]


def _scenes(seed: int, count: int) -> list[Scene]:
    """Scenes of four to seven things on each kind of background in turn."""
    return [
        render_scene(
            seed * 1_000_003 + k,
            SceneConfig(
                side=2 * _TILE, count=(4, 7), size=(0.16, 0.42), backgrounds=(BACKGROUNDS[k % len(BACKGROUNDS)],)
            ),
            split="demo",
        )
        for k in range(count)
    ]


def _clip(seed: int, kind: str, background: str) -> Clip:
    """The first clip of a seed in which something of this kind happens before this background."""
    config = ClipConfig(seconds=(2.5, 4), count=(3, 4), backgrounds=(background,))
    number = seed * 1_000_003
    while True:
        clip = render_clip(number, config, split="demo")
        if any(event.kind == kind for event in clip.events):
            return clip
        number += 1


def _clouds(seed: int, count: int) -> list[Cloud]:
    """Clouds of one or two things; no class and no colour comes twice, as long as there are others."""
    config = CloudConfig(points=8000, count=(1, 2), noise=0.004, dropped=0.2)
    chosen: list[Cloud] = []
    used: set[str] = set()
    for number in range(seed * 1_000_003, seed * 1_000_003 + 40 * count):
        cloud = render_cloud(number, config, split="demo")
        words = {word for thing in cloud.things for word in (thing.label, thing.colour)}
        if len(chosen) < count and not words & used:
            chosen.append(cloud)
            used |= words
    return chosen


def write_sheet(out: Path, *, seed: int) -> None:
    """Write a PNG (256 colours) of a dozen scenes, two clips and six clouds of a seed."""
    films = []
    for heading, kind, background in (("clips", "passes behind", "ground"), ("", "collides", "photo")):
        clip = _clip(seed, kind, background)
        frames, times = film_of(clip, 8)
        said = clips.caption(clip).partition(". ")[2]  # what every thing does is too long for a line
        films.append(Row(heading, said, frames, times, film=True))
    scenes, solids = _scenes(seed, 12), _clouds(seed, 6)
    named = [clouds.caption(cloud).rstrip(".") for cloud in solids]
    sheet = contact_sheet([
        Row("scenes", "boxes, masks, attributes, depth order, relations, questions", [s.image for s in scenes]),
        *films,
        Row("point clouds", "classes, centres, sizes, turns", [draw_cloud(c, 2 * _TILE) for c in solids], named),
    ])  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(sheet)
    colours = picture.quantize(256, Image.Quantize.MEDIANCUT, kmeans=3)
    picture.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(out, optimize=True)
