"""Painting one thing: from polygons to a small antialiased sprite with its own coverage."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .shapes import Part, Shade

Rgb = tuple[int, int, int]
Picture = NDArray[np.uint8]

COLOUR_VALUES: dict[str, Rgb] = {
    "red": (214, 38, 40), "orange": (246, 132, 30), "yellow": (250, 214, 48), "green": (46, 158, 72),
    "blue": (38, 92, 208), "purple": (128, 58, 172), "pink": (246, 142, 190), "brown": (122, 76, 42),
    "black": (30, 30, 34), "white": (244, 244, 242),
}  # fmt: skip
"""Base value of every colour, RGB 0-255."""

_OVERSAMPLING = 3
_SHIFT = 4  # fractional bits of polygon corners


class Sprite(NamedTuple):
    """One painted thing: ``rgb`` (h, w, 3) uint8; ``alpha`` (h, w) float32 0-1, a pixel's covered share."""

    rgb: Picture
    alpha: NDArray[np.float32]


def _mix(colour: Rgb, other: Rgb, share: float) -> Rgb:
    r, g, b = (round(a * (1 - share) + c * share) for a, c in zip(colour, other, strict=True))
    return r, g, b


def _brightness(colour: Rgb) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def palette(colour: str, value: Rgb) -> dict[Shade, Rgb]:
    """What every shade looks like on a thing of this colour; all big parts stay tellable as that colour."""
    dark = _mix(value, (255, 255, 255), 0.2) if colour == "black" else _mix(value, (0, 0, 0), 0.2)
    detail = _mix(value, (255, 255, 255), 0.45) if _brightness(value) < 70 else _mix(value, (0, 0, 0), 0.55)
    return {
        "main": value,
        "dark": dark,
        "detail": detail,
        "accent": (240, 236, 222) if colour != "white" else (240, 190, 60),
        "trunk": (104, 70, 44) if colour != "brown" else (66, 42, 26),
        "glass": (196, 222, 236) if colour not in ("white",) else (120, 160, 190),
        "tyre": (34, 34, 38) if colour != "black" else (92, 92, 98),
        "post": (120, 122, 128),
        "text": (24, 24, 28) if _brightness(value) > 140 else (250, 250, 250),
    }


def jitter(colour: str, rng: np.random.Generator) -> Rgb:
    """A value near the colour's base, so near that it stays tellable from its neighbours."""
    r, g, b = np.clip(np.array(COLOUR_VALUES[colour]) + rng.normal(0, 7, 3), 0, 255).astype(int).tolist()
    return r, g, b


def _pattern(shape: tuple[int, int], size: float, texture: str, rng: np.random.Generator) -> Picture:
    """Stripes or dots all over a canvas (255 where the second tone goes)."""
    canvas = np.zeros(shape, np.uint8)
    h, w = shape
    if texture == "striped":
        pitch = size * rng.uniform(0.16, 0.26)
        turn = float(rng.uniform(0, np.pi))
        along = np.array([np.cos(turn), np.sin(turn)]) * (h + w)
        across = np.array([-np.sin(turn), np.cos(turn)])
        for k in np.arange(-size * 1.5, size * 1.5, pitch):
            middle = np.array([w / 2, h / 2]) + across * k
            a, b = (middle - along).astype(int), (middle + along).astype(int)
            cv2.line(canvas, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 255, max(1, int(pitch * 0.42)))
        return canvas
    pitch = size * rng.uniform(0.18, 0.26)
    for row, y in enumerate(np.arange(pitch / 2, h, pitch)):
        for x in np.arange(pitch / 2 * (1 + row % 2), w, pitch):
            cv2.circle(canvas, (int(x), int(y)), max(1, int(pitch * 0.22)), 255, -1)
    return canvas


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def paint(parts: list[Part], size: float, shades: dict[Shade, Rgb], texture: str, rng: np.random.Generator) -> Sprite:
    """Paint parts (longer side 1, see ``shapes.parts_of``) as a sprite whose longer side is ``size`` pixels.

    Drawn three times larger inside the thing's own box and reduced by area, which is both exact and fast.
    ``texture`` is one of flat, shaded, striped, dotted, outlined.
    """
    scale = size * _OVERSAMPLING
    every = np.concatenate([part.points for part in parts])
    high = every.max(axis=0)
    w, h = (int(np.ceil(high[axis] * size)) + 4 for axis in (0, 1))
    offset = (2 + rng.uniform(-0.5, 0.5, 2)) * _OVERSAMPLING
    canvas = np.empty((h * _OVERSAMPLING, w * _OVERSAMPLING, 3), np.uint8)
    canvas[:] = shades["main"]
    cover = np.zeros(canvas.shape[:2], np.uint8)
    main = np.zeros_like(cover)
    corners = [_fixed(part.points * scale + offset) for part in parts]
    if texture == "outlined":
        edge = max(1, int(scale * 0.05))
        for part, polygon in zip(parts, corners, strict=True):
            if part.shade not in ("text", "hole"):
                cv2.polylines(canvas, [polygon], True, shades["detail"], edge, cv2.LINE_8, _SHIFT)
                cv2.polylines(cover, [polygon], True, 255, edge, cv2.LINE_8, _SHIFT)
    for part, polygon in zip(parts, corners, strict=True):
        if part.shade == "hole":
            cv2.fillPoly(cover, [polygon], 0, cv2.LINE_8, _SHIFT)
            continue
        cv2.fillPoly(canvas, [polygon], shades[part.shade], cv2.LINE_8, _SHIFT)
        cv2.fillPoly(cover, [polygon], 255, cv2.LINE_8, _SHIFT)
        cv2.fillPoly(main, [polygon], 255 if part.shade == "main" else 0, cv2.LINE_8, _SHIFT)
    if texture in ("striped", "dotted"):
        pattern = cv2.bitwise_and(_pattern((cover.shape[0], cover.shape[1]), scale, texture, rng), main)
        canvas[pattern > 0] = _second_tone(shades["main"])
    rgb = cv2.resize(canvas, (w, h), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cover, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if texture == "shaded":
        rgb = _shade(rgb, rng)
    return Sprite(np.asarray(rgb, np.uint8), alpha)


def _second_tone(value: Rgb) -> Rgb:
    """The tone of stripes and dots: the same colour, a step away from itself."""
    if _brightness(value) < 60:
        return _mix(value, (255, 255, 255), 0.25)
    return _mix(value, (0, 0, 0), 0.16) if _brightness(value) > 220 else _mix(value, (255, 255, 255), 0.22)


def _shade(rgb: Picture, rng: np.random.Generator) -> Picture:
    """Light from one side: from a fifth brighter to a quarter darker."""
    h, w = rgb.shape[:2]
    turn = float(rng.uniform(0, 2 * np.pi))
    x = np.linspace(-1, 1, w, dtype=np.float32)[None, :] * np.float32(np.cos(turn))
    y = np.linspace(-1, 1, h, dtype=np.float32)[:, None] * np.float32(np.sin(turn))
    light = 0.98 + 0.2 * (x + y) / np.float32(abs(np.cos(turn)) + abs(np.sin(turn)))
    return np.clip(rgb * light[..., None], 0, 255).astype(np.uint8)
