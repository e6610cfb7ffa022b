"""Video: what the things of clips do and when, told by the profile's detector, ByteTrack and fitted motions.

Clips of the world are written as videos and read again. Of every motion equally many things are judged: those that come
first in the clips, which are drawn until each motion has its share. A thing is found in the track whose boxes overlap
its own most over time. What a thing mainly does is its longest span that is more than standing; of two things that run
into each other and turn back that is the longer of two.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....tools.errors import EmptyInput
from ....tools.roles import Detector, ImageGenerator, Segmenter, StepContext
from ....tools.video.animate import Animation, animate
from ....tools.video.encoding import encoded
from ....tools.video.motion import main, motions
from ....tools.video.motions import MOTIONS, Span
from ....tools.video.naming import colour_of
from ....tools.video.track import Track, follow, sampled
from ..world.clips import Clip, ClipConfig, ClipThing, render_clip
from ..world.scenes import CLASSES, COLOURS, stream
from .apart import TRAINED, Overlap, first_state
from .rows import Row, bootstrap, share
from .shipped import Shipped

ROLE = "video"
USES = ("detector",)
MAY_USE = ("segmenter", "image_generator")
DEFAULT_N = 8
"""Things of each motion, of fourteen."""
SPLIT = "test"
CONFIG = ClipConfig()
"""One to four things that stand, move, pass each other and run into each other, for two to eight seconds."""
ABOVE = 0.8
"""The share of its things for which a motion must be named right to be one of those that are known."""
_FOUND = 0.3  # overlap over time from which on a track is of a thing
_MADE = 4  # for so many judged things of a motion one clip of it is made from words
_ROUND = ("circle", "ring")  # nobody sees them turn


@dataclass(frozen=True)
class _Told:
    """What was told of a thing: its true motion, whether it was followed, its motion right, and how well timed."""

    motion: str
    followed: bool
    right: bool
    overlap: float
    """Of the named span with the true one, 0-1; 0 where the motion is wrong."""


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where clips are made from what the detector was trained on; return what was compared."""
    clips = chosen(seed, n)
    measured = {first_state(stream(SPLIT, number, "clips")) for number in clips}
    trained = {first_state(stream(drawn.split, number)) for drawn in TRAINED["detector"] for number in drawn.seeds}
    if SPLIT in {drawn.split for drawn in TRAINED["detector"]} or measured & trained:
        raise Overlap(f"{len(measured & trained)} of {len(measured)} clips have the random stream of a trained scene")
    return {"clips": {"measured": len(measured), "trained": len(trained), "shared": 0}}


def jobs(models: Mapping[str, Shipped], seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work, and one for clips made from words where the profile has who makes them."""
    adapters: dict[str, Any] = {role: model.adapter() for role, model in models.items()}
    detector = adapters["detector"]
    work = [partial(_measured, detector, seed, n)]
    if {"segmenter", "image_generator"} <= set(adapters) and n >= _MADE:
        work.append(partial(_made, detector, adapters["segmenter"], adapters["image_generator"], seed, n // _MADE))
    return work


@cache
def chosen(seed: int, n: int) -> dict[int, tuple[int, ...]]:
    """The numbers of the clips that are measured, and the things of each that are judged: ``n`` of every motion."""
    left: Counter[str] = Counter(dict.fromkeys(MOTIONS, n))
    found: dict[int, tuple[int, ...]] = {}
    number = seed * 100_003
    while left.total():
        clip = render_clip(number, CONFIG, split=SPLIT)
        things = []
        for index, thing in enumerate(clip.things):
            motion = true_span(thing, len(clip.frames)).motion
            if left[motion]:
                left[motion] -= 1
                things.append(index)
        if things:
            found[number] = tuple(things)
        number += 1
    return found


def true_span(thing: ClipThing, frames: int) -> Span:
    """What a thing of a clip mainly does, and when. To stand, but not from first to last, is to appear or disappear."""
    first, last = thing.spans[0], thing.spans[-1]
    if all(span.motion == "still" for span in thing.spans):
        name = "appears" if first.start > 0 else "disappears" if last.end < frames else "still"
        return Span(name, first.start, last.end)
    return main(thing.spans)


def _measured(detector: Detector, seed: int, n: int) -> list[Row]:
    told: list[_Told] = []
    lasted = spent = 0.0
    for number, things in chosen(seed, n).items():
        clip = render_clip(number, CONFIG, split=SPLIT)
        video = encoded(clip.frames, clip.rate)
        start = time.perf_counter()
        pictures = sampled(video, clip.rate)
        tracks = follow(pictures, detector=detector)
        spans = motions(tracks, pictures, clip.rate)
        spent += time.perf_counter() - start
        lasted += video.seconds
        told += [_judged(clip, clip.things[index], tracks, spans) for index in things]
    right = [each.right for each in told]
    overlaps = np.array([each.overlap for each in told])
    by_motion = {motion: [each.right for each in told if each.motion == motion] for motion in MOTIONS}
    above = sum(np.mean(each) >= ABOVE for each in by_motion.values())
    rows = [
        share(ROLE, "motion_right", sum(right), len(told), frequent=1 / len(MOTIONS)),
        *(share(ROLE, f"right_{motion}", sum(each), len(each)) for motion, each in by_motion.items()),
        Row(ROLE, "motions_above", float(above)),
        _mean("time_iou", overlaps),
        share(ROLE, "followed", sum(each.followed for each in told), len(told)),
        Row(ROLE, "seconds_a_second", spent / lasted),
    ]
    return [*rows, _mean("time_iou_of_right", overlaps[right])] if any(right) else rows


def _mean(name: str, values: NDArray[np.float64]) -> Row:
    interval = bootstrap(len(values), lambda some: [float(values[some].mean())])[0]
    return Row(ROLE, name, float(values.mean()), len(values), interval)


def _judged(clip: Clip, thing: ClipThing, tracks: Sequence[Track], spans: Sequence[Sequence[Span]]) -> _Told:
    true = true_span(thing, len(clip.frames))
    found = [overlap(track, thing) for track in tracks]
    if not found or max(found) < _FOUND:
        return _Told(true.motion, False, False, 0.0)
    named = main(spans[int(np.argmax(found))])
    if named.motion != true.motion:
        return _Told(true.motion, True, False, 0.0)
    both = max(0, min(named.end, true.end) - max(named.start, true.start))
    return _Told(true.motion, True, True, both / (max(named.end, true.end) - min(named.start, true.start)))


def overlap(track: Track, thing: ClipThing) -> float:
    """The mean IoU of a track's boxes and a thing's, 0-1, over all frames in which either has one."""
    seen = np.array([box is not None for box in thing.boxes])
    true = np.array([box or (np.nan,) * 4 for box in thing.boxes], np.float64)
    low, high = np.fmax(track.boxes[:, :2], true[:, :2]), np.fmin(track.boxes[:, 2:], true[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (track.boxes, true)]
    ious = np.where(track.seen & seen, shared / (areas[0] + areas[1] - shared), 0.0)
    return float(ious.sum() / max(1, (track.seen | seen).sum()))


def _made(detector: Detector, segmenter: Segmenter, generator: ImageGenerator, seed: int, n: int) -> list[Row]:
    """Clips made from words: of how many both the thing (name and colour) and its motion are recognised."""
    rng = np.random.default_rng([seed, 3])
    named = []
    for number, motion in enumerate(MOTIONS * n):
        label = str(rng.choice([each for each in CLASSES if motion != "spin" or each not in _ROUND]))
        colour = str(rng.choice(COLOURS))
        try:
            made = animate(
                f"{colour} {label}", motion,
                detector=detector, segmenter=segmenter, image_generator=generator,
                ctx=StepContext(seed=seed * 1_000_003 + number),
            )  # fmt: skip
        except EmptyInput:  # nothing to be seen in the pictures drawn
            named.append((False, False))
            continue
        named.append(recognised(made, label, colour, motion, detector))
    things, moves = (sum(each) for each in zip(*named, strict=True))
    both = sum(thing and move for thing, move in named)
    return [
        share(ROLE, "clip_named", both, len(named)),
        share(ROLE, "clip_thing", things, len(named)),
        share(ROLE, "clip_motion", moves, len(named)),
    ]


def recognised(made: Animation, label: str, colour: str, motion: str, detector: Detector) -> tuple[bool, bool]:
    """Whether the longest track of a made clip has the thing's name and colour, and whether its motion."""
    pictures = sampled(made.video)
    tracks = follow(pictures, detector=detector)
    if not tracks:
        return False, False
    track = max(tracks, key=lambda each: int(each.seen.sum()))
    spans = motions(tracks, pictures)[tracks.index(track)]
    return (track.label, colour_of(track, pictures)) == (label, colour), main(spans).motion == motion
