"""The five kinds of background, from an even colour to photograph-like noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Picture = NDArray[np.uint8]


def _tone(rng: np.random.Generator, low: float = 70, high: float = 235, saturation: float = 0.35) -> Float:
    """A muted colour: a grey with a little of a random hue."""
    grey = float(rng.uniform(low, high))
    tint = rng.uniform(-1, 1, 3) * grey * saturation
    return np.clip(grey + tint, 15, 250).astype(np.float32)


def _ramp(side: int, first: Float, second: Float, turn: float) -> Float:
    x = np.linspace(-1, 1, side, dtype=np.float32)[None, :] * np.float32(np.cos(turn))
    y = np.linspace(-1, 1, side, dtype=np.float32)[:, None] * np.float32(np.sin(turn))
    share = (x + y) / np.float32(abs(np.cos(turn)) + abs(np.sin(turn))) / 2 + 0.5
    return (first + share[..., None] * (second - first)).astype(np.float32)


def _octaves(rng: np.random.Generator, side: int, grids: tuple[int, ...]) -> Float:
    """Smooth noise summed over octaves, about -1 to 1, side x side."""
    total = np.zeros((side, side), np.float32)
    for k, grid in enumerate(grids):
        coarse = rng.normal(0, 1, (grid, grid)).astype(np.float32)
        total += cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR) * np.float32(0.55**k)
    total /= 2
    return total


@cache
def _grain(side: int) -> Float:
    """One fixed tile of sensor noise; scenes roll it, for fresh noise would cost more than the scene."""
    return np.random.default_rng(20260101).normal(0, 1, (side, side, 3)).astype(np.float32)


def _with_grain(picture: Float, rng: np.random.Generator, strength: float) -> Float:
    side = picture.shape[0]
    dx, dy = (int(v) for v in rng.integers(0, side, 2))
    return picture + np.roll(_grain(side), (dy, dx), (0, 1)) * np.float32(strength)


def _plain(rng: np.random.Generator, side: int) -> Float:
    low, high, saturation = (20, 250, 0.15) if rng.random() < 0.4 else (70, 240, 0.45)
    picture = np.empty((side, side, 3), np.float32)
    picture[:] = _tone(rng, low, high, saturation)
    return picture


def _gradient(rng: np.random.Generator, side: int) -> Float:
    first = _tone(rng)
    second = np.clip(first + rng.uniform(-75, 75, 3), 15, 250).astype(np.float32)
    return _ramp(side, first, second, float(rng.uniform(0, 2 * np.pi)))


def _clutter(rng: np.random.Generator, side: int) -> Float:
    base = _tone(rng, 90, 225)
    canvas = np.empty((side, side, 3), np.uint8)
    canvas[:] = base.astype(np.uint8)
    for _ in range(int(rng.integers(10, 28))):
        tone = tuple(int(v) for v in np.clip(base + rng.normal(0, 17, 3), 0, 255))
        centre = rng.uniform(0, side, 2)
        if rng.random() < 0.5:
            # A crooked blob: seven to ten corners at uneven radii, so that it is none of the sixteen things.
            n = int(rng.integers(7, 11))
            turn = (np.arange(n) + rng.uniform(-0.3, 0.3, n)) * 2 * np.pi / n
            radius = side * rng.uniform(0.05, 0.22) * rng.uniform(0.5, 1.0, n)
            corners = np.stack([centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)], axis=1)
            cv2.fillPoly(canvas, [corners.astype(np.int32)], tone, cv2.LINE_AA)
        else:
            end = centre + rng.normal(0, side * 0.3, 2)
            a, b = (int(centre[0]), int(centre[1])), (int(end[0]), int(end[1]))
            cv2.line(canvas, a, b, tone, int(rng.integers(1, max(2, side // 40))), cv2.LINE_AA)
    if rng.random() < 0.6:
        k = int(side * rng.uniform(0.008, 0.03)) | 1
        canvas = np.asarray(cv2.blur(canvas, (k, k)), np.uint8)
    return canvas.astype(np.float32)


def _photo(rng: np.random.Generator, side: int) -> Float:
    first, second = _tone(rng, 60, 210), _tone(rng, 60, 210)
    broad = np.clip(_octaves(rng, side, (3, 6, 12, 24)) + 0.5, 0, 1)
    fine = _octaves(rng, side, (24, 48, 96)) * np.float32(rng.uniform(6, 20))
    picture = first + broad[..., None] * (second - first) + fine[..., None]
    axis = np.linspace(-1, 1, side, dtype=np.float32) ** 2
    vignette = 1 - np.float32(rng.uniform(0.05, 0.3)) * (axis[None, :] + axis[:, None]) / 2
    return _with_grain(picture * vignette[..., None], rng, float(rng.uniform(2, 7)))


def _ground(rng: np.random.Generator, side: int) -> Float:
    horizon = int(side * rng.uniform(0.3, 0.6))
    sky = np.array([150, 185, 225], np.float32) + rng.normal(0, 18, 3).astype(np.float32)
    earth = _tone(rng, 80, 170, 0.3)
    picture = _ramp(side, sky * np.float32(0.85), sky * np.float32(1.12), np.pi / 2)
    depth = np.linspace(0, 1, side - horizon, dtype=np.float32)[:, None, None]
    picture[horizon:] = earth * (0.75 + 0.4 * depth)
    # Furrows that run together at the horizon give the plane its perspective.
    middle, spread = side * float(rng.uniform(0.2, 0.8)), int(rng.integers(6, 14))
    for k in range(-spread * 2, spread * 2 + 1):
        far, near = (int(middle + k * side * 0.012), horizon), (int(middle + k * side * 1.6 / spread), side)
        tone = tuple(float(v) for v in earth * (0.86 if k % 2 else 1.08))
        cv2.line(picture, far, near, tone, 1 + side // 200, cv2.LINE_AA)
    return picture + _octaves(rng, side, (8, 16, 64))[..., None] * np.float32(7)


_KINDS: dict[str, Callable[[np.random.Generator, int], Float]] = {
    "plain": _plain, "gradient": _gradient, "clutter": _clutter, "photo": _photo, "ground": _ground,
}  # fmt: skip


def draw_background(kind: str, rng: np.random.Generator, side: int) -> Picture:
    """One background of a kind (plain, gradient, clutter, photo, ground), (side, side, 3) uint8 RGB."""
    return np.clip(_KINDS[kind](rng, side), 0, 255).astype(np.uint8)
