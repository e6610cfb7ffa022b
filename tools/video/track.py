"""Follow things over the pictures of a video: which of the boxes found in each of them are the same thing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import count

import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyInput, WrongArgument
from ..media.boxes import Boxes
from ..media.image import Image
from ..media.video import Video
from ..roles import Detector
from ..see.nouns import resolve
from .encoding import MOST

RATE = 12.0
"""Pictures a second that are looked at."""
_AT_ONCE = 16
_JUMP = 2.0  # own sizes that a thing moves on at most from picture to picture: what falls fast and is small
_DRIFT = 0.35  # and more for every picture in which it was not seen
_RENAMED = 4.0  # times as far it seems to a thing that would have to change its name
_WITHIN = 0.8  # share of its pictures in which a piece of a thing lies in the thing's box
_BOTH = 0.2  # share of the shorter track in which a thing that is half hidden may be found as two
_AWAY = 60  # pictures after which a thing that comes is another one
_STRAY = 3  # and times as long as it is seen: in few pictures little speaks for its being the same


@dataclass(frozen=True)
class Track:
    """One thing, followed over T pictures."""

    label: str
    """The name that its boxes have most, sure ones more than others."""
    score: float
    """The mean score of its boxes, 0-1."""
    boxes: NDArray[np.float32]
    """(T, 4) left, top, right, bottom in pixels; NaN where it is not seen."""

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """(T,): in which pictures it has a box."""
        return np.isfinite(self.boxes[:, 0])

    @cached_property
    def frames(self) -> NDArray[np.int64]:
        """The indices of these pictures."""
        return np.flatnonzero(self.seen)

    @cached_property
    def bridged(self) -> NDArray[np.float64]:
        """The boxes (T, 4) with gaps filled by even movement; NaN before the first and after the last."""
        if not len(self.frames):
            return self.boxes.astype(np.float64)
        t, seen = np.arange(len(self.boxes)), self.frames
        columns = [np.interp(t, seen, self.boxes[seen, k], left=np.nan, right=np.nan) for k in range(4)]
        return np.stack(columns, axis=1)


def sampled(video: Video, rate: float = RATE) -> list[Image]:
    """The pictures shown ``rate`` times a second, from the first on. Raises as ``check_rate`` does."""
    check_rate(rate)
    return video.frames((np.arange(max(1, round(video.seconds * rate))) / rate).tolist())


def check_rate(rate: float) -> None:
    """Raises ``WrongArgument`` where so many pictures a second cannot be looked at: none, or more than videos have."""
    if not 0 < rate <= MOST:
        raise WrongArgument(
            f"{rate:g} pictures a second cannot be looked at", hint=f"give more than 0, {MOST} at most", field="rate"
        )


def check_pictures(tracks: Sequence[Track], pictures: Sequence[Image]) -> None:
    """Raises ``WrongArgument`` where a track is not over just these pictures."""
    for track in tracks:
        if len(track.boxes) != len(pictures):
            raise WrongArgument(
                f"a track over {len(track.boxes)} pictures does not fit {len(pictures)}",
                hint="give the pictures in which it was followed",
                field="pictures",
            )


def follow(pictures: Sequence[Image], labels: Sequence[str] = (), *, detector: Detector) -> list[Track]:
    """The things of pictures that follow each other in time, those that come first first; none where none is found.

    ``labels`` keeps only things that these nouns mean; none keeps all. Raises ``EmptyInput`` without pictures,
    ``WrongArgument`` where their sizes differ, and ``UnknownLabel`` for a noun that a closed vocabulary lacks.
    """
    if isinstance(labels, str):
        raise WrongArgument("labels are a list of nouns, not one text", hint=f"give [{labels!r}]", field="labels")
    if not pictures:
        raise EmptyInput("nothing to follow: there is no picture", kind="video")
    if len({(each.width, each.height) for each in pictures}) > 1:
        raise WrongArgument("the pictures differ in size, so they are not of one video", field="pictures")
    names = resolve(labels, detector.vocabulary)
    found: list[Boxes] = []
    for start in range(0, len(pictures), _AT_ONCE):
        some = pictures[start : start + _AT_ONCE]
        found += detector.detect(some, [names] * len(some))
    return joined(found)


def joined(found: Sequence[Boxes]) -> list[Track]:
    """The boxes of pictures that follow each other in time as tracks, those that begin first first.

    ByteTrack says which boxes belong together. It loses what turns back within a few pictures, or comes out from behind
    another thing elsewhere than it went on to, so pieces of one thing that fit into each other's gaps are put together.
    What is seen in one picture only has no track, and what is seen now and then within another thing is a part of it.
    """
    from ..loaders.ultralytics_tracker import identified  # loads the library: not on the light path

    numbers = identified(found)
    tracks = []
    for number in dict.fromkeys(int(each) for own in numbers for each in own if each):
        boxes = np.full((len(found), 4), np.nan, np.float32)
        votes: defaultdict[str, float] = defaultdict(float)
        scores = []
        for frame, (some, own) in enumerate(zip(found, numbers, strict=True)):
            for index in np.flatnonzero(own == number):
                boxes[frame] = some.xyxy[index]
                votes[some.labels[index]] += some.scores[index]
                scores.append(some.scores[index])
        tracks.append(Track(max(votes, key=votes.__getitem__), float(np.mean(scores)), boxes))
    tracks = [track for track in _mended(tracks) if track.seen.sum() > 1]
    whole = [track for track in tracks if not any(_part_of(track, other) for other in tracks)]
    return sorted(whole, key=lambda track: int(track.seen.argmax()))


def _part_of(track: Track, other: Track) -> bool:
    """Whether a track is but a piece of another thing, seen twice as often, in whose box it lies nearly always."""
    if 2 * track.seen.sum() > other.seen.sum():
        return False
    boxes, others = track.boxes[track.seen], other.bridged[track.seen]
    low, high = np.maximum(boxes[:, :2], others[:, :2]), np.minimum(boxes[:, 2:], others[:, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=1) / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return bool((inside > 0.5).mean() > _WITHIN)


def _mended(tracks: list[Track]) -> list[Track]:
    """The tracks with pieces of one thing put together, the nearest first."""
    pieces: dict[int, Track] = {}
    queue: list[tuple[float, int, int]] = []

    def add(piece: Track) -> None:
        number = next(numbers)
        for k, other in pieces.items():
            if (strain := _strain(other, piece)) < 1:
                heappush(queue, (strain, k, number))
        pieces[number] = piece

    numbers = count()
    for track in tracks:
        add(track)
    while queue:
        _, i, j = heappop(queue)
        if i in pieces and j in pieces:  # else one of them is part of something larger by now
            add(_whole(pieces.pop(i), pieces.pop(j)))
    return list(pieces.values())


def _whole(one: Track, other: Track) -> Track:
    counts = [len(each.frames) for each in (one, other)]
    score = float(np.average([one.score, other.score], weights=counts))
    label = max((counts[0] * one.score, one.label), (counts[1] * other.score, other.label))[1]
    return Track(label, score, np.where(one.seen[:, None], one.boxes, other.boxes))


def _strain(one: Track, other: Track) -> float:
    """How far a thing would have to jump from one of the tracks to the other: over 1 is too far.

    A jump is counted in the thing's own sizes; more is allowed where it was away longer. What was seen in few pictures
    may not have been away for long: else things of different scenes would be one.
    """
    shorter, longer = sorted((len(one.frames), len(other.frames)))
    if longer == 1:  # only what has a path can be missing a piece
        return np.inf
    away = min(_AWAY, _STRAY * shorter)
    if max(one.frames[0], other.frames[0]) - min(one.frames[-1], other.frames[-1]) > away:
        return np.inf
    if (one.seen & other.seen).sum() > _BOTH * shorter:
        return np.inf
    frames = np.flatnonzero(one.seen | other.seen)
    crossing = np.flatnonzero(np.diff(one.seen[frames]))
    gaps = np.diff(frames)[crossing]
    if gaps.max() > away:
        return np.inf
    boxes = np.where(one.seen[:, None], one.boxes, other.boxes)[frames]
    sizes = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    jumps = np.hypot(*np.diff((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)[crossing].T) / np.maximum(sizes[crossing], 1)
    renamed = 1 if one.label == other.label else _RENAMED
    return float((jumps / (_JUMP + _DRIFT * (gaps - 1))).max()) * renamed
