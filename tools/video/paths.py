"""How things move: paths over frames, built of spans of one motion each.

Positions are pixels of the frame (x to the right, y down), angles degrees clockwise on the screen, times seconds. A
path has one sample for each frame and starts at the origin: where it is put is its user's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .motions import Span

Samples = NDArray[np.float64]

_TOP_SPEED = 0.6  # sides of the frame a second


class Path(NamedTuple):
    """Samples (T,) for each frame: the centre ``x``, ``y`` in pixels, ``scale`` of the painted size, ``angle``."""

    x: Samples
    y: Samples
    scale: Samples
    angle: Samples
    shown: NDArray[np.bool_]
    """(T,): False before it appears, after it disappears, and while a blinking thing is off."""

    def moved(self, dx: float, dy: float) -> Path:
        """The same path from another place."""
        return self._replace(x=self.x + dx, y=self.y + dy)


class Stage(NamedTuple):
    """What a motion has to know: the frame's side in pixels and its frames a second."""

    side: int
    rate: int


class _Change(NamedTuple):
    """A motion relative to its first frame, n + 1 samples: the last is the first of what follows."""

    dx: Samples
    dy: Samples
    scale: Samples
    angle: Samples
    shown: NDArray[np.bool_]


def _change(n: int, **fields: Samples | NDArray[np.bool_]) -> _Change:
    zero = np.zeros(n + 1)
    rest: dict[str, NDArray[np.generic]] = {
        "dx": zero, "dy": zero, "scale": zero + 1, "angle": zero, "shown": np.ones(n + 1, np.bool_),
    }  # fmt: skip
    return _Change(**(rest | fields))  # type: ignore[arg-type]


def _share(n: int) -> Samples:
    return np.linspace(0, 1, n + 1)


def _distance(rng: np.random.Generator, n: int, stage: Stage) -> float:
    """Pixels, far enough to be seen and slow enough to be followed."""
    return stage.side * min(float(rng.uniform(0.25, 0.6)), _TOP_SPEED * n / stage.rate)


def _along(x: float, y: float) -> Callable[[np.random.Generator, int, Stage], _Change]:
    def move(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
        way = _share(n) * _distance(rng, n, stage)
        return _change(n, dx=x * way, dy=y * way)

    return move


def _diagonal(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
    way = _share(n) * _distance(rng, n, stage) / np.sqrt(2)
    return _change(n, dx=way * rng.choice((-1, 1)), dy=way * rng.choice((-1, 1)))


def _turns(rng: np.random.Generator, n: int, stage: Stage) -> int:
    """Whole turns of about 1.2 to 2.5 seconds each, one at least."""
    return max(1, round(n / stage.rate / float(rng.uniform(1.2, 2.5))))


def _circle(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
    radius = stage.side * float(rng.uniform(0.1, 0.18))
    first = float(rng.uniform(0, 2 * np.pi))
    turn = first + 2 * np.pi * _turns(rng, n, stage) * _share(n) * rng.choice((-1, 1))
    return _change(n, dx=radius * (np.cos(turn) - np.cos(first)), dy=radius * (np.sin(turn) - np.sin(first)))


def _bounce(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
    hops = max(2, round(n / stage.rate / float(rng.uniform(0.6, 1.1))))
    phase = (_share(n) * hops) % 1.0
    height = stage.side * float(rng.uniform(0.14, 0.3))
    return _change(n, dy=-height * 4 * phase * (1 - phase))  # each hop a parabola, as gravity makes it


def _grow(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
    return _change(n, scale=1 + _share(n) * float(rng.uniform(0.6, 1.0)))


def _shrink(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
    return _change(n, scale=1 - _share(n) * float(rng.uniform(0.38, 0.5)))


def _spin(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
    return _change(n, angle=360 * _turns(rng, n, stage) * _share(n) * rng.choice((-1, 1)))


def _blink(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
    half = max(2, round(stage.rate * float(rng.uniform(0.2, 0.4))))
    return _change(n, shown=np.arange(n + 1) // half % 2 == 0)


def _still(rng: np.random.Generator, n: int, stage: Stage) -> _Change:
    return _change(n)


_CHANGES: dict[str, Callable[[np.random.Generator, int, Stage], _Change]] = {
    "left": _along(-1, 0), "right": _along(1, 0), "up": _along(0, -1), "down": _along(0, 1),
    "diagonal": _diagonal, "circle": _circle, "bounce": _bounce, "grow": _grow, "shrink": _shrink,
    "spin": _spin, "blink": _blink, "still": _still,
}  # fmt: skip


def path_of(rng: np.random.Generator, spans: Sequence[Span], frames: int, stage: Stage) -> Path:
    """The path (from the origin) of a thing that does these adjoining spans; samples for each of ``frames``."""
    x, y, angle = np.zeros(frames), np.zeros(frames), np.zeros(frames)
    scale, shown = np.ones(frames), np.zeros(frames, np.bool_)
    at = (0.0, 0.0, 1.0, 0.0)
    for motion, start, end in spans:
        change = _CHANGES[motion](rng, end - start, stage)
        # What follows overwrites its first sample with the same value; only the end of all is cut off.
        where, count = slice(start, min(end + 1, frames)), min(end + 1, frames) - start
        x[where], y[where] = at[0] + change.dx[:count], at[1] + change.dy[:count]
        scale[where], angle[where] = at[2] * change.scale[:count], at[3] + change.angle[:count]
        shown[start : min(end, frames)] = change.shown[: min(end, frames) - start]
        at = (at[0] + change.dx[-1], at[1] + change.dy[-1], at[2] * change.scale[-1], at[3] + change.angle[-1])
    for samples in (x, y, scale, angle):  # a thing that is not there keeps to where it comes or went
        samples[: spans[0].start] = samples[spans[0].start]
        samples[spans[-1].end :] = samples[spans[-1].end - 1]
    return Path(x, y, scale, angle, shown)
