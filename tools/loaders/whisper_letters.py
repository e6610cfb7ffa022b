"""Greedy decoding of small recognisers that write letters: openai-whisper's class with an alphabet of our own.

The library's decoding knows its own vocabularies and contexts of 30 s only.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from whisper.audio import SAMPLE_RATE, log_mel_spectrogram, pad_or_trim
from whisper.model import Whisper

FRAME = 0.02
"""Seconds of a frame of the encoder."""
_SAMPLES = 320  # of such a frame
_LOUDNESS = 0.2  # seconds over which loudness is averaged where a place to cut is looked for


class Alphabet:
    """The characters that a small model writes: 0 begins a text, 1 ends it, then the letters.

    Args:
        letters: in the order of their tokens.
    """

    BEGIN, END = 0, 1

    def __init__(self, letters: str = " 'abcdefghijklmnopqrstuvwxyz") -> None:
        self.letters = letters
        self._tokens = {letter: token for token, letter in enumerate(letters, start=2)}

    def __len__(self) -> int:
        return len(self.letters) + 2

    def encode(self, text: str) -> tuple[int, ...]:
        """The tokens of a text. Raises KeyError for a character that it lacks."""
        return tuple(self._tokens[letter] for letter in text)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without beginning and end."""
        return "".join(self.letters[token - 2] for token in tokens if token >= 2)


@dataclass(frozen=True)
class Heard:
    """A word with its times in seconds, and how sure the model is of its letters (mean probability)."""

    text: str
    start: float
    end: float
    probability: float


def mel_of(model: Whisper, samples: NDArray[np.float32]) -> Tensor:
    """The log mel spectrogram (bands x frames) of 16 kHz samples, padded with silence to the model's context."""
    whole = pad_or_trim(np.array(samples), model.dims.n_audio_ctx * _SAMPLES)
    found: Tensor = log_mel_spectrogram(whole, model.dims.n_mels)
    return found


@torch.inference_mode()
def hear(model: Whisper, mels: Tensor, alphabet: Alphabet, seconds: Sequence[float]) -> list[list[Heard]]:
    """The words of each of N spectrograms (N x bands x frames), of which so many seconds are no padding."""
    audio = model.encoder(mels)
    tokens, chances = _written(model, audio)
    found = []
    for row, sure, looks, length in zip(tokens, chances, _looks(model, audio, tokens), seconds, strict=True):
        frames = max(1, min(len(looks[0]), math.ceil(length / FRAME)))
        places = _path(looks[: len(row) + 1, :frames])
        found.append(_words(alphabet, row, sure, places, length))
    return found


def _written(model: Whisper, audio: Tensor) -> tuple[list[list[int]], list[list[float]]]:
    """The likeliest letters one by one (without beginning and end), and their probabilities."""
    n = len(audio)
    last = torch.full((n, 1), Alphabet.BEGIN, device=audio.device)
    rows: list[list[int]] = [[] for _ in range(n)]
    chances: list[list[float]] = [[] for _ in range(n)]
    open_ = set(range(n))
    cache, hooks = model.install_kv_cache_hooks()
    try:
        for _ in range(model.dims.n_text_ctx - 1):
            likely = model.decoder(last, audio, kv_cache=cache)[:, -1].softmax(-1).max(-1)
            last = likely.indices[:, None]
            for i in tuple(open_):
                token = int(last[i])
                if token == Alphabet.END:
                    open_.discard(i)
                else:
                    rows[i].append(token)
                    chances[i].append(float(likely.values[i]))
            if not open_:
                break
    finally:
        for hook in hooks:
            hook.remove()
    return rows, chances


def _looks(model: Whisper, audio: Tensor, rows: list[list[int]]) -> NDArray[np.float64]:
    """How much (log) the alignment heads look at each frame for each letter and the end: N x letters + 1 x frames.

    From queries and keys, for the fused attention does not give its weights out.
    """
    tokens = torch.full((len(rows), max(len(row) for row in rows) + 1), Alphabet.END, device=audio.device)
    tokens[:, 0] = Alphabet.BEGIN
    for i, row in enumerate(rows):
        tokens[i, 1 : len(row) + 1] = torch.tensor(row, device=audio.device)
    layers: dict[int, list[int]] = {}
    for layer, head in model.alignment_heads.indices().T.tolist():
        layers.setdefault(layer, []).append(head)
    seen: dict[tuple[int, str], Tensor] = {}
    hooks = [
        part.register_forward_hook(lambda _, __, out, key=(layer, name): seen.__setitem__(key, out))
        for layer in layers
        for name in ("query", "key")
        for part in (getattr(model.decoder.blocks[layer].cross_attn, name),)
    ]
    try:
        model.decoder(tokens, audio)
    finally:
        for hook in hooks:
            hook.remove()
    found, size = [], model.dims.n_text_state // model.dims.n_text_head
    for layer, heads in layers.items():
        query, key = (
            seen[layer, name].view(*tokens.shape[:1], -1, model.dims.n_text_head, size)[:, :, heads].transpose(1, 2)
            for name in ("query", "key")
        )
        found.append((query.float() @ key.float().transpose(-1, -2) * size**-0.5).softmax(-1))
    mean = torch.cat(found, 1).mean(1)
    return mean.clamp(min=1e-9).log().cpu().numpy().astype(np.float64)


def _path(looks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The frames, never going back, at which letters (rows) are looked at most in all (Viterbi)."""
    letters, frames = looks.shape
    best = np.zeros((letters, frames))
    best[0] = looks[0]
    for i in range(1, letters):
        best[i] = looks[i] + np.maximum.accumulate(best[i - 1])
    places = np.zeros(letters)
    last = frames
    for i in range(letters - 1, -1, -1):
        last = int(np.argmax(best[i, :last])) + 1
        places[i] = last - 1
    return places


def _words(
    alphabet: Alphabet, tokens: list[int], chances: list[float], places: NDArray[np.float64], seconds: float
) -> list[Heard]:
    """Letters gathered to words, with times in seconds.

    Frame k is the moment k * FRAME. A letter's is the middle of its sound, that of a space the start of the next word,
    that of the end the last word's.
    """
    found: list[Heard] = []
    text = alphabet.decode(tokens)
    start = 0
    for word in text.split(" "):
        end = start + len(word)
        if word:
            first, last = places[start], places[end - 1]
            half = (last - first) / (2 * (len(word) - 1)) if len(word) > 1 else (places[end] - first) / 2
            begins = places[start - 1] if start else first - half
            ends = places[end] if end == len(text) else last + half
            times = np.clip(np.array([min(begins, first), max(ends, last)]) * FRAME, 0.0, seconds)
            found.append(Heard(word, float(times[0]), float(times[1]), float(np.mean(chances[start:end]))))
        start = end + 1
    return found


def pieces(samples: NDArray[np.float32], seconds: float) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """A recording (16 kHz) in pieces of at most so many seconds, cut where it is quietest; each with its start in s."""
    longest, start = round(seconds * SAMPLE_RATE), 0
    width = round(_LOUDNESS * SAMPLE_RATE)
    while len(samples) - start > longest:
        part = samples[start + longest // 2 : start + longest]
        energy = np.convolve(np.square(part, dtype=np.float64), np.ones(width), "valid")
        cut = start + longest // 2 + int(np.argmin(energy)) + width // 2
        yield start / SAMPLE_RATE, samples[start:cut]
        start = cut
    yield start / SAMPLE_RATE, samples[start:]
