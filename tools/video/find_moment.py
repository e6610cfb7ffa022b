"""Find the moments of a video that a few words describe: "the red star moves left"."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..card import Card
from ..contract import tool
from ..english import with_article
from ..errors import WrongArgument
from ..media.spans import Spans
from ..media.video import Video
from ..roles import Detector, Embedder, StepContext
from ..see.nouns import NOUNS, clean, resolve
from .moments import in_turn, spread
from .motions import VERBS
from .watching import Thing, things_in
from .wording import MOVES, STARTS, STOPS, Wish, wish_of

_MOMENT = 0.5  # seconds that something lasts that happens at once
_ON_THE_WAY = ("left", "right", "up", "down", "diagonal", "circle", "bounce")
_STANDING = ("still", "appears", "disappears")
_SHORT = 2  # words of a thing that a detector with an open vocabulary is asked for
_LOOKS, _MOST_LOOKS = 4, 600  # pictures a second that are compared with the words, and of a video
_FITS = 2.0  # standard deviations by which the words fit the best picture better than other nouns do

CARD = Card(
    bad_at="what happens between things (meeting, passing), several things at once, and sound",
    cost="model",
    batch=True,
    keeps="part",
    examples=(
        "when does the {query}", "find the moment when {query}", "at what time {query} in the clip",
        "find the part of the video with {query}", "where in the video {query}", "jump to the moment {query}",
        "视频里{query}是什么时候", "找出{query}的时刻", "什么时候{query}", "找到视频中{query}的片段",
    ),
    answer={"en": "In the clip: {rows}.", "zh": "视频中：{rows}。"},
)  # fmt: skip


@tool(card=CARD)
def find_moment(video: Video, query: str, *, detector: Detector, embedder: Embedder, step: StepContext) -> Spans:
    """Return when a video shows what a few words say, by time, with how sure that is; none where nothing fits.

    A thing that the detector knows is followed: its colour and one motion ("moves left", "bounces", "stops", "appears")
    are told from its path, and without a motion it is all the time that it is there. What happens at once lasts half a
    second. All other words are compared with pictures as a whole by the embedder: those fit that are nearer than half
    the way to the best, if the best is far nearer than other nouns are. Raises ``WrongArgument`` without words,
    ``UnknownLabel`` for a motion of a thing that the detector does not know, ``Cancelled``.

    Args:
        video: the video to search
        query: what happens or what is seen, as it stands in the request

    Example:
        find_moment(video, "the red star bounces", detector=detector, embedder=embedder, step=StepContext())
    """
    if not clean(query):
        raise WrongArgument("there is nothing to look for", hint='say it, like "the red star bounces"', field="query")
    wish = wish_of(query, detector.vocabulary)
    labels = _followed(wish, detector.vocabulary)
    if labels is None:
        return _alike(video, query, embedder, step)
    found = [
        (start, end, thing)
        for thing in things_in(video, labels, detector=detector, step=step)
        if wish.colour in (None, thing.colour)
        for start, end in _times(thing, wish.motion)
    ]
    found.sort(key=lambda each: each[:2])
    said = VERBS.get(wish.motion, wish.motion)
    return Spans.of(
        [each[:2] for each in found],
        [f"{thing.name} {said}".strip() for *_, thing in found],
        [thing.score for *_, thing in found],
    )


def _followed(wish: Wish, vocabulary: Sequence[str] | None) -> tuple[str, ...] | None:
    """The nouns of what is to be followed, none for anything; None where the pictures as a whole are asked for."""
    if vocabulary is None:
        short = len(wish.rest.split()) <= _SHORT and bool(wish.rest or wish.colour)
        return (wish.rest,) if wish.motion or short else None
    if wish.motion and not wish.labels:
        return resolve([wish.rest], vocabulary)
    if wish.motion:
        return wish.labels[:1]
    one = len(wish.labels) == 1 or (wish.colour and not wish.labels)
    return wish.labels if one and not wish.rest else None


def _times(thing: Thing, motion: str) -> Iterator[tuple[float, float]]:
    """When a thing does something, or without a motion is there."""
    first, last = thing.doings[0].start, thing.doings[-1].end
    changes = list(zip(thing.doings, thing.doings[1:], strict=False))
    if not motion:
        yield from thing.there
    elif motion == "appears":
        yield from [(first, min(first + _MOMENT, last))] * thing.comes
    elif motion == "disappears":
        yield from [(max(first, last - _MOMENT), last)] * thing.goes
    elif motion == STARTS:
        yield from ((now.start, min(now.start + _MOMENT, now.end)) for was, now in changes if was.motion in _STANDING)
    elif motion == STOPS:
        yield from ((max(was.start, was.end - _MOMENT), was.end) for was, now in changes if now.motion in _STANDING)
    else:
        wanted = {MOVES: _ON_THE_WAY, "still": _STANDING}.get(motion, (motion,))
        yield from ((each.start, each.end) for each in thing.doings if each.motion in wanted)


def _alike(video: Video, query: str, embedder: Embedder, step: StepContext) -> Spans:
    """When the pictures fit words, by their vectors."""
    count = max(1, min(_MOST_LOOKS, math.ceil(video.seconds * _LOOKS)))
    said = embedder.embed_texts([query, *map(with_article, NOUNS)]).vectors
    rows = [
        embedder.embed_images(pictures).vectors @ said.T
        for pictures in in_turn(video, spread(video, count), step, "comparing pictures with words")
    ]
    near = np.concatenate(rows)  # (pictures, texts)
    others, fits = near[:, 1:], near[:, 0]
    if ((fits - others.mean(axis=1)) / (others.std(axis=1) + 1e-6)).max() < _FITS:
        return Spans.of([])
    beside = np.pad(fits, 1, mode="edge")
    fits = np.median([beside[:-2], fits, beside[2:]], axis=0)  # one picture alone is no moment, and no gap
    floor, top = others.mean() - others.std(), np.quantile(fits, 0.95)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], fits > (floor + top) / 2, [0]]).astype(np.int8)))
    times = edges.reshape(-1, 2) * video.seconds / count
    scores = [float(np.clip(fits[start:end].mean(), 0, 1)) for start, end in edges.reshape(-1, 2)]
    return Spans.of(times, [query] * len(times), scores)
