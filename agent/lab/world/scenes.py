"""The procedural world: seeded pictures with exact truth.

A scene is sampled, painted back to front, and its truth is read from the painted pixels: boxes and masks are
those of the visible pixels, so nothing has to be annotated or trusted. Only numpy and OpenCV are needed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from . import draw, shapes
from .backgrounds import draw_background

CLASSES = (
    "circle", "square", "triangle", "star", "heart", "cross", "moon", "ring",
    "house", "car", "tree", "fish", "cup", "flower", "boat", "sign",
)  # fmt: skip
"""The things of the world; their order is the order of the detector's classes."""

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
BACKGROUNDS = ("plain", "gradient", "clutter", "photo", "ground")
TEXTURES = ("flat", "shaded", "striped", "dotted", "outlined")
SPLITS = ("train", "val", "test", "demo")

_CONTRAST_FLOOR = 75.0  # least distance in RGB between a thing and what lies under it
_SIZE_GAP = 0.12  # least difference of log size within a class, so that "the largest" has one answer
_TRIES = 30


@dataclass(frozen=True)
class SceneConfig:
    """What scenes are drawn from. Sizes are shares of the picture's side; ranges are inclusive."""

    side: int = 384
    """Pixels of the square picture."""
    count: tuple[int, int] = (0, 8)
    """Number of things."""
    size: tuple[float, float] = (0.06, 0.40)
    """Longer side of a thing's box over the side of the picture, drawn log-uniformly."""
    max_occlusion: float = 0.35
    """Share of a thing's pixels that later things may cover."""
    repeat: float = 0.55
    """Probability that a scene of two or more things has several of one class."""
    classes: tuple[str, ...] = CLASSES
    colours: tuple[str, ...] = COLOURS
    backgrounds: tuple[str, ...] = BACKGROUNDS


@dataclass(frozen=True)
class SceneObject:
    """One thing of a scene, as it can be seen."""

    label: str
    colour: str
    size: float
    """Longer side of the whole thing's box over the side of the picture."""
    angle: float
    """Degrees, clockwise on the screen."""
    texture: str
    word: str | None
    """What a sign says."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels around the visible pixels; x1 and y1 exclusive."""
    visible: float
    """Share of the thing's pixels that nothing covers, 0 to 1."""

    @property
    def size_word(self) -> str:
        """small (under .14 of the side), medium, or large (over .26)."""
        return "small" if self.size < 0.14 else "large" if self.size > 0.26 else "medium"


class Silhouette(NamedTuple):
    """All pixels of a thing, those too that others hide: ``solid`` (h, w), its upper left corner at (x, y) pixels."""

    x: int
    y: int
    solid: NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """A picture and everything that is true of it."""

    image: NDArray[np.uint8]
    """(side, side, 3) RGB, 0-255."""
    objects: tuple[SceneObject, ...]
    """Back to front: a later one may cover an earlier one."""
    instances: NDArray[np.int16]
    """(side, side): the index into ``objects`` of the thing seen at each pixel, -1 for the background."""
    background: str
    seed: int
    split: str
    silhouettes: tuple[Silhouette, ...]
    """One for each object, in the same order."""

    def mask(self, i: int) -> NDArray[np.bool_]:
        """The visible pixels of object ``i``, (side, side)."""
        mask: NDArray[np.bool_] = self.instances == i
        return mask

    def whole_mask(self, i: int) -> NDArray[np.bool_]:
        """All pixels of object ``i``, the hidden ones too, (side, side)."""
        x, y, solid = self.silhouettes[i]
        mask = np.zeros(self.instances.shape, np.bool_)
        mask[y : y + solid.shape[0], x : x + solid.shape[1]] = solid
        return mask

    def labelled(self, label: str) -> list[int]:
        """Indices of all objects of one class."""
        return [i for i, thing in enumerate(self.objects) if thing.label == label]

    def largest(self, label: str) -> int | None:
        """Index of the object of a class with the most visible pixels, or None where there is none of it."""
        found = self.labelled(label)
        return max(found, key=lambda i: int(self.mask(i).sum())) if found else None


@dataclass
class _Placed:
    """A thing on the canvas, while later ones may still cover it."""

    label: str
    colour: str
    size: float
    angle: float
    texture: str
    word: str | None
    silhouette: Silhouette
    total: int
    visible: int


class _Painter:
    """The canvas of one scene and the rules that keep its truth unambiguous."""

    def __init__(self, rng: np.random.Generator, config: SceneConfig) -> None:
        self.rng, self.config = rng, config
        self.background = str(rng.choice(config.backgrounds))
        self.image = draw_background(self.background, rng, config.side)
        self.instances = np.full((config.side, config.side), -1, np.int16)
        self.placed: list[_Placed] = []
        self.shadows = bool(rng.random() < 0.45)

    def add(self, label: str) -> bool:
        """Place one thing of a class; False if no place, colour and size was found for it."""
        for attempt in range(4):
            # Each new attempt draws a smaller thing: a crowded picture has room for those only.
            high = max(self.config.size[1] * 0.75**attempt, self.config.size[0])
            size = self._size(label, self.config.size[0], high)
            colour = str(self.rng.choice(self.config.colours))
            limit = shapes.MAX_ANGLE[label]
            angle = float(self.rng.uniform(-limit, limit))
            texture = str(self.rng.choice(TEXTURES, p=(0.3, 0.3, 0.14, 0.11, 0.15)))
            word = str(self.rng.choice(shapes.WORDS)) if label == "sign" else None
            mirror = bool(self.rng.random() < 0.5)
            parts = shapes.parts_of(label, self.rng, angle=angle, mirror=mirror, word=word)
            value = draw.jitter(colour, self.rng)
            shades = draw.palette(colour, value)
            sprite = draw.paint(parts, size * self.config.side, shades, texture, self.rng)
            solid = sprite.alpha >= 0.5
            for _ in range(_TRIES // 3):
                spot = self._spot(sprite.alpha.shape, colour, value, solid)
                if spot is not None:
                    self._composite(sprite, solid, spot)
                    total = int(solid.sum())
                    silhouette = Silhouette(*spot, solid)
                    self.placed.append(_Placed(label, colour, size, angle, texture, word, silhouette, total, total))
                    return True
        return False

    def _size(self, label: str, low: float, high: float) -> float:
        others = [thing.size for thing in self.placed if thing.label == label]
        for _ in range(_TRIES):
            size = float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
            if all(abs(np.log(size / other)) >= _SIZE_GAP for other in others):
                break
        return size

    def _spot(
        self, shape: tuple[int, ...], colour: str, value: draw.Rgb, solid: NDArray[np.bool_]
    ) -> tuple[int, int] | None:
        """A random upper left corner (x, y), or None if the thing hides too much or is not seen there."""
        h, w = shape
        x, y = (int(self.rng.integers(0, self.config.side - extent + 1)) for extent in (w, h))
        under = self.instances[y : y + h, x : x + w]
        covered = np.bincount(under[solid].astype(np.int64) + 1, minlength=len(self.placed) + 1)[1:]
        for thing, count in zip(self.placed, covered, strict=True):
            left = (1 - self.config.max_occlusion) * thing.total
            if count and (thing.colour == colour or thing.visible - count < left):
                return None
        mean = cv2.mean(self.image[y : y + h, x : x + w], solid.astype(np.uint8))[:3]
        if float(np.linalg.norm(np.array(mean) - np.array(value))) < _CONTRAST_FLOOR:
            return None
        for thing, count in zip(self.placed, covered, strict=True):
            thing.visible -= int(count)
        return x, y

    def _composite(self, sprite: draw.Sprite, solid: NDArray[np.bool_], spot: tuple[int, int]) -> None:
        x, y = spot
        h, w = solid.shape
        if self.shadows:
            self._shadow(sprite.alpha, spot)
        window = self.image[y : y + h, x : x + w]
        alpha = sprite.alpha[..., None]
        window[:] = np.round(window * (1 - alpha) + sprite.rgb * alpha).astype(np.uint8)
        self.instances[y : y + h, x : x + w][solid] = len(self.placed)

    def _shadow(self, alpha: NDArray[np.float32], spot: tuple[int, int]) -> None:
        """A soft shadow to the lower right, half as deep as it is wide."""
        reach = max(2, alpha.shape[0] // 14)
        x, y = spot[0] + reach, spot[1] + reach
        soft = cv2.blur(alpha, (2 * reach + 1, 2 * reach + 1), borderType=cv2.BORDER_CONSTANT)
        window = self.image[y : y + soft.shape[0], x : x + soft.shape[1]]
        soft = soft[: window.shape[0], : window.shape[1], None]
        window[:] = (window * (1 - np.float32(0.35) * soft)).astype(np.uint8)


def stream(split: str, seed: int, medium: str = "") -> np.random.Generator:
    """The random numbers of one sample: the same on every machine, shared by no two splits and no two media.

    Raises ValueError for a split that is not of :data:`SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(f"no split named {split!r}; the splits are {', '.join(SPLITS)}")
    return np.random.default_rng([zlib.crc32(f"{split}{medium}".encode()), seed])


def _labels(rng: np.random.Generator, config: SceneConfig) -> list[str]:
    """Which classes a scene holds, in painting order."""
    count = int(rng.integers(config.count[0], config.count[1] + 1))
    labels = [str(label) for label in rng.choice(config.classes, count)]
    if count >= 2 and rng.random() < config.repeat:
        several = int(rng.integers(2, max(3, count * 3 // 4 + 1)))
        labels[: min(several, count)] = [labels[0]] * min(several, count)
        rng.shuffle(labels)
    return labels


def _truth(thing: _Placed, mask: NDArray[np.bool_]) -> SceneObject:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return SceneObject(
        label=thing.label,
        colour=thing.colour,
        size=thing.size,
        angle=thing.angle,
        texture=thing.texture,
        word=thing.word,
        box=box,
        visible=thing.visible / thing.total,
    )


def render_scene(seed: int, config: SceneConfig | None = None, *, split: str = "train") -> Scene:
    """The scene of a seed: the same on every machine, and never the same stream in two splits.

    ``split`` is one of :data:`SPLITS`; raises ValueError for another name.
    """
    config = config or SceneConfig()
    rng = stream(split, seed)
    painter = _Painter(rng, config)
    for label in _labels(rng, config):
        painter.add(label)
    objects = tuple(_truth(thing, painter.instances == i) for i, thing in enumerate(painter.placed))
    silhouettes = tuple(thing.silhouette for thing in painter.placed)
    return Scene(painter.image, objects, painter.instances, painter.background, seed, split, silhouettes)
