"""Sound classifiers of transformers in memory: models of its audio classification classes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
)

from ..media.audio import Audio
from ..media.spans import Spans
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, labels_of, opened, opening

_SECONDS = 10.0  # of a window, where the extractor does not say how much it takes in
_FRAMES = 100  # a second, of the spectrograms whose extractors say so
_AT_ONCE = 16  # windows
_SHORTEST = 0.1  # seconds of a last window that is worth hearing
_THRESHOLD = 0.5


class AudioClassifierBackbone:
    """An audio classification model; serves the role ``sound_classifier``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when it holds no such model."""
        dtype, self._device = dtype_of(spec), device_of(spec)
        self._spec = spec
        with opening(spec):
            config = AutoConfig.from_pretrained(folder, **LOCAL)
        if type(config) not in MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING:
            raise broken(spec, f"a {config.model_type} classifies no sounds", "use an AST or another audio classifier")
        model = opened(spec, AutoModelForAudioClassification, folder, config, dtype)
        with opening(spec):
            self._extractor: Any = AutoFeatureExtractor.from_pretrained(folder, **LOCAL)
        with computing(spec):
            self._model: Any = model.to(self._device)
        self.digest = digest
        self.libraries = versions("transformers", "torch")
        self.nbytes = nbytes_of(self._model)

    def adapter(self, role: str) -> "WindowClassifier":
        """The classifier."""
        if role != "sound_classifier":
            raise cannot_serve(self._spec, role, "the sound_classifier")
        return WindowClassifier(self._spec, self._model, self._extractor)

    def close(self) -> None:
        """Drop the weights."""
        self._model = None
        free(self._device)


class WindowClassifier:
    """A ``SoundClassifier``: in windows of what the extractor takes in, every sound over ``options.threshold`` (0.5).

    Sounds are scored each on its own where the checkpoint's config says ``multi_label_classification``, or
    ``options.multi_label`` does; else they share 1 between them, as in the library's pipeline.
    """

    def __init__(self, spec: ModelSpec, model: Any, extractor: Any) -> None:
        self._spec, self._model, self._extractor = spec, model, extractor
        self._threshold = float(spec.options.get("threshold", _THRESHOLD))
        several = model.config.problem_type == "multi_label_classification"
        self._several = bool(spec.options.get("multi_label", several))
        frames = getattr(extractor, "max_length", None)
        self._seconds = frames / _FRAMES if isinstance(frames, int) else _SECONDS
        self.vocabulary = labels_of(model)

    def classify(self, recordings: Sequence[Audio]) -> list[Spans]:
        """Spans of whole windows, those of the same sound in neighbouring windows joined; by their starts."""
        return [self._heard(recording) for recording in recordings]

    def _heard(self, recording: Audio) -> Spans:
        rate = self._extractor.sampling_rate
        windows = list(_windows(recording.mono(rate), rate, self._seconds))
        if not windows:
            return Spans.of([])
        found: list[_Heard] = []
        last: dict[int, _Heard] = {}
        for window, row in zip(windows, self._scores([each.samples for each in windows]), strict=True):
            for place in (int(each) for each in np.flatnonzero(row >= self._threshold)):
                before = last.get(place)
                if before is not None and before.end == window.start:
                    before.end, before.score = window.end, max(before.score, float(row[place]))
                else:
                    last[place] = _Heard(window.start, window.end, float(row[place]), self.vocabulary[place])
                    found.append(last[place])
        found.sort(key=lambda each: (each.start, -each.score))
        return Spans.of(
            [(each.start, each.end) for each in found], [each.label for each in found], [each.score for each in found]
        )

    def _scores(self, windows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(N, classes)."""
        found: list[NDArray[np.float32]] = []
        # The last window may be shorter: alone it needs no padding, which not every extractor does.
        ends = len(windows) - (len(windows[-1]) < len(windows[0]))
        for start, end in [*((i, min(i + _AT_ONCE, ends)) for i in range(0, ends, _AT_ONCE)), (ends, len(windows))]:
            if start == end:
                continue
            with computing(self._spec):
                some = windows[start:end]
                inputs = self._extractor(some, sampling_rate=self._extractor.sampling_rate, return_tensors="np")
                features = torch.from_numpy(np.asarray(next(iter(inputs.values())), np.float32))
                logits = self._model(features.to(self._model.device, self._model.dtype)).logits.float()
                found.append((logits.sigmoid() if self._several else logits.softmax(-1)).cpu().numpy())
        return np.concatenate(found)


@dataclass
class _Heard:
    start: float
    end: float
    score: float
    label: str


class _Window(NamedTuple):
    start: float
    end: float
    samples: NDArray[np.float32]


def _windows(samples: NDArray[np.float32], rate: int, seconds: float) -> Iterator[_Window]:
    """Windows side by side, times in seconds; a last one too short to hear is left out."""
    size = round(seconds * rate)
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        if len(part) >= _SHORTEST * rate:
            yield _Window(start / rate, (start + len(part)) / rate, part)
