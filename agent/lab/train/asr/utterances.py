"""What the recogniser learns from: spoken texts as mel power with the times of letters and phonemes, and no speech.

Rendered once, met again with other noise and at another level: noise is added to the power of the mel bands, which
leaves out the product of the two waves, and costs nothing. Measured is on waves with noise of their own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from whisper.audio import HOP_LENGTH, N_FFT, mel_filters

from .....tools.errors import WrongArgument
from .....tools.loaders.whisper_letters import FRAME, Alphabet
from ...world.acoustics import NOISES, RATE, Waveform, noise, power
from ...world.sentences import HELD_OUT_WORDS, Sentence, is_held_out
from ...world.sounds import render_sounds
from ...world.speech import SpeechConfig, Utterance, render_speech
from ..planner.catalog import LOOKING, Catalog, taught_registry
from ..planner.phrasings import SLOT, own
from ..planner.requests import Generator

MELS = 80
PHONEMES = 160
"""Room for espeak's names; any beyond would count as silence."""
SECONDS = 6.4
"""Of the longest utterance."""
_BANK = 20.0  # seconds of noise of each colour
_QUIET = SpeechConfig(noisy=0.0)
# What is said: the world's sentences and strings of its words; requests; strings of words of all kinds.
_SAID = {"world": 0.5, "request": 0.2, "words": 0.26, "nothing": 0.04}
_PLAIN = re.compile(r"[a-z' ]+")

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """One utterance without noise.

    ``root`` (MELS, T) times ``scale`` is the square root of the mel bands' power, 100 frames a second; ``letters`` the
    token of each character; ``at`` the encoder frame (50 a second) in whose middle a letter sounds, one more for the
    end; ``phonemes`` a class for each encoder frame; ``loudness`` the mean power of the wave where there is speech.
    """

    root: NDArray[np.float16]
    scale: float
    letters: tuple[int, ...]
    at: Floats
    phonemes: NDArray[np.int16]
    loudness: float


def mel_power(samples: Waveform) -> Tensor:
    """The power of the mel bands, MELS x T, as whisper's `log_mel_spectrogram` has it before the logarithm."""
    wave = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
    spectrum = torch.stft(wave, N_FFT, HOP_LENGTH, window=torch.hann_window(N_FFT), return_complex=True)
    found: Tensor = mel_filters(wave.device, MELS) @ spectrum[..., :-1].abs() ** 2
    return found


def logarithm(powers: Tensor) -> Tensor:
    """Whisper's scale of B x MELS x T powers: decades under each one's peak, eight at most, shifted and quartered."""
    log = powers.clamp(min=1e-10).log10()
    log = torch.maximum(log, log.amax((1, 2), keepdim=True) - 8.0)
    return (log + 4.0) / 4.0


class Speaker:
    """Draws utterances of training.

    Args:
        seed: of everything.
        number: how many were drawn before.
        phonemes: the names that were met before, in the order of their classes; the first one is silence.
    """

    def __init__(self, seed: int, number: int = 0, phonemes: Sequence[str] = ("",)) -> None:
        self.seed, self.number = seed, number
        self.alphabet = Alphabet()
        self.phonemes = {name: place for place, name in enumerate(phonemes)}
        self._requests = Generator(Catalog.of(taught_registry(LOOKING)))
        self._words = _words()
        rng = np.random.default_rng([seed, 9])
        self.noises = [mel_power(noise(rng, round(_BANK * RATE), colour)) for colour in NOISES]

    def example(self) -> Example:
        """The next utterance that is short enough."""
        while True:
            self.number += 1
            number = self.seed * 10_000_000 + self.number
            rng = np.random.default_rng([self.seed, 8, self.number])
            kind = str(rng.choice(list(_SAID), p=list(_SAID.values())))
            if kind == "nothing":
                return self._nothing(rng, number)
            sentence = None if kind == "world" else self._text(rng, kind)
            try:
                said = render_speech(number, _QUIET, split="train", sentence=sentence)
            except WrongArgument:  # espeak runs two of the words into one, and gives no time for the second
                continue
            if len(said.samples) < SECONDS * RATE and _PLAIN.fullmatch(said.sentence.text):
                return self._of(said)

    def _text(self, rng: np.random.Generator, kind: str) -> Sentence:
        while True:
            if kind == "words":
                text = " ".join(str(word) for word in rng.choice(self._words, int(rng.integers(1, 6))))
            else:
                example = self._requests.sample(random.Random(int(rng.integers(2**62))), "seen")
                text = re.sub(r"\s+", " ", re.sub(r"[^\w' ]", " ", example.text.lower())).strip()
            if _PLAIN.fullmatch(text) and len(text) < 70 and not is_held_out(text):
                return Sentence(text, "words")

    def _of(self, said: Utterance) -> Example:
        root, scale = _packed(said.samples)
        frames = root.shape[1] // 2
        classes = np.zeros(frames, np.int16)
        for span in said.phonemes:
            number = self.phonemes.get(span.text, 0)
            if not number and len(self.phonemes) < PHONEMES:
                number = self.phonemes[span.text] = len(self.phonemes)
            classes[round(span.start / FRAME) : round(span.end / FRAME)] = number
        at: list[float] = []
        for number, word in enumerate(said.words):
            if number:
                at.append(word.start)  # the space
            count = len(word.text)
            at += [word.start + (word.end - word.start) * (i + 0.5) / count for i in range(count)]
        at.append(said.words[-1].end)
        voiced = said.speech[round(said.words[0].start * RATE) : round(said.words[-1].end * RATE)]
        letters = self.alphabet.encode(" ".join(word.text for word in said.words))
        return Example(root, scale, letters, np.array(at, np.float32) / FRAME, classes, power(voiced))

    def _nothing(self, rng: np.random.Generator, number: int) -> Example:
        """Sounds, or a quiet room."""
        samples = render_sounds(number).samples
        if rng.random() < 0.4:
            samples = np.zeros(len(samples), np.float32)
        root, scale = _packed(samples)
        level = power(samples) or 10 ** float(rng.uniform(-6, -2))
        frames = root.shape[1] // 2
        return Example(root, scale, (), np.array([frames - 1], np.float32), np.zeros(frames, np.int16), level)

    def heard(self, example: Example, rng: np.random.Generator, frames: int) -> Tensor:
        """Its mel power at some level with some noise or none, MELS x ``frames``, silence behind it."""
        heard = torch.zeros(MELS, frames)
        own = (torch.from_numpy(example.root.astype(np.float32)) * example.scale).square()
        length = own.shape[1]
        if rng.random() < 0.75:
            bank = self.noises[int(rng.integers(len(self.noises)))]
            start = int(rng.integers(bank.shape[1] - length))
            ratio = 10 ** (-float(rng.uniform(3, 40)) / 10)
            own = own + bank[:, start : start + length] * (example.loudness * ratio)
        heard[:, :length] = own * 10 ** float(rng.uniform(-1.0, 0.3))
        return heard


def _packed(samples: Waveform) -> tuple[NDArray[np.float16], float]:
    """The root of the mel power over its peak, an even number of frames, and the peak: halves reach 8 decades down."""
    root = mel_power(samples).sqrt()
    root = root[:, : root.shape[1] // 2 * 2]
    peak = float(root.max()) or 1.0
    return (root / peak).numpy().astype(np.float16), peak


def _words() -> Sequence[str]:
    """Words that people ask with, those kept for tests left out."""
    found = {
        word
        for line in own()
        if line.language == "en" and not line.held_out
        for word in re.findall(r"[a-z]{2,}", SLOT.sub(" ", line.text.lower()))
    }
    return sorted(found - set(HELD_OUT_WORDS))
