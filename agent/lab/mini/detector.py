"""The detector: mean average precision on unseen scenes, by ultralytics' own measure, through the profile's loader.

What guessing would get is measured with the boxes that were found in the picture before: they know what scenes of this
world look like, but not the scene they are judged on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....tools.loaders.ultralytics import UltralyticsLoader
from ....tools.media.image import Image
from ..world.scenes import CLASSES, Scene, SceneConfig, render_scene
from .apart import TRAINED, Drawn, check_scenes
from .rows import Row, bootstrap
from .shipped import Shipped

ROLE = "detector"
DEFAULT_N = 300
"""Scenes."""
SPLIT = "test"
CONFIG = SceneConfig()
"""As trained: no to eight things, 6 to 40 % of the side, up to 35 % hidden, every background."""
_ASKED = {"conf": 0.001, "iou": 0.7, "max_det": 50}  # every box with its score, as ultralytics validates
_IOUS = torch.linspace(0.5, 0.95, 10)
_AT_ONCE = 16


@dataclass(frozen=True)
class _Judged:
    """The boxes of one scene: which are right at each of ten IoUs (N, 10), scores and classes (N,); true classes."""

    right: NDArray[np.bool_]
    scores: NDArray[np.float32]
    kinds: NDArray[np.int64]
    true: NDArray[np.int64]


@dataclass(frozen=True)
class _Found:
    """The boxes of one scene, best first: corners (N, 4) in pixels, scores and classes (N,)."""

    corners: NDArray[np.float32]
    scores: NDArray[np.float32]
    kinds: NDArray[np.int64]


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where scenes are trained ones; return what was compared."""
    return check_scenes(ROLE, [Drawn(SPLIT, _seeds(seed, n), CONFIG)], TRAINED[ROLE])


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work."""
    return [partial(_measured, model, seed, n)]


def _seeds(seed: int, n: int) -> range:
    return range(seed * 100_003, seed * 100_003 + n)


def _measured(model: Shipped, seed: int, n: int) -> list[Row]:
    scenes = [render_scene(number, CONFIG, split=SPLIT) for number in _seeds(seed, n)]
    found = _detected(model, scenes)
    judged = [_judge(boxes, scene) for boxes, scene in zip(found, scenes, strict=True)]
    guessed = [_judge(boxes, scene) for boxes, scene in zip(found[-1:] + found[:-1], scenes, strict=True)]
    values, blind = mean_precision(judged), mean_precision(guessed)
    between = bootstrap(n, lambda chosen: mean_precision([judged[i] for i in chosen]))
    return [Row(ROLE, name, values[k], n, between[k], blind=blind[k]) for k, name in enumerate(("map50", "map50_95"))]


def _detected(model: Shipped, scenes: Sequence[Scene]) -> list[_Found]:
    backbone = UltralyticsLoader().load(replace(model.spec, options={**model.spec.options, **_ASKED}))
    detector: Any = backbone.adapter(ROLE)
    pictures = [Image.from_array(scene.image) for scene in scenes]
    found: list[_Found] = []
    for start in range(0, len(pictures), _AT_ONCE):
        some = pictures[start : start + _AT_ONCE]
        for boxes in detector.detect(some, [[]] * len(some)):
            scores = np.array(boxes.scores, np.float32)
            order = np.argsort(-scores, kind="stable")
            kinds = np.array([CLASSES.index(label) for label in boxes.labels], np.int64)
            found.append(_Found(boxes.xyxy[order], scores[order], kinds[order]))
    backbone.close()
    return found


def _judge(found: _Found, scene: Scene) -> _Judged:
    """Which boxes are right, by ultralytics' matching: each true box once, to the best box that is left."""
    from ultralytics.engine.validator import BaseValidator
    from ultralytics.utils.metrics import box_iou

    true = torch.tensor([CLASSES.index(thing.label) for thing in scene.objects], dtype=torch.long)
    corners = torch.tensor([thing.box for thing in scene.objects], dtype=torch.float32).reshape(-1, 4)
    right = np.zeros((len(found.kinds), len(_IOUS)), np.bool_)
    if len(true) and len(right):
        overlaps = box_iou(corners, torch.from_numpy(found.corners))
        matching = SimpleNamespace(iouv=_IOUS)
        kinds = torch.from_numpy(found.kinds)
        right = BaseValidator.match_predictions(matching, kinds, true, overlaps).numpy()
    return _Judged(right, found.scores, found.kinds, true.numpy())


def mean_precision(judged: Sequence[_Judged]) -> tuple[float, float]:
    """The mean over classes of the average precision in 101 steps of recall: at an IoU of 0.5, and over all ten."""
    from ultralytics.utils.metrics import ap_per_class

    names = ("right", "scores", "kinds", "true")
    right, scores, kinds, true = (np.concatenate([getattr(scene, name) for scene in judged]) for name in names)
    if not len(true):
        return 0.0, 0.0
    precision = ap_per_class(right, scores, kinds, true)[5]
    return float(precision[:, 0].mean()), float(precision.mean())
