"""Recognisers of transformers in memory: Whisper's classes, and models that write letters frame by frame (CTC)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import (
    MODEL_FOR_CTC_MAPPING,
    AutoConfig,
    AutoFeatureExtractor,
    AutomaticSpeechRecognitionPipeline,
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    AutoTokenizer,
    StoppingCriteriaList,
)
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE
from transformers.utils import logging

from ..errors import Cancelled, WrongArgument
from ..media.audio import Audio
from ..media.transcript import Segment, Transcript, Word
from ..roles import StopFlag
from .base import ModelSpec, cannot_serve, cannot_translate, versions
from .checkpoints import broken
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, opened, opening, silenced
from .transformers_writing import Stopped

_SHORTEST = 0.1  # seconds of a recording that is worth hearing; the first layers need some of it
_WINDOW = 30.0  # seconds that a CTC model is given at once


class RecogniserBackbone:
    """A model of Whisper's classes or of a CTC class; serves the role ``asr``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when it holds no such model."""
        dtype, self._device = dtype_of(spec), device_of(spec)
        self._spec = spec
        with opening(spec):
            config = AutoConfig.from_pretrained(folder, **LOCAL)
        self._frames = type(config) in MODEL_FOR_CTC_MAPPING
        if not self._frames and config.model_type != "whisper":
            raise broken(spec, f"a {config.model_type} writes down no speech", "use a Whisper, or a model for CTC")
        model = opened(spec, AutoModelForCTC if self._frames else AutoModelForSpeechSeq2Seq, folder, config, dtype)
        with opening(spec):
            tokenizer = AutoTokenizer.from_pretrained(folder, **LOCAL)
            extractor = AutoFeatureExtractor.from_pretrained(folder, **LOCAL)
        if not self._frames and getattr(model.generation_config, "no_timestamps_token_id", None) is None:
            raise broken(
                spec, "its generation_config.json states no no_timestamps_token_id, so it can tell no times",
                "take that file from the Whisper that it was made from",
            )  # fmt: skip
        with computing(spec), silenced(logging):
            self._model: Any = model.to(self._device)
            self._pipeline: Any = AutomaticSpeechRecognitionPipeline(
                model=self._model, tokenizer=tokenizer, feature_extractor=extractor, device=self._device
            )
        self.digest = digest
        self.libraries = versions("transformers", "torch")
        self.nbytes = nbytes_of(self._model)

    def adapter(self, role: str) -> "WhisperRecogniser | FrameRecogniser":
        """The recogniser."""
        if role != "asr":
            raise cannot_serve(self._spec, role, "the asr")
        return (FrameRecogniser if self._frames else WhisperRecogniser)(self._spec, self._pipeline)

    def close(self) -> None:
        """Drop the weights."""
        self._model = self._pipeline = None
        free(self._device)


class WhisperRecogniser:
    """A ``Recogniser``: greedy, through the library's pipeline; word times where the checkpoint states its heads."""

    def __init__(self, spec: ModelSpec, pipeline: Any) -> None:
        self._spec, self._pipeline = spec, pipeline
        self._config = pipeline.model.generation_config
        self.window = float(pipeline.feature_extractor.chunk_length)

    def transcribe(
        self,
        recordings: Sequence[Audio],
        *,
        language: str | None = None,
        translate: bool = False,
        stop: StopFlag | None = None,
    ) -> list[Transcript]:
        """One transcript a recording; without ``language`` the model listens which it is."""
        several = bool(getattr(self._config, "is_multilingual", False))
        asked: dict[str, Any] = {"num_beams": 1, "do_sample": False}
        if several:
            asked |= {"task": "translate" if translate else "transcribe", "language": self._known(language)}
        elif translate:
            raise cannot_translate(self._spec)
        if translate and self._short:
            raise cannot_translate(self._spec)
        if stop is not None:
            asked["stopping_criteria"] = StoppingCriteriaList([Stopped(stop)])
        heads = getattr(self._config, "alignment_heads", None)
        options = {
            "return_timestamps": "word" if heads else True, "return_language": several, "generate_kwargs": asked,
        }  # fmt: skip
        found = []
        for recording in recordings:
            told = _heard(self._spec, self._pipeline, recording, options, stop)
            spoken = next((each.get("language") for each in told["chunks"] if each.get("language")), None)
            code = TO_LANGUAGE_CODE.get(spoken, language) if several else "en"
            told_in = "en" if translate else code
            found.append(Transcript.of(_segments(told, recording.seconds, words=bool(heads)), told_in))
        return found

    def _known(self, language: str | None) -> str | None:
        """The language; raises ``WrongArgument`` for one that the checkpoint does not list."""
        listed = self._config.lang_to_id
        if language is not None and f"<|{language}|>" not in listed:
            known = ", ".join(each.strip("<|>") for each in listed)
            raise WrongArgument(
                f"{self._spec.checkpoint} knows no language {language!r}", hint=f"it knows {known}", field="language"
            )
        return language

    @property
    def _short(self) -> bool:
        """Whether its decoder was cut short, as that of the turbo models, which were taught no translation."""
        config = self._pipeline.model.config
        return bool(config.decoder_layers < config.encoder_layers)


class FrameRecogniser:
    """A ``Recogniser`` of the likeliest letter a frame; longer recordings in windows that overlap."""

    window = _WINDOW

    def __init__(self, spec: ModelSpec, pipeline: Any) -> None:
        self._spec, self._pipeline = spec, pipeline

    def transcribe(
        self,
        recordings: Sequence[Audio],
        *,
        language: str | None = None,
        translate: bool = False,
        stop: StopFlag | None = None,
    ) -> list[Transcript]:
        """One transcript a recording; ``language`` changes nothing, for the model knows those that it was taught."""
        if translate:
            raise cannot_translate(self._spec)
        found = []
        for recording in recordings:
            options: dict[str, Any] = {"return_timestamps": "word"}
            if recording.seconds > _WINDOW:
                options["chunk_length_s"] = _WINDOW
            told = _heard(self._spec, self._pipeline, recording, options, stop)
            found.append(Transcript.of(_segments(told, recording.seconds, words=True), language))
        return found


def _heard(
    spec: ModelSpec, pipeline: Any, recording: Audio, options: Mapping[str, Any], stop: StopFlag | None
) -> dict[str, Any]:
    """What the library's pipeline tells of a recording: ``text``, and ``chunks`` with their ``timestamp``."""
    _check(stop)
    samples = np.array(recording.mono(pipeline.feature_extractor.sampling_rate))
    if len(samples) < _SHORTEST * pipeline.feature_extractor.sampling_rate:
        return {"text": "", "chunks": []}
    with computing(spec), silenced(logging):
        told: dict[str, Any] = pipeline(samples, **options)
    _check(stop)
    return told


def _check(stop: StopFlag | None) -> None:
    if stop is not None and stop.is_set():
        raise Cancelled("the transcription was cancelled")


def _segments(told: Mapping[str, Any], seconds: float, *, words: bool) -> list[Segment]:
    """One segment of words, or one a chunk where the chunks are longer; times stay within the recording."""
    timed: list[Word] = []
    for chunk in told["chunks"]:
        start, end = (seconds if each is None else min(max(float(each), 0.0), seconds) for each in chunk["timestamp"])
        if chunk["text"].strip():
            timed.append(Word(text=chunk["text"].strip(), start=start, end=max(start, end)))
    if not words:
        return [Segment(text=each.text, start=each.start, end=each.end) for each in timed]
    if not timed:
        return []
    start, end = min(each.start for each in timed), max(each.end for each in timed)
    return [Segment(text=told["text"].strip(), start=start, end=end, words=tuple(timed))]
