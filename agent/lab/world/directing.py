"""Who plays in a clip and where: things with paths that stay in the frame and meet only where they are meant to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import draw, shapes
from .motions import MOTIONS, Path, Span, Stage, line, path_of, spans_of
from .scenes import CLASSES, COLOURS, TEXTURES

Boxes = NDArray[np.float64]

_CONTRAST_FLOOR = 75.0  # least distance in RGB between a thing and what lies under it
_MARGIN = 2.0  # pixels that stay free at the border, and between things that are not meant to meet
_TRIES = 60
_TURNABLE = tuple(label for label in CLASSES if label not in ("circle", "ring"))  # a turning disc looks still


@dataclass(frozen=True)
class Actor:
    """One thing of a clip: how it looks (at its largest), what it does, and where it is in each frame."""

    label: str
    colour: str
    texture: str
    word: str | None
    size: float
    """Longer side at its largest over the side of the frame."""
    sprite: draw.Sprite
    value: draw.Rgb
    motion: str
    spans: tuple[Span, ...]
    path: Path

    @property
    def half(self) -> tuple[float, float]:
        """Half the width and height that the thing needs at scale 1, pixels; for all angles if it spins."""
        h, w = self.sprite.alpha.shape
        if np.ptp(self.path.angle):
            return (float(np.hypot(w, h) / 2),) * 2
        return w / 2, h / 2

    def boxes(self) -> Boxes:
        """x0, y0, x1, y1 in pixels around all that could be seen of the thing, (T, 4)."""
        w, h = self.half
        x, y, scale = self.path.x, self.path.y, self.path.scale
        return np.stack([x - w * scale, y - h * scale, x + w * scale, y + h * scale], axis=1)

    def put(self, x: float, y: float) -> Actor:
        """The same thing, its whole path moved by (x, y) pixels."""
        return replace(self, path=self.path.moved(x, y))


class Director:
    """Fills one clip. The order of the result is that of painting: a later thing passes in front of an earlier one."""

    def __init__(self, rng: np.random.Generator, background: draw.Picture, frames: int, rate: int) -> None:
        self.rng, self.background, self.frames = rng, background, frames
        self.stage = Stage(background.shape[0], rate)
        self.actors: list[Actor] = []

    def cast(self, count: int) -> list[Actor]:
        """At most ``count`` things: fewer where the frame is too full for more."""
        roll = self.rng.random()
        if count >= 2 and roll < 0.65:
            self.actors += self._collision() if roll < 0.33 else self._passing()
        while len(self.actors) < count:
            actor = self._free()
            if actor is None:
                break
            self.actors.append(actor)
        return self.actors

    def _actor(self, motion: str, size: float, labels: Sequence[str] = CLASSES) -> Actor:
        """A thing that stands at the origin, in a colour that no other thing of the clip has."""
        rng, label = self.rng, str(self.rng.choice(labels))
        used = {actor.colour for actor in self.actors}
        colour = str(rng.choice([c for c in COLOURS if c not in used]))
        limit = shapes.MAX_ANGLE[label]
        texture = str(rng.choice(TEXTURES, p=(0.3, 0.3, 0.14, 0.11, 0.15)))
        word = str(rng.choice(shapes.WORDS)) if label == "sign" else None
        angle, mirror = float(rng.uniform(-limit, limit)), bool(rng.random() < 0.5)
        parts = shapes.parts_of(label, rng, angle=angle, mirror=mirror, word=word)
        value = draw.jitter(colour, rng)
        sprite = draw.paint(parts, size * self.stage.side, draw.palette(colour, value), texture, rng)
        rest = line(self.frames, [(0, 0.0, 0.0)])
        return Actor(label, colour, texture, word, size, sprite, value, motion, (Span("still", 0, self.frames),), rest)

    def _free(self) -> Actor | None:
        """A thing that meets none of the others, or None if there is no room for one."""
        motion = str(self.rng.choice(MOTIONS))
        for attempt in range(_TRIES):
            size = float(self.rng.uniform(0.12, 0.28)) * (1 - 0.5 * attempt / _TRIES)
            actor = self._actor(motion, size, _TURNABLE if motion == "spin" else CLASSES)
            spans = spans_of(self.rng, motion, self.frames, self.stage)
            path = path_of(self.rng, spans, self.frames, self.stage)
            path = path._replace(scale=path.scale / path.scale.max())  # painted at its largest
            placed = self._placed(replace(actor, spans=spans, path=path))
            if placed is not None:
                return placed
        return None

    def _placed(self, actor: Actor) -> Actor | None:
        """The actor at a random place that fits its whole path, or None."""
        boxes = actor.boxes()
        low, high = _MARGIN - boxes[:, :2].min(axis=0), self.stage.side - _MARGIN - boxes[:, 2:].max(axis=0)
        if (low > high).any():
            return None
        placed = actor.put(*(float(v) for v in self.rng.uniform(low, high)))
        others = [other.boxes() for other in self.actors]
        if any(_touch(placed.boxes(), other) for other in others) or not self._stands_out(placed):
            return None
        return placed

    def _stands_out(self, actor: Actor) -> bool:
        """Whether the background under the thing differs from its colour, at a few moments of its path."""
        for box in actor.boxes()[:: max(1, self.frames // 6)]:
            x0, y0, x1, y1 = (int(v) for v in np.clip(box, 0, self.stage.side - 1))
            under = self.background[y0 : y1 + 1, x0 : x1 + 1].reshape(-1, 3).mean(axis=0)
            if float(np.linalg.norm(under - np.array(actor.value))) < _CONTRAST_FLOOR:
                return False
        return True

    def _distinct(self, motion: str, size: tuple[float, float], other: Actor) -> Actor:
        """A thing of another colour than ``other``."""
        actor = self._actor(motion, float(self.rng.uniform(*size)))
        while actor.colour == other.colour:
            actor = self._actor(motion, float(self.rng.uniform(*size)))
        return actor

    def _collision(self) -> list[Actor]:
        """Two things that run into each other and bounce off; none if no such pair fits."""
        side, frames = self.stage.side, self.frames
        for _ in range(_TRIES):
            axis = int(self.rng.integers(2))  # 0: along x, 1: along y
            there, back = (("right", "left"), ("down", "up"))[axis]
            first = self._actor(there, float(self.rng.uniform(0.12, 0.2)))
            second = self._distinct(back, (0.12, 0.2), first)
            touch = contact(first.sprite, second.sprite, axis)
            moment = int(self.rng.integers(frames * 3 // 10, frames * 7 // 10 + 1))
            slow, fast = sorted(self.rng.uniform(0.06, 0.4, 2) * side / self.stage.rate)
            ways = (float(slow), float(fast)) if self.rng.random() < 0.5 else (float(fast), float(slow))
            # Equal masses: each takes over the other's speed.
            low, high = -max(ways[0] * moment, ways[1] * (frames - moment)), touch
            high += max(ways[1] * moment, ways[0] * (frames - moment))
            low, high = low - first.half[axis], high + second.half[axis]
            if high - low > side - 2 * _MARGIN:
                continue
            at = float(self.rng.uniform(_MARGIN - low, side - _MARGIN - high))
            across = max(first.half[1 - axis], second.half[1 - axis]) + _MARGIN
            row = float(self.rng.uniform(across, side - across))
            spans = [(Span(a, 0, moment), Span(b, moment, frames)) for a, b in ((there, back), (back, there))]
            tracks = [
                [(0, at - ways[0] * moment), (moment, at), (frames, at - ways[1] * (frames - moment))],
                [(0, at + touch + ways[1] * moment), (moment, at + touch),
                 (frames, at + touch + ways[0] * (frames - moment))],
            ]  # fmt: skip
            pair = [
                replace(
                    actor, spans=own, path=line(frames, [(t, v, row) if axis == 0 else (t, row, v) for t, v in way])
                )
                for actor, own, way in zip((first, second), spans, tracks, strict=True)
            ]
            if all(self._stands_out(actor) for actor in pair):
                return pair
        return []

    def _passing(self) -> list[Actor]:
        """One thing that stands and one that crosses it, behind or in front; none if no such pair fits."""
        side, frames = self.stage.side, self.frames
        for _ in range(_TRIES):
            axis, forwards = int(self.rng.integers(2)), bool(self.rng.random() < 0.5)
            motion = (("left", "right"), ("up", "down"))[axis][forwards]
            big = self._actor("still", float(self.rng.uniform(0.24, 0.34)))
            small = self._distinct(motion, (0.12, 0.18), big)
            middle = self.rng.uniform(0.42, 0.58, 2) * side
            reach, own = big.half[axis], small.half[axis]
            near = (_MARGIN + own, middle[axis] - reach - own - _MARGIN)
            far = (middle[axis] + reach + own + _MARGIN, side - own - _MARGIN)
            row = float(middle[1 - axis] + self.rng.uniform(-0.4, 0.4) * big.half[1 - axis])
            if near[0] > near[1] or far[0] > far[1]:
                continue
            ends = [float(self.rng.uniform(*near)), float(self.rng.uniform(*far))][:: 1 if forwards else -1]
            pause, quarter = self.stage.rate // 3, frames // 4
            begin = int(self.rng.integers(pause, max(pause, quarter) + 1)) if self.rng.random() < 0.4 else 0
            end = frames - (int(self.rng.integers(pause, max(pause, quarter) + 1)) if self.rng.random() < 0.4 else 0)
            spans = (Span("still", 0, begin), Span(motion, begin, end), Span("still", end, frames))
            points = [(t, v, row) if axis == 0 else (t, row, v) for t, v in zip((begin, end), ends, strict=True)]
            small = replace(small, spans=tuple(s for s in spans if s.end > s.start), path=line(frames, points))
            big = big.put(*(float(v) for v in middle))
            if self._stands_out(small) and self._stands_out(big):
                return [small, big] if self.rng.random() < 0.7 else [big, small]
        return []


def _touch(first: Boxes, second: Boxes) -> bool:
    """Whether boxes (T, 4) of two things come as near as the margin in any frame."""
    apart = (first[:, :2] >= second[:, 2:] + _MARGIN) | (second[:, :2] >= first[:, 2:] + _MARGIN)
    return bool((~apart.any(axis=1)).any())


def contact(first: draw.Sprite, second: draw.Sprite, axis: int) -> float:
    """How far apart the centres of two things are when they touch, the second right of (0) or below (1) the first.

    In pixels, half a pixel left free; the centres are level with each other.
    """
    one, two = ((s.alpha >= 0.5) if axis == 0 else (s.alpha >= 0.5).T for s in (first, second))
    shift = (two.shape[0] - one.shape[0]) // 2
    nearest = 0.0
    for row in range(one.shape[0]):
        if 0 <= row + shift < two.shape[0]:
            a, b = np.flatnonzero(one[row]), np.flatnonzero(two[row + shift])
            if len(a) and len(b):
                nearest = max(nearest, a[-1] + 1 - one.shape[1] / 2 - b[0] + two.shape[1] / 2)
    return float(nearest + 0.5)
