"""The sound classifier: which sounds it hears in recordings of one sound, of one to three, and of noise alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....tools.media.audio import Audio
from ....tools.roles import SoundClassifier
from ..train.sound_evaluate import measure
from ..world.acoustics import RATE, Waveform
from ..world.scenes import stream
from ..world.sounds import SOUNDS
from .apart import Overlap, first_state
from .rows import Row, share
from .shipped import Shipped

ROLE = "sound_classifier"
DEFAULT_N = 320
"""Recordings of each kind."""
SPLIT = "test"


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where a measured recording has a random stream of training; return what was compared."""
    measured = {first_state(stream(SPLIT, number, "sounds")) for number in _seeds(seed, n)}
    trained = {first_state(stream("train", number, "timbres")) for number in range(30_000)}
    if measured & trained:
        raise Overlap(f"{len(measured & trained)} recordings that measure the classifier have a trained one's stream")
    return {"recordings": {"measured": len(measured), "trained": len(trained), "shared": 0}}


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work."""
    return [partial(_measured, model, seed, n)]


def _seeds(seed: int, n: int) -> range:
    return range(seed * 100_003, seed * 100_003 + n)


def _measured(model: Shipped, seed: int, n: int) -> list[Row]:
    found = measure(partial(_scores, model.adapter(threshold=0.0)), seed=seed, n=n, split=SPLIT)
    return [
        share(ROLE, "one_sound", round(found.accuracy * n), n, frequent=1 / len(SOUNDS)),
        share(ROLE, "one_sound_alone", round(found.exact * n), n),
        share(ROLE, "nothing_in_noise", round(found.silent * n), n),
        Row(ROLE, "micro_f1_of_several", found.micro_f1),
        Row(ROLE, "mean_average_precision", found.mean_average_precision),
        Row(ROLE, "seconds_for_4_s", found.milliseconds / 1000),
    ]


def _scores(classifier: SoundClassifier, recordings: Sequence[Waveform]) -> NDArray[np.float32]:
    """(N, classes): what the loader's classifier, asked for every sound, says of recordings of one window."""
    heard = classifier.classify([Audio.from_samples(samples, RATE) for samples in recordings])
    return np.array([[dict(zip(each.labels, each.scores, strict=True))[name] for name in SOUNDS] for each in heard])
