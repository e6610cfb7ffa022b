"""The captioner: which things of a scene its caption names, in scenes of few things and in crowded ones.

A thing counts as named as often as its class is said, up to how often it is there; what is said beyond that counts as
wrong. Colours are the business of the MLLM's `caption_f1`, of which this is the role: the same backbone, asked once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ....tools.media.image import Image
from ..train.mllm import evaluate
from ..train.mllm.data import POOLS
from ..world.scenes import CLASSES, render_scene
from .apart import TRAINED, Drawn, check_scenes
from .rows import Row, share
from .shipped import Shipped

ROLE = "captioner"
DEFAULT_N = 160
"""Scenes of few things, and half as many crowded ones."""
_OFFSET = 500_000  # of the scenes, so that the MLLM's questions are about others
_BATCH = 16
_NAMED = re.compile(rf"\b({'|'.join(CLASSES)})(?:s|es)?\b")
_POOLS = {"few": ("", 1.0), "many": ("_crowded", 0.5)}


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where scenes are trained ones; return what was compared."""
    return check_scenes(
        "mllm", [Drawn(evaluate.SPLIT, _seeds(seed, n), POOLS[pool]) for pool in _POOLS], TRAINED["mllm"]
    )


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """The captions of each pool."""
    return [partial(_named, model, pool, seed, max(1, round(n * part))) for pool, (_, part) in _POOLS.items()]


def _seeds(seed: int, n: int) -> range:
    return range(seed * 1_000_000 + _OFFSET, seed * 1_000_000 + _OFFSET + n)


def _named(model: Shipped, pool: str, seed: int, n: int) -> list[Row]:
    captioner = model.adapter()
    scenes = [render_scene(number, POOLS[pool], split=evaluate.SPLIT) for number in _seeds(seed, n)]
    replies = []
    for start in range(0, n, _BATCH):
        replies += captioner.caption([Image.from_array(scene.image) for scene in scenes[start : start + _BATCH]])
    true = [Counter(thing.label for thing in scene.objects) for scene in scenes]
    said = [Counter(_NAMED.findall(reply.text)) for reply in replies]
    there, named = sum(map(Counter.total, true)), sum(map(Counter.total, said))
    right = sum((some & all_).total() for some, all_ in zip(said, true, strict=True))
    frequent = sum(true, Counter()).most_common(1)[0][1] / there
    after = _POOLS[pool][0]
    return [
        share(ROLE, f"named{after}", right, there, frequent=frequent),
        Row(ROLE, f"wrong_of_what_is_named{after}", 1 - right / max(named, 1)),
    ]
