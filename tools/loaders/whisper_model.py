"""The working half of the whisper loader: a recogniser in memory.

A published checkpoint goes through the library's `transcribe`. A small model of ours has its own alphabet and a short
audio context, which the library's decoding does not know: `whisper_letters` decodes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from whisper import _ALIGNMENT_HEADS
from whisper.audio import CHUNK_LENGTH, SAMPLE_RATE
from whisper.model import ModelDimensions, Whisper
from whisper.tokenizer import LANGUAGES

from ..errors import Cancelled, WrongArgument
from ..media.audio import Audio
from ..media.transcript import Segment, Transcript, Word
from ..roles import StopFlag
from .base import ModelSpec, cannot_serve, cannot_translate, versions
from .checkpoints import broken
from .torch_parts import computing, device_of, dtype_of, free, load_state, nbytes_of, put_state
from .whisper_letters import FRAME, Alphabet, Heard, hear, mel_of, pieces

_MARGIN = 0.2  # seconds of the context that a piece leaves free, so that its end is heard


class WhisperBackbone:
    """One model of openai-whisper; serves the role ``asr``."""

    def __init__(self, spec: ModelSpec, path: Path, digest: str, stated: Mapping[str, Any]) -> None:
        """Load ``path``; ``stated`` is the config of a small model, empty for a published file.

        Raises ``CheckpointBroken`` where weights and dimensions differ.
        """
        dtype = dtype_of(spec, "float32", "float16")
        self._spec, self._device = spec, device_of(spec)
        dims, state = _opened(spec, path, stated)
        model = _built(spec, dims)
        put_state(spec, model, {name: value.float() for name, value in state.items()})
        if stated:
            heads = _heads(spec, model, stated)
            model.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
        elif path.stem in _ALIGNMENT_HEADS:
            with suppress(RuntimeError):  # another model under a well-known name keeps the heads of its later layers
                model.set_alignment_heads(_ALIGNMENT_HEADS[path.stem])
        self._model: Any = model.eval().to(self._device, dtype if self._device.type != "cpu" else torch.float32)
        for module in self._model.modules():
            if isinstance(module, nn.LayerNorm):  # the library's compute in float32 whatever they are given
                module.float()
        self._stated = stated
        self.digest = digest
        self.libraries = versions("openai-whisper", "torch")
        self.nbytes = nbytes_of(_dense(self._model))

    def adapter(self, role: str) -> "PublishedRecogniser | LetterRecogniser":
        """The recogniser."""
        if role != "asr":
            raise cannot_serve(self._spec, role, "the asr")
        if self._stated:
            return LetterRecogniser(self._spec, self._model, self._stated)
        return PublishedRecogniser(self._spec, self._model)

    def close(self) -> None:
        """Drop the weights."""
        self._model = None
        free(self._device)


class PublishedRecogniser:
    """A model of the library's sizes, by its own `transcribe`: windows of 30 s, any of its languages, word times."""

    window = float(CHUNK_LENGTH)

    def __init__(self, spec: ModelSpec, model: Whisper) -> None:
        self._spec, self._model = spec, model

    def transcribe(
        self,
        recordings: Sequence[Audio],
        *,
        language: str | None = None,
        translate: bool = False,
        stop: StopFlag | None = None,
    ) -> list[Transcript]:
        """One transcript a recording; without ``language`` the library listens which it is."""
        if language is not None and language not in LANGUAGES:
            raise WrongArgument(
                f"there is no language {language!r}", hint="give an ISO 639-1 code, such as en or zh", field="language"
            )
        if not self._model.is_multilingual:
            language = "en"
        # Of the published ones, those whose decoder was cut short were taught no translation.
        if translate and (not self._model.is_multilingual or self._short):
            raise cannot_translate(self._spec)
        found = []
        for recording in recordings:
            _check(stop)
            with computing(self._spec), _LIBRARY, torch.random.fork_rng(), _stopping(self._model, stop):
                torch.manual_seed(0)  # where greedy letters make no sense the library draws others: the same ones again
                told = self._model.transcribe(
                    np.array(recording.mono(SAMPLE_RATE)),
                    language=language,
                    task="translate" if translate else "transcribe",
                    word_timestamps=True,
                    condition_on_previous_text=False,
                    fp16=self._spec.dtype == "float16" and self._spec.device != "cpu",
                    verbose=None,
                )
            segments = [_segment(each) for each in told["segments"] if each["text"].strip()]
            found.append(Transcript.of(segments, "en" if translate else told["language"]))
        return found

    @property
    def _short(self) -> bool:
        return bool(self._model.dims.n_text_layer < self._model.dims.n_audio_layer)


class LetterRecogniser:
    """A small model: the recording in pieces of its context, each decoded by letters."""

    def __init__(self, spec: ModelSpec, model: Whisper, stated: Mapping[str, Any]) -> None:
        self._spec, self._model = spec, model
        self._alphabet, self._language = Alphabet(stated["letters"]), stated.get("language")
        self.window = model.dims.n_audio_ctx * FRAME - _MARGIN

    def transcribe(
        self,
        recordings: Sequence[Audio],
        *,
        language: str | None = None,
        translate: bool = False,
        stop: StopFlag | None = None,
    ) -> list[Transcript]:
        """One transcript a recording, a segment a piece; ``language`` changes nothing, for it knows but one."""
        if translate:
            raise cannot_translate(self._spec)
        found = []
        for recording in recordings:
            _check(stop)
            segments = []
            for start, samples in pieces(recording.mono(SAMPLE_RATE), self.window):
                _check(stop)
                if not len(samples):
                    continue
                segments += self._heard(start, samples)
            found.append(Transcript.of(segments, self._language))
        return found

    def _heard(self, start: float, samples: NDArray[np.float32]) -> list[Segment]:
        with computing(self._spec):
            mel = mel_of(self._model, samples).to(self._model.device, self._model.encoder.conv1.weight.dtype)
            words = hear(self._model, mel[None], self._alphabet, [len(samples) / SAMPLE_RATE])[0]
        return [_gathered(start, words)] if words else []


def _gathered(start: float, heard: Sequence[Heard]) -> Segment:
    words = tuple(
        Word(text=word.text, start=start + word.start, end=start + word.end, probability=word.probability)
        for word in heard
    )
    return Segment(
        text=" ".join(word.text for word in words),
        start=words[0].start,
        end=words[-1].end,
        probability=float(np.mean([word.probability for word in heard])),
        words=words,
    )


def _segment(told: Mapping[str, Any]) -> Segment:
    """A segment as the library tells it; no word ends before it starts, even where its estimate does."""
    words = tuple(
        Word(
            text=each["word"].strip(),
            start=max(0.0, each["start"]),
            end=max(each["start"], each["end"], 0.0),
            probability=float(np.clip(each["probability"], 0, 1)),
        )
        for each in told.get("words", ())
    )
    start = max(0.0, float(told["start"]))
    return Segment(
        text=told["text"].strip(),
        start=start,
        end=max(start, float(told["end"])),
        probability=float(np.clip(np.exp(told["avg_logprob"]), 0, 1)),
        words=words,
    )


_LIBRARY = Lock()
"""Held while the library transcribes: it switches attention for all of its models, and draws from torch's generator."""


@contextmanager
def _stopping(model: Whisper, stop: StopFlag | None) -> Iterator[None]:
    """Ask the caller's flag before each window; whatever ends the transcription, the library's hooks end with it."""
    hook = model.encoder.register_forward_pre_hook(lambda *_: _check(stop))
    try:
        yield
    finally:
        hook.remove()
        for block in model.decoder.blocks:
            block.cross_attn._forward_hooks.clear()


def _heads(spec: ModelSpec, model: Whisper, stated: Mapping[str, Any]) -> torch.Tensor:
    """Which heads word times are read from, (layers, heads); raises ``CheckpointBroken`` for what the model lacks."""
    if len(Alphabet(stated["letters"])) != model.dims.n_vocab:
        raise broken(spec, f"its {len(stated['letters'])} letters and two ends are not {model.dims.n_vocab} tokens")
    heads = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
    try:
        for layer, head in stated["alignment_heads"]:
            heads[layer, head] = True
    except (IndexError, TypeError, ValueError) as error:
        raise broken(spec, f"its alignment_heads name no heads of it: {error}") from error
    return heads


def _check(stop: StopFlag | None) -> None:
    if stop is not None and stop.is_set():
        raise Cancelled("the transcription was cancelled")


def _opened(spec: ModelSpec, path: Path, stated: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Dimensions and weights."""
    if stated:
        return stated["dims"], load_state(spec, path / "model.safetensors")
    whole: dict[str, Any] = load_state(spec, path)
    if not {"dims", "model_state_dict"} <= whole.keys():
        raise broken(spec, f"{path.name} holds no dims and model_state_dict", "name a .pt of openai-whisper")
    return whole["dims"], whole["model_state_dict"]


def _built(spec: ModelSpec, dims: Mapping[str, Any]) -> Whisper:
    try:
        return Whisper(ModelDimensions(**dims))
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise broken(spec, f"its dims describe no model: {error}", "see whisper.model.ModelDimensions") from error


def _dense(model: Whisper) -> nn.Module:
    """The model without the sparse table of alignment heads, which has no address of its own."""
    found = nn.Module()
    found.encoder, found.decoder = model.encoder, model.decoder
    return found
