"""Name what things do: the path of a track as spans of the motions that clips are told in.

Places and sizes are those of the boxes; whether a thing turns is told from its pixels, and that it blinks from when it
is not seen. The camera is taken to stand still.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyInput
from ..media.image import Image
from .explaining import Signals, explained
from .motions import Span
from .track import RATE, Track, check_pictures, check_rate
from .turning import turns

_NOISE = (0.5, 2.0)  # pixels of a 224 pixel side: what boxes may be off by, at least and at most
_HASTE = 0.1  # share of the way from picture to picture by which the box of a fast thing is off
_TURNING = 45.0  # degrees a second from which on a thing turns
_BLINKS = (0.12, 0.6)  # seconds for which a blinking thing is off
_NEAR = 0.15  # seconds around the time in which things overlap in which their boxes are not to be trusted
_ISLAND = 0.35  # seconds of something else in the middle of a motion that are no end of it


def motions(tracks: Sequence[Track], pictures: Sequence[Image], rate: float = RATE) -> list[tuple[Span, ...]]:
    """What each track does, in frames of ``rate`` a second: adjoining spans from where it comes to where it goes.

    A thing that only stands is said to appear or to disappear where it is not there from the first to the last picture;
    of one that is never seen there is no span. Raises ``WrongArgument`` as ``check_rate`` and ``check_pictures`` do.
    """
    check_rate(rate)
    check_pictures(tracks, pictures)
    return [_named(track, [other for other in tracks if other is not track], pictures, rate) for track in tracks]


def main(spans: Sequence[Span]) -> Span:
    """The span of what a thing mainly does: the longest that is more than standing, or else of all.

    Raises ``EmptyInput`` without spans.
    """
    if not spans:
        raise EmptyInput("nothing is known of what the thing does", kind="spans")
    return max([span for span in spans if span.motion != "still"] or spans, key=lambda span: span.end - span.start)


def _named(track: Track, others: Sequence[Track], pictures: Sequence[Image], rate: float) -> tuple[Span, ...]:
    if not len(track.frames):
        return ()
    first, last = _presence(track, rate)
    if len(track.frames) == 1:
        return (_standing(first, last, len(track.boxes)),)
    free = _free(track, others, round(rate * _NEAR))
    blink = _blinking(track.seen | ~free, rate)
    spans = _without_islands(explained(_signals(track, free, pictures, rate), first, last), rate)
    if blink is not None and not any(span.motion == "spin" for span in spans):
        spans = _with_blink(spans, blink)
    if all(span.motion == "still" for span in spans):
        spans = [_standing(first, last, len(track.boxes))]
    return tuple(spans)


def _standing(first: int, last: int, frames: int) -> Span:
    comes, goes = first > 0, last < frames
    return Span("appears" if comes else "disappears" if goes else "still", first, last)


def _without_islands(spans: list[Span], rate: float) -> list[Span]:
    """The spans, a motion that is broken off for a moment being one."""
    whole: list[Span] = []
    for span in spans:
        before = whole[-2:]
        if len(before) == 2 and before[0].motion == span.motion and before[1].end - before[1].start <= _ISLAND * rate:
            whole[-2:] = [Span(span.motion, before[0].start, span.end)]
        else:
            whole.append(span)
    return whole


def _presence(track: Track, rate: float) -> tuple[int, int]:
    """From which frame up to which a thing is there; a fifth of a second at the borders is not counted as absence."""
    near = round(rate / 5)
    first, last = int(track.frames[0]), int(track.frames[-1]) + 1
    return (0 if first <= near else first), (len(track.boxes) if last >= len(track.boxes) - near else last)


def _blinking(shown: NDArray[np.bool_], rate: float) -> Span | None:
    """When a thing blinks that is ``shown`` (T,): it goes at least twice, for about as long as it then stays."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(np.int8)))
    comes, goes = edges[::2], edges[1::2]
    off, on = comes[1:] - goes[:-1], (goes - comes)[1:-1]
    if len(off) < 2:
        return None
    half = float(np.median(off[:-1]))  # the last time it may be told to stay before it is over
    like = [np.abs(each - half) <= max(1.0, 0.34 * half) for each in (off[:-1], on)]
    if not _BLINKS[0] * rate <= half <= _BLINKS[1] * rate or np.concatenate(like).mean() < 0.7:
        return None
    length = round(half)
    start, end = max(int(comes[0]), int(goes[0]) - length), min(int(goes[-1]), int(comes[-1]) + length)
    if end == goes[-1] and len(shown) - end <= length:  # it is off when the clip ends
        end = len(shown)
    return Span("blink", start, end)


def _with_blink(spans: list[Span], blink: Span) -> list[Span]:
    """A thing that blinks stands before and after."""
    first, last = spans[0].start, max(spans[-1].end, blink.end)
    rest = [Span("still", first, blink.start), blink, Span("still", blink.end, last)]
    return [span for span in rest if span.end > span.start]


def _free(track: Track, others: Sequence[Track], near: int) -> NDArray[np.bool_]:
    """In which pictures (T,) no other thing lies over this one's box, or will or did up to ``near`` pictures away.

    Where either is not seen, its way is guessed.
    """
    boxes = track.bridged
    over = np.zeros(len(boxes), np.bool_)
    for other in others:
        low, high = np.maximum(boxes[:, :2], other.bridged[:, :2]), np.minimum(boxes[:, 2:], other.bridged[:, 2:])
        over |= (high > low).all(axis=1)
    return np.convolve(over, np.ones(2 * near + 1))[near : near + len(over)] < 0.5


def _signals(track: Track, free: NDArray[np.bool_], pictures: Sequence[Image], rate: float) -> Signals:
    boxes, seen = track.bridged, track.seen
    counted = seen & free
    if counted.sum() < rate / 2:  # nearly always behind something: what is seen of it has to do
        counted = seen
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    size = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    side = max(pictures[0].width, pictures[0].height)
    values = np.stack([x, y, size], axis=1)
    low, high = (noise * side / 224 for noise in _NOISE)
    bends = np.diff(values[counted], n=2, axis=0)
    noise = float(np.clip(1.48 * np.median(np.abs(bends)) / np.sqrt(6), low, high)) if len(bends) else high
    # Of a thing that is covered or not found only half a size is known.
    off = np.where(counted, _HASTE * np.hypot(np.gradient(x), np.gradient(y)), size / 2)
    turned = np.append(turns(pictures, track.boxes), np.nan)
    turned[1:-1] = np.where(np.isfinite(turned[1:-1]), turned[1:-1], turned[:-2])  # as before in a gap's last picture
    return Signals(
        np.arange(len(boxes)) / rate,
        np.nan_to_num(values) / noise,
        np.nan_to_num(1 / (1 + (off / noise) ** 2)),
        np.where(np.isfinite(turned) & seen & free, np.abs(turned) * rate >= _TURNING, np.nan),
        side / noise,
    )
