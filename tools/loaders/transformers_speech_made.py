"""Voices (VITS) and generators of sounds (MusicGen) of transformers in memory: what makes a wave of a text."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForTextToWaveform, AutoTokenizer, StoppingCriteria, StoppingCriteriaList
from transformers.utils import logging

from ..errors import Cancelled, MissingExtra, ModelError, ProfileError, WrongArgument
from ..media.audio import Audio
from ..roles import StopFlag
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, opened, opening, silenced

_KINDS = {"tts": ("vits", "a VITS, such as those of MMS"), "sound_generator": ("musicgen", "a MusicGen")}
_SECONDS = 5.0  # of a sound whose length nobody asked for
_LONGEST = 30.0  # seconds, as MusicGen was taught


class WaveBackbone:
    """A VITS or a MusicGen; serves the role ``tts`` or ``sound_generator``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when it holds no such model."""
        dtype, self._device = dtype_of(spec), device_of(spec)
        self._spec = spec
        kind, usual = _KINDS[spec.role]
        with opening(spec):
            config = AutoConfig.from_pretrained(folder, **LOCAL)
        if config.model_type != kind:
            raise broken(spec, f"a {config.model_type} cannot be the {spec.role}", f"use {usual}")
        model = opened(spec, AutoModelForTextToWaveform, folder, config, dtype)
        with opening(spec):
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, **LOCAL)
        if getattr(self._tokenizer, "phonemize", False) and find_spec("phonemizer") is None:
            raise MissingExtra(
                f"the {spec.role} {spec.checkpoint} reads phonemes, which needs the package phonemizer",
                hint="install it: pip install phonemizer",
            )
        with computing(spec):
            self._model: Any = model.to(self._device)
        self.digest = digest
        self.libraries = versions("transformers", "torch")
        self.nbytes = nbytes_of(self._model)

    def adapter(self, role: str) -> "VitsVoice | MusicMaker":
        """The voice, or the generator."""
        if role != self._spec.role:
            raise cannot_serve(self._spec, role, f"the {self._spec.role}")
        return (VitsVoice if role == "tts" else MusicMaker)(self._spec, self._model, self._tokenizer)

    def close(self) -> None:
        """Drop the weights."""
        self._model = None
        free(self._device)


class VitsVoice:
    """A ``Voice``: the same text is said the same way each time; its speakers are called by their numbers."""

    def __init__(self, spec: ModelSpec, model: Any, tokenizer: Any) -> None:
        self._spec, self._model, self._tokenizer = spec, model, tokenizer

    def speak(self, texts: Sequence[str], *, voice: str | None = None, rate: int | None = None) -> list[Audio]:
        """One recording per text, mono. The model speaks at a rate of its own."""
        if rate is not None:
            raise WrongArgument(
                f"the {self._spec.role} {self._spec.checkpoint} cannot be told {rate} words a minute",
                hint="leave the rate out, and make the recording faster or slower",
                field="rate",
            )
        speaker = self._speaker(voice)
        found = []
        for text in texts:
            inputs = self._tokenizer(text, return_tensors="pt")
            # Letters that it was not taught are left out; between the others lie blanks.
            if inputs["input_ids"].shape[1] <= bool(self._tokenizer.add_blank):
                raise WrongArgument(f"nothing in {text!r} can be said", hint="give a text with words", field="text")
            with computing(self._spec), _random(0):
                made = self._model(**inputs.to(self._model.device), speaker_id=speaker)
            found.append(_audio(self._spec, made.waveform, self._model.config.sampling_rate))
        return found

    def _speaker(self, voice: str | None) -> int | None:
        """The number of a voice; None for a model of one speaker."""
        count = self._model.config.num_speakers
        if voice is None:
            return 0 if count > 1 else None
        if count > 1 and voice.isdecimal() and int(voice) < count:
            return int(voice)
        hint = f"its voices are 0 to {count - 1}" if count > 1 else "leave it out: it has but one"
        raise WrongArgument(f"{self._spec.checkpoint} has no voice {voice!r}", hint=hint, field="voice")


class MusicMaker:
    """A ``SoundGenerator`` of any text; what it makes of a prompt and a seed does not depend on other prompts."""

    vocabulary: tuple[str, ...] | None = None

    def __init__(self, spec: ModelSpec, model: Any, tokenizer: Any) -> None:
        self._spec, self._model, self._tokenizer = spec, model, tokenizer
        self._usual = spec.options.get("seconds", _SECONDS)
        if not isinstance(self._usual, int | float) or not 0 < self._usual <= _LONGEST:
            raise ProfileError(
                f"{spec.role}.options.seconds is {self._usual!r}, not a length up to {_LONGEST:g} s",
                hint=f"--set {spec.role}.options.seconds={_SECONDS:g}",
                field=f"{spec.role}.options.seconds",
            )

    def make(
        self,
        prompts: Sequence[str],
        *,
        seconds: Sequence[float | None],
        seeds: Sequence[int],
        stop: StopFlag | None = None,
    ) -> list[Audio]:
        """One recording per prompt, of up to 30 s; ``options.seconds`` (5) long where no length is given."""
        return [self._made(*each, stop) for each in zip(prompts, seconds, seeds, strict=True)]

    def _made(self, prompt: str, seconds: float | None, seed: int, stop: StopFlag | None) -> Audio:
        length = self._usual if seconds is None else seconds
        frames = round(length * self._model.config.audio_encoder.frame_rate)
        if not 0 < length <= _LONGEST or frames < 1:
            raise WrongArgument(f"a sound of {length:g} s", hint=f"ask for up to {_LONGEST:g} s", field="seconds")
        inputs = self._tokenizer([prompt], return_tensors="pt")
        ends = StoppingCriteriaList([_Cancelling(stop)]) if stop is not None else None
        # The codebooks of a channel start one after the other, so the last frame comes that much later.
        decoder = self._model.decoder.config
        tokens = frames + decoder.num_codebooks // decoder.audio_channels - 1
        with computing(self._spec), silenced(logging), _random(seed):
            made = self._model.generate(**inputs.to(self._model.device), max_new_tokens=tokens, stopping_criteria=ends)
        return _audio(self._spec, made[0], self._model.config.audio_encoder.sampling_rate)


class _Cancelling(StoppingCriteria):  # type: ignore[misc]
    """Leaves a generation as soon as the caller's flag is set: the library cannot put half of a sound together."""

    def __init__(self, stop: StopFlag) -> None:
        self._stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        if self._stop.is_set():
            raise Cancelled("the sound was cancelled")
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


_DRAWING = Lock()
"""Held while a model draws random numbers, which these take from torch's own generator."""


@contextmanager
def _random(seed: int) -> Iterator[None]:
    with _DRAWING, torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _audio(spec: ModelSpec, wave: Any, rate: int) -> Audio:
    """A recording of what a model made, channels x samples. Raises ``ModelError`` for numbers that are none."""
    samples = wave.float().cpu().numpy().T
    if not np.isfinite(samples).all():
        raise ModelError(
            f"the {spec.role} {spec.checkpoint} computes no numbers",
            hint="its weights may be damaged, or too large for its dtype: try float32",
            role=spec.role,
        )
    return Audio.from_samples(np.clip(samples, -1, 1), rate)
