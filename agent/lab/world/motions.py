"""When things do what in clips, and the paths of those that meet: the rest is what the experts on video know too.

Positions are pixels of the frame (x to the right, y down), times seconds. A path has one sample for each frame and
starts at the origin: where it is put is the director's business (``clips``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....tools.video.motions import MOTIONS, VERBS, Span
from ....tools.video.paths import Path, Stage, path_of

__all__ = ("MOTIONS", "VERBS", "Path", "Span", "Stage", "line", "path_of", "spans_of")


def spans_of(rng: np.random.Generator, motion: str, frames: int, stage: Stage) -> tuple[Span, ...]:
    """When a thing with this main motion (of :data:`MOTIONS`) does what; before and after it the thing is not there."""
    second = stage.rate
    first, last = 0, frames
    if motion in ("appears", "disappears"):
        moment = int(rng.integers(second // 2, frames - second // 2))
        return (Span("still", moment, frames) if motion == "appears" else Span("still", 0, moment),)
    if frames > 2 * second and rng.random() < 0.1:
        first = int(rng.integers(second // 2, frames - 3 * second // 2))
    roll, pause = rng.random(), second // 3
    if motion == "still" or roll < 0.55 or last - first < 2 * second:
        return (Span(motion, first, last),)
    begin, end = first, last
    if roll < 0.85:  # it stands before its motion
        begin = int(rng.integers(first + pause, last - second - pause + 1))
    if roll > 0.7:  # it stands after it
        end = int(rng.integers(begin + second, last - pause + 1))
    spans = (Span("still", first, begin), Span(motion, begin, end), Span("still", end, last))
    return tuple(span for span in spans if span.end > span.start)


def line(frames: int, points: Sequence[tuple[int, float, float]]) -> Path:
    """A path at even speed from point to point, each (frame, x, y) in ascending order of frames."""
    t = np.arange(frames)
    known, xs, ys = (np.array(values, np.float64) for values in zip(*points, strict=True))
    ones = np.ones(frames)
    return Path(np.interp(t, known, xs), np.interp(t, known, ys), ones, ones * 0, np.ones(frames, np.bool_))
