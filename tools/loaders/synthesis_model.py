"""The working half of the synthesis loader: recordings of the sounds that a text names."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import WrongArgument
from ..media.audio import Audio
from ..roles import StopFlag
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .sound_words import sounds_in
from .timbres import RATE, TIMBRES, Waveform, synthesise

SECONDS = (0.2, 30.0)
"""How long a recording may be, inclusive."""

_AGAIN = frozenset({"beep", "bell", "whistle", "bird", "glass", "horn", "knock"})  # over soon, so they come again
_GAP = (0.2, 0.8)  # seconds between two of those
_SOFTEST = 0.7  # amplitude of a repetition, of 1
_FADE = 0.05  # seconds, where a sound is cut off
_SHAPE, _TIMES = 1, 2  # what random numbers are for
_PEAK = 10 ** (-3 / 20)  # of a recording: 3 dB under full scale


class SynthesisBackbone:
    """A vocabulary of sounds; serves the role ``sound_generator``."""

    nbytes = 0

    def __init__(self, spec: ModelSpec, sounds: Any, digest: str) -> None:
        """``sounds`` is what the folder states. Raises ``CheckpointBroken`` unless they are names of sounds."""
        if not isinstance(sounds, list) or not sounds or not all(each in TIMBRES for each in map(str, sounds)):
            raise broken(spec, f"its sounds {sounds!r} are not all synthesised here", f"there are {', '.join(TIMBRES)}")
        self._spec, self._sounds = spec, tuple(dict.fromkeys(map(str, sounds)))
        self.digest = digest
        self.libraries = versions("numpy")

    def adapter(self, role: str) -> "Synthesiser":
        """The synthesiser."""
        if role != "sound_generator":
            raise cannot_serve(self._spec, role, "the sound_generator")
        return Synthesiser(self._sounds)

    def close(self) -> None:
        """There is nothing to let go of."""


class Synthesiser:
    """A ``SoundGenerator`` of named sounds; what a text names besides them goes unheard."""

    def __init__(self, vocabulary: tuple[str, ...]) -> None:
        self.vocabulary = vocabulary

    def make(
        self,
        prompts: Sequence[str],
        *,
        seconds: Sequence[float | None],
        seeds: Sequence[int],
        stop: StopFlag | None = None,
    ) -> list[Audio]:
        """One recording per prompt, mono at 16 kHz, of 0.2 to 30 s; several sounds of a prompt are heard together.

        A sound that lasts (rain, an engine, a ringing phone) goes on for as long as it is asked to; one that is over
        soon (a bell, a bird, a knock) comes again, a little softer, after random gaps. What is longer than asked is
        cut and fades. Without ``seconds`` it is as long as the world's sounds of that name, 0.2 to 2 s. The same words
        and seed give the same samples, and a sound is the same whatever else is in its prompt. A sound takes too little
        time to be stopped. Raises WrongArgument.
        """
        if not len(prompts) == len(seconds) == len(seeds):
            raise WrongArgument(
                f"{len(prompts)} prompts, {len(seconds)} lengths and {len(seeds)} seeds",
                hint="give one of each for every sound",
                field="prompt",
            )
        return [self._made(*each) for each in zip(prompts, seconds, seeds, strict=True)]

    def _made(self, prompt: str, seconds: float | None, seed: int) -> Audio:
        named = sounds_in(prompt, self.vocabulary)
        if not named:
            raise WrongArgument(
                f"{prompt!r} names no sound that can be made",
                hint=f"the sounds are {', '.join(self.vocabulary)}",
                field="prompt",
            )
        if seconds is not None and not SECONDS[0] <= seconds <= SECONDS[1]:
            raise WrongArgument(
                f"a sound of {seconds:g} s", hint=f"ask for {SECONDS[0]:g} to {SECONDS[1]:g} s", field="seconds"
            )
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise WrongArgument(f"a seed of {seed!r}", hint="seeds are whole numbers from 0", field="seed")
        times = {label: _numbers(label, seed, _TIMES) for label in named}
        sizes = {label: _usual(label, rng) for label, rng in times.items()}
        length = max(sizes.values()) if seconds is None else round(seconds * RATE)
        mixed = np.sum([_lasting(label, seed, times[label], sizes[label], length) for label in named], axis=0)
        return Audio.from_samples((mixed * (_PEAK / np.max(np.abs(mixed)))).astype(np.float32), RATE)


def shape(label: str, seed: int) -> np.random.Generator:
    """The random numbers that decide how a sound is, begun anew for each repetition: the same bell rings again."""
    return _numbers(label, seed, _SHAPE)


def _numbers(label: str, seed: int, use: int) -> np.random.Generator:
    return np.random.default_rng([seed, list(TIMBRES).index(label), use])


def _usual(label: str, rng: np.random.Generator) -> int:
    """How many samples one such sound takes."""
    timbre = TIMBRES[label]
    return round(float(rng.uniform(timbre.shortest, timbre.longest)) * RATE)


def _lasting(label: str, seed: int, times: np.random.Generator, size: int, length: int) -> Waveform:
    """``length`` samples; ``size`` is that of the first sound where it comes again and again."""
    shortest = round(TIMBRES[label].shortest * RATE)
    if label not in _AGAIN:
        return _cut(synthesise(label, shape(label, seed), max(length, shortest)), length)
    whole = np.zeros(length, np.float32)
    whole[:size] = _cut(synthesise(label, shape(label, seed), size), length)
    start = size + round(float(times.uniform(*_GAP)) * RATE)
    while start + shortest <= length:
        size = min(_usual(label, times), length - start)
        again = synthesise(label, shape(label, seed), size)
        whole[start : start + size] = again * np.float32(times.uniform(_SOFTEST, 1))
        start += size + round(float(times.uniform(*_GAP)) * RATE)
    return whole


def _cut(wave: Waveform, length: int) -> Waveform:
    """At most the first ``length`` samples, faded where that cuts something off."""
    if len(wave) <= length:
        return wave
    wave = wave[:length].copy()
    fade = min(length // 2, round(_FADE * RATE))
    wave[length - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return wave
