"""Greedy decoding of small recognisers that write letters: openai-whisper's class with an alphabet of our own.

The library's decoding knows its own vocabularies and contexts of 30 s only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from whisper.audio import SAMPLE_RATE, log_mel_spectrogram, pad_or_trim
from whisper.model import Whisper, disable_sdpa

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
    whole = pad_or_trim(samples, model.dims.n_audio_ctx * _SAMPLES)
    found: Tensor = log_mel_spectrogram(whole, model.dims.n_mels)
    return found


@torch.inference_mode()
def hear(model: Whisper, mels: Tensor, alphabet: Alphabet) -> list[list[Heard]]:
    """The words of each of N spectrograms (N x bands x frames)."""
    audio = model.encoder(mels)
    tokens, chances = _written(model, audio)
    found = []
    for row, probabilities, times in zip(tokens, chances, _times(model, audio, tokens), strict=True):
        found.append(_words(alphabet, row, probabilities, times))
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


def _times(model: Whisper, audio: Tensor, rows: list[list[int]]) -> list[NDArray[np.float64]]:
    """The encoder frame of each letter and of the end: where the alignment heads look most, never backwards."""
    longest = max(len(row) for row in rows)
    tokens = torch.full((len(rows), longest + 1), Alphabet.END, device=audio.device)
    tokens[:, 0] = Alphabet.BEGIN
    for i, row in enumerate(rows):
        tokens[i, 1 : len(row) + 1] = torch.tensor(row, device=audio.device)
    looks: dict[int, Tensor] = {}
    hooks = [
        block.cross_attn.register_forward_hook(lambda _, __, out, i=i: looks.__setitem__(i, out[1]))
        for i, block in enumerate(model.decoder.blocks)
    ]
    try:
        with disable_sdpa():
            model.decoder(tokens, audio)
    finally:
        for hook in hooks:
            hook.remove()
    chosen = model.alignment_heads.indices().T.tolist()
    weights = torch.stack([looks[layer][:, head].softmax(-1) for layer, head in chosen]).mean(0)
    places = weights.argmax(-1).cpu().numpy().astype(np.float64)
    return [np.maximum.accumulate(places[i, : len(row) + 1]) for i, row in enumerate(rows)]


def _words(alphabet: Alphabet, tokens: list[int], chances: list[float], places: NDArray[np.float64]) -> list[Heard]:
    """Letters gathered to words. A letter's frame is the middle of its sound: a word begins half a letter before."""
    found: list[Heard] = []
    text = alphabet.decode(tokens)
    start = 0
    for word in text.split(" "):
        end = start + len(word)
        if word:
            half = (places[end - 1] - places[start]) / (2 * max(len(word) - 1, 1))
            first, last = max(places[start] - half, 0.0) * FRAME, (places[end - 1] + half + 1) * FRAME
            if found:
                first = max(first, found[-1].end)
            found.append(Heard(word, first, max(first, last), float(np.mean(chances[start:end]))))
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
