"""Short clips of the world's things in motion, with the truth of every frame.

Like a scene, a clip is painted first and its truth is read from the painted pixels: the boxes are those of what can be
seen in each frame, and who passes behind whom is told from the pixels that one takes from the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ....tools.english import with_article
from . import draw
from .backgrounds import draw_background
from .captions import listed, sentence
from .directing import Actor, Director
from .motions import VERBS, Span
from .scenes import BACKGROUNDS, stream

EVENTS = ("appears", "disappears", "starts", "stops", "collides", "passes behind", "passes in front")

_HIDDEN = 0.2  # share of the smaller thing by which two must overlap at once: less is a graze, not a passing


@dataclass(frozen=True)
class ClipConfig:
    """What clips are drawn from; ranges are inclusive."""

    side: int = 224
    """Pixels of the square frame; even, as video encoders want it."""
    rate: int = 12
    """Frames a second."""
    seconds: tuple[float, float] = (2.0, 8.0)
    """How long a clip lasts."""
    count: tuple[int, int] = (1, 4)
    """Number of things; a full frame may hold fewer."""
    backgrounds: tuple[str, ...] = BACKGROUNDS


@dataclass(frozen=True)
class ClipThing:
    """One thing of a clip."""

    label: str
    colour: str
    texture: str
    word: str | None
    """What a sign says."""
    size: float
    """Longer side at its largest over the side of the frame."""
    motion: str
    """What it mainly does, one of ``motions.MOTIONS``."""
    spans: tuple[Span, ...]
    """What it does when, in frames; it is there from the first span's start to the last one's end."""
    boxes: tuple[tuple[int, int, int, int] | None, ...]
    """For each frame x0, y0, x1, y1 around its visible pixels, x1 and y1 exclusive; None where nothing is seen."""
    visible: tuple[float, ...]
    """For each frame the share of its pixels that nothing covers; 0 where it is not shown."""


class ClipEvent(NamedTuple):
    """Something that happens at a moment (seconds) to a thing, by its index, and perhaps to another."""

    time: float
    kind: str
    thing: int
    other: int | None = None
    motion: str | None = None
    """Of *starts* and *stops*: what starts or stops."""


@dataclass(frozen=True)
class Clip:
    """Frames and everything that is true of them."""

    frames: NDArray[np.uint8]
    """(T, side, side, 3) RGB, 0-255."""
    instances: NDArray[np.int8]
    """(T, side, side): the index into ``things`` of the thing seen at each pixel, -1 for the background."""
    things: tuple[ClipThing, ...]
    """Back to front."""
    events: tuple[ClipEvent, ...]
    """By time."""
    background: str
    rate: int
    """Frames a second; frame k is shown from k / rate seconds."""
    seed: int
    split: str

    @property
    def seconds(self) -> float:
        """How long the clip lasts."""
        return len(self.frames) / self.rate


def render_clip(seed: int, config: ClipConfig | None = None, *, split: str = "train") -> Clip:
    """The clip of a seed: the same on every machine, and never the same stream in two splits.

    ``split`` is one of ``scenes.SPLITS``; raises ValueError for another name.
    """
    config = config or ClipConfig()
    rng = stream(split, seed, "clips")
    background = str(rng.choice(config.backgrounds))
    picture = draw_background(background, rng, config.side)
    count = int(rng.integers(config.count[0], config.count[1] + 1))
    total = max(2, round(float(rng.uniform(*config.seconds)) * config.rate))
    actors = Director(rng, picture, total, config.rate).cast(count)
    film = _Film(picture, actors, total)
    things = tuple(film.thing(i) for i in range(len(actors)))
    events = [*_script_events(actors, total, config.rate), *film.passings(config.rate)]
    events.sort(key=lambda event: (event.time, EVENTS.index(event.kind), event.thing))
    return Clip(film.frames, film.instances, things, tuple(events), background, config.rate, seed, split)


class _Film:
    """The painted frames, and what each thing hides of the others."""

    def __init__(self, background: draw.Picture, actors: list[Actor], total: int) -> None:
        side, n = background.shape[0], len(actors)
        self.actors = actors
        self.frames = np.repeat(background[None], total, axis=0)
        self.instances = np.full((total, side, side), -1, np.int8)
        self.whole = np.zeros((total, n), np.int64)  # pixels of each thing, hidden ones too
        self.hidden = np.zeros((total, n, n), np.int64)  # [t, i, j]: seen pixels of i that j took
        for i, actor in enumerate(actors):
            rgb = actor.sprite.rgb * actor.sprite.alpha[..., None]
            sheet = np.dstack([rgb, actor.sprite.alpha * 255]).round().astype(np.uint8)
            for t in np.flatnonzero(actor.path.shown):
                self._paint(int(t), i, actor, sheet)

    def _paint(self, t: int, i: int, actor: Actor, sheet: NDArray[np.uint8]) -> None:
        """Lay a thing's sprite (h, w, 4; colour times coverage, and coverage) over frame ``t``."""
        x, y, scale, angle = (float(samples[t]) for samples in actor.path[:4])
        h, w = sheet.shape[:2]
        turn = np.radians(angle)
        matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        reach = np.abs(matrix) @ (w / 2, h / 2) + 1
        side = self.frames.shape[1]
        x0, y0 = (max(0, int(np.floor(v - r))) for v, r in zip((x, y), reach, strict=True))
        x1, y1 = (min(side, int(np.ceil(v + r))) for v, r in zip((x, y), reach, strict=True))
        # OpenCV counts from the middle of the first pixel, the path from its edge.
        offset = matrix @ (0.5 - w / 2, 0.5 - h / 2) + (x - x0 - 0.5, y - y0 - 0.5)
        laid = cv2.warpAffine(sheet, np.column_stack([matrix, offset]), (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        window, seen = self.frames[t, y0:y1, x0:x1], self.instances[t, y0:y1, x0:x1]
        window[:] = np.round(window * (1 - laid[..., 3:] / np.float32(255)) + laid[..., :3]).clip(0, 255)
        solid = laid[..., 3] >= 128
        self.whole[t, i] = np.count_nonzero(solid)
        self.hidden[t, :i, i] = np.bincount(seen[solid].astype(np.int64) + 1, minlength=i + 1)[1 : i + 1]
        seen[solid] = i

    def thing(self, i: int) -> ClipThing:
        """The truth of one thing."""
        actor = self.actors[i]
        left = self.whole[:, i] - self.hidden[:, i].sum(axis=1)
        visible = (left / np.maximum(self.whole[:, i], 1)).tolist()
        boxes = tuple(_box(frame == i) if left[t] else None for t, frame in enumerate(self.instances))
        return ClipThing(
            label=actor.label,
            colour=actor.colour,
            texture=actor.texture,
            word=actor.word,
            size=actor.size,
            motion=actor.motion,
            spans=actor.spans,
            boxes=boxes,
            visible=tuple(visible),
        )

    def passings(self, rate: int) -> list[ClipEvent]:
        """Each time that two things overlap and come apart again, at the frame where it begins."""
        events = []
        total, n = self.whole.shape
        for i in range(n):
            for j in range(i + 1, n):
                share = self.hidden[:, i, j] / np.maximum(self.whole[:, [i, j]].min(axis=1), 1)
                edges = np.flatnonzero(np.diff(np.concatenate([[0], share > 0, [0]]).astype(np.int8)))
                for start, end in zip(edges[::2], edges[1::2], strict=True):
                    if start > 0 and end < total and share[start:end].max() >= _HIDDEN:
                        mover = i if _moves(self.actors[i], int(start)) else j
                        kind = "passes behind" if mover == i else "passes in front"
                        events.append(ClipEvent(float(start) / rate, kind, mover, i + j - mover))
        return events


def _moves(actor: Actor, frame: int) -> bool:
    return any(motion != "still" and start <= frame < end for motion, start, end in actor.spans)


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _script_events(actors: list[Actor], total: int, rate: int) -> list[ClipEvent]:
    """What the spans say: comings and goings, starts, stops, and collisions (two things turn back at one moment)."""
    events = []
    for i, actor in enumerate(actors):
        first, last = actor.spans[0], actor.spans[-1]
        if first.start > 0:
            events.append(ClipEvent(first.start / rate, "appears", i))
        if last.end < total:
            events.append(ClipEvent(last.end / rate, "disappears", i))
        for before, after in zip(actor.spans, actor.spans[1:], strict=False):
            if before.motion == "still":
                events.append(ClipEvent(after.start / rate, "starts", i, motion=after.motion))
            elif after.motion == "still":
                events.append(ClipEvent(after.start / rate, "stops", i, motion=before.motion))
            elif i + 1 < len(actors) and actors[i + 1].spans == tuple(
                Span(there.motion, back.start, back.end)
                for there, back in zip(actor.spans[::-1], actor.spans, strict=True)
            ):
                events.append(ClipEvent(after.start / rate, "collides", i, i + 1))
    return events


def caption(clip: Clip) -> str:
    """What every thing does, in order, and then how things meet."""
    names = [f"{thing.colour} {thing.label}" for thing in clip.things]
    phrases = []
    for thing, name in zip(clip.things, names, strict=True):
        verbs = [VERBS[span.motion] for span in thing.spans]
        if thing.spans[0].start > 0:
            verbs = ["appears", *(verb for verb in verbs if verb != VERBS["still"])]
        if thing.spans[-1].end < len(clip.frames):
            verbs.append("disappears")
        phrases.append(f"{with_article(name)} {', then '.join(verbs)}")
    said = [sentence("; ".join(phrases))] if phrases else ["Nothing moves."]
    for event in clip.events:
        if event.kind == "collides" and event.other is not None:
            both = listed([f"the {names[event.thing]}", f"the {names[event.other]}"])
            said.append(sentence(f"{both} bounce off each other"))
        elif event.kind.startswith("passes") and event.other is not None:
            where = event.kind if event.kind == "passes behind" else f"{event.kind} of"
            said.append(sentence(f"the {names[event.thing]} {where} the {names[event.other]}"))
    return " ".join(said)
