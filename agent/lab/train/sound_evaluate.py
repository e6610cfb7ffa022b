"""What a sound classifier hears in held-out recordings: of one sound, of one to three at once, and of noise alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from ..timing import seconds_of
from ..world.acoustics import RATE, Waveform
from ..world.sounds import SOUNDS, SoundClip, SoundConfig, render_sounds

THRESHOLD = 0.5
"""Score from which a sound counts as heard."""
_TOGETHER = 32  # recordings that go through the model at once
_TIMED = 15  # recordings that are heard one by one for the time they take

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class SoundFigures:
    """Figures of a classifier; shares are of 1."""

    accuracy: float
    """Recordings of one sound whose highest score is the right one's."""
    accuracy_of: dict[str, float]
    """The same for each sound."""
    exact: float
    """Recordings of one sound for which that sound alone reaches the threshold."""
    micro_f1: float
    """Of the labels over the threshold, all recordings of one to three sounds together."""
    mean_average_precision: float
    """Of the same recordings: the mean over the sounds of the area under precision over recall."""
    silent: float
    """Recordings of noise alone for which nothing reaches the threshold."""
    milliseconds: float
    """Median time from a recording of 4 s to its scores."""

    def brief(self) -> dict[str, float]:
        """All but the shares of single sounds, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items() if isinstance(value, float)}


def evaluate(folder: Path, *, seed: int, n: int, split: str = "test") -> dict[str, Any]:
    """The figures (see :class:`SoundFigures`) of the model in ``folder``; see :func:`measure`."""
    found = measure(partial(scores, *opened(folder)), seed=seed, n=n, split=split)
    return found.brief() | {"accuracy_of": {name: round(share, 4) for name, share in found.accuracy_of.items()}}


def opened(folder: Path) -> tuple[Any, Any]:
    """The model, in float32, and the feature extractor that a run left in ``folder``."""
    model = AutoModelForAudioClassification.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return model.eval(), AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)


def measure(hear: Callable[[Sequence[Waveform]], Scores], *, seed: int, n: int, split: str) -> SoundFigures:
    """Figures on ``n`` recordings of each kind; ``hear`` gives the scores of recordings, (N, classes).

    Recordings of one sound take the classes in turn, those of noise alone are the others' backgrounds. ``seed`` picks
    all of them.
    """
    numbers = range(seed * 100_003, seed * 100_003 + n)
    single = [render_sounds(i, SoundConfig(count=(1, 1), classes=(_turn(i),)), split=split) for i in numbers]
    mixed = [render_sounds(i, split=split) for i in numbers]
    alone = hear([clip.samples for clip in single])
    together = hear([clip.samples for clip in mixed])
    quiet = hear([clip.samples - clip.sounds for clip in mixed])
    true_alone, true_together = _labels(single), _labels(mixed)
    right = true_alone[np.arange(n), alone.argmax(1)]
    areas = [average_precision(*pair) for pair in zip(together.T, true_together.T, strict=True) if pair[1].any()]
    return SoundFigures(
        accuracy=float(right.mean()),
        accuracy_of={name: float(right[of].mean()) for name, of in zip(SOUNDS, true_alone.T, strict=True) if of.any()},
        exact=float(((alone >= THRESHOLD) == true_alone).all(1).mean()),
        micro_f1=micro_f1(together >= THRESHOLD, true_together),
        mean_average_precision=float(np.mean(areas)),
        silent=float((quiet < THRESHOLD).all(1).mean()),
        milliseconds=_milliseconds(hear, seed, split),
    )


def scores(model: Any, extractor: Any, recordings: Sequence[Waveform]) -> Scores:
    """(N, classes) of recordings at 16 kHz, each class of its own from 0 to 1; of a recording the first 4 s count."""
    model.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(recordings), _TOGETHER):
            some = list(recordings[start : start + _TOGETHER])
            inputs = extractor(some, sampling_rate=RATE, return_tensors="np")["input_values"]
            features = torch.from_numpy(np.asarray(inputs, np.float32)).to(model.device)
            found.append(model(features).logits.float().sigmoid().cpu().numpy())
    return np.concatenate(found)


def micro_f1(heard: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """F1 of all labels of all recordings together; (N, classes) each."""
    return 2 * float((heard & true).sum()) / max(1, int(heard.sum() + true.sum()))


def average_precision(scores: Scores, true: NDArray[np.bool_]) -> float:
    """The mean of the precisions at each recording that has the sound, by falling score; (N) each."""
    hits = true[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def _turn(number: int) -> str:
    return SOUNDS[number % len(SOUNDS)]


def _labels(clips: Sequence[SoundClip]) -> NDArray[np.bool_]:
    return np.array([[name in {event.label for event in clip.events} for name in SOUNDS] for clip in clips])


def _milliseconds(hear: Callable[[Sequence[Waveform]], Scores], seed: int, split: str) -> float:
    clip = render_sounds(seed, SoundConfig(seconds=(4.0, 4.0)), split=split)
    return 1000 * float(np.median(seconds_of(hear, [[clip.samples]] * _TIMED)))
