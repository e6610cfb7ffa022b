"""The sixteen things of the world as polygons, so that their outline, and with it the truth, is exact.

Coordinates are unit coordinates: x to the right, y down, the thing roughly inside [-1, 1]. Every thing is a
list of :class:`Part` in painting order. Nothing here knows pixels or colours; ``draw`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]
Shade = Literal["main", "dark", "detail", "accent", "trunk", "glass", "tyre", "post", "hole", "text"]

WORDS = ("STOP", "GO", "EXIT", "OPEN", "SALE", "CAFE", "TAXI", "HOTEL", "BUS", "ZOO", "TEA", "SHOP")
"""What a sign may say; short words of letters that stay apart at few pixels."""


class Part(NamedTuple):
    """One polygon (N x 2 unit coordinates) and its shade; ``hole`` cuts it out of the parts before it."""

    points: Polygon
    shade: Shade


def _points(*xy: tuple[float, float]) -> Polygon:
    return np.array(xy, dtype=np.float64)


def _arc(cx: float, cy: float, rx: float, ry: float, start: float = 0.0, stop: float = 360.0, n: int = 40) -> Polygon:
    turn = np.radians(np.linspace(start, stop, n))
    return np.stack([cx + rx * np.cos(turn), cy + ry * np.sin(turn)], axis=1)


def _bar(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return _points((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _circle(rng: np.random.Generator) -> list[Part]:
    return [Part(_arc(0, 0, 1, 1, n=64), "main")]


def _square(rng: np.random.Generator) -> list[Part]:
    return [Part(_bar(-1, -1, 1, 1), "main")]


def _triangle(rng: np.random.Generator) -> list[Part]:
    return [Part(_points((0, -0.95), (1, 0.8), (-1, 0.8)), "main")]


def _star(rng: np.random.Generator) -> list[Part]:
    turn = np.radians(np.arange(10) * 36 - 90)
    radius = np.where(np.arange(10) % 2 == 0, 1.0, rng.uniform(0.40, 0.48))
    return [Part(np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1), "main")]


def _heart(rng: np.random.Generator) -> list[Part]:
    t = np.linspace(0, 2 * np.pi, 60)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [Part(np.stack([x / 16, -y / 16], axis=1), "main")]


def _cross(rng: np.random.Generator) -> list[Part]:
    a = rng.uniform(0.28, 0.36)
    arm = _points((-a, -a), (-a, -1), (a, -1))
    turns = (
        np.array([[1, 0], [0, 1]]),
        np.array([[0, 1], [-1, 0]]),
        np.array([[-1, 0], [0, -1]]),
        np.array([[0, -1], [1, 0]]),
    )
    return [Part(np.concatenate([arm @ turn for turn in turns]), "main")]


def _moon(rng: np.random.Generator) -> list[Part]:
    outer = _arc(0, 0, 1, 1, 60, 300, n=48)
    tip = outer[-1]
    depth = rng.uniform(0.28, 0.4)  # how far the inner arc stays from the outer one
    t = np.linspace(-np.pi / 2, np.pi / 2, 32)[1:-1]
    inner = np.stack([tip[0] - (1 + tip[0] - depth * 2) * np.cos(t), tip[1] * -np.sin(t)], axis=1)
    return [Part(np.concatenate([outer, inner]), "main")]


def _ring(rng: np.random.Generator) -> list[Part]:
    inner = rng.uniform(0.5, 0.62)
    return [Part(_arc(0, 0, 1, 1, n=64), "main"), Part(_arc(0, 0, inner, inner, n=48), "hole")]


def _house(rng: np.random.Generator) -> list[Part]:
    door = rng.uniform(-0.5, 0.1)
    window = door + 0.62 if door < -0.15 else door - 0.55
    return [
        Part(_bar(-0.8, -0.15, 0.8, 1), "main"),
        Part(_bar(0.4, -0.9, 0.62, -0.3), "dark"),
        Part(_points((0, -1), (1, -0.1), (-1, -0.1)), "dark"),
        Part(_bar(door, 0.38, door + 0.36, 1), "detail"),
        Part(_bar(window, 0.22, window + 0.36, 0.56), "glass"),
    ]


def _tree(rng: np.random.Generator) -> list[Part]:
    trunk = Part(_bar(-0.13, 0.3, 0.13, 1), "trunk")
    if rng.random() < 0.5:
        tiers = [(-1.0, -0.25, 0.45), (-0.6, 0.2, 0.6), (-0.2, 0.62, 0.75)]
        return [
            trunk,
            *(Part(_points((0, top), (w, low), (-w, low)), "main") for top, low, w in reversed(tiers)),
        ]
    lobes = [(-0.38, -0.02, 0.42), (0.38, -0.02, 0.42), (0, -0.5, 0.5), (0, 0.05, 0.4)]
    return [trunk, *(Part(_arc(x, y, r, r), "main") for x, y, r in lobes)]


def _fish(rng: np.random.Generator) -> list[Part]:
    tail = rng.uniform(0.4, 0.52)
    return [
        Part(_points((0.35, 0), (1, -tail), (0.86, 0), (1, tail)), "main"),
        Part(_points((-0.35, -0.3), (0.25, -0.62), (0.3, -0.25)), "dark"),
        Part(_arc(-0.2, 0, 0.8, 0.45), "main"),
        Part(_points((-0.1, 0.05), (0.22, 0.02), (0.14, 0.26)), "dark"),
        Part(_arc(-0.66, -0.1, 0.12, 0.12, n=20), "accent"),
        Part(_arc(-0.68, -0.1, 0.055, 0.055, n=16), "tyre"),
    ]


def _cup(rng: np.random.Generator) -> list[Part]:
    return [
        Part(_arc(0.6, -0.02, 0.4, 0.42), "main"),
        Part(_arc(0.6, -0.02, 0.21, 0.23), "hole"),
        Part(_points((-0.85, -0.7), (0.65, -0.7), (0.5, 0.62), (0.32, 0.8), (-0.52, 0.8), (-0.7, 0.62)), "main"),
        Part(_arc(-0.1, -0.7, 0.75, 0.17), "main"),
        Part(_arc(-0.1, -0.7, 0.64, 0.115), "detail"),
    ]


def _flower(rng: np.random.Generator) -> list[Part]:
    petals = int(rng.integers(5, 8))
    turn = np.radians(np.arange(petals) * 360 / petals - 90)
    radius = 0.44 if petals == 5 else 0.38
    centres = 0.58 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    parts = [Part(_arc(float(x), float(y), radius, radius, n=28), "main") for x, y in centres]
    return [*parts, Part(_arc(0, 0, 0.3, 0.3, n=28), "accent")]


def _boat(rng: np.random.Generator) -> list[Part]:
    return [
        Part(_bar(-0.05, -1, 0.04, 0.45), "trunk"),
        Part(_points((0.1, -0.92), (0.82, 0.24), (0.1, 0.24)), "main"),
        Part(_points((-0.12, -0.62), (-0.12, 0.24), (-0.66, 0.24)), "main"),
        Part(_points((-1, 0.36), (1, 0.36), (0.68, 0.9), (-0.7, 0.9)), "dark"),
    ]


def _car(rng: np.random.Generator) -> list[Part]:
    roof = rng.uniform(-0.62, -0.5)
    bonnet, boot = (
        [(-1, 0.3), (-1, 0.02), (-0.94, -0.12), (-0.58, -0.14)],
        [(0.62, -0.14), (0.96, -0.04), (1, 0.3)],
    )
    parts = [
        Part(_points(*bonnet, (-0.34, roof), (0.34, roof), *boot), "main"),
        Part(_points((-0.46, -0.14), (-0.28, roof + 0.1), (-0.04, roof + 0.1), (-0.04, -0.14)), "glass"),
        Part(_points((0.06, -0.14), (0.06, roof + 0.1), (0.28, roof + 0.1), (0.48, -0.14)), "glass"),
    ]
    for x in (-0.55, 0.55):
        parts += [Part(_arc(x, 0.32, 0.24, 0.24, n=28), "tyre"), Part(_arc(x, 0.32, 0.1, 0.1, n=20), "glass")]
    return parts


# Strokes of the letters of WORDS on a grid 2 wide and 4 high: a font of our own, so that the same seed gives
# the same pixels whatever the drawing library's fonts are.
_STROKES: dict[str, str] = {
    "A": "04 10 24|0.6,2.6 1.4,2.6", "B": "04 00 10 21 12 02|12 23 14 04", "C": "20 00 04 24",
    "E": "20 00 04 24|02 12", "F": "20 00 04|02 12", "G": "20 00 04 24 22 12",
    "H": "00 04|20 24|02 22", "I": "10 14", "L": "00 04 24",
    "N": "04 00 24 20", "O": "00 20 24 04 00", "P": "04 00 20 22 02",
    "S": "20 00 02 22 24 04", "T": "00 20|10 14", "U": "00 04 24 20",
    "X": "00 24|20 04", "Z": "00 20 04 24",
}  # fmt: skip


def _pair(token: str) -> tuple[float, float]:
    if "," in token:
        x, y = token.split(",")
        return float(x), float(y)
    return float(token[0]), float(token[1])


def _lettering(word: str, width: float, height: float) -> list[Part]:
    """The word's strokes as thin bars, centred on the origin and fitted into width x height."""
    columns = len(word) * 3 - 1
    step = min(width / columns, height / 4)
    thick = step * 0.34
    parts: list[Part] = []
    for k, letter in enumerate(word):
        for stroke in _STROKES[letter].split("|"):
            nodes = [_pair(token) for token in stroke.split()]
            line = np.array([((x + 3 * k - columns / 2) * step, (y - 2) * step) for x, y in nodes])
            for a, b in zip(line[:-1], line[1:], strict=True):
                along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9) * thick
                across = np.array([-along[1], along[0]])
                a, b = a - along, b + along
                parts.append(Part(np.stack([a - across, a + across, b + across, b - across]), "text"))
    return parts


def _sign(rng: np.random.Generator, word: str) -> list[Part]:
    left, right = (
        [(-0.94, 0.25), (-1, 0.19), (-1, -0.69), (-0.94, -0.75)],
        [(0.94, -0.75), (1, -0.69), (1, 0.19)],
    )
    board = _points(*left, *right, (0.94, 0.25))
    letters = [Part(p.points + np.array([0.0, -0.25]), p.shade) for p in _lettering(word, 1.7, 0.62)]
    return [Part(_bar(-0.09, 0.2, 0.09, 1), "post"), Part(board, "main"), *letters]


_BUILDERS: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "circle": _circle, "square": _square, "triangle": _triangle, "star": _star, "heart": _heart,
    "cross": _cross, "moon": _moon, "ring": _ring, "house": _house, "car": _car,
    "tree": _tree, "fish": _fish, "cup": _cup, "flower": _flower, "boat": _boat,
}  # fmt: skip

MAX_ANGLE: dict[str, float] = {
    "circle": 180.0, "ring": 180.0, "square": 25.0, "triangle": 30.0, "star": 36.0, "heart": 25.0,
    "cross": 20.0, "moon": 40.0, "house": 8.0, "car": 12.0, "tree": 10.0, "fish": 25.0,
    "cup": 12.0, "flower": 60.0, "boat": 12.0, "sign": 8.0,
}  # fmt: skip
"""How far a thing may be turned, in degrees either way, and still be told for what it is."""


def parts_of(label: str, rng: np.random.Generator, *, angle: float, mirror: bool, word: str | None) -> list[Part]:
    """The parts of one thing, mirrored and turned by ``angle`` degrees, the longer side of its box being 1.

    The box's upper left corner lies at the origin. ``word`` is needed for a sign and left unread else.
    """
    parts = _sign(rng, word or WORDS[0]) if label == "sign" else _BUILDERS[label](rng)
    turn = np.radians(angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    flip = np.array([-1.0 if mirror and label != "sign" else 1.0, 1.0])
    turned = [Part((part.points * flip) @ rotation.T, part.shade) for part in parts]
    every = np.concatenate([part.points for part in turned if part.shade != "hole"])
    low, high = every.min(axis=0), every.max(axis=0)
    return [Part((part.points - low) / float((high - low).max()), part.shade) for part in turned]
