"""Pairs of scenes that differ in one attribute of one thing: the hard negatives of training, and of the measure.

A scene is staged as a list of things, each with a stream of random numbers of its own. So one attribute can be edited
and everything painted again: the rest looks the same to the pixel. The pixels of both then say what is true of them, as
in ``world.scenes``, whose rules of contrast and occlusion hold here too; an edit by which anything else changes (a
thing that is half hidden now counts as lying elsewhere) is not taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...world import draw, shapes
from ...world.backgrounds import draw_background
from ...world.captions import place_of
from ...world.scenes import TEXTURES, Scene, SceneConfig, SceneObject, Silhouette, stream

ATTRIBUTES = ("label", "colour", "size", "place")
"""What a caption can say of a thing, and by which twins differ."""

FEW = SceneConfig(count=(1, 4), size=(0.12, 0.40))
"""Scenes of few things that can be told apart at the embedder's resolution."""

_CONTRAST_FLOOR = 75.0  # least distance in RGB between a thing and what lies under it
_MOVED, _GROWN = 0.25, 1.5  # least way (share of the side) and least factor of an edit that shall be seen
_TRIES = 12


class Fact(NamedTuple):
    """What a caption can say of one thing, in the world's words; ``word`` is a sign's."""

    label: str
    colour: str
    size: str
    place: str
    word: str | None = None


@dataclass(frozen=True)
class Thing:
    """One thing as it is staged: middle (x, y) and size are shares of the side, the angle is in degrees."""

    label: str
    colour: str
    size: float
    x: float
    y: float
    angle: float
    mirror: bool
    texture: str
    word: str | None
    seed: int
    """Of its shade, its outline's freedoms and its pattern."""


class Pair(NamedTuple):
    """Two scenes, and the one of :data:`ATTRIBUTES` by which they differ."""

    first: Scene
    second: Scene
    changed: str


class Canvas:
    """A picture that things are put on, back to front."""

    def __init__(self, background: draw.Picture, *, shadows: bool, max_occlusion: float) -> None:
        self.image, self.side = background.copy(), background.shape[0]
        self.shadows, self.max_occlusion = shadows, max_occlusion
        self.instances = np.full((self.side, self.side), -1, np.int16)
        self.things: list[Thing] = []
        self.silhouettes: list[Silhouette] = []

    def put(self, thing: Thing) -> bool:
        """Paint a thing, or say False where it would not stand out or would hide too much of another."""
        rng = np.random.default_rng(thing.seed)
        value = draw.jitter(thing.colour, rng)
        parts = shapes.parts_of(thing.label, rng, angle=thing.angle, mirror=thing.mirror, word=thing.word)
        sprite = draw.paint(parts, thing.size * self.side, draw.palette(thing.colour, value), thing.texture, rng)
        h, w = sprite.alpha.shape
        x, y = (
            int(np.clip(round(middle * self.side - extent / 2), 0, self.side - extent))
            for middle, extent in ((thing.x, w), (thing.y, h))
        )
        shape = Silhouette(x, y, sprite.alpha >= 0.5)
        window = self.image[y : y + h, x : x + w]
        under = cv2.mean(window, shape.solid.astype(np.uint8))[:3]
        if float(np.linalg.norm(np.array(under) - np.array(value))) < _CONTRAST_FLOOR or self._hides(thing, shape):
            return False
        if self.shadows:
            self._shade(sprite.alpha, x, y)
        alpha = sprite.alpha[..., None]
        window[:] = np.round(window * (1 - alpha) + sprite.rgb * alpha).astype(np.uint8)
        self.instances[y : y + h, x : x + w][shape.solid] = len(self.things)
        self.things.append(thing)
        self.silhouettes.append(shape)
        return True

    def _hides(self, thing: Thing, shape: Silhouette) -> bool:
        """Whether it would cover a thing of its own colour, or too much of any."""
        h, w = shape.solid.shape
        under = self.instances[shape.y : shape.y + h, shape.x : shape.x + w][shape.solid]
        for i, (other, its) in enumerate(zip(self.things, self.silhouettes, strict=True)):
            covered = np.count_nonzero(under == i)
            left = np.count_nonzero(self.instances == i) - covered
            if covered and (other.colour == thing.colour or left < (1 - self.max_occlusion) * its.solid.sum()):
                return True
        return False

    def _shade(self, alpha: NDArray[np.float32], x: int, y: int) -> None:
        """A soft shadow to the lower right, as the world's scenes have it."""
        reach = max(2, alpha.shape[0] // 14)
        soft = cv2.blur(alpha, (2 * reach + 1, 2 * reach + 1), borderType=cv2.BORDER_CONSTANT)
        window = self.image[y + reach : y + reach + soft.shape[0], x + reach : x + reach + soft.shape[1]]
        window[:] = window * (1 - np.float32(0.35) * soft[: window.shape[0], : window.shape[1], None])

    def scene(self, background: str, seed: int, split: str) -> Scene:
        """What was painted, with its truth read from the pixels."""
        objects = tuple(self._seen(i) for i in range(len(self.things)))
        return Scene(self.image, objects, self.instances, background, seed, split, tuple(self.silhouettes))

    def _seen(self, i: int) -> SceneObject:
        thing, mask = self.things[i], self.instances == i
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        return SceneObject(
            label=thing.label,
            colour=thing.colour,
            size=thing.size,
            angle=thing.angle,
            texture=thing.texture,
            word=thing.word,
            box=(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)),
            visible=float(mask.sum() / self.silhouettes[i].solid.sum()),
        )


def facts_of(scene: Scene) -> tuple[Fact, ...]:
    """What a caption can say of each thing of a scene, in painting order."""
    side = scene.image.shape[0]
    return tuple(
        Fact(thing.label, thing.colour, thing.size_word, place_of(thing, side), thing.word) for thing in scene.objects
    )


def render_pair(seed: int, config: SceneConfig = FEW, *, split: str = "train") -> Pair:
    """The twins of a seed: the same on every machine, no stream of theirs in two splits.

    ``split`` is one of ``scenes.SPLITS``; raises ValueError for another name.
    """
    rng = stream(split, seed, "twins")
    changed = str(rng.choice(ATTRIBUTES))
    while True:
        kind = str(rng.choice(config.backgrounds))
        background = draw_background(kind, rng, config.side)
        shadows = bool(rng.random() < 0.45)
        canvas = Canvas(background, shadows=shadows, max_occlusion=config.max_occlusion)
        for _ in range(int(rng.integers(max(1, config.count[0]), config.count[1] + 1))):
            _add(canvas, config, rng)
        if not canvas.things:
            continue
        first = canvas.scene(kind, seed, split)
        for _ in range(_TRIES):
            other = Canvas(background, shadows=shadows, max_occlusion=config.max_occlusion)
            if all(other.put(thing) for thing in _edited(canvas.things, changed, config, rng)):
                second = other.scene(kind, seed, split)
                if _differences(first, second) == [changed]:
                    return Pair(first, second, changed)


def _add(canvas: Canvas, config: SceneConfig, rng: np.random.Generator) -> None:
    """Put one more thing on the canvas, smaller with each try; nothing where none finds room."""
    known = [thing.label for thing in canvas.things]
    label = str(rng.choice(known if known and rng.random() < config.repeat / 2 else config.classes))
    for attempt in range(_TRIES):
        size = _size(config.size[0], max(config.size[0], config.size[1] * 0.9**attempt), rng)
        x, y = (float(v) for v in rng.uniform(size / 2, 1 - size / 2, 2))
        limit = shapes.MAX_ANGLE[label]
        thing = Thing(
            label=label,
            colour=str(rng.choice(config.colours)),
            size=size,
            x=x,
            y=y,
            angle=float(rng.uniform(-limit, limit)),
            mirror=bool(rng.random() < 0.5),
            texture=str(rng.choice(TEXTURES, p=(0.3, 0.3, 0.14, 0.11, 0.15))),
            word=str(rng.choice(shapes.WORDS)) if label == "sign" else None,
            seed=int(rng.integers(2**31)),
        )
        if canvas.put(thing):
            return


def _size(low: float, high: float, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _edited(things: list[Thing], changed: str, config: SceneConfig, rng: np.random.Generator) -> list[Thing]:
    """The things, one of them with another value of one attribute (perhaps the same one still, seldom)."""
    i = int(rng.integers(len(things)))
    thing = things[i]
    if changed == "colour":
        edit = replace(thing, colour=str(rng.choice(config.colours)))
    elif changed == "label":
        label = str(rng.choice(config.classes))
        limit = shapes.MAX_ANGLE[label]
        word = str(rng.choice(shapes.WORDS)) if label == "sign" else None
        edit = replace(thing, label=label, word=word, angle=float(np.clip(thing.angle, -limit, limit)))
    elif changed == "size":
        size = _size(*config.size, rng)
        edit = replace(thing, size=size if abs(np.log(size / thing.size)) > np.log(_GROWN) else thing.size)
    else:
        x, y = (float(v) for v in rng.uniform(thing.size / 2, 1 - thing.size / 2, 2))
        far = np.hypot(x - thing.x, y - thing.y) > _MOVED
        edit = replace(thing, x=x, y=y) if far else thing
    return [*things[:i], edit, *things[i + 1 :]]


def _differences(first: Scene, second: Scene) -> list[str]:
    """The attributes, one for each thing and attribute, by which two scenes of as many things differ."""
    return [
        name
        for one, other in zip(facts_of(first), facts_of(second), strict=True)
        for name in ATTRIBUTES
        if getattr(one, name) != getattr(other, name)
    ]
