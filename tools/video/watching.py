"""Watch a whole video for things: what each is, when it is there, and what it does when."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..media.image import Image
from ..media.video import Video
from ..roles import Detector, StepContext
from ..see.colours import Colour
from .moments import in_turn
from .motion import motions
from .naming import colour_of
from .track import RATE, Track, follow

_PART = 360  # pictures that are followed at once: half a minute; longer videos are watched in parts
_SIDE = 640  # pixels of the longer side that are kept of each
_GAP = 1.0  # seconds for which a thing that is not seen is still there: it blinks, or passes behind something
_NEAR = round(
    RATE / 5
)  # pictures at the borders in which a thing need not be seen to be there from the first to the last


@dataclass(frozen=True)
class Doing:
    """One motion of ``MOTIONS`` from ``start`` to ``end``, in seconds."""

    motion: str
    start: float
    end: float


@dataclass(frozen=True)
class Thing:
    """A thing that was followed: what it is, what it does, and when it is there, in seconds."""

    label: str
    colour: Colour
    score: float
    doings: tuple[Doing, ...]
    """One after the other, from where it comes to where it goes."""
    there: tuple[tuple[float, float], ...]
    comes: bool
    """Whether it was not there before, in a video that had begun."""
    goes: bool

    @property
    def name(self) -> str:
        """Like "red star"."""
        return f"{self.colour} {self.label}"


def things_in(video: Video, labels: Sequence[str] = (), *, detector: Detector, step: StepContext) -> list[Thing]:
    """The things of a video, those that come first first.

    ``labels`` keeps only things of these nouns. Long videos are watched in parts; what goes on from one to the next is
    one thing where name and time fit. Raises ``UnknownLabel`` as ``follow`` does, ``Cancelled``.
    """
    times = np.arange(max(1, round(video.seconds * RATE))) / RATE
    parts = np.array_split(times, math.ceil(len(times) / _PART))
    found: list[Thing] = []
    for number, part in enumerate(parts):

        def progress(share: float, doing: str, before: int = number) -> None:
            step.progress((before + share) / len(parts), doing)

        looks = in_turn(video, part.tolist(), replace(step, progress=progress), "following things")
        pictures = [_kept(picture) for some in looks for picture in some]
        going_on = [k for k, thing in enumerate(found) if not thing.goes and thing.doings[-1].end > part[0] - _GAP]
        for thing in _followed(pictures, part, video.seconds, labels, detector):
            before = next((k for k in going_on if found[k].name == thing.name and not thing.comes), None)
            if before is not None:
                going_on.remove(before)
                found[before] = _joined(found[before], thing)
            else:
                found.append(_bounded(thing, comes=thing.comes or number > 0))
        for k in going_on:
            found[k] = _bounded(found[k], goes=True)
    return found


def _followed(
    pictures: Sequence[Image], times: NDArray[np.float64], seconds: float, labels: Sequence[str], detector: Detector
) -> Iterator[Thing]:
    tracks = follow(pictures, labels, detector=detector)
    for track, spans in zip(tracks, motions(tracks, pictures), strict=True):
        first = float(times[0])
        doings = [Doing(each.motion, first + each.start / RATE, first + each.end / RATE) for each in spans]
        doings[-1] = replace(doings[-1], end=min(doings[-1].end, seconds))
        yield Thing(
            track.label,
            colour_of(track, pictures),
            track.score,
            tuple(doings),
            _there(track, times, seconds),
            comes=bool(track.frames[0] > _NEAR),
            goes=bool(track.frames[-1] < len(times) - 1 - _NEAR),
        )


def _bounded(thing: Thing, *, comes: bool = False, goes: bool = False) -> Thing:
    """The thing, which is told to come or go because it is in the next part of a video only, or no longer."""
    first, last = thing.doings[0], thing.doings[-1]
    if comes and not thing.comes:
        name = "appears" if thing.doings == (first,) and first.motion == "still" else first.motion
        first = Doing(name, min(thing.there[0][0], first.end), first.end)
        return replace(thing, comes=True, doings=(first, *thing.doings[1:]))
    if goes:
        name = "disappears" if thing.doings == (last,) and last.motion == "still" else last.motion
        last = Doing(name, last.start, max(last.start, thing.there[-1][1]))
        return replace(thing, goes=True, doings=(*thing.doings[:-1], last))
    return thing


def _joined(thing: Thing, later: Thing) -> Thing:
    """One thing of what was followed in two parts of a video, its score that of the longer."""
    (*before, last), (first, *after) = thing.doings, later.doings
    same = [replace(last, end=first.end)] if last.motion == first.motion else [last, first]
    (*gone, was), (now, *then) = thing.there, later.there
    there = [(was[0], now[1])] if now[0] - was[1] <= _GAP else [was, now]
    score = max((thing, later), key=lambda each: each.doings[-1].end - each.doings[0].start).score
    doings = (*before, *same, *after)
    return replace(thing, score=score, doings=doings, there=(*gone, *there, *then), goes=later.goes)


def _kept(picture: Image) -> Image:
    from ..loaders.pictures import shrunk  # loads native libraries: not on the light path

    small = shrunk(picture.pixels, _SIDE)
    return picture if small.shape == picture.pixels.shape else Image.from_array(small)


def _there(track: Track, times: NDArray[np.float64], seconds: float) -> tuple[tuple[float, float], ...]:
    """When a thing is there: from where it is seen to where it was seen last before a long gap."""
    frames = track.frames
    breaks = np.flatnonzero(np.diff(frames) > _GAP * RATE)
    firsts, lasts = frames[np.append(0, breaks + 1)], frames[np.append(breaks, len(frames) - 1)]
    return tuple(
        (float(times[first]), min(float(times[last] + 1 / RATE), seconds))
        for first, last in zip(firsts, lasts, strict=True)
    )
