"""The cloud classifier: which solid it sees in clouds of one thing, as the world draws them and harder ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....tools.media.point_cloud import PointCloud
from ....tools.roles import CloudClassifier
from ..train.cloud_evaluate import Points, measure, seeds
from ..world.clouds import CLOUD_CLASSES
from ..world.scenes import stream
from .apart import Overlap, first_state
from .rows import Row, share
from .shipped import Shipped

ROLE = "cloud_classifier"
DEFAULT_N = 324
"""Clouds of each kind; of each of the twelve classes equally many, where they take turns."""
SPLIT = "test"


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where a measured cloud has a random stream of training; return what was compared."""
    measured = {first_state(stream(SPLIT, number, "clouds")) for number in seeds(seed, n)}
    trained = {first_state(stream("train", number, "surfaces")) for number in range(30_000)}
    if measured & trained:
        raise Overlap(f"{len(measured & trained)} clouds that measure the classifier have a trained one's stream")
    return {"scenes": {"measured": len(measured), "trained": len(trained), "shared": 0}}


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work."""
    return [partial(_measured, model, seed, n)]


def _measured(model: Shipped, seed: int, n: int) -> list[Row]:
    classifier = model.adapter()
    found = measure(partial(_scores, classifier), seed=seed, n=n, split=SPLIT)
    shares = found.brief() | {"right": found.right}
    names = ("right", "right_256_points", "right_noisy", "right_turned", "right_in_scenes")
    guessed = 1 / len(CLOUD_CLASSES)
    return [
        *(share(ROLE, name, round(shares[name] * n), n, frequent=guessed) for name in names),
        Row(ROLE, "worst_class", min(found.right_of.values())),
        Row(ROLE, "seconds_a_cloud", found.milliseconds / 1000),
    ]


def _scores(classifier: CloudClassifier, clouds: Sequence[Points]) -> NDArray[np.float32]:
    """(N, classes): what the loader's classifier says of clouds without colours."""
    guesses = classifier.classify([PointCloud.from_points(points) for points in clouds])
    return np.array([[{each.label: each.score for each in row}[name] for name in CLOUD_CLASSES] for row in guesses])
