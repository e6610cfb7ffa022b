"""The embedder: how often a caption finds its scene among a hundred, half of which differ from another in one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..train.embedder.evaluate import evaluate, gallery
from ..train.embedder.wordings import HELD_OUT, TRAINED
from ..world.scenes import stream
from .apart import Overlap, first_state
from .rows import Row, share
from .shipped import Shipped

ROLE = "embedder"
DEFAULT_N = 3
"""Galleries of a hundred scenes each."""
SPLIT = "test"
_SCENES = 100


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where scenes or held-out wordings are trained ones; return what was compared."""
    if {*HELD_OUT} & {*TRAINED}:
        raise Overlap("some held-out wordings of captions are trained ones")
    measured = {first_state(stream(SPLIT, seed * n * 100_003 + number, "twins")) for number in range(n * _SCENES)}
    trained = {first_state(stream("train", number, "twins")) for number in range(10_000_000, 10_040_000)}
    if measured & trained:
        raise Overlap(f"{len(measured & trained)} scenes that measure the embedder have a trained one's stream")
    return {
        "scenes": {"measured": len(measured), "trained": len(trained), "shared": 0},
        "wordings": {"held_out_wordings": len(HELD_OUT), "trained_wordings": len(TRAINED)},
    }


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work."""
    return [partial(_measured, model, seed, n)]


def _measured(model: Shipped, seed: int, n: int) -> list[Row]:
    found = evaluate(model.folder, seed=seed, n=_SCENES, galleries=n, split=SPLIT)
    twins = sum(by != "" for k in range(n) for by in gallery(seed * n + k, _SCENES, SPLIT).changed)
    counts = {"": n * _SCENES, "new_wordings_": n * _SCENES, "twins_": twins}
    rows = [
        share(ROLE, f"{name}recall_at_{k}", round(found[f"{name}recall_at_{k}"] * count), count, frequent=k / _SCENES)
        for name, count in counts.items()
        for k in (1, 5)
    ]
    return [*rows, *(Row(ROLE, f"seconds_a_{what}", found[f"{what}_ms"] / 1000) for what in ("picture", "text"))]
