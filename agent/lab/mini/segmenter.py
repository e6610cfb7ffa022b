"""The segmenter: the mean IoU of every thing of unseen scenes, from its box and from one point on it.

What guessing would get: from a box the whole box, from a point a disc of the usual size around it; and the model's own
masks on a grey picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....tools.loaders.sam_builder import Marks, segment_boxes, segment_points
from ..figures import mask_iou
from ..train.segmenter import PROMPTS, Prompt, opened, overlaps
from ..world.scenes import Scene, SceneConfig, render_scene
from .apart import TRAINED, Drawn, check_scenes
from .rows import Row, bootstrap
from .shipped import Shipped

ROLE = "segmenter"
DEFAULT_N = 120
"""Scenes."""
SPLIT = "test"
CONFIG = SceneConfig(count=(1, 6))
"""What `overlaps` draws from."""
_GUESSED = 30  # scenes on which guessing is measured
_DISC = 0.09  # its radius, as a share of the picture's side: half the size of a middling thing

Masks = NDArray[np.bool_]


class _Guesses(NamedTuple):
    """Mean IoU of the plain shape and of the model without the picture."""

    shape: float
    blind: float


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where scenes are trained ones; return what was compared."""
    return check_scenes(ROLE, [Drawn(SPLIT, _seeds(seed, n), CONFIG)], TRAINED[ROLE])


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work a prompt."""
    return [partial(_measured, model.folder, prompt, seed, n) for prompt in PROMPTS]


def _seeds(seed: int, n: int) -> range:
    return range(seed * 100_003, seed * 100_003 + n)


def _measured(folder: Path, prompt: Prompt, seed: int, n: int) -> list[Row]:
    sam = opened(folder)
    scenes = [render_scene(number, CONFIG, split=SPLIT) for number in _seeds(seed, n)]
    found = overlaps(sam, n=n, prompt=prompt, split=SPLIT, seed=seed)
    counts = [len(scene.objects) for scene in scenes if scene.objects]
    of_scene = np.split(found.iou, np.cumsum(counts)[:-1])
    guesses = _guessed(sam, prompt, [scene for scene in scenes if scene.objects][:_GUESSED], seed)
    return [
        Row(
            ROLE, f"{prompt}_iou", float(found.iou.mean()), len(found.iou),
            bootstrap(len(of_scene), lambda chosen: [float(np.concatenate([of_scene[i] for i in chosen]).mean())])[0],
            guesses.shape, guesses.blind,
        )
    ]  # fmt: skip


def _guessed(sam: Any, prompt: Prompt, scenes: Sequence[Scene], seed: int) -> _Guesses:
    rng = np.random.default_rng([1, seed])
    shapes: list[float] = []
    blind: list[float] = []
    for scene in scenes:
        true = [scene.mask(i) for i in range(len(scene.objects))]
        grey = np.full_like(scene.image, 128)
        if prompt == "box":
            boxes = np.array([thing.box for thing in scene.objects], np.float32)
            plain = [_filled(mask.shape, box) for mask, box in zip(true, boxes, strict=True)]
            masks, _ = segment_boxes(sam, grey, boxes)
        else:
            points = [_point_on(mask, rng) for mask in true]
            plain = [_disc(mask.shape, point) for mask, point in zip(true, points, strict=True)]
            masks, _ = segment_points(sam, grey, [Marks(point[None], np.ones(1, np.bool_)) for point in points])
        shapes += map(mask_iou, plain, true)
        blind += map(mask_iou, masks, true)
    return _Guesses(float(np.mean(shapes)), float(np.mean(blind)))


def _point_on(mask: Masks, rng: np.random.Generator) -> NDArray[np.float32]:
    """The middle (x, y) of a random pixel of the mask."""
    rows, columns = np.nonzero(mask)
    chosen = int(rng.integers(len(rows)))
    return np.array([columns[chosen] + 0.5, rows[chosen] + 0.5], np.float32)


def _filled(shape: tuple[int, ...], box: NDArray[np.float32]) -> Masks:
    mask = np.zeros(shape, np.bool_)
    x0, y0, x1, y1 = (round(float(edge)) for edge in box)
    mask[y0:y1, x0:x1] = True
    return mask


def _disc(shape: tuple[int, ...], point: NDArray[np.float32]) -> Masks:
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    found: Masks = (rows - point[1]) ** 2 + (columns - point[0]) ** 2 <= (_DISC * max(shape)) ** 2
    return found
